//! Ladders of real sessions, to the test site.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

use std::time::Duration;

use silkroute_core::{RequestExt as _, Retry};
use silkroute_manager::{SessionExt as _, SessionManager};
use silkroute_session_dynamic::DynamicSession;
use silkroute_session_http::HttpSession;
use silkroute_session_stealth::StealthSession;
use silkroute_spider::{BlockDetection, Ended, Escalation, Output, Page, Result, Settings, Spider, Starts, Visit};
use silkroute_testkit::site::{TestSite, known};
use silkroute_testkit::warnings::Warnings;

mod asked;
mod clearance;
mod fixed;
mod guise;
mod lower;
mod site;
mod visitor;

/// Takes what it finds by one selector from some pages, one page after the other.
struct Pages {
    visits: Vec<Visit<usize>>,
    selector: &'static str,
    escalation: Escalation,
}

#[derive(Debug, PartialEq, serde::Serialize)]
struct Found {
    path: String,
    count: usize,
    session: String,
}

impl Spider for Pages {
    type Item = Found;
    /// Which of the visits it is.
    type Step = usize;

    fn name(&self) -> &str {
        "pages"
    }

    fn settings(&self) -> Settings {
        Settings::default()
            .concurrency(1)
            .blocked_retry(Retry::attempts(2).base(Duration::from_millis(10)))
            .escalation(self.escalation.clone())
    }

    fn start_requests(&self) -> Starts<'_, usize> {
        let first = self.visits[0].clone();
        Box::pin(futures_util::stream::once(async { Ok(first) }))
    }

    async fn parse(&self, page: Page<usize>, out: &mut Output<Self>) -> Result {
        let found = Found {
            path: page.url().path().to_owned(),
            count: page.css(self.selector)?.get_all().len(),
            session: page.response().session().unwrap_or_default().to_owned(),
        };
        out.item(found).await?;
        let next = page.step() + 1;
        if let Some(visit) = self.visits.get(next) {
            out.visit(visit.clone().step(next)).await?;
        }
        Ok(())
    }
}

fn found(path: &str, count: usize, session: &str) -> Found {
    let (path, session) = (path.to_owned(), session.to_owned());
    Found { path, count, session }
}

#[tokio::test]
async fn headers_body_and_cookies_go_along() {
    let site = TestSite::start().await.unwrap();
    let sessions = SessionManager::new();
    sessions
        .add("bare", HttpSession::builder().impersonate("none").build().unwrap())
        .unwrap();
    let token = format!("Bearer {}", known::BEARER_TOKEN);
    let known = HttpSession::builder().header("authorization", &token).build().unwrap();
    sessions.add("known", known.lazy()).unwrap();
    let get = |path: &str| Visit::get(site.http_url(path).as_str()).unwrap();
    let spider = Pages {
        visits: vec![
            get("/cookies/set?kept=by-the-session&_path=/"),
            get("/bearer?n=1").header("x-mine", "1").unwrap().cookie("own", "2"),
            get("/bearer?n=2"),
        ],
        selector: "a.product::text",
        escalation: Escalation::ladder(["bare", "known"]).detection(BlockDetection::none().statuses([401])),
    };
    let crawl = spider.crawl().sessions(&sessions).run().await.unwrap();
    let by: Vec<_> = crawl.items.iter().map(|found| found.session.as_str()).collect();
    assert_eq!((crawl.ended, by), (Ended::Finished, vec!["bare", "known", "known"]));
    assert_eq!(crawl.stats.escalations["bare -> known: status 401"], 1);
    let sent = site.requests_to("/bearer");
    assert_eq!(sent.len(), 3, "the second page went to the right session at once");
    for request in &sent[..2] {
        assert_eq!(request.header("x-mine"), Some("1"));
        let mut cookies = request.cookies();
        cookies.sort();
        let expected = [("kept", "by-the-session"), ("own", "2")].map(|(n, v)| (n.to_owned(), v.to_owned()));
        assert_eq!(cookies, expected, "those of the session, and those of the request");
    }
    assert_ne!(sent[0].header("user-agent"), sent[1].header("user-agent"));
    sessions.close().await.unwrap();
    site.close().await;
}

