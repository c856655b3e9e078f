//! Who the sessions of a ladder are from the first request on.

use std::sync::Arc;

use silkroute_core::{Identity, Session};
use silkroute_manager::{SessionExt as _, SessionManager};
use silkroute_session_dynamic::DynamicSession;
use silkroute_session_http::HttpSession;
use silkroute_session_stealth::StealthSession;
use silkroute_spider::{BlockDetection, Ended, Escalation, ShareIdentity, Spider as _, Visit};
use silkroute_testkit::site::{Recorded, TestSite, known};
use silkroute_testkit::warnings::Warnings;

use crate::fixed::Fixed;
use crate::{Pages, no_browser};

fn identity(name: &str) -> Identity {
    name.parse().unwrap()
}

fn agent(name: &str) -> Vec<String> {
    vec![identity(name).user_agent().unwrap()]
}

fn http(name: &str) -> HttpSession {
    HttpSession::builder().impersonate(name).build().unwrap()
}

/// An HTTP session that knows the site's token.
fn knowing(name: &str) -> HttpSession {
    let token = format!("Bearer {}", known::BEARER_TOKEN);
    let knows = HttpSession::builder().impersonate(name).header("authorization", &token);
    knows.build().unwrap()
}

fn fixed(name: &str) -> Fixed {
    Fixed {
        inner: knowing("chrome"),
        identity: identity(name),
    }
}

/// What the site and the user see of a ladder of two.
struct Seen {
    /// The `User-Agent`s of the lower session, each once, in a crawl of a page that it gets and one that it does not.
    lower: Vec<String>,
    /// Those of the upper one, which gets that.
    upper: Vec<String>,
    warned: Vec<String>,
}

async fn crawled(lower: HttpSession, upper: impl Session, share: ShareIdentity) -> Seen {
    let site = TestSite::start().await.unwrap();
    let sessions = SessionManager::new();
    sessions.add("lower", lower).unwrap();
    sessions.add("upper", upper.lazy()).unwrap();
    let visit = |path: &str| Visit::get(site.http_url(path).as_str()).unwrap();
    let ladder = Escalation::ladder(["lower", "upper"]).detection(BlockDetection::none().statuses([401]));
    let spider = Pages {
        visits: vec![visit("/shop"), visit("/bearer")],
        selector: "a.product",
        escalation: ladder.share_identity(share),
    };
    let warnings = Warnings::default();
    let guard = tracing::subscriber::set_default(warnings.clone());
    let crawl = spider.crawl().sessions(&sessions).run().await.unwrap();
    drop(guard);
    assert_eq!((crawl.ended, crawl.items.len()), (Ended::Finished, 2));
    let knows = |request: &Arc<Recorded>| request.header("authorization").is_some();
    let (upper, lower): (Vec<_>, Vec<_>) = site.requests().into_iter().partition(knows);
    assert_eq!((lower.len(), upper.len()), (2, 1));
    sessions.close().await.unwrap();
    site.close().await;
    Seen {
        lower: agents(&lower),
        upper: agents(&upper),
        warned: warnings.all(),
    }
}

fn agents(requests: &[Arc<Recorded>]) -> Vec<String> {
    let agents = requests
        .iter()
        .map(|sent| sent.header("user-agent").unwrap().to_owned());
    let mut agents: Vec<_> = agents.collect();
    agents.sort();
    agents.dedup();
    agents
}

#[tokio::test]
async fn it_is_the_upper_one_from_the_first_request_on_where_it_can_be_that_exactly() {
    assert!(http("chrome149").can_be_exactly(&identity("chrome131")));
    let seen = crawled(http("chrome149"), fixed("chrome131"), ShareIdentity::WhereExact).await;
    assert_eq!((seen.lower, seen.upper), (agent("chrome131"), agent("chrome131")));
    assert!(seen.warned.is_empty(), "{:?}", seen.warned);
    let seen = crawled(http("chrome149"), fixed("chrome131"), ShareIdentity::Never).await;
    assert_eq!((seen.lower, seen.upper), (agent("chrome149"), agent("chrome131")));
    assert_eq!(seen.warned.len(), 1, "they are two: {:?}", seen.warned);
}

