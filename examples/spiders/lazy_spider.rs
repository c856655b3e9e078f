//! A browser that starts only if a page turns out to need it.

use serde::{Deserialize, Serialize};
use silkroute::prelude::*;
use silkroute::spider::Result;
use silkroute_testkit::site::TestSite;

struct MySpider {
    starts: Vec<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
enum Step {
    #[default]
    Plain,
    Rendered,
}

impl Spider for MySpider {
    type Item = String;
    type Step = Step;

    fn name(&self) -> &str {
        "lazy"
    }

    fn start_urls(&self) -> Vec<String> {
        self.starts.clone()
    }

    async fn parse(&self, page: Page<Step>, out: &mut Output<Self>) -> Result {
        let items = page.css("a.product::text")?.get_all();
        if matches!(page.step(), Step::Plain) && items.is_empty() {
            // Its products come by script. The browser session starts here, on first use; if no page is like this one, it
            // never does.
            let again = Visit::get(page.url().as_str())?.session("heavy").step(Step::Rendered);
            out.visit(again).await?;
        }
        for item in items {
            out.item(item).await?;
        }
        Ok(())
    }
}

fn sessions() -> Result<SessionManager> {
    let sessions = SessionManager::new();
    // Starts with the crawl.
    sessions.add("fast", HttpSession::new())?;
    // Starts when it is first used.
    sessions.add("heavy", DynamicSession::builder().network_idle(true).build()?.lazy())?;
    Ok(sessions)
}

#[tokio::main]
async fn main() -> Result {
    let site = TestSite::start().await?;
    let page = |path: &str| site.http_url(path).to_string();

    for starts in [vec![page("/shop")], vec![page("/shop"), page("/js/list")]] {
        let sessions = sessions()?;
        let crawl = MySpider { starts }.crawl().sessions(&sessions).run().await?;
        let started = sessions.get("heavy")?.stats().starts;
        println!("{} items; the browser was started {started} times", crawl.items.len());
        assert_eq!(
            (crawl.items.len(), started),
            if started == 0 { (20, 0) } else { (50, 1) }
        );
        sessions.close().await?;
    }
    site.close().await;
    Ok(())
}
