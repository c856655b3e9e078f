//! What all connections of a site share.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::ChallengeAttempt;
use super::journal::Journal;
use super::tasks::Tasks;

pub(crate) struct State {
    pub(crate) journal: Arc<Journal>,
    pub(crate) tasks: Tasks,
    pub(crate) addresses: Addresses,
    /// Whether requests are recorded, and connections tapped for it.
    pub(crate) record: bool,
    pub(crate) robots_txt: Option<String>,
    /// A folder whose files are served below `/files`.
    pub(crate) files: Option<PathBuf>,
    memory: Mutex<Memory>,
}

/// Where the site listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    pub(crate) mtls: SocketAddr,
}

#[derive(Default)]
struct Memory {
    counters: HashMap<String, u64>,
    logins: HashSet<String>,
    /// Handed out by a challenge that was passed, and not yet exchanged; with its kind.
    tokens: HashMap<String, String>,
    /// Clearances.
    clearances: HashMap<String, Clearance>,
    challenges: Vec<ChallengeAttempt>,
    prepared: HashMap<String, Bytes>,
}

/// What somebody who passed a challenge has.
struct Clearance {
    /// The only user agent that it is good for.
    user_agent: String,
    /// The kind of the challenge.
    kind: String,
}

impl State {
    pub(crate) fn new(
        journal: Arc<Journal>,
        tasks: Tasks,
        addresses: Addresses,
        record: bool,
        robots_txt: Option<String>,
        files: Option<PathBuf>,
    ) -> Self {
        Self {
            journal,
            tasks,
            addresses,
            record,
            robots_txt,
            files,
            memory: Mutex::default(),
        }
    }

    /// Counts one more under a key: 1 the first time.
    pub(crate) fn count(&self, key: String) -> u64 {
        let mut memory = self.memory();
        let counter = memory.counters.entry(key).or_default();
        *counter += 1;
        *counter
    }

    /// A new login; gives its token.
    pub(crate) fn log_in(&self) -> String {
        let token = format!("demo-session-{}", self.count("\0login".to_owned()));
        self.memory().logins.insert(token.clone());
        token
    }

    pub(crate) fn is_logged_in(&self, token: &str) -> bool {
        self.memory().logins.contains(token)
    }

    pub(crate) fn log_out(&self, token: &str) {
        self.memory().logins.remove(token);
    }

    pub(crate) fn note_challenge(&self, attempt: ChallengeAttempt) {
        self.memory().challenges.push(attempt);
    }

    pub(crate) fn challenges(&self) -> Vec<ChallengeAttempt> {
        self.memory().challenges.clone()
    }

    /// A new token of a challenge of this kind that was passed.
    pub(crate) fn issue_token(&self, kind: &str) -> String {
        let token = format!("passed-{}", self.count("\0token".to_owned()));
        self.memory().tokens.insert(token.clone(), kind.to_owned());
        token
    }

    /// The kind of the challenge that the token is of, if it is good. It is good once.
    pub(crate) fn spend_token(&self, token: &str) -> Option<String> {
        self.memory().tokens.remove(token)
    }

    /// A clearance for this user agent in exchange for a token.
    pub(crate) fn clear(&self, token: &str, user_agent: &str) -> Option<String> {
        let kind = self.spend_token(token)?;
        let clearance = format!("clearance-{}", self.count("\0clearance".to_owned()));
        let user_agent = user_agent.to_owned();
        self.memory()
            .clearances
            .insert(clearance.clone(), Clearance { user_agent, kind });
        Some(clearance)
    }

    /// The kind of the challenge that this clearance is of, if it is good for this user agent.
    pub(crate) fn cleared_by(&self, clearance: &str, user_agent: &str) -> Option<String> {
        let memory = self.memory();
        let known = memory.clearances.get(clearance)?;
        (known.user_agent == user_agent).then(|| known.kind.clone())
    }

    pub(crate) fn prepared(&self, key: &str) -> Option<Bytes> {
        self.memory().prepared.get(key).cloned()
    }

    /// Keeps a body that costs something to make.
    pub(crate) fn prepare(&self, key: String, body: Bytes) {
        self.memory().prepared.insert(key, body);
    }

    /// Forgets counters, logins and challenges; prepared bodies stay.
    pub(crate) fn forget(&self) {
        let mut memory = self.memory();
        let prepared = std::mem::take(&mut memory.prepared);
        *memory = Memory {
            prepared,
            ..Memory::default()
        };
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
