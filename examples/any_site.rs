//! A page of any site: `cargo run --features select --example any_site -- https://example.com/`

use std::env;

use silkroute::prelude::*;

#[tokio::main]
async fn main() -> Result<()> {
    match env::args().nth(1) {
        Some(url) => println!("{}", look_at(&url).await?),
        None => println!("give it the URL of a page, such as https://example.com/"),
    }
    Ok(())
}

/// The page's status, title and links.
pub(crate) async fn look_at(url: &str) -> Result<String> {
    let manager = SessionManager::new();
    manager.add("http", HttpSession::builder().impersonate("chrome").build()?)?;
    manager
        .run(async |manager| {
            let response = manager.fetch(Fetch::get(url)?).await?;
            let page = response.document();
            let mut told = format!("{} {}", response.status(), response.url());
            for found in page.css("title::text, a::attr(href)")?.get_all() {
                told.push_str("\n  ");
                told.push_str(found.trim());
            }
            Ok(told)
        })
        .await
}
