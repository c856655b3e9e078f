//! Everything that a manager does: adding, looking at, fetching through, taking out and closing sessions.

use std::error::Error;

use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let site = TestSite::start().await?;
    let shop = site.http_url("/shop");

    // The first is the default, unless another is added `as_default`. Calls chain.
    let manager = SessionManager::new();
    manager
        .add("default", HttpSession::new())?
        .add(
            "api",
            HttpSession::builder().header("Accept", "application/json").build()?,
        )?
        .add("careful", HttpSession::builder().impersonate("firefox").build()?.lazy())?;
    println!("{} sessions: {}", manager.len(), manager.session_ids().join(", "));
    println!("the default is '{}'", manager.default_session_id()?);
    if manager.contains("careful") {
        println!("'careful' is there, and {:?}", manager.get("careful")?.state());
    }

    // Starts those that are not lazy, at the same time.
    manager.start().await?;
    let response = manager
        .fetch(Fetch::get(shop.as_str())?.session("default").meta("why", "to read"))
        .await?;
    println!(
        "{} {} bytes, {}",
        response.status(),
        response.text().len(),
        response.meta()["why"]
    );

    // A hundred requests that name a lazy session at once start it once.
    let fetches = (0..100).map(|_| {
        let manager = manager.clone();
        let request = Fetch::from(shop.clone()).session("careful");
        tokio::spawn(async move { manager.fetch(request).await })
    });
    for fetch in fetches.collect::<Vec<_>>() {
        assert_eq!(fetch.await??.status(), 200);
    }
    let stats = manager.get("careful")?.stats();
    println!(
        "'careful' fetched {} times and started {} time",
        stats.requests, stats.starts
    );
    assert_eq!(stats.starts, 1);

    // What is not there, or is there already.
    for error in [
        manager.get("nonexistent").err(),
        manager.add("default", HttpSession::new()).err(),
        SessionManager::new().default_session_id().err(),
    ] {
        println!("error: {}", error.ok_or("that should have failed")?);
    }

    // Taken out as it is, still running, to be used and closed by hand; or closed and gone.
    let mut outdated = manager.pop("api").await?;
    println!("'api' is out and alive: {}", outdated.is_alive());
    outdated.close().await?;
    manager.remove("careful").await?;
    println!("left: {}", manager.session_ids().join(", "));

    // Closes whatever runs. `manager.run(async |manager| ..)` does it also when something fails on the way.
    manager.close().await?;
    assert!(!manager.get("default")?.is_alive());
    site.close().await;
    Ok(())
}
