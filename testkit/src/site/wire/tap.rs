//! The stream between the HTTP library and what carries it: requests are read along on the way in, and a route's own
//! bytes go out in place of a response.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::http1::Http1Tap;
use super::http2::Http2Tap;
use super::{Control, Heads};

pub(crate) struct Tap<S> {
    inner: S,
    control: Arc<Control>,
    reading: Reading,
    raw_written: usize,
}

enum Reading {
    Off,
    Http1(Http1Tap),
    Http2(Box<Http2Tap>),
}

impl<S> Tap<S> {
    /// `heads`: where the requests' heads go; `None` when nobody asks for them.
    pub(crate) fn new(inner: S, control: Arc<Control>, heads: Option<Heads>, http2: bool) -> Self {
        let reading = match heads {
            None => Reading::Off,
            Some(heads) if http2 => Reading::Http2(Box::new(Http2Tap::new(heads))),
            Some(heads) => Reading::Http1(Http1Tap::new(heads)),
        };
        Self {
            inner,
            control,
            reading,
            raw_written: 0,
        }
    }
}

impl<S: AsyncWrite + Unpin> Tap<S> {
    /// Writes a route's own bytes, then fails the connection; `Ok` when there are none.
    fn poll_raw(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(raw) = self.control.raw() else {
            return Poll::Ready(Ok(()));
        };
        while self.raw_written < raw.len() {
            self.raw_written += ready!(Pin::new(&mut self.inner).poll_write(cx, &raw[self.raw_written..]))?;
        }
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        let new = &buf.filled()[before..];
        match &mut self.reading {
            Reading::Off => {}
            Reading::Http1(tap) => tap.read(new),
            Reading::Http2(tap) => tap.read(new),
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_raw(cx))?;
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_raw(cx))?;
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
