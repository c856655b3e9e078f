//! What one request may say for itself: headers, a method, a body, a session; and the step that its page is for.

use serde::{Deserialize, Serialize};
use silkroute::prelude::*;
use silkroute::spider::Result;
use silkroute_testkit::site::{TestSite, known};

struct MySpider {
    start: String,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
enum Step {
    #[default]
    Start,
    Api,
    Submitted,
}

impl Spider for MySpider {
    type Item = String;
    type Step = Step;

    fn name(&self) -> &str {
        "requests"
    }

    fn start_urls(&self) -> Vec<String> {
        vec![self.start.clone()]
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        sessions
            .add("default", HttpSession::new())?
            .add("firefox", HttpSession::builder().impersonate("firefox").build()?)?;
        Ok(())
    }

    async fn parse(&self, page: Page<Step>, out: &mut Output<Self>) -> Result {
        match page.step() {
            Step::Start => {
                // A header of this request alone.
                let token = format!("Bearer {}", known::BEARER_TOKEN);
                let api = page.follow("/bearer")?.header("Authorization", &token)?;
                out.visit(api.step(Step::Api)).await?;

                // Another method, with a form, through another session.
                let url = page.document().urljoin("/echo")?;
                let form = Visit::post(url.as_str())?.form([("field", "value")]).session("firefox");
                out.visit(form.step(Step::Submitted)).await?;
            }
            Step::Api => out.item(format!("the API answered {}", page.status())).await?,
            Step::Submitted => {
                let seen: serde_json::Value = page.json()?;
                out.item(format!("{} brought {}", seen["method"], seen["form"])).await?;
            }
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result {
    let site = TestSite::start().await?;
    let spider = MySpider {
        start: site.http_url("/shop").into(),
    };

    let mut crawl = spider.crawl().run().await?;
    crawl.items.sort();
    println!("{}", crawl.items.join("\n"));
    assert_eq!(crawl.items.len(), 2);
    assert_eq!(crawl.items[1], "the API answered 200 OK");
    site.close().await;
    Ok(())
}
