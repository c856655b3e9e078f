//! A certificate authority made for one site: its own certificate, the server's, and one for a client.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;

/// A client certificate with its key, both as PEM.
#[derive(Clone)]
pub struct ClientIdentity {
    /// The certificate.
    pub certificate_pem: String,
    /// Its private key, in PKCS #8.
    pub key_pem: String,
}

impl ClientIdentity {
    /// Certificate and key one after the other, as many clients take them.
    #[must_use]
    pub fn pem(&self) -> String {
        format!("{}{}", self.certificate_pem, self.key_pem)
    }
}

impl std::fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientIdentity")
            .field("certificate_pem", &self.certificate_pem)
            .finish_non_exhaustive()
    }
}

pub(crate) struct Authority {
    ca: CertifiedIssuer<'static, KeyPair>,
    ca_pem: String,
    server: (CertificateDer<'static>, Vec<u8>),
    client: ClientIdentity,
    ca_path: PathBuf,
    client_path: PathBuf,
    /// Holds both files; goes with the authority.
    _folder: TempDir,
}

impl Authority {
    /// `names`: what the server's certificate is valid for, besides this machine's own names.
    pub(crate) fn new(names: &[String]) -> io::Result<Self> {
        let mut params = params(&[], "silkroute test authority")?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca = CertifiedIssuer::self_signed(params, key()?).map_err(io::Error::other)?;

        let (server, server_key) = issue(&ca, names, "silkroute test site", ExtendedKeyUsagePurpose::ServerAuth)?;
        let (client, client_key) = issue(&ca, &[], "silkroute test client", ExtendedKeyUsagePurpose::ClientAuth)?;
        let client = ClientIdentity {
            certificate_pem: client.pem(),
            key_pem: client_key.serialize_pem(),
        };

        let folder = tempfile::Builder::new().prefix("silkroute-site-").tempdir()?;
        let (ca_path, client_path) = (folder.path().join("ca.pem"), folder.path().join("client.pem"));
        let ca_pem = ca.pem();
        std::fs::write(&ca_path, &ca_pem)?;
        std::fs::write(&client_path, client.pem())?;
        let server = (server.der().clone(), server_key.serialize_der());
        Ok(Self {
            ca,
            ca_pem,
            server,
            client,
            ca_path,
            client_path,
            _folder: folder,
        })
    }

    pub(crate) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    pub(crate) fn ca_path(&self) -> &Path {
        &self.ca_path
    }

    pub(crate) fn client_path(&self) -> &Path {
        &self.client_path
    }

    pub(crate) fn client(&self) -> &ClientIdentity {
        &self.client
    }

    /// The server's TLS settings; `demand_client`: only clients with a certificate of this authority get in.
    pub(crate) fn server_config(&self, demand_client: bool, resumption: bool) -> io::Result<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?;
        let builder = if demand_client {
            builder.with_client_cert_verifier(self.client_verifier(provider)?)
        } else {
            builder.with_no_client_auth()
        };
        let (certificate, key) = &self.server;
        let key = PrivateKeyDer::Pkcs8(key.clone().into());
        let mut config = builder
            .with_single_cert(vec![certificate.clone()], key)
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        if !resumption {
            config.send_tls13_tickets = 0;
            config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
        }
        Ok(config)
    }

    fn client_verifier(
        &self,
        provider: Arc<rustls::crypto::CryptoProvider>,
    ) -> io::Result<Arc<dyn ClientCertVerifier>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.der().clone()).map_err(io::Error::other)?;
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(io::Error::other)
    }
}

fn issue(
    ca: &CertifiedIssuer<'static, KeyPair>,
    names: &[String],
    common_name: &str,
    purpose: ExtendedKeyUsagePurpose,
) -> io::Result<(rcgen::Certificate, KeyPair)> {
    let mut params = params(names, common_name)?;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    let key = key()?;
    let certificate = params.signed_by(&key, ca).map_err(io::Error::other)?;
    Ok((certificate, key))
}

fn params(names: &[String], common_name: &str) -> io::Result<CertificateParams> {
    let mut params = CertificateParams::new(names).map_err(io::Error::other)?;
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    Ok(params)
}

fn key() -> io::Result<KeyPair> {
    KeyPair::generate().map_err(io::Error::other)
}
