//! Fifty identities over ten proxies under load: nobody is ever taken for somebody else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use silkroute_core::{Fetch, ProxyPool, RequestExt as _, Result, Session, async_trait};
use silkroute_manager::SessionManager;
use silkroute_session_pool::{Member, PoolHooks, PoolOptions, SessionPool};
use silkroute_testkit::site::{ProxyServer, TestSite};
use support::{header, http, make, proxies, url, who};
use tokio::task::JoinSet;

const IDENTITIES: usize = 50;
const PROXIES: usize = 10;
const LOAD: usize = 64;
const REQUESTS: usize = 2_000;
/// Every so many requests, one that is blocked.
const BLOCKED: usize = 50;

/// A name that no resolver knows: only through a proxy it leads anywhere.
const HOST: &str = "public.example";
/// The request header by which the site knows whose session it is.
const WHO: &str = "x-identity";

/// What is known of an identity: the proxy it is bound to.
type Known = Arc<Mutex<HashMap<String, String>>>;

struct Cookie {
    home: url::Url,
    known: Known,
}

/// Of an identity, and of none that had its place before.
fn name(member: &Member) -> String {
    format!("{}.{}", member.name(), member.generation())
}

#[async_trait]
impl PoolHooks for Cookie {
    async fn warm_up(&self, session: &dyn Session, member: &Member) -> Result<()> {
        let proxy = member.proxy().unwrap().label();
        let before = self.known.lock().unwrap().insert(name(member), proxy);
        assert!(before.is_none(), "{} is warmed up once", name(member));
        let url = self
            .home
            .join(&format!("/cookies/set?who={}&_path=/", name(member)))
            .unwrap();
        session.fetch(&Fetch::from(url)).await.map(drop)
    }
}

/// A proxy, and the one site that it leads to: what the site sees came through the proxy, in a tunnel or not.
struct Way {
    proxy: ProxyServer,
    site: TestSite,
}

