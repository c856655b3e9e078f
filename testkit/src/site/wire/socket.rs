//! The TCP stream of a connection, with the ClientHello read along, and the RST at its end when a route wants one.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::{ClientHello, Control};

const LONGEST_HELLO: usize = 128 * 1024;

pub(crate) struct Socket {
    tcp: TcpStream,
    control: Arc<Control>,
    hello: Hello,
}

enum Hello {
    Off,
    Reading(Vec<u8>),
    Read(Result<Arc<ClientHello>, String>),
}

impl Socket {
    pub(crate) fn new(tcp: TcpStream, control: Arc<Control>, read_hello: bool) -> Self {
        let hello = if read_hello {
            Hello::Reading(Vec::new())
        } else {
            Hello::Off
        };
        Self { tcp, control, hello }
    }

    /// The ClientHello, once the handshake is over. `None` where it is not recorded.
    pub(crate) fn client_hello(&self) -> Option<Result<Arc<ClientHello>, String>> {
        match &self.hello {
            Hello::Read(hello) => Some(hello.clone()),
            Hello::Off | Hello::Reading(_) => None,
        }
    }
}

impl Hello {
    fn read(&mut self, bytes: &[u8]) {
        let Self::Reading(seen) = self else { return };
        seen.extend_from_slice(bytes);
        match ClientHello::from_records(seen) {
            Ok(Some(hello)) => *self = Self::Read(Ok(Arc::new(hello))),
            Ok(None) if seen.len() > LONGEST_HELLO => *self = Self::Read(Err("the ClientHello is too long".to_owned())),
            Ok(None) => {}
            Err(why) => *self = Self::Read(Err(why)),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.control.is_reset() {
            // A socket that closes with unsent time left over zero seconds answers with a RST.
            let _ = socket2::SockRef::from(&self.tcp).set_linger(Some(Duration::ZERO));
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.tcp).poll_read(cx, buf))?;
        self.hello.read(&buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}
