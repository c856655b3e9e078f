//! A login moves: from one session to another, from one run to the next.
#![cfg(feature = "http")]
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test states its invariants by failing"
)]

use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

fn manager(site: &TestSite) -> SessionManager {
    let manager = SessionManager::new();
    let session = HttpSession::builder().ca_certificate(site.ca_pem()).build().unwrap();
    manager.add("shop", session.lazy()).unwrap();
    manager
}

async fn account(manager: &SessionManager, site: &TestSite) -> u16 {
    let request = Fetch::from(site.https_url("/account"));
    manager.fetch(request).await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_login_of_today_is_good_tomorrow() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.json");

    let today = manager(&site);
    let login = Fetch::post(site.https_url("/login").as_str()).unwrap();
    today
        .fetch(login.form([("user", "demo"), ("password", "demo")]))
        .await
        .unwrap();
    assert_eq!(account(&today, &site).await, 200);
    today.get("shop").unwrap().save_state(&file).await.unwrap();
    today.close().await.unwrap();

    let tomorrow = manager(&site);
    assert_eq!(account(&tomorrow, &site).await, 403, "nobody is logged in yet");
    tomorrow.get("shop").unwrap().load_state(&file).await.unwrap();
    assert_eq!(account(&tomorrow, &site).await, 200);
    tomorrow.close().await.unwrap();
    site.close().await;
}

#[tokio::test]
async fn a_state_that_cannot_be_read_or_written_names_its_file() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let manager = manager(&site);
    let shop = manager.get("shop").unwrap();
    let missing = shop.load_state(folder.path().join("none.json")).await.unwrap_err();
    assert!(missing.to_string().contains("none.json"), "{missing}");
    let nowhere = shop.save_state(folder.path().join("no/such.json")).await.unwrap_err();
    assert!(nowhere.to_string().contains("such.json"), "{nowhere}");
    manager.close().await.unwrap();
    site.close().await;
}

/// What a browser saved in local storage is on disk for the next run of its pool, and goes through an HTTP session unharmed.
#[cfg(all(feature = "dynamic", feature = "pool"))]
#[tokio::test(flavor = "multi_thread")]
async fn identities_of_browsers_keep_local_storage_over_a_restart() {
    use silkroute::core::cookies::StorageState;
    use silkroute::dynamic::{DynamicSession, find_browser};
    use silkroute::pool::SessionPool;

    if let Err(error) = find_browser() {
        assert!(
            std::env::var("SILKROUTE_REQUIRE_BROWSER").as_deref() != Ok("1"),
            "{error}"
        );
        eprintln!("BROWSER TESTS DID NOT RUN: {error}");
        return;
    }
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let pool = || {
        let session = |_: &silkroute::pool::Member| {
            DynamicSession::builder()
                .keep_local_storage(true)
                .retry(Retry::none())
                .build()
        };
        let pool = SessionPool::builder().identities(1, session).directory(folder.path());
        let manager = SessionManager::new();
        manager.add("shop", pool.build().unwrap().lazy()).unwrap();
        manager
    };
    let shown = async |manager: &SessionManager, path: &str| {
        let page = manager.fetch(Fetch::from(site.http_url(path))).await.unwrap();
        let html = page.text().into_owned();
        html.split_once("<p id=\"user\">")
            .unwrap()
            .1
            .split_once('<')
            .unwrap()
            .0
            .to_owned()
    };
    let today = pool();
    assert_eq!(shown(&today, "/js/login?user=ada").await, "ada");
    today.close().await.unwrap();

    // An HTTP session that was lent the state gives all of it back.
    let file = folder.path().join("identity-001.json");
    let saved = StorageState::read(&file).unwrap();
    let mut http = HttpSession::new();
    http.start().await.unwrap();
    http.load_storage_state(&saved).await.unwrap();
    http.fetch(&Fetch::from(site.http_url("/js/account"))).await.unwrap();
    assert_eq!(http.storage_state().await.unwrap(), saved);
    http.storage_state().await.unwrap().write(&file).unwrap();

    let tomorrow = pool();
    assert_eq!(shown(&tomorrow, "/js/account").await, "ada");
    tomorrow.close().await.unwrap();
    site.close().await;
}
