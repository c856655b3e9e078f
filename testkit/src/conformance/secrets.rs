//! No password, cookie or `Authorization` value is ever shown.

use std::error::Error as StdError;
use std::fmt::{Debug, Write as _};
use std::time::Duration;

use silkroute_core::{Error, Fetch, RequestExt as _};

use super::words::{Must as _, SOON, must_fail, within};
use super::{Bench, Capability, Setup};

/// In every secret that the checks hand to a session. Letters only: no encoding changes them.
const SECRET: &str = "hushhush";
/// `user:hushhush` as HTTP writes it.
const SECRET_BASIC: &str = "dXNlcjpodXNoaHVzaA==";

/// `Debug` of a session MUST NOT show what it was configured with in secret, in any state.
pub async fn a_session_shows_no_secret(bench: &Bench) {
    let mut setup = Setup::default();
    if bench.can(Capability::SessionHeaders) {
        setup.headers = vec![
            ("Authorization", "Bearer hushhush"),
            ("Cookie", "sid=hushhush"),
            ("X-Api-Key", "hushhush"),
        ];
    }
    if bench.can(Capability::SessionProxy) {
        setup.proxy = Some("http://user:hushhush@127.0.0.1:9".parse().must("a proxy"));
    }
    let mut session = bench.built_with(&setup).await;
    shows_no_secret(&session, "Debug of a session that was not started");
    session.start().await.must("a session that can be built MUST start");
    shows_no_secret(&session, "Debug of a live session");
    session.close().await.must("close MUST succeed");
    shows_no_secret(&session, "Debug of a closed session");
}

/// `Debug` of a session MUST NOT show the cookies that it keeps, nor what requests brought.
pub async fn a_session_that_fetched_shows_no_secret(bench: &Bench) {
    if !bench.can(Capability::Live) {
        return;
    }
    let session = bench.started().await;
    let request = secretive(bench, bench.get("/cookies/set?crumbs=hushhush"));
    bench.fetched(&*session, &request).await;
    shows_no_secret(&session, "Debug of a session that keeps a cookie");
    bench.finish(session).await;
}

/// `Debug` of a response MUST NOT show what its request or its server said in secret.
pub async fn a_response_shows_no_secret(bench: &Bench) {
    if !bench.can(Capability::Live) {
        return;
    }
    let session = bench.started().await;
    // The page says back what it was sent: a body is not for Debug either.
    let response = bench.fetched(&*session, &secretive(bench, bench.get("/echo"))).await;
    shows_no_secret(&response, "Debug of a response");
    bench.finish(session).await;
}

/// Errors and their causes MUST NOT show what the request had in secret.
pub async fn an_error_shows_no_secret(bench: &Bench) {
    let session = bench.started().await;
    let live = bench.can(Capability::Live);
    let url = if live {
        bench.refused_url("user:hushhush@")
    } else {
        let mut url = bench.site().http_url("/never/recorded");
        let _ = (url.set_username("user"), url.set_password(Some(SECRET)));
        url
    };
    let request = secretive(bench, Fetch::from(url)).timeout(Duration::from_secs(20));
    let error = must_fail(
        session.fetch(&request).await,
        "a fetch that brings no response MUST be an error",
    );
    error_shows_no_secret(&error, "the error of a refused connection");

    if live {
        let request = secretive(bench, bench.get("/stall")).timeout(Duration::from_millis(300));
        let rule = "a fetch MUST end within its timeout";
        let error = must_fail(within(SOON, rule, session.fetch(&request)).await, rule);
        error_shows_no_secret(&error, "the error of a timeout");
    }
    bench.finish(session).await;
}

/// What is refused MUST be refused without showing it.
pub async fn a_refusal_shows_no_secret(bench: &Bench) {
    let session = bench.started().await;
    let url = Fetch::get("ftp://user:hushhush@127.0.0.1/").must("a URL");
    let error = must_fail(session.fetch(&url).await, "other schemes MUST be refused");
    error_shows_no_secret(&error, "the error of a refused scheme");
    if !bench.can(Capability::Proxy) {
        let request = bench
            .get("/json")
            .proxy("http://user:hushhush@127.0.0.1:9")
            .must("a proxy");
        let error = must_fail(session.fetch(&request).await, "a proxy MUST be refused");
        error_shows_no_secret(&error, "the error of a refused proxy");
    }
    bench.finish(session).await;
}

/// Errors of a proxy MUST NOT show its password.
pub async fn a_proxy_error_shows_no_secret(bench: &Bench) {
    if !bench.can(Capability::Proxy) {
        return;
    }
    let session = bench.started().await;
    let address = bench.site().proxy().http_addr();
    for proxy in [
        format!("http://user:hushhush@{address}"),
        bench.refused_proxy("user:hushhush"),
    ] {
        let request = bench
            .get("/json")
            .proxy(&proxy)
            .must("a proxy")
            .timeout(Duration::from_secs(20));
        // Whether a proxy's own refusal is a response or an error is the session's choice; showing the password is not.
        match session.fetch(&request).await {
            Ok(response) => shows_no_secret(&response, "Debug of a proxy's answer"),
            Err(error) => error_shows_no_secret(&error, "the error of a proxy"),
        }
    }
    bench.finish(session).await;
}

/// The request with as many secrets as the session takes.
fn secretive(bench: &Bench, request: Fetch) -> Fetch {
    let mut request = request;
    if bench.can(Capability::Headers) {
        request = request
            .basic_auth("user", SECRET)
            .header("X-Auth-Token", SECRET)
            .must("a header");
    }
    if bench.can(Capability::Cookies) {
        request = request.cookie("sid", SECRET);
    }
    request
}

#[track_caller]
fn shows_no_secret(shown: &dyn Debug, what: &str) {
    must_not_hold(&format!("{shown:?} {shown:#?}"), what);
}

#[track_caller]
fn error_shows_no_secret(error: &Error, what: &str) {
    let mut shown = format!("{error} {error:?}");
    let mut cause: Option<&dyn StdError> = Some(error);
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(shown, " {error} {error:?}");
        cause = error.source();
    }
    must_not_hold(&shown, what);
}

#[track_caller]
fn must_not_hold(shown: &str, what: &str) {
    let leaks = [SECRET, SECRET_BASIC].iter().any(|secret| shown.contains(secret));
    assert!(
        !leaks,
        "{what} MUST NOT show a password, a cookie or an Authorization value: {shown}"
    );
}
