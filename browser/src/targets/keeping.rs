//! The task that looks after targets, one after the other: whose they are, and what they are told before they run.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::noticing::adopt;
use super::{DEFAULT_CONTEXT, Job, POST, Shared};
use crate::cdp::{CdpSession, Connection, RawCommand};
use crate::tab::{TabState, close_page};
use crate::{Deadline, TargetKind};

/// Targets that are let go of, or are seen to close, at one time.
const LEAVING: usize = 64;

/// Does one job after the other, in the order in which they came. It ends with the book: [`Targets`](super::Targets) aborts it.
pub(super) async fn keep(shared: Arc<Shared>, connection: Connection, mut jobs: mpsc::Receiver<Job>) {
    let mut leaving = JoinSet::new();
    while let Some(job) = jobs.recv().await {
        match job {
            Job::Attached { session, tab } => {
                // It may have detached meanwhile.
                let Some(session) = connection.session(&session) else {
                    continue;
                };
                match session.target().kind() {
                    TargetKind::Page => page(&shared, &connection, session, &mut leaving).await,
                    _ => below(&shared, &connection, session, tab, &mut leaving).await,
                }
            }
            Job::Dialog { session, accept } => {
                post(&session, "Page.handleJavaScriptDialog", json!({"accept": accept})).await;
            }
            Job::Download { guid } => {
                // Which context it is of is not told.
                let contexts: Vec<String> = shared.book().contexts.keys().cloned().collect();
                let root = connection.root();
                post(&root, "Browser.cancelDownload", json!({"guid": guid})).await;
                for context in contexts.iter().filter(|id| id.as_str() != DEFAULT_CONTEXT) {
                    let params = json!({"guid": guid, "browserContextId": context});
                    post(&root, "Browser.cancelDownload", params).await;
                }
            }
            Job::Settle => {
                let unclaimed = {
                    let mut book = shared.book();
                    if book.creating > 0 {
                        HashMap::new()
                    } else {
                        std::mem::take(&mut book.unclaimed)
                    }
                };
                for session in unclaimed.into_values() {
                    foreign(&shared, &connection, session, &mut leaving).await;
                }
            }
        }
    }
}

/// A page: a tab that is being opened, or something else.
async fn page(shared: &Shared, connection: &Connection, session: CdpSession, leaving: &mut JoinSet<()>) {
    let target = session.target().target_id.clone();
    let opener = session.target().opener_id.clone();
    {
        let mut book = shared.book();
        let opened = opener.as_ref().and_then(|opener| book.openers.remove(opener));
        if let Some(awaited) = opened.or_else(|| book.awaited.remove(&target)) {
            // Dropped by whoever waited: the tab is closed below as nobody's.
            if awaited.send(session.clone()).is_ok() {
                return;
            }
        } else if book.creating > 0 && opener.is_none() {
            book.unclaimed.insert(target, session);
            return;
        }
    }
    foreign(shared, connection, session, leaving).await;
}

/// A page that nobody waits for: closed if we or a page of ours opened it, let go if it belongs to others.
async fn foreign(shared: &Shared, connection: &Connection, session: CdpSession, leaving: &mut JoinSet<()>) {
    let target = session.target();
    let ours = {
        let book = shared.book();
        let opener = target
            .opener_id
            .as_ref()
            .is_some_and(|opener| book.ours.contains(opener));
        let context = target
            .browser_context_id
            .as_ref()
            .is_some_and(|id| book.contexts.contains_key(id));
        opener || context || shared.launched || book.ours.contains(&target.target_id)
    };
    let root = connection.root();
    if ours {
        tracing::debug!(url = %target.url, "a page that nobody waits for is closed");
        post(&root, "Target.closeTarget", json!({"targetId": target.target_id})).await;
        post(&session, "Runtime.runIfWaitingForDebugger", json!({})).await;
        while leaving.try_join_next().is_some() {}
        if leaving.len() < LEAVING {
            leaving.spawn(see_closed(root, session));
        }
    } else {
        post(&session, "Runtime.runIfWaitingForDebugger", json!({})).await;
        post(&root, "Target.detachFromTarget", json!({"sessionId": session.id()})).await;
    }
}

/// A frame or worker of a tab, or a worker of a whole context. One of other people's is `leaving`, and holds up none of ours.
async fn below(
    shared: &Shared,
    connection: &Connection,
    session: CdpSession,
    tab: Option<Weak<TabState>>,
    leaving: &mut JoinSet<()>,
) {
    let kind = session.target().kind();
    let of_tab = tab.as_ref().and_then(Weak::upgrade);
    // A shared or service worker that is let go of at once never runs.
    let mut watched = of_tab.is_some();
    let commands = match (&of_tab, kind) {
        (Some(tab), _) => {
            adopt(shared, connection, &session, Arc::downgrade(tab));
            tab.child_attached(&session)
        }
        (None, TargetKind::SharedWorker | TargetKind::ServiceWorker) => {
            let id = session.target().browser_context_id.clone().unwrap_or_default();
            let context = {
                let book = shared.book();
                let fallback = || book.contexts.get(DEFAULT_CONTEXT).filter(|_| shared.launched);
                book.contexts.get(&id).or_else(fallback).and_then(Weak::upgrade)
            };
            watched |= context.is_some() || shared.launched;
            context
                .map(|context| context.commands(session.target()))
                .unwrap_or_default()
        }
        (None, _) => Vec::new(),
    };
    for command in commands {
        session.post(command, POST).await;
    }
    if watched {
        post(&session, "Runtime.runIfWaitingForDebugger", json!({})).await;
    } else {
        while leaving.try_join_next().is_some() {}
        if leaving.len() >= LEAVING {
            leaving.join_next().await;
        }
        leaving.spawn(let_go(connection.root(), session));
    }
}

/// A page that opens goes somewhere at the same moment, and Chromium may forget what it was asked.
async fn see_closed(root: CdpSession, session: CdpSession) {
    const SOON: Duration = Duration::from_millis(500);
    if tokio::time::timeout(SOON, session.closed()).await.is_err() {
        close_page(&root, &session).await;
    }
}

async fn let_go(root: CdpSession, session: CdpSession) {
    let_run(&session).await;
    post(&root, "Target.detachFromTarget", json!({"sessionId": session.id()})).await;
}

/// Has a target of other people's run, and waits until it does: let go of before, it never would.
async fn let_run(session: &CdpSession) {
    const BUDGET: Duration = Duration::from_secs(1);
    let Ok(command) = RawCommand::new("Runtime.runIfWaitingForDebugger", json!({})) else {
        return;
    };
    if let Err(error) = session.send(command, Deadline::after(BUDGET)).await {
        tracing::debug!(%error, "a target does not say that it runs");
    }
}

async fn post(session: &CdpSession, method: &'static str, params: serde_json::Value) {
    match RawCommand::new(method, params) {
        Ok(command) => session.post(command, POST).await,
        Err(error) => tracing::debug!(%error, "a command cannot be written"),
    }
}
