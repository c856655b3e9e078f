//! What the tests with a browser share: whether there is one, sessions, and a browser that nobody drives.
#![allow(dead_code, unreachable_pub, reason = "each test program uses its part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

pub mod human;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use silkroute_core::{Fetch, Response, Session};
use silkroute_session_stealth::{PageResponse, StealthSession, StealthSessionBuilder};

/// For everything that should come at once; long, as the machine may be busy.
pub const LONG: Duration = Duration::from_secs(60);

/// Why no test with a browser can run here; none where one can. It is a failure where browsers are required.
pub fn no_browser() -> Option<String> {
    let error = silkroute_browser::launch::find(&silkroute_browser::LaunchOptions::default()).err()?;
    missing(&error.to_string());
    Some(error.to_string())
}

/// Says that tests did not run; fails where they must.
pub fn missing(what: &str) {
    assert!(
        std::env::var("SILKROUTE_REQUIRE_BROWSER").as_deref() != Ok("1"),
        "{what}"
    );
    eprintln!("BROWSER TESTS DID NOT RUN: {what}");
}

/// A live session, unless there is no browser and that is allowed.
pub async fn started(builder: StealthSessionBuilder) -> Option<StealthSession> {
    if no_browser().is_some() {
        return None;
    }
    let patient = builder.start_timeout(LONG).timeout(LONG);
    let mut session = patient.build().expect("the session can be built");
    session.start().await.expect("the session starts");
    Some(session)
}

/// The response to a fetch that must succeed, as this kind makes it.
pub async fn fetched(session: &dyn Session, request: &Fetch) -> Fetched {
    Fetched(session.fetch(request).await.expect("the page is fetched"))
}

/// A response of a browser session.
#[derive(Debug)]
pub struct Fetched(pub Box<dyn Response>);

impl std::ops::Deref for Fetched {
    type Target = PageResponse;

    fn deref(&self) -> &PageResponse {
        self.0.downcast_ref().expect("a browser session gives page responses")
    }
}

/// The tabs that pages were shown in, in their order.
#[derive(Clone, Debug, Default)]
pub struct Tabs(Arc<Mutex<Vec<String>>>);

impl Tabs {
    /// Notes them as the action of every page.
    pub fn noted_by(&self, builder: StealthSessionBuilder) -> StealthSessionBuilder {
        let noted = Arc::clone(&self.0);
        let noting = builder.page_action("note the tab", move |page| {
            noted.lock().unwrap().push(page.tab().id().to_owned());
            Box::pin(async { Ok(()) })
        });
        noting.default_page_action("note the tab")
    }

    /// All the pages were shown in one.
    pub fn assert_one(&self, pages: usize) {
        let noted = self.0.lock().unwrap();
        assert_eq!(noted.len(), pages);
        assert!(noted.iter().all(|tab| *tab == noted[0]), "{noted:?}");
    }
}
