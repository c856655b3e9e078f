//! Several sessions under one manager: a default, one for an API, and one that starts when it is first needed.

use std::error::Error;
use std::time::Duration;

use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let site = TestSite::start().await?;
    let session = || HttpSession::builder().ca_certificate(site.ca_pem());

    let manager = SessionManager::new();
    manager
        .add("pages", session().build()?)? // the first is the default
        .add(
            "api",
            session()
                .header("Accept", "application/json")
                .timeout(Duration::from_secs(5))
                .build()?,
        )?
        .add("careful", session().impersonate("firefox").build()?.lazy())?;

    manager
        .run(async |manager| {
            for state in manager.stats() {
                println!("{:<8} {:?}", state.id, state.state);
            }

            let page = manager.fetch(Fetch::get(site.https_url("/shop").as_str())?).await?;
            println!("\nthe default fetched {}: {}", page.url().path(), page.status());

            let order = Fetch::post(site.https_url("/echo").as_str())?
                .session("api")
                .json(&serde_json::json!({"sku": 7}))?;
            let reply = manager.fetch(order).await?;
            println!(
                "'{}' posted {}",
                reply.session().unwrap_or("?"),
                reply.json::<serde_json::Value>()?["json"]
            );

            println!("'careful' is {:?}", manager.get("careful")?.state());
            manager
                .fetch(Fetch::get(site.https_url("/account").as_str())?.session("careful"))
                .await?;
            println!(
                "'careful' is {:?} after its first request",
                manager.get("careful")?.state()
            );

            let unknown = Fetch::get(site.https_url("/").as_str())?.session("nonexistent");
            if let Err(error) = manager.fetch(unknown).await {
                println!("\n{error}");
            }
            Ok::<_, silkroute::Error>(())
        })
        .await?;
    site.close().await;
    Ok(())
}
