//! The signals that end the program.

use std::io;

/// Waits for the first signal to stop, and gives its number.
#[cfg(unix)]
pub(super) async fn first() -> io::Result<u8> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => Ok(2),
        _ = terminate.recv() => Ok(15),
    }
}

/// Waits for Ctrl-C, and gives the number that the signal has elsewhere.
#[cfg(not(unix))]
pub(super) async fn first() -> io::Result<u8> {
    tokio::signal::ctrl_c().await.map(|()| 2)
}
