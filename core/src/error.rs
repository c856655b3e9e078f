//! What core itself can say went wrong. What a session says is a [`FetchError`].

use std::sync::Arc;
use std::time::Duration;

use crate::FetchError;

/// The result of everything fallible in silkroute.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any failure of silkroute.
///
/// Cheap to clone, so that every request which waited for the same failed start gets the same error. No variant
/// prints a password, a cookie or an `Authorization` value.
#[non_exhaustive]
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A request named a session that the manager does not hold.
    #[error("Session '{id}' not found. Available: {}", listed(available))]
    UnknownSession {
        /// The name asked for.
        id: String,
        /// The names there are, in the order they were added.
        available: Vec<String>,
    },

    /// A session was added under a name that is taken.
    #[error("Session '{id}' already registered")]
    DuplicateSession {
        /// The name.
        id: String,
    },

    /// The manager was asked for its default session and holds none.
    #[error("No sessions registered")]
    NoSessions,

    /// A configuration named a session kind that no linked crate registers.
    #[error(
        "Session kind '{kind}' not found. Available: {}. Is its crate linked (`use the_crate as _;`), its feature on, and \
         is it built against the same silkroute-core?",
        listed(available)
    )]
    UnknownKind {
        /// The kind asked for.
        kind: String,
        /// The kinds there are, sorted.
        available: Vec<String>,
    },

    /// Two packages, or two versions of one, register the same session kind.
    #[error("Session kind '{kind}' is registered by {first} and by {second}: link only one of them")]
    DuplicateKind {
        /// The kind both claim.
        kind: String,
        /// One package and its version.
        first: String,
        /// The other.
        second: String,
    },

    /// The options that a request carries for one session kind are not what that kind takes.
    #[error("bad options for session kind '{kind}' at `{path}`: {reason}")]
    Options {
        /// The kind whose options they are.
        kind: String,
        /// Where, such as `http.timeout`.
        path: String,
        /// What is wrong there.
        reason: String,
    },

    /// A configuration is not usable.
    #[error("bad configuration at `{path}`: {reason}")]
    Config {
        /// Where, such as `sessions.http.timeout`.
        path: String,
        /// What is wrong there, and what would be right.
        reason: String,
    },

    /// A value given to a builder cannot be used.
    #[error("{what} is not usable: {reason}")]
    Invalid {
        /// Which value, without its secret parts.
        what: String,
        /// Why not, and what would be.
        reason: String,
    },

    /// The session understands what it was asked for and does not do it.
    #[error("session kind '{kind}' does not support {what}: {instead}")]
    Unsupported {
        /// The kind that refuses.
        kind: String,
        /// What it was asked for.
        what: String,
        /// What to do instead.
        instead: String,
    },

    /// A session did not start. Every request that waited for the attempt gets this same error, and so do those that
    /// come before the back-off has passed.
    #[error(
        "session '{session}' did not start (attempt {attempt}{}): {source}",
        retry_note(retry_in)
    )]
    Start {
        /// The session's name.
        session: String,
        /// How many starts in a row have failed.
        attempt: u32,
        /// When a request will try again; `None`: not before the manager is told to start it.
        retry_in: Option<Duration>,
        /// Why.
        source: Arc<Error>,
    },

    /// The request came while the session, or the whole manager, was being closed, or afterwards.
    #[error("session '{session}' is closed: {reason}")]
    Closed {
        /// The session's name.
        session: String,
        /// What closed it, and how to open it again.
        reason: String,
    },

    /// Some sessions could not be closed; all others are.
    #[error("{} of the sessions did not close cleanly: {}", failures.len(), failed(failures))]
    Close {
        /// Name and error of each.
        failures: Vec<(String, Error)>,
    },

    /// A session could not bring back a response.
    #[error(transparent)]
    Fetch(Box<FetchError>),
}

impl Error {
    /// Whether the same request may succeed when it is sent again, with nothing changed but the time.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Fetch(error) => error.is_retryable(),
            Self::Start { retry_in, .. } => retry_in.is_some(),
            _ => false,
        }
    }

    /// Whether a deadline passed.
    pub fn is_timeout(&self) -> bool {
        self.as_fetch().is_some_and(FetchError::is_timeout)
    }

    /// The session's own error, where this is one, also below a failed start.
    pub fn as_fetch(&self) -> Option<&FetchError> {
        match self {
            Self::Fetch(error) => Some(error),
            Self::Start { source, .. } => source.as_fetch(),
            _ => None,
        }
    }

    /// A value that cannot be used, and why.
    pub fn invalid(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Invalid {
            what: what.into(),
            reason: reason.to_string(),
        }
    }

    /// An unusable configuration value: where it stands, and why it cannot be used.
    pub fn config(path: impl Into<String>, reason: impl ToString) -> Self {
        Self::Config {
            path: path.into(),
            reason: reason.to_string(),
        }
    }
}

impl Error {
    /// The error of a configuration that stands at this place of a larger one: `session` and `timeout` make `session.timeout`.
    #[must_use]
    pub fn below(self, place: &str) -> Self {
        match self {
            Self::Config { path, reason } if path.is_empty() => Self::config(place, reason),
            Self::Config { path, reason } => Self::config(format!("{place}.{path}"), reason),
            Self::Invalid { what, reason } => Self::config(place, format!("{what} is not usable: {reason}")),
            other => other,
        }
    }
}

impl From<FetchError> for Error {
    fn from(error: FetchError) -> Self {
        Self::Fetch(Box::new(error))
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "(none)".to_owned()
    } else {
        names.join(", ")
    }
}

fn retry_note(retry_in: &Option<Duration>) -> String {
    match retry_in {
        Some(wait) => format!(", next one in {}", crate::duration::rounded(*wait)),
        None => ", no more by itself: call start()".to_owned(),
    }
}

fn failed(failures: &[(String, Error)]) -> String {
    failures
        .iter()
        .map(|(id, error)| format!("'{id}': {error}"))
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_users_match_on_are_kept() {
        let unknown = Error::UnknownSession {
            id: "nonexistent".into(),
            available: vec!["default".into(), "stealth".into(), "browser".into()],
        };
        assert_eq!(
            unknown.to_string(),
            "Session 'nonexistent' not found. Available: default, stealth, browser"
        );
        let duplicate = Error::DuplicateSession { id: "default".into() };
        assert_eq!(duplicate.to_string(), "Session 'default' already registered");
        assert_eq!(Error::NoSessions.to_string(), "No sessions registered");
    }

    #[test]
    fn a_failed_start_says_when_the_next_one_is_due() {
        let error = Error::Start {
            session: "stealth".into(),
            attempt: 2,
            retry_in: Some(Duration::from_millis(1_512)),
            source: Arc::new(Error::invalid("executable_path", "no such file")),
        };
        assert_eq!(
            error.to_string(),
            "session 'stealth' did not start (attempt 2, next one in 1.5s): executable_path is not usable: no such file"
        );
    }

    #[test]
    fn an_error_stays_small_enough_to_return_by_value() {
        assert!(size_of::<Error>() <= 96, "{}", size_of::<Error>());
    }
}
