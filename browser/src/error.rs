//! What can go wrong in the engine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use silkroute_core::{FetchError, FetchErrorKind};

/// The result of everything fallible in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a session of the protocol ended.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloseReason {
    /// [`Browser::close`](crate::Browser::close), or its drop.
    Closed,
    /// The connection broke, or the browser process ended.
    Lost(String),
    /// The target went away: its tab was closed.
    Detached,
    /// The target's renderer crashed.
    Crashed,
}

impl std::fmt::Display for CloseReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Closed => f.write_str("the browser was closed"),
            Self::Lost(why) => write!(f, "the connection to the browser is lost: {why}"),
            Self::Detached => f.write_str("its tab is gone"),
            Self::Crashed => f.write_str("its renderer crashed"),
        }
    }
}

/// Any failure of the engine. Cheap to clone; prints no credentials.
#[non_exhaustive]
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// No browser was found, or not where it was said to be.
    #[error("no browser to run: {reason}; {instead}")]
    NotFound {
        /// What was looked for.
        reason: String,
        /// How to get one.
        instead: &'static str,
    },

    /// The browser did not start.
    #[error("{} did not start: {reason}{}", executable.display(), said(stderr))]
    Launch {
        /// What was run.
        executable: PathBuf,
        /// What happened.
        reason: String,
        /// The end of what it said on its error stream.
        stderr: String,
    },

    /// The browser at the other end of a `cdp_url` cannot be reached.
    #[error("no connection to the browser at {url}: {reason}")]
    Connect {
        /// Where, without credentials and query.
        url: String,
        /// What happened.
        reason: String,
    },

    /// The other end went away: the tab, its renderer, or the whole browser.
    #[error("{what}: {reason}")]
    Gone {
        /// What was attempted.
        what: String,
        /// What went away, and why.
        reason: CloseReason,
    },

    /// A deadline passed.
    #[error("{what}: no end within {after:?}")]
    Timeout {
        /// What was waited for.
        what: String,
        /// How long it was waited for.
        after: Duration,
    },

    /// The browser answered a command with an error.
    #[error("{method}: {message} ({code})")]
    Protocol {
        /// The command.
        method: String,
        /// The protocol's number for it.
        code: i64,
        /// The browser's words.
        message: String,
    },

    /// The browser did not answer as the protocol has it.
    #[error("{method}: the browser's answer cannot be read: {reason}")]
    Malformed {
        /// The command.
        method: String,
        /// What is wrong with it.
        reason: Arc<str>,
    },

    /// The browser did not get to the page.
    #[error("the page did not open: {net_error}")]
    Navigation {
        /// Chromium's name for it, such as `net::ERR_NAME_NOT_RESOLVED`.
        net_error: String,
    },

    /// A script threw, or its value cannot be read.
    #[error("the script failed: {message}")]
    Script {
        /// What it threw, with its place.
        message: String,
    },

    /// A value given cannot be used.
    #[error("{what} is not usable: {reason}")]
    Invalid {
        /// Which value.
        what: String,
        /// Why.
        reason: String,
    },

    /// More came than the caller takes.
    #[error("{what} is larger than the {limit} bytes that are taken")]
    TooLarge {
        /// What is too large.
        what: String,
        /// The most that is taken.
        limit: usize,
    },

    /// The system refused something: a folder, a pipe, a process.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// The system's answer.
        source: Arc<std::io::Error>,
    },
}

