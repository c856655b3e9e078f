#![doc = include_str!("../README.md")]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        reason = "a test states its invariants by failing"
    )
)]

mod body;
mod charset;
pub mod cookies;
pub mod duration;
mod error;
mod fetch;
mod fetch_error;
mod fingerprint;
pub mod identity;
mod options;
mod plugin;
mod proxy;
mod redact;
mod registry;
mod request;
mod request_ext;
mod response;
mod retry;
mod session;

pub use async_trait::async_trait;

/// What [`SessionPlugin::Config`] and [`SessionOptions`] implement `JsonSchema` of. Depend on schemars 1 yourself, or derive it by
/// way of this one:
///
/// ```
/// use silkroute_core::schemars::JsonSchema;
///
/// #[derive(JsonSchema)]
/// #[schemars(crate = "silkroute_core::schemars")]
/// struct ArchiveConfig {
///     /// The HAR file.
///     path: String,
/// }
///
/// assert!(silkroute_core::schemars::schema_for!(ArchiveConfig).get("properties").is_some());
/// ```
pub use schemars;

pub use body::{Body, Multipart, Part};
pub use cookies::{Cookie, CookieJar, SameSite};
pub use error::{Error, Result};
pub use fetch::Fetch;
pub use fetch_error::{FetchError, FetchErrorKind};
pub use fingerprint::{Fingerprint, FingerprintRules, canonical_url};
pub use identity::{Identity, IdentityName};
pub use options::{Options, SessionOptions};
pub use plugin::{Registered, Registration, SessionPlugin};
pub use proxy::{Proxy, ProxyHealth, ProxyPool, ProxyScheme, Rotation};
pub use redact::{RedactedHeaders, is_secret_header, redact_mismatch, redact_url};
pub use registry::Registry;
pub use request::{Meta, Request, RequestParts};
pub use request_ext::RequestExt;
pub use response::{CacheOutcome, Hop, Response, ResponseParts, Timing};
pub use retry::{Retry, retry_after};
pub use session::{ExpectedIdentity, Session};

/// What the macros of this crate expand to. Not part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use inventory;
}
