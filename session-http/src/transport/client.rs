//! A wreq client, and one exchange on it.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, StatusCode, Uri, Version};
use silkroute_core::{Error, Proxy, Result};
use url::Url;
use wreq::tls::trust::{CertStore, Identity as ClientCertificate};

use super::{Failure, HeaderOrder, Resolver, Stage, TlsSessions, Wire};
use crate::body::{self, BodyError};

/// What a client is made of. All that is per client, and not per request.
#[derive(Clone, Debug)]
pub(crate) struct ClientSpec {
    pub(crate) wire: Option<Wire>,
    pub(crate) order: HeaderOrder,
    pub(crate) connect_timeout: Duration,
    pub(crate) pool_idle_timeout: Duration,
    pub(crate) max_idle_origins: usize,
    pub(crate) max_idle_per_origin: usize,
    pub(crate) local_address: Option<IpAddr>,
    pub(crate) verify: bool,
    pub(crate) http1_only: bool,
    pub(crate) proxy: Option<Proxy>,
    pub(crate) resolver: Resolver,
    pub(crate) tls: TlsMaterial,
    pub(crate) tls_sessions: TlsSessions,
}

/// Certificates, read. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct TlsMaterial {
    roots: Option<CertStore>,
    client: Option<ClientCertificate>,
}

impl std::fmt::Debug for TlsMaterial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsMaterial")
            .field("roots", &self.roots.is_some())
            .field("client", &self.client.is_some())
            .finish()
    }
}

/// Certificates as PEM text.
#[derive(Default)]
pub(crate) struct TlsSources {
    /// Roots to trust besides Mozilla's.
    pub(crate) roots: Vec<String>,
    /// The client's own certificate, its chain, and its key.
    pub(crate) client: Option<String>,
}

impl TlsMaterial {
    /// # Errors
    /// [`Error::Config`] naming the field whose PEM cannot be read.
    pub(crate) fn read(sources: &TlsSources) -> Result<Self> {
        let roots = match sources.roots.as_slice() {
            [] => None,
            extra => Some(read_roots(extra)?),
        };
        let client = sources.client.as_deref().map(read_client).transpose()?;
        Ok(Self { roots, client })
    }
}

fn read_roots(extra: &[String]) -> Result<CertStore> {
    let refused = |reason: &dyn ToString| Error::config("ca_certificate", reason.to_string());
    let mut store = CertStore::builder().add_der_certs(
        webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .map(|root| root.as_ref()),
    );
    for pem in extra {
        if !pem.contains("-----BEGIN CERTIFICATE-----") {
            return Err(refused(&"it holds no certificate in PEM form"));
        }
        store = store.add_stack_pem_certs(pem);
    }
    store.build().map_err(|error| refused(&error))
}

fn read_client(pem: &str) -> Result<ClientCertificate> {
    const KEY: &str = "-----BEGIN PRIVATE KEY-----";
    const KEY_END: &str = "-----END PRIVATE KEY-----";
    let refused = |reason: String| Error::config("client_certificate", reason);
    let key = pem
        .find(KEY)
        .and_then(|start| {
            pem[start..]
                .find(KEY_END)
                .map(|length| &pem[start..start + length + KEY_END.len()])
        })
        .ok_or_else(|| {
            let hint = "`openssl pkcs8 -topk8 -nodes` makes one of other kinds of key";
            refused(format!(
                "it holds no private key in the PEM form of PKCS#8 (`{KEY}`); {hint}"
            ))
        })?;
    let certificates = pem.replace(key, "");
    // The error of a key that cannot be read does not hold the key.
    ClientCertificate::from_pkcs8_pem(certificates.as_bytes(), key.as_bytes())
        .map_err(|error| refused(error.to_string()))
}

/// One exchange, ready to go out.
pub(crate) struct Outgoing<'a> {
    pub(crate) method: Method,
    /// Without user, password and fragment: those do not go out.
    pub(crate) url: &'a Url,
    /// In the order in which they go out.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The proxy of this request alone; `None`: the client's.
    pub(crate) proxy: Option<&'a Proxy>,
}

