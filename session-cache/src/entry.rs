//! One record: what was asked, what was answered, and how both are written.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use silkroute_core::{CacheOutcome, Cookie, Hop, RequestParts, ResponseParts, Timing, is_secret_header};
use url::Url;

use crate::response::{RECORDED_AT_META, STATUS_META};
use crate::{CachedResponse, wire};

/// The first line of a record. A later format has another number.
const MAGIC: &[u8] = b"silkroute-cache 1\n";
/// What stands before the body may have this many bytes.
pub(crate) const LONGEST_HEAD: u64 = 4 * 1024 * 1024;

/// What was asked and what was answered, without the body.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The kind of the session that fetched it.
    kind: String,
    /// When it was recorded, or last found to still hold.
    #[serde(with = "rfc3339")]
    pub(crate) recorded_at: SystemTime,
    request: Asked,
    status: u16,
    /// Where it came from in the end.
    url: Url,
    #[serde(with = "wire")]
    pub(crate) headers: HeaderMap,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    history: Vec<Redirect>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<Cookie>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    meta: Map<String, Value>,
    attempts: u32,
    /// The names of the headers that were left out, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<String>,
    body_bytes: u64,
    body_crc32: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Asked {
    method: String,
    url: Url,
    #[serde(with = "wire")]
    headers: HeaderMap,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Redirect {
    status: u16,
    url: Url,
    #[serde(with = "wire")]
    headers: HeaderMap,
}

/// A record.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) head: Head,
    pub(crate) body: Bytes,
}

impl Entry {
    /// The record of an exchange; with credentials only if it shall have them.
    pub(crate) fn new(kind: &str, request: &RequestParts, response: &ResponseParts, secrets: bool) -> Self {
        let mut left_out = Vec::new();
        let mut kept = |headers: &HeaderMap| match secrets {
            true => headers.clone(),
            false => without_secrets(headers, &mut left_out),
        };
        let asked = Asked {
            method: request.method.to_string(),
            url: without_credentials(&request.url),
            headers: without_secrets(&request.headers, &mut Vec::new()),
        };
        let headers = kept(&response.headers);
        let hops = response.history.iter();
        let history = hops
            .map(|hop| Redirect {
                status: hop.status.as_u16(),
                url: without_credentials(&hop.url),
                headers: kept(&hop.headers),
            })
            .collect();
        left_out.sort();
        left_out.dedup();
        let head = Head {
            kind: kind.to_owned(),
            recorded_at: SystemTime::now(),
            request: asked,
            status: response.status.as_u16(),
            url: without_credentials(&response.url),
            headers,
            history,
            cookies: if secrets { response.cookies.clone() } else { Vec::new() },
            meta: response.meta.clone(),
            attempts: response.attempts,
            left_out,
            body_bytes: u64::try_from(response.body.len()).unwrap_or(u64::MAX),
            body_crc32: crc32fast::hash(&response.body),
        };
        Self {
            head,
            body: response.body.clone(),
        }
    }

    /// The file of it.
    ///
    /// # Errors
    /// None that are known: every head can be written.
    pub(crate) fn head_bytes(&self) -> serde_json::Result<Vec<u8>> {
        let mut bytes = MAGIC.to_vec();
        serde_json::to_writer(&mut bytes, &self.head)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads a file, whole and undamaged.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(file: &Bytes) -> Result<Self, String> {
        let rest = file
            .strip_prefix(MAGIC)
            .ok_or_else(|| match file.starts_with(b"silkroute-cache ") {
                true => "it is of another format than this version of silkroute reads".to_owned(),
                false => "it is no record".to_owned(),
            })?;
        let end = rest
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or("it breaks off in its head")?;
        let head: Head = serde_json::from_slice(&rest[..end]).map_err(|error| format!("its head: {error}"))?;
        StatusCode::from_u16(head.status).map_err(|_| format!("{} is no status", head.status))?;
        let body = file.slice(MAGIC.len() + end + 1..);
        let bytes = u64::try_from(body.len()).unwrap_or(u64::MAX);
        if bytes != head.body_bytes {
            return Err(format!(
                "its body has {bytes} bytes where {} were written",
                head.body_bytes
            ));
        }
        if crc32fast::hash(&body) != head.body_crc32 {
            return Err("its body is damaged".to_owned());
        }
        Ok(Self { head, body })
    }

    pub(crate) fn status(&self) -> StatusCode {
        // Looked at when it was read.
        StatusCode::from_u16(self.head.status).unwrap_or(StatusCode::OK)
    }

    /// The headers that its request had of its own, without credentials.
    pub(crate) fn request_headers(&self) -> &HeaderMap {
        &self.head.request.headers
    }

    pub(crate) fn was_redirected(&self) -> bool {
        !self.head.history.is_empty()
    }

    /// The response that it was, with what the cache did to bring it back.
    pub(crate) fn response(self, status: &'static str, took: Duration) -> CachedResponse {
        let code = self.status();
        let Head {
            kind,
            recorded_at,
            url,
            headers,
            history,
            cookies,
            mut meta,
            attempts,
            ..
        } = self.head;
        note(&mut meta, status, Some(recorded_at));
        let mut parts = ResponseParts::new(code, url);
        parts.headers = headers;
        parts.body = self.body;
        parts.history = history
            .into_iter()
            .map(|hop| {
                Hop::new(
                    StatusCode::from_u16(hop.status).unwrap_or(StatusCode::FOUND),
                    hop.url,
                    hop.headers,
                )
            })
            .collect();
        parts.cookies = cookies;
        parts.meta = meta;
        parts.attempts = attempts;
        parts.cache = Some(CacheOutcome::Hit);
        // A clock may stand still for as long as it takes.
        let took = took.max(Duration::from_nanos(1));
        parts.timing = Timing::new(took, took);
        CachedResponse {
            parts,
            recorded_at,
            kind,
        }
    }
}

/// Writes down in a response's meta what the cache did.
pub(crate) fn note(meta: &mut Map<String, Value>, status: &str, recorded_at: Option<SystemTime>) {
    meta.insert(STATUS_META.to_owned(), status.into());
    if let Some(at) = recorded_at {
        let text = humantime::format_rfc3339_seconds(at).to_string();
        meta.insert(RECORDED_AT_META.to_owned(), text.into());
    }
}

fn without_secrets(headers: &HeaderMap, left_out: &mut Vec<String>) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        if is_secret_header(name) || value.is_sensitive() {
            left_out.push(name.as_str().to_owned());
        } else {
            kept.append(name.clone(), value.clone());
        }
    }
    kept
}