impl Error {
    /// Whether a deadline passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout { .. })
    }

    /// Whether the tab, its renderer or the browser went away.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Gone { .. })
    }

    /// Whether the whole browser went away, so that no tab of it works any more.
    pub fn is_browser_gone(&self) -> bool {
        matches!(
            self,
            Self::Gone {
                reason: CloseReason::Closed | CloseReason::Lost(_),
                ..
            }
        )
    }

    /// Whether it is of a connection that never stood, so that nothing was sent over it. A connection that was reset or closed
    /// is not: the request may have gone through it.
    pub(crate) fn is_before_connection(&self) -> bool {
        const BEFORE: [&str; 6] = [
            "NAME_NOT_RESOLVED",
            "NAME_RESOLUTION_FAILED",
            "CONNECTION_REFUSED",
            "ADDRESS_UNREACHABLE",
            "INTERNET_DISCONNECTED",
            "ERR_CERT_",
        ];
        matches!(self, Self::Navigation { net_error } if BEFORE.iter().any(|name| net_error.contains(name)))
    }

    pub(crate) fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source: Arc::new(source),
        }
    }

    pub(crate) fn invalid(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Invalid {
            what: what.into(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn malformed(method: &str, reason: impl ToString) -> Self {
        Self::Malformed {
            method: method.to_owned(),
            reason: reason.to_string().into(),
        }
    }

    fn kind(&self) -> FetchErrorKind {
        match self {
            Self::NotFound { .. } | Self::Launch { .. } | Self::Io { .. } => FetchErrorKind::Other,
            Self::Connect { .. } => FetchErrorKind::Connect,
            Self::Gone {
                reason: CloseReason::Closed,
                ..
            } => FetchErrorKind::Cancelled,
            Self::Gone {
                reason: CloseReason::Lost(_),
                ..
            } => FetchErrorKind::SessionDied,
            Self::Gone { .. } => FetchErrorKind::Navigation,
            Self::Timeout { .. } => FetchErrorKind::Timeout,
            Self::Protocol { .. } | Self::Malformed { .. } => FetchErrorKind::Page,
            Self::Navigation { net_error } => net_error_kind(net_error),
            Self::Script { .. } => FetchErrorKind::Page,
            Self::Invalid { .. } => FetchErrorKind::Request,
            Self::TooLarge { .. } => FetchErrorKind::BodyLimit,
        }
    }
}

/// Chromium's net errors come in families that their names tell.
fn net_error_kind(net_error: &str) -> FetchErrorKind {
    let name = net_error.trim_start_matches("net::");
    let any = |words: &[&str]| words.iter().any(|word| name.contains(word));
    if any(&["PROXY", "TUNNEL", "SOCKS"]) {
        FetchErrorKind::Proxy
    } else if any(&["NAME_NOT_RESOLVED", "NAME_RESOLUTION", "ERR_DNS"]) {
        FetchErrorKind::Dns
    } else if any(&["CERT", "SSL", "ECH_"]) {
        FetchErrorKind::Tls
    } else if any(&["TOO_MANY_REDIRECTS", "UNSAFE_REDIRECT", "INVALID_REDIRECT"]) {
        FetchErrorKind::Redirect
    } else if any(&[
        "EMPTY_RESPONSE",
        "INVALID_HTTP",
        "HTTP2",
        "QUIC",
        "CONTENT_LENGTH",
        "CHUNKED",
        "HEADERS",
        "INVALID_RESPONSE",
    ]) {
        FetchErrorKind::Protocol
    } else if any(&["CONTENT_DECODING"]) {
        FetchErrorKind::Decode
    } else if any(&["TIMED_OUT"]) {
        FetchErrorKind::Timeout
    } else if any(&["CONNECTION", "ADDRESS", "INTERNET_DISCONNECTED", "NETWORK"]) {
        FetchErrorKind::Connect
    } else if any(&["UNKNOWN_URL_SCHEME", "INVALID_URL", "DISALLOWED_URL"]) {
        FetchErrorKind::Request
    } else {
        FetchErrorKind::Navigation
    }
}

impl From<Error> for FetchError {
    fn from(error: Error) -> Self {
        FetchError::new(error.kind(), error.to_string()).source(error)
    }
}

impl From<Error> for silkroute_core::Error {
    fn from(error: Error) -> Self {
        FetchError::from(error).into()
    }
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!("; it said: {stderr}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn net_errors_fall_into_the_kinds_of_core() {
        for (name, kind) in [
            ("net::ERR_NAME_NOT_RESOLVED", FetchErrorKind::Dns),
            ("net::ERR_CONNECTION_REFUSED", FetchErrorKind::Connect),
            ("net::ERR_PROXY_CONNECTION_FAILED", FetchErrorKind::Proxy),
            ("net::ERR_SOCKS_CONNECTION_FAILED", FetchErrorKind::Proxy),
            ("net::ERR_CERT_AUTHORITY_INVALID", FetchErrorKind::Tls),
            ("net::ERR_TOO_MANY_REDIRECTS", FetchErrorKind::Redirect),
            ("net::ERR_EMPTY_RESPONSE", FetchErrorKind::Protocol),
            ("net::ERR_FAILED", FetchErrorKind::Navigation),
        ] {
            assert_eq!(net_error_kind(name), kind, "{name}");
        }
    }

    #[test]
    fn only_what_comes_before_a_connection_has_surely_sent_nothing() {
        for (name, before) in [
            ("net::ERR_NAME_NOT_RESOLVED", true),
            ("net::ERR_CONNECTION_REFUSED", true),
            ("net::ERR_CERT_AUTHORITY_INVALID", true),
            ("net::ERR_CONNECTION_RESET", false),
            ("net::ERR_CONNECTION_CLOSED", false),
            ("net::ERR_CONNECTION_ABORTED", false),
            ("net::ERR_NETWORK_CHANGED", false),
            ("net::ERR_EMPTY_RESPONSE", false),
        ] {
            let net_error = name.to_owned();
            assert_eq!(Error::Navigation { net_error }.is_before_connection(), before, "{name}");
        }
    }
}
