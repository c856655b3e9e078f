//! From one use of a tab to the next: nothing but cookies and cache carries over.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::intercept::{Interceptor, Rules};
use super::navigation::{Navigation, WaitUntil, blank};
use super::options::network;
use super::track::MOST_ORIGINS;
use super::{Tab, TabOptions, TabState, close_page};
use crate::cdp::{CdpSession, RawCommand};
use crate::context::Context;
use crate::setup::Setup;
use crate::{Deadline, Error, Result};

/// Of the time that clearing has, what the tab itself may take.
const SHARE: f64 = 0.8;

/// How long a page of ours may take to say that its process is not busy. It takes a millisecond or two.
const ANSWER: Duration = Duration::from_secs(1);

/// What becomes of local storage as a tab is cleared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LocalStorage {
    /// It goes with all else.
    #[default]
    Goes,
    /// It stays in the context, as cookies do.
    Stays,
}

/// What options amount to, in commands.
pub(super) struct Telling {
    pub(super) commands: Vec<RawCommand>,
    pub(super) scripts: Vec<RawCommand>,
}

pub(super) fn init_script(source: &str) -> Result<RawCommand> {
    RawCommand::new("Page.addScriptToEvaluateOnNewDocument", json!({"source": source}))
}

impl Tab {
    /// Makes it as good as new: no document, no history, nothing of what its options told it, and nothing in the storage of
    /// `origins`: those of its own that no other tab is at. What frames stored at the other ones is cleared with the last such
    /// tab. `None`: what sites stored stays; local storage stays where `local_storage` says so, too. What
    /// [`TabOptions::setup`] did stays.
    ///
    /// # Errors
    /// Those of commands, and [`Error::Invalid`] when something is left that only a new tab is rid of. After an error the
    /// tab must not be used again; the storage was cleared all the same, where the browser still did.
    pub async fn clear(
        &self,
        origins: Option<&BTreeSet<String>>,
        local_storage: LocalStorage,
        deadline: Deadline,
    ) -> Result<()> {
        self.clear_where(|| origins.cloned(), local_storage, deadline).await
    }

    /// [`clear`](Self::clear), where `origins` is asked when all else is done: by then other tabs may be there.
    pub(crate) async fn clear_where(
        &self,
        origins: impl FnOnce() -> Option<BTreeSet<String>>,
        local_storage: LocalStorage,
        deadline: Deadline,
    ) -> Result<()> {
        self.state.leave(origins, &self.context, local_storage, deadline).await
    }

    /// Closes it, and has the tab that opened it, which stays, clear what [`clear_where`](Self::clear_where) would of what sites
    /// stored.
    ///
    /// # Errors
    /// As [`clear`](Self::clear), and where the other tab does not answer: what kept this one's page busy as it left keeps all of
    /// its process busy. After an error the other one must not be used again either.
    pub(crate) async fn close_beside(
        &self,
        other: &Self,
        origins: impl FnOnce() -> Option<BTreeSet<String>>,
        local_storage: LocalStorage,
        deadline: Deadline,
    ) -> Result<()> {
        let state = &self.state;
        let first = deadline.capped(deadline.remaining().mul_f64(SHARE));
        let mut embedded = BTreeSet::new();
        let noted = state.embedded.leave(&state.session, &mut embedded, first).await;
        let closing = close_page(&state.root, &state.session);
        let closed = first.run("closing a tab", closing).await;
        let stored = Stored {
            visited: self.origins(),
            embedded,
            context: &self.context,
            local: local_storage,
        };
        // Closing and clearing are the browser's doing, and say nothing of the process.
        let answer = RawCommand::new("Runtime.evaluate", json!({"expression": "1"}))?;
        let (cleared, answered) = tokio::join!(
            stored.clear(origins, Vec::new(), &other.state.session, deadline),
            other.state.session.send(answer, deadline.capped(ANSWER)),
        );
        noted.and(closed).and(cleared).and(answered.map(drop))
    }

    /// Tells a tab that was [cleared](Self::clear) new options.
    ///
    /// # Errors
    /// Those of commands, and [`Error::Invalid`] for options that cannot be, another [`TabOptions::setup`] among them.
    pub async fn tell(&self, options: TabOptions, deadline: Deadline) -> Result<()> {
        options.check()?;
        if !self.has_setup(&options.setup) {
            return Err(Error::invalid("the tab", "it was set up for something else"));
        }
        self.state.tell(options, deadline).await
    }

