//! Sessions of a ladder that look like the one whose cookies they have.

use silkroute_manager::{SessionExt as _, SessionManager};
use silkroute_session_dynamic::DynamicSession;
use silkroute_session_http::HttpSession;
use silkroute_session_stealth::StealthSession;
use silkroute_spider::{Ended, Escalation, ShareIdentity, Spider as _, Visit};
use silkroute_testkit::site::{Recorded, TestSite};
use silkroute_testkit::warnings::Warnings;

use crate::{Pages, no_browser};

fn sessions() -> SessionManager {
    let sessions = SessionManager::new();
    let http = HttpSession::builder().verify(false).build().unwrap();
    let dynamic = DynamicSession::builder().ignore_https_errors(true).build().unwrap();
    let stealth = StealthSession::builder()
        .solve_challenge(true)
        .ignore_https_errors(true)
        .build()
        .unwrap();
    sessions.add("http", http).unwrap();
    sessions.add("dynamic", dynamic.lazy()).unwrap();
    sessions.add("stealth", stealth.lazy()).unwrap();
    sessions
}

fn has_clearance(request: &Recorded) -> bool {
    request.cookies().iter().any(|(name, _)| name == "cf_clearance")
}

/// The site gives its clearance to the browser that passed, and takes it from nobody who says another `User-Agent`.
#[tokio::test]
async fn http_gets_the_pages_as_the_browser_that_got_the_clearance() {
    if no_browser() {
        return;
    }
    let sessions = sessions();
    let site = TestSite::start().await.unwrap();
    let visit = |n: u32| {
        let url = site.https_url(&format!("/challenge/managed?n={n}"));
        Visit::get(url.as_str()).unwrap()
    };
    let spider = Pages {
        visits: (1..=5).map(visit).collect(),
        selector: "a.product",
        // The second page tries the rung below the browser that passed, the third the lowest.
        escalation: Escalation::ladder(["http", "dynamic", "stealth"]).retry_lower_every(1),
    };
    let warnings = Warnings::default();
    let guard = tracing::subscriber::set_default(warnings.clone());
    let crawl = spider.crawl().sessions(&sessions).run().await.unwrap();
    drop(guard);
    let by: Vec<_> = crawl.items.iter().map(|found| found.session.as_str()).collect();
    assert_eq!(crawl.ended, Ended::Finished);
    assert_eq!(by, ["stealth", "dynamic", "http", "http", "http"]);
    assert!(crawl.items.iter().all(|found| found.count > 0), "{:?}", crawl.items);
    let warned = warnings.all();
    assert!(warned.is_empty(), "the identity goes along: {warned:?}");

    let browser = sessions.get("stealth").unwrap().peek().unwrap().identity().unwrap();
    let own = sessions.get("http").unwrap().peek().unwrap().identity().unwrap();
    assert_ne!(browser.user_agent(), own.user_agent());
    let exact = sessions.get("http").unwrap().peek().unwrap().can_be_exactly(&browser);
    let alone = if exact { &browser } else { &own };
    let asked = |n: u32| {
        let all = site.requests_to("/challenge/managed");
        let of_page = |request: &Recorded| request.target().ends_with(&format!("?n={n}"));
        all.into_iter().filter(|request| of_page(request)).collect::<Vec<_>>()
    };
    let first = &asked(1)[0];
    assert_eq!(first.header("user-agent"), alone.user_agent().as_deref());
    assert!(!has_clearance(first));
    for n in 2..=5 {
        let requests = asked(n);
        assert_eq!(requests.len(), 1, "page {n} is had at once");
        let sent = &requests[0];
        assert!(has_clearance(sent), "page {n}");
        assert_eq!(sent.header("user-agent"), browser.user_agent().as_deref());
        assert_eq!(sent.header("sec-ch-ua"), browser.sec_ch_ua().as_deref());
        assert_eq!(sent.header("accept-language"), Some(browser.accept_language().as_str()));
    }
    // Nobody who says another agent was given the clearance.
    for request in site.requests() {
        let same = request.header("user-agent") == browser.user_agent().as_deref();
        assert!(same || !has_clearance(&request), "{request:?}");
    }
    sessions.close().await.unwrap();
    site.close().await;
}

/// What a request says of itself, and what a ladder was told, is kept to.
#[tokio::test]
async fn a_request_that_says_who_it_is_stays_so() {
    if no_browser() {
        return;
    }
    let agents = |share: ShareIdentity, own: Option<&'static str>| async move {
        let sessions = sessions();
        let site = TestSite::start().await.unwrap();
        let visit = |n: u32| {
            let url = site.https_url(&format!("/challenge/managed?n={n}"));
            Visit::<usize>::get(url.as_str()).unwrap()
        };
        let third = match own {
            Some(name) => silkroute_core::RequestExt::identity(visit(3), name.parse().unwrap()),
            None => visit(3),
        };
        let ladder = Escalation::ladder(["http", "stealth"]).retry_lower_every(2);
        let spider = Pages {
            visits: vec![visit(1), visit(2), third],
            selector: "a.product",
            escalation: ladder.share_identity(share),
        };
        let crawl = spider.crawl().sessions(&sessions).run().await.unwrap();
        assert_eq!((crawl.ended, crawl.stats.failed), (Ended::Finished, 0));
        let fate = (crawl.items.len(), crawl.stats.gave_up_blocked);
        let sent = site.requests_to("/challenge/managed");
        let third: Vec<_> = sent.iter().filter(|sent| sent.target().ends_with("?n=3")).collect();
        let agent = third[0].header("user-agent").unwrap();
        assert!(
            third
                .iter()
                .all(|sent| fate.1 == 0 || sent.header("user-agent") == Some(agent))
        );
        let seen = (agent.to_owned(), has_clearance(third[0]), fate);
        sessions.close().await.unwrap();
        site.close().await;
        seen
    };
    let (agent, cleared, fate) = agents(ShareIdentity::WhereExact, None).await;
    assert!(agent.contains("Chrome/") && cleared, "{agent}");
    assert_eq!(fate, (3, 0));
    let (agent, cleared, fate) = agents(ShareIdentity::Never, None).await;
    assert!(agent.contains("Chrome/149") && !cleared, "{agent}");
    assert_eq!(fate, (3, 0));
    // The browser cannot be it: it is blocked where it can be sent, and is no visitor with another's clearance.
    let (agent, cleared, fate) = agents(ShareIdentity::WhereExact, Some("firefox151")).await;
    assert!(agent.contains("Firefox/151") && !cleared, "{agent}");
    assert_eq!(fate, (2, 1));
}
