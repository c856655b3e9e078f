//! A ladder of sessions: HTTP for the pages that it gets, a browser for those it does not.

use silkroute::prelude::*;
use silkroute::spider::{Escalation, Result};
use silkroute_testkit::site::TestSite;

struct Names {
    starts: Vec<String>,
}

impl Spider for Names {
    type Item = String;
    type Step = ();

    fn name(&self) -> &str {
        "names"
    }

    fn settings(&self) -> Settings {
        Settings::default().escalation(Escalation::ladder(["http", "dynamic"]))
    }

    fn start_urls(&self) -> Vec<String> {
        self.starts.clone()
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        // Both say the same of themselves: a site sees one visitor, and cookies that are tied to the visitor go along.
        let identity = Identity::from_name("chrome149")?;
        let agent = identity.user_agent().ok_or("an identity without a version")?;
        let browser = DynamicSession::builder().user_agent(agent).network_idle(true).build()?;
        sessions.add("http", HttpSession::builder().impersonate(identity).build()?)?;
        // Starts when the first page needs it.
        sessions.add("dynamic", browser.lazy())?;
        Ok(())
    }

    async fn parse(&self, page: Page, out: &mut Output<Self>) -> Result {
        let names = page.css("a.product::text")?.get_all();
        let session = page.response().session().unwrap_or_default();
        match page.climb() {
            Some(climb) => println!("{}: {} names, by {session} ({})", page.url(), names.len(), climb.reason),
            None => println!("{}: {} names, by {session}", page.url(), names.len()),
        }
        for name in names {
            out.item(name).await?;
        }
        if page.url().query().is_none() {
            // It asks for HTTP again: where a browser was needed, it goes to the browser at once.
            out.visit(page.follow("?page=2")?).await?;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result {
    let site = TestSite::start().await?;
    // Two hosts, as far as a crawl is concerned: what works for one is not taken to work for the other.
    let here = |path: &str| site.http_url(path).to_string();
    let there = |path: &str| here(path).replace("127.0.0.1", "localhost");
    let starts = vec![here("/shop"), there("/js/list")];

    let crawl = Names { starts }.crawl().run().await?;
    for (way, count) in &crawl.stats.escalations {
        println!("{count} x {way}");
    }
    assert_eq!(crawl.items.len(), 2 * 20 + 2 * 30);
    assert_eq!(
        crawl.stats.escalations.values().sum::<u64>(),
        1,
        "the second page went to the browser at once"
    );
    site.close().await;
    Ok(())
}
