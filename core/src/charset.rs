//! From bytes to text, as a browser would.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use http::HeaderMap;

/// How far into a document a `<meta charset>` is looked for: <https://html.spec.whatwg.org/#prescan-a-byte-stream-to-determine-its-encoding>.
const PRESCAN: usize = 1_024;

/// The encoding of a body: a byte order mark, then the header's charset, then what an HTML document says of itself,
/// then UTF-8.
pub(crate) fn detect(headers: &HeaderMap, body: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(body) {
        return encoding;
    }
    let content_type = headers
        .get(http::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_ascii_lowercase();
    if let Some(encoding) = charset_parameter(&content_type) {
        return encoding;
    }
    let markup = content_type.is_empty() || content_type.contains("html") || content_type.contains("xml");
    if markup && let Some(encoding) = declared_in_markup(body) {
        return encoding;
    }
    UTF_8
}

/// The body as text, with what is malformed replaced by U+FFFD.
pub(crate) fn decode<'a>(headers: &HeaderMap, body: &'a [u8]) -> Cow<'a, str> {
    detect(headers, body).decode(body).0
}

fn charset_parameter(content_type: &str) -> Option<&'static Encoding> {
    let (_, value) = content_type.split_once("charset=")?;
    let label = value.trim_start_matches(['"', '\'', ' ']);
    let end = label.find(['"', '\'', ';', ' ', '>', '/']).unwrap_or(label.len());
    Encoding::for_label(&label.as_bytes()[..end])
}

fn declared_in_markup(body: &[u8]) -> Option<&'static Encoding> {
    let start = String::from_utf8_lossy(&body[..body.len().min(PRESCAN)]).to_ascii_lowercase();
    let declaration = start.find("<?xml").and_then(|at| {
        let tag = &start[at..at + start[at..].find('>')?];
        let (_, value) = tag.split_once("encoding=")?;
        Encoding::for_label(
            value
                .trim_start_matches(['"', '\''])
                .split(['"', '\'', '?'])
                .next()?
                .as_bytes(),
        )
    });
    let in_meta = || {
        start
            .match_indices("<meta")
            .filter_map(|(at, _)| start[at..].split('>').next())
            .find_map(charset_parameter)
    };
    // A page that could be scanned as ASCII cannot be UTF-16, whatever it claims.
    declaration.or_else(in_meta).map(|encoding| match encoding.name() {
        "UTF-16LE" | "UTF-16BE" => UTF_8,
        _ => encoding,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(content_type: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type))])
    }

    #[test]
    fn the_header_beats_the_markup_and_the_mark_beats_both() {
        let page = b"<meta charset=\"shift_jis\">caf\xe9";
        assert_eq!(
            detect(&headers("text/html; charset=\"windows-1252\""), page).name(),
            "windows-1252"
        );
        assert_eq!(detect(&headers("text/html"), page).name(), "Shift_JIS");
        assert_eq!(
            detect(&headers("text/html; charset=latin1"), b"\xef\xbb\xbfx").name(),
            "UTF-8"
        );
        assert_eq!(detect(&headers("application/json"), page).name(), "UTF-8");
    }

    #[test]
    fn text_is_decoded_with_it() {
        assert_eq!(decode(&headers("text/html; charset=ISO-8859-1"), b"caf\xe9"), "café");
        assert_eq!(
            decode(
                &HeaderMap::new(),
                b"<meta http-equiv=content-type content='text/html; charset=koi8-r'>\xc4\xc1"
            ),
            "<meta http-equiv=content-type content='text/html; charset=koi8-r'>да"
        );
        assert_eq!(
            decode(&HeaderMap::new(), b"<?xml version='1.0' encoding='windows-1251'?>\xe4"),
            "<?xml version='1.0' encoding='windows-1251'?>д"
        );
    }
}