fn without_credentials(url: &Url) -> Url {
    let mut url = url.clone();
    // Neither can fail for a URL that could be fetched.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url
}

mod rfc3339 {
    use std::time::SystemTime;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_rfc3339_millis(*time))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
        humantime::parse_rfc3339(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header;
    use silkroute_core::{Fetch, Request as _, RequestExt as _};

    fn exchange() -> (Fetch, ResponseParts) {
        let request = Fetch::get("https://user:hush@shop.test/a?b=1")
            .unwrap()
            .header("Authorization", "Bearer hush")
            .unwrap()
            .header("Accept", "text/html")
            .unwrap();
        let mut response = ResponseParts::new(StatusCode::OK, "https://user:hush@shop.test/b".parse().unwrap());
        response.headers.append(header::SET_COOKIE, "sid=hush".parse().unwrap());
        response
            .headers
            .append(header::CONTENT_TYPE, "text/html".parse().unwrap());
        response
            .headers
            .append("x-latin", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        response.body = Bytes::from_static(b"line one\nline two\n\x00\xff");
        response.cookies.push(Cookie::new("sid", "hush", "shop.test"));
        response.history.push(Hop::new(
            StatusCode::FOUND,
            "https://shop.test/a".parse().unwrap(),
            HeaderMap::from_iter([(header::SET_COOKIE, "sid=hush".parse().unwrap())]),
        ));
        response.meta.insert("seen".to_owned(), 3.into());
        (request, response)
    }
    use http::HeaderValue;

    fn file(secrets: bool) -> Bytes {
        let (request, response) = exchange();
        let entry = Entry::new("http", request.parts(), &response, secrets);
        let mut bytes = entry.head_bytes().unwrap();
        bytes.extend(&entry.body);
        bytes.into()
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let (_, response) = exchange();
        let entry = Entry::read(&file(true)).unwrap();
        let back = entry.response("replayed", Duration::from_millis(1)).parts;
        assert_eq!(
            (back.status, &back.body, &back.headers),
            (response.status, &response.body, &response.headers)
        );
        assert_eq!((back.history.len(), back.cookies.len(), back.attempts), (1, 1, 1));
        assert_eq!(back.history[0].headers[header::SET_COOKIE], "sid=hush");
        assert_eq!(
            (&back.meta["seen"], &back.meta[STATUS_META]),
            (&3.into(), &"replayed".into())
        );
    }

    #[test]
    fn credentials_are_left_out_unless_they_are_wanted() {
        let file = file(false);
        let text = String::from_utf8_lossy(&file);
        assert!(!text.contains("hush"), "{text}");
        assert!(
            text.contains(r#""left_out":["set-cookie"]"#) && text.contains("text/html"),
            "{text}"
        );
    }

    #[test]
    fn what_is_damaged_is_not_read() {
        let whole = file(false);
        for length in 0..whole.len() {
            assert!(
                Entry::read(&whole.slice(..length)).is_err(),
                "{length} of {} bytes",
                whole.len()
            );
        }
        let mut longer = whole.to_vec();
        longer.push(0);
        assert!(Entry::read(&longer.into()).is_err());
        for at in [0, 3, whole.len() - 1] {
            let mut changed = whole.to_vec();
            changed[at] ^= 1;
            assert!(Entry::read(&changed.into()).is_err(), "byte {at}");
        }
        let later = Bytes::from([&b"silkroute-cache 2\n"[..], &whole[MAGIC.len()..]].concat());
        assert!(Entry::read(&later).unwrap_err().contains("another format"));
    }
}