    /// As if it had been told [`TabOptions::bypass_cache`].
    ///
    /// # Errors
    /// Those of commands.
    pub async fn bypass_cache(&self, deadline: Deadline) -> Result<()> {
        {
            let mut told = self.state.told();
            if told.options.bypass_cache {
                return Ok(());
            }
            let options = TabOptions {
                bypass_cache: true,
                ..TabOptions::clone(&told.options)
            };
            told.options = Arc::new(options);
        }
        let command = RawCommand::new("Network.setCacheDisabled", json!({"cacheDisabled": true}))?;
        self.state.session.send(command, deadline).await.map(drop)
    }

    /// Whether this is what it was set up with.
    pub(crate) fn has_setup(&self, setup: &Setup) -> bool {
        match (&self.state.told().options.setup, setup) {
            (None, None) => true,
            (Some(old), Some(new)) => Arc::ptr_eq(old, new),
            _ => false,
        }
    }

    /// The origins that its pages and frames were of since it was last reset, and those that it was told to go to.
    pub fn origins(&self) -> BTreeSet<String> {
        self.state.tracker.track().origins.clone()
    }

    /// Those of them that its pages went on from.
    pub(crate) fn left(&self) -> BTreeSet<String> {
        self.state.tracker.track().left.clone()
    }
}

impl TabState {
    async fn leave(
        &self,
        origins: impl FnOnce() -> Option<BTreeSet<String>>,
        context: &Context,
        local: LocalStorage,
        deadline: Deadline,
    ) -> Result<()> {
        let mut stored = Stored {
            visited: self.tracker.track().origins.clone(),
            embedded: BTreeSet::new(),
            context,
            local,
        };
        // Whatever becomes of the tab, the storage is not its own: there is time left for it.
        let first = deadline.capped(deadline.remaining().mul_f64(SHARE));
        let tidied = self.tidy(&mut stored.embedded, first).await;
        let history = RawCommand::new("Page.resetNavigationHistory", json!({}))?;
        let cleared = stored.clear(origins, vec![history], &self.session, deadline).await;
        tidied.and(cleared)?;
        self.tracker.forget_use();
        Ok(())
    }

    /// All that is of the tab alone, and what keys its frames stored under. Session storage that cannot be emptied is told
    /// once the page has gone.
    async fn tidy(&self, embedded: &mut BTreeSet<String>, deadline: Deadline) -> Result<()> {
        let (options, scripts, intercepted) = {
            let mut told = self.told();
            told.dialogs.clear();
            let intercepted = !told.interceptors.is_empty();
            told.interceptors.clear();
            // Frames that attach from now on are told no more than the set-up.
            let left = TabOptions {
                setup: told.options.setup.clone(),
                ..TabOptions::default()
            };
            let options = std::mem::replace(&mut told.options, Arc::new(left));
            (options, std::mem::take(&mut told.scripts), intercepted)
        };
        let emptied = self.empty_session_storage(embedded, deadline).await;
        let mut commands = Vec::new();
        if intercepted {
            commands.push(RawCommand::new("Fetch.disable", json!({}))?);
        }
        for identifier in scripts {
            let params = json!({"identifier": identifier});
            commands.push(RawCommand::new("Page.removeScriptToEvaluateOnNewDocument", params)?);
        }
        commands.extend(options.undo()?);
        if !commands.is_empty() {
            self.session.send_all(&commands, deadline).await?;
        }
        if !options.blocked_sockets().is_empty() {
            self.let_sockets_go(deadline).await?;
        }
        self.capture.set(None);
        *self.wish() = None;
        self.tracker.begin();
        let began = Instant::now();
        let empty = Navigation {
            wait_until: WaitUntil::Commit,
            ..Navigation::to(blank())
        };
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Navigated {
            loader_id: Option<String>,
        }
        let navigate = RawCommand::new("Page.navigate", json!({"url": "about:blank"}))?;
        let navigated: Navigated = self.session.send_as(navigate, deadline).await?;
        self.arrive(navigated.loader_id.as_deref(), &empty, began, deadline)
            .await?;
        // The name of a window outlives its documents, and the list of those visited counts them.
        self.evaluate("window.name = ''", deadline).await?;
        emptied
    }

    async fn empty_session_storage(&self, embedded: &mut BTreeSet<String>, deadline: Deadline) -> Result<()> {
        let (areas, seen) = {
            let track = self.tracker.track();
            (track.session_storage.clone(), track.origins.len())
        };
        let below = self.embedded.leave(&self.session, embedded, deadline).await;
        if areas.len() >= MOST_ORIGINS || seen >= MOST_ORIGINS {
            let message = "it was at too many sites: only a new one is rid of what they stored";
            return Err(Error::invalid("the tab", message));
        }
        let clear = |area| RawCommand::new("DOMStorage.clear", json!({"storageId": area}));
        let commands = areas.into_iter().map(clear).collect::<Result<Vec<_>>>()?;
        if !commands.is_empty() {
            self.session.send_all(&commands, deadline).await?;
        }
        below
    }

