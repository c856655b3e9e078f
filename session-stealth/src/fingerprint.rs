//! Who a session is to say it is, and what of that cannot be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use silkroute_core::identity::{Browser, BrowserVersion, Os, Screen};
use silkroute_core::{Error, Identity, Result};

use crate::appearance::Window;
use crate::facts::Facts;

/// Who a session is to say it is. What is left out is as the browser and the machine have it, which is always the most
/// believable.
///
/// ```
/// use silkroute_core::Identity;
/// use silkroute_session_stealth::{Fingerprint, StealthSession};
///
/// # fn main() -> silkroute_core::Result<()> {
/// let fingerprint = Fingerprint {
///     locale: Some("de-DE".into()),
///     timezone: Some("Europe/Berlin".into()),
///     ..Fingerprint::default()
/// };
/// let session = StealthSession::builder().fingerprint(fingerprint).build()?;
/// # let _ = session;
///
/// // The same of an identity that an HTTP session has too.
/// let identity = Identity::from_name("chrome149")?.locale("de-DE");
/// assert_eq!(Fingerprint::from(&identity).languages.unwrap()[0], "de-DE");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Fingerprint {
    /// The operating system. Any other than that of the browser's machine is refused: its fonts, its graphics and
    /// `navigator.platform` in workers would say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os: Option<Os>,
    /// The browser. Those that are not built on Chromium are refused; for one that is and is not the installed one, see
    /// `gives_way`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser: Option<Browser>,
    /// The browser's version. For one that is not the installed one's, see `gives_way`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<BrowserVersion>,
    /// The locale, such as `de-DE`: the accepted languages and those of scripts. Not together with `languages`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// The languages, most preferred first. Not together with `locale`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub languages: Option<Vec<String>>,
    /// The time zone, such as `Europe/Berlin`.
    /// One that the browser does not know is refused at its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The screen, in CSS pixels. Default without a window: 1920 x 1080. With a window it is the display's, and cannot be
    /// chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen: Option<Screen>,
    /// The height of the strip at the lower edge of the screen that windows leave free, in CSS pixels. Default: 40.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taskbar: Option<u32>,
    /// Who gives way where `browser` or `version` is not the installed one's.
    pub gives_way: GivesWay,
}

/// Who gives way where a fingerprint names another browser, or another version, than the one that is installed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GivesWay {
    /// Nobody: the session does not start, and says why.
    #[default]
    Nobody,
    /// The browser: its user agent and client hints are those of the fingerprint. What it can do stays what it is, and a
    /// page that knows which version brought which function can tell.
    Browser,
    /// The fingerprint: the installed browser and its own version take the place of `browser` and `version`.
    /// [`StealthSession::headers`](crate::StealthSession::headers) then has what an HTTP session must say to be the same.
    Identity,
}

impl From<&Identity> for Fingerprint {
    fn from(identity: &Identity) -> Self {
        Self {
            os: Some(identity.os),
            browser: Some(identity.browser),
            version: identity.version,
            languages: Some(identity.languages.clone()),
            timezone: identity.timezone.clone(),
            screen: identity.screen,
            ..Self::default()
        }
    }
}

/// The height of a taskbar that nobody chose: that of Windows.
const TASKBAR: u32 = 40;
/// The most common one: https://gs.statcounter.com/screen-resolution-stats/desktop/worldwide
const SCREEN: (u32, u32) = (1920, 1080);

impl Fingerprint {
    /// What can be told without a browser.
    pub(crate) fn check(&self, place: Window) -> Result<()> {
        let refuse = |field: &str, reason: String| Err(Error::config(format!("fingerprint.{field}"), reason));
        if place != Window::Elsewhere {
            self.check_os(Os::HOST)?;
        }
        if let Some(browser) = self.browser.filter(|browser| !browser.is_chromium()) {
            return refuse(
                "browser",
                format!(
                    "the engine is Chromium's, and every page could tell it from {browser}'s. Use chrome, or leave it out"
                ),
            );
        }
        if self.version.is_some() && self.browser.is_none() {
            return refuse("version", "it needs a `browser`".to_owned());
        }
        if self.locale.is_some() && self.languages.is_some() {
            return refuse("locale", "set `locale` or `languages`, not both".to_owned());
        }
        if place == Window::Shown && (self.screen.is_some() || self.taskbar.is_some()) {
            return refuse(
                "screen",
                "with a window it is the display's own, whatever a flag says. Choose another display".to_owned(),
            );
        }
        if let Some(screen) = self.screen.filter(|screen| screen.width < 320 || screen.height < 240) {
            return refuse("screen", format!("no screen is {} x {}", screen.width, screen.height));
        }
        let (_, height) = self.screen();
        if self.taskbar() >= height {
            return refuse("taskbar", format!("it leaves nothing of a screen {height} pixels high"));
        }
        if let Some(zone) = self.timezone.as_deref().filter(|zone| !is_zone(zone)) {
            return refuse(
                "timezone",
                format!("`{}` is no time zone such as Europe/Berlin", zone.escape_debug()),
            );
        }
        let mut identity = Identity::new(Browser::Chrome);
        if let Some(languages) = self.languages_or_none() {
            identity.languages = languages;
        }
        identity
            .check()
            .map_err(|error| Error::config("fingerprint.languages", error))
    }

