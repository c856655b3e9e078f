//! The suite, held against sessions that are known to be right, and against sessions that are known to be wrong.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod exchange;
mod list;
mod model;
mod model_subject;
mod sabotage;
mod saboteurs;

use model_subject::{Modest, Whole};

/// A session that can do everything keeps every rule.
mod whole {
    use super::*;
    silkroute_testkit::conformance!(Whole);
}

/// And so does one that can do little, and says so.
mod modest {
    use super::*;
    silkroute_testkit::conformance!(Modest);
}
