#![doc = include_str!("../README.md")]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        reason = "a test states its invariants by failing"
    )
)]

mod browser;
pub mod cdp;
mod context;
mod cookies;
mod deadline;
mod downloads;
mod error;
pub mod launch;
mod local_storage;
mod opener;
mod pool;
pub mod session;
mod setup;
mod tab;
mod target;
mod targets;

pub use browser::{Browser, ConnectOptions, Version};
pub use context::{Context, ContextOptions};
pub use deadline::Deadline;
pub use error::{CloseReason, Error, Result};
pub use launch::{Headless, LaunchOptions};
pub use pool::{Lease, PoolOptions, PoolStats, TabPool};
pub use setup::{SessionSetup, Setup};
pub use tab::{
    Blocking, CaptureFilter, Captured, ColorScheme, ConsoleEntry, Document, DocumentKind, DocumentTiming, Geolocation,
    ImageFormat, LocalStorage, Navigation, PdfOptions, Point, Redirect, RedirectKind, RequestFilter, ScreenshotOptions,
    ScrollOutcome, SelectorState, Tab, TabOptions, UserAgent, Viewport, WaitUntil,
};
pub use target::{TargetInfo, TargetKind};

/// The protocol's typed commands, from chromiumoxide: what [`cdp::CdpSession::call`] takes.
pub mod protocol {
    pub use chromiumoxide::cdp::{browser_protocol, js_protocol};
    pub use chromiumoxide::{Command, Method};
}

/// What the macros of this crate expand to. Not part of the public interface.
#[doc(hidden)]
pub mod __private {
    pub use futures_util::future::BoxFuture;
    pub use silkroute_core::cookies::StorageState;
    pub use silkroute_core::{
        Cookie, CookieJar, ExpectedIdentity, Identity, Proxy, ProxyPool, Request, Response, Result, Retry, Session,
        SessionOptions, async_trait,
    };
}