/// A client: connections to resume, kept alive.
#[derive(Clone)]
pub(crate) struct Client {
    client: wreq::Client,
    /// What goes with every request.
    extensions: Extensions,
    proxied: bool,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

impl Client {
    /// # Errors
    /// [`Error::Config`] when TLS cannot be set up.
    pub(crate) fn new(spec: &ClientSpec) -> Result<Self> {
        let mut builder = wreq::Client::builder()
            // Whether a proxy is used is never up to the environment.
            .no_proxy()
            .redirect(wreq::redirect::Policy::none())
            .referer(false)
            // All retries are counted by the session. Without the 0, wreq copies every request for one that never comes.
            .retry(wreq::retry::Policy::never().max_retries_per_request(0))
            .connect_timeout(spec.connect_timeout)
            .pool_idle_timeout(spec.pool_idle_timeout)
            // This counts origins, not connections. 0 would be no limit at all.
            .pool_max_size(spec.max_idle_origins.max(1))
            .pool_max_idle_per_host(spec.max_idle_per_origin)
            .tls_cert_verification(spec.verify)
            .tls_verify_hostname(spec.verify)
            .tls_session_cache(spec.tls_sessions.cache())
            .dns_resolver(spec.resolver.clone());
        if let Some(wire) = spec.wire {
            builder = builder.emulation(wire.emulation());
        }
        if spec.http1_only {
            builder = builder.http1_only();
        }
        if let Some(address) = spec.local_address {
            builder = builder.local_address(address);
        }
        if let Some(roots) = &spec.tls.roots {
            builder = builder.tls_cert_store(roots.clone());
        }
        if let Some(client) = &spec.tls.client {
            builder = builder.tls_identity(client.clone());
        }
        if let Some(proxy) = &spec.proxy {
            builder = builder.proxy(wreq_proxy(proxy)?);
        }
        let client = builder
            .build()
            .map_err(|error| Error::config("", format!("the HTTP client cannot be built: {}", error.without_uri())))?;
        Ok(Self {
            extensions: extensions(&client, &spec.order)?,
            client,
            proxied: spec.proxy.is_some(),
        })
    }

    /// Sends a request; the future waits for the head of its response. Dropping the future drops the connection, or
    /// over HTTP/2 the stream.
    pub(crate) fn send(
        &self,
        outgoing: Outgoing<'_>,
    ) -> Result<impl Future<Output = Result<Incoming, Failure>> + Send + use<>, Failure> {
        let unsent = |error: &dyn ToString| Failure::unsent(Stage::Request, error.to_string());
        let uri: Uri = outgoing.url.as_str().parse().map_err(|error| unsent(&error))?;
        let mut request = wreq::Request::new(outgoing.method, uri);
        *request.headers_mut() = outgoing.headers;
        // The mark is for logs. On the wire it would forbid HPACK to index the value, which no browser does with
        // cookies.
        request
            .headers_mut()
            .values_mut()
            .for_each(|value| value.set_sensitive(false));
        *request.extensions_mut() = self.extensions.clone();
        if !outgoing.body.is_empty() {
            *request.body_mut() = Some(outgoing.body.into());
        }
        if let Some(proxy) = outgoing.proxy {
            let proxy = wreq_proxy(proxy).map_err(|error| Failure::unsent(Stage::Proxy, error))?;
            request = wreq::RequestBuilder::from_parts(self.client.clone(), request)
                .proxy(proxy)
                .build()
                .map_err(|error| Failure::sending(error, true))?;
        }
        let proxied = self.proxied || outgoing.proxy.is_some();
        let pending = self.client.execute(request);
        Ok(async move {
            match pending.await {
                Ok(response) => Ok(Incoming { response }),
                Err(error) => Err(Failure::sending(error, proxied)),
            }
        })
    }
}

/// Without this, wreq would put every header of every request once more into a map of the client's own headers, which is
/// empty: half of what a session costs over a bare client.
fn extensions(client: &wreq::Client, order: &HeaderOrder) -> Result<Extensions> {
    let request = client.get("http://localhost/").default_headers(false).build();
    let mut request = request.map_err(|error| Error::config("", error))?;
    let mut extensions = std::mem::take(request.extensions_mut());
    extensions.extend(order.extensions());
    Ok(extensions)
}

/// # Errors
/// [`Error::Invalid`] for a proxy that wreq does not take. It would go out without a proxy otherwise.
fn wreq_proxy(proxy: &Proxy) -> Result<wreq::Proxy> {
    wreq::Proxy::all(proxy.url().as_str())
        .map_err(|error| Error::invalid(format!("the proxy {}", proxy.label()), error.without_uri()))
}

/// A response whose head has come.
pub(crate) struct Incoming {
    response: wreq::Response,
}

impl Incoming {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn version(&self) -> Version {
        self.response.version()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    pub(crate) fn take_headers(&mut self) -> HeaderMap {
        std::mem::take(self.response.headers_mut())
    }

    /// The peer that was connected to: the proxy, where there is one.
    pub(crate) fn remote_addr(&self) -> Option<SocketAddr> {
        self.response.remote_addr()
    }

    /// The body, decompressed, if it is no longer than so many bytes. Of the response, the future holds no more than that.
    pub(crate) fn body(self, limit: u64) -> impl Future<Output = Result<Bytes, BodyError<Failure>>> + Send + use<> {
        let expected = self.response.content_length();
        let chunks = self.response.bytes_stream();
        async move {
            body::collect(pin!(chunks), limit, expected)
                .await
                .map_err(|error| error.map(|error| Failure::receiving(&error)))
        }
    }
}
