//! What the installed browser says of itself when nobody changed anything.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::SystemTime;

use serde_json::Value;
#[cfg(test)]
pub(crate) use silkroute_browser::session::BrandVersion as Brand;
pub(crate) use silkroute_browser::session::ClientHints as Hints;
use silkroute_browser::session::OwnWords;
use silkroute_browser::{ContextOptions, Deadline, Headless, LaunchOptions, Result, TabOptions, launch};
use silkroute_core::Identity;
use silkroute_core::identity::{Browser, BrowserVersion, Os};
use tokio::sync::OnceCell;

/// What a browser says of itself, as pages and servers see it.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The `User-Agent`, without the word that tells of a missing window.
    pub(crate) user_agent: String,
    /// The `Accept` of a navigation, where the browser told it.
    pub(crate) accept: Option<String>,
    /// All client hints, by the names that scripts have for them.
    pub(crate) hints: Hints,
    /// The languages that it asks for where nobody chose any, most preferred first.
    pub(crate) languages: Vec<String>,
}

impl Facts {
    /// The browser's first number, as its own makers count.
    pub(crate) fn major(&self) -> u16 {
        let mark = match self.browser() {
            Browser::Opera => "OPR/",
            _ => "Chrome/",
        };
        let version = self.user_agent.split_once(mark).map_or("", |(_, rest)| rest);
        let major = version.split('.').next().unwrap_or_default();
        major.parse().unwrap_or_default()
    }

    /// Which browser it is. What is built on Chromium and unknown here is a Chromium to all but its brands.
    pub(crate) fn browser(&self) -> Browser {
        let known = [
            ("Google Chrome", Browser::Chrome),
            ("Microsoft Edge", Browser::Edge),
            ("Opera", Browser::Opera),
        ];
        let found = known.into_iter().find(|(brand, _)| self.has_brand(brand));
        found.map_or(Browser::Chromium, |(_, browser)| browser)
    }

    /// The system that it runs on; Linux where it is none of those known here.
    pub(crate) fn os(&self) -> Os {
        let platform = format!("\"{}\"", self.hints.platform);
        let says = |os: &Os| Identity::new(Browser::Chrome).os(*os).sec_ch_ua_platform() == platform;
        Os::ALL.into_iter().find(says).unwrap_or(Os::Linux)
    }

    pub(crate) fn version(&self) -> BrowserVersion {
        BrowserVersion::major_only(self.major())
    }

    pub(crate) fn has_brand(&self, name: &str) -> bool {
        self.hints.brands.iter().any(|brand| brand.brand == name)
    }

    /// For people: `Chromium 156`.
    pub(crate) fn title(&self) -> String {
        let known = ["Google Chrome", "Microsoft Edge", "Opera", "Chromium"];
        let brand = known.into_iter().find(|name| self.has_brand(name)).unwrap_or("unknown");
        format!("{brand} {}", self.major())
    }

    /// Those of a browser that nobody has asked: what all of its make and version say on a machine such as this. Of what only
    /// pages are told no more is known than that.
    pub(crate) fn expected(identity: &Identity, languages: Vec<String>) -> Option<Self> {
        Some(Self {
            user_agent: identity.user_agent()?,
            accept: None,
            hints: Hints::default().worn(identity),
            languages,
        })
    }

    /// Those of a browser whose profile may ask for other languages than a fresh one.
    pub(crate) async fn in_profile(&self, browser: &silkroute_browser::Browser, deadline: Deadline) -> Result<Self> {
        let tab = browser.default_context().open(TabOptions::default(), deadline).await?;
        let languages = tab.evaluate(OwnWords::LANGUAGES, deadline).await?;
        tab.close(deadline).await?;
        Ok(Self {
            languages,
            ..self.clone()
        })
    }

