//! Bodies of known size and kind.

use std::sync::OnceLock;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;

use super::reply::{HTML, Reply, ReplyExt as _, bad_request, bytes, document, stream};

/// Length of `/page/10k` in bytes.
pub const PAGE_10K_LENGTH: usize = 10_240;
/// The most that `/bytes/N` gives, in bytes.
pub const LARGEST_BODY: usize = 100_000_000;
/// `number` in `/json`: too large for a 64-bit float to hold exactly.
pub const JSON_NUMBER: u64 = 9_007_199_254_740_993;

const BLOCK: usize = 1 << 20;
static ZEROS: [u8; BLOCK] = [b'0'; BLOCK];

/// A transparent pixel.
const PIXEL: &[u8] =
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89\
    \x00\x00\x00\x0bIDATx\x9cc`\x00\x02\x00\x00\x05\x00\x01z^\xab?\x00\x00\x00\x00IEND\xaeB`\x82";

pub(super) fn page_10k() -> Reply {
    static PAGE: OnceLock<Bytes> = OnceLock::new();
    let page = PAGE.get_or_init(|| {
        let empty = document("10 kB", "").len();
        let filler = "<p>All work and no play makes a dull page.</p>\n";
        let mut body = filler.repeat((PAGE_10K_LENGTH - empty) / filler.len());
        body.push_str(&" ".repeat(PAGE_10K_LENGTH - empty - body.len()));
        document("10 kB", &body).into()
    });
    bytes(HTML, page.clone())
}

/// So many bytes, all the digit 0.
pub(super) fn exactly(length: &str) -> Reply {
    const KIND: &str = "application/octet-stream";
    let Some(length) = length.parse::<usize>().ok().filter(|length| *length <= LARGEST_BODY) else {
        return bad_request("how many bytes? at most 100000000");
    };
    if length <= BLOCK {
        return bytes(KIND, Bytes::from_static(&ZEROS[..length]));
    }
    let full = std::iter::repeat_n(BLOCK, length / BLOCK);
    let parts = full
        .chain([length % BLOCK])
        .map(|part| Ok(Bytes::from_static(&ZEROS[..part])));
    stream(KIND, futures_util::stream::iter(parts)).with_header(CONTENT_LENGTH, &length.to_string())
}

pub(super) fn json() -> Reply {
    super::reply::json(&serde_json::json!({
        "title": "A document",
        "number": JSON_NUMBER,
        "list": [1, 2, 3],
        "nested": { "unicode": "żółw 🐢", "null": null, "true": true },
    }))
}

pub(super) fn image() -> Reply {
    bytes("image/png", Bytes::from_static(PIXEL))
}

pub(super) fn empty() -> Reply {
    bytes("", Bytes::new())
}
