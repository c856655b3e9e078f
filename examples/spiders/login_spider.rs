//! Log in once with a browser, crawl on over HTTP, go on tomorrow: the login is a file, the crawl a directory.

use std::collections::BTreeSet;
use std::path::Path;

use silkroute::prelude::*;
use silkroute::spider::{Ended, ItemLog, Result};
use silkroute_testkit::site::TestSite;

struct Shop {
    account: String,
}

impl Spider for Shop {
    type Item = String;
    type Step = ();

    fn name(&self) -> &str {
        "shop"
    }

    fn start_urls(&self) -> Vec<String> {
        vec![self.account.clone()]
    }

    async fn parse(&self, page: Page, out: &mut Output<Self>) -> Result {
        // The site shows the account to nobody else: without the login it answers 403, which is a block and no page.
        if let Some(user) = page.css("p.user::text")?.get() {
            out.item(format!("the account of {user}")).await?;
            out.visit(page.follow("/shop")?).await?;
        }
        for link in page.css("a.product::attr(href), a.next::attr(href)")?.get_all() {
            out.visit(page.follow(&link)?).await?;
        }
        if page.css(".position::text")?.get().as_deref() == Some("Page 10 of 10") {
            // The end of the list: is the login still good?
            out.visit(page.follow("/account")?.again()).await?;
        }
        if let Some(name) = page.css("h1.name::text")?.get() {
            out.item(name).await?;
        }
        Ok(())
    }
}

/// Logs in as a person would, in a browser, and saves what the site gave for it. Gives how often the browser was started.
async fn log_in(form: &str, file: &Path) -> Result<u64> {
    let browser = DynamicSession::builder()
        .page_action("log in", |page| {
            Box::pin(async move {
                page.fill("#user", "demo").await?;
                page.fill("#password", "demo").await?;
                page.click("button").await
            })
        })
        .build()?;
    let manager = SessionManager::new();
    manager.add("browser", browser)?;
    let request = Fetch::get(form)?.with(PageOptions {
        page_action: Some("log in".into()),
        wait_selector: Some("p.user".into()),
        ..PageOptions::default()
    })?;
    manager.fetch(request).await?;
    let browser = manager.get("browser")?;
    browser.save_state(file).await?;
    manager.close().await?;
    Ok(browser.stats().starts)
}

#[tokio::main]
async fn main() -> Result {
    if let Err(error) = silkroute::dynamic::find_browser() {
        println!("THIS EXAMPLE DID NOT RUN: {error}");
        return Ok(());
    }
    let site = TestSite::start().await?;
    let folder = tempfile::tempdir()?;
    let login = folder.path().join("login.json");
    let directory = folder.path().join("shop.crawl");

    let started = log_in(site.http_url("/login").as_str(), &login).await?;
    assert_eq!(started, 1);

    // Each day could be a program of its own: it has the two paths, and nothing else.
    for (day, pages, ended) in [("today", 80, Ended::MaxPages), ("tomorrow", 1_000, Ended::Finished)] {
        let sessions = SessionManager::new();
        sessions.add("shop", HttpSession::new())?;
        // What the crawl kept of this session yesterday comes on top, as the newer one. Who has logged in anew since loads
        // that file in `on_start`.
        sessions.get("shop")?.load_state(&login).await?;
        let account = site.http_url("/account").to_string();
        let crawl = Shop { account }.crawl().sessions(&sessions).frontier(&directory);
        let crawl = crawl.max_pages(pages).run().await?;
        sessions.close().await?;
        println!("{day}: {} pages in all, {} are left", crawl.stats.pages, crawl.pending);
        assert_eq!((crawl.ended, crawl.pending == 0), (ended, ended == Ended::Finished));
        assert!(crawl.items.iter().any(|item| item == "the account of demo"), "{day}");
    }

    let mut items = ItemLog::open(&directory)?
        .items::<String>()
        .collect::<Result<Vec<_>, _>>()?;
    items.retain(|item| item != "the account of demo");
    println!("{} products, and one login", items.len());
    assert_eq!(items.len(), 200);
    assert_eq!(items.iter().collect::<BTreeSet<_>>().len(), 200);
    // The form and what was filled in; the browser once at the account, then each day's crawl.
    assert_eq!(
        (site.requests_to("/login").len(), site.requests_to("/account").len()),
        (2, 3)
    );
    site.close().await;
    Ok(())
}
