//! The fast session for most pages, the careful one for those whose address asks for it, and for those that turn out to be
//! blocked.

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
        "switching"
    }

    fn start_urls(&self) -> Vec<String> {
        vec![self.start.clone()]
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        sessions.add("fast", HttpSession::new())?;
        sessions.add("slow", HttpSession::builder().impersonate("firefox").build()?.lazy())?;
        Ok(())
    }

    async fn parse(&self, page: Page, out: &mut Output<Self>) -> Result {
        let session = page.response().session().unwrap_or("?");
        out.item(format!("{session:<5} {} {}", page.status().as_u16(), page.url().path()))
            .await?;
        // The index of the test site links to everything that can go wrong; a few of its pages will do.
        let some = r#"a[href^="/shop"], a[href^="/login"], a[href^="/private"], a[href^="/flaky"]"#;
        for url in page.css(some)?.css("::attr(href)")?.get_all() {
            // The fast session for most pages, the slow one for specific patterns.
            let session = if url.contains("private") || url.contains("login") {
                "slow"
            } else {
                "fast"
            };
            out.visit(page.follow(&url)?.session(session)).await?;
        }
        Ok(())
    }

    fn retry_blocked(&self, visit: Visit, response: &dyn Response) -> Result<Option<Visit>> {
        println!("{} was blocked with {}", response.url().path(), response.status());
        Ok(Some(visit.session("slow")))
    }
}

#[tokio::main]
async fn main() -> Result {
    let site = TestSite::start().await?;
    let spider = MySpider {
        start: site.http_url("/").into(),
    };

    let crawl = spider.crawl().max_depth(1).run().await?;
    println!("{}", crawl.items.join("\n"));
    let fetched = |session: &str| crawl.stats.sessions[session].requests;
    println!("fast: {} requests, slow: {}", fetched("fast"), fetched("slow"));
    assert_eq!(fetched("slow"), 3, "the login, the private page, and what was blocked");
    site.close().await;
    Ok(())
}
