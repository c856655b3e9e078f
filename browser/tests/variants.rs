//! Browsers of requests that need one of their own: they end when nobody uses them any more.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::time::Duration;

use silkroute_browser::session::{BrowserConfig, BrowserKind, BrowserKindConfig, BrowserSession, Hooks};
use silkroute_browser::{Browser, Deadline, LaunchOptions, Result};
use silkroute_core::{Fetch, RequestExt as _, Session as _, async_trait};
use support::{Answer, Site};
use tokio::time::{Instant, sleep};

silkroute_browser::page_options! {
    /// What a request may say.
    pub struct Options for "several" {
        /// Which browser it needs.
        pub number: Option<u8>,
    }
}

silkroute_browser::browser_config! {
    /// How the session is.
    pub struct Config {}
}

#[derive(Debug)]
struct Several;

#[async_trait]
impl BrowserKind for Several {
    type Options = Options;
    type Variant = Option<u8>;
    type Running = ();

    const VARIANT_IDLE: Duration = Duration::from_millis(400);

    fn variant(&self, options: &Options) -> Option<u8> {
        options.number
    }

    async fn launch(&self, variant: &Option<u8>, launch: &mut LaunchOptions, _: Deadline) -> Result<()> {
        launch.extra_flags.push(format!("--silkroute-variant={variant:?}"));
        Ok(())
    }

    async fn running(&self, _: &Option<u8>, _: &Browser, _: Deadline) -> Result<()> {
        Ok(())
    }
}

/// For everything that should come at once; long, as the machine may be busy.
const SOON: Duration = Duration::from_secs(30);

/// How many browsers run with this flag: those of this process, and not what they started.
fn running(flag: &str) -> usize {
    let own = std::process::id().to_string();
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    pids.filter(|entry| {
        let file = |name: &str| std::fs::read(entry.path().join(name)).unwrap_or_default();
        let stat = String::from_utf8_lossy(&file("stat")).into_owned();
        let rest = stat.rsplit(") ").next().unwrap_or_default();
        let mut fields = rest.split(' ');
        let (state, parent) = (fields.next().unwrap_or("Z"), fields.next().unwrap_or_default());
        let line = String::from_utf8_lossy(&file("cmdline")).into_owned();
        state != "Z" && parent == own && line.split('\0').any(|word| word == flag)
    })
    .count()
}

async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !so() {
        assert!(Instant::now() < end, "{what}");
        sleep(Duration::from_millis(25)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_no_request_uses_any_more_ends_and_starts_again_when_one_does() {
    let Some(unused) = support::browser().await else { return };
    unused.close().await.unwrap();
    let site = Site::start(&[("/", Answer::html("<p>x</p>")), ("/never", Answer::never())]).await;
    let config = Config::default();
    assert_eq!(config.browser().max_pages, BrowserConfig::default().max_pages);
    let mut session = BrowserSession::new(Several, &config, None, Hooks::default()).unwrap();
    session.start().await.unwrap();
    let request = |path: &str, number| {
        let options = Options {
            number,
            ..Options::default()
        };
        Fetch::from(site.url(path)).with(options).unwrap()
    };
    let own = "--silkroute-variant=None";
    let other = "--silkroute-variant=Some(1)";
    session.fetch(&request("/", None)).await.unwrap();
    assert_eq!((running(own), running(other)), (1, 0));
    for _ in 0..2 {
        session.fetch(&request("/", Some(1))).await.unwrap();
        until("it ends by itself", || running(other) == 0).await;
    }
    // One in use is not idle, however long it takes.
    let long = request("/never", Some(1)).timeout(SOON * 4);
    let watching = async {
        until("it is started for the request", || running(other) == 1).await;
        sleep(Several::VARIANT_IDLE * 3).await;
        running(other)
    };
    tokio::select! {
        result = session.fetch(&long) => panic!("{result:?}"),
        count = watching => assert_eq!(count, 1),
    }
    until("a request that was given up holds it no longer", || running(other) == 0).await;
    assert_eq!(running(own), 1, "the session's own stays");
    session.close().await.unwrap();
    until("all end with the session", || running(own) + running(other) == 0).await;
}
