//! A display without a monitor, for browsers with a window.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// How long it may take until it is ready.
const LONGEST_START: Duration = Duration::from_secs(60);

/// An X display without a monitor, which nobody else has. It ends with the value.
#[derive(Debug)]
pub struct Display {
    _child: Child,
    name: String,
}

impl Display {
    /// Starts one with a screen of so many pixels.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] where there is no `Xvfb`; others where it does not come up within a minute.
    pub async fn start((width, height): (u32, u32)) -> io::Result<Self> {
        let mut child = Command::new("Xvfb")
            // It looks for a free number, and tells it when it is ready.
            .args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0"])
            .arg(format!("{width}x{height}x24"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let output = child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("Xvfb has no output"))?;
        let mut lines = BufReader::new(output).lines();
        let number = tokio::time::timeout(LONGEST_START, lines.next_line())
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "Xvfb does not get ready"))??
            .ok_or_else(|| io::Error::other("Xvfb ended before it was ready"))?;
        Ok(Self {
            name: format!(":{number}"),
            _child: child,
        })
    }

    /// Its name, such as `:1`, as the option `--display` and the variable `DISPLAY` want it.
    pub fn name(&self) -> &str {
        &self.name
    }
}
