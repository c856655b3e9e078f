//! Where a clearance goes that a higher session got, and as whom.

use std::sync::Arc;

use silkroute_core::{RequestExt as _, Response};
use silkroute_manager::{SessionExt as _, SessionManager};
use silkroute_session_http::HttpSession;
use silkroute_spider::{BlockDetection, Ended, Escalation, Spider as _, Visit};
use silkroute_testkit::site::{Recorded, TestSite, known};

use crate::Pages;
use crate::lower::{Lack, Lacking};

/// Who the session is that has the clearance.
const UPPER: &str = "chrome149";
const HOST: &str = "www.shop.localhost";

fn looking_like(name: &str) -> HttpSession {
    HttpSession::builder().impersonate(name).build().unwrap()
}

fn on(site: &TestSite, host: &str, path: &str) -> String {
    let mut url = site.http_url(path);
    url.set_host(Some(host)).unwrap();
    url.into()
}

/// A ladder whose last session is the one with the clearance, of a site whose `/echo` is for those that have it. Each request to
/// a host for which more was needed tries if less is enough.
fn ladder<const N: usize>(rungs: [&str; N]) -> Escalation {
    let without = |response: &dyn Response| {
        let cleared = String::from_utf8_lossy(response.body()).contains("cf_clearance");
        (response.url().path() == "/echo" && !cleared).then(|| "no clearance".to_owned())
    };
    Escalation::ladder(rungs)
        .detection(BlockDetection::none().statuses([401]).predicate(without))
        .retry_lower_every(1)
}

/// Crawls the paths of hosts behind one that gives the last session a clearance for the whole domain. Gives the sessions
/// that got the pages, and all requests with whether they had the clearance.
async fn crawled<const N: usize>(
    sessions: &SessionManager,
    rungs: [&str; N],
    pages: &[(&str, &str)],
) -> (Vec<String>, Vec<(Arc<Recorded>, bool)>) {
    let site = TestSite::start().await.unwrap();
    let clear = on(
        &site,
        HOST,
        "/cookies/set?cf_clearance=passed&_domain=shop.localhost&_path=/",
    );
    let mut visits = vec![Visit::get(&clear).unwrap().session("upper")];
    visits.extend(pages.iter().map(|(host, path)| {
        let visit = Visit::get(&on(&site, host, path)).unwrap();
        match path.contains("as_itself") {
            true => visit.identity("chrome131".parse().unwrap()),
            false => visit,
        }
    }));
    let spider = Pages {
        visits,
        selector: "a.product",
        escalation: ladder(rungs),
    };
    let crawl = spider.crawl().sessions(sessions).run().await.unwrap();
    assert_eq!((crawl.ended, crawl.items.len()), (Ended::Finished, 1 + pages.len()));
    let by = crawl.items.into_iter().skip(1).map(|found| found.session).collect();
    let has_clearance = |request: &Recorded| request.cookies().iter().any(|(name, _)| name == "cf_clearance");
    let requests = site.requests().into_iter().map(|request| {
        let cleared = has_clearance(&request);
        (request, cleared)
    });
    let requests = requests.collect();
    sessions.close().await.unwrap();
    site.close().await;
    (by, requests)
}

fn assert_one_visitor(requests: &[(Arc<Recorded>, bool)]) {
    let upper: silkroute_core::Identity = UPPER.parse().unwrap();
    for (request, cleared) in requests {
        let same = request.header("user-agent") == upper.user_agent().as_deref();
        assert!(same || !cleared, "the clearance under another name: {request:?}");
    }
}

#[tokio::test]
async fn a_clearance_for_a_whole_domain_stays_below_with_the_host_where_its_owner_is_looked_like() {
    let sessions = SessionManager::new();
    sessions.add("lower", looking_like("firefox151")).unwrap();
    sessions.add("upper", looking_like(UPPER)).unwrap();
    let pages = [
        (HOST, "/echo?n=1"),
        (HOST, "/echo?n=2"),
        ("shop.localhost", "/cookies?n=3"),
        ("api.shop.localhost", "/cookies?n=4"),
        (HOST, "/echo?n=5"),
    ];
    let (by, requests) = crawled(&sessions, ["lower", "upper"], &pages).await;
    assert_eq!(by, ["upper", "lower", "lower", "lower", "lower"]);
    assert_one_visitor(&requests);
    let cleared = |page: &str| -> Vec<bool> {
        let of_page = requests.iter().filter(|(sent, _)| sent.target().ends_with(page));
        of_page.map(|(_, cleared)| *cleared).collect()
    };
    assert_eq!(cleared("n=1"), [false, true]);
    for (page, expected) in [("n=2", true), ("n=3", false), ("n=4", false), ("n=5", true)] {
        assert_eq!(cleared(page), [expected], "{page}");
    }
}

#[tokio::test]
async fn one_that_looks_like_the_session_above_hands_on_who_that_is_and_not_itself() {
    let sessions = SessionManager::new();
    sessions.add("lower", looking_like("firefox151")).unwrap();
    sessions.add("middle", looking_like("chrome131")).unwrap();
    sessions.add("upper", looking_like(UPPER)).unwrap();
    let pages = ["/echo?n=1", "/echo?n=2", "/echo?n=3", "/echo?n=4"].map(|path| (HOST, path));
    let (by, requests) = crawled(&sessions, ["lower", "middle", "upper"], &pages).await;
    assert_eq!(by, ["upper", "middle", "lower", "lower"]);
    assert_one_visitor(&requests);
}

