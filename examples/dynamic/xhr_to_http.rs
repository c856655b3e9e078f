//! What a page's script fetches is often all one wants. A browser shows where it comes from; an HTTP session with the same
//! cookies goes on from there, many times faster.

use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    if let Err(error) = silkroute::dynamic::find_browser() {
        println!("THIS EXAMPLE DID NOT RUN: {error}");
        return Ok(());
    }
    let site = TestSite::start().await?;
    let jar = CookieJar::new();
    let manager = SessionManager::new();
    manager
        .add("browser", DynamicSession::builder().cookie_jar(jar.clone()).build()?)?
        .add("api", HttpSession::builder().cookie_jar(jar.clone()).build()?)?;
    manager
        .run(async |manager| {
            // The site's cookies come into the jar that both sessions have.
            let welcome = site.http_url("/cookies/set?visitor=ada&_path=/");
            manager.fetch(Fetch::get(welcome.as_str())?).await?;

            let request = Fetch::get(site.http_url("/js/xhr").as_str())?.with(PageOptions {
                capture_xhr: Some("/api/".into()),
                wait_selector: Some("[data-done]".into()),
                ..PageOptions::default()
            })?;
            let page = manager.fetch(request).await?;
            let page = page
                .downcast_ref::<PageResponse>()
                .ok_or_else(|| silkroute::Error::invalid("the response", "it did not come from a browser session"))?;
            for captured in &page.captured_xhr {
                println!(
                    "the page asked {} {}: {}",
                    captured.method, captured.url, captured.status
                );
            }

            let Some(search) = page.captured_xhr.last() else {
                return Err(silkroute::Error::invalid("the page", "its script asked for nothing"));
            };
            let token = search
                .request_headers
                .get("x-token")
                .and_then(|value| value.to_str().ok());
            for query in ["wool", "linen", "cotton"] {
                let request = Fetch::post(&search.url)?
                    .session("api")
                    .header("X-Token", token.unwrap_or_default())?
                    .json(&serde_json::json!({ "query": query }))?;
                let answer = manager.fetch(request).await?;
                println!("asked over HTTP for {query}: {} {}", answer.status(), answer.text());
            }
            Ok(())
        })
        .await?;
    let asked = site.requests_to("/js/api/search");
    let last = asked.last().map(|request| request.cookies()).unwrap_or_default();
    println!("the cookies that went along: {last:?}");
    site.close().await;
    Ok(())
}
