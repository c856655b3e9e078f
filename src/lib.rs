// The README's programs take these two features.
#![cfg_attr(all(feature = "http", feature = "spider"), doc = include_str!("../README.md"))]
#![cfg_attr(
    not(all(feature = "http", feature = "spider")),
    doc = "Fetches the web through sessions; see the README of the repository."
)]

pub use silkroute_core as core;
pub use silkroute_core::{
    Body, CacheOutcome, Cookie, CookieJar, Error, Fetch, FetchError, FetchErrorKind, Fingerprint, FingerprintRules,
    Hop, Identity, Meta, Multipart, Options, Part, Proxy, ProxyPool, Registration, Registry, Request, RequestExt,
    RequestParts, Response, ResponseParts, Result, Retry, Rotation, Session, SessionOptions, SessionPlugin, Timing,
    async_trait, cookies::StorageState, register_session,
};
pub use silkroute_manager as manager;
pub use silkroute_manager::{
    Entry, Limits, ManagerConfig, SessionExt, SessionHandle, SessionLease, SessionManager, SessionState, SessionStats,
};

/// The `cache` kind: records what another session fetches, and replays it.
#[cfg(feature = "cache")]
pub use silkroute_session_cache as cache;
/// The `dynamic` kind: pages that need JavaScript, rendered by a headless browser.
#[cfg(feature = "dynamic")]
pub use silkroute_session_dynamic as dynamic;

/// The `http` kind: HTTP with a browser's TLS, HTTP/2 and header fingerprint.
#[cfg(feature = "http")]
pub use silkroute_session_http as http;

/// The `pool` kind: many identities, each with its own proxy, cookies and fingerprint, behind one session.
#[cfg(feature = "pool")]
pub use silkroute_session_pool as pool;

/// The `stealth` kind: a browser that says the same of itself everywhere, and that waits at challenges.
#[cfg(feature = "stealth")]
pub use silkroute_session_stealth as stealth;

/// CSS selectors with `::text` and `::attr(name)`, on any response.
#[cfg(feature = "select")]
pub use silkroute_select as select;

/// The crawl engine: spiders whose every request goes to the session it names.
#[cfg(feature = "spider")]
pub use silkroute_spider as spider;

/// What most programs need: `use silkroute::prelude::*;`. What is named alike at the root is the same.
pub mod prelude {
    pub use silkroute_core::{
        CookieJar, Error, Fetch, Identity, Multipart, Part, Proxy, ProxyPool, Request, RequestExt, Response, Result,
        Retry, Session,
    };
    pub use silkroute_manager::{ManagerConfig, SessionExt, SessionManager};

    #[cfg(feature = "cache")]
    pub use silkroute_session_cache::{CacheMode, CacheSession};

    #[cfg(feature = "dynamic")]
    pub use silkroute_session_dynamic::{DynamicSession, PageOptions, PageResponse};

    #[cfg(feature = "http")]
    pub use silkroute_session_http::{HttpOptions, HttpResponse, HttpSession};

    #[cfg(feature = "stealth")]
    pub use silkroute_session_stealth::{ChallengeOutcome, StealthOptions, StealthSession};

    #[cfg(all(feature = "stealth", not(feature = "dynamic")))]
    pub use silkroute_session_stealth::PageResponse;

    #[cfg(feature = "pool")]
    pub use silkroute_session_pool::{PoolOptions, SessionPool};

    #[cfg(feature = "select")]
    pub use silkroute_select::{Document, SelectExt, Selector};

    #[cfg(feature = "spider")]
    pub use silkroute_spider::{Crawl, CrawlError, Output, Page, Settings, Spider, Visit};
}

/// The kinds that this build's features bring, listed by hand: a linker may drop what only registers itself.
static BUILT_IN: &[&Registration] = &[
    #[cfg(feature = "cache")]
    &silkroute_session_cache::REGISTRATION,
    #[cfg(feature = "dynamic")]
    &silkroute_session_dynamic::REGISTRATION,
    #[cfg(feature = "http")]
    &silkroute_session_http::REGISTRATION,
    #[cfg(feature = "pool")]
    &silkroute_session_pool::REGISTRATION,
    #[cfg(feature = "stealth")]
    &silkroute_session_stealth::REGISTRATION,
];

/// All session kinds of this program: those of silkroute's features, and those of third parties whose crates it names.
///
/// # Errors
/// [`Error::DuplicateKind`] when two packages claim a kind.
pub fn registry() -> Result<Registry> {
    BUILT_IN
        .iter()
        .try_fold(Registry::discover()?, |registry, registration| {
            registry.with(registration)
        })
}

/// A manager with the sessions that a TOML or JSON file describes, of any kind that [`registry`] knows.
///
/// # Errors
/// [`Error::Config`] naming the place in the file that cannot be used.
pub fn from_config_file(path: impl AsRef<std::path::Path>) -> Result<SessionManager> {
    SessionManager::from_config(&ManagerConfig::read(path)?, &registry()?)
}
