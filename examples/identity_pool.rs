//! Many identities behind one session: each with its own proxy, browser and login, kept over restarts.

use std::collections::BTreeSet;
use std::error::Error;

use silkroute::pool::{IDENTITY_META, Member, PoolHooks, PoolOptions, SessionPool};
use silkroute::prelude::*;
use silkroute::{Session, async_trait};
use silkroute_testkit::site::{ProxyOptions, ProxyServer, TestSite};

/// What every identity does before its first request.
struct Login {
    home: String,
}

#[async_trait]
impl PoolHooks for Login {
    async fn warm_up(&self, session: &dyn Session, member: &Member) -> Result<()> {
        println!("  {} logs in", member.name());
        let form = Fetch::post(&format!("{}/login", self.home))?.form([("user", "demo"), ("password", "demo")]);
        session.fetch(&form).await.map(drop)
    }

    async fn is_valid(&self, session: &dyn Session, _: &Member) -> Result<bool> {
        let account = session.fetch(&Fetch::get(&format!("{}/account", self.home))?).await?;
        Ok(account.status().is_success())
    }
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn Error>> {
    let site = TestSite::start().await?;
    let home = site.https_url("").to_string().trim_end_matches('/').to_owned();
    let mut proxies = Vec::new();
    for user in ["north", "south"] {
        proxies.push(ProxyServer::start(ProxyOptions::default().credentials(user, "secret")).await?);
    }
    let folder = tempfile::tempdir()?;

    for day in ["today", "tomorrow"] {
        println!("{day}:");
        let ca = site.ca_pem().to_owned();
        let urls = proxies.iter().map(|proxy| proxy.url_http().as_str().parse::<Proxy>());
        let pool = SessionPool::builder()
            .identities(4, move |member| {
                let session = HttpSession::builder()
                    .impersonate(member.pick(["chrome", "firefox", "safari"]))
                    .ca_certificate(ca.as_str());
                match member.proxy() {
                    Some(proxy) => session.proxy(proxy.clone()).build(),
                    None => session.build(),
                }
            })
            .proxies(ProxyPool::new(urls.collect::<Result<Vec<_>>>()?)?)
            .hooks(Login { home: home.clone() })
            .max_blocks(2)
            .directory(folder.path())
            .build()?;
        let handle = pool.handle();
        let manager = SessionManager::new();
        manager.add("shop", pool)?;
        manager
            .run(async |manager| {
                for page in 1..=4 {
                    let request = Fetch::get(&format!("{home}/shop?page={page}"))?;
                    let response = manager.fetch(request).await?;
                    println!(
                        "  page {page}: {} by {}",
                        response.status(),
                        response.meta()[IDENTITY_META]
                    );
                    assert_eq!(response.status(), 200);
                }
                // A basket is somebody's: requests with one key have one identity.
                let mut baskets = BTreeSet::new();
                for step in ["/shop", "/account"] {
                    let request = Fetch::get(&format!("{home}{step}"))?.with(PoolOptions::default().key("basket 7"))?;
                    let response = manager.fetch(request).await?;
                    println!(
                        "  basket 7: {step} {} by {}",
                        response.status(),
                        response.meta()[IDENTITY_META]
                    );
                    assert_eq!(response.status(), 200);
                    baskets.insert(response.meta()[IDENTITY_META].to_string());
                }
                assert_eq!(baskets.len(), 1, "{baskets:?}");
                for member in handle.stats() {
                    println!(
                        "  {} (generation {}): {} requests through {}",
                        member.name,
                        member.generation,
                        member.requests,
                        member.proxy.as_deref().unwrap_or("no proxy")
                    );
                }
                Ok::<_, silkroute::Error>(())
            })
            .await?;
        // Each logged in once, and not again the next day: what it had then is in the directory.
        assert_eq!(site.requests_to("/login").len(), 4, "{day}");
    }
    for proxy in &proxies {
        assert!(!proxy.log().is_empty() && proxy.log().iter().all(|entry| entry.authorized));
    }
    site.close().await;
    Ok(())
}