#[tokio::test]
async fn a_session_that_took_the_cookies_and_did_not_say_so_looks_like_their_owner() {
    let sessions = SessionManager::new();
    let lower = Lacking(looking_like("firefox151"), Lack::Answers);
    sessions.add("lower", lower.lazy()).unwrap();
    sessions.add("upper", looking_like(UPPER)).unwrap();
    let pages = ["/echo?n=1", "/echo?n=2", "/echo?n=3"].map(|path| (HOST, path));
    let (by, requests) = crawled(&sessions, ["lower", "upper"], &pages).await;
    assert_eq!(by, ["upper", "lower", "lower"]);
    assert_one_visitor(&requests);
}

/// Above is the one that was given for the whole domain.
#[tokio::test]
async fn what_was_lent_to_a_session_below_does_not_come_back_beside_what_it_is_from() {
    let sessions = SessionManager::new();
    sessions.add("lower", looking_like("firefox151")).unwrap();
    let middle = Lacking(looking_like("chrome136"), Lack::OtherIdentities);
    sessions.add("middle", middle.lazy()).unwrap();
    let token = format!("Bearer {}", known::BEARER_TOKEN);
    let upper = HttpSession::builder()
        .impersonate(UPPER)
        .header("authorization", &token);
    sessions.add("upper", upper.build().unwrap()).unwrap();
    // The second tries the middle in vain, the third the lowest. The last passes by the middle, which it has not done before.
    let pages = ["/echo?n=1", "/echo?n=2", "/echo?n=3", "/bearer?as_itself"].map(|path| (HOST, path));
    let (by, requests) = crawled(&sessions, ["lower", "middle", "upper"], &pages).await;
    assert_eq!(by, ["upper", "upper", "lower", "upper"]);
    let (last, _) = requests.iter().rfind(|(sent, _)| sent.path == "/bearer").unwrap();
    assert_eq!(last.header("authorization"), Some(token.as_str()));
    assert_eq!(last.cookies(), [("cf_clearance".to_owned(), "passed".to_owned())]);
}

/// A browser may be too busy to answer at one moment.
#[tokio::test]
async fn cookies_that_could_not_go_along_at_first_go_along_the_next_time() {
    let site = TestSite::start().await.unwrap();
    let sessions = SessionManager::new();
    let busy = Lack::FirstState(true.into());
    sessions.add("lower", Lacking(looking_like(UPPER), busy)).unwrap();
    sessions.add("upper", looking_like(UPPER).lazy()).unwrap();
    let visit = |path: &str| Visit::get(&on(&site, HOST, path)).unwrap();
    let refused = |response: &dyn Response| {
        let climbs = response.url().path() == "/echo" && response.session() == Some("lower");
        climbs.then(|| "as told".to_owned())
    };
    let spider = Pages {
        visits: vec![
            visit("/cookies/set?basket=3&_path=/"),
            visit("/echo?n=1"),
            visit("/echo?n=2"),
            visit("/echo?n=3"),
        ],
        selector: "a.product",
        // Nothing is remembered: each page climbs for itself.
        escalation: Escalation::ladder(["lower", "upper"])
            .detection(BlockDetection::none().predicate(refused))
            .remember_hosts(0),
    };
    let crawl = spider.crawl().sessions(&sessions).run().await.unwrap();
    assert_eq!((crawl.ended, crawl.items.len()), (Ended::Finished, 4));
    let sent = site.requests_to("/echo");
    assert_eq!(sent.len(), 6);
    let with_cookies = [1, 3, 5].map(|climbed: usize| sent[climbed].cookies().len());
    assert_eq!(with_cookies, [0, 1, 1]);
    sessions.close().await.unwrap();
    site.close().await;
}

/// The login of a session above was made there on purpose; what the site gives to the one that it blocks is for nobody in particular.
#[tokio::test]
async fn what_a_session_above_has_itself_is_not_replaced_from_below() {
    let site = TestSite::start().await.unwrap();
    let sessions = SessionManager::new();
    sessions.add("lower", looking_like(UPPER)).unwrap();
    sessions.add("upper", looking_like(UPPER)).unwrap();
    let on_host = |path: &str| on(&site, HOST, path);
    let spider = Pages {
        visits: vec![
            Visit::get(&on_host("/cookies/set?login=mine&_path=/"))
                .unwrap()
                .session("upper"),
            Visit::get(&on_host("/cookies/set?login=nobody&basket=3&_path=/")).unwrap(),
            Visit::get(&on_host("/bearer?n=1")).unwrap(),
        ],
        selector: "a.product",
        escalation: Escalation::ladder(["lower", "upper"])
            .detection(BlockDetection::none().statuses([401]))
            .remember_hosts(0),
    };
    spider.crawl().sessions(&sessions).run().await.unwrap();
    let climbed = site.requests_to("/bearer");
    let mut sent = climbed[1].cookies();
    sent.sort();
    let expected = [("basket", "3"), ("login", "mine")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(sent, expected);
    sessions.close().await.unwrap();
    site.close().await;
}
