//! A solver of one's own, for a gate that one's own site has: it is asked whether a page is the gate, and to make an attempt.
//! How often, and for how long, is up to the session.

use silkroute::prelude::*;
use silkroute::stealth::{ChallengePage, ChallengeSolver};
use silkroute_testkit::site::TestSite;

/// A page that shows its list when its button was pressed.
#[derive(Debug)]
struct Gate;

#[silkroute::async_trait]
impl ChallengeSolver for Gate {
    fn name(&self) -> &str {
        "gate"
    }

    async fn detect(&self, page: &ChallengePage<'_>) -> Result<Option<String>> {
        let closed: bool = page
            .evaluate("!!document.querySelector('#more') && !document.querySelector('#log li')")
            .await?;
        Ok(closed.then(|| "a button".to_owned()))
    }

    async fn attempt(&self, page: &ChallengePage<'_>, kind: &str) -> Result<()> {
        println!("{kind} stands in the way");
        page.click("#more").await
    }
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    if let Err(error) = silkroute::stealth::find_browser() {
        println!("THIS EXAMPLE DID NOT RUN: {error}");
        return Ok(());
    }
    let site = TestSite::start().await?;
    let session = StealthSession::builder()
        .challenge_solver(Gate)
        .solve_challenge(true)
        .build()?;
    let manager = SessionManager::new();
    manager.add("stealth", session)?;
    let response = manager
        .run(async |manager| manager.fetch(Fetch::get(site.http_url("/js/click").as_str())?).await)
        .await?;
    if let Some(page) = response.downcast_ref::<PageResponse>() {
        println!("{:?}", page.challenge);
    }
    site.close().await;
    Ok(())
}
