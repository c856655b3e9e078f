//! How messages travel: over a pipe to a browser that we launched, over a websocket to one that runs elsewhere.

mod discover;
mod pipe;
mod websocket;

use std::io;

pub(crate) use discover::{public, resolve};
pub(crate) use pipe::{PipeReader, PipeWriter};
pub(crate) use websocket::{Trust, WsReader, WsWriter, connect as connect_websocket};

/// The largest message that is read. A full-page screenshot of a long page comes in one message.
pub(crate) const MAX_MESSAGE: usize = 512 << 20;

/// The reading half.
pub(crate) enum Reader {
    Pipe(PipeReader),
    WebSocket(WsReader),
}

impl Reader {
    /// The next message; `None` at the end. Not cancel-safe: only the task that owns it reads.
    pub(crate) async fn next(&mut self) -> io::Result<Option<String>> {
        match self {
            Self::Pipe(pipe) => pipe.next().await,
            Self::WebSocket(socket) => socket.next().await,
        }
    }
}

/// The writing half.
pub(crate) enum Writer {
    Pipe(PipeWriter),
    WebSocket(WsWriter),
}

impl Writer {
    pub(crate) async fn send(&mut self, message: String) -> io::Result<()> {
        match self {
            Self::Pipe(pipe) => pipe.send(message).await,
            Self::WebSocket(socket) => socket.send(message).await,
        }
    }
}