async fn ways(scheme: &str) -> Vec<Way> {
    let mut ways = Vec::new();
    for proxy in proxies(PROXIES).await {
        let site = TestSite::start().await.unwrap();
        let own = match scheme {
            "https" => site.https_url("/"),
            _ => site.http_url("/"),
        };
        let target = (Ipv4Addr::LOCALHOST, own.port().unwrap()).into();
        proxy.set_target_override(HOST, target);
        ways.push(Way { proxy, site });
    }
    ways
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_response_shows_another_identitys_cookie_or_proxy() {
    let Passed { requests, logged } = under_load("http").await;
    assert_eq!(requests, logged, "every request of the sites came through a proxy");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_tunnel_that_is_used_again_is_another_identitys() {
    let Passed { requests, logged } = under_load("https").await;
    assert!(logged * 2 < requests, "{logged} tunnels for {requests} requests");
}

/// How many requests the sites saw, and how many requests or tunnels the proxies.
struct Passed {
    requests: usize,
    logged: usize,
}

async fn under_load(scheme: &str) -> Passed {
    let ways = ways(scheme).await;
    let home: url::Url = format!("{scheme}://{HOST}/").parse().unwrap();
    let known = Known::default();
    let pool = SessionPool::builder()
        .identities(IDENTITIES, |member| {
            http(member).verify(false).header(WHO, name(member)).build()
        })
        .proxies(ProxyPool::new(ways.iter().map(|way| url(&way.proxy))).unwrap())
        .hooks(Cookie {
            home: home.clone(),
            known: Arc::clone(&known),
        })
        .max_blocks(1)
        .build()
        .unwrap();
    let handle = pool.handle();
    let manager = SessionManager::new();
    manager.add("pool", pool).unwrap();
    manager.start().await.unwrap();

    let mut tasks = JoinSet::new();
    for first in 0..LOAD {
        let (manager, home) = (manager.clone(), home.clone());
        tasks.spawn(async move {
            let mut seen = Vec::new();
            for number in (first..REQUESTS).step_by(LOAD) {
                let path = if number % BLOCKED == 7 { "/status/403" } else { "/echo" };
                let url = home.join(&format!("{path}?n={number}")).unwrap();
                let response = manager.fetch(Fetch::from(url).meta("n", number)).await.unwrap();
                assert_eq!(response.request().unwrap().parts().meta["n"], number);
                if path == "/echo" {
                    let echo: Value = response.json().unwrap();
                    seen.push((number, who(&*response), echo));
                }
            }
            seen
        });
    }
    let seen: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    assert_eq!(seen.len(), REQUESTS - REQUESTS / BLOCKED);

    // Which proxy has led which request to the site, and who has used which of its connections.
    let mut through: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut connections: BTreeMap<(usize, u64), BTreeSet<String>> = BTreeMap::new();
    let mut passed = Passed { requests: 0, logged: 0 };
    for (number, way) in ways.iter().enumerate() {
        let log = way.proxy.log();
        assert!(log.iter().all(|entry| entry.authorized), "{log:?}");
        passed.logged += log.len();
        for request in way.site.requests() {
            passed.requests += 1;
            let whose = request.header(WHO).unwrap().to_owned();
            connections
                .entry((number, request.connection))
                .or_default()
                .insert(whose);
            let query = request.query.as_deref().unwrap_or_default();
            if let Some(number) = query.strip_prefix("n=") {
                let label = url(&way.proxy).label();
                through.entry(number.parse().unwrap()).or_default().push(label);
            }
        }
    }
    if scheme == "https" {
        for users in connections.values() {
            assert_eq!(users.len(), 1, "a tunnel is one identity's: {users:?}");
        }
    }

    let known = known.lock().unwrap().clone();
    let mut agents: BTreeMap<String, String> = BTreeMap::new();
    let mut users = BTreeSet::new();
    for (number, identity, echo) in &seen {
        let cookies = echo["cookies"].as_object().unwrap();
        let shown = cookies["who"].as_str().unwrap();
        assert_eq!(cookies.len(), 1, "{cookies:?}");
        assert_eq!(
            header(echo, WHO).as_deref(),
            Some(shown),
            "the cookie is that of the identity, and not of one that had its place before"
        );
        assert_eq!(shown.rsplit_once('.').unwrap().0, identity, "it is said who it was");
        assert_eq!(
            through[number],
            [known[shown].clone()],
            "request {number} of {shown} went through its proxy, and no other"
        );
        let agent = header(echo, "user-agent").unwrap();
        let before = agents.entry(shown.to_owned()).or_insert_with(|| agent.clone());
        assert_eq!(*before, agent, "{shown} is one browser for good");
        users.insert(identity.clone());
    }
    assert_eq!(users.len(), IDENTITIES, "all identities are used");
    assert!(
        agents.values().collect::<BTreeSet<_>>().len() > 1,
        "not all are the same browser"
    );
    let retired: u32 = handle.stats().iter().map(|member| member.generation - 1).sum();
    // Blocks that come back at the same time may be of one identity.
    let blocks = u32::try_from(REQUESTS / BLOCKED).unwrap();
    assert!(
        retired > blocks / 2 && retired <= blocks,
        "blocks cost identities: {retired}"
    );
    // The address that an identity was blocked at is not the next one's.
    let mut proxies_of: BTreeMap<(&str, u32), &str> = BTreeMap::new();
    for (name, proxy) in &known {
        let (identity, generation) = name.rsplit_once('.').unwrap();
        proxies_of.insert((identity, generation.parse().unwrap()), proxy);
    }
    for ((identity, generation), proxy) in &proxies_of {
        if let Some(before) = proxies_of.get(&(*identity, generation - 1)) {
            assert_ne!(before, proxy, "{identity}.{generation}");
        }
    }

    manager.close().await.unwrap();
    for way in ways {
        way.site.close().await;
    }
    passed
}

#[tokio::test]
async fn a_state_that_is_given_to_one_identity_is_no_others() {
    let site = TestSite::start().await.unwrap();
    let pool = support::started(SessionPool::builder().identities(2, make).build().unwrap()).await;
    let handle = pool.handle();
    let asked = |path: &str, identity: &str| {
        let request = support::get(&site, path);
        request.with(PoolOptions::default().identity(identity)).unwrap()
    };
    support::fetch_ok(&pool, &asked("/cookies/set?sid=first&_path=/", "identity-001")).await;
    let mut login = handle.storage_state("identity-001").await.unwrap();
    login.cookies[0].value = "second".to_owned();
    handle.load_storage_state("identity-002", &login).await.unwrap();
    for (identity, sid) in [("identity-001", "first"), ("identity-002", "second")] {
        let page = support::fetch_ok(&pool, &asked("/cookies", identity)).await;
        assert_eq!(
            page.json::<Value>().unwrap(),
            serde_json::json!({ "sid": sid }),
            "{identity}"
        );
    }
    let error = handle.load_storage_state("nobody", &login).await.unwrap_err();
    assert!(
        error.to_string().contains("the pool has identity-001, identity-002"),
        "{error}"
    );
    assert!(
        handle.stats().iter().all(|member| member.in_flight == 0),
        "places are given back"
    );
    site.close().await;
}

#[tokio::test]
async fn a_pool_has_no_state_of_its_own_and_says_where_that_of_its_identities_is() {
    let folder = tempfile::tempdir().unwrap();
    let without = SessionPool::builder().identities(1, make);
    let with = SessionPool::builder().identities(1, make).directory(folder.path());
    for (pool, said) in [
        (without, "give the pool a `directory`"),
        (with, "its `directory` keeps that"),
    ] {
        let error = pool.build().unwrap().storage_state().await.unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
