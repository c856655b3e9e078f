//! The request that the command line describes.

use std::io::Read as _;

use http::HeaderValue;
use http::header::CONTENT_TYPE;
use silkroute::{Body, Fetch, Request as _, RequestExt as _};

use crate::args::FetchArgs;
use crate::failure::Failure;
use crate::session::read_headers;

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// Makes the request, for the session of this name.
pub(super) fn build(args: &FetchArgs, session: &str) -> Result<Fetch, Failure> {
    let body = args.data.as_deref().map(read_body).transpose()?;
    let method = args
        .method
        .as_deref()
        .unwrap_or(if body.is_some() { "POST" } else { "GET" });
    let mut request = Fetch::new(method, &args.url)?.session(session);
    let parts = request.parts_mut();
    parts.headers = read_headers(&args.via.headers)?;
    if let Some(body) = body {
        if looks_like_form(&body) && !parts.headers.contains_key(CONTENT_TYPE) {
            parts.headers.insert(CONTENT_TYPE, FORM);
        }
        parts.body = if body.is_empty() { Body::Empty } else { Body::from(body) };
    }
    if let Some(timeout) = args.via.timeout {
        parts.timeout = Some(timeout);
    }
    Ok(request)
}

/// The text itself, or with `@` what a file or standard input holds, byte for byte.
fn read_body(data: &str) -> Result<Vec<u8>, Failure> {
    match data.strip_prefix('@') {
        None => Ok(data.as_bytes().to_vec()),
        Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin()
                .lock()
                .read_to_end(&mut bytes)
                .map_err(|error| Failure::Usage(format!("reading the body (-d) from standard input: {error}")))?;
            Ok(bytes)
        }
        Some(file) => {
            std::fs::read(file).map_err(|error| Failure::Usage(format!("reading the body (-d) from `{file}`: {error}")))
        }
    }
}

/// Whether a body reads as `a=1&b=2`. curl calls every `-d` a form, JSON too; this looks first.
fn looks_like_form(body: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(body) else {
        return false;
    };
    let is_pair = |pair: &str| matches!(pair.split_once('='), Some((name, _)) if !name.is_empty());
    !text.starts_with(['{', '[', '<', '"']) && !text.contains(char::is_control) && text.split('&').all(is_pair)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_from_other_texts() {
        for form in ["a=1", "a=1&b=", "q=two words", "name=Zoë", "x=%7B"] {
            assert!(looks_like_form(form.as_bytes()), "{form}");
        }
        for other in [
            "",
            "plain",
            "a=1&b",
            "=1",
            "{\"a\":\"=\"}",
            "<a b=\"c\"/>",
            "a=1\nb=2",
            "[1]",
        ] {
            assert!(!looks_like_form(other.as_bytes()), "{other}");
        }
        assert!(!looks_like_form(&[b'a', b'=', 0xff]));
    }
}
