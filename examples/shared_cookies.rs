//! One cookie jar for two sessions: log in with one, go on with the other, save the state, and go on tomorrow.

use std::error::Error;

use silkroute::core::cookies::StorageState;
use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let site = TestSite::start().await?;
    let account = site.https_url("/account");
    let jar = CookieJar::new();
    let session = |jar: &CookieJar| {
        HttpSession::builder()
            .cookie_jar(jar.clone())
            .ca_certificate(site.ca_pem())
            .build()
    };

    let manager = SessionManager::new();
    manager.add("login", session(&jar)?)?.add("pages", session(&jar)?)?;
    manager
        .run(async |manager| {
            let before = manager.fetch(Fetch::get(account.as_str())?.session("pages")).await?;
            println!("before the login: {}", before.status());

            let form = Fetch::post(site.https_url("/login").as_str())?.session("login");
            manager
                .fetch(form.form([("user", "demo"), ("password", "demo")]))
                .await?;

            let after = manager.fetch(Fetch::get(account.as_str())?.session("pages")).await?;
            println!("after the login, by the other session: {}", after.status());
            Ok::<_, silkroute::Error>(())
        })
        .await?;

    let folder = tempfile::tempdir()?;
    let file = folder.path().join("state.json");
    jar.storage_state().write(&file)?;

    let tomorrow = CookieJar::new();
    tomorrow.load(&StorageState::read(&file)?)?;
    let manager = SessionManager::new();
    manager.add("pages", session(&tomorrow)?)?;
    let again = manager
        .run(async |manager| manager.fetch(Fetch::get(account.as_str())?).await)
        .await?;
    println!("tomorrow, from the saved state: {}", again.status());
    site.close().await;
    Ok(())
}
