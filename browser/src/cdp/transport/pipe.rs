//! JSON messages with a NUL after each, as `--remote-debugging-pipe` speaks.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};

use super::MAX_MESSAGE;

pub(crate) struct PipeReader {
    inner: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    buffer: Vec<u8>,
}

impl PipeReader {
    pub(crate) fn new(inner: impl AsyncRead + Send + Unpin + 'static) -> Self {
        Self {
            inner: BufReader::with_capacity(64 << 10, Box::new(inner)),
            buffer: Vec::new(),
        }
    }

    pub(super) async fn next(&mut self) -> io::Result<Option<String>> {
        loop {
            let available = self.inner.fill_buf().await?;
            if available.is_empty() {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                };
            }
            let end = available.iter().position(|byte| *byte == 0);
            let taken = end.unwrap_or(available.len());
            if self.buffer.len() + taken > MAX_MESSAGE {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "a message larger than any that is taken",
                ));
            }
            self.buffer.extend_from_slice(&available[..taken]);
            self.inner.consume(taken + usize::from(end.is_some()));
            if end.is_some() {
                let message = std::mem::take(&mut self.buffer);
                // The browser escapes lone surrogates; what is left of bad text must not end the connection.
                let text = String::from_utf8(message)
                    .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
                return Ok(Some(text));
            }
        }
    }
}

pub(crate) struct PipeWriter {
    inner: Box<dyn AsyncWrite + Send + Unpin>,
}

impl PipeWriter {
    pub(crate) fn new(inner: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        Self { inner: Box::new(inner) }
    }

    pub(super) async fn send(&mut self, message: String) -> io::Result<()> {
        let mut bytes = message.into_bytes();
        bytes.push(0);
        self.inner.write_all(&bytes).await?;
        self.inner.flush().await
    }
}
