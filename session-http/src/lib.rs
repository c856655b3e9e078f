#![doc = include_str!("../README.md")]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        reason = "a test states its invariants by failing"
    )
)]

mod address;
mod body;
mod builder;
mod config;
mod error;
mod fetch;
mod headers;
mod impersonate;
mod live;
mod options;
mod plan;
mod plugin;
mod profile;
mod pulse;
mod redirect;
mod response;
mod session;
mod settings;
mod trail;
mod transport;

pub use builder::HttpSessionBuilder;
pub use config::{HttpConfig, Pem, Secret};
pub use impersonate::Impersonate;
pub use options::{Destination, HttpOptions, HttpVersion, Redirects};
pub use plugin::{HttpPlugin, REGISTRATION};
pub use profile::offered;
pub use response::HttpResponse;
pub use session::HttpSession;
