//! What the caller asked for is what the server sees, or an error: never something else.

use std::sync::Arc;

use serde_json::{Value, json};
use silkroute_core::{Error, Fetch, Multipart, Part, Proxy, Request as _, RequestExt as _, Session};

use super::words::{Must as _, must_be_unsupported, must_fail};
use super::{Bench, Capability, Setup};
use crate::site::Recorded;

/// Every method MUST be sent as it is, or refused.
pub async fn methods_are_sent_or_refused(bench: &Bench) {
    let session = bench.started().await;
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        let path = format!("/echo/{method}");
        let request = bench.request(method, &path);
        if !bench.can_send(method) {
            must_be_unsupported(session.fetch(&request).await, method);
            assert!(
                bench.site().requests_to(&path).is_empty(),
                "a method that is refused MUST NOT reach the site"
            );
        } else if bench.can(Capability::Live) {
            bench.fetched(&*session, &request).await;
            let seen = bench.seen(&path);
            assert_eq!(seen.method, method, "a method MUST be sent as it is");
        }
    }
    bench.finish(session).await;
}

/// The path and the query MUST be sent as the URL has them.
pub async fn the_url_is_sent_as_it_is(bench: &Bench) {
    if !bench.can(Capability::Live) {
        return;
    }
    let session = bench.started().await;
    let target = "/echo/a%20b/%C3%A9?x=1&y=a%20b+c&x=2&empty=&bare";
    bench.fetched(&*session, &bench.get(target)).await;
    assert_eq!(
        bench.seen("/echo/a%20b/%C3%A9").target(),
        target,
        "path and query MUST be sent as the URL has them"
    );
    bench.finish(session).await;
}

/// A request's headers MUST be sent, once each, and win over the session's whatever their case; or be refused.
pub async fn request_headers_win_whatever_their_case(bench: &Bench) {
    let mut setup = Setup::default();
    if bench.can(Capability::SessionHeaders) {
        setup.headers = vec![("X-Conformance", "session"), ("X-Session", "session")];
    }
    let session = bench.started_with(&setup).await;
    let request = bench.get("/echo").header("x-conformance", "request").must("a header");
    if !bench.can(Capability::Headers) {
        must_be_unsupported(session.fetch(&request).await, "request headers");
        return;
    }
    bench.fetched(&*session, &request).await;
    let seen = bench.seen("/echo");
    let values: Vec<_> = seen.header_values("X-Conformance").collect();
    assert_eq!(
        values,
        ["request"],
        "a request's header MUST replace the session's of the same name, whatever its case"
    );
    if bench.can(Capability::SessionHeaders) {
        assert_eq!(
            seen.header("x-session"),
            Some("session"),
            "the session's other headers MUST still be sent"
        );
        bench.fetched(&*session, &bench.get("/echo/after")).await;
        assert_eq!(
            bench.seen("/echo/after").header("x-conformance"),
            Some("session"),
            "a request's headers MUST NOT outlive it"
        );
    }
    bench.finish(session).await;
}

/// A JSON body MUST arrive as it is, with its content type; a content type of the request's own wins. Or be refused.
pub async fn json_arrives(bench: &Bench) {
    let value = json!({"unicode": "żółw 🐢", "list": [1, null, true], "number": 9_007_199_254_740_993_u64});
    let (session, request) = bench.with_body("/echo").await;
    let request = request.json(&value).must("JSON");
    let Some(seen) = bench.sent_or_refused(&*session, &request).await else {
        return;
    };
    let arrived: Option<Value> = serde_json::from_slice(&seen.body).ok();
    assert_eq!(
        arrived.as_ref(),
        Some(&value),
        "a JSON body MUST arrive as it is: {}",
        seen.text()
    );
    assert_eq!(
        seen.header("content-type"),
        Some("application/json"),
        "a JSON body MUST be sent with its content type"
    );

    if bench.can(Capability::Headers) {
        let request = request
            .header("content-type", "application/vnd.api+json")
            .must("a header");
        bench.fetched(&*session, &request).await;
        let values: Vec<_> = bench
            .seen("/echo")
            .header_values("content-type")
            .map(str::to_owned)
            .collect();
        assert_eq!(
            values,
            ["application/vnd.api+json"],
            "a content type of the request's own MUST win"
        );
    }
    bench.finish(session).await;
}

/// A form body MUST arrive in order, encoded, with its content type; or be refused.
pub async fn a_form_arrives(bench: &Bench) {
    let fields = [("name", "Zoë & Söhne"), ("list", "1"), ("list", "2"), ("empty", "")];
    let (session, request) = bench.with_body("/echo").await;
    let Some(seen) = bench.sent_or_refused(&*session, &request.form(fields)).await else {
        return;
    };
    let arrived: Vec<_> = url::form_urlencoded::parse(&seen.body).collect();
    let arrived: Vec<_> = arrived.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(arrived, fields, "a form MUST arrive with its fields in order");
    let content_type = seen.header("content-type").unwrap_or_default();
    assert!(
        content_type.starts_with("application/x-www-form-urlencoded"),
        "a form MUST be sent with its content type, not `{content_type}`"
    );
    bench.finish(session).await;
}

