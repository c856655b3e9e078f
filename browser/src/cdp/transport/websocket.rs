//! The websocket to a browser that runs elsewhere: `ws://`, or `wss://` with rustls.

use std::io;
use std::sync::Arc;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use url::Url;

use super::MAX_MESSAGE;

/// A byte stream, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

type Socket = WebSocketStream<Box<dyn Stream>>;

pub(crate) struct WsReader(SplitStream<Socket>);
pub(crate) struct WsWriter(SplitSink<Socket, Message>);

impl WsReader {
    pub(super) async fn next(&mut self) -> io::Result<Option<String>> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(Some(text.as_str().to_owned())),
                Some(Ok(Message::Binary(bytes))) => return Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
                // Pings are answered by the library with the next read or write.
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {}
                Some(Ok(Message::Close(_)) | Err(WsError::ConnectionClosed | WsError::AlreadyClosed)) | None => {
                    return Ok(None);
                }
                Some(Err(error)) => return Err(io::Error::other(error)),
            }
        }
    }
}

impl WsWriter {
    pub(super) async fn send(&mut self, message: String) -> io::Result<()> {
        self.0.send(Message::text(message)).await.map_err(io::Error::other)
    }
}

/// Whom we trust to be who they say.
pub(crate) struct Trust(Arc<rustls::ClientConfig>);

impl Trust {
    /// The roots of Mozilla, and those in this PEM text.
    pub(crate) fn new(pem: Option<&[u8]>) -> io::Result<Self> {
        let mut roots = rustls::RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        };
        if let Some(pem) = pem {
            let bad = |reason: String| io::Error::new(io::ErrorKind::InvalidData, reason);
            let before = roots.len();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| bad(error.to_string()))?;
                roots.add(certificate).map_err(|error| bad(error.to_string()))?;
            }
            if roots.len() == before {
                return Err(bad("there is no certificate in it".to_owned()));
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

/// Opens the websocket at a `ws` or `wss` URL.
pub(crate) async fn connect(url: &Url, trust: &Trust) -> io::Result<(WsReader, WsWriter)> {
    let request = url.as_str().into_client_request().map_err(io::Error::other)?;
    let stream = open(url, trust).await?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let (socket, _) = tokio_tungstenite::client_async_with_config(request, stream, Some(config))
        .await
        .map_err(|error| match error {
            // Its text would hold the whole response.
            WsError::Http(response) => io::Error::other(format!("the server answered {}", response.status())),
            error => io::Error::other(error),
        })?;
    let (writer, reader) = socket.split();
    Ok((WsReader(reader), WsWriter(writer)))
}

/// The stream below: plain, or TLS.
pub(super) async fn open(url: &Url, trust: &Trust) -> io::Result<Box<dyn Stream>> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let host = url.host_str().ok_or_else(|| bad("the URL has no host"))?;
    let secure = matches!(url.scheme(), "wss" | "https");
    let port = url.port_or_known_default().unwrap_or(if secure { 443 } else { 80 });
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((bare, port)).await?;
    tcp.set_nodelay(true)?;
    if !secure {
        return Ok(Box::new(tcp));
    }
    let name = rustls::pki_types::ServerName::try_from(bare.to_owned()).map_err(io::Error::other)?;
    Ok(Box::new(
        TlsConnector::from(Arc::clone(&trust.0)).connect(name, tcp).await?,
    ))
}
