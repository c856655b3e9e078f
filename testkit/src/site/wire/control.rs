//! How a route reaches below HTTP: to end its connection, or to answer with bytes of its own.

use std::sync::OnceLock;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

/// How a connection is to end before its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// With a FIN, as a server that exits.
    Close,
    /// With a RST, as a server that crashes.
    Reset,
}

/// The strings of one connection.
#[derive(Debug)]
pub(crate) struct Control {
    ended: CancellationToken,
    end: OnceLock<End>,
    raw: OnceLock<Bytes>,
}

impl Control {
    pub(crate) fn new(ended: CancellationToken) -> Self {
        Self {
            ended,
            end: OnceLock::new(),
            raw: OnceLock::new(),
        }
    }

    /// Cancelled when the connection is to stop, for whichever reason.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    pub(crate) fn end(&self, how: End) {
        // The first word counts: the connection is already on its way out.
        let _ = self.end.set(how);
        self.ended.cancel();
    }

    /// The next bytes that would be written are replaced by these, after which the connection closes.
    pub(crate) fn answer_with(&self, raw: Bytes) {
        let _ = self.raw.set(raw);
    }

    pub(super) fn is_reset(&self) -> bool {
        self.end.get() == Some(&End::Reset)
    }

    pub(super) fn raw(&self) -> Option<&Bytes> {
        self.raw.get()
    }
}
