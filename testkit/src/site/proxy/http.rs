//! The HTTP side of the proxy.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{PROXY_AUTHENTICATE, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{ProxyProtocol, Shared};

type Answer = Response<Either<Incoming, Full<Bytes>>>;

pub(super) async fn serve(client: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, std::convert::Infallible>(respond(request, &shared).await) }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.preserve_header_case(true);
    // How a connection ends is its client's business.
    let _ = builder
        .serve_connection(TokioIo::new(client), service)
        .with_upgrades()
        .await;
}

async fn respond(request: Request<Incoming>, shared: &Arc<Shared>) -> Answer {
    let is_tunnel = request.method() == Method::CONNECT;
    let protocol = if is_tunnel {
        ProxyProtocol::Connect
    } else {
        ProxyProtocol::Http
    };
    if !shared.admit(protocol, request.uri().to_string(), shown(request.headers())) {
        let mut answer = plain(StatusCode::PROXY_AUTHENTICATION_REQUIRED, "who are you?\n");
        answer.headers_mut().insert(
            PROXY_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"test proxy\""),
        );
        return answer;
    }
    let Some(host) = request.uri().host().map(str::to_owned) else {
        return plain(StatusCode::BAD_REQUEST, "this is a proxy: it needs a whole URL\n");
    };
    let port = request.uri().port_u16();
    let forwarded = if is_tunnel {
        tunnel(request, &host, port.unwrap_or(443), shared).await
    } else {
        forward(request, &host, port.unwrap_or(80), shared).await
    };
    forwarded.unwrap_or_else(|why| plain(StatusCode::BAD_GATEWAY, &format!("{why}\n")))
}

type Error = Box<dyn std::error::Error + Send + Sync>;

async fn tunnel(request: Request<Incoming>, host: &str, port: u16, shared: &Arc<Shared>) -> Result<Answer, Error> {
    let mut target = shared.connect(host, port).await?;
    shared.tasks.spawn(async move {
        if let Ok(client) = hyper::upgrade::on(request).await {
            let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut target).await;
        }
    });
    Ok(Response::new(Either::Right(Full::default())))
}

async fn forward(request: Request<Incoming>, host: &str, port: u16, shared: &Arc<Shared>) -> Result<Answer, Error> {
    let target = shared.connect(host, port).await?;
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .preserve_header_case(true)
        .handshake(TokioIo::new(target))
        .await?;
    shared.tasks.spawn(async move {
        let _ = connection.await;
    });
    let (mut parts, body) = request.into_parts();
    parts.uri = parts
        .uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str)
        .parse()?;
    parts.headers = without_proxy_headers(&parts.headers);
    let answer = sender.send_request(Request::from_parts(parts, body)).await?;
    Ok(answer.map(Either::Left))
}

/// Made anew, because taking headers out of a map changes the order of the others.
fn without_proxy_headers(headers: &HeaderMap) -> HeaderMap {
    headers
        .iter()
        .filter(|(name, _)| !name.as_str().starts_with("proxy-"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn shown(headers: &HeaderMap) -> Option<(String, String)> {
    let encoded = headers
        .get(PROXY_AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Basic ")?;
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok()?;
    decoded
        .split_once(':')
        .map(|(user, password)| (user.to_owned(), password.to_owned()))
}

fn plain(status: StatusCode, text: &str) -> Answer {
    let mut answer = Response::new(Either::Right(Full::from(text.to_owned())));
    *answer.status_mut() = status;
    answer
}
