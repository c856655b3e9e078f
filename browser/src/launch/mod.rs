//! From options to a browser that runs, and from there to one that is gone.

mod executable;
mod flags;
mod options;
mod preferences;
mod process;
mod profile;
mod tree;
mod version;

use std::time::Duration;

pub use executable::find;
pub(crate) use flags::proxy_server;
pub use flags::{DEFAULT_FLAGS, Flag, flag_name};
pub use options::{Headless, LaunchOptions};
pub(crate) use process::Process;
pub use profile::sweep;
pub use version::{Installed, installed};

use crate::cdp::Connection;
use crate::{Error, Result};

/// Why a browser is not told of a resolver of its own, where it is not. `kept`: with a profile that is kept.
pub(crate) fn no_dns_over_https(headless: Headless, kept: bool) -> Option<&'static str> {
    if kept {
        Some(
            "a profile that is kept (`user_data_dir`) has a setting of its own for this: set it there, at \
             chrome://settings/security, or leave one of them out",
        )
    } else if headless == Headless::Shell {
        Some("the headless shell knows the system's resolver alone: leave `headless = shell` out, or this")
    } else {
        None
    }
}

/// Starts the browser process and connects to it. It has not answered anything yet.
pub(crate) async fn start(options: &LaunchOptions) -> Result<(Connection, Process)> {
    let executable = find(options)?;
    if options.dns_over_https.is_some()
        && let Some(reason) = no_dns_over_https(options.headless, options.user_data_dir.is_some())
    {
        return Err(Error::invalid("dns_over_https", reason));
    }
    let profile = match &options.user_data_dir {
        Some(dir) => profile::Profile::existing(dir).await?,
        None => profile::Profile::fresh(preferences::files(options)).await?,
    };
    let arguments = flags::command_line(options, profile.path());
    process::spawn(executable, &arguments, options, profile)
}

/// How long a browser may take to end by itself once it was asked to.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
