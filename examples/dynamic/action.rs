//! Filling in a form and clicking: a closure of the session's that requests name, and a wait for what comes of it.

use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    if let Err(error) = silkroute::dynamic::find_browser() {
        println!("THIS EXAMPLE DID NOT RUN: {error}");
        return Ok(());
    }
    let site = TestSite::start().await?;
    let session = DynamicSession::builder()
        .page_action("greet", |page| {
            Box::pin(async move {
                page.fill("#name", "Ada").await?;
                page.click("#submit").await
            })
        })
        .build()?;
    let manager = SessionManager::new();
    manager.add("browser", session)?;
    let response = manager
        .run(async |manager| {
            let request = Fetch::get(site.http_url("/js/click").as_str())?.with(PageOptions {
                page_action: Some("greet".into()),
                wait_selector: Some("#greeting:not(:empty)".into()),
                screenshot: Some(true.into()),
                ..PageOptions::default()
            })?;
            manager.fetch(request).await
        })
        .await?;
    let text = response.text();
    let greeting = text
        .split("id=\"greeting\">")
        .nth(1)
        .and_then(|rest| rest.split('<').next());
    println!("the page says: {}", greeting.unwrap_or("nothing"));
    if let Some(picture) = response
        .downcast_ref::<PageResponse>()
        .and_then(|page| page.screenshot.as_ref())
    {
        println!("a picture of it has {} bytes", picture.len());
    }
    site.close().await;
    Ok(())
}