/// A ladder of two HTTP sessions, the lower with this `User-Agent` of its own or none, up which a page sends its request after the first got cookies. Gives the names of the
/// cookies that went along, and what was warned of.
async fn climbed(lower: &str, own: Option<&str>, upper: &str) -> (Vec<String>, Vec<String>) {
    let site = TestSite::start().await.unwrap();
    let sessions = SessionManager::new();
    let token = format!("Bearer {}", known::BEARER_TOKEN);
    let mut plain = HttpSession::builder().impersonate(lower);
    if let Some(agent) = own {
        plain = plain.header("user-agent", agent);
    }
    let plain = plain.build().unwrap();
    let knows = HttpSession::builder()
        .impersonate(upper)
        .header("authorization", &token);
    sessions
        .add("plain", plain)
        .unwrap()
        .add("knows", knows.build().unwrap().lazy())
        .unwrap();
    let get = |path: &str| Visit::get(site.http_url(path).as_str()).unwrap();
    let spider = Pages {
        visits: vec![
            get("/cookies/set?cf_clearance=passed&basket=3&_path=/"),
            get("/bearer?n=1").header("x-mine", "1").unwrap(),
            get("/bearer?n=2"),
        ],
        selector: "a.product::text",
        escalation: Escalation::ladder(["plain", "knows"]).detection(BlockDetection::none().statuses([401])),
    };
    let warnings = Warnings::default();
    let guard = tracing::subscriber::set_default(warnings.clone());
    let crawl = spider.crawl().sessions(&sessions).run().await.unwrap();
    drop(guard);
    assert_eq!((crawl.ended, crawl.stats.pages), (Ended::Finished, 3));
    let sent = site.requests_to("/bearer");
    assert_eq!(sent.len(), 3);
    for request in &sent[..2] {
        assert_eq!(request.header("x-mine"), Some("1"), "a request's own headers go along");
    }
    let mut names: Vec<_> = sent[1].cookies().into_iter().map(|(name, _)| name).collect();
    names.sort();
    sessions.close().await.unwrap();
    site.close().await;
    let warned = warnings.all();
    (names, warned)
}

#[tokio::test]
async fn a_clearance_goes_along_to_the_same_visitor_and_not_to_another_who_is_told_of() {
    let (names, warned) = climbed("chrome", None, "chrome").await;
    assert_eq!(names, ["basket", "cf_clearance"]);
    assert!(warned.is_empty(), "{warned:?}");

    let (names, warned) = climbed("firefox", None, "chrome").await;
    assert_eq!(names, ["basket"], "what is above stays who it is");
    assert!(warned.is_empty(), "what is below can look like it: {warned:?}");

    let (names, warned) = climbed("chrome", Some("Mine/1"), "chrome").await;
    assert_eq!(names, ["basket"]);
    assert_eq!(warned.len(), 1, "once for the two sessions: {warned:?}");
    for part in ["plain", "knows", "Mine/1", "Chrome/", "same identity"] {
        assert!(warned[0].contains(part), "{part}: {warned:?}");
    }
}

