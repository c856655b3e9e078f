//! What all browser sessions have in common, and the seam at which a kind adds its own.
//!
//! A kind is a type with [`BrowserKind`], options made by [`page_options!`](crate::page_options), a configuration made by
//! [`browser_config!`](crate::browser_config), a builder with [`browser_builder!`](crate::browser_builder), and a session
//! that hands everything to a [`BrowserSession`] by [`browser_session!`](crate::browser_session).

mod ads;
mod attempt;
mod browser_session;
mod builder;
mod carrying;
mod config;
mod delegate;
mod fetch;
mod headers;
mod hints;
mod hooks;
mod kind;
mod ledger;
mod options;
mod parts;
mod passage;
mod plan;
mod response;
mod running;
mod sites;
mod steps;
mod storage;
mod tell;
mod toggle;
mod values;
mod variants;
mod wear;
mod words;

pub use browser_session::BrowserSession;
pub use config::{BrowserConfig, BrowserKindConfig};
pub use headers::Headers;
pub use hints::{BrandVersion, ClientHints};
pub use hooks::{Hooks, Page, PageHook};
pub use kind::{Arrival, Arrived, BrowserKind};
pub use options::{BrowserOptions, PageOverrides};
pub use parts::Parts;
pub use response::{ChallengeOutcome, PageResponse, Step, StepOutcome};
pub use toggle::Toggle;
pub use values::{AutoScroll, CdpUrl, Cookies, DnsOverHttps, OnTimeout, ResourceType, Resources};
pub use words::{OwnWords, accepted_languages};
