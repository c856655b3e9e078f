//! Three sessions, each for what it is good at: an API, protected pages, pages that need JavaScript. The last two start when
//! a request first names them.

use serde::{Deserialize, Serialize};
use silkroute::prelude::*;
use silkroute::spider::Result;
use silkroute_testkit::site::TestSite;

struct MySpider {
    start: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
enum Step {
    #[default]
    Start,
    Api,
    Stealth,
    Spa,
}

impl Spider for MySpider {
    type Item = String;
    type Step = Step;

    fn name(&self) -> &str {
        "multi_session"
    }

    fn start_urls(&self) -> Vec<String> {
        vec![self.start.clone()]
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        // Fast session for APIs.
        sessions.add("api", HttpSession::new())?;
        // For protected pages.
        sessions.add("stealth", StealthSession::new().lazy())?;
        // For pages that need JavaScript.
        sessions.add("browser", DynamicSession::new().lazy())?;
        Ok(())
    }

    async fn parse(&self, page: Page<Step>, out: &mut Output<Self>) -> Result {
        match page.step() {
            Step::Start => {
                // Different sessions for different requests.
                out.visit(page.follow("/json")?.session("api").step(Step::Api)).await?;
                out.visit(page.follow("/private/")?.session("stealth").step(Step::Stealth))
                    .await?;
                let list = PageOptions {
                    wait_selector: Some("#list li".into()),
                    ..PageOptions::default()
                };
                out.visit(page.follow("/js/list")?.session("browser").with(list)?.step(Step::Spa))
                    .await?;
            }
            Step::Api => {
                let data: serde_json::Value = page.json()?;
                out.item(format!(
                    "the API gave {} fields",
                    data.as_object().map_or(0, |fields| fields.len())
                ))
                .await?;
            }
            Step::Stealth => out.item(format!("the protected page: {}", page.status())).await?,
            Step::Spa => {
                let items = page.css("#list li")?.len();
                out.item(format!("the list that a script made has {items} items"))
                    .await?;
            }
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result {
    let site = TestSite::start().await?;
    let spider = MySpider {
        start: site.http_url("/").into(),
    };

    let crawl = spider.crawl().run().await?;
    println!("{}", crawl.items.join("\n"));
    assert_eq!(
        crawl.stats.sessions.keys().collect::<Vec<_>>(),
        ["api", "browser", "stealth"]
    );
    assert!(
        crawl
            .items
            .contains(&"the list that a script made has 30 items".to_owned())
    );
    site.close().await;
    Ok(())
}
