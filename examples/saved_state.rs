//! Log in once, save the state, and go on tomorrow, on another session or another machine.

use std::error::Error;

use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let site = TestSite::start().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("shop.json");
    let session = || HttpSession::builder().ca_certificate(site.ca_pem()).build();

    let today = SessionManager::new();
    today.add("shop", session()?)?;
    let login = Fetch::post(site.https_url("/login").as_str())?.form([("user", "demo"), ("password", "demo")]);
    let welcome = today.fetch(login).await?;
    assert_eq!(welcome.url().path(), "/account");
    today.get("shop")?.save_state(&file).await?;
    today.close().await?;
    println!("today: logged in, and saved");

    // The file is Playwright's storage state: a browser's login will do as well, and a browser can go on from this one.
    let tomorrow = SessionManager::new();
    tomorrow.add("pages", session()?)?;
    tomorrow.get("pages")?.load_state(&file).await?;
    let account = tomorrow.fetch(Fetch::get(site.https_url("/account").as_str())?).await?;
    println!("tomorrow: the account answers {}", account.status());
    assert_eq!(account.status(), 200);
    assert_eq!(site.requests_to("/login").len(), 1);
    tomorrow.close().await?;
    site.close().await;
    Ok(())
}
