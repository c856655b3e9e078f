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
