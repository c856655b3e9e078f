//! What the server sent is what the caller gets.

use futures_util::future::join_all;
use serde_json::Value;
use silkroute_core::{Fetch, Request, RequestExt as _, RequestParts, Session};

use super::recording::SIZES;
use super::words::{Must as _, SOON, must_be_unsupported, within};
use super::{Bench, Capability};
use crate::site::known;

/// A response MUST carry the status, the URL, the headers and the body that the server sent.
pub async fn brings_back_what_the_server_sent(bench: &Bench) {
    let session = bench.started().await;
    let request = bench.get("/json");
    let response = bench.fetched(&*session, &request).await;
    assert_eq!(
        response.status().as_u16(),
        200,
        "a response MUST carry the server's status"
    );
    assert_eq!(
        response.url(),
        &request.parts().url,
        "a response MUST carry the URL that it came from"
    );
    assert!(
        response.history().is_empty(),
        "a response without redirects MUST have no history"
    );
    if bench.can(Capability::RawBodies) {
        let content_type = response.header("Content-Type").unwrap_or_default();
        assert!(
            content_type.contains("json"),
            "a response MUST carry the server's headers; content-type: `{content_type}`"
        );
        let json: Value = response.json().must("the body of a JSON document reads as JSON");
        assert_eq!(
            json["number"],
            known::JSON_NUMBER,
            "a response MUST carry the server's body, to the last digit"
        );
    }
    bench.finish(session).await;
}

/// A response of any status MUST be a response and not an error.
pub async fn any_status_is_a_response(bench: &Bench) {
    let session = bench.started().await;
    for status in [404, 500, 503] {
        let request = bench.get(&format!("/status/{status}"));
        let rule = format!("a response of any status MUST be a response and not an error: {status}");
        let response = session.fetch(&request).await.must(&rule);
        assert_eq!(response.status().as_u16(), status, "{rule}");
    }
    bench.finish(session).await;
}

/// Bodies MUST arrive whole, from one byte to a megabyte, and an empty one as empty.
pub async fn bodies_arrive_whole(bench: &Bench) {
    if !bench.can(Capability::RawBodies) {
        return;
    }
    let session = bench.started().await;
    let empty = bench.fetched(&*session, &bench.get("/empty")).await;
    assert!(
        empty.body().is_empty(),
        "an empty body MUST arrive as empty; it has {} bytes",
        empty.body().len()
    );
    for size in [1, 65_537, 1_000_000] {
        let response = bench.fetched(&*session, &bench.get(&format!("/bytes/{size}"))).await;
        assert_eq!(response.body().len(), size, "a body MUST arrive whole");
        assert!(
            response.body().iter().all(|byte| *byte == b'0'),
            "a body MUST arrive unchanged"
        );
    }
    bench.finish(session).await;
}

/// The response to a `HEAD` MUST have no body; a session that cannot send one MUST refuse it.
pub async fn a_head_has_no_body(bench: &Bench) {
    let session = bench.started().await;
    let request = bench.request("HEAD", "/page/10k");
    if bench.can_send("HEAD") {
        let response = bench.fetched(&*session, &request).await;
        assert_eq!(response.status().as_u16(), 200, "a HEAD MUST bring the status of a GET");
        assert!(response.body().is_empty(), "the response to a HEAD MUST have no body");
    } else {
        must_be_unsupported(session.fetch(&request).await, "HEAD");
    }
    bench.finish(session).await;
}

/// Redirects MUST be followed; the response has the last URL, and in its history every hop, oldest first.
pub async fn redirects_are_followed_and_noted(bench: &Bench) {
    let session = bench.started().await;
    let response = bench.fetched(&*session, &bench.get("/redirect/3")).await;
    assert_eq!(
        response.status().as_u16(),
        200,
        "a redirect MUST be followed to its end"
    );
    assert_eq!(
        response.url().path(),
        "/redirect/0",
        "a response MUST carry the last URL of its redirects"
    );
    let hops: Vec<_> = response
        .history()
        .iter()
        .map(|hop| (hop.status.as_u16(), hop.url.path()))
        .collect();
    assert_eq!(
        hops,
        [(302, "/redirect/3"), (302, "/redirect/2"), (302, "/redirect/1")],
        "the history MUST hold every redirect with its status and URL, oldest first"
    );
    assert!(
        response
            .history()
            .iter()
            .all(|hop| hop.headers.contains_key("location")),
        "the history MUST hold the headers of every redirect"
    );
    bench.finish(session).await;
}

