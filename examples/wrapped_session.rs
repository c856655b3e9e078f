//! A session around another: what sees every request before it goes out, and every response, which other tools call
//! middleware. This one numbers the requests and tells what became of each. The manager, spiders and pools take it like any
//! other session.

use std::error::Error;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use silkroute::async_trait;
use silkroute::core::ExpectedIdentity;
use silkroute::core::cookies::StorageState;
use silkroute::prelude::*;
use silkroute_testkit::site::TestSite;

#[derive(Debug)]
struct Numbered<S> {
    inner: S,
    last: AtomicU64,
}

#[async_trait]
impl<S: Session> Session for Numbered<S> {
    async fn fetch(&self, request: &dyn Request) -> Result<Box<dyn Response>> {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        // The request may be sent again, by others too: what changes is a copy.
        let numbered = Fetch::from(request.parts().clone()).header("X-Request-Number", &number.to_string())?;
        let outcome = self.inner.fetch(&numbered).await;
        match &outcome {
            Ok(response) => println!("{number}: {} {}", response.status(), response.url()),
            Err(error) => println!("{number}: {error}"),
        }
        outcome
    }

    // All else is the inner session's.
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }
    fn is_alive(&self) -> bool {
        self.inner.is_alive()
    }
    fn concurrency(&self) -> Option<NonZeroUsize> {
        self.inner.concurrency()
    }
    fn timeout(&self) -> Duration {
        self.inner.timeout()
    }
    fn user_agent(&self) -> Option<String> {
        self.inner.user_agent()
    }
    fn identity(&self) -> Option<Identity> {
        self.inner.identity()
    }
    fn expected_identity(&self) -> ExpectedIdentity {
        self.inner.expected_identity()
    }
    fn can_be(&self, identity: &Identity) -> bool {
        self.inner.can_be(identity)
    }
    fn can_be_exactly(&self, identity: &Identity) -> bool {
        self.inner.can_be_exactly(identity)
    }
    async fn start(&mut self) -> Result<()> {
        self.inner.start().await
    }
    async fn close(&mut self) -> Result<()> {
        self.inner.close().await
    }
    async fn storage_state(&self) -> Result<StorageState> {
        self.inner.storage_state().await
    }
    async fn load_storage_state(&self, state: &StorageState) -> Result<()> {
        self.inner.load_storage_state(state).await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let site = TestSite::start().await?;
    let inner = HttpSession::builder().ca_certificate(site.ca_pem()).build()?;
    let last = AtomicU64::new(0);
    let manager = SessionManager::new();
    manager.add("http", Numbered { inner, last })?;
    manager
        .run(async |manager| {
            for path in ["/shop", "/status/404", "/echo"] {
                manager.fetch(Fetch::get(site.https_url(path).as_str())?).await?;
            }
            Ok::<_, silkroute::Error>(())
        })
        .await?;

    let third = site.requests_to("/echo");
    let seen = third.first().and_then(|request| request.header("x-request-number"));
    println!("the site saw the number {}", seen.unwrap_or("(none)"));
    site.close().await;
    Ok(())
}
