//! Responses.

use std::io;

use bytes::Bytes;
use futures_util::Stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Either, Full, StreamBody};
use serde::Serialize;

/// Bytes that are there, or a stream.
pub(crate) type Body = Either<Full<Bytes>, UnsyncBoxBody<Bytes, io::Error>>;

pub(super) type Reply = Response<Body>;

pub(super) const HTML: &str = "text/html; charset=utf-8";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";
pub(super) const JSON: &str = "application/json";

pub(super) fn bytes(content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Either::Left(Full::new(body.into())));
    if !content_type.is_empty() {
        reply
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    reply
}

pub(super) fn stream(
    content_type: &'static str,
    parts: impl Stream<Item = io::Result<Bytes>> + Send + 'static,
) -> Reply {
    use futures_util::TryStreamExt as _;
    let body = StreamBody::new(parts.map_ok(Frame::data));
    let mut reply = Response::new(Either::Right(body.boxed_unsync()));
    reply
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}

pub(super) fn text(body: impl Into<String>) -> Reply {
    bytes(TEXT, body.into())
}

pub(super) fn json(value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(body) => bytes(JSON, body),
        Err(error) => text(error.to_string()).with_status(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// A whole page. `body` is HTML already.
pub(super) fn page(title: &str, body: &str) -> Reply {
    bytes(HTML, document(title, body))
}

pub(super) fn document(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n</head>\n\
         <body>\n{body}\n</body>\n</html>\n"
    )
}

pub(super) fn redirect(status: StatusCode, location: &str) -> Reply {
    page("Moved", "<p>See elsewhere.</p>")
        .with_status(status)
        .with_header(LOCATION, location)
}

pub(super) fn not_found() -> Reply {
    page("Not found", "<h1>404 Not Found</h1>").with_status(StatusCode::NOT_FOUND)
}

pub(super) fn bad_request(why: &str) -> Reply {
    text(why).with_status(StatusCode::BAD_REQUEST)
}

/// The answer to a HEAD. Over HTTP/1 the library leaves the body out by itself, over HTTP/2 it would send it.
pub(crate) fn without_body(reply: Reply) -> Reply {
    let length = reply.body().size_hint().exact();
    let mut reply = reply.map(|_| Either::Left(Full::default()));
    if let Some(length) = length {
        reply.headers_mut().entry(CONTENT_LENGTH).or_insert(length.into());
    }
    reply
}

pub(super) trait ReplyExt {
    fn with_status(self, status: StatusCode) -> Self;
    /// Adds a header. A value that no header can have makes the reply a 400.
    fn with_header(self, name: HeaderName, value: &str) -> Self;
}

impl ReplyExt for Reply {
    fn with_status(mut self, status: StatusCode) -> Self {
        *self.status_mut() = status;
        self
    }

    fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_bytes(value.as_bytes()) {
            Ok(value) => {
                self.headers_mut().append(name, value);
                self
            }
            Err(error) => bad_request(&error.to_string()),
        }
    }
}
