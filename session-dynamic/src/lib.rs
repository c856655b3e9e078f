#![doc = include_str!("../README.md")]

mod builder;
mod config;
mod kind;
mod options;
mod plugin;
mod session;

pub use builder::DynamicSessionBuilder;
pub use config::DynamicConfig;
pub use options::PageOptions;
pub use plugin::{DynamicPlugin, REGISTRATION};
pub use session::DynamicSession;

pub use silkroute_browser::session::{
    AutoScroll, CdpUrl, Cookies, DnsOverHttps, Headers, OnTimeout, Page, PageResponse, ResourceType, Resources, Step,
    StepOutcome, Toggle,
};
pub use silkroute_browser::{
    Captured, ColorScheme, ConsoleEntry, DocumentKind, DocumentTiming, Geolocation, Headless, ImageFormat, PdfOptions,
    ScreenshotOptions, SelectorState, Viewport, WaitUntil,
};

/// The browser that a session with the defaults would start.
///
/// # Errors
/// There is none; the error says how to install one.
pub fn find_browser() -> silkroute_core::Result<std::path::PathBuf> {
    Ok(silkroute_browser::launch::find(
        &silkroute_browser::LaunchOptions::default(),
    )?)
}
