//! Record once, work offline: a cache before any session.

use std::error::Error;

use silkroute::cache::{CacheMode, CacheOptions, CacheSession, STATUS_META};
use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let site = TestSite::start().await?;
    let folder = tempfile::tempdir()?;
    let pages: Vec<_> = (1..=3)
        .map(|page| site.https_url(&format!("/shop?page={page}")))
        .collect();
    let session = || HttpSession::builder().ca_certificate(site.ca_pem()).build();

    let manager = SessionManager::new();
    manager.add("shop", CacheSession::builder(session()?, folder.path()).build()?)?;
    for (round, status) in [("the first time", "recorded"), ("the second time", "replayed")] {
        for page in &pages {
            let response = manager.fetch(Fetch::get(page.as_str())?).await?;
            println!(
                "{round}: {} {}, {}",
                response.status(),
                response.url().query().unwrap_or(""),
                response.meta()[STATUS_META]
            );
            assert_eq!(
                (response.status().as_u16(), &response.meta()[STATUS_META]),
                (200, &status.into())
            );
        }
    }
    assert_eq!(site.requests().len(), 3);
    let refresh = CacheOptions::default().mode(CacheMode::Refresh);
    let response = manager.fetch(Fetch::get(pages[0].as_str())?.with(refresh)?).await?;
    println!("asked to refresh: {}", response.meta()[STATUS_META]);
    assert_eq!(
        (&response.meta()[STATUS_META], site.requests().len()),
        (&"recorded".into(), 4)
    );
    manager.close().await?;

    let records = session()?;
    let other = site.https_url("/shop?page=9");
    site.close().await;
    println!("the site is gone");
    let manager = SessionManager::new();
    manager.add(
        "shop",
        CacheSession::builder(records, folder.path())
            .mode(CacheMode::Replay)
            .build()?,
    )?;
    for (number, page) in (1..).zip(&pages) {
        let response = manager.fetch(Fetch::get(page.as_str())?).await?;
        println!("{} bytes, {}", response.body().len(), response.meta()[STATUS_META]);
        assert!(response.text().contains(&format!("Page {number} of 10")));
    }
    match manager.fetch(Fetch::get(other.as_str())?).await {
        Ok(_) => return Err("a page that was never recorded was replayed".into()),
        Err(error) => println!("what was never recorded: {error}"),
    }
    manager.close().await?;
    Ok(())
}
