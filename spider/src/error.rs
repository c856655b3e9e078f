//! What can go wrong in a crawl: for one request, for one item, or for all of it.

use std::fmt;

use silkroute_core::redact_url;
use thiserror::Error;

use crate::Visit;

/// Any error at all: what a spider's own code may fail with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a spider's hooks give back. `?` works on every error type, and `Err("no price".into())` on a text.
pub type Result<T = (), E = BoxError> = std::result::Result<T, E>;

/// Why a crawl could not begin, or not go on. What happens to one request or one item is a [`Failure`], and ends
/// nothing.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum CrawlError {
    /// A setting cannot be used.
    #[error("the setting `{setting}` is not usable: {reason}")]
    Setting {
        /// Which one.
        setting: &'static str,
        /// Why not, and what would be.
        reason: String,
    },
    /// `configure_sessions` failed.
    #[error("spider '{spider}': configure_sessions failed: {source}")]
    Sessions {
        /// The spider's name.
        spider: String,
        /// Why.
        source: BoxError,
    },
    /// `configure_sessions` added nothing.
    #[error(
        "spider '{spider}': configure_sessions did not add any session; add one, such as `sessions.add(\"http\", ..)`"
    )]
    NoSessions {
        /// The spider's name.
        spider: String,
    },
    /// There was nowhere to start.
    #[error("spider '{spider}' has no starting point: give it start_urls, or write start_requests")]
    NoStart {
        /// The spider's name.
        spider: String,
    },
    /// A session did not start.
    #[error(transparent)]
    Manager(#[from] silkroute_core::Error),
    /// A session that is needed failed to start so often that it is not tried any more, and nothing is left but requests for
    /// it. A frontier that outlives the process keeps them.
    #[error(
        "nothing is left but requests that need a session that does not start: {source}; mend that, and run the crawl again"
    )]
    SessionLost {
        /// The session.
        session: String,
        /// Why it did not start the last time.
        source: silkroute_core::Error,
    },
    /// `on_start` failed.
    #[error("spider '{spider}': on_start failed: {source}")]
    OnStart {
        /// The spider's name.
        spider: String,
        /// Why.
        source: BoxError,
    },
    /// The frontier cannot hold or find what it is given.
    #[error("the frontier could not {attempted}: {source}")]
    Frontier {
        /// What was attempted.
        attempted: &'static str,
        /// Why it failed.
        source: BoxError,
    },
    /// The frontier holds a crawl of this spider that was begun with other [arguments](crate::Spider::arguments). It is left as
    /// it was. Neither text nor `Debug` shows what they are: there may be secrets among them.
    #[error(
        "{frontier} holds a crawl of the spider '{spider}' with other arguments: {} changed; go on with those that it was begun \
         with, or give this crawl a frontier of its own",
        names(differences)
    )]
    OtherArguments {
        /// The spider's name.
        spider: String,
        /// Where the frontier is.
        frontier: String,
        /// What differs, by name.
        differences: Vec<Difference>,
    },
    /// An export could not be opened, written or finished.
    #[error("cannot {attempted} the export {path}: {source}")]
    Export {
        /// `open`, `go on with`, `write` or `finish`.
        attempted: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The program cannot listen to signals.
    #[error("cannot listen to Ctrl-C and SIGTERM: {source}")]
    Signals {
        /// Why.
        source: std::io::Error,
    },
    /// The engine itself failed: a mistake of this crate's.
    #[error("the crawl engine failed: {0}; please report it")]
    Engine(String),
}

impl CrawlError {
    pub(crate) fn frontier(attempted: &'static str, source: impl Into<BoxError>) -> Self {
        let source = source.into();
        Self::Frontier { attempted, source }
    }
}

/// An [argument](crate::Spider::arguments) that is not what the crawl was begun with.
#[non_exhaustive]
#[derive(Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub name: String,
    /// What the crawl was begun with; `None`: it had no such argument.
    pub kept: Option<String>,
    /// What this run was given; `None`: it has no such argument.
    pub given: Option<String>,
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Difference")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

fn names(differences: &[Difference]) -> String {
    let names: Vec<_> = differences
        .iter()
        .map(|difference| format!("`{}`", difference.name))
        .collect();
    names.join(", ")
}

/// At which point something failed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// No response came, and no attempt is left.
    Fetch,
    /// The response is a block page, and no attempt is left.
    Blocked,
    /// `parse` failed or panicked.
    Parse,
    /// `on_item`, or the export of an item, failed; the item is lost, its page is not.
    Item,
    /// `start_requests` gave an error or panicked, or a start URL is none.
    Start,
    /// `is_blocked`, `retry_blocked` or `retry_failed` failed or panicked.
    Hook,
}

/// Something that failed in a crawl that goes on. [`on_error`](crate::Spider::on_error) gets it.
#[derive(Debug)]
pub struct Failure<S> {
    /// At which point.
    pub kind: FailureKind,
    /// The request it happened to; start requests that could not be made have none.
    pub visit: Option<Visit<S>>,
    /// What happened. A [`silkroute_core::Error`] inside can be had with `downcast_ref`.
    pub error: BoxError,
}

impl<S> fmt::Display for Failure<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let point = match self.kind {
            FailureKind::Fetch => "fetch",
            FailureKind::Blocked => "blocked",
            FailureKind::Parse => "parse",
            FailureKind::Item => "item",
            FailureKind::Start => "start request",
            FailureKind::Hook => "hook",
        };
        match &self.visit {
            Some(visit) => write!(f, "{point}: {}: {}", redact_url(visit.url()), self.error),
            None => write!(f, "{point}: {}", self.error),
        }
    }
}

/// What `out.item` and `out.visit` answer once the crawl is over: hand it on with `?`, it counts as no failure.
#[derive(Clone, Copy, Debug, Error)]
#[error("the crawl is over: it takes nothing more")]
pub struct CrawlOver;

/// A panic of a hook, as an error.
pub(crate) fn panicked(hook: &str, panic: &(dyn std::any::Any + Send)) -> BoxError {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "(no text)".to_owned());
    format!("{hook} panicked: {text}").into()
}
