//! The trait that every session kind implements.

use std::fmt;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;

use crate::cookies::StorageState;
use crate::{Error, Identity, Request, Response, Result};

/// Who a session will be; see [`Session::expected_identity`].
pub type ExpectedIdentity = Pin<Box<dyn Future<Output = Option<Identity>> + Send>>;

/// A long-lived, pre-configured fetcher.
///
/// A session is built without input or output, started, asked to fetch by many tasks at the same time, and closed.
/// `start` and `close` take `&mut self`: the compiler proves that no fetch runs meanwhile, so a session keeps its live
/// state in plain fields.
///
/// # The contract
///
/// The conformance suite of `silkroute-testkit` checks what follows.
///
/// * A session that is not alive MUST refuse to fetch, at once, with an error that says so.
/// * `start` on a live session MUST succeed and change nothing. After a failed or cancelled `start` the session MUST NOT be
///   alive, MUST hold nothing once `close` has been called, and MAY be started again.
/// * `close` MUST succeed on a session that is not alive, and after it the session MUST NOT be alive. It MUST NOT wait
///   without bound. A closed session can be started again, and MUST then work as before.
/// * `fetch` MUST be cancel-safe: dropping its future releases what it held, a connection, a tab, a permit. It MUST end
///   within the request's timeout, or [`timeout`](Session::timeout) where the request has none.
/// * `fetch` MUST honour every field of [`RequestParts`](crate::RequestParts), or refuse it with
///   [`Error::Unsupported`](crate::Error::Unsupported). A response of any status is a response and not an error.
/// * A session MUST be able to be its own [`identity`](Session::identity), MUST fetch as any that it says it
///   [`can_be`](Session::can_be), and MUST refuse a request that is to look like another. Once it has started it MUST be who
///   it was [expected](Session::expected_identity) to be, where it said so.
/// * Options of its own kind that it does not know MUST be refused with [`Error::Options`](crate::Error::Options); those of
///   other kinds MUST be ignored. `Authorization` and a request's own cookies MUST NOT follow a redirect to another origin.
/// * A session that gives its [`storage_state`](Session::storage_state) MUST give all that it would need to go on as the same visitor,
///   and MUST take it back with [`load_storage_state`](Session::load_storage_state); one that keeps no state leaves both as they are.
/// * `kind`, `concurrency` and `timeout` MUST stay what they are for the session's whole life.
/// * `fetch` MUST NOT write to the request's `meta`; it puts facts of its own on the response.
/// * `Debug`, errors and logs MUST NOT show passwords, cookies or `Authorization` values.
/// * Dropping a session that was not closed MUST NOT block, and SHOULD release what it can.
#[doc(alias = "downloader")]
#[doc(alias = "middleware")]
#[async_trait]
pub trait Session: fmt::Debug + Send + Sync + 'static {
    /// The name of its kind, such as `http`.
    fn kind(&self) -> &'static str;

    /// Whether it can fetch: it was started, was not closed, and has not died since. Cheap; asked before every fetch.
    fn is_alive(&self) -> bool;

    /// How many fetches it can serve at once; `None`: no limit of its own. Asked once, when a manager takes the session:
    /// requests beyond it wait in the manager, in order.
    fn concurrency(&self) -> Option<NonZeroUsize> {
        None
    }

    /// The time a fetch may take when its request names none. 30 s unless the session says otherwise.
    fn timeout(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// The `User-Agent` of its requests, where it is the same for all that do not name their own and is known; a crawl that
    /// obeys robots.txt looks for its rules by it.
    fn user_agent(&self) -> Option<String> {
        None
    }

    /// Who it is to all requests that do not say otherwise, where it is one, to the last header, and is known; a browser's is
    /// once it has started. `None`, unless a kind says otherwise. A ladder of sessions has others look like it when they
    /// bring its cookies.
    fn identity(&self) -> Option<Identity> {
        None
    }

    /// Who it is once it has started, found out without a start; its [`identity`](Session::identity) where that is known.
    /// `None` where it cannot be told, which is what a kind does that says nothing. A ladder of sessions asks when a crawl
    /// begins, so that a site sees one visitor from the first request on.
    ///
    /// The future borrows nothing, as nobody can hold a session that is not started. It MUST end by itself within seconds, and
    /// MUST NOT make the session alive or reach a site.
    fn expected_identity(&self) -> ExpectedIdentity {
        Box::pin(std::future::ready(self.identity()))
    }

    /// Whether it would honour a request with this [`identity`](crate::RequestParts::identity): its own, unless a kind can be
    /// others too. Cheap, and the same alive or not, once its own is known.
    fn can_be(&self, identity: &Identity) -> bool {
        self.identity().as_ref() == Some(identity)
    }

    /// Whether nothing that a server sees would say otherwise, TLS included, if it looked like this identity. One that can be
    /// it in words alone is not. By default its own identity is the only one. Cheap.
    fn can_be_exactly(&self, identity: &Identity) -> bool {
        self.identity().as_ref() == Some(identity)
    }

    /// Acquires what it needs to fetch. Not cancel-safe on its own: call [`close`](Session::close) after dropping its future.
    ///
    /// # Errors
    /// Whatever keeps it from fetching; it is then not alive.
    async fn start(&mut self) -> Result<()>;

    /// Brings back the response to a request. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Fetch`](crate::Error::Fetch) when no response came, [`Error::Options`](crate::Error::Options) or
    /// [`Error::Unsupported`](crate::Error::Unsupported) when the request asks for what the session cannot do.
    async fn fetch(&self, request: &dyn Request) -> Result<Box<dyn Response>>;

    /// Releases everything. Safe to call again.
    ///
    /// # Errors
    /// Something could not be released; the session counts as closed all the same.
    async fn close(&mut self) -> Result<()>;

    /// What it keeps of the sites it visited: cookies and, where it is a browser, local storage. Cancel-safe.
    ///
    /// With [`StorageState::write`] that is a login on disk:
    ///
    /// ```no_run
    /// # use silkroute_core::{Result, Session, cookies::StorageState};
    /// # async fn example(today: &dyn Session, tomorrow: &dyn Session) -> Result<()> {
    /// today.storage_state().await?.write("shop.json")?;
    /// tomorrow.load_storage_state(&StorageState::read("shop.json")?).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] where the kind keeps nothing or cannot tell, which is what a kind does that says nothing.
    async fn storage_state(&self) -> Result<StorageState> {
        Err(no_storage_state(self.kind()))
    }

    /// Puts a storage state on top of what it keeps. A live session uses it from its next fetch on; one that is not alive keeps
    /// it for its start, or refuses. Cancel-safe.
    ///
    /// # Errors
    /// [`Error::Unsupported`] as [`storage_state`](Session::storage_state); [`Error::Invalid`] naming what in it cannot be, and then nothing was taken.
    async fn load_storage_state(&self, state: &StorageState) -> Result<()> {
        let _ = state;
        Err(no_storage_state(self.kind()))
    }
}

fn no_storage_state(kind: &str) -> Error {
    Error::Unsupported {
        kind: kind.to_owned(),
        what: "saving and loading its state".to_owned(),
        instead: "use a kind that keeps cookies, such as http".to_owned(),
    }
}
