//! One session, one manager, a few pages of a shop.

use std::error::Error;

use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let site = TestSite::start().await?;
    println!("a shop is open at {}\n", site.https_url("/shop"));

    let manager = SessionManager::new();
    let session = HttpSession::builder()
        .impersonate("chrome")
        .ca_certificate(site.ca_pem())
        .build()?;
    manager.add("http", session)?;

    manager
        .run(async |manager| {
            let listing = manager
                .fetch(Fetch::get(site.https_url("/shop?page=1").as_str())?)
                .await?;
            println!("{} {} in {:?}", listing.status(), listing.url(), listing.timing().total);
            for path in product_links(&listing.text()).take(5) {
                let page = manager.fetch(Fetch::get(site.https_url(&path).as_str())?).await?;
                println!("{} {path:<18} {}", page.status(), title(&page.text()));
            }

            let echo = manager
                .fetch(Fetch::get(site.https_url("/fingerprint").as_str())?)
                .await?;
            let seen: serde_json::Value = echo.json()?;
            println!("\nwhat the shop saw of us:");
            println!("  TLS       {}", seen["tls"]["ja4"].as_str().unwrap_or("?"));
            println!("  HTTP/2    {}", seen["h2"]["akamai"].as_str().unwrap_or("?"));
            for header in ["user-agent", "sec-ch-ua", "accept-language"] {
                println!("  {header:<16} {}", sent(&seen, header).unwrap_or("(not sent)"));
            }
            Ok::<_, silkroute::Error>(())
        })
        .await?;

    for session in manager.stats() {
        println!(
            "\n{}: {} fetches, {} failed",
            session.id, session.requests, session.failed
        );
    }
    site.close().await;
    Ok(())
}

fn product_links(html: &str) -> impl Iterator<Item = String> + '_ {
    html.match_indices("href=\"/shop/product/")
        .filter_map(|(at, _)| Some(html[at + 6..].split_once('"')?.0.to_owned()))
}

fn title(html: &str) -> &str {
    let inside = html.split_once("<title>").map_or("", |(_, rest)| rest);
    inside.split_once("</title>").map_or("", |(title, _)| title)
}

fn sent<'a>(seen: &'a serde_json::Value, name: &str) -> Option<&'a str> {
    let headers = seen["headers"].as_array()?;
    headers.iter().find(|header| header[0] == name)?[1].as_str()
}
