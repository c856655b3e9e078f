//! A page that is empty without JavaScript: over HTTP, and through a browser.

use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    if let Err(error) = silkroute::dynamic::find_browser() {
        println!("THIS EXAMPLE DID NOT RUN: {error}");
        return Ok(());
    }
    let site = TestSite::start().await?;
    let url = site.http_url("/js/list");
    let manager = SessionManager::new();
    manager
        .add("plain", HttpSession::new())?
        .add("browser", DynamicSession::new().lazy())?;
    manager
        .run(async |manager| {
            let plain = manager.fetch(Fetch::get(url.as_str())?).await?;
            println!("over HTTP: {} items", count(&plain.text()));

            let request = Fetch::get(url.as_str())?.session("browser").with(PageOptions {
                wait_selector: Some("#list .item".into()),
                disable_resources: Some(true.into()),
                ..PageOptions::default()
            })?;
            let rendered = manager.fetch(request).await?;
            println!("rendered:  {} items", count(&rendered.text()));
            if let Some(page) = rendered.downcast_ref::<PageResponse>() {
                for step in &page.steps {
                    println!("{}: {:?} after {:.0?}", step.name, step.outcome, step.took);
                }
            }
            Ok::<_, silkroute::Error>(())
        })
        .await?;
    site.close().await;
    Ok(())
}

fn count(html: &str) -> usize {
    html.matches("class=\"item\"").count()
}
