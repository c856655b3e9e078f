//! Documents of responses: which bytes are which text.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

use http::{HeaderValue, StatusCode, header};
use silkroute_core::{Response, ResponseParts};
use silkroute_select::{Document, SelectExt};

#[derive(Debug)]
struct Fetched(ResponseParts);

impl Response for Fetched {
    fn parts(&self) -> &ResponseParts {
        &self.0
    }

    fn parts_mut(&mut self) -> &mut ResponseParts {
        &mut self.0
    }
}

fn fetched(content_type: Option<&'static str>, body: &[u8]) -> Fetched {
    let mut parts = ResponseParts::new(StatusCode::OK, "https://shop.test/".parse().unwrap());
    if let Some(content_type) = content_type {
        parts
            .headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    parts.body = body.to_vec().into();
    Fetched(parts)
}

#[test]
fn mark_then_header_then_meta_then_utf_8() {
    for (content_type, body, text) in [
        (
            Some("text/html; charset=iso-8859-1"),
            &b"<meta charset=utf-8><p>caf\xe9"[..],
            "café",
        ),
        (Some("text/html"), b"<meta charset=windows-1251><p>\xe4\xe0", "да"),
        (
            Some("text/html"),
            b"<meta http-equiv=content-type content='text/html; charset=shift_jis'><p>\x8a\xbf",
            "漢",
        ),
        (Some("text/html; charset=latin1"), b"\xef\xbb\xbf<p>caf\xc3\xa9", "café"),
        (Some("text/html"), b"\xff\xfe<\0p\0>\0\xe9\0", "é"),
        (None, "<p>naïve".as_bytes(), "naïve"),
        (None, b"<p>\xff", "\u{fffd}"),
    ] {
        let response = fetched(content_type, body);
        let page = Document::of(&response);
        assert_eq!(
            page.css("p::text").unwrap().get().as_deref(),
            Some(text),
            "{content_type:?}"
        );
        let any: &dyn Response = &response;
        assert_eq!(any.document().html(), page.html());
        assert_eq!(page.url().as_str(), "https://shop.test/");
    }
}
