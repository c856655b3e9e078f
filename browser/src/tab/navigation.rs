//! Going somewhere.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use silkroute_core::{RedactedHeaders, redact_url};
use tokio::time::Instant;
use url::Url;

use super::arriving::before;
use super::document::{Document, DocumentKind, shown_url};
use super::intercept::Rewrite;
use super::refused;
use super::track::Track;
use super::{Tab, TabState};
use crate::cdp::RawCommand;
use crate::downloads::Wish;
use crate::{Deadline, Error, Result};

/// When a navigation counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitUntil {
    /// The response is there and the document begins to be shown.
    Commit,
    /// The document is read to its end.
    DomContentLoaded,
    /// Its images, styles and frames are there too.
    #[default]
    Load,
    /// Besides, there were no requests for half a second.
    NetworkIdle,
}

/// Where to go and how. Its `Debug` shows no credentials, and of the body only how long it is.
#[derive(Clone)]
pub struct Navigation {
    /// `http` or `https`, or `about:blank`. Anything else is refused.
    pub url: Url,
    /// Default GET.
    pub method: Method,
    /// The body, for methods that have one.
    pub body: Option<Bytes>,
    /// Headers of the document's request only, and of its redirects; of these, credentials stay with the first origin. `Referer` is
    /// [`referrer`](Self::referrer), and what [`TabOptions::extra_headers`](crate::TabOptions) refuses is refused here, too.
    pub headers: HeaderMap,
    /// The `Referer`, which is sent in full whatever the page's policy.
    pub referrer: Option<String>,
    /// When it counts as done. Default [`WaitUntil::Load`].
    pub wait_until: WaitUntil,
    /// A meta refresh or scheduled redirect that is due within this time is followed; a later one is left alone. Default 3 s.
    pub follow_refresh: Duration,
    /// Keep the body of a download, of so many bytes at most. Default: none is kept. Only where the browser was launched here,
    /// with a fresh profile, whose folder it passes through.
    pub download_limit: Option<u64>,
}

impl fmt::Debug for Navigation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Navigation")
            .field("url", &redact_url(&self.url))
            .field("method", &self.method)
            .field("body", &self.body.as_ref().map(Bytes::len))
            .field("headers", &RedactedHeaders(&self.headers))
            .field("referrer", &self.referrer.as_deref().map(shown_url))
            .field("wait_until", &self.wait_until)
            .field("follow_refresh", &self.follow_refresh)
            .field("download_limit", &self.download_limit)
            .finish()
    }
}

impl Navigation {
    /// A GET of this URL, with the defaults.
    pub fn to(url: Url) -> Self {
        Self {
            url,
            method: Method::GET,
            body: None,
            headers: HeaderMap::new(),
            referrer: None,
            wait_until: WaitUntil::default(),
            follow_refresh: Duration::from_secs(3),
            download_limit: None,
        }
    }

    fn check(&self) -> Result<()> {
        let blank = self.url.as_str() == "about:blank";
        if !blank && !matches!(self.url.scheme(), "http" | "https") {
            let reason = format!("a browser session does not open {}: URLs", self.url.scheme());
            return Err(Error::invalid("url", reason));
        }
        if self.headers.contains_key(http::header::REFERER) {
            return Err(Error::invalid(
                "headers",
                "Chromium blocks requests with a Referer here; use referrer",
            ));
        }
        refused::check("headers", &self.headers)
    }

    fn rewrite(&self) -> Option<Rewrite> {
        let plain = self.method == Method::GET && self.body.is_none() && self.headers.is_empty();
        (!plain).then(|| Rewrite {
            method: self.method.clone(),
            headers: self.headers.clone(),
            body: self.body.clone(),
        })
    }
}

/// After the browser said that a navigation failed, the event with its status may be a moment behind: some milliseconds, and more on
/// a busy machine.
const LATE: Duration = Duration::from_secs(2);
/// How long a command may take to be written that nobody waits for.
const POST: Duration = Duration::from_millis(250);

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Navigated {
    loader_id: Option<String>,
    error_text: Option<String>,
    is_download: bool,
}

impl Tab {
    /// Goes somewhere and waits until the document that is shown in the end has come as far as asked, client-side redirects
    /// included. Any status is a success. After an error, above all [`Error::Timeout`], the tab is in an unknown
    /// state: close it, or give it back to its pool as used up.
    ///
    /// # Errors
    /// [`Error::Navigation`] with Chromium's name for the reason, [`Error::Timeout`], [`Error::Gone`], [`Error::Invalid`].
    pub async fn navigate(&self, navigation: &Navigation, deadline: Deadline) -> Result<Document> {
        navigation.check()?;
        let rewrite = navigation.rewrite();
        let changed = rewrite.is_some();
        match self.go(navigation, rewrite, deadline).await {
            Err(error @ Error::Navigation { .. }) if changed => Err(self.state.refused().unwrap_or(error)),
            other => other,
        }
    }

