//! What is being cleared of what sites stored, so that nobody goes there meanwhile: what a page writes would be lost.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;

use crate::{Deadline, Result};

/// The origins of a context that are being cleared.
#[derive(Default)]
pub(crate) struct Clearing(watch::Sender<Vec<Arc<BTreeSet<String>>>>);

impl Clearing {
    /// Counts the origins that `which` names, if any, as being cleared until what this gives back is dropped. Whoever notes where it
    /// goes before it waits for [the end](Self::ended) is either known to `which`, or waits.
    pub(super) fn begin(&self, which: impl FnOnce() -> Option<BTreeSet<String>>) -> Option<BeingCleared<'_>> {
        let mut begun = None;
        self.0.send_if_modified(|all| {
            begun = which().map(Arc::new);
            all.extend(begun.clone());
            begun.is_some()
        });
        begun.map(|origins| BeingCleared { all: self, origins })
    }

    /// Waits until an origin is not being cleared.
    pub(super) async fn ended(&self, origin: &str, deadline: Deadline) -> Result<()> {
        let mut all = self.0.subscribe();
        let ended = all.wait_for(|all| !all.iter().any(|origins| origins.contains(origin)));
        // It does not fail: the sender is ours.
        deadline
            .run("clearing what the site stored before", ended)
            .await
            .map(drop)
    }
}

pub(super) struct BeingCleared<'a> {
    all: &'a Clearing,
    pub(super) origins: Arc<BTreeSet<String>>,
}

impl Drop for BeingCleared<'_> {
    fn drop(&mut self) {
        let mine = |origins: &Arc<BTreeSet<String>>| Arc::ptr_eq(origins, &self.origins);
        self.all.0.send_modify(|all| all.retain(|origins| !mine(origins)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_goes_to_an_origin_waits_until_it_is_cleared() {
        let clearing = Clearing::default();
        let origins = || Some(BTreeSet::from(["http://a.test".to_owned()]));
        let (one, two) = (clearing.begin(origins), clearing.begin(origins));
        let soon = || Deadline::after(Duration::from_secs(1));
        clearing.ended("http://b.test", soon()).await.unwrap();
        drop(one);
        assert!(clearing.begin(|| None).is_none());
        assert!(clearing.ended("http://a.test", soon()).await.unwrap_err().is_timeout());
        let (ended, ()) = tokio::join!(clearing.ended("http://a.test", soon()), async { drop(two) });
        ended.unwrap();
    }
}
