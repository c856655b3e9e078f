//! How the program ends when something went wrong.

use std::error::Error as StdError;
use std::io::Write as _;
use std::process::ExitCode;

use silkroute::{Error, FetchErrorKind};

/// Why the program ends early, and so with which exit status.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What there was to say has been said; the program ends with this status.
    Told(u8),
    /// The command line, or a file it names, cannot be used: status 2.
    Usage(String),
    /// No response came, or it could not be written: status 1.
    Failed(String),
    /// A crawl has work left, and keeps it: so many requests that it found, or what it has not begun with. Status 3.
    #[cfg(feature = "spider")]
    Paused(u64),
    /// A signal of this number came: status 128 and the number, as shells have it.
    Interrupted(u8),
}

impl Failure {
    /// Bad usage, told by an error and its causes.
    pub(crate) fn usage(error: &dyn StdError) -> Self {
        Self::Usage(with_causes(error))
    }

    /// A failed attempt, told by an error and its causes.
    pub(crate) fn failed(error: &dyn StdError) -> Self {
        Self::Failed(with_causes(error))
    }

    /// Prints it and gives the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        ExitCode::from(self.tell())
    }

    /// The same, with the status as a number.
    pub(crate) fn tell(&self) -> u8 {
        let (text, status) = match self {
            Self::Told(status) => return *status,
            #[cfg(feature = "spider")]
            Self::Paused(left) => {
                let text = match left {
                    0 => "the same command goes on".to_owned(),
                    left => format!("{left} requests are left; the same command goes on with them"),
                };
                say("paused", &text);
                return 3;
            }
            Self::Usage(text) => (text.as_str(), 2),
            Self::Failed(text) => (text.as_str(), 1),
            Self::Interrupted(signal) => ("interrupted", 128_u8.saturating_add(*signal)),
        };
        say("error", text);
        status
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if is_usage(&error) {
            Self::usage(&error)
        } else {
            Self::failed(&error)
        }
    }
}

/// Prints what went wrong to standard error.
pub(crate) fn say(what: &str, text: &str) {
    say_line(&format!("{what}: {text}"));
}

/// Prints a line to standard error. Nobody is left to be told when that fails.
pub(crate) fn say_line(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Whether another command line, or another configuration, is what it takes.
fn is_usage(error: &Error) -> bool {
    match error {
        Error::UnknownSession { .. }
        | Error::UnknownKind { .. }
        | Error::DuplicateKind { .. }
        | Error::NoSessions
        | Error::Options { .. }
        | Error::Config { .. }
        | Error::Invalid { .. }
        | Error::Unsupported { .. } => true,
        Error::Start { source, .. } => is_usage(source),
        Error::Fetch(error) => error.kind() == FetchErrorKind::Request,
        _ => false,
    }
}

/// The error and its causes in one line. A cause that the text before it already tells is not repeated.
pub(crate) fn with_causes(error: &dyn StdError) -> String {
    let mut text = one_line(&error.to_string());
    let mut source = error.source();
    while let Some(cause) = source {
        let told = one_line(&cause.to_string());
        if !text.contains(&told) {
            text.push_str(": caused by ");
            text.push_str(&told);
        }
        source = cause.source();
    }
    text
}

/// Without line breaks and other characters that a terminal acts on.
pub(crate) fn one_line(text: &str) -> String {
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    joined.chars().filter(|character| !character.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use silkroute::FetchError;
    use std::sync::Arc;

    #[test]
    fn causes_follow_on_one_line_and_are_not_repeated() {
        let cause = std::io::Error::other("refused\n\x1b[31mby peer");
        let error = Error::from(FetchError::new(FetchErrorKind::Connect, "no connection").source(cause));
        assert_eq!(with_causes(&error), "no connection: caused by refused [31mby peer");
        let told = Error::from(FetchError::new(FetchErrorKind::Tls, "no TLS: bad date").source("bad date"));
        assert_eq!(with_causes(&told), "no TLS: bad date");
    }

    #[test]
    fn what_another_command_line_would_mend_is_bad_usage() {
        let start = |source| Error::Start {
            session: "http".into(),
            attempt: 1,
            retry_in: None,
            source: Arc::new(source),
        };
        assert!(is_usage(&start(Error::config("ca_certificate", "no such file"))));
        assert!(!is_usage(&start(FetchError::new(FetchErrorKind::Other, "x").into())));
        assert!(!is_usage(&FetchError::new(FetchErrorKind::Timeout, "x").into()));
    }
}
