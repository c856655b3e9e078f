//! What a session holds while it is alive: clients, and what goes with them.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lru::LruCache;
use silkroute_core::{Identity, Result};

use crate::HttpVersion;
use crate::headers::{HeaderSet, header_order};
use crate::profile::Profile;
use crate::pulse::Pulse;
use crate::settings::{Proxies, Settings};
use crate::transport::{Client, ClientSpec, TlsMaterial, TlsSessions};

/// What a session holds while it is alive.
#[derive(Debug)]
pub(crate) struct Live {
    /// For requests that change nothing that a client is made of.
    main: Arc<Outfit>,
    /// For the others: those used last.
    others: Mutex<LruCache<Cut, Arc<Outfit>>>,
    tls: TlsMaterial,
    _pulse: Pulse,
    /// Names that led into a private network when they were asked for outright.
    inside: Mutex<LruCache<String, ()>>,
}

/// What a client is made of that requests may change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cut {
    pub(crate) identity: Option<Identity>,
    pub(crate) verify: bool,
    pub(crate) http_version: HttpVersion,
    pub(crate) connect_timeout: Duration,
}

/// An identity, ready to go out: its clients and its headers.
#[derive(Debug)]
pub(crate) struct Outfit {
    pub(crate) profile: Profile,
    pub(crate) headers: HeaderSet,
    /// Connects to anything.
    pub(crate) open: Client,
    /// Connects names to public addresses alone.
    pub(crate) guarded: Client,
}

impl Live {
    /// How many clients there are besides the main one. Each holds its own connections.
    const OTHERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);
    /// How many names inside are remembered. One that is forgotten costs a look-up.
    const INSIDE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

    /// # Errors
    /// [`Error::Config`](silkroute_core::Error::Config) when a certificate cannot be read.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let tls = TlsMaterial::read(&settings.tls_sources()?)?;
        let main = Outfit::new(settings, settings.profile.clone(), &settings.cut(), &tls)?;
        Ok(Self {
            main: Arc::new(main),
            others: Mutex::new(LruCache::new(Self::OTHERS)),
            tls,
            _pulse: Pulse::start(settings.timeout),
            inside: Mutex::new(LruCache::new(Self::INSIDE)),
        })
    }

    pub(crate) fn main(&self) -> &Arc<Outfit> {
        &self.main
    }

    /// The outfit for a profile and a cut that are perhaps not the session's.
    pub(crate) fn outfit(&self, settings: &Settings, profile: &Profile, cut: Cut) -> Result<Arc<Outfit>> {
        if cut == settings.cut() {
            return Ok(Arc::clone(&self.main));
        }
        if let Some(known) = self.others.lock().unwrap_or_else(PoisonError::into_inner).get(&cut) {
            return Ok(Arc::clone(known));
        }
        // Made without the lock. Two that come at the same time may both make one; the second then wins, which is no
        // harm.
        let made = Arc::new(Outfit::new(settings, profile.clone(), &cut, &self.tls)?);
        self.others
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put(cut, Arc::clone(&made));
        Ok(made)
    }

    pub(crate) fn is_inside(&self, name: &str) -> bool {
        self.inside
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .is_some()
    }

    pub(crate) fn remember_inside(&self, name: &str) {
        self.inside
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .put(name.to_owned(), ());
    }
}

impl Settings {
    /// The cut of the session's own client.
    pub(crate) fn cut(&self) -> Cut {
        Cut {
            identity: self.profile.identity.clone(),
            verify: self.verify,
            http_version: self.http_version,
            connect_timeout: self.connect_timeout,
        }
    }
}

impl Outfit {
    fn new(settings: &Settings, profile: Profile, cut: &Cut, tls: &TlsMaterial) -> Result<Self> {
        let open = ClientSpec {
            wire: profile.wire,
            order: header_order(profile.identity.as_ref()),
            connect_timeout: cut.connect_timeout,
            pool_idle_timeout: settings.pool_idle_timeout,
            max_idle_origins: settings.max_idle_origins,
            max_idle_per_origin: settings.max_idle_per_origin,
            local_address: settings.local_address,
            verify: cut.verify,
            http1_only: cut.http_version == HttpVersion::Http1,
            proxy: match &settings.proxies {
                Proxies::One(proxy) => Some(proxy.clone()),
                Proxies::Direct | Proxies::Pool(_) => None,
            },
            resolver: settings.resolver.clone(),
            tls: tls.clone(),
            // Shared by these two and by no others: who resumes a session skips the certificate, so one that was made
            // without looking at it must not get to those that look.
            tls_sessions: TlsSessions::new(),
        };
        let guarded = ClientSpec {
            resolver: settings.resolver.public_only(),
            ..open.clone()
        };
        Ok(Self {
            headers: HeaderSet::new(profile.identity.as_ref(), &settings.headers),
            open: Client::new(&open)?,
            guarded: Client::new(&guarded)?,
            profile,
        })
    }
}