/// A session MUST serve many fetches at the same time, and give each its own response.
pub async fn serves_many_fetches_at_the_same_time(bench: &Bench) {
    let session = bench.started().await;
    let count = Bench::at_once(&*session, 32);
    let requests: Vec<_> = SIZES
        .take(count)
        .map(|size| (size, bench.get(&format!("/bytes/{size}"))))
        .collect();
    let fetches = requests
        .iter()
        .map(async |(size, request)| (*size, session.fetch(request).await));
    let rule = format!("a session MUST serve {count} fetches at the same time");
    let responses = within(SOON, &rule, join_all(fetches)).await;
    for (size, response) in responses {
        let response = response.must(&rule);
        assert_eq!(
            response.url().path(),
            format!("/bytes/{size}"),
            "each fetch MUST get its own response"
        );
        if bench.can(Capability::RawBodies) {
            assert_eq!(response.body().len(), size, "each fetch MUST get its own response");
        }
    }
    bench.finish(session).await;
}

/// The text of a page MUST be decoded as a browser would, whatever encoding it came in.
pub async fn text_is_decoded(bench: &Bench) {
    let session = bench.started().await;
    for (encoding, text) in [
        ("utf-8", known::UTF8_TEXT),
        ("windows-1252", known::WESTERN_TEXT),
        ("shift_jis", known::JAPANESE_TEXT),
        ("meta", known::JAPANESE_TEXT),
        ("bom", known::UTF8_TEXT),
    ] {
        let response = bench
            .fetched(&*session, &bench.get(&format!("/encoding/{encoding}")))
            .await;
        let shown = response.text();
        assert!(
            shown.contains(text),
            "text MUST be decoded as a browser would: {encoding} should say `{text}`: {shown}"
        );
    }
    bench.finish(session).await;
}

/// Bytes that are no text MUST NOT be changed.
pub async fn binary_bodies_are_left_alone(bench: &Bench) {
    if !bench.can(Capability::RawBodies) {
        return;
    }
    let session = bench.started().await;
    let response = bench.fetched(&*session, &bench.get("/image.png")).await;
    assert!(
        response.body().starts_with(b"\x89PNG\r\n\x1a\n") && response.body().ends_with(b"IEND\xaeB`\x82"),
        "bytes that are no text MUST NOT be changed"
    );
    bench.finish(session).await;
}

/// A response MUST say how often it was tried, and where its time went.
pub async fn attempts_and_timing_are_noted(bench: &Bench) {
    let session = bench.started().await;
    let response = bench.fetched(&*session, &bench.get("/page/10k")).await;
    assert!(
        response.attempts() >= 1,
        "attempts MUST be at least 1: the first try counts"
    );
    let timing = response.timing();
    assert!(!timing.total.is_zero(), "timing.total MUST say how long the fetch took");
    assert!(
        timing.total >= timing.first_byte,
        "timing.total MUST NOT be less than timing.first_byte: {timing:?}"
    );
    bench.finish(session).await;
}

/// A session MUST take any type of request, and MUST NOT write to it: its `meta` is the user's.
pub async fn any_type_of_request_is_taken_and_left_as_it_is(bench: &Bench) {
    let session = bench.started().await;
    let parts = bench.get("/json").meta("page", 3).session("whichever").parts().clone();
    let request = Visit {
        parts: parts.clone(),
        depth: 2,
    };
    let rule = "a session MUST take any type of request, by its parts";
    let response = session.fetch(&request).await.must(rule);
    assert_eq!(response.status().as_u16(), 200, "{rule}");
    assert!(
        request.parts == parts && request.depth == 2,
        "a session MUST NOT write to a request: {request:?}"
    );
    bench.finish(session).await;
}

/// `https:` URLs MUST be fetched where the session says it can, by the authority that it was told to trust.
pub async fn https_is_fetched(bench: &Bench) {
    if !(bench.can(Capability::Https) && bench.can(Capability::Live)) {
        return;
    }
    let session = bench.started().await;
    let url = bench.site().https_url("/json");
    let response = bench.fetched(&*session, &Fetch::from(url.clone())).await;
    assert_eq!(
        (response.status().as_u16(), response.url()),
        (200, &url),
        "https: URLs MUST be fetched"
    );
    bench.finish(session).await;
}

/// The futures of a session MUST be `Send`, so that fetches run on any thread. The compiler checks it; this runs it.
pub async fn fetches_run_on_any_thread(bench: &Bench) {
    let session: std::sync::Arc<dyn Session> = bench.started().await.into();
    let tasks = (0..Bench::at_once(&*session, 4)).map(|_| {
        let (session, request) = (std::sync::Arc::clone(&session), bench.get("/json"));
        tokio::spawn(async move { session.fetch(&request).await })
    });
    for task in join_all(tasks).await {
        let response = task
            .must("a fetch MUST NOT panic")
            .must("a fetch MUST run on any thread");
        assert_eq!(response.status().as_u16(), 200, "a fetch MUST run on any thread");
    }
}

/// A third party's request type, with something of its own.
#[derive(Debug)]
struct Visit {
    parts: RequestParts,
    depth: u32,
}

impl Request for Visit {
    fn parts(&self) -> &RequestParts {
        &self.parts
    }

    fn parts_mut(&mut self) -> &mut RequestParts {
        &mut self.parts
    }
}
