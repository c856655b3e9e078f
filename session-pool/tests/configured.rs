//! A pool from a configuration file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use silkroute_core::{Fetch, Registry};
use silkroute_manager::{ManagerConfig, SessionManager};
use silkroute_session_http as _;
use silkroute_session_pool as _;
use silkroute_testkit::site::TestSite;
use support::{header, proxies, who};

fn refusal(config: Value) -> String {
    Registry::discover()
        .unwrap()
        .build("pool", config)
        .unwrap_err()
        .to_string()
}

#[tokio::test]
async fn a_file_makes_a_pool_of_any_kind() {
    let site = TestSite::start().await.unwrap();
    let servers = proxies(2).await;
    let text = format!(
        r#"
        [sessions.shop]
        kind = "pool"
        size = 6
        proxies = ["{}", "{}"]
        session = {{ kind = "http", timeout = "7s" }}
        vary = {{ impersonate = ["chrome", "firefox"] }}
        "#,
        servers[0].url_http(),
        servers[1].url_http()
    );
    let config = ManagerConfig::from_toml(&text).unwrap();
    let manager = SessionManager::from_config(&config, &Registry::discover().unwrap()).unwrap();
    let (mut names, mut agents) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..12 {
        let response = manager.fetch(Fetch::from(site.http_url("/echo"))).await.unwrap();
        names.insert(who(&*response));
        agents.insert(header(&response.json().unwrap(), "user-agent").unwrap());
    }
    assert_eq!(names.len(), 6);
    assert!((1..=2).contains(&agents.len()));
    assert_eq!((servers[0].log().len(), servers[1].log().len()), (6, 6));
    manager.close().await.unwrap();
    site.close().await;
}

#[test]
fn mistakes_are_told_with_their_place() {
    for (config, hints) in [
        (json!({"size": 2, "session": {}}), ["`session`", "http"]),
        (
            json!({"size": 2, "session": {"kind": "gopher"}}),
            ["`session.kind`", "gopher"],
        ),
        (
            json!({"size": 2, "session": {"kind": "http", "timeuot": "1s"}}),
            ["`session", "timeuot"],
        ),
        (json!({"session": {"kind": "http"}}), ["`size`", "`names`"]),
        (
            json!({"size": 2, "names": ["a"], "session": {"kind": "http"}}),
            ["`size`", "`names`"],
        ),
        (json!({"size": 0, "session": {"kind": "http"}}), ["size", "nonzero"]),
        (json!({"names": ["a/b"], "session": {"kind": "http"}}), ["a/b", "name"]),
        (
            json!({"size": 2, "assign": "hots", "session": {"kind": "http"}}),
            ["assign", "hots"],
        ),
        (
            json!({"size": 2, "vary": {"impersonate": []}, "session": {"kind": "http"}}),
            ["vary.impersonate", "empty"],
        ),
        (
            json!({"size": 2, "proxies": ["h:1"], "session": {"kind": "http", "proxy": "http://u:hush@h:2"}}),
            ["session.proxy", "keep one"],
        ),
        (
            json!({"size": 2, "proxies": ["h:1"], "vary": {"proxy": ["h:2", "h:3"]}, "session": {"kind": "http"}}),
            ["vary.proxy", "keep one"],
        ),
        (
            json!({"size": 2, "blocked_statuses": [7], "session": {"kind": "http"}}),
            ["blocked_statuses", "7"],
        ),
    ] {
        let told = refusal(config.clone());
        assert!(hints.iter().all(|hint| told.contains(hint)), "{config}: {told}");
        assert!(!told.contains("hush"), "{told}");
    }
}
