//! From options to a browser that runs, and from there to one that is gone.

mod executable;
mod flags;
mod options;
mod process;
mod profile;
mod tree;

use std::time::Duration;

pub use executable::find;
pub(crate) use flags::proxy_server;
pub use flags::{DEFAULT_FLAGS, Flag};
pub use options::{Headless, LaunchOptions};
pub(crate) use process::Process;
pub use profile::sweep;

use crate::Result;
use crate::cdp::Connection;

/// Starts the browser process and connects to it. It has not answered anything yet.
pub(crate) async fn start(options: &LaunchOptions) -> Result<(Connection, Process)> {
    let executable = find(options)?;
    let profile = match &options.user_data_dir {
        Some(dir) => profile::Profile::existing(dir).await?,
        None => profile::Profile::fresh().await?,
    };
    let arguments = flags::command_line(options, profile.path());
    process::spawn(executable, &arguments, options, profile)
}

/// How long a browser may take to end by itself once it was asked to.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
