//! An archive in memory: what was recorded, by URL.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use har::v1_2::{Entries, Headers};
use har::{Har, Spec, v1_3};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use silkroute_core::{Error, Result};
use url::Url;

/// One response on record.
pub(crate) struct Recording {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) took: Duration,
    pub(crate) recorded_at: String,
}

/// All responses on record, by URL, each in the order of the archive.
#[derive(Default)]
pub(crate) struct Recordings {
    by_url: HashMap<String, Vec<Recording>>,
}

impl Recordings {
    /// Reads an archive. It is parsed whole: call it where blocking is allowed.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let refused = |reason: String| Error::invalid(format!("the archive `{}`", path.display()), reason);
        let archive = har::from_path(path).map_err(|error| refused(with_causes(&error)))?;
        Self::from_har(archive).map_err(refused)
    }

    fn from_har(archive: Har) -> Result<Self, String> {
        let entries = match archive.log {
            Spec::V1_2(log) => log.entries,
            Spec::V1_3(log) => log.entries.into_iter().map(as_v1_2).collect(),
        };
        let mut recordings = Self::default();
        for (index, entry) in entries.into_iter().enumerate() {
            // Only what a GET brought can be asked for again. Status 0 is how browsers note a request without an answer.
            if entry.request.method != "GET" || entry.response.status == 0 {
                continue;
            }
            let url =
                Url::parse(&entry.request.url).map_err(|error| format!("entry {index} has no usable URL: {error}"))?;
            let recording = Recording::new(entry).map_err(|reason| format!("entry {index}: {reason}"))?;
            recordings.by_url.entry(key(&url)).or_default().push(recording);
        }
        Ok(recordings)
    }

    /// The recordings of a URL; none where there are none.
    pub(crate) fn of(&self, url: &Url) -> &[Recording] {
        self.by_url.get(&key(url)).map_or(&[], Vec::as_slice)
    }

    /// The URLs on record, in no order.
    pub(crate) fn urls(&self) -> impl Iterator<Item = &str> {
        self.by_url.keys().map(String::as_str)
    }
}

/// How many there are, and not what they say.
impl fmt::Debug for Recordings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} URLs", self.by_url.len())
    }
}

/// What a URL is looked up by: a server sees neither its fragment nor its credentials.
fn key(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    // Both fail for URLs without a host alone, which have neither.
    let _ = (url.set_username(""), url.set_password(None));
    url.into()
}

impl Recording {
    fn new(entry: Entries) -> Result<Self, String> {
        let response = entry.response;
        let status = u16::try_from(response.status)
            .ok()
            .and_then(|code| StatusCode::from_u16(code).ok());
        let status = status.ok_or_else(|| format!("{} is no status", response.status))?;
        let mut headers = headers(&response.headers);
        // The archive holds bodies decoded.
        for name in [CONTENT_ENCODING, TRANSFER_ENCODING, CONTENT_LENGTH] {
            headers.remove(name);
        }
        let text = response.content.text.unwrap_or_default();
        let body = match response.content.encoding.as_deref() {
            Some("base64") => Bytes::from(
                BASE64
                    .decode(text)
                    .map_err(|error| format!("its body is no base64: {error}"))?,
            ),
            _ => {
                say_utf8(&mut headers, response.content.mime_type.as_deref());
                Bytes::from(text)
            }
        };
        Ok(Self {
            status,
            headers,
            body,
            took: Duration::try_from_secs_f64(entry.time / 1_000.0).unwrap_or_default(),
            recorded_at: entry.started_date_time,
        })
    }
}

/// The headers that can be headers. Browsers note HTTP/2's pseudo-headers as well, and join repeated ones with line breaks.
fn headers(recorded: &[Headers]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for header in recorded {
        let Ok(name) = HeaderName::try_from(&header.name) else {
            continue;
        };
        for line in header.value.split('\n') {
            if let Ok(value) = HeaderValue::try_from(line) {
                headers.append(name.clone(), value);
            }
        }
    }
    headers
}

