//! What the site has seen: requests, connections, failed handshakes.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::Recorded;

/// How many requests are kept; the oldest go first.
pub const KEPT_REQUESTS: usize = 100_000;

#[derive(Debug)]
pub(crate) struct Journal {
    entries: Mutex<Entries>,
    connections: AtomicUsize,
    last_connection: AtomicU64,
    in_flight: AtomicUsize,
    peak_in_flight: AtomicUsize,
    changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Entries {
    requests: VecDeque<Arc<Recorded>>,
    handshake_errors: Vec<String>,
}

/// An open connection.
pub(crate) struct OpenConnection {
    journal: Arc<Journal>,
    pub(crate) number: u64,
}

/// A request whose response head is not there yet.
pub(crate) struct InFlight(Arc<Journal>);

impl Journal {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            entries: Mutex::default(),
            connections: AtomicUsize::new(0),
            last_connection: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            peak_in_flight: AtomicUsize::new(0),
            changes: watch::Sender::new(()),
        })
    }

    pub(crate) fn connection(self: &Arc<Self>) -> OpenConnection {
        self.connections.fetch_add(1, Ordering::SeqCst);
        let number = self.last_connection.fetch_add(1, Ordering::SeqCst) + 1;
        self.changes.send_replace(());
        OpenConnection {
            journal: Arc::clone(self),
            number,
        }
    }

    pub(crate) fn in_flight(self: &Arc<Self>) -> InFlight {
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak_in_flight.fetch_max(now, Ordering::SeqCst);
        InFlight(Arc::clone(self))
    }

    pub(crate) fn record(&self, request: Arc<Recorded>) {
        let mut entries = self.lock();
        if entries.requests.len() == KEPT_REQUESTS {
            entries.requests.pop_front();
        }
        entries.requests.push_back(request);
        drop(entries);
        self.changes.send_replace(());
    }

    pub(crate) fn handshake_failed(&self, why: String) {
        self.lock().handshake_errors.push(why);
        self.changes.send_replace(());
    }

    pub(crate) fn requests(&self) -> Vec<Arc<Recorded>> {
        self.lock().requests.iter().cloned().collect()
    }

    pub(crate) fn handshake_errors(&self) -> Vec<String> {
        self.lock().handshake_errors.clone()
    }

    pub(crate) fn open_connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn total_connections(&self) -> u64 {
        self.last_connection.load(Ordering::SeqCst)
    }

    pub(crate) fn requests_in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub(crate) fn peak_in_flight(&self) -> usize {
        self.peak_in_flight.load(Ordering::SeqCst)
    }

    pub(crate) fn clear(&self) {
        let mut entries = self.lock();
        entries.requests.clear();
        entries.handshake_errors.clear();
        self.peak_in_flight.store(self.requests_in_flight(), Ordering::SeqCst);
    }

    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.journal.connections.fetch_sub(1, Ordering::SeqCst);
        self.journal.changes.send_replace(());
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.0.changes.send_replace(());
    }
}
