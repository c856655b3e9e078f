//! Events for one listener, in a queue that is bounded and never holds up the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

use super::message::Event;
use super::session::Observer;

/// What a [`Subscription`] yields.
#[derive(Debug, Clone)]
pub enum Received {
    /// An event.
    Event(Event),
    /// The listener was too slow: so many events did not fit into its queue and are lost.
    Lagged(u64),
}

/// Events of one session, from [`CdpSession::subscribe`](super::CdpSession::subscribe).
#[derive(Debug)]
pub struct Subscription {
    events: mpsc::Receiver<Event>,
    lost: Arc<AtomicU64>,
}

impl Subscription {
    /// The next one; `None` once the session has ended and all is read. Cancel-safe.
    pub async fn next(&mut self) -> Option<Received> {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            return Some(Received::Lagged(lost));
        }
        self.events.recv().await.map(Received::Event)
    }
}

/// The sending end, which the reader of the connection calls.
pub(super) struct Subscriber {
    prefixes: Vec<String>,
    events: mpsc::Sender<Event>,
    lost: Arc<AtomicU64>,
}

impl Subscriber {
    pub(super) fn new(prefixes: &[&str], capacity: usize) -> (Arc<Self>, Subscription) {
        let (sender, events) = mpsc::channel(capacity.max(1));
        let lost = Arc::new(AtomicU64::new(0));
        let subscriber = Self {
            prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
            events: sender,
            lost: Arc::clone(&lost),
        };
        (Arc::new(subscriber), Subscription { events, lost })
    }
}

impl Observer for Subscriber {
    fn wants(&self, method: &str) -> bool {
        self.prefixes.iter().any(|prefix| method.starts_with(prefix.as_str()))
    }

    fn on_event(&self, event: &Event) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event.clone()) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn is_done(&self) -> bool {
        self.events.is_closed()
    }
}
