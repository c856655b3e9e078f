//! How headers are written over HTTP/1.1: `Host` first, the case that browsers use, and without those that belong to
//! HTTP/2. Over HTTP/2 they go out in the order of the map, which is right already.

use http::header::{CONNECTION, HOST};
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request};
use wreq_proto::ext::{OnPreserveHeaderCallback, on_preserve_header};

/// Where `Connection: keep-alive` stands over HTTP/1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnectionPlace {
    /// After `Host`, as Chromium has it.
    AfterHost,
    /// After what describes the content, as Firefox has it.
    AfterContent,
    /// Last, as Safari has it.
    Last,
    /// Nowhere: the default of HTTP/1.1 needs no words.
    Absent,
}

/// How the headers of a request are written. Cheap to clone.
#[derive(Clone)]
pub(crate) struct HeaderOrder(Extensions);

impl HeaderOrder {
    /// `usual` are the names in the order in which they usually come: only to be quick, any others are written too.
    /// `http2_only` are names that are left out over HTTP/1.1.
    pub(crate) fn new(
        connection: ConnectionPlace,
        usual: impl IntoIterator<Item = HeaderName>,
        http2_only: &[&str],
    ) -> Self {
        // The type under which wreq-proto looks for the callback is private, so it is taken from a request.
        let mut carrier = Request::new(());
        on_preserve_header(&mut carrier, Http1Writer::new(connection, usual, http2_only));
        Self(carrier.into_parts().0.extensions)
    }

    pub(super) fn extensions(&self) -> Extensions {
        self.0.clone()
    }
}

impl std::fmt::Debug for HeaderOrder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HeaderOrder")
    }
}

struct Http1Writer {
    connection: ConnectionPlace,
    usual: Vec<Written>,
}

/// How a header is written.
struct Written {
    name: HeaderName,
    cased: String,
    http2_only: bool,
    describes_content: bool,
}

impl Written {
    fn new(name: HeaderName, http2_only: &[&str]) -> Self {
        Self {
            cased: cased(name.as_str()),
            http2_only: http2_only.contains(&name.as_str()),
            describes_content: describes_content(name.as_str()),
            name,
        }
    }
}

impl Http1Writer {
    fn new(connection: ConnectionPlace, usual: impl IntoIterator<Item = HeaderName>, http2_only: &[&str]) -> Self {
        // Those that are never sent over HTTP/1.1 are known by name wherever they stand.
        let never = http2_only.iter().filter_map(|name| name.parse().ok());
        let usual = usual
            .into_iter()
            .chain(never)
            .map(|name| Written::new(name, http2_only))
            .collect();
        Self { connection, usual }
    }

    /// How a header is written, if it is a usual one. Mostly it is the one after the last that was found.
    fn find(&self, name: &HeaderName, next: &mut usize) -> Option<&Written> {
        let expected = self.usual.get(*next).filter(|usual| usual.name == *name);
        if expected.is_some() {
            *next += 1;
            return expected;
        }
        let found = self.usual.iter().position(|usual| usual.name == *name)?;
        *next = found + 1;
        self.usual.get(found)
    }
}

impl OnPreserveHeaderCallback for Http1Writer {
    fn call(&self, _: &mut HeaderMap) {}

    fn call_visit(&self, headers: &mut HeaderMap, write: &mut dyn FnMut(&dyn AsRef<[u8]>, &HeaderValue)) {
        const KEEP_ALIVE: HeaderValue = HeaderValue::from_static("keep-alive");
        if let Some(host) = headers.get(HOST) {
            write(&"Host", host);
        }
        let mut pending = match headers.contains_key(CONNECTION) {
            true => ConnectionPlace::Absent,
            false => self.connection,
        };
        if pending == ConnectionPlace::AfterHost {
            write(&"Connection", &KEEP_ALIVE);
            pending = ConnectionPlace::Absent;
        }
        let mut next = 0;
        for (name, value) in headers.iter() {
            if *name == HOST {
                continue;
            }
            let unusual;
            let written = match self.find(name, &mut next) {
                Some(usual) => usual,
                None => {
                    unusual = Written::new(name.clone(), &[]);
                    &unusual
                }
            };
            if written.http2_only {
                continue;
            }
            if pending == ConnectionPlace::AfterContent && !written.describes_content {
                write(&"Connection", &KEEP_ALIVE);
                pending = ConnectionPlace::Absent;
            }
            write(&written.cased, value);
        }
        if pending != ConnectionPlace::Absent {
            write(&"Connection", &KEEP_ALIVE);
        }
    }
}

/// What Firefox writes before `Connection`.
fn describes_content(name: &str) -> bool {
    matches!(
        name,
        "user-agent" | "accept" | "accept-language" | "accept-encoding" | "content-type" | "content-length" | "origin"
    )
}

/// A name in the case that browsers write it in: with capitals, but for the client hints.
fn cased(name: &str) -> String {
    match name {
        "dnt" => "DNT".to_owned(),
        "te" => "TE".to_owned(),
        _ if name.starts_with("sec-ch-") => name.to_owned(),
        _ => title_case(name),
    }
}

fn title_case(name: &str) -> String {
    let mut start = true;
    name.chars()
        .map(|letter| {
            let written = if start { letter.to_ascii_uppercase() } else { letter };
            start = letter == '-';
            written
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(connection: ConnectionPlace, headers: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let mut lines = Vec::new();
        let usual = ["user-agent", "accept", "cookie"].map(HeaderName::from_static);
        Http1Writer::new(connection, usual, &["priority"]).call_visit(&mut map, &mut |name, value| {
            lines.push(format!(
                "{}: {}",
                String::from_utf8_lossy(name.as_ref()),
                value.to_str().unwrap()
            ));
        });
        lines
    }

    #[test]
    fn host_comes_first_and_connection_where_the_browser_has_it() {
        let headers = [
            ("user-agent", "x"),
            ("cookie", "a=b"),
            ("x-api-key", "1"),
            ("priority", "i"),
            ("host", "h"),
        ];
        assert_eq!(
            written(ConnectionPlace::AfterHost, &headers),
            [
                "Host: h",
                "Connection: keep-alive",
                "User-Agent: x",
                "Cookie: a=b",
                "X-Api-Key: 1"
            ]
        );
        assert_eq!(
            written(ConnectionPlace::AfterContent, &headers),
            [
                "Host: h",
                "User-Agent: x",
                "Connection: keep-alive",
                "Cookie: a=b",
                "X-Api-Key: 1"
            ]
        );
        assert_eq!(written(ConnectionPlace::Last, &headers)[4], "Connection: keep-alive");
    }

    #[test]
    fn a_connection_header_of_the_users_own_is_the_only_one() {
        let lines = written(
            ConnectionPlace::AfterHost,
            &[("host", "h"), ("connection", "close"), ("accept", "*/*")],
        );
        assert_eq!(lines, ["Host: h", "Connection: close", "Accept: */*"]);
    }
}
