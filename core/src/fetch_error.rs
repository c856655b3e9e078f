//! The one error type that session crates raise.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use crate::redact::redact_url;
use crate::{Request, RequestParts};

/// What kind of thing went wrong during a fetch.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FetchErrorKind {
    /// A name could not be resolved.
    Dns,
    /// No connection could be made.
    Connect,
    /// The TLS handshake failed, or the certificate was refused.
    Tls,
    /// The proxy refused, or asked for other credentials.
    Proxy,
    /// A deadline passed.
    Timeout,
    /// A redirect was refused, malformed, or one too many.
    Redirect,
    /// The peer broke the protocol or hung up in the middle.
    Protocol,
    /// The body is larger than the session takes.
    BodyLimit,
    /// The body could not be decompressed, decoded or parsed.
    Decode,
    /// The browser did not get to the page.
    Navigation,
    /// A page action, script or wait failed.
    Page,
    /// An anti-bot challenge stood in the way and was not passed.
    Challenge,
    /// The session ended under the request: its browser crashed, its process was killed.
    SessionDied,
    /// The session was closed under the request.
    Cancelled,
    /// The request asks for something that cannot be.
    Request,
    /// None of the above.
    Other,
}

impl FetchErrorKind {
    /// A short name, fit for a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Proxy => "proxy",
            Self::Timeout => "timeout",
            Self::Redirect => "redirect",
            Self::Protocol => "protocol",
            Self::BodyLimit => "body_limit",
            Self::Decode => "decode",
            Self::Navigation => "navigation",
            Self::Page => "page",
            Self::Challenge => "challenge",
            Self::SessionDied => "session_died",
            Self::Cancelled => "cancelled",
            Self::Request => "request",
            Self::Other => "other",
        }
    }

    const fn usually_retryable(self) -> bool {
        matches!(
            self,
            Self::Dns
                | Self::Connect
                | Self::Proxy
                | Self::Timeout
                | Self::Protocol
                | Self::Navigation
                | Self::SessionDied
        )
    }
}

/// A fetch that brought back no response.
///
/// It reads as one line: what was attempted, what happened, the facts around it, what to do. The cause is
/// behind [`source`](StdError::source).
///
/// ```
/// use silkroute_core::{Fetch, FetchError, FetchErrorKind};
///
/// # fn main() -> silkroute_core::Result<()> {
/// let request = Fetch::get("https://user:secret@shop.test/cart")?;
/// let error = FetchError::new(FetchErrorKind::Timeout, "no response within 5s")
///     .request(&request)
///     .context("attempts", 3)
///     .hint("raise the timeout of the request or of the session");
/// assert_eq!(
///     error.to_string(),
///     "GET https://user:***@shop.test/cart: no response within 5s (attempts: 3); raise the timeout of the request or of the session"
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FetchError {
    kind: FetchErrorKind,
    retryable: bool,
    message: String,
    attempted: Option<String>,
    context: Vec<(&'static str, String)>,
    hint: Option<String>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl FetchError {
    /// A failure of this kind, told in a few words without a final stop.
    pub fn new(kind: FetchErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            retryable: kind.usually_retryable(),
            message: message.into(),
            attempted: None,
            context: Vec::new(),
            hint: None,
            source: None,
        }
    }

    /// Notes which request failed: its method and its URL without the password.
    #[must_use]
    pub fn request(self, request: &dyn Request) -> Self {
        self.parts(request.parts())
    }

    /// [`request`](Self::request), for those who hold only the parts.
    #[must_use]
    pub fn parts(mut self, parts: &RequestParts) -> Self {
        self.attempted = Some(format!("{} {}", parts.method, redact_url(&parts.url)));
        self
    }

    /// Adds a fact. A second value under the same name replaces the first.
    #[must_use]
    pub fn context(mut self, name: &'static str, value: impl ToString) -> Self {
        self.add_context(name, value);
        self
    }

    /// [`context`](Self::context), in place.
    pub fn add_context(&mut self, name: &'static str, value: impl ToString) {
        let value = value.to_string();
        match self.context.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.context.push((name, value)),
        }
    }

    /// Says what the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Keeps the cause. It must not print secrets: it ends up in logs.
    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// Overrules whether sending the same request again may help. The kind decides otherwise.
    #[must_use]
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> FetchErrorKind {
        self.kind
    }

    /// Whether sending the same request again may help.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// Whether a deadline passed.
    pub fn is_timeout(&self) -> bool {
        self.kind == FetchErrorKind::Timeout
    }

    /// What happened, without the request and the facts around it.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The fact noted under this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.context
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(attempted) = &self.attempted {
            write!(f, "{attempted}: ")?;
        }
        f.write_str(&self.message)?;
        for (index, (name, value)) in self.context.iter().enumerate() {
            f.write_str(if index == 0 { " (" } else { ", " })?;
            write!(f, "{name}: {value}")?;
        }
        if !self.context.is_empty() {
            f.write_str(")")?;
        }
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchError")
            .field("kind", &self.kind)
            .field("retryable", &self.retryable)
            .field("text", &self.to_string())
            .field("source", &self.source)
            .finish()
    }
}

impl StdError for FetchError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_context_replaces_earlier_under_the_same_name() {
        let error = FetchError::new(FetchErrorKind::Dns, "no such host")
            .context("attempts", 1)
            .context("attempts", 2);
        assert_eq!(error.to_string(), "no such host (attempts: 2)");
        assert_eq!(error.get("attempts"), Some("2"));
    }

    #[test]
    fn the_kind_decides_about_retrying_unless_told_otherwise() {
        assert!(FetchError::new(FetchErrorKind::Connect, "refused").is_retryable());
        assert!(!FetchError::new(FetchErrorKind::Tls, "bad certificate").is_retryable());
        assert!(
            !FetchError::new(FetchErrorKind::Connect, "refused")
                .retryable(false)
                .is_retryable()
        );
    }
}