#[tokio::test]
async fn a_page_that_scripts_fill_is_had_from_a_browser_with_the_cookies_and_the_identity_of_http() {
    if no_browser() {
        return;
    }
    let sessions = SessionManager::new();
    let browser = DynamicSession::builder().network_idle(true).build().unwrap();
    sessions
        .add("http", HttpSession::new())
        .unwrap()
        .add("dynamic", browser.lazy())
        .unwrap();
    let site = TestSite::start().await.unwrap();
    let get = |path: &str| Visit::get(site.http_url(path).as_str()).unwrap();
    let elsewhere = site.http_url("/shop").to_string().replace("127.0.0.1", "localhost");
    let spider = Pages {
        visits: vec![
            get("/shop"),
            get("/cookies/set?cf_clearance=yes&_path=/"),
            get("/js/list"),
            get("/js/list?again"),
            Visit::get(&elsewhere).unwrap(),
        ],
        selector: "a.product::text",
        escalation: Escalation::ladder(["http", "dynamic"]),
    };
    let warnings = Warnings::default();
    let guard = tracing::subscriber::set_default(warnings.clone());
    let crawl = spider.crawl().sessions(&sessions).run().await.unwrap();
    drop(guard);
    let warned = warnings.all();
    assert!(warned.is_empty(), "they are one visitor: {warned:?}");
    assert_eq!(
        crawl.items,
        [
            found("/shop", 20, "http"),
            found("/cookies/set", 0, "http"),
            found("/js/list", known::SCRIPTED_ITEMS, "dynamic"),
            found("/js/list", known::SCRIPTED_ITEMS, "dynamic"),
            found("/shop", 20, "http"),
        ]
    );
    assert_eq!(crawl.stats.escalations["http -> dynamic: script shell"], 1);
    let lists = site.requests_to("/js/list");
    assert_eq!(lists.len(), 3, "once to learn it, then at once");
    let browsers = lists
        .iter()
        .filter(|request| request.header("sec-fetch-dest") == Some("document"));
    assert!(browsers.clone().count() >= 2);
    for request in &lists {
        assert_eq!(
            request.cookies(),
            [("cf_clearance".to_owned(), "yes".to_owned())],
            "{request:?}"
        );
    }
    let http = sessions.get("http").unwrap().peek().unwrap().identity().unwrap();
    for request in site.requests() {
        let path = request.target();
        assert_eq!(request.header("user-agent"), http.user_agent().as_deref(), "{path}");
        assert_eq!(
            request.header("accept-language"),
            Some(http.accept_language().as_str()),
            "{path}"
        );
        if request.header("sec-ch-ua").is_some() {
            assert_eq!(request.header("sec-ch-ua"), http.sec_ch_ua().as_deref(), "{path}");
        }
    }
    let starts = |id: &str| sessions.get(id).unwrap().stats().starts;
    assert_eq!(starts("dynamic"), 1, "once, when it was first needed");
    sessions.close().await.unwrap();
    site.close().await;
}

#[tokio::test]
async fn a_page_behind_a_challenge_is_had_from_the_last_rung_and_the_second_from_there_at_once() {
    if no_browser() {
        return;
    }
    let sessions = SessionManager::new();
    let dynamic = DynamicSession::builder().network_idle(true).build().unwrap();
    let stealth = StealthSession::builder().solve_challenge(true).build().unwrap();
    sessions.add("http", HttpSession::new()).unwrap();
    sessions.add("dynamic", dynamic.lazy()).unwrap();
    sessions.add("stealth", stealth.lazy()).unwrap();
    let site = TestSite::start().await.unwrap();
    let get = |path: &str| Visit::get(site.http_url(path).as_str()).unwrap();
    let spider = Pages {
        visits: vec![get("/challenge/managed?n=1"), get("/challenge/managed?n=2")],
        selector: "h1::text",
        escalation: Escalation::ladder(["http", "dynamic", "stealth"]),
    };
    let crawl = spider.crawl().sessions(&sessions).run().await.unwrap();
    let by: Vec<_> = crawl.items.iter().map(|found| found.session.as_str()).collect();
    assert_eq!((crawl.ended, by), (Ended::Finished, vec!["stealth", "stealth"]));
    let ways: Vec<_> = crawl
        .stats
        .escalations
        .iter()
        .map(|(way, count)| (way.as_str(), *count))
        .collect();
    assert_eq!(
        ways,
        [
            ("dynamic -> stealth: header cf-mitigated", 1),
            ("http -> dynamic: header cf-mitigated", 1)
        ]
    );
    let fetches = |id: &str| {
        let stats = sessions.get(id).unwrap().stats();
        (stats.starts, crawl.stats.sessions[id].requests)
    };
    assert_eq!(
        [fetches("http"), fetches("dynamic"), fetches("stealth")],
        [(1, 1), (1, 1), (1, 2)]
    );
    sessions.close().await.unwrap();
    site.close().await;
}

/// Whether no test with a browser can run here. It is a failure where browsers are required.
fn no_browser() -> bool {
    let Err(error) = silkroute_browser::launch::find(&silkroute_browser::LaunchOptions::default()) else {
        return false;
    };
    assert_ne!(
        std::env::var("SILKROUTE_REQUIRE_BROWSER").as_deref(),
        Ok("1"),
        "{error}"
    );
    eprintln!("BROWSER TESTS DID NOT RUN: {error}");
    true
}
