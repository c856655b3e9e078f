//! The contract of [`Session`](silkroute_core::Session), as checks that any session kind can be held against.
//!
//! A crate that publishes a session kind describes it once, as a [`Subject`], and runs everything with one line in a file
//! of its `tests` folder:
//!
//! ```
//! use silkroute_core::{Registration, Result, Session, async_trait};
//! use silkroute_testkit::conformance::{Capabilities, Capability, Setup, Subject};
//! use silkroute_testkit::site::TestSite;
//!
//! struct Mine;
//!
//! #[async_trait]
//! impl Subject for Mine {
//!     fn registration(&self) -> Option<&'static Registration> {
//!         None // Some(&my_crate::REGISTRATION)
//!     }
//!
//!     fn capabilities(&self) -> Capabilities {
//!         Capabilities::all().without(&[Capability::Proxy])
//!     }
//!
//!     async fn build(&self, site: &TestSite, setup: &Setup) -> Result<Box<dyn Session>> {
//!         # let _ = (site, setup);
//!         todo!("a session that trusts `site.ca_pem()`, has what `setup` asks for, and does not retry")
//!     }
//! }
//!
//! silkroute_testkit::conformance!(Mine);
//! ```
//!
//! Each check becomes a test of its own, named after what it proves: `lifecycle::starts_again_after_close`. They run
//! against a [`TestSite`](crate::site::TestSite) that is started for the check alone; those of the room [`manager`] drive the
//! session through a `SessionManager`. A check that breaks says which MUST or SHOULD was not kept, and what was seen.
//!
//! What a session cannot do is said with [`Capabilities`], and is checked too: it must refuse with
//! [`Error::Unsupported`](silkroute_core::Error::Unsupported) and never ignore.
//!
//! | room | what it proves |
//! | --- | --- |
//! | [`lifecycle`] | idle, alive, closed and dropped mean what they say |
//! | [`fetching`] | what the server sent is what the caller gets |
//! | [`sending`] | what the caller asked for is what the server sees, or an error |
//! | [`identity`] | it is one visitor, and says which |
//! | [`failing`] | errors come as errors: named, kept apart, worth a retry or not |
//! | [`limits`] | deadlines and cancellation |
//! | [`options`] | options, configurations and the registration |
//! | [`secrets`] | no password, cookie or `Authorization` value is ever shown |
//! | [`manager`] | all of it once more, in the hands of a manager |

mod bench;
mod capabilities;
mod recording;
mod run;
mod subject;
mod suite;
mod words;

pub mod failing;
pub mod fetching;
pub mod identity;
pub mod lifecycle;
pub mod limits;
pub mod manager;
pub mod options;
pub mod secrets;
pub mod sending;

pub use bench::Bench;
pub use capabilities::{Capabilities, Capability};
pub use recording::{Exchange, record};
pub use run::run;
pub use subject::{Setup, Subject};
pub use suite::{CHECKS, Check, CheckFn};
