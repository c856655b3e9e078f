//! A page that grows as one scrolls, down to its end; and one that never ends, down to a bound.

use silkroute::dynamic::{AutoScroll, Toggle};
use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    if let Err(error) = silkroute::dynamic::find_browser() {
        println!("THIS EXAMPLE DID NOT RUN: {error}");
        return Ok(());
    }
    let site = TestSite::start().await?;
    let manager = SessionManager::new();
    manager.add("browser", DynamicSession::new())?;
    let bounded = AutoScroll {
        max_scrolls: 5,
        ..AutoScroll::default()
    };
    manager
        .run(async |manager| {
            for (path, scroll) in [
                ("/js/scroll?pages=4", Toggle::On(AutoScroll::default())),
                ("/js/scroll?pages=0", Toggle::On(bounded)),
            ] {
                let request = Fetch::get(site.http_url(path).as_str())?.with(PageOptions {
                    auto_scroll: Some(scroll),
                    ..PageOptions::default()
                })?;
                let response = manager.fetch(request).await?;
                let items = response.text().matches("class=\"item\"").count();
                let page = response.downcast_ref::<PageResponse>();
                let outcome = page.and_then(|page| page.step("auto_scroll")).map(|step| step.outcome);
                println!("{path}: {items} items, {outcome:?}");
            }
            Ok::<_, silkroute::Error>(())
        })
        .await?;
    site.close().await;
    Ok(())
}
