//! Requests that pass by us: blocked, changed, or let go; and proxies that ask for credentials.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use silkroute_core::Proxy;
use tokio::task::AbortHandle;

use super::blocking::Blocking;
use crate::cdp::{CdpSession, RawCommand, Received, Subscription};
use crate::{Deadline, Result};

/// Requests held at one time. If more come, all are let go rather than held for ever.
const QUEUE: usize = 4_096;
const POST: Duration = Duration::from_secs(10);

/// What the next request of the main frame is to be instead of a plain GET.
#[derive(Debug, Clone)]
pub(super) struct Rewrite {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
}

/// What the interceptor of a tab goes by.
#[derive(Default)]
pub(super) struct Rules {
    pub(super) blocking: Option<Arc<Blocking>>,
    pub(super) credentials: Option<Proxy>,
    pub(super) rewrite: Mutex<Option<Rewrite>>,
    pub(super) main_frame: String,
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
        if self.rewrite().is_some() || self.asked() {
            patterns.push(json!({"urlPattern": "*", "resourceType": "Document"}));
        }
        patterns
    }

    /// Whether a proxy may ask for credentials that we have.
    fn asked(&self) -> bool {
        self.credentials
            .as_ref()
            .is_some_and(|proxy| proxy.username().is_some())
    }

    fn rewrite(&self) -> std::sync::MutexGuard<'_, Option<Rewrite>> {
        self.rewrite.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enable(&self) -> Result<RawCommand> {
        RawCommand::new(
            "Fetch.enable",
            json!({"patterns": self.patterns(), "handleAuthRequests": self.asked()}),
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
    auth_challenge: Option<Challenge>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Request {
    url: String,
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
    let mut document = String::new();
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
                    document.clone_from(&paused.request.url);
                }
                request(&rules, paused, main, &document)
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
        post(&session, method, params).await;
    }
}

fn request(rules: &Rules, paused: Paused, main: bool, document: &str) -> (&'static str, Value) {
    let id = paused.request_id;
    if main {
        let Some(rewrite) = rules.rewrite().take() else {
            return ("Fetch.continueRequest", json!({"requestId": id}));
        };
        let mut params = json!({"requestId": id, "method": rewrite.method.as_str()});
        params["headers"] = merged(&paused.request.headers, &rewrite);
        if let Some(body) = &rewrite.body {
            params["postData"] = STANDARD.encode(body).into();
        }
        return ("Fetch.continueRequest", params);
    }
    let blocked = rules
        .blocking
        .as_ref()
        .is_some_and(|blocking| blocking.blocks(&paused.request.url, &paused.resource_type, document));
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

async fn post(session: &CdpSession, method: &'static str, params: Value) {
    match RawCommand::new(method, params) {
        Ok(command) => session.post(command, POST).await,
        Err(error) => tracing::debug!(%error, "a command cannot be written"),
    }
}
