//! Requests that pass by us: blocked, changed, or let go; and proxies that ask for credentials.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use silkroute_core::{Proxy, is_secret_header};
use tokio::task::AbortHandle;
use url::{Origin, Url};

use super::blocking::Blocking;
use crate::cdp::{CdpSession, RawCommand, Received, Subscription};
use crate::{Deadline, Error, Result};

/// Requests held at one time. If more come, all are let go rather than held for ever.
const QUEUE: usize = 4_096;
const POST: Duration = Duration::from_secs(10);

/// What the next request of the main frame is to be instead of a plain GET.
#[derive(Clone)]
pub(super) struct Rewrite {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

/// A navigation with headers of its own, from its first request over all its redirects.
pub(super) struct Journey {
    rewrite: Rewrite,
    /// Where the credentials among the headers may go; opaque before the first request.
    origin: Option<Origin>,
    /// Why the browser did not take one of its requests with these headers.
    pub(super) refused: Option<String>,
}

impl Journey {
    pub(super) fn new(rewrite: Rewrite) -> Self {
        Self {
            rewrite,
            origin: None,
            refused: None,
        }
    }

    /// What the browser is told about the next request of this navigation.
    fn next(&mut self, paused: &Paused) -> Value {
        let mut params = json!({"requestId": paused.request_id});
        let origin = Url::parse(&paused.request.url).ok().map(|url| url.origin());
        match &self.origin {
            None => {
                params["method"] = self.rewrite.method.as_str().into();
                if let Some(body) = &self.rewrite.body {
                    params["postData"] = STANDARD.encode(body).into();
                }
            }
            // They do not come back further on either.
            Some(_) if self.origin != origin => {
                let headers = std::mem::take(&mut self.rewrite.headers);
                let kept = headers.iter().filter(|(name, value)| !is_credential(name, value));
                self.rewrite.headers = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
            }
            Some(_) => {}
        }
        if self.origin.is_some() && matches!(paused.request.method.as_str(), "GET" | "HEAD") {
            // A redirect that drops the body drops what describes it.
            for name in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_LANGUAGE] {
                self.rewrite.headers.remove(name);
            }
        }
        self.origin = origin;
        params["headers"] = merged(&paused.request.headers, &self.rewrite);
        params
    }
}

fn is_credential(name: &HeaderName, value: &HeaderValue) -> bool {
    is_secret_header(name) || value.is_sensitive()
}

/// What the interceptor of a tab goes by.
#[derive(Default)]
pub(super) struct Rules {
    pub(super) blocking: Option<Arc<Blocking>>,
    pub(super) credentials: Option<Proxy>,
    /// Whether proxies, or sites, may ask for a user and a password.
    pub(super) asked: bool,
    pub(super) journey: Mutex<Option<Journey>>,
    pub(super) main_frame: String,
    /// The URL of the document that is on its way or shown: what its requests are judged by.
    pub(super) document: Mutex<String>,
}

impl Rules {
    fn patterns(&self) -> Vec<Value> {
        let mut patterns = self
            .blocking
            .as_ref()
            .map(|blocking| blocking.patterns())
            .unwrap_or_default();
        // A proxy's question only reaches us about requests that pass by us. The document comes first, and its answer holds
        // for all that come after.
        if self.journey().is_some() || self.asked {
            patterns.push(json!({"urlPattern": "*", "resourceType": "Document"}));
        }
        patterns
    }

    fn journey(&self) -> std::sync::MutexGuard<'_, Option<Journey>> {
        self.journey.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn document(&self) -> std::sync::MutexGuard<'_, String> {
        self.document.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enable(&self) -> Result<RawCommand> {
        RawCommand::new(
            "Fetch.enable",
            json!({"patterns": self.patterns(), "handleAuthRequests": self.asked}),
        )
    }
}

/// A task that answers for the held requests of one session; it ends with this, or with the session.
pub(super) struct Interceptor(AbortHandle);

impl Drop for Interceptor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Interceptor {
    pub(super) fn has_ended(&self) -> bool {
        self.0.is_finished()
    }

    /// Begins to listen. The session is to be told [`Rules::enable`] afterwards.
    pub(super) fn start(session: &CdpSession, rules: Arc<Rules>) -> Self {
        let events = session.subscribe(&["Fetch."], QUEUE);
        Self(tokio::spawn(answer(session.clone(), rules, events)).abort_handle())
    }

