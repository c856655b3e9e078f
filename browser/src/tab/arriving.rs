//! Knowing when a page is where it was to go.

use silkroute_core::redact_url;
use tokio::time::Instant;

use super::TabState;
use super::document::{Document, Redirect};
use super::loader::Loader;
use super::navigation::{Navigation, WaitUntil};
use super::track::{MOST_LOADERS, Track};
use crate::{Deadline, Error, Result};

/// Ends when the timers without a delay that the page has set by now have run.
const AFTER_TIMERS: &str = "new Promise(done => setTimeout(done, 0))";

/// What looking at the track came to.
enum Look {
    Wait,
    Done(Box<Document>),
    Failed(Error),
}

impl TabState {
    /// Waits until the document that is shown in the end has come as far as asked.
    pub(super) async fn arrive(
        &self,
        first: Option<&str>,
        navigation: &Navigation,
        began: Instant,
        deadline: Deadline,
    ) -> Result<Document> {
        let what = format!("{:?} of {}", navigation.wait_until, redact_url(&navigation.url));
        let mut changes = self.tracker.changes();
        let waiting = async {
            let mut settled: Option<String> = None;
            loop {
                changes.mark_unchanged();
                match self.look(first, navigation, began) {
                    Look::Failed(error) => return Err(error),
                    Look::Done(document) => {
                        let quick = navigation.wait_until == WaitUntil::Commit || !document.is_html();
                        if quick || settled.as_deref() == Some(&document.loader_id) {
                            return Ok(*document);
                        }
                        // A script that goes elsewhere as its page loads is told of after the load itself, or only when its
                        // timer has run: timers of the same delay run in their order, so one of ours comes after it.
                        settled = Some(document.loader_id.clone());
                        match self.evaluate(AFTER_TIMERS, deadline).await {
                            Ok(_) => {}
                            // The page went elsewhere meanwhile.
                            Err(Error::Protocol { .. }) => {}
                            Err(error) => return Err(error),
                        }
                        continue;
                    }
                    Look::Wait => {}
                }
                if changes.changed().await.is_err() {
                    return Err(Error::Navigation {
                        net_error: "the tab is gone".to_owned(),
                    });
                }
            }
        };
        deadline.run(&what, waiting).await.and_then(|result| result)
    }

    fn look(&self, first: Option<&str>, navigation: &Navigation, began: Instant) -> Look {
        let track = self.tracker.track();
        if let Some(reason) = &track.closed {
            return Look::Failed(Error::Gone {
                what: "the page".to_owned(),
                reason: reason.clone(),
            });
        }
        // Of what a script or click set going nobody knows where it began: an action may go through any number of pages.
        if first.is_some() && (track.forgotten > 0 || track.loaders.len() >= MOST_LOADERS) {
            return Look::Failed(Error::Navigation {
                net_error: "net::ERR_TOO_MANY_REDIRECTS (by the pages themselves)".to_owned(),
            });
        }
        let Some(current) = track.current() else {
            return Look::Wait;
        };
        // The document of before may still be the one that is shown.
        let ours = first.is_none_or(|first| {
            let started = track.loaders.iter().position(|loader| loader.id == first);
            let shown = track.loaders.iter().position(|loader| loader.id == current.id);
            started.is_some() && shown >= started
        });
        if !ours {
            return Look::Wait;
        }
        if current.error_page && !current.requested {
            // Of a navigation before ours, whose error page comes after its error.
            return Look::Wait;
        }
        if current.error_page {
            return match current.status() {
                Some(_) => Look::Done(Box::new(current.document(before(&track, &current.id), began))),
                None => {
                    let net_error = current.failed.clone().unwrap_or_else(|| "net::ERR_FAILED".to_owned());
                    Look::Failed(Error::Navigation { net_error })
                }
            };
        }
        let done = || Look::Done(Box::new(current.document(before(&track, &current.id), began)));
        if navigation.wait_until == WaitUntil::Commit {
            return done();
        }
        if let Some(net_error) = current.broken.clone() {
            return Look::Failed(Error::Navigation { net_error });
        }
        let leaves = track.leaving.is_some_and(|delay| delay <= navigation.follow_refresh);
        if leaves || track.under_way().is_some() || !current.reached(navigation.wait_until) {
            return Look::Wait;
        }
        done()
    }
}

/// The documents that led to this one by themselves.
pub(super) fn before(track: &Track, id: &str) -> Vec<Redirect> {
    let shown = |loader: &&Loader| {
        loader.committed.is_some() && loader.url != "about:blank" && track.origin.as_ref() != Some(&loader.id)
    };
    let earlier = track.loaders.iter().take_while(|loader| loader.id != id).filter(shown);
    earlier.flat_map(Loader::as_redirects).collect()
}
