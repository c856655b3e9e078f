//! Sessions that are set up one by one: headers, redirects, a timeout; and who a stealth browser shall be.

use std::time::Duration;

use silkroute::core::identity::Browser;
use silkroute::http::Redirects;
use silkroute::prelude::*;
use silkroute::spider::Result;
use silkroute::stealth::{Fingerprint, GivesWay};
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

        // What is said in headers, in pages and in their workers alike. What cannot be made true, such as another operating
        // system than this machine's, is refused with the reason.
        let fingerprint = Fingerprint {
            browser: Some(Browser::Chrome),
            locale: Some("de-DE".to_owned()),
            timezone: Some("Europe/Berlin".to_owned()),
            gives_way: GivesWay::Identity,
            ..Fingerprint::default()
        };
        let stealth = StealthSession::builder().fingerprint(fingerprint).build()?;
        sessions.add("stealth", stealth.lazy())?;
        Ok(())
    }

    async fn parse(&self, page: Page, out: &mut Output<Self>) -> Result {
        let headers: serde_json::Value = page.json()?;
        let said = |name: &str| headers[name].as_str().unwrap_or("?").to_owned();
        let session = page.response().session().unwrap_or("?");
        out.item(format!(
            "{session}: {}, {}",
            said("user-agent"),
            said("accept-language")
        ))
        .await?;
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
    assert!(crawl.items[0].starts_with("http: MyBot/1.0, "));
    assert!(crawl.items[1].starts_with("stealth: ") && crawl.items[1].contains(", de-DE,de;q=0.9"));
    site.close().await;
    Ok(())
}
