//! Sessions that are set up one by one: headers, redirects, a timeout; and an identity that a browser shall have.

use std::time::Duration;

use silkroute::core::identity::Os;
use silkroute::http::Redirects;
use silkroute::prelude::*;
use silkroute::spider::Result;
use silkroute_testkit::site::TestSite;

struct MySpider {
    start: String,
}

impl Spider for MySpider {
    type Item = String;
    type Step = ();

    fn name(&self) -> &str {
        "configured"
    }

    fn start_urls(&self) -> Vec<String> {
        vec![self.start.clone()]
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        let http = HttpSession::builder()
            .header("User-Agent", "MyBot/1.0")
            .redirects(Redirects::All)
            .timeout(Duration::from_secs(30))
            .build()?;
        sessions.add("http", http)?;

        let identity = Identity::from_name("chrome")?.os(Os::Windows);
        let stealth = HttpSession::builder().impersonate(identity).build()?;
        sessions.add("stealth", stealth.lazy())?;
        Ok(())
    }

    async fn parse(&self, page: Page, out: &mut Output<Self>) -> Result {
        let headers: serde_json::Value = page.json()?;
        let agent = headers["user-agent"].as_str().unwrap_or("?");
        let session = page.response().session().unwrap_or("?");
        out.item(format!("{session}: {}", agent)).await?;
        if page.depth() == 0 {
            out.visit(page.follow("/headers?again")?.session("stealth")).await?;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result {
    let site = TestSite::start().await?;
    let spider = MySpider {
        start: site.http_url("/headers").into(),
    };

    let crawl = spider.crawl().run().await?;
    println!("{}", crawl.items.join("\n"));
    assert_eq!(crawl.items[0], "http: MyBot/1.0");
    assert!(crawl.items[1].starts_with("stealth: ") && crawl.items[1].contains("Windows NT 10.0"));
    site.close().await;
    Ok(())
}