    async fn tell(&self, options: TabOptions, deadline: Deadline) -> Result<()> {
        let (told, fetch) = self.adopt_options(options)?;
        let scripts = told.scripts.len();
        let mut commands = told.scripts;
        commands.extend(told.commands);
        commands.extend(fetch);
        if !commands.is_empty() {
            let answers = self.session.send_all(&commands, deadline).await?;
            self.note_scripts(&answers[..scripts]);
        }
        self.tell_network(deadline).await
    }

    /// Notes options as those that hold from now on, and says what the page is to be told.
    pub(super) fn adopt_options(&self, options: TabOptions) -> Result<(Telling, Option<RawCommand>)> {
        let mut commands = options.commands(self.session.target())?;
        let scripts = options
            .init_scripts
            .iter()
            .map(|script| init_script(script))
            .collect::<Result<_>>()?;
        self.capture.set(options.capture.clone());
        let rules = Arc::new(Rules {
            blocking: options.blocking.clone(),
            credentials: options.proxy_credentials.clone(),
            asked: options.answers_auth(),
            main_frame: self.target.clone(),
            ..Rules::default()
        });
        let fetch = if options.intercepts() {
            Some(rules.enable()?)
        } else {
            None
        };
        let mut told = self.told();
        if told.body_limit != options.body_limit {
            commands.push(network(options.body_limit)?);
            told.body_limit = options.body_limit;
        }
        told.interceptors.clear();
        if fetch.is_some() {
            told.interceptors
                .push(Interceptor::start(&self.session, Arc::clone(&rules)));
        }
        told.rules = rules;
        told.options = Arc::new(options);
        Ok((Telling { commands, scripts }, fetch))
    }

    pub(super) fn note_scripts(&self, answers: &[Box<RawValue>]) {
        #[derive(Deserialize)]
        struct Added {
            identifier: String,
        }
        let added = answers
            .iter()
            .filter_map(|answer| serde_json::from_str::<Added>(answer.get()).ok());
        self.told().scripts = added.map(|added| added.identifier).collect();
    }
}

/// Where a tab may have stored something.
struct Stored<'c> {
    visited: BTreeSet<String>,
    /// What its frames stored under.
    embedded: BTreeSet<String>,
    context: &'c Context,
    local: LocalStorage,
}

impl Stored<'_> {
    /// Clears what is at `origins`, after these commands. `None`: what was stored stays.
    async fn clear(
        self,
        origins: impl FnOnce() -> Option<BTreeSet<String>>,
        mut commands: Vec<RawCommand>,
        session: &CdpSession,
        deadline: Deadline,
    ) -> Result<()> {
        let (left, mut due) = (self.context.left(), BTreeSet::new());
        let cleared = self.context.clearing().begin(origins);
        if let Some(cleared) = &cleared {
            let origins = &*cleared.origins;
            // Where another tab is at the same sites, its frames may be, too.
            let shared = self.visited.difference(origins).cloned().collect();
            due = left.pass(shared, self.embedded, origins);
            commands.extend(clear_storage(origins, &due, self.local)?);
        }
        let answers = session.send_all(&commands, deadline).await;
        if answers.is_err() {
            left.again(due);
        }
        answers.map(drop)
    }
}

fn clear_storage(
    origins: &BTreeSet<String>,
    embedded: &BTreeSet<String>,
    local: LocalStorage,
) -> Result<Vec<RawCommand>> {
    let kinds = "indexeddb,cache_storage,service_workers,file_systems,shared_storage,websql";
    let all = format!("local_storage,{kinds}");
    let own = match local {
        LocalStorage::Goes => &*all,
        LocalStorage::Stays => kinds,
    };
    let mut commands = Vec::with_capacity(origins.len() + embedded.len());
    for origin in origins {
        let params = json!({"origin": origin, "storageTypes": own});
        commands.push(RawCommand::new("Storage.clearDataForOrigin", params)?);
    }
    for key in embedded {
        let kinds = if key.contains('^') { &*all } else { own };
        let params = json!({"storageKey": key, "storageTypes": kinds});
        commands.push(RawCommand::new("Storage.clearDataForStorageKey", params)?);
    }
    Ok(commands)
}
