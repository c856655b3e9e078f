//! Requests that name the identity that they shall look like.

use silkroute_core::RequestExt as _;
use silkroute_manager::{SessionExt as _, SessionManager};
use silkroute_session_http::HttpSession;
use silkroute_spider::{BlockDetection, Ended, Escalation, Spider as _, Visit};
use silkroute_testkit::site::{TestSite, known};

use crate::Pages;
use crate::lower::{Lack, Lacking};

/// Three sessions, of which the one in the middle can look like nobody else. The last alone gets the page.
fn sessions() -> SessionManager {
    let sessions = SessionManager::new();
    let fixed = Lacking(HttpSession::new(), Lack::OtherIdentities);
    let token = format!("Bearer {}", known::BEARER_TOKEN);
    let knows = HttpSession::builder().header("authorization", &token).build().unwrap();
    sessions.add("plain", HttpSession::new()).unwrap();
    sessions.add("fixed", fixed.lazy()).unwrap();
    sessions.add("knows", knows.lazy()).unwrap();
    sessions
}

fn ladder<const N: usize>(rungs: [&str; N]) -> Escalation {
    Escalation::ladder(rungs)
        .detection(BlockDetection::none().statuses([401]))
        .retry_lower_every(1)
}

fn visits(site: &TestSite) -> Vec<Visit<usize>> {
    let visit = |n: u32| {
        let visit = Visit::get(site.http_url(&format!("/bearer?n={n}")).as_str()).unwrap();
        visit.identity("firefox151".parse().unwrap())
    };
    (1..=2).map(visit).collect()
}

#[tokio::test]
async fn they_climb_past_the_sessions_that_cannot_be_it() {
    let (site, sessions) = (TestSite::start().await.unwrap(), sessions());
    let spider = Pages {
        visits: visits(&site),
        selector: "a.product",
        escalation: ladder(["plain", "fixed", "knows"]),
    };
    let crawl = spider.crawl().sessions(&sessions).run().await.unwrap();
    let by: Vec<_> = crawl.items.iter().map(|found| found.session.as_str()).collect();
    assert_eq!((crawl.ended, by), (Ended::Finished, vec!["knows", "knows"]));
    assert_eq!((crawl.stats.failed, crawl.stats.gave_up_blocked), (0, 0));
    assert_eq!(crawl.stats.escalations["plain -> knows: status 401"], 1);
    let sent = site.requests_to("/bearer");
    assert_eq!(sent.len(), 3, "the second goes where the first got its page");
    let is_firefox = |agent: Option<&str>| agent.is_some_and(|agent| agent.contains("Firefox/151"));
    assert!(sent.iter().all(|request| is_firefox(request.header("user-agent"))));
    sessions.close().await.unwrap();
    site.close().await;
}

#[tokio::test]
async fn where_no_session_above_can_be_it_they_are_blocked_where_they_are() {
    let (site, sessions) = (TestSite::start().await.unwrap(), sessions());
    let spider = Pages {
        visits: visits(&site)[..1].to_vec(),
        selector: "a.product",
        escalation: ladder(["plain", "fixed"]),
    };
    let crawl = spider.crawl().sessions(&sessions).run().await.unwrap();
    assert_eq!((crawl.ended, crawl.items.len()), (Ended::Finished, 0));
    assert_eq!((crawl.stats.failed, crawl.stats.gave_up_blocked), (0, 1));
    assert!(crawl.stats.escalations.is_empty());
    assert_eq!(crawl.stats.sessions["plain"].requests, 2, "retried where it is");
    sessions.close().await.unwrap();
    site.close().await;
}
