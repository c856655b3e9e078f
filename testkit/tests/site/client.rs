//! The client that these tests fetch with.

use std::sync::Arc;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use silkroute_testkit::site::{ClientIdentity, TestSite};
use url::Url;

/// Trusts the site alone, follows nothing, and takes no proxy from the environment.
pub(crate) fn builder(site: &TestSite) -> ClientBuilder {
    with_tls(tls(site, None, &[b"h2", b"http/1.1"]))
}

pub(crate) fn client(site: &TestSite) -> Client {
    builder(site).build().expect("a client")
}

pub(crate) fn http1_client(site: &TestSite) -> Client {
    with_tls(tls(site, None, &[b"http/1.1"])).build().expect("a client")
}

pub(crate) fn client_with_identity(site: &TestSite, identity: &ClientIdentity) -> Client {
    with_tls(tls(site, Some(identity), &[b"h2"])).build().expect("a client")
}

fn with_tls(tls: ClientConfig) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(Policy::none())
}

fn tls(site: &TestSite, identity: Option<&ClientIdentity>, alpn: &[&[u8]]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(site.ca_pem().as_bytes()).expect("PEM"))
        .expect("a root");
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let certificate = CertificateDer::from_pem_slice(identity.certificate_pem.as_bytes()).expect("PEM");
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem.as_bytes()).expect("PEM");
            builder
                .with_client_auth_cert(vec![certificate], key)
                .expect("an identity")
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
    config
}

pub(crate) async fn json(client: &Client, url: Url) -> Value {
    client
        .get(url)
        .send()
        .await
        .expect("a response")
        .json()
        .await
        .expect("JSON")
}

pub(crate) async fn status(client: &Client, url: Url) -> u16 {
    client.get(url).send().await.expect("a response").status().as_u16()
}

/// Header names of an `/echo`, in order.
pub(crate) fn names(echo: &Value) -> Vec<&str> {
    let headers = echo["headers"].as_array().expect("headers");
    headers.iter().filter_map(|pair| pair[0].as_str()).collect()
}
