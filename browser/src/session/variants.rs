//! The browsers of a session: its own, and those of requests that need one launched in another way.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use silkroute_core::{FetchError, Proxy};
use tokio::sync::{Notify, OnceCell};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::browser_session::Settings;
use super::config::BrowserConfig;
use super::kind::BrowserKind;
use super::running::Running;
use crate::{Deadline, Result};

/// Whether a proxy of a request's own would get no answer in the session's browser as it asks for its user and password.
fn asks_in_vain(config: &BrowserConfig, proxy: &Proxy) -> bool {
    let same = |own: &Proxy| (own.host(), own.port()) == (proxy.host(), proxy.port());
    proxy.username().is_some() && config.is_fresh() && !config.asking_proxies().any(same)
}

/// What tells the browsers of a session apart.
#[derive(Clone, PartialEq)]
struct Which<V> {
    variant: V,
    /// Whether any proxy may ask for a user and a password, rather than the session's alone: only a launch can say it, and
    /// pages of such a browser wait for ever where a site asks.
    any_proxy: bool,
}

struct Other<K: BrowserKind> {
    which: Which<K::Variant>,
    /// Held here and by whoever uses it: with one holder it is idle.
    cell: Arc<OnceCell<Arc<Running<K>>>>,
    used: Instant,
}

impl<K: BrowserKind> Other<K> {
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.cell) == 1
    }
}

struct Shared<K: BrowserKind> {
    others: Mutex<Vec<Other<K>>>,
    freed: Notify,
}

impl<K: BrowserKind> Shared<K> {
    fn others(&self) -> MutexGuard<'_, Vec<Other<K>>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The browsers of a session.
pub(super) struct Browsers<K: BrowserKind> {
    own: Arc<Running<K>>,
    own_is: Which<K::Variant>,
    shared: Arc<Shared<K>>,
    /// Ends those that nobody uses; there from the first of them on.
    sweep: Mutex<Option<AbortHandle>>,
}

impl<K: BrowserKind> Drop for Browsers<K> {
    fn drop(&mut self) {
        let sweep = self.sweep.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(sweep) = sweep.take() {
            sweep.abort();
        }
    }
}

/// A browser that is in use.
pub(super) struct Lent<K: BrowserKind> {
    running: Arc<Running<K>>,
    place: Option<Place<K>>,
}

struct Place<K: BrowserKind> {
    /// Dropped before the others are told.
    cell: Option<Arc<OnceCell<Arc<Running<K>>>>>,
    shared: Arc<Shared<K>>,
}

impl<K: BrowserKind> Drop for Place<K> {
    fn drop(&mut self) {
        self.cell = None;
        self.shared.freed.notify_one();
    }
}

impl<K: BrowserKind> Deref for Lent<K> {
    type Target = Running<K>;

    fn deref(&self) -> &Running<K> {
        // The place is held for as long as this is.
        let _ = &self.place;
        &self.running
    }
}

impl<K: BrowserKind> Browsers<K> {
    /// Starts the session's own.
    pub(super) async fn start(settings: &Settings<K>) -> Result<Self> {
        let variant = settings.kind.variant(&K::Options::default());
        let own = Running::start(&settings.kind, &settings.config, &variant, false).await?;
        Ok(Self {
            own: Arc::new(own),
            own_is: Which {
                variant,
                any_proxy: false,
            },
            shared: Arc::new(Shared {
                others: Mutex::default(),
                freed: Notify::new(),
            }),
            sweep: Mutex::default(),
        })
    }

    pub(super) fn own(&self) -> &Running<K> {
        &self.own
    }

    /// The browser that a request needs, which may have a proxy of its own; started if it is not there.
    pub(super) async fn get(
        &self,
        settings: &Settings<K>,
        options: &K::Options,
        proxy: Option<&Proxy>,
        deadline: Deadline,
    ) -> Result<Lent<K>, FetchError> {
        let which = Which {
            variant: settings.kind.variant(options),
            any_proxy: proxy.is_some_and(|proxy| asks_in_vain(&settings.config, proxy)),
        };
        if which == self.own_is {
            return Ok(Lent {
                running: Arc::clone(&self.own),
                place: None,
            });
        }
        let place = loop {
            let freed = self.shared.freed.notified();
            if let Some(place) = self.place(&which) {
                break place;
            }
            deadline
                .run("waiting for a browser of another kind to be free", freed)
                .await?;
        };
        // Others may wait for the same one.
        self.shared.freed.notify_one();
        self.sweeping();
        let Some(cell) = place.cell.clone() else {
            return Err(crate::Error::invalid("a place", "it was given up").into());
        };
        let start = cell.get_or_try_init(async || {
            let running = Running::start(&settings.kind, &settings.config, &which.variant, which.any_proxy);
            running.await.map(Arc::new)
        });
        // Another fetch, with more time than this one has, may be starting it.
        let running = Arc::clone(deadline.run("starting a browser for this request", start).await??);
        Ok(Lent {
            running,
            place: Some(place),
        })
    }

    /// A place for this variant: its own if it has one, a new one, or that of the idle one that was used least lately.
    fn place(&self, which: &Which<K::Variant>) -> Option<Place<K>> {
        let mut others = self.shared.others();
        // One that has died is forgotten.
        others.retain(|other| other.cell.get().is_none_or(|running| running.browser.is_alive()));
        if let Some(known) = others.iter_mut().find(|other| other.which == *which) {
            known.used = Instant::now();
            return Some(self.lend(&known.cell));
        }
        if others.len() >= K::MAX_VARIANTS.max(1) {
            let oldest = others
                .iter()
                .enumerate()
                .filter(|(_, other)| other.is_idle())
                .min_by_key(|(_, other)| other.used)
                .map(|(at, _)| at)?;
            others.remove(oldest);
        }
        let cell = Arc::default();
        let lent = self.lend(&cell);
        others.push(Other {
            which: which.clone(),
            cell,
            used: Instant::now(),
        });
        Some(lent)
    }

    fn lend(&self, cell: &Arc<OnceCell<Arc<Running<K>>>>) -> Place<K> {
        Place {
            cell: Some(Arc::clone(cell)),
            shared: Arc::clone(&self.shared),
        }
    }

    fn sweeping(&self) {
        let mut sweep = self.sweep.lock().unwrap_or_else(PoisonError::into_inner);
        if sweep.is_some() {
            return;
        }
        let shared = Arc::downgrade(&self.shared);
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(K::VARIANT_IDLE / 4).await;
                let Some(shared) = shared.upgrade() else { return };
                // Dropped, a browser that was launched is killed.
                shared.others().retain_mut(|other| {
                    if !other.is_idle() {
                        other.used = Instant::now();
                    }
                    other.used.elapsed() < K::VARIANT_IDLE
                });
            }
        });
        *sweep = Some(task.abort_handle());
    }

    /// Ends all of them. Running fetches fail.
    pub(super) async fn close(&self) -> Result<()> {
        let others = std::mem::take(&mut *self.shared.others());
        let mut closing = tokio::task::JoinSet::new();
        for other in &others {
            if let Some(running) = other.cell.get() {
                let running = Arc::clone(running);
                closing.spawn(async move { running.close().await });
            }
        }
        let mut result = self.own.close().await;
        while let Some(closed) = closing.join_next().await {
            if let Ok(Err(error)) = closed {
                result = result.and(Err(error));
            }
        }
        result
    }
}
