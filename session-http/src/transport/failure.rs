//! What went wrong on the wire, in words of this crate's own.

use std::error::Error as StdError;
use std::io;

use super::resolver::NotPublic;

/// How far an exchange got when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The request cannot be written as HTTP.
    Request,
    /// The name did not resolve.
    Dns,
    /// The name resolves to private addresses alone, and these were not to be used.
    NotPublic,
    /// No connection.
    Connect,
    /// No connection within the time for connecting.
    ConnectTimeout,
    /// The handshake, or the certificate.
    Tls,
    /// The proxy refused, or could not be reached.
    Proxy,
    /// The proxy works, and says that it got no connection to the site.
    BehindProxy,
    /// After the request was under way: the peer hung up, or broke the protocol.
    Exchange,
    /// In the middle of the body.
    Body,
    /// The body does not decompress.
    Decode,
}

/// A failed exchange.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    /// Whether the server may have seen the request.
    pub(crate) sent: bool,
    /// The causes, outermost first, without URLs: these may hold passwords.
    pub(crate) causes: Vec<String>,
    /// The innermost of them.
    pub(crate) root: String,
}

impl Failure {
    /// Of an exchange that was not begun.
    pub(crate) fn unsent(stage: Stage, cause: impl ToString) -> Self {
        let root = cause.to_string();
        Self {
            stage,
            sent: false,
            causes: vec![root.clone()],
            root,
        }
    }

    /// Of an exchange whose response did not begin.
    pub(super) fn sending(error: wreq::Error, proxied: bool) -> Self {
        let causes = causes(&error);
        let connecting = error.is_connect() || error.is_proxy_connect();
        let stage = if any::<NotPublic>(&error) {
            Stage::NotPublic
        } else if error.is_proxy_connect() {
            proxy_stage(&causes)
        } else if connecting {
            connect_stage(&error, &causes, proxied)
        } else if error.is_builder() {
            Stage::Request
        } else if causes.iter().any(|cause| is_tls(cause)) {
            // With TLS 1.3 a server may refuse the client's certificate when the client is done with the handshake.
            Stage::Tls
        } else {
            Stage::Exchange
        };
        let sent = !connecting && !error.is_builder() && !was_never_processed(&causes);
        Self {
            stage,
            sent,
            causes,
            root: root(&error),
        }
    }

    /// Of an exchange whose response broke off.
    pub(super) fn receiving(error: &wreq::Error) -> Self {
        let causes = causes(error);
        // What the protocol stumbles over comes as its own error, what a decoder does as a bare one of input and
        // output.
        let corrupt = any::<io::Error>(error) && !any::<wreq_proto::Error>(error);
        Self {
            stage: if corrupt { Stage::Decode } else { Stage::Body },
            sent: true,
            causes,
            root: root(error),
        }
    }
}

/// Of a proxy's answer wreq keeps no more than whether it was 200, 407 or any other, and of all of these most are 502, 503 and
/// 504. Of SOCKS replies these are 3 to 6 of RFC 1928; the general failure, 1, may be anything.
fn proxy_stage(causes: &[String]) -> Stage {
    const REPLIES: [&str; 4] = [
        "Network unreachable",
        "Host unreachable",
        "Connection refused",
        "TTL expired",
    ];
    let any = |holds: &dyn Fn(&str) -> bool| causes.iter().any(|cause| holds(cause));
    // With `socks5` the site's name is resolved here.
    if any(&|cause| cause.contains("failed to resolve DNS for SOCKS target")) {
        return Stage::Dns;
    }
    let replied = |cause: &str| {
        let reply = cause.rsplit_once("error during SOCKS handshake: ");
        reply.is_some_and(|(_, reply)| REPLIES.contains(&reply))
    };
    if any(&|cause| cause.contains("tunnel error: unsuccessful")) || any(&replied) {
        return Stage::BehindProxy;
    }
    Stage::Proxy
}

fn connect_stage(error: &wreq::Error, causes: &[String], proxied: bool) -> Stage {
    if error.is_dns() {
        // Through a proxy, the only name resolved here is the proxy's own.
        return if proxied { Stage::Proxy } else { Stage::Dns };
    }
    if error.is_timeout() {
        // Which of the two is silent nobody can tell. A site that is costs a proxy a while, a proxy that is left in would
        // cost every request.
        return if proxied { Stage::Proxy } else { Stage::ConnectTimeout };
    }
    if causes.iter().any(|cause| is_tls(cause)) {
        return Stage::Tls;
    }
    if proxied { Stage::Proxy } else { Stage::Connect }
}

/// BoringSSL gives its reasons as `[WRONG_VERSION_NUMBER]`; the layers around it speak of TLS.
fn is_tls(cause: &str) -> bool {
    let reason = cause.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    reason.is_some_and(|reason| {
        reason
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    }) || ["TLS", "SSL", "certificate verif", "handshake"]
        .iter()
        .any(|word| cause.contains(word))
}

/// HTTP/2 says of some requests that they were not looked at: RFC 9113, section 8.7. So does a connection that was
/// closed before the request was written.
fn was_never_processed(causes: &[String]) -> bool {
    causes
        .iter()
        .any(|cause| cause.contains("refused stream") || cause.contains("client error (Canceled)"))
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| (*error).source())
}

fn find<E: StdError + 'static>(error: &wreq::Error) -> Option<&E> {
    chain(error).find_map(|cause| cause.downcast_ref())
}

fn any<E: StdError + 'static>(error: &wreq::Error) -> bool {
    find::<E>(error).is_some()
}

fn root(error: &wreq::Error) -> String {
    chain(error).skip(1).last().map(ToString::to_string).unwrap_or_default()
}

/// The texts of the causes below the outermost, which is a wrapper that prints the URL. Many errors print their causes
/// as well; what the one before has said is left out.
fn causes(error: &wreq::Error) -> Vec<String> {
    let mut causes: Vec<String> = Vec::new();
    for cause in chain(error).skip(1) {
        let text = cause.to_string();
        if !causes.iter().any(|said| said.contains(&text)) {
            causes.push(text);
        }
    }
    causes
}
