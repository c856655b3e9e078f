//! What the command line may say of how it is fetched, a page or a whole site.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

/// Sessions, and what every request of the command has in common.
#[derive(Args)]
pub(crate) struct SessionArgs {
    /// Sessions as a TOML or JSON file describes them
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A header, in place of the session's of that name; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub(crate) headers: Vec<String>,
    /// An option of the session's kind, such as http.impersonate=firefox; may be repeated
    #[arg(short = 'O', long = "option", value_name = "KIND.KEY=VALUE")]
    pub(crate) options: Vec<String>,
    /// The time for all of a request, such as 30s or 500ms [default: the session's]
    #[arg(long, value_name = "TIME", value_parser = silkroute::core::duration::parse)]
    pub(crate) timeout: Option<Duration>,
    /// The proxy, in place of the session's: http://, https://, socks5:// or socks5h://
    #[arg(short = 'x', long, value_name = "URL")]
    pub(crate) proxy: Option<String>,
    /// Accept any TLS certificate
    #[arg(short = 'k', long)]
    pub(crate) insecure: bool,
    /// Trust the certificates of this PEM file as well
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,
    /// Cookies (Playwright storage state): loaded before if the file exists, written after
    #[arg(long, value_name = "FILE")]
    pub(crate) cookies: Option<PathBuf>,
}
