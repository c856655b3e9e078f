//! The kind, used by its name from a configuration, by a program that names its crate and nothing in it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

use silkroute_core::{Error, Fetch, Registry, RequestExt, Result};
use silkroute_manager::{ManagerConfig, SessionManager};
use silkroute_session_archive as _;

fn manager(fields: &str) -> Result<SessionManager> {
    let archive = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/shop.har");
    let text = format!("[sessions.shop]\nkind = \"archive\"\npath = '{archive}'\n{fields}");
    SessionManager::from_config(&ManagerConfig::from_toml(&text)?, &Registry::discover()?)
}

async fn error_of(manager: &SessionManager, request: Fetch) -> Error {
    match manager.fetch(request).await {
        Err(error) => error,
        Ok(response) => panic!("there is a response: {response:?}"),
    }
}

#[tokio::test]
async fn a_configured_archive_answers() {
    let manager = manager("lazy = true").unwrap();
    let page = manager.fetch(Fetch::get("https://shop.test/").unwrap()).await.unwrap();
    assert_eq!(page.url().as_str(), "https://shop.test/list?page=1");
    assert_eq!(page.history().len(), 1);
    assert_eq!(page.cookies().len(), 2, "both cookies that the redirect set");
    assert!(page.text().contains("Aurora"));
    manager.close().await.unwrap();
}

#[tokio::test]
async fn an_option_picks_one_of_several_recordings() {
    let manager = manager("").unwrap();
    let price = |index: usize| {
        let mut request = Fetch::get("https://shop.test/price").unwrap();
        silkroute_core::Request::parts_mut(&mut request)
            .options
            .set_key("archive", "recording", index);
        request
    };
    let newer: serde_json::Value = manager.fetch(price(1)).await.unwrap().json().unwrap();
    assert_eq!(newer["price"], 44.9);
    let error = error_of(&manager, price(2)).await.to_string();
    assert!(
        error.contains("no recording 2") && error.contains("there are 2"),
        "{error}"
    );
}

#[tokio::test]
async fn a_miss_names_what_is_near() {
    let manager = manager("").unwrap();
    let error = error_of(&manager, Fetch::get("https://shop.test/list?page=3").unwrap()).await;
    let text = error.to_string();
    assert!(
        text.starts_with("GET https://shop.test/list?page=3: it is not on record"),
        "{text}"
    );
    assert!(
        text.contains("nearest on record: https://shop.test/list?page=1, https://shop.test/list?page=2"),
        "{text}"
    );
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn what_a_recording_cannot_honour_is_refused_unless_told_otherwise() {
    let request = || {
        Fetch::get("https://shop.test/price")
            .unwrap()
            .header("accept", "text/plain")
            .unwrap()
    };
    let error = error_of(&manager("").unwrap(), request()).await;
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    assert!(error.to_string().contains("strict = false"), "{error}");
    manager("strict = false").unwrap().fetch(request()).await.unwrap();
}

#[tokio::test]
async fn a_missing_archive_is_told_by_its_name() {
    let config =
        ManagerConfig::from_json(r#"{"sessions": {"shop": {"kind": "archive", "path": "no/such.har"}}}"#).unwrap();
    let manager = SessionManager::from_config(&config, &Registry::discover().unwrap()).unwrap();
    let error = manager.start().await.unwrap_err().to_string();
    assert!(
        error.contains("session 'shop' did not start") && error.contains("no/such.har"),
        "{error}"
    );
}

#[test]
fn mistakes_in_a_configuration_name_their_place() {
    for (fields, place, words) in [
        ("patj = 'x'", "sessions.shop", "unknown field `patj`"),
        (
            "latency = 'fast'",
            "sessions.shop.latency",
            "neither \"none\" nor \"recorded\"",
        ),
        ("timeout = 30", "sessions.shop.timeout", "expected a string"),
    ] {
        let error = manager(fields).map(drop).unwrap_err().to_string();
        assert!(error.contains(place) && error.contains(words), "{fields}: {error}");
    }
}