/// A body of bytes MUST arrive as it is; or be refused.
pub async fn bytes_arrive(bench: &Bench) {
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let (session, request) = bench.with_body("/echo").await;
    let Some(seen) = bench.sent_or_refused(&*session, &request.body(bytes.clone())).await else {
        return;
    };
    assert!(
        seen.body == bytes,
        "a body of bytes MUST arrive as it is; {} of {} came",
        seen.body.len(),
        bytes.len()
    );
    bench.finish(session).await;
}

/// A multipart body MUST arrive with its parts in order, and with the boundary that its content type names; or be refused.
pub async fn a_multipart_arrives(bench: &Bench) {
    let upload = Multipart::new().text("title", "holiday ☀").part(
        Part::bytes("photo", &b"\xff\xd8\r\n--not-a-boundary\r\n\x00"[..])
            .file_name("beach.jpg")
            .content_type("image/jpeg"),
    );
    let (session, request) = bench.with_body("/echo").await;
    let Some(seen) = bench.sent_or_refused(&*session, &request.body(upload)).await else {
        return;
    };
    let content_type = seen.header("content-type").unwrap_or_default();
    let boundary = content_type
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap_or_else(|| panic!("a multipart body MUST be sent with its content type, not `{content_type}`"))
        .trim_matches('"');
    let expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nholiday ☀\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"beach.jpg\"\r\n\
         Content-Type: image/jpeg\r\n\r\n"
    );
    let (head, end) = (expected.as_bytes(), format!("\r\n--{boundary}--\r\n"));
    assert!(
        seen.body.starts_with(head)
            && seen.body[head.len()..].starts_with(b"\xff\xd8\r\n--not-a-boundary\r\n\x00")
            && seen.body.ends_with(end.as_bytes()),
        "a multipart body MUST arrive with its parts in order: {:?}",
        seen.text()
    );
    bench.finish(session).await;
}

/// A request's cookies MUST be sent with it, and MUST NOT be kept; or be refused.
pub async fn request_cookies_are_sent_and_not_kept(bench: &Bench) {
    let session = bench.started().await;
    let request = bench.get("/echo/with").cookie("flavour", "oat");
    if !bench.can(Capability::Cookies) {
        must_be_unsupported(session.fetch(&request).await, "request cookies");
        return;
    }
    bench.fetched(&*session, &request).await;
    let sent = bench.seen("/echo/with").cookies();
    assert_eq!(
        sent,
        [("flavour".to_owned(), "oat".to_owned())],
        "a request's cookies MUST be sent with it"
    );
    bench.fetched(&*session, &bench.get("/echo/without")).await;
    assert!(
        bench.seen("/echo/without").cookies().is_empty(),
        "a request's cookies MUST NOT be kept for the next one"
    );
    bench.finish(session).await;
}

/// A request's cookies and its `Authorization` MUST NOT follow a redirect to another origin.
pub async fn credentials_stay_with_their_origin(bench: &Bench) {
    if !(bench.can(Capability::Live) && (bench.can(Capability::Headers) || bench.can(Capability::Cookies))) {
        return;
    }
    let session = bench.started().await;
    // The same site under another name is another origin.
    let mut elsewhere = bench.site().http_url("/echo/elsewhere");
    elsewhere.set_host(Some("localhost")).must("a name");
    let mut request = bench.get("/redirect-to").query([("url", elsewhere.as_str())]);
    if bench.can(Capability::Headers) {
        request = request.basic_auth("user", "password");
    }
    if bench.can(Capability::Cookies) {
        request = request.cookie("sid", "secret");
    }
    bench.fetched(&*session, &request).await;
    let seen = bench.seen("/echo/elsewhere");
    let carried: Vec<_> = ["authorization", "cookie"]
        .into_iter()
        .filter(|name| seen.header(name).is_some())
        .collect();
    assert!(
        carried.is_empty(),
        "{carried:?} MUST NOT follow a redirect to another origin"
    );
    bench.finish(session).await;
}

/// Cookies that a server sets MUST be told on the response, kept, and sent back.
pub async fn cookies_are_kept(bench: &Bench) {
    if !bench.can(Capability::CookieStore) {
        return;
    }
    let session = bench.started().await;
    let response = bench
        .fetched(&*session, &bench.get("/cookies/set?crumbs=many&_path=/"))
        .await;
    let told = response
        .cookies()
        .iter()
        .any(|cookie| cookie.name == "crumbs" && cookie.value == "many");
    assert!(told, "a response MUST tell the cookies that it set");
    bench.fetched(&*session, &bench.get("/echo")).await;
    let sent = bench.seen("/echo").cookies();
    assert_eq!(
        sent,
        [("crumbs".to_owned(), "many".to_owned())],
        "cookies MUST be kept and sent back"
    );
    bench.finish(session).await;
}

