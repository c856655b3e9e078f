//! What a request may say to a pool.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use silkroute_core::SessionOptions;

/// What a request may say to a pool. Options of the kind that the pool is made of stand beside it, under that kind's name.
///
/// ```
/// use silkroute_core::{Fetch, RequestExt};
/// use silkroute_session_pool::PoolOptions;
///
/// # fn main() -> silkroute_core::Result<()> {
/// let request = Fetch::get("https://shop.test/basket")?.with(PoolOptions::default().key("customer 7"))?;
/// # let _ = request;
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PoolOptions {
    /// Requests with the same key go out by the same identity, for as long as that is in service, over restarts too: which one
    /// that is follows from their names alone. A key may equal an identity's name and still go to another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The identity that shall send it, by its name. If that one is out of service, so is the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<String>,
}

impl PoolOptions {
    /// Sets [`key`](Self::key).
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets [`identity`](Self::identity).
    #[must_use]
    pub fn identity(mut self, name: impl Into<String>) -> Self {
        self.identity = Some(name.into());
        self
    }
}

impl SessionOptions for PoolOptions {
    const KIND: &'static str = "pool";
}
