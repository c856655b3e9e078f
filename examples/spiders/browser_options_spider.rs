//! What one request may say to a browser session: what to wait for, what to do to the page, what to bring back.

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
    Dynamic,
    Clicked,
    Protected,
}

impl Spider for MySpider {
    type Item = String;
    type Step = Step;

    fn name(&self) -> &str {
        "browser_options"
    }

    fn start_urls(&self) -> Vec<String> {
        vec![self.start.clone()]
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        // What can be done to a page is named here, and asked for by name.
        let browser = DynamicSession::builder()
            .max_pages(2)
            .page_action("press", |page| Box::pin(async move { page.click("#more").await }))
            .build()?;
        sessions
            .add("http", HttpSession::new())?
            .add("browser", browser.lazy())?
            .add("stealth", StealthSession::new().lazy())?;
        Ok(())
    }

    async fn parse(&self, page: Page<Step>, out: &mut Output<Self>) -> Result {
        match page.step() {
            Step::Start => {
                let dynamic = PageOptions {
                    wait_selector: Some("#list li".into()),
                    network_idle: Some(true),
                    capture_xhr: Some("list.json".into()),
                    ..PageOptions::default()
                };
                out.visit(
                    page.follow("/js/list")?
                        .session("browser")
                        .with(dynamic)?
                        .step(Step::Dynamic),
                )
                .await?;

                let clicked = PageOptions {
                    page_action: Some("press".into()),
                    ..PageOptions::default()
                };
                out.visit(
                    page.follow("/js/click")?
                        .session("browser")
                        .with(clicked)?
                        .step(Step::Clicked),
                )
                .await?;

                // No `hide_canvas`: the stealth kind refuses it, since noise in a canvas is what gives a browser away.
                let protected = StealthOptions {
                    solve_challenge: Some(true),
                    block_webrtc: Some(true),
                    google_search: Some(true),
                    ..StealthOptions::default()
                };
                out.visit(
                    page.follow("/challenge/managed")?
                        .session("stealth")
                        .with(protected)?
                        .step(Step::Protected),
                )
                .await?;
            }
            Step::Protected => {
                let items = page.css("#protected li")?.len();
                out.item(format!("{items} items, behind a challenge")).await?;
            }
            Step::Dynamic => {
                let items = page.css("#list li")?.len();
                let shown = page
                    .response()
                    .downcast_ref::<PageResponse>()
                    .ok_or("not a browser's response")?;
                out.item(format!(
                    "{items} items, from {} captured response",
                    shown.captured_xhr.len()
                ))
                .await?;
            }
            Step::Clicked => out.item(page.css("#log li::text")?.get_all().join(", ")).await?,
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

    let crawl = spider.crawl().run().await?;
    println!("{}", crawl.items.join("\n"));
    assert!(crawl.items.contains(&"30 items, from 1 captured response".to_owned()));
    assert!(crawl.items.contains(&"20 items, behind a challenge".to_owned()));
    assert_eq!((crawl.items.len(), crawl.stats.failed), (3, 0));
    site.close().await;
    Ok(())
}