    /// Whether the browser runs on the system that was asked for.
    pub(crate) fn check_os(&self, actual: Os) -> Result<()> {
        let Some(os) = self.os.filter(|os| *os != actual) else {
            return Ok(());
        };
        Err(Error::config(
            "fingerprint.os",
            format!(
                "the browser runs on {actual}: one that says {os} there is given away by its fonts, its graphics and \
                 `navigator.platform` in workers. Leave it out, or use a browser that runs on {os} through `cdp_url`"
            ),
        ))
    }

    /// The languages, if any are chosen.
    pub(crate) fn languages_or_none(&self) -> Option<Vec<String>> {
        match (&self.languages, &self.locale) {
            (Some(languages), _) => Some(languages.clone()),
            (None, Some(locale)) => Some(Identity::new(Browser::Chrome).locale(locale).languages),
            (None, None) => None,
        }
    }

    pub(crate) fn screen(&self) -> (u32, u32) {
        self.screen.map_or(SCREEN, |screen| (screen.width, screen.height))
    }

    pub(crate) fn taskbar(&self) -> u32 {
        self.taskbar.unwrap_or(TASKBAR)
    }

    /// What the taskbar leaves of the screen.
    pub(crate) fn free(&self) -> (u32, u32) {
        let (width, height) = self.screen();
        (width, height.saturating_sub(self.taskbar()))
    }

    /// Whether the browser is to say that it is another one; `Err`: why it must not.
    pub(crate) fn claim(&self, facts: &Facts) -> Result<Option<(Browser, BrowserVersion)>> {
        let Some(browser) = self.browser else {
            return Ok(None);
        };
        let installed = facts.major();
        let version = self.version.unwrap_or(BrowserVersion::major_only(installed));
        let wanted = Identity::new(browser).version(version);
        let same_brands = wanted.brands().is_some_and(|brands| {
            brands.len() == facts.hints.brands.len() && brands.iter().all(|brand| facts.has_brand(&brand.name))
        });
        if version.major() == installed && same_brands {
            return Ok(None);
        }
        match self.gives_way {
            GivesWay::Identity => Ok(None),
            GivesWay::Browser => Ok(Some((browser, version))),
            GivesWay::Nobody => Err(Error::config(
                "fingerprint.browser",
                format!(
                    "it is {browser} {version}, and the browser that is installed is {}. Leave `browser` and `version` \
                     out; or set `gives_way` to `identity`, and the session is the installed browser, or to `browser`, and \
                     that says it is {browser} {version}",
                    facts.title()
                ),
            )),
        }
    }
}

/// A name of the time zone database, as far as its form tells.
pub(crate) fn is_zone(zone: &str) -> bool {
    !zone.is_empty()
        && zone.len() < 64
        && zone
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/_+-".contains(&byte))
        && !zone.starts_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(fingerprint: Fingerprint) -> String {
        fingerprint.check(Window::None).unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_true_is_refused_with_its_reason() {
        let other = if Os::HOST == Os::Windows {
            Os::Linux
        } else {
            Os::Windows
        };
        for (fingerprint, why) in [
            (
                Fingerprint {
                    os: Some(other),
                    ..Fingerprint::default()
                },
                "fonts",
            ),
            (
                Fingerprint {
                    browser: Some(Browser::Firefox),
                    ..Fingerprint::default()
                },
                "Chromium's",
            ),
            (
                Fingerprint {
                    version: Some("1".parse().unwrap()),
                    ..Fingerprint::default()
                },
                "needs a `browser`",
            ),
            (
                Fingerprint {
                    timezone: Some("/etc/passwd".into()),
                    ..Fingerprint::default()
                },
                "Europe/Berlin",
            ),
            (
                Fingerprint {
                    locale: Some("de\nDE".into()),
                    ..Fingerprint::default()
                },
                "language",
            ),
            (
                Fingerprint {
                    screen: Some(Screen { width: 10, height: 10 }),
                    ..Fingerprint::default()
                },
                "10 x 10",
            ),
            (
                Fingerprint {
                    taskbar: Some(1080),
                    ..Fingerprint::default()
                },
                "1080 pixels high",
            ),
        ] {
            let told = refused(fingerprint);
            assert!(told.contains(why) && told.contains("fingerprint."), "{told}");
        }
        let screen = Fingerprint {
            screen: Some(Screen {
                width: 1280,
                height: 720,
            }),
            ..Fingerprint::default()
        };
        screen.check(Window::None).unwrap();
        assert!(screen.check(Window::Shown).unwrap_err().to_string().contains("display"));
    }

    #[test]
    fn another_browser_is_claimed_only_where_somebody_chose_so() {
        let facts = Facts::for_tests(156);
        let claim = |gives_way| {
            let identity = Identity::from_name("chrome149").unwrap();
            Fingerprint {
                gives_way,
                ..Fingerprint::from(&identity)
            }
            .claim(&facts)
        };
        let told = claim(GivesWay::Nobody).unwrap_err().to_string();
        assert!(
            told.contains("chrome 149") && told.contains("Chromium 156") && told.contains("gives_way"),
            "{told}"
        );
        assert_eq!(claim(GivesWay::Identity).unwrap(), None);
        assert_eq!(
            claim(GivesWay::Browser).unwrap(),
            Some((Browser::Chrome, "149".parse().unwrap()))
        );
        assert_eq!(Fingerprint::default().claim(&facts).unwrap(), None);
    }
}
