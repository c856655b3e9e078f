//! Listeners and connections: TCP, TLS, then HTTP/1.1 or HTTP/2 as the client chose.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, Ready, ready};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::routes::{self, Body, Visit};
use super::state::State;
use super::wire::{ClientHello, Control, Heads, Socket, Tap};
use super::{Recorded, journal};

/// Accepts connections until the tasks end.
pub(crate) async fn listen(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<State>) {
    loop {
        let Ok((tcp, _)) = listener.accept().await else {
            // Out of descriptors, or a client that left already: others may still come.
            tokio::task::yield_now().await;
            continue;
        };
        // Counted in their order, whenever their tasks begin.
        let open = state.journal.connection();
        let connection = connection(tcp, open, tls.clone(), Arc::clone(&state));
        state.tasks.spawn(connection);
    }
}

/// What all requests of one connection share.
struct Connection {
    state: Arc<State>,
    control: Arc<Control>,
    open: journal::OpenConnection,
    peer: std::net::SocketAddr,
    scheme: &'static str,
    heads: Option<Heads>,
    tls: Option<Arc<ClientHello>>,
    tls_error: Option<String>,
}

async fn connection(tcp: TcpStream, open: journal::OpenConnection, tls: Option<TlsAcceptor>, state: Arc<State>) {
    let Ok(peer) = tcp.peer_addr() else { return };
    let _ = tcp.set_nodelay(true);
    let control = Arc::new(Control::new(state.tasks.child_token()));
    let socket = Socket::new(tcp, Arc::clone(&control), tls.is_some() && state.record);
    let heads = state.record.then(Heads::default);
    let mut connection = Connection {
        state,
        control,
        open,
        peer,
        scheme: "http",
        heads,
        tls: None,
        tls_error: None,
    };
    let Some(tls) = tls else {
        return serve(socket, false, connection).await;
    };
    let stream = match tls.accept(socket).await {
        Ok(stream) => stream,
        Err(error) => return connection.state.journal.handshake_failed(error.to_string()),
    };
    let (socket, session) = stream.get_ref();
    let http2 = session.alpn_protocol() == Some(b"h2");
    connection.scheme = "https";
    match socket.client_hello() {
        Some(Ok(hello)) => connection.tls = Some(hello),
        Some(Err(why)) => connection.tls_error = Some(why),
        None => {}
    }
    serve(stream, http2, connection).await;
}

async fn serve<S>(stream: S, http2: bool, connection: Connection)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let control = Arc::clone(&connection.control);
    let tasks = connection.state.tasks.clone();
    let io = TokioIo::new(Tap::new(stream, Arc::clone(&control), connection.heads.clone(), http2));
    let connection = Arc::new(connection);
    let service = service_fn(move |request| respond(&connection, request));
    // How a connection ends is the client's business, or that of the route that broke it.
    if http2 {
        let mut builder = hyper::server::conn::http2::Builder::new(tasks);
        builder.max_concurrent_streams(1000);
        let serving = pin!(builder.serve_connection(io, service));
        let _ = control.ended().run_until_cancelled(serving).await;
    } else {
        let mut builder = hyper::server::conn::http1::Builder::new();
        builder.half_close(false);
        let serving = pin!(builder.serve_connection(io, service));
        let _ = control.ended().run_until_cancelled(serving).await;
    }
}

type Answer = Result<Response<Body>, Infallible>;

/// Runs when the HTTP library hands a request over: heads are matched here, where the order is still the wire's.
fn respond(
    connection: &Arc<Connection>,
    request: Request<Incoming>,
) -> Either<Ready<Answer>, impl Future<Output = Answer> + use<>> {
    if !connection.state.record
        && let Some(response) = routes::hot(request.uri().path())
    {
        return Either::Left(ready(Ok(response)));
    }
    let in_flight = connection.state.journal.in_flight();
    let (mut recorded, body) = connection.recorded(request);
    let connection = Arc::clone(connection);
    Either::Right(async move {
        let _in_flight = in_flight;
        match body.collect().await {
            Ok(body) => recorded.body = body.to_bytes(),
            // The client left in the middle of its body; nobody reads the answer.
            Err(error) => recorded.wire_error = Some(format!("the body ended early: {error}")),
        }
        recorded.at = std::time::Instant::now();
        let recorded = Arc::new(recorded);
        if connection.state.record {
            connection.state.journal.record(Arc::clone(&recorded));
        }
        let to_head = recorded.method == "HEAD";
        let visit = Visit {
            state: Arc::clone(&connection.state),
            control: Arc::clone(&connection.control),
            request: recorded,
        };
        let reply = routes::route(visit).await;
        Ok(if to_head { routes::without_body(reply) } else { reply })
    })
}

impl Connection {
    fn recorded(&self, request: Request<Incoming>) -> (Recorded, Incoming) {
        let (parts, body) = request.into_parts();
        let target = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let head = self
            .heads
            .as_ref()
            .map(|heads| heads.take(parts.method.as_str(), target));
        let (headers, http2, wire_error) = match head {
            Some(Ok(head)) => (head.headers, head.http2, self.tls_error.clone()),
            Some(Err(why)) => (library_order(&parts.headers), None, Some(why)),
            None => (library_order(&parts.headers), None, None),
        };
        let host = match parts.uri.authority() {
            Some(authority) => authority.to_string(),
            None => parts.headers.get("host").map(text).unwrap_or_default(),
        };
        let recorded = Recorded {
            method: parts.method.to_string(),
            scheme: self.scheme,
            host,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().map(str::to_owned),
            version: format!("{:?}", parts.version),
            headers,
            body: bytes::Bytes::new(),
            peer: self.peer,
            connection: self.open.number,
            tls: self.tls.clone(),
            http2,
            wire_error,
            at: std::time::Instant::now(),
        };
        (recorded, body)
    }
}

fn library_order(headers: &http::HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}

fn text(value: &http::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}
