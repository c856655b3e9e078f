//! Ctrl-C and SIGTERM.

use std::io;
use std::sync::Arc;

use tokio::task::JoinHandle;
use tracing::Instrument as _;

use crate::engine::Control;

/// Listens as long as it lives.
pub(super) struct Signals(JoinHandle<()>);

impl Signals {
    /// The first signal ends the crawl when the pages under way are done, the second at once.
    pub(super) fn listen(control: Arc<Control>) -> io::Result<Self> {
        let mut signals = Source::open()?;
        let listening = async move {
            loop {
                let name = signals.next().await;
                let first = control.interrupt();
                if first {
                    tracing::warn!(
                        signal = name,
                        "the crawl ends when the pages under way are done; again to end it at once"
                    );
                } else {
                    tracing::warn!(signal = name, "the crawl ends at once");
                }
            }
        };
        Ok(Self(tokio::spawn(listening.in_current_span())))
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(unix)]
struct Source {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Source {
    fn open() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            Some(()) = self.interrupt.recv() => "SIGINT",
            Some(()) = self.terminate.recv() => "SIGTERM",
            else => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
struct Source;

#[cfg(not(unix))]
impl Source {
    fn open() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> &'static str {
        match tokio::signal::ctrl_c().await {
            Ok(()) => "Ctrl-C",
            Err(_) => std::future::pending().await,
        }
    }
}
