//! The start requests, taken as there is room for them.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::{FutureExt as _, StreamExt as _};

use super::{Admission, Engine};
use crate::error::panicked;
use crate::key::KeyMaker;
use crate::{FailureKind, Spider};

impl<S: Spider> Engine<S> {
    pub(super) async fn feed(self: Arc<Self>) {
        if self.control.lock().starts_done {
            // An earlier run took them all.
            return self.control.end_if_done(&mut self.control.lock());
        }
        let made = std::panic::catch_unwind(AssertUnwindSafe(|| self.spider.start_requests()));
        let mut starts = match made {
            Ok(starts) => Some(starts),
            Err(panic) => {
                let error = panicked("start_requests", &*panic);
                self.report(FailureKind::Start, None, error).await;
                None
            }
        };
        let mut keys = KeyMaker::default();
        while let Some(stream) = &mut starts {
            if !self.wait_for_room().await {
                return;
            }
            let next = tokio::select! {
                next = AssertUnwindSafe(stream.next()).catch_unwind() => next,
                () = self.control.over.cancelled() => return,
            };
            match next {
                Ok(Some(Ok(visit))) => {
                    self.control.lock().starts += 1;
                    let mut batch = Admission::default();
                    if let Err(error) = self.admit(&visit, &mut keys, &mut batch) {
                        self.report(FailureKind::Start, Some(visit), error).await;
                    }
                    if self.push_starts(batch).await.is_err() {
                        return;
                    }
                }
                Ok(Some(Err(error))) => {
                    self.control.lock().starts += 1;
                    self.report(FailureKind::Start, None, error).await;
                }
                Ok(None) => break,
                Err(panic) => {
                    let error = panicked("start_requests", &*panic);
                    self.report(FailureKind::Start, None, error).await;
                    starts = None;
                }
            }
        }
        let mut state = self.control.lock();
        state.starts_done = true;
        self.control.end_if_done(&mut state);
    }

    /// Waits until fewer requests wait than could be under way; `false`: the crawl is over.
    async fn wait_for_room(&self) -> bool {
        while !self.control.over.is_cancelled() {
            if self.control.lock().wants_starts() {
                return true;
            }
            tokio::select! {
                () = self.control.hungry.notified() => {}
                () = self.control.over.cancelled() => {}
            }
        }
        false
    }
}
