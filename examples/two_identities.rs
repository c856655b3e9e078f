//! The same kind twice, as two different browsers, each with cookies of its own.

use std::error::Error;

use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let site = TestSite::start().await?;
    let manager = SessionManager::new();
    for (id, name) in [("alice", "chrome"), ("bob", "firefox")] {
        let session = HttpSession::builder()
            .impersonate(name)
            .ca_certificate(site.ca_pem())
            .build()?;
        manager.add(id, session)?;
    }

    manager
        .run(async |manager| {
            for id in ["alice", "bob"] {
                let login = Fetch::get(site.https_url(&format!("/cookies/set?user={id}&_path=/")).as_str())?;
                manager.fetch(login.session(id)).await?;
            }
            for id in ["alice", "bob"] {
                let echo = manager
                    .fetch(Fetch::get(site.https_url("/echo").as_str())?.session(id))
                    .await?;
                let seen: serde_json::Value = echo.json()?;
                println!("{id}");
                println!("  cookies {}", seen["cookies"]);
                println!("  JA4     {}", seen["tls"]["ja4"].as_str().unwrap_or("?"));
            }
            Ok::<_, silkroute::Error>(())
        })
        .await?;
    site.close().await;
    Ok(())
}
