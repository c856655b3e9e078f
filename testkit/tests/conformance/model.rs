//! A small session that keeps the contract, unless it is told which rule to break.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::StatusCode;
use silkroute_core::identity::Browser;
use silkroute_core::{
    Error, ExpectedIdentity, Fetch, FetchError, FetchErrorKind, Identity, RedactedHeaders, Request, Response, Result,
    Session, async_trait,
};
use tokio::sync::SemaphorePermit;

use crate::exchange::{Inner, KIND, PLACES};
use crate::sabotage::Sabotage;

pub(crate) struct Model {
    inner: Arc<Inner>,
    client: Option<reqwest::Client>,
    starts: usize,
    closes: usize,
    /// Whether somebody asked who it will be.
    asked: AtomicBool,
}

/// A place in the session while a fetch runs.
struct Place<'a> {
    permit: Option<SemaphorePermit<'a>>,
    lost: bool,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take().filter(|_| self.lost) {
            permit.forget();
        }
    }
}

impl Model {
    pub(crate) fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
            client: None,
            starts: 0,
            closes: 0,
            asked: AtomicBool::new(false),
        }
    }

    fn does(&self, sabotage: Sabotage) -> bool {
        self.inner.does(sabotage)
    }
}

#[async_trait]
impl Session for Model {
    fn kind(&self) -> &'static str {
        if self.does(Sabotage::ChangesItsKind) && self.client.is_some() {
            "model-alive"
        } else {
            KIND
        }
    }

    fn is_alive(&self) -> bool {
        match self.inner.sabotage {
            Some(Sabotage::IsBornAlive) => self.closes == 0,
            Some(Sabotage::SaysAliveWhenClosed) => self.starts > 0,
            Some(Sabotage::ComesAliveWhenAsked) if self.asked.load(Ordering::Relaxed) => true,
            _ => self.client.is_some(),
        }
    }

    fn concurrency(&self) -> Option<NonZeroUsize> {
        NonZeroUsize::new(if self.does(Sabotage::ChangesItsLimits) {
            10 + self.starts
        } else {
            PLACES
        })
    }

    fn timeout(&self) -> Duration {
        self.inner.timeout
    }

    fn expected_identity(&self) -> ExpectedIdentity {
        self.asked.store(true, Ordering::Relaxed);
        match self.inner.sabotage {
            Some(Sabotage::BecomesAnother) if self.client.is_none() => {
                Box::pin(std::future::ready(Some(Identity::new(Browser::Chrome))))
            }
            Some(Sabotage::NeverSaysWho) => Box::pin(std::future::pending()),
            _ => Box::pin(std::future::ready(None)),
        }
    }

    fn can_be(&self, _: &Identity) -> bool {
        self.does(Sabotage::ChangesTheAgentAlone)
    }

    async fn start(&mut self) -> Result<()> {
        let again = (self.does(Sabotage::CannotStartTwice) && self.client.is_some())
            || (self.does(Sabotage::CannotStartAgain) && self.closes > 0);
        if again {
            return Err(Error::invalid("start", "it was started before"));
        }
        if self.client.is_none() {
            self.client = Some(self.inner.client(self.inner.proxy.as_ref())?);
            self.starts += 1;
        }
        Ok(())
    }

    async fn fetch(&self, request: &dyn Request) -> Result<Box<dyn Response>> {
        let parts = request.parts();
        let client = match &self.client {
            Some(client) => client.clone(),
            None if self.does(Sabotage::FetchesWithoutAStart) => self.inner.client(None)?,
            None => {
                return Err(FetchError::new(FetchErrorKind::Other, "the session is not started")
                    .parts(parts)
                    .into());
            }
        };
        if self.does(Sabotage::TakesOneTypeOfRequest) && request.downcast_ref::<Fetch>().is_none() {
            return Err(Error::invalid("the request", "it is no Fetch"));
        }
        self.inner.check(parts)?;
        let permit = self
            .inner
            .places
            .acquire()
            .await
            .map_err(|e| Error::invalid("place", e))?;
        let mut place = Place {
            permit: Some(permit),
            lost: self.does(Sabotage::LosesPlacesOfCancelled),
        };
        let result = if self.does(Sabotage::GoesOnWhenCancelled) {
            let (inner, parts) = (Arc::clone(&self.inner), parts.clone());
            let task = tokio::spawn(async move { inner.within(&parts, &client).await });
            task.await.map_err(|e| Error::invalid("task", e))?
        } else {
            self.inner.within(parts, &client).await
        };
        place.lost = false;
        let response = result?;
        if self.does(Sabotage::TakesAStatusForAnError) && response.parts.status != StatusCode::OK {
            return Err(FetchError::new(FetchErrorKind::Protocol, "a bad status")
                .parts(parts)
                .into());
        }
        Ok(Box::new(response))
    }

    async fn close(&mut self) -> Result<()> {
        if self.does(Sabotage::CannotCloseTwice) && self.client.is_none() {
            return Err(Error::invalid("close", "it is closed already"));
        }
        if self.does(Sabotage::LeavesConnectionsOpen) {
            std::mem::forget(self.client.clone());
        }
        self.client = None;
        self.closes += 1;
        Ok(())
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        if self.does(Sabotage::BlocksWhenDropped) && self.client.is_some() {
            std::thread::sleep(Duration::from_secs(10));
        }
    }
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Model");
        shown
            .field("alive", &self.client.is_some())
            .field("proxy", &self.inner.proxy);
        match self.inner.sabotage {
            Some(Sabotage::ShowsHeaders) => shown.field("headers", &self.inner.headers),
            Some(Sabotage::ShowsCookies) => {
                let values: Vec<_> = self
                    .inner
                    .jar
                    .cookies()
                    .into_iter()
                    .map(|cookie| cookie.value)
                    .collect();
                shown.field("cookies", &values)
            }
            _ => shown.field("headers", &RedactedHeaders(&self.inner.headers)),
        };
        shown.finish()
    }
}
