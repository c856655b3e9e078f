//! From a `cdp_url` to the websocket of the browser.

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use url::Url;

use super::websocket::{Trust, open};
use crate::{Deadline, Error, Result};

/// `/json/version` is a few hundred bytes.
const MAX_VERSION: usize = 1 << 20;

/// A URL as it may be shown: services put their tokens into the query and user information.
pub(crate) fn public(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    // These two fail only for URLs that have no host, which have no credentials either.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.into()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    web_socket_debugger_url: String,
}

/// The websocket URL: `ws` and `wss` are it, `http` and `https` are asked for it.
///
/// # Errors
/// [`Error::Connect`], [`Error::Invalid`], [`Error::Timeout`].
pub(crate) async fn resolve(url: &Url, trust: &Trust, deadline: Deadline) -> Result<Url> {
    match url.scheme() {
        "ws" | "wss" => Ok(url.clone()),
        "http" | "https" => deadline.run("asking for /json/version", ask(url, trust)).await?,
        other => Err(Error::invalid(
            "cdp_url",
            format!("its scheme is {other}, not ws, wss, http or https"),
        )),
    }
}

async fn ask(url: &Url, trust: &Trust) -> Result<Url> {
    let failed = |reason: String| Error::Connect {
        url: public(url),
        reason,
    };
    let mut at = url.clone();
    at.set_path(&format!("{}/json/version", url.path().trim_end_matches('/')));
    let stream = open(&at, trust).await.map_err(|error| failed(error.to_string()))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(error.to_string()))?;
    let target = match at.query() {
        Some(query) => format!("{}?{query}", at.path()),
        None => at.path().to_owned(),
    };
    let host = match at.port() {
        Some(port) => format!("{}:{port}", at.host_str().unwrap_or_default()),
        None => at.host_str().unwrap_or_default().to_owned(),
    };
    let request = http::Request::get(target)
        .header("host", host)
        .body(Empty::<Bytes>::new())
        .map_err(|error| failed(error.to_string()))?;
    let exchange = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let status = response.status();
        if !status.is_success() {
            return Err(failed(format!("/json/version answered {status}")));
        }
        let body = Limited::new(response.into_body(), MAX_VERSION).collect().await;
        body.map(|body| body.to_bytes())
            .map_err(|error| failed(format!("/json/version: {error}")))
    };
    // The connection is driven beside the exchange and ends with it: there is no task to own.
    let (mut exchange, mut connection) = (std::pin::pin!(exchange), std::pin::pin!(connection));
    let body = tokio::select! {
        biased;
        body = &mut exchange => body?,
        // The server may hang up right after its answer, which is then here already.
        _ = &mut connection => exchange.await?,
    };
    let version: Version =
        serde_json::from_slice(&body).map_err(|error| failed(format!("/json/version is no such thing: {error}")))?;
    let mut socket = Url::parse(&version.web_socket_debugger_url)
        .map_err(|error| failed(format!("/json/version names a bad websocket: {error}")))?;
    // A browser behind a forwarded port or a TLS proxy names its own address, which is not the one that reached it.
    let reached = (at.host_str().map(str::to_owned), at.port());
    socket
        .set_scheme(if at.scheme() == "https" { "wss" } else { "ws" })
        .map_err(|()| failed("no websocket".into()))?;
    socket
        .set_host(reached.0.as_deref())
        .map_err(|error| failed(error.to_string()))?;
    socket
        .set_port(reached.1)
        .map_err(|()| failed("its port cannot be set".into()))?;
    Ok(socket)
}
