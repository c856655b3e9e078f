//! A cache from a configuration file.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use serde_json::{Value, json};
use silkroute_core::{Fetch, Registry};
use silkroute_manager::{ManagerConfig, SessionManager};
use silkroute_session_cache as _;
use silkroute_session_http as _;
use silkroute_testkit::site::TestSite;
use support::status;

#[tokio::test]
async fn a_file_puts_a_cache_before_any_kind() {
    let (site, folder) = (TestSite::start().await.unwrap(), tempfile::tempdir().unwrap());
    let text = format!(
        "[sessions.shop]\nkind = \"cache\"\ndirectory = '{}'\nsession = {{ kind = \"http\", timeout = \"7s\" }}\n",
        folder.path().display()
    );
    for expected in ["recorded", "replayed"] {
        let config = ManagerConfig::from_toml(&text).unwrap();
        let manager = SessionManager::from_config(&config, &Registry::discover().unwrap()).unwrap();
        let response = manager.fetch(Fetch::from(site.http_url("/json"))).await.unwrap();
        assert_eq!(status(&*response), expected);
        manager.close().await.unwrap();
    }
    assert_eq!(site.requests().len(), 1);
    site.close().await;
}

#[test]
fn mistakes_are_told_with_their_place() {
    let http = json!({"kind": "http"});
    for (config, hints) in [
        (json!({"session": http}), ["directory", "missing"]),
        (json!({"directory": "d", "session": {}}), ["`session`", "http"]),
        (
            json!({"directory": "d", "session": {"kind": "gopher"}}),
            ["`session.kind`", "gopher"],
        ),
        (
            json!({"directory": "d", "session": {"kind": "http", "timeuot": "1s"}}),
            ["`session", "timeuot"],
        ),
        (
            json!({"directory": "d", "mode": "rewind", "session": http}),
            ["mode", "rewind"],
        ),
        (
            json!({"directory": "d", "max_bytes": 0, "session": http}),
            ["max_bytes", "no limit"],
        ),
        (
            json!({"directory": "d", "skip_statuses": [7], "session": http}),
            ["skip_statuses", "7"],
        ),
        (
            json!({"directory": "d", "ignore_headers": ["a b"], "session": http}),
            ["ignore_headers", "a b"],
        ),
    ] {
        let config: Value = config;
        let told = Registry::discover()
            .unwrap()
            .build("cache", config.clone())
            .unwrap_err()
            .to_string();
        assert!(hints.iter().all(|hint| told.contains(hint)), "{config}: {told}");
    }
}