/// The state that a session gives MUST make another session of its kind go on as the same visitor; or it is refused.
pub async fn its_state_moves_to_another_session(bench: &Bench) {
    if !bench.can(Capability::CookieStore) {
        return;
    }
    let first = bench.started().await;
    bench
        .fetched(&*first, &bench.get("/cookies/set?crumbs=many&_path=/"))
        .await;
    let state = match first.storage_state().await {
        Ok(state) => state,
        Err(Error::Unsupported { .. }) => {
            eprintln!("the session does not give its state");
            bench.finish(first).await;
            return;
        }
        Err(other) => panic!("a session MUST give its state or refuse with Error::Unsupported; instead: {other}"),
    };
    bench.finish(first).await;
    let second = bench.started().await;
    let rule = "a session that gives its state MUST take one";
    second.load_storage_state(&state).await.must(rule);
    bench.fetched(&*second, &bench.get("/echo/moved")).await;
    let sent = bench.seen("/echo/moved").cookies();
    assert_eq!(
        sent,
        [("crumbs".to_owned(), "many".to_owned())],
        "a state that was loaded MUST make a session go on as the same visitor"
    );
    bench.finish(second).await;
}

/// A request's proxy MUST be used, credentials included; or be refused.
pub async fn a_request_goes_through_its_proxy(bench: &Bench) {
    let session = bench.started().await;
    let proxy = bench.site().proxy();
    let request = bench.get("/echo").proxy(proxy.url_http().as_str()).must("a proxy");
    if !bench.can(Capability::Proxy) {
        must_be_unsupported(session.fetch(&request).await, "a proxy");
        assert!(
            bench.site().requests_to("/echo").is_empty(),
            "a proxy that is refused MUST NOT be bypassed"
        );
        return;
    }
    let response = bench.fetched(&*session, &request).await;
    assert_eq!(response.status().as_u16(), 200, "a request MUST go through its proxy");
    assert!(
        proxy.log().iter().any(|entry| entry.authorized),
        "a request MUST go through its proxy, with its credentials; the proxy saw {:?}",
        proxy.log()
    );
    let own = proxy.url_http().as_str().parse::<Proxy>().must("a proxy");
    assert_eq!(
        response.proxy(),
        Some(own.label().as_str()),
        "a response MUST name the proxy that it came through, by its label"
    );
    bench.finish(session).await;
}

/// A proxy that does not answer MUST NOT be bypassed.
pub async fn a_dead_proxy_is_never_bypassed(bench: &Bench) {
    let proxy = bench.refused_proxy("user:password");
    if bench.can(Capability::Proxy) {
        let session = bench.started().await;
        let request = bench.get("/echo/request").proxy(&proxy).must("a proxy");
        must_fail(
            session.fetch(&request).await,
            "a request's proxy that is dead MUST NOT be bypassed",
        );
        assert!(
            bench.site().requests_to("/echo/request").is_empty(),
            "a proxy MUST NOT be bypassed"
        );
        bench.finish(session).await;
    }
    if bench.can(Capability::SessionProxy) {
        let setup = Setup {
            proxy: Some(proxy.parse().must("a proxy")),
            ..Setup::default()
        };
        let session = bench.started_with(&setup).await;
        let result = session.fetch(&bench.get("/echo/session")).await;
        must_fail(result, "a session's proxy that is dead MUST NOT be bypassed");
        assert!(
            bench.site().requests_to("/echo/session").is_empty(),
            "a proxy MUST NOT be bypassed"
        );
        bench.finish(session).await;
    }
}

impl Bench {
    /// A live session, and a request that can carry a body if any can.
    async fn with_body(&self, path: &str) -> (Box<dyn Session>, Fetch) {
        let method = if self.can_send("POST") { "POST" } else { "GET" };
        (self.started().await, self.request(method, path))
    }

    /// What the site saw of a request with a body; `None` if the session rightly refuses bodies.
    async fn sent_or_refused(&self, session: &dyn Session, request: &Fetch) -> Option<Arc<Recorded>> {
        let path = request.parts().url.path();
        if self.can(Capability::Bodies) {
            self.fetched(session, request).await;
            return Some(self.seen(path));
        }
        must_be_unsupported(session.fetch(request).await, "a request body");
        assert!(
            self.site().requests_to(path).is_empty(),
            "a body that is refused MUST NOT be left out instead"
        );
        None
    }
}