    async fn go(&self, navigation: &Navigation, rewrite: Option<Rewrite>, deadline: Deadline) -> Result<Document> {
        let state = &self.state;
        state.capture.clear();
        state.tracker.begin();
        // The one before takes back what it wished for as it goes.
        *state.wish() = None;
        if let (Some(limit), Some(downloads)) = (navigation.download_limit, &self.context.browser().inner.downloads) {
            let frame = state.tracker.track().main_frame.clone();
            *state.wish() = Some(Arc::new(Wish::new(downloads, &frame, limit)));
        }
        let origin = state.tracker.track().going_to(&navigation.url);
        if let Some(origin) = origin {
            self.context.clearing().ended(&origin, deadline).await?;
        }
        let began = Instant::now();
        if let Some(rewrite) = rewrite {
            state.intercept_next(rewrite, deadline).await?;
        }
        // As somebody who typed it: a link that nobody clicked would lack `Sec-Fetch-User`, which all others have.
        let mut params = json!({"url": navigation.url.as_str(), "transitionType": "typed"});
        if let Some(referrer) = &navigation.referrer {
            params["referrer"] = referrer.as_str().into();
            params["referrerPolicy"] = "unsafeUrl".into();
        }
        let result = state
            .session
            .send_as(RawCommand::new("Page.navigate", params)?, deadline)
            .await;
        let answer: Navigated = match result {
            Err(error) if error.is_timeout() => {
                state.stop_loading().await;
                return Err(error);
            }
            other => other?,
        };
        let Some(id) = answer.loader_id else {
            return state.outcome_without_document(answer.error_text, navigation, began);
        };
        if let Some(net_error) = answer.error_text.filter(|text| !text.is_empty()) {
            let ended = state
                .aborted(&id, answer.is_download, net_error, began, deadline)
                .await?;
            if let Some(document) = ended {
                return Ok(document);
            }
        }
        let arrived = state.arrive(Some(&id), navigation, began, deadline).await;
        if arrived.as_ref().is_err_and(Error::is_timeout) {
            state.stop_loading().await;
        }
        arrived
    }

    /// Waits for what a script or click set going, as [`navigate`](Self::navigate) does for its own. Without a navigation
    /// under way it looks at the document that is shown. After [`Error::Timeout`] the page goes on as it did.
    ///
    /// # Errors
    /// As [`navigate`](Self::navigate).
    pub async fn arrive(&self, wait_until: WaitUntil, deadline: Deadline) -> Result<Document> {
        let navigation = Navigation {
            wait_until,
            ..Navigation::to(blank())
        };
        self.state.arrive(None, &navigation, Instant::now(), deadline).await
    }

    /// The document that is shown now, however far it has come.
    pub fn document(&self) -> Option<Document> {
        let track = self.state.tracker.track();
        let current = track.current()?;
        Some(current.document(before(&track, &current.id), current.began))
    }
}

#[expect(clippy::expect_used, reason = "the literal is a URL")]
pub(super) fn blank() -> Url {
    Url::parse("about:blank").expect("about:blank is a URL")
}

impl TabState {
    /// Page.navigate has no loader for moves within a document.
    fn outcome_without_document(
        &self,
        net_error: Option<String>,
        navigation: &Navigation,
        began: Instant,
    ) -> Result<Document> {
        if let Some(net_error) = net_error.filter(|text| !text.is_empty()) {
            return Err(Error::Navigation { net_error });
        }
        let track = self.tracker.track();
        let current = track.current().ok_or_else(|| Error::Navigation {
            net_error: "no document".to_owned(),
        })?;
        let mut document = current.document(Vec::new(), began);
        document.url = navigation.url.to_string();
        Ok(document)
    }

    /// The browser says that it did not get there: a response without a document, a download, or a failure. `None`: the page
    /// that is shown went elsewhere by itself.
    async fn aborted(
        &self,
        id: &str,
        download: bool,
        net_error: String,
        began: Instant,
        deadline: Deadline,
    ) -> Result<Option<Document>> {
        let aborted = net_error == "net::ERR_ABORTED";
        let told = |track: &Track| {
            let loader = track.known(id);
            loader.is_some_and(|loader| {
                loader.status().is_some() && (!aborted || loader.download.is_some() || loader.status() == Some(204))
            })
        };
        let answered = [
            "net::ERR_HTTP_RESPONSE_CODE_FAILURE",
            "net::ERR_INVALID_RESPONSE",
            "net::ERR_INVALID_AUTH_CREDENTIALS",
        ];
        if aborted || answered.contains(&&*net_error) {
            let mut changes = self.tracker.changes();
            let late = deadline.capped(LATE);
            // What is told by then is all there is to know; there is no more to it.
            let _ = late
                .run("the status", async {
                    while !told(&self.tracker.track()) && changes.changed().await.is_ok() {}
                })
                .await;
            let mut track = self.tracker.track();
            let elsewhere = track
                .loaders
                .back()
                .is_some_and(|last| last.id != id && !last.url.is_empty());
            let hops = before(&track, id);
            let loader = track.loader(id);
            if download {
                loader.download.get_or_insert_default();
            }
            if loader.status().is_some() {
                let mut document = loader.document(hops, began);
                if document.kind != (DocumentKind::Empty) && loader.download.is_none() {
                    document.kind = DocumentKind::Empty;
                }
                return Ok(Some(document));
            }
            if elsewhere && aborted {
                return Ok(None);
            }
        }
        Err(Error::Navigation { net_error })
    }

    /// In passing: after a deadline there is no time left to wait for anything.
    async fn stop_loading(&self) {
        if let Ok(command) = RawCommand::new("Page.stopLoading", json!({})) {
            self.session.post(command, POST).await;
        }
    }
}
