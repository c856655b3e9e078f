#![doc = include_str!("../README.md")]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        reason = "a test states its invariants by failing"
    )
)]

mod appearance;
mod builder;
pub mod challenge;
mod config;
mod expected;
mod facts;
mod fingerprint;
mod flags;
mod kind;
mod options;
mod plugin;
mod session;

pub use builder::StealthSessionBuilder;
pub use challenge::{ChallengePage, ChallengeSolver, InterstitialSolver};
pub use config::StealthConfig;
pub use fingerprint::{Fingerprint, GivesWay};
pub use kind::OnChallenge;
pub use options::StealthOptions;
pub use plugin::{REGISTRATION, StealthPlugin};
pub use session::StealthSession;

use silkroute_browser::LaunchOptions;

/// The browser that a session with the defaults would run.
///
/// # Errors
/// There is none; the error says how to get one.
pub fn find_browser() -> silkroute_core::Result<std::path::PathBuf> {
    Ok(silkroute_browser::launch::find(&LaunchOptions::default())?)
}

pub use silkroute_browser::session::{
    AutoScroll, CdpUrl, ChallengeOutcome, Cookies, DnsOverHttps, Headers, OnTimeout, Page, PageResponse, ResourceType,
    Resources, Step, StepOutcome, Toggle,
};
pub use silkroute_browser::{
    Captured, ColorScheme, ConsoleEntry, DocumentKind, DocumentTiming, Geolocation, Headless, ImageFormat, PdfOptions,
    ScreenshotOptions, SelectorState, WaitUntil,
};