/// A body that is on record as text was decoded from its own encoding then, and is UTF-8 now.
fn say_utf8(headers: &mut HeaderMap, recorded: Option<&str>) {
    let named = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = named
        .or(recorded)
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    if media_type.is_empty() {
        return;
    }
    if let Ok(value) = HeaderValue::try_from(format!("{media_type}; charset=utf-8")) {
        headers.insert(CONTENT_TYPE, value);
    }
}

/// What 1.3 adds to 1.2 is not needed here.
fn as_v1_2(entry: v1_3::Entries) -> Entries {
    let response = entry.response;
    Entries {
        started_date_time: entry.started_date_time,
        time: entry.time,
        request: har::v1_2::Request {
            method: entry.request.method,
            url: entry.request.url,
            ..Default::default()
        },
        response: har::v1_2::Response {
            status: response.status,
            headers: response
                .headers
                .into_iter()
                .map(|header| Headers {
                    name: header.name,
                    value: header.value,
                    comment: None,
                })
                .collect(),
            content: har::v1_2::Content {
                mime_type: response.content.mime_type,
                text: response.content.text,
                encoding: response.content.encoding,
                ..Default::default()
            },
            ..Default::default()
        },
        ..Default::default()
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(version: &str, response: &str) -> Result<Recordings, String> {
        let entry = format!(
            r#"{{"startedDateTime": "2026-01-01T00:00:00Z", "time": 12.5, "cache": {{}},
                "timings": {{"send": 0, "wait": 1, "receive": 0}},
                "request": {{"method": "GET", "url": "https://shop.test/", "httpVersion": "h2", "cookies": [], "headers": [],
                             "queryString": [], "headersSize": -1, "bodySize": 0}},
                "response": {response}}}"#
        );
        let text = format!(
            r#"{{"log": {{"version": "{version}", "creator": {{"name": "t", "version": "1"}}, "entries": [{entry}]}}}}"#
        );
        Recordings::from_har(har::from_str(&text).unwrap())
    }

    fn response(status: u16, headers: &str, content: &str) -> String {
        format!(
            r#"{{"status": {status}, "statusText": "", "httpVersion": "h2", "cookies": [], "headers": [{headers}],
                "content": {content}, "redirectURL": "", "headersSize": -1, "bodySize": -1}}"#
        )
    }

    #[test]
    fn what_a_browser_saved_is_read_in_both_versions() {
        let headers = r#"{"name": ":status", "value": "200"}, {"name": "set-cookie", "value": "a=1\nb=2"},
            {"name": "content-encoding", "value": "br"}, {"name": "content-type", "value": "text/html; charset=shift_jis"}"#;
        let content = r#"{"size": 9, "mimeType": "text/html", "text": "日本語"}"#;
        for version in ["1.2", "1.3"] {
            let recordings = archive(version, &response(200, headers, content)).unwrap();
            let found = recordings.of(&Url::parse("https://user:pass@shop.test/#top").unwrap());
            let [recording] = found else {
                panic!("{} recordings", found.len())
            };
            assert_eq!(recording.headers.get_all("set-cookie").iter().count(), 2);
            assert!(
                !recording.headers.contains_key("content-encoding"),
                "the body is not compressed any more"
            );
            assert_eq!(recording.headers["content-type"], "text/html; charset=utf-8");
            assert_eq!(recording.body, "日本語");
            assert_eq!(recording.took, Duration::from_micros(12_500));
        }
    }

    #[test]
    fn requests_without_an_answer_are_left_out() {
        let recordings = archive("1.2", &response(0, "", r#"{"size": 0}"#)).unwrap();
        assert_eq!(recordings.urls().count(), 0);
    }

    #[test]
    fn a_body_that_is_damaged_is_told_with_its_place() {
        let content = r#"{"size": 1, "text": "%%%", "encoding": "base64"}"#;
        let error = archive("1.2", &response(200, "", content)).map(drop).unwrap_err();
        assert!(error.starts_with("entry 0: its body is no base64"), "{error}");
    }
}
