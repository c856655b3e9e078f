//! A listing behind a challenge: a browser passes it once, and an HTTP session with the same cookies and the same headers goes
//! on, many times faster. Here on a test site of ours; elsewhere only where the site's operator agrees.

use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    if let Err(error) = silkroute::stealth::find_browser() {
        println!("THIS EXAMPLE DID NOT RUN: {error}");
        return Ok(());
    }
    let site = TestSite::start().await?;
    let listing = site.http_url("/challenge/managed");
    let jar = CookieJar::new();

    let mut browser = StealthSession::builder()
        .solve_challenge(true)
        .timeout(std::time::Duration::from_secs(60))
        .cookie_jar(jar.clone())
        .build()?;
    browser.start().await?;
    let first = browser.fetch(&Fetch::get(listing.as_str())?).await?;
    if let Some(page) = first.downcast_ref::<PageResponse>() {
        println!("the browser got {}: {:?}", first.status(), page.challenge);
    }

    // A clearance is good for the user agent that got it: the HTTP session says what the browser says.
    let headers = browser.headers().unwrap_or_default();
    browser.close().await?;
    let http = headers
        .iter()
        .fold(HttpSession::builder().cookie_jar(jar), |builder, (name, value)| {
            builder.header(name.as_str(), value.to_str().unwrap_or_default())
        });
    let manager = SessionManager::new();
    manager.add("http", http.build()?)?;
    manager
        .run(async |manager| {
            for page in 1..=3 {
                let url = format!("{listing}?page={page}");
                let response = manager.fetch(Fetch::get(&url)?).await?;
                let products = response.text().matches("class=\"product\"").count();
                println!("over HTTP, page {page}: {} with {products} products", response.status());
                if response.status() != 200 {
                    return Err(silkroute::Error::invalid("the clearance", "it is not good for HTTP"));
                }
            }
            Ok(())
        })
        .await?;
    site.close().await;
    Ok(())
}