    pub(super) async fn enable(session: &CdpSession, rules: &Rules, deadline: Deadline) -> Result<()> {
        session.send(rules.enable()?, deadline).await.map(drop)
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Paused {
    request_id: String,
    request: Request,
    frame_id: String,
    resource_type: String,
    /// The request that led here by a redirect.
    redirected_request_id: Option<String>,
    auth_challenge: Option<Challenge>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Request {
    url: String,
    method: String,
    headers: Map<String, Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Challenge {
    source: String,
}

async fn answer(session: CdpSession, rules: Arc<Rules>, mut events: Subscription) {
    // Requests whose proxy refused the credentials once; asked again, it gets none.
    let mut refused: std::collections::VecDeque<String> = std::collections::VecDeque::new();
    while let Some(received) = events.next().await {
        let event = match received {
            Received::Event(event) => event,
            Received::Lagged(lost) => {
                tracing::warn!(lost, "more requests were held than can be answered for: all are let go");
                post(&session, "Fetch.disable", json!({})).await;
                if let Ok(enable) = rules.enable() {
                    session.post(enable, POST).await;
                }
                continue;
            }
        };
        let Ok(paused) = event.read::<Paused>() else { continue };
        let id = paused.request_id.clone();
        let (method, params) = match &*event.method {
            "Fetch.requestPaused" => {
                let main = paused.frame_id == rules.main_frame && paused.resource_type == "Document";
                if main {
                    rules.document().clone_from(&paused.request.url);
                }
                request(&rules, paused, main)
            }
            "Fetch.authRequired" => {
                let first = !refused.contains(&id);
                if refused.len() == 64 {
                    refused.pop_front();
                }
                refused.push_back(id.clone());
                ("Fetch.continueWithAuth", credentials(&rules, &paused, first))
            }
            _ => continue,
        };
        if params.get("headers").is_some() {
            let_go(&session, &rules, &id, params).await;
        } else {
            post(&session, method, params).await;
        }
    }
}

fn request(rules: &Rules, paused: Paused, main: bool) -> (&'static str, Value) {
    if main {
        let mut journey = rules.journey();
        // A page that goes elsewhere by itself is another navigation.
        if paused.redirected_request_id.is_none() && journey.as_ref().is_some_and(|journey| journey.origin.is_some()) {
            *journey = None;
        }
        let params = match journey.as_mut() {
            Some(journey) => journey.next(&paused),
            None => json!({"requestId": paused.request_id}),
        };
        return ("Fetch.continueRequest", params);
    }
    let id = paused.request_id;
    let blocked = rules
        .blocking
        .as_ref()
        .is_some_and(|blocking| blocking.blocks(&paused.request.url, &paused.resource_type, &rules.document()));
    if blocked {
        (
            "Fetch.failRequest",
            json!({"requestId": id, "errorReason": "BlockedByClient"}),
        )
    } else {
        ("Fetch.continueRequest", json!({"requestId": id}))
    }
}

/// The browser's headers with ours in their place: given headers replace all of the request.
fn merged(theirs: &Map<String, Value>, rewrite: &Rewrite) -> Value {
    let mut list: Vec<Value> = theirs
        .iter()
        .filter(|(name, _)| !rewrite.headers.contains_key(name.as_str()))
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    for (name, value) in &rewrite.headers {
        list.push(json!({"name": name.as_str(), "value": String::from_utf8_lossy(value.as_bytes())}));
    }
    list.into()
}

fn credentials(rules: &Rules, paused: &Paused, first: bool) -> Value {
    let proxy = rules.credentials.as_ref();
    let user = proxy.and_then(Proxy::username);
    let asks_for_proxy = paused
        .auth_challenge
        .as_ref()
        .is_some_and(|challenge| challenge.source == "Proxy");
    let response = match user {
        Some(user) if asks_for_proxy && first => {
            let password = proxy.and_then(Proxy::password).unwrap_or_default();
            json!({"response": "ProvideCredentials", "username": user, "password": password})
        }
        // A site's own question is answered with its 401 page.
        _ => json!({"response": "CancelAuth"}),
    };
    json!({"requestId": paused.request_id, "authChallengeResponse": response})
}

/// Lets a request go with headers of ours. One that the browser does not take with them would be held for ever: it fails.
async fn let_go(session: &CdpSession, rules: &Rules, id: &str, params: Value) {
    let send = async |method: &'static str, params: Value| {
        let command = RawCommand::new(method, params)?;
        session.send(command, Deadline::after(POST)).await
    };
    let refused = |message: Option<String>| {
        if let Some(journey) = rules.journey().as_mut() {
            journey.refused = message;
        }
    };
    let message = match send("Fetch.continueRequest", params).await {
        Ok(_) | Err(Error::Gone { .. }) => return,
        Err(Error::Protocol { message, .. }) => message,
        Err(error) => {
            tracing::debug!(%error, "a request was perhaps not let go");
            return;
        }
    };
    // Known before the navigation ends with it.
    refused(Some(message));
    if let Err(error) = send("Fetch.failRequest", json!({"requestId": id, "errorReason": "Failed"})).await {
        // It was given up meanwhile, and nothing was wrong with it.
        tracing::debug!(%error, "a request cannot be made to fail");
        refused(None);
    }
}

async fn post(session: &CdpSession, method: &'static str, params: Value) {
    match RawCommand::new(method, params) {
        Ok(command) => session.post(command, POST).await,
        Err(error) => tracing::debug!(%error, "a command cannot be written"),
    }
}
