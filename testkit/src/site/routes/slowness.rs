//! Responses that take their time.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header::CONTENT_LENGTH;

use super::Visit;
use super::reply::{Reply, ReplyExt as _, TEXT, stream, text};

/// How long a stalled response holds out if the client does.
const STALL: Duration = Duration::from_secs(60);

pub(super) async fn slow(visit: &Visit) -> Reply {
    let wait = Duration::from_millis(visit.number("ms", 100));
    tokio::time::sleep(wait).await;
    text(format!("after {} ms\n", wait.as_millis()))
}

pub(super) fn slow_body(visit: &Visit) -> Reply {
    let wait = Duration::from_millis(visit.number("ms", 100));
    let chunks = visit.number("chunks", 4);
    let parts = stream::iter(0..chunks).then(move |number| async move {
        tokio::time::sleep(wait).await;
        Ok(Bytes::from(format!("chunk {number}\n")))
    });
    stream(TEXT, parts)
}

pub(super) fn drip(visit: &Visit) -> Reply {
    let wait = Duration::from_millis(visit.number("ms", 10));
    let length = visit.number("bytes", 20);
    let parts = stream::iter(0..length).then(move |_| async move {
        tokio::time::sleep(wait).await;
        Ok(Bytes::from_static(b"."))
    });
    stream(TEXT, parts).with_header(CONTENT_LENGTH, &length.to_string())
}

pub(super) async fn stall() -> Reply {
    tokio::time::sleep(STALL).await;
    text("you waited\n")
}

pub(super) fn stall_body() -> Reply {
    const WHOLE: &str = "first half, second half\n";
    let (first, second) = WHOLE.split_at(12);
    let second = stream::once(async move {
        tokio::time::sleep(STALL).await;
        Ok(Bytes::from_static(second.as_bytes()))
    });
    let parts = stream::once(async move { Ok(Bytes::from_static(first.as_bytes())) }).chain(second);
    stream(TEXT, parts).with_header(CONTENT_LENGTH, &WHOLE.len().to_string())
}
