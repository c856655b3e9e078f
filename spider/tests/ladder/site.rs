//! One site with hosts of all kinds, and real sessions on all rungs.

use std::collections::BTreeMap;

use silkroute_manager::{SessionExt as _, SessionManager};
use silkroute_session_dynamic::DynamicSession;
use silkroute_session_http::HttpSession;
use silkroute_session_stealth::StealthSession;
use silkroute_spider::{BlockDetection, Ended, Escalation, Output, Page, Result, Settings, Spider, Starts, Visit};
use silkroute_testkit::site::{TestSite, known};

use crate::no_browser;

const RUNGS: [&str; 3] = ["http", "dynamic", "stealth"];
/// The header by which the site can tell the sessions apart. The browser of the last has none of its own.
const BY: &str = "x-by";

/// Visits one page after the other.
struct Tour {
    urls: Vec<String>,
    sessions: SessionManager,
}

#[derive(Debug, PartialEq, serde::Serialize)]
struct Had {
    host: String,
    session: String,
    /// How many products are on it.
    count: usize,
    /// How often each session had started by then.
    starts: [u64; 3],
}

impl Spider for Tour {
    type Item = Had;
    /// Which of the URLs it is.
    type Step = usize;

    fn name(&self) -> &str {
        "tour"
    }

    fn settings(&self) -> Settings {
        let detection = BlockDetection::default().statuses([401, 403]);
        let ladder = Escalation::ladder(RUNGS).detection(detection);
        Settings::default().concurrency(1).escalation(ladder)
    }

    fn start_requests(&self) -> Starts<'_, usize> {
        let first = Visit::get(&self.urls[0]).map_err(Into::into);
        Box::pin(futures_util::stream::once(async { first }))
    }

    async fn parse(&self, page: Page<usize>, out: &mut Output<Self>) -> Result {
        let had = Had {
            host: page.url().host_str().unwrap_or_default().to_owned(),
            session: page.response().session().unwrap_or_default().to_owned(),
            count: page.css("a.product")?.get_all().len(),
            starts: RUNGS.map(|id| starts(&self.sessions, id)),
        };
        out.item(had).await?;
        let next = page.step() + 1;
        if let Some(url) = self.urls.get(next) {
            out.visit(Visit::get(url)?.step(next)).await?;
        }
        Ok(())
    }
}

fn starts(sessions: &SessionManager, id: &str) -> u64 {
    sessions.get(id).unwrap().stats().starts
}

fn had(host: &str, session: &str, count: usize, starts: [u64; 3]) -> Had {
    let (host, session) = (host.to_owned(), session.to_owned());
    Had {
        host,
        session,
        count,
        starts,
    }
}

#[tokio::test]
async fn hosts_that_refuse_http_need_scripts_or_pose_a_challenge_give_every_page_from_the_rung_they_need() {
    if no_browser() {
        return;
    }
    let site = TestSite::start().await.unwrap();
    let sessions = SessionManager::new();
    let token = format!("Bearer {}", known::BEARER_TOKEN);
    let http = HttpSession::builder().header(BY, "http").build().unwrap();
    let dynamic = DynamicSession::builder()
        .network_idle(true)
        .extra_header("authorization", &token)
        .unwrap()
        .extra_header(BY, "dynamic")
        .unwrap()
        .build()
        .unwrap();
    let stealth = StealthSession::builder().solve_challenge(true).build().unwrap();
    sessions.add("http", http).unwrap();
    sessions.add("dynamic", dynamic.lazy()).unwrap();
    sessions.add("stealth", stealth.lazy()).unwrap();

    let on = |host: &str, path: &str| {
        let mut url = site.http_url(path);
        url.set_host(Some(host)).unwrap();
        url.to_string()
    };
    let (plain, refuses, scripts, guarded) = (
        "plain.test.localhost",
        "refuses.test.localhost",
        "scripts.test.localhost",
        "127.0.0.1",
    );
    let round = |n: u32| {
        [
            on(plain, &format!("/shop?page={n}")),
            on(refuses, &format!("/bearer?n={n}")),
            on(scripts, &format!("/js/list?n={n}")),
            on(guarded, &format!("/challenge/managed?n={n}")),
        ]
    };
    let tour = Tour {
        urls: [round(1), round(2)].concat(),
        sessions: sessions.clone(),
    };
    let crawl = tour.crawl().sessions(&sessions).run().await.unwrap();

    assert_eq!(crawl.ended, Ended::Finished);
    let all = [1, 1, 1];
    assert_eq!(
        crawl.items,
        [
            had(plain, "http", 20, [1, 0, 0]),
            had(refuses, "dynamic", 0, [1, 1, 0]),
            had(scripts, "dynamic", known::SCRIPTED_ITEMS, [1, 1, 0]),
            had(guarded, "stealth", 20, all),
            had(plain, "http", 20, all),
            had(refuses, "dynamic", 0, all),
            had(scripts, "dynamic", known::SCRIPTED_ITEMS, all),
            had(guarded, "stealth", 20, all),
        ],
        "a browser starts when a page first needs it, and once"
    );

    // What each host was asked for, and by whom: once by each rung on the way up, and then by the right one.
    let mut asked: BTreeMap<(String, String), usize> = BTreeMap::new();
    for path in ["/shop", "/bearer", "/js/list", "/challenge/managed"] {
        for request in site.requests_to(path) {
            let by = request.header(BY).unwrap_or("stealth").to_owned();
            *asked.entry((request.host_name().to_owned(), by)).or_default() += 1;
        }
    }
    let count = |host: &str, by: &str| asked.get(&(host.to_owned(), by.to_owned())).copied().unwrap_or(0);
    assert_eq!(RUNGS.map(|by| count(plain, by)), [2, 0, 0], "{asked:?}");
    assert_eq!(RUNGS.map(|by| count(refuses, by)), [1, 2, 0], "{asked:?}");
    assert_eq!(RUNGS.map(|by| count(scripts, by)), [1, 2, 0], "{asked:?}");
    // The challenge, the page behind it, and the second page.
    assert_eq!(RUNGS.map(|by| count(guarded, by)), [1, 1, 3], "{asked:?}");
    let sent = RUNGS.map(|id| crawl.stats.sessions[id].requests);
    assert_eq!(sent, [5, 5, 2]);
    let ways: Vec<_> = crawl
        .stats
        .escalations
        .iter()
        .map(|(way, count)| (way.as_str(), *count))
        .collect();
    assert_eq!(
        ways,
        [
            ("dynamic -> stealth: status 403", 1),
            ("http -> dynamic: script shell", 1),
            ("http -> dynamic: status 401", 1),
            ("http -> dynamic: status 403", 1),
        ]
    );
    sessions.close().await.unwrap();
    site.close().await;
}
