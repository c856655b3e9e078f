//! The thread that owns the database.
//!
//! It takes all commands that wait, does them in one transaction, commits, and tells those who wait for that. A commit is
//! written then, and a process that is killed leaves it; that it is on the disk, [`Wal`] says. Where nobody waits, as with
//! requests that are pushed, the transaction stays open for the next.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::DiskFrontierError;
use super::lanes::{Lanes, Place};
use super::store::Store;
use super::wal::Wal;
use crate::BoxError;
use crate::frontier::{Entry, Outcome, Rank, Resumed, Values};

/// Commands that are taken before who waits is told, at most.
const GROUP: usize = 512;
/// Commands that stand in a transaction nobody waits for, at most.
const OPEN: usize = 64;
/// Keys that were asked for lately, twice: a page's links are mostly those of the page before.
const RECENT: usize = 1 << 15;
/// The value that holds the spider's name.
const SPIDER: &str = "spider";

pub(super) type Answer<T> = oneshot::Sender<Result<T, BoxError>>;
type Ranks = Vec<Option<Rank>>;

/// What the thread is asked for. All but `Commit` and `Close` are answered before they are written: what is committed after
/// them is written after them.
pub(super) enum Command {
    Resume(String, Answer<Resumed>),
    Push(Vec<Entry>, Answer<Ranks>),
    Start(Vec<Entry>, Answer<Ranks>),
    See(u128, Answer<bool>),
    Fetch(Arc<str>, Option<Answer<()>>),
    /// Back into its lane, or, with `true`, still leased.
    Move(u64, Entry, bool, Answer<Rank>),
    Commit(Vec<Outcome>, Values, Answer<Vec<Ranks>>),
    Items(u64, usize, Answer<Vec<Vec<u8>>>),
    Close(Answer<()>),
}

pub(super) struct Writer {
    store: Store,
    wal: Arc<Wal>,
    lanes: Arc<Mutex<Lanes>>,
    recent: Recent,
    /// Marked as seen, and not kept yet.
    claims: HashSet<u128>,
    /// How many commands stand in the transaction that is open.
    open: usize,
}

/// What waits for the transaction to be written.
enum Waiting {
    Commit(Answer<Vec<Ranks>>, Vec<Ranks>),
    Close(Answer<()>),
}

impl Writer {
    pub(super) fn new(store: Store, wal: Arc<Wal>, lanes: Arc<Mutex<Lanes>>) -> Self {
        Self {
            store,
            wal,
            lanes,
            recent: Recent::default(),
            claims: HashSet::new(),
            open: 0,
        }
    }

