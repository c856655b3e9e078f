//! TLS sessions to resume, for so many hosts and no more. wreq's own cache is bounded for each host and unbounded over
//! hosts.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use wreq::tls::TlsVersion;
use wreq::tls::session::{Key, TlsSession, TlsSessionCache};

/// Sessions of the hosts that were used last. Cheap to clone; the clones are one.
#[derive(Clone)]
pub(crate) struct TlsSessions(Arc<Mutex<LruCache<Key, VecDeque<TlsSession>>>>);

impl TlsSessions {
    /// For how many hosts (to be exact: host, identity, proxy and the like) sessions are kept.
    const HOSTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);
    /// How many for each. Chromium keeps two, so that a second connection can resume while the first has used its
    /// ticket.
    const PER_HOST: usize = 2;

    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(LruCache::new(Self::HOSTS))))
    }

    pub(super) fn cache(&self) -> Arc<dyn TlsSessionCache> {
        Arc::new(self.clone())
    }

    #[cfg(test)]
    pub(crate) fn hosts(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl std::fmt::Debug for TlsSessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TlsSessions")
    }
}

impl TlsSessionCache for TlsSessions {
    fn put(&self, key: Key, session: TlsSession) {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = hosts.get_or_insert_mut(key, VecDeque::new);
        if sessions.len() >= Self::PER_HOST {
            sessions.pop_front();
        }
        sessions.push_back(session);
    }

    fn pop(&self, key: &Key) -> Option<TlsSession> {
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = hosts.get_mut(key)?;
        // A ticket of TLS 1.3 is good for one use: RFC 8446, appendix C.4.
        let single_use = sessions.back()?.protocol_version() == TlsVersion::TLS_1_3;
        if !single_use {
            return sessions.back().cloned();
        }
        let session = sessions.pop_back();
        if sessions.is_empty() {
            hosts.pop(key);
        }
        session
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use bytes::Bytes;
    use http::{HeaderMap, Method};
    use silkroute_testkit::site::TestSite;

    use super::*;
    use crate::transport::{
        Client, ClientSpec, ConnectionPlace, HeaderOrder, Outgoing, Resolver, TlsMaterial, TlsSources, Wire,
    };

    #[tokio::test]
    async fn hosts_beyond_the_limit_push_the_oldest_out() {
        let site = TestSite::start().await.unwrap();
        let roots = vec![site.ca_pem().to_owned()];
        let tls_sessions = TlsSessions::new();
        let client = Client::new(&ClientSpec {
            // Without an identity, BoringSSL does not resume.
            wire: Some(Wire::new(wreq_util::Profile::Chrome149)),
            order: HeaderOrder::new(ConnectionPlace::Absent, [], &[]),
            connect_timeout: Duration::from_secs(10),
            pool_idle_timeout: Duration::from_secs(10),
            max_idle_origins: 1,
            max_idle_per_origin: 1,
            local_address: None,
            verify: true,
            http1_only: true,
            proxy: None,
            resolver: Resolver::new(HashMap::new(), Vec::new()),
            tls: TlsMaterial::read(&TlsSources { roots, client: None }).unwrap(),
            tls_sessions: tls_sessions.clone(),
        })
        .unwrap();
        for number in 0..280 {
            let mut url = site.https_url("/empty");
            url.set_host(Some(&format!("h{number}.test.localhost"))).unwrap();
            let outgoing = Outgoing {
                method: Method::GET,
                url: &url,
                headers: HeaderMap::new(),
                body: Bytes::new(),
                proxy: None,
            };
            client.send(outgoing).unwrap().await.unwrap().body(1024).await.unwrap();
        }
        assert_eq!(tls_sessions.hosts(), TlsSessions::HOSTS.get());
        site.close().await;
    }
}