#[tokio::test]
async fn in_words_alone_it_is_the_upper_one_only_where_that_is_asked_for() {
    let newer = "chrome156";
    assert!(http("chrome149").can_be(&identity(newer)) && !http("chrome149").can_be_exactly(&identity(newer)));
    let seen = crawled(http("chrome149"), fixed(newer), ShareIdentity::WhereExact).await;
    assert_eq!((seen.lower, seen.upper), (agent("chrome149"), agent(newer)));
    let seen = crawled(http("chrome149"), fixed(newer), ShareIdentity::Always).await;
    assert_eq!((seen.lower, seen.upper), (agent(newer), agent(newer)));
    assert!(seen.warned.is_empty(), "{:?}", seen.warned);
}

/// Somebody set them up to be two.
#[tokio::test]
async fn one_of_another_engine_or_beside_the_upper_in_its_kind_stays_itself() {
    let seen = crawled(http("firefox151"), fixed("chrome149"), ShareIdentity::WhereExact).await;
    assert_eq!((seen.lower, seen.upper), (agent("firefox151"), agent("chrome149")));
    let seen = crawled(http("firefox151"), fixed("chrome149"), ShareIdentity::Always).await;
    assert_eq!(seen.lower, agent("chrome149"));
    let seen = crawled(http("chrome149"), knowing("chrome131"), ShareIdentity::WhereExact).await;
    assert_eq!((seen.lower, seen.upper), (agent("chrome149"), agent("chrome131")));
}

/// A site that gives a login to one `User-Agent` would end it.
#[tokio::test]
async fn http_is_the_browser_that_has_not_started() {
    if no_browser() {
        return;
    }
    let sessions = SessionManager::new();
    let stealth = StealthSession::builder().solve_challenge(true).build().unwrap();
    sessions.add("http", HttpSession::new()).unwrap();
    sessions.add("dynamic", DynamicSession::new().lazy()).unwrap();
    sessions.add("stealth", stealth.lazy()).unwrap();
    let site = TestSite::start().await.unwrap();
    let crawl = async |paths: &[&str]| {
        let visit = |path: &&str| Visit::get(site.http_url(path).as_str()).unwrap();
        let spider = Pages {
            visits: paths.iter().map(visit).collect(),
            selector: "a.product",
            escalation: Escalation::ladder(["http", "dynamic", "stealth"]).share_identity(ShareIdentity::Always),
        };
        let crawl = spider.crawl().sessions(&sessions).run().await.unwrap();
        assert_eq!(crawl.ended, Ended::Finished);
        crawl.items.into_iter().map(|found| found.session).collect::<Vec<_>>()
    };
    assert_eq!(crawl(&["/shop"]).await, ["http"]);
    for browser in ["dynamic", "stealth"] {
        assert_eq!(sessions.get(browser).unwrap().stats().starts, 0, "{browser}");
    }
    assert_eq!(crawl(&["/js/list", "/challenge/managed"]).await, ["dynamic", "stealth"]);
    let browser = sessions.get("stealth").unwrap().peek().unwrap().identity().unwrap();
    let pages = site
        .requests()
        .into_iter()
        .filter(|sent| sent.header("sec-fetch-dest") == Some("document"));
    let pages: Vec<_> = pages.collect();
    assert!(pages.len() >= 6, "{}", pages.len());
    for (name, expected) in [
        ("user-agent", browser.user_agent()),
        ("sec-ch-ua", browser.sec_ch_ua()),
        ("sec-ch-ua-platform", Some(browser.sec_ch_ua_platform())),
        ("accept-language", Some(browser.accept_language())),
    ] {
        for page in &pages {
            assert_eq!(page.header(name), expected.as_deref(), "{name} of {}", page.target());
        }
    }
    sessions.close().await.unwrap();
    site.close().await;
}