    #[cfg(test)]
    pub(crate) fn for_tests(major: u16) -> Self {
        let brand = |name: &str, version: String| Brand {
            brand: name.to_owned(),
            version,
        };
        let hints = Hints {
            brands: vec![
                brand("Not:A-Brand", "8".to_owned()),
                brand("Chromium", major.to_string()),
            ],
            full_version_list: vec![
                brand("Not:A-Brand", "8.0.0.0".to_owned()),
                brand("Chromium", format!("{major}.0.1.2")),
            ],
            platform: "Linux".to_owned(),
            architecture: "x86".to_owned(),
            bitness: "64".to_owned(),
            form_factors: vec!["Desktop".to_owned()],
            ..Hints::default()
        };
        Self {
            accept: None,
            user_agent: format!(
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0 Safari/537.36"
            ),
            hints,
            languages: vec!["en-US".to_owned(), "en".to_owned()],
        }
    }
}

/// A program, and when it was installed.
type Key = (PathBuf, Option<SystemTime>);
type Cell = Arc<OnceCell<Arc<Facts>>>;

static KNOWN: LazyLock<Mutex<HashMap<Key, Cell>>> = LazyLock::new(Mutex::default);

/// The program that would be launched.
fn key(options: &LaunchOptions) -> Result<Key> {
    let program = launch::find(options)?;
    let installed = program.metadata().and_then(|metadata| metadata.modified()).ok();
    Ok((program, installed))
}

/// The facts of the browser that would be launched, where it was asked before.
pub(crate) fn known(options: &LaunchOptions) -> Option<Arc<Facts>> {
    let key = key(options).ok()?;
    let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.get(&key)?.get().cloned()
}

/// The facts of the browser that would be launched. Our flags blank the client hints, so that one without them is asked: once
/// for each program while this process runs.
pub(crate) async fn of_installed(options: &LaunchOptions, deadline: Deadline) -> Result<Arc<Facts>> {
    let key = key(options)?;
    let program = key.0.clone();
    let cell = {
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(key).or_default())
    };
    let asked = cell.get_or_try_init(async || {
        let options = LaunchOptions {
            executable_path: Some(program),
            headless: Headless::New,
            sandbox: options.sandbox,
            start_timeout: deadline.remaining(),
            ..LaunchOptions::default()
        };
        let browser = silkroute_browser::Browser::launch(&options).await?;
        let facts = of_running(&browser, false, deadline).await;
        // A probe that does not end by itself is killed with its last handle.
        if let Err(error) = browser.close().await {
            tracing::debug!(%error, "the browser that was asked for its client hints did not end by itself");
        }
        facts.map(Arc::new)
    });
    asked.await.cloned()
}

/// The facts of a browser that runs. It is shown an empty page that no network has seen: in its own context, or in one apart,
/// which may ask for other languages.
pub(crate) async fn of_running(browser: &silkroute_browser::Browser, apart: bool, deadline: Deadline) -> Result<Facts> {
    let context = match apart {
        true => browser.new_context(ContextOptions::default(), deadline).await?,
        false => browser.default_context(),
    };
    let OwnWords {
        accept,
        hints,
        languages,
    } = OwnWords::ask(&context, deadline).await?;
    Ok(Facts {
        user_agent: browser.version().user_agent.replace("Headless", ""),
        accept,
        hints,
        languages,
    })
}

/// Whether the browser keeps this time zone's time. One that it does not know it takes for another, and says nothing.
pub(crate) async fn keeps_time_of(
    zone: &str,
    browser: &silkroute_browser::Browser,
    deadline: Deadline,
) -> Result<bool> {
    // In winter and in summer. What it does not know at all it throws at.
    let ask = format!(
        "(() => {{ try {{ return [0, 6].every(month => {{ const day = new Date(2026, month, 15, 12); \
         return day.toLocaleString('en') === day.toLocaleString('en', {{timeZone: {}}}); }}) }} \
         catch {{ return false; }} }})()",
        Value::from(zone)
    );
    let tab = browser.default_context().open(TabOptions::default(), deadline).await?;
    let kept = tab.evaluate(&ask, deadline).await?;
    tab.close(deadline).await?;
    Ok(kept)
}
