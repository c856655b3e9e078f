//! Writes what the suite recorded as a HAR file.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use har::v1_2::{Content, Entries, Headers, Log, Request, Response};
use har::{Har, Spec};
use silkroute_testkit::conformance::Exchange;
use tempfile::NamedTempFile;

/// An archive of these exchanges, which is there for as long as what this returns.
pub(crate) fn write(exchanges: &[Exchange]) -> NamedTempFile {
    let log = Log {
        entries: exchanges.iter().map(entry).collect(),
        ..Log::default()
    };
    let text = har::to_json(&Har { log: Spec::V1_2(log) }).expect("an archive can be written");
    let mut file = NamedTempFile::with_suffix(".har").expect("a temporary file can be made");
    file.write_all(text.as_bytes())
        .expect("a temporary file can be written");
    file
}

fn entry(exchange: &Exchange) -> Entries {
    let headers = exchange.headers.iter().map(|(name, value)| Headers {
        name: name.to_string(),
        value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
        comment: None,
    });
    Entries {
        started_date_time: "2026-11-21T04:39:00.000Z".to_owned(),
        time: exchange.took.as_secs_f64() * 1_000.0,
        request: Request {
            method: exchange.method.to_string(),
            url: exchange.url.to_string(),
            ..Request::default()
        },
        response: Response {
            status: exchange.status.as_u16().into(),
            headers: headers.collect(),
            content: Content {
                text: Some(BASE64.encode(&exchange.body)),
                encoding: Some("base64".to_owned()),
                ..Content::default()
            },
            ..Response::default()
        },
        ..Entries::default()
    }
}
