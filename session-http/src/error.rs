//! What went wrong, in words for the user.

use std::time::Duration;

use silkroute_core::{FetchError, FetchErrorKind, Proxy, redact_url};
use url::Url;

use crate::plan::Plan;
use crate::transport::{Failure, Stage};

/// The causes below an error, as one text.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Causes(String);

/// The error of a failed exchange.
pub(crate) fn of_failure(failure: &Failure, plan: &Plan<'_>, at: &Url, proxy: Option<&Proxy>) -> FetchError {
    let host = at.host_str().unwrap_or_default();
    let cause = failure.root.as_str();
    let (kind, message, hint) = match failure.stage {
        Stage::Request => (
            FetchErrorKind::Request,
            format!("this cannot be sent over HTTP: {cause}"),
            None,
        ),
        Stage::Dns => (
            FetchErrorKind::Dns,
            format!("the name `{host}` does not resolve: {cause}"),
            None,
        ),
        Stage::NotPublic => (
            FetchErrorKind::Redirect,
            format!("a redirect from a public address leads into a private network, to `{host}`"),
            Some("if that is meant, set `redirects` to all".to_owned()),
        ),
        Stage::Connect => (
            FetchErrorKind::Connect,
            format!("no connection to `{host}`: {cause}"),
            None,
        ),
        Stage::ConnectTimeout => (
            FetchErrorKind::Timeout,
            format!("no connection to `{host}` in time"),
            Some("`connect_timeout` is the time for it".to_owned()),
        ),
        Stage::Tls => tls(failure, host, cause),
        Stage::Proxy => (
            FetchErrorKind::Proxy,
            proxy_message(failure, cause),
            proxy_hint(failure),
        ),
        Stage::BehindProxy => (
            FetchErrorKind::Connect,
            format!("the proxy got no connection to `{host}`: {cause}"),
            Some("the site may be down, or the proxy may not serve it: try another proxy".to_owned()),
        ),
        Stage::Exchange => (
            FetchErrorKind::Protocol,
            format!("`{host}` gave no response: {cause}"),
            None,
        ),
        Stage::Body => (
            FetchErrorKind::Protocol,
            format!("the body from `{host}` broke off: {cause}"),
            None,
        ),
        Stage::Decode => (
            FetchErrorKind::Decode,
            format!("the body from `{host}` does not decompress: {cause}"),
            None,
        ),
    };
    let mut error = plan.error(kind, message).source(Causes(failure.causes.join(": ")));
    if at != plan.url.as_ref() {
        error.add_context("redirected to", redact_url(at));
    }
    if let Some(proxy) = proxy {
        error.add_context("proxy", proxy.label());
    }
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn tls(failure: &Failure, host: &str, cause: &str) -> (FetchErrorKind, String, Option<String>) {
    let all = failure.causes.join(" ").to_lowercase();
    let (message, hint) = if all.contains("certificate") && (all.contains("verify") || all.contains("unknown")) {
        (
            format!("the certificate of `{host}` is not trusted: {cause}"),
            Some("give its issuer as `ca_certificate`, or accept anything with `verify` off".to_owned()),
        )
    } else if all.contains("certificate_required") || all.contains("certificate required") {
        (
            format!("`{host}` asks for a client certificate: {cause}"),
            Some("set `client_certificate`".to_owned()),
        )
    } else {
        (format!("no TLS connection to `{host}`: {cause}"), None)
    };
    (FetchErrorKind::Tls, message, hint)
}

fn asks_for_credentials(failure: &Failure) -> bool {
    failure
        .causes
        .iter()
        .any(|cause| cause.contains("authorization required") || cause.contains("uth") && cause.contains("SOCKS"))
}

fn proxy_message(failure: &Failure, cause: &str) -> String {
    if asks_for_credentials(failure) {
        format!("the proxy refused the credentials: {cause}")
    } else {
        format!("no connection through the proxy: {cause}")
    }
}

fn proxy_hint(failure: &Failure) -> Option<String> {
    if asks_for_credentials(failure) {
        return Some("write them into its URL: http://user:password@host:port".to_owned());
    }
    let late = failure.causes.iter().any(|cause| cause.contains("timed out"));
    late.then(|| "`connect_timeout` is the time for all of it, from the proxy to the site".to_owned())
}

/// The error of a body over the limit.
pub(crate) fn body_too_long(plan: &Plan<'_>) -> FetchError {
    plan.error(
        FetchErrorKind::BodyLimit,
        format!(
            "the body is longer than the limit of {} bytes after decompression",
            plan.body_limit
        ),
    )
    .hint("raise `body_limit` of the session or of the request's `HttpOptions`")
}

/// The error of a fetch whose time ran out.
pub(crate) fn timed_out(plan: &Plan<'_>, doing: &str, attempts: u32, proxy: Option<String>) -> FetchError {
    let mut error = plan.error(
        FetchErrorKind::Timeout,
        format!(
            "no whole response within {}: it was {doing}",
            silkroute_core::duration::format(rounded(plan.timeout))
        ),
    );
    if let Some(proxy) = proxy {
        error.add_context("proxy", proxy);
    }
    error
        .context("attempts", attempts)
        .hint("raise `timeout` of the request or of the session")
}

fn rounded(time: Duration) -> Duration {
    Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
