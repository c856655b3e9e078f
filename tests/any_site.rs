//! The example that takes a URL, at the test site.
#![cfg(all(feature = "http", feature = "select"))]
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test states its invariants by failing"
)]

use silkroute_testkit::site::TestSite;

#[path = "../examples/any_site.rs"]
#[allow(dead_code, reason = "its `main` reads the command line")]
mod any_site;

#[tokio::test]
async fn a_page_is_looked_at_by_its_url() {
    let site = TestSite::start().await.unwrap();
    let shop = site.http_url("/shop?page=1");
    let told = any_site::look_at(shop.as_str()).await.unwrap();
    let mut lines = told.lines();
    assert_eq!(lines.next().unwrap(), format!("200 OK {shop}"));
    assert!(lines.any(|line| line.starts_with("  /shop/product/")), "{told}");
    let error = any_site::look_at("shop.example").await.unwrap_err().to_string();
    assert!(error.contains("no scheme"), "{error}");
    site.close().await;
}
