//! Whether a record may still be used, by RFC 9111, as the crate `http-cache-semantics` knows it.

use std::time::SystemTime;

use http::header::{self, HeaderMap, HeaderName};
use http::{Request, Response, StatusCode};
use http_cache_semantics::{AfterResponse, BeforeRequest, CacheOptions, CachePolicy};
use silkroute_core::{RequestParts, is_secret_header};

use crate::entry::Entry;

/// What RFC 9111 says of a record.
pub(crate) enum Verdict {
    /// It may be used as it is.
    Fresh,
    /// It may be used if the site says so, asked with these headers.
    Ask(HeaderMap),
    /// It may not be used.
    Useless,
}

/// For one user, who may be logged in: not a cache that many share.
fn options() -> CacheOptions {
    CacheOptions {
        shared: false,
        ..CacheOptions::default()
    }
}

/// A request as the crate takes it.
fn asked(parts: &RequestParts, headers: &HeaderMap) -> Option<Request<()>> {
    let mut request = Request::builder()
        .method(parts.method.clone())
        .uri(parts.url.as_str())
        .body(())
        .ok()?;
    *request.headers_mut() = headers.clone();
    Some(request)
}

fn answered(status: StatusCode, headers: &HeaderMap) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = headers.clone();
    response
}

fn policy(entry: &Entry, parts: &RequestParts) -> Option<CachePolicy> {
    let request = asked(parts, entry.request_headers())?;
    let response = answered(entry.status(), &entry.head.headers);
    Some(CachePolicy::new_options(
        &request,
        &response,
        entry.head.recorded_at,
        options(),
    ))
}

/// Whether a response to this request may be kept at all.
pub(crate) fn may_be_kept(parts: &RequestParts, status: StatusCode, headers: &HeaderMap) -> bool {
    asked(parts, &parts.headers).is_some_and(|request| {
        CachePolicy::new_options(&request, &answered(status, headers), SystemTime::now(), options()).is_storable()
    })
}

/// What is to be done about a record.
pub(crate) fn judge(entry: &Entry, parts: &RequestParts, now: SystemTime) -> Verdict {
    // How long each step of a chain of redirects may be kept is not on record.
    if entry.was_redirected() {
        return Verdict::Useless;
    }
    let (Some(policy), Some(request)) = (policy(entry, parts), asked(parts, &parts.headers)) else {
        return Verdict::Useless;
    };
    match policy.before_request(&request, now) {
        BeforeRequest::Fresh(_) if !varies_in_secret(&entry.head.headers) => Verdict::Fresh,
        BeforeRequest::Fresh(_) => Verdict::Ask(validators(&entry.head.headers)),
        BeforeRequest::Stale { request, .. } => {
            let conditions = [header::IF_NONE_MATCH, header::IF_MODIFIED_SINCE];
            let set = conditions
                .into_iter()
                .filter_map(|name| Some((name.clone(), request.headers.get(name)?.clone())));
            Verdict::Ask(set.collect())
        }
    }
    .or_useless()
}

impl Verdict {
    /// Who has nothing to ask with cannot ask.
    fn or_useless(self) -> Self {
        match self {
            Self::Ask(headers) if headers.is_empty() => Self::Useless,
            other => other,
        }
    }
}

/// Whether the answer depends on a header that is not on record.
fn varies_in_secret(headers: &HeaderMap) -> bool {
    let names = headers
        .get_all(header::VARY)
        .iter()
        .filter_map(|value| value.to_str().ok());
    names
        .flat_map(|line| line.split(','))
        .filter_map(|name| name.trim().parse::<HeaderName>().ok())
        .any(|name| is_secret_header(&name))
}

fn validators(headers: &HeaderMap) -> HeaderMap {
    let pairs = [
        (header::ETAG, header::IF_NONE_MATCH),
        (header::LAST_MODIFIED, header::IF_MODIFIED_SINCE),
    ];
    pairs
        .into_iter()
        .filter_map(|(of, with)| Some((with, headers.get(of)?.clone())))
        .collect()
}

/// The headers of a record after the site has said that it still holds; `None`: it has said something else.
pub(crate) fn still_holds(
    entry: &Entry,
    parts: &RequestParts,
    status: StatusCode,
    headers: &HeaderMap,
) -> Option<HeaderMap> {
    let (policy, request) = (policy(entry, parts)?, asked(parts, &parts.headers)?);
    match policy.after_response(&request, &answered(status, headers), SystemTime::now()) {
        AfterResponse::NotModified(..) => {
            // Ours, updated by those of the 304: the crate would also drop the date and add an age.
            let mut updated = entry.head.headers.clone();
            for name in headers
                .keys()
                .filter(|name| !is_secret_header(name) && !OF_THE_BODY.contains(name))
            {
                updated.remove(name);
                for value in headers.get_all(name) {
                    updated.append(name.clone(), value.clone());
                }
            }
            Some(updated)
        }
        AfterResponse::Modified(..) => None,
    }
}

/// What a 304 says of a body, it says of its own, which is empty: RFC 9110 section 15.4.5.
const OF_THE_BODY: [HeaderName; 4] = [
    header::CONTENT_LENGTH,
    header::CONTENT_ENCODING,
    header::CONTENT_RANGE,
    header::TRANSFER_ENCODING,
];