    /// Serves until it is closed, or nobody is left who could ask.
    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        while let Some(first) = commands.blocking_recv() {
            let mut waiting = Vec::new();
            let mut done = self.group(first, &mut commands, &mut waiting);
            if done.is_ok() {
                if let Some(closing) = Waiting::tell(std::mem::take(&mut waiting)) {
                    // Its files are closed when it is told so.
                    drop(self);
                    let _ = closing.send(Ok(()));
                    return;
                }
                // What was committed is, whatever becomes of this.
                done = self.shorten_log();
            }
            if let Err(error) = done {
                tracing::error!(%error, "the frontier fails");
                if let DiskFrontierError::Sync { reason, .. } = &error {
                    self.wal.fail(reason);
                }
                let reason = error.to_string();
                for waiting in waiting {
                    waiting.refuse(&reason);
                }
                return self.refuse(commands, &reason);
            }
        }
        if let Err(error) = self.wal.check().and_then(|()| self.commit()) {
            tracing::error!(%error, "the frontier was dropped, and its last requests could not be kept");
            self.store.leave_log();
        }
    }

    fn group(
        &mut self,
        first: Command,
        commands: &mut mpsc::Receiver<Command>,
        waiting: &mut Vec<Waiting>,
    ) -> Result<(), DiskFrontierError> {
        let others = std::iter::from_fn(|| commands.try_recv().ok()).take(GROUP);
        for command in std::iter::once(first).chain(others) {
            if self.open == 0 {
                self.store.begin()?;
            }
            self.open += 1;
            self.obey(command, waiting)?;
        }
        if !waiting.is_empty() || self.open >= OPEN {
            self.commit()?;
        }
        if waiting.iter().any(|waiting| matches!(waiting, Waiting::Close(_))) {
            self.wal.sync()?;
            self.wal.close();
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), DiskFrontierError> {
        if self.open > 0 {
            // What was not taken is not built upon.
            self.wal.check()?;
            self.store.commit()?;
            self.open = 0;
        }
        Ok(())
    }

    fn shorten_log(&self) -> Result<(), DiskFrontierError> {
        // Not within a transaction.
        if self.open > 0 {
            Ok(())
        } else {
            self.store.shorten_log()
        }
    }

    /// After a failure this process writes nothing more: what was committed stays as it is.
    fn refuse(self, mut commands: mpsc::Receiver<Command>, reason: &str) {
        self.store.leave_log();
        // A transaction that is open is taken back with the connection.
        drop(self);
        while let Some(command) = commands.blocking_recv() {
            command.refuse(reason);
        }
    }

    fn obey(&mut self, command: Command, waiting: &mut Vec<Waiting>) -> Result<(), DiskFrontierError> {
        match command {
            Command::Resume(spider, answer) => {
                let resumed = self.resume(&spider);
                let _ = answer.send(resumed.map_err(Into::into));
            }
            Command::Push(entries, answer) => {
                let ranks = tried(answer, |this: &mut Self| this.push(&entries), self)?;
                ranks.finish();
            }
            Command::Start(entries, answer) => {
                let ranks = tried(answer, |this: &mut Self| this.start(entries), self)?;
                ranks.finish();
            }
            Command::Items(from, count, answer) => {
                let items = tried(answer, |this: &mut Self| this.store.items(from, count), self)?;
                items.finish();
            }
            Command::See(key, answer) => {
                let seen = tried(answer, |this: &mut Self| this.see(key), self)?;
                seen.finish();
            }
            Command::Fetch(lane, None) => self.fetch(&lane)?,
            Command::Fetch(lane, Some(answer)) => {
                let fetched = tried(answer, |this: &mut Self| this.fetch(&lane), self)?;
                fetched.finish();
            }
            Command::Move(id, entry, leased, answer) => {
                let rank = tried(answer, |this: &mut Self| this.shift(id, &entry, leased), self)?;
                rank.finish();
            }
            Command::Commit(outcomes, values, answer) => {
                let kept = tried(answer, |this: &mut Self| this.keep(&outcomes, &values), self)?;
                waiting.push(Waiting::Commit(kept.answer, kept.value));
            }
            Command::Close(answer) => waiting.push(Waiting::Close(answer)),
        }
        Ok(())
    }

    fn resume(&mut self, spider: &str) -> Result<Resumed, DiskFrontierError> {
        match self.store.value(SPIDER)? {
            None => self.store.set_value(SPIDER, spider.as_bytes())?,
            Some(found) if found == spider.as_bytes() => {}
            Some(found) => {
                return Err(DiskFrontierError::Spider {
                    directory: self.store.directory().to_owned(),
                    found: String::from_utf8_lossy(&found).into_owned(),
                    given: spider.to_owned(),
                });
            }
        }
        self.store.begin_starts()?;
        let lanes = self.store.lanes()?;
        let mut memory = self.lanes();
        for (lane, _) in &lanes {
            memory.restore(Arc::clone(lane));
        }
        drop(memory);
        let counts = self.store.counts();
        Ok(Resumed {
            lanes,
            pending: counts.pending,
            pages: counts.pages,
            items: counts.items,
            values: self.store.values()?,
        })
    }

    fn push(&mut self, entries: &[Entry]) -> Result<Ranks, DiskFrontierError> {
        let mut ranks = Vec::with_capacity(entries.len());
        for entry in entries {
            let known = self.recent.contains(entry.key) || self.claims.contains(&entry.key);
            let new = !known && self.store.see(entry.key)?;
            self.recent.insert(entry.key);
            if !new && !entry.again {
                ranks.push(None);
                continue;
            }
            let rank = self.store.queue(&entry.lane, entry.priority, &entry.record)?;
            self.lanes().offer(&entry.lane, rank, &entry.record);
            ranks.push(Some(rank));
        }
        Ok(ranks)
    }

    fn start(&mut self, mut entries: Vec<Entry>) -> Result<Ranks, DiskFrontierError> {
        for entry in &mut entries {
            entry.again = entry.again && self.store.give_start(entry.key)?;
        }
        self.push(&entries)
    }

    fn see(&mut self, key: u128) -> Result<bool, DiskFrontierError> {
        if self.recent.contains(key) || self.store.has_seen(key)? {
            return Ok(true);
        }
        Ok(!self.claims.insert(key))
    }

    fn fetch(&mut self, lane: &str) -> Result<(), DiskFrontierError> {
        let wanted = self.lanes().wanted(lane);
        if let Some((behind, count)) = wanted {
            let rows = self.store.behind(lane, behind, count)?;
            let more = rows.len() == count;
            self.lanes().fill(lane, rows, more);
        }
        Ok(())
    }

    fn shift(&mut self, id: u64, entry: &Entry, leased: bool) -> Result<Rank, DiskFrontierError> {
        let from = self.lanes().leased(id).cloned();
        if let Some(from) = &from {
            self.store.unqueue(&from.lane, from.rank)?;
        }
        let rank = self.store.queue(&entry.lane, entry.priority, &entry.record)?;
        let mut lanes = self.lanes();
        if leased {
            let lane = Arc::clone(&entry.lane);
            lanes.moved(id, Place { lane, rank });
        } else {
            lanes.end(id);
            lanes.offer(&entry.lane, rank, &entry.record);
        }
        Ok(rank)
    }

    fn keep(&mut self, outcomes: &[Outcome], values: &Values) -> Result<Vec<Ranks>, DiskFrontierError> {
        let mut all = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            for key in &outcome.seen {
                self.claims.remove(key);
                self.store.see(*key)?;
            }
            all.push(self.push(&outcome.requests)?);
            for item in &outcome.items {
                self.store.add_item(item)?;
            }
            if outcome.page {
                self.store.add_page();
            }
            let place = self.lanes().leased(outcome.lease).cloned();
            if let Some(place) = place {
                self.store.unqueue(&place.lane, place.rank)?;
                self.lanes().end(outcome.lease);
            }
        }
        for (name, data) in values {
            self.store.set_value(name, data)?;
        }
        Ok(all)
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that is known.
struct Known<T> {
    answer: Answer<T>,
    value: T,
}

impl<T> Known<T> {
    fn finish(self) {
        // Who asked may have gone.
        let _ = self.answer.send(Ok(self.value));
    }
}

/// Does what was asked; if that fails, says so to who asked as well.
fn tried<W, T>(
    answer: Answer<T>,
    work: impl FnOnce(&mut W) -> Result<T, DiskFrontierError>,
    writer: &mut W,
) -> Result<Known<T>, DiskFrontierError> {
    match work(writer) {
        Ok(value) => Ok(Known { answer, value }),
        Err(error) => {
            let reason = error.to_string();
            let _ = answer.send(Err(reason.into()));
            Err(error)
        }
    }
}

impl Waiting {
    /// Tells those who waited; gives back who wants it closed.
    fn tell(all: Vec<Self>) -> Option<Answer<()>> {
        let mut closing = None;
        for waiting in all {
            match waiting {
                Self::Commit(answer, ranks) => drop(answer.send(Ok(ranks))),
                Self::Close(answer) => closing = Some(answer),
            }
        }
        closing
    }

    fn refuse(self, reason: &str) {
        let reason = reason.to_owned().into();
        match self {
            Self::Commit(answer, _) => drop(answer.send(Err(reason))),
            Self::Close(answer) => drop(answer.send(Err(reason))),
        }
    }
}

impl Command {
    fn refuse(self, reason: &str) {
        let reason: BoxError = DiskFrontierError::Closed(reason.to_owned()).into();
        match self {
            Self::Resume(_, answer) => drop(answer.send(Err(reason))),
            Self::Push(_, answer) | Self::Start(_, answer) => drop(answer.send(Err(reason))),
            Self::See(_, answer) => drop(answer.send(Err(reason))),
            Self::Fetch(_, answer) => drop(answer.map(|answer| answer.send(Err(reason)))),
            Self::Move(_, _, _, answer) => drop(answer.send(Err(reason))),
            Self::Commit(_, _, answer) => drop(answer.send(Err(reason))),
            Self::Items(_, _, answer) => drop(answer.send(Err(reason))),
            // It is as closed as it can be.
            Self::Close(answer) => drop(answer.send(Ok(()))),
        }
    }
}

/// The keys of late, in two generations: when the young are many, the old are forgotten.
#[derive(Default)]
struct Recent {
    young: HashSet<u128>,
    old: HashSet<u128>,
}

impl Recent {
    fn contains(&self, key: u128) -> bool {
        self.young.contains(&key) || self.old.contains(&key)
    }

    fn insert(&mut self, key: u128) {
        if self.young.len() >= RECENT {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key);
    }
}
