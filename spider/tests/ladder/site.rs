//! One site with hosts of all kinds, and real sessions on all rungs.

use std::time::Duration;

use silkroute_manager::{SessionExt as _, SessionManager};
use silkroute_session_dynamic::DynamicSession;
use silkroute_session_http::HttpSession;
use silkroute_session_stealth::StealthSession;
use silkroute_spider::{Ended, Escalation, Output, Page, Result, Settings, Spider, Starts, Visit};
use silkroute_testkit::site::{TestSite, known};

use crate::no_browser;

const RUNGS: [&str; 3] = ["http", "dynamic", "stealth"];
/// The header by which the site can tell the sessions apart. The browser of the last has none of its own.
const BY: &str = "x-by";

/// What browsers have where the machine is busy.
const LONG: Duration = Duration::from_secs(60);

/// Visits one page after the other, in so many rows at once.
struct Tour {
    urls: Vec<String>,
    at_once: usize,
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
        Settings::default()
            .concurrency(self.at_once)
            .escalation(Escalation::ladder(RUNGS))
    }

    fn start_requests(&self) -> Starts<'_, usize> {
        let starts = self.urls.iter().enumerate().take(self.at_once);
        let starts = starts.map(|(nth, url)| Ok(Visit::get(url)?.step(nth)));
        Box::pin(futures_util::stream::iter(starts.collect::<Vec<_>>()))
    }

    async fn parse(&self, page: Page<usize>, out: &mut Output<Self>) -> Result {
        let had = Had {
            host: page.url().host_str().unwrap_or_default().to_owned(),
            session: page.response().session().unwrap_or_default().to_owned(),
            count: page.css("a.product")?.get_all().len(),
            starts: RUNGS.map(|id| starts(&self.sessions, id)),
        };
        out.item(had).await?;
        let next = page.step() + self.at_once;
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

/// The three kinds. Only the browsers send what a browser sends.
fn sessions() -> SessionManager {
    let sessions = SessionManager::new();
    let http = HttpSession::builder().impersonate("none").header(BY, "http");
    let dynamic = DynamicSession::builder()
        .start_timeout(LONG)
        .timeout(LONG)
        .network_idle(true)
        .extra_header(BY, "dynamic")
        .unwrap();
    let stealth = StealthSession::builder()
        .start_timeout(LONG)
        .timeout(LONG)
        .solve_challenge(true);
    sessions.add("http", http.build().unwrap()).unwrap();
    sessions.add("dynamic", dynamic.build().unwrap().lazy()).unwrap();
    sessions.add("stealth", stealth.build().unwrap().lazy()).unwrap();
    sessions
}

const PLAIN: &str = "plain.test.localhost";
const REFUSES: &str = "refuses.test.localhost";
const SCRIPTS: &str = "scripts.test.localhost";
const GUARDED: &str = "127.0.0.1";
const PATHS: [(&str, &str); 4] = [
    (PLAIN, "/shop"),
    (REFUSES, "/shop/browsers-only"),
    (SCRIPTS, "/js/list"),
    (GUARDED, "/challenge/managed"),
];

/// A page of each host.
fn round(site: &TestSite, n: usize) -> [String; 4] {
    PATHS.map(|(host, path)| {
        let mut url = site.http_url(&format!("{path}?n={n}"));
        url.set_host(Some(host)).unwrap();
        url.to_string()
    })
}

/// How often each session asked for pages of a host.
fn asked(site: &TestSite, host: &str) -> [usize; 3] {
    let (_, path) = PATHS.iter().find(|(known, _)| *known == host).unwrap();
    let requests = site.requests_to(path);
    let of = |by: &str| {
        let by = requests
            .iter()
            .filter(|request| request.header(BY).unwrap_or("stealth") == by);
        by.filter(|request| request.host_name() == host).count()
    };
    RUNGS.map(of)
}

#[tokio::test]
async fn hosts_that_refuse_http_need_scripts_or_pose_a_challenge_give_every_page_from_the_rung_they_need() {
    if no_browser() {
        return;
    }
    let site = TestSite::start().await.unwrap();
    let sessions = sessions();
    let tour = Tour {
        urls: [round(&site, 1), round(&site, 2)].concat(),
        at_once: 1,
        sessions: sessions.clone(),
    };
    let crawl = tour.crawl().sessions(&sessions).run().await.unwrap();

    assert_eq!(crawl.ended, Ended::Finished);
    let all = [1, 1, 1];
    assert_eq!(
        crawl.items,
        [
            had(PLAIN, "http", 20, [1, 0, 0]),
            had(REFUSES, "dynamic", 20, [1, 1, 0]),
            had(SCRIPTS, "dynamic", known::SCRIPTED_ITEMS, [1, 1, 0]),
            had(GUARDED, "stealth", 20, all),
            had(PLAIN, "http", 20, all),
            had(REFUSES, "dynamic", 20, all),
            had(SCRIPTS, "dynamic", known::SCRIPTED_ITEMS, all),
            had(GUARDED, "stealth", 20, all),
        ],
        "a browser starts when a page first needs it, and once"
    );

    // What each host was asked for, and by whom: once by each rung on the way up, and then by the right one.
    assert_eq!(asked(&site, PLAIN), [2, 0, 0]);
    assert_eq!(asked(&site, REFUSES), [1, 2, 0]);
    assert_eq!(asked(&site, SCRIPTS), [1, 2, 0]);
    // The challenge, the page behind it, and the second page.
    assert_eq!(asked(&site, GUARDED), [1, 1, 3]);
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
            ("dynamic -> stealth: header cf-mitigated", 1),
            ("http -> dynamic: header cf-mitigated", 1),
            ("http -> dynamic: script shell", 1),
            ("http -> dynamic: status 403", 1),
        ]
    );
    sessions.close().await.unwrap();
    site.close().await;
}

#[tokio::test]
async fn with_many_at_once_too_every_page_comes_from_the_rung_it_needs() {
    const ROUNDS: usize = 8;
    const AT_ONCE: usize = 16;
    if no_browser() {
        return;
    }
    let site = TestSite::start().await.unwrap();
    let sessions = sessions();
    let tour = Tour {
        urls: (1..=ROUNDS).flat_map(|n| round(&site, n)).collect(),
        at_once: AT_ONCE,
        sessions: sessions.clone(),
    };
    let crawl = tour.crawl().sessions(&sessions).run().await.unwrap();

    assert_eq!(crawl.ended, Ended::Finished);
    for (host, session) in [
        (PLAIN, "http"),
        (REFUSES, "dynamic"),
        (SCRIPTS, "dynamic"),
        (GUARDED, "stealth"),
    ] {
        let products = if host == SCRIPTS { known::SCRIPTED_ITEMS } else { 20 };
        let of = crawl.items.iter().filter(|had| had.host == host);
        let right = of.filter(|had| had.session == session && had.count == products);
        assert_eq!(right.count(), ROUNDS, "{host}");
    }
    // Of each host at most what was under way before it was known went to the wrong one.
    let each = AT_ONCE / PATHS.len();
    let below = [
        asked(&site, REFUSES)[0],
        asked(&site, SCRIPTS)[0],
        asked(&site, GUARDED)[0],
        asked(&site, GUARDED)[1],
    ];
    assert!(below.iter().all(|wrong| (1..=each).contains(wrong)), "{below:?}");
    assert_eq!(asked(&site, PLAIN), [ROUNDS, 0, 0]);
    assert_eq!(RUNGS.map(|id| starts(&sessions, id)), [1, 1, 1]);
    sessions.close().await.unwrap();
    site.close().await;
}
