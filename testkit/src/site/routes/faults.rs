//! Responses that break off, and bytes that are no HTTP.

use std::io;

use bytes::Bytes;
use futures_util::stream;
use http::header::CONTENT_LENGTH;

use super::Visit;
use super::reply::{Reply, ReplyExt as _, TEXT, not_found, stream, text};
use crate::site::wire::End;

pub(super) async fn drop(visit: &Visit) -> Reply {
    end(visit, End::Close).await
}

pub(super) async fn reset(visit: &Visit) -> Reply {
    end(visit, End::Reset).await
}

async fn end(visit: &Visit, how: End) -> Reply {
    visit.control.end(how);
    // The connection, and this with it, is about to go.
    std::future::pending().await
}

/// Promises 100 bytes, sends some, and breaks off.
pub(super) fn drop_body() -> Reply {
    let parts = [
        Ok(Bytes::from_static(b"only this")),
        Err(io::ErrorKind::BrokenPipe.into()),
    ];
    // Yields between the two, so that the first is on its way before the end comes.
    let parts = stream::unfold(parts.into_iter(), |mut parts| async {
        tokio::task::yield_now().await;
        parts.next().map(|part| (part, parts))
    });
    stream(TEXT, parts).with_header(CONTENT_LENGTH, "100")
}

pub(super) fn malformed(visit: &Visit, what: &str) -> Reply {
    let raw: &[u8] = match what {
        "header" => b"HTTP/1.1 200 OK\r\nContent-Type text/plain\r\n\x01bad\x00: 1\r\n\r\nbody",
        "status" => b"HTP/1.1 TWO HUNDRED\r\n\r\nbody",
        "chunk" => b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n",
        "length" => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello!!",
        _ => return not_found(),
    };
    visit.control.answer_with(Bytes::from_static(raw));
    text("replaced below\n")
}
