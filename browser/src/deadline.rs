//! One point in time that bounds a whole operation.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use crate::{Error, Result};

/// When an operation must have ended. It is handed down through all the steps of the operation, so that they share
/// one budget and none has a constant of its own.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    budget: Duration,
}

impl Deadline {
    /// This long from now. More than a century is taken as a century.
    pub fn after(budget: Duration) -> Self {
        let budget = budget.min(Duration::from_secs(100 * 365 * 24 * 3600));
        Self {
            at: Instant::now() + budget,
            budget,
        }
    }

    /// This deadline, or `budget` from now if that is earlier.
    #[must_use]
    pub fn capped(self, budget: Duration) -> Self {
        let other = Self::after(budget);
        if other.at < self.at { other } else { self }
    }

    /// The point in time.
    pub fn at(self) -> Instant {
        self.at
    }

    /// What is left of it; zero when it has passed.
    pub fn remaining(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Whether it has passed.
    pub fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }

    /// Runs a future to its end or to the deadline; `what` names it in the error.
    ///
    /// # Errors
    /// [`Error::Timeout`].
    pub async fn run<F: Future>(self, what: &str, future: F) -> Result<F::Output> {
        tokio::time::timeout_at(self.at, future)
            .await
            .map_err(|_| self.error(what))
    }

    pub(crate) fn error(self, what: &str) -> Error {
        Error::Timeout {
            what: what.to_owned(),
            after: self.budget,
        }
    }
}
