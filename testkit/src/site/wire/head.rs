//! Request heads on their way from the tap, which reads them, to the service, which answers them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::Http2;

/// A request's head as it was on the wire.
#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) http2: Option<Arc<Http2>>,
}

/// The heads that one connection has read and not yet answered, in order.
#[derive(Debug, Default, Clone)]
pub(crate) struct Heads(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    heads: VecDeque<Head>,
    failure: Option<String>,
}

impl Heads {
    pub(super) fn push(&self, head: Head) {
        self.lock().heads.push_back(head);
    }

    pub(super) fn fail(&self, why: String) {
        self.lock().failure.get_or_insert(why);
    }

    /// The head of the request that the HTTP library hands over now. It hands them over in order but may leave out
    /// some (those that the client took back): these are skipped.
    pub(crate) fn take(&self, method: &str, path: &str) -> Result<Head, String> {
        let mut queue = self.lock();
        while let Some(head) = queue.heads.pop_front() {
            // The library drops a fragment, and the origin of a whole URL.
            let seen = head.path.split('#').next().unwrap_or_default();
            if head.method == method && seen.ends_with(path) {
                return Ok(head);
            }
        }
        Err(queue
            .failure
            .clone()
            .unwrap_or_else(|| "the request's head was not seen on the wire".to_owned()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
