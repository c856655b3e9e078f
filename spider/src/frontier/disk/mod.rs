//! The frontier that a crawl can be killed on.

mod error;
mod file;
mod items;
mod lanes;
mod lock;
mod store;
#[cfg(test)]
mod tests;
mod wal;
mod writer;

use std::fs::DirBuilder;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use self::lanes::{Lanes, Taken};
use self::store::Store;
use self::wal::Wal;
use self::writer::{Answer, Command, Writer};
use super::{Durable, Entry, Frontier, Lease, Order, Outcome, Rank, Resumed, Values};
use crate::BoxError;
use crate::aside::Aside;
use crate::directories::Directories;

pub use self::error::DiskFrontierError;
pub use self::items::ItemLog;

/// Commands that wait for the thread, at most.
const WAITING: usize = 256;

/// A frontier in a directory: a crawl that ends, stops or is killed goes on where it was, with nothing but the directory.
///
/// It is one SQLite database, `frontier.db`, and a lock. A page is kept with its items and its requests, in one transaction,
/// and then neither a `kill -9` nor a crash takes anything of it. It is done when that is on the disk, so that a loss of power
/// does not either; what was not is fetched again. After a kill these are the pages that were fetched, and those that were
/// parsed or on their way into the transaction: each as many as the crawl's concurrency, at most. After a loss of power it is
/// as many again at most, which were kept and not yet on the disk: none of them was counted, and no item of them given out.
///
/// Only some of what waits is in memory: a crawl of a million URLs on 100 hosts takes some 20 MB. That grows with the hosts, not
/// with the URLs: each host for which requests wait takes some 0.8 KB, its place in the schedule included, a hundred thousand
/// hosts some 80 MB.
///
/// ```no_run
/// # use silkroute_spider::{CrawlError, Spider};
/// # async fn example(spider: impl Spider) -> Result<(), CrawlError> {
/// let crawl = spider.crawl().frontier("products.crawl").stop_on_signals().run().await?;
/// # let _ = crawl;
/// # Ok(())
/// # }
/// ```
///
/// The items are in the directory too: see [`ItemLog`]. The directory is the owner's alone: cookies are in it.
#[derive(Debug)]
pub struct DiskFrontier {
    directory: PathBuf,
    commands: mpsc::Sender<Command>,
    lanes: Arc<Mutex<Lanes>>,
    wal: Arc<Wal>,
    syncs: Aside,
}

impl DiskFrontier {
    /// Opens the frontier in a directory, or makes one there. Blocks while it does. The order is that of the crawl that
    /// began there, if one did.
    ///
    /// # Errors
    /// Another crawl works there, what stands there is something else or of another version, or the directory cannot be
    /// written.
    pub fn open(directory: impl AsRef<Path>, order: Order) -> Result<Self, DiskFrontierError> {
        let directory = directory.as_ref().to_owned();
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        let directories = Directories::make(&directory, &builder);
        let directories =
            directories.map_err(|source| DiskFrontierError::io("make the directory", &directory, source))?;
        let store = Store::open(&directory, order)?;
        let lanes = Arc::<Mutex<Lanes>>::default();
        let wal = Arc::new(Wal::open(&directory)?);
        // Its files are made now.
        let synced = directories.sync();
        synced.map_err(|source| DiskFrontierError::io("bring to the disk", &directory, source))?;
        let writer = Writer::new(store, Arc::clone(&wal), Arc::clone(&lanes));
        let (commands, inbox) = mpsc::channel(WAITING);
        // It ends when this is dropped.
        let spawned = std::thread::Builder::new()
            .name("silkroute-frontier".to_owned())
            .spawn(move || writer.run(inbox));
        spawned.map_err(|source| DiskFrontierError::io("start a thread for", &directory, source))?;
        Ok(Self {
            directory,
            commands,
            lanes,
            wal,
            syncs: Aside::default(),
        })
    }

    /// Its directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    async fn ask<T>(&self, command: impl FnOnce(Answer<T>) -> Command) -> Result<T, BoxError> {
        let (answer, answered) = oneshot::channel();
        let sent = self.commands.send(command(answer)).await;
        sent.map_err(|_| DiskFrontierError::closed())?;
        answered.await.map_err(|_| DiskFrontierError::closed())?
    }

    fn take(&self, lane: &str) -> Taken {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).take(lane)
    }
}

#[async_trait]
impl Frontier for DiskFrontier {
    async fn push(&self, entries: Vec<Entry>) -> Result<Vec<Option<Rank>>, BoxError> {
        self.ask(|answer| Command::Push(entries, answer)).await
    }

    async fn lease(&self, lane: &str) -> Result<Option<Lease>, BoxError> {
        loop {
            match self.take(lane) {
                Taken::Lease(lease, fetch) => {
                    if fetch {
                        // Where there is no room to ask, the one who needs them asks.
                        let _ = self.commands.try_send(Command::Fetch(lane.into(), None));
                    }
                    return Ok(Some(lease));
                }
                Taken::Nothing => return Ok(None),
                // Every round reads on, so the last one finds nothing more.
                Taken::Fetch => self.ask(|answer| Command::Fetch(lane.into(), Some(answer))).await?,
            }
        }
    }

    async fn acknowledge(&self, id: u64) -> Result<(), BoxError> {
        let outcome = Outcome {
            lease: id,
            ..Outcome::default()
        };
        self.commit(vec![outcome], Values::new()).await.map(drop)
    }

    async fn release(&self, id: u64, entry: Entry) -> Result<Rank, BoxError> {
        self.ask(|answer| Command::Move(id, entry, false, answer)).await
    }

    async fn seen(&self, key: u128) -> Result<bool, BoxError> {
        self.ask(|answer| Command::See(key, answer)).await
    }

    fn durable(&self) -> Option<&dyn Durable> {
        Some(self)
    }
}

#[async_trait]
impl Durable for DiskFrontier {
    async fn resume(&self, spider: &str) -> Result<Resumed, BoxError> {
        self.ask(|answer| Command::Resume(spider.to_owned(), answer)).await
    }

    async fn push_starts(&self, entries: Vec<Entry>) -> Result<Vec<Option<Rank>>, BoxError> {
        self.ask(|answer| Command::Start(entries, answer)).await
    }

    async fn commit(&self, outcomes: Vec<Outcome>, values: Values) -> Result<Vec<Vec<Option<Rank>>>, BoxError> {
        self.ask(|answer| Command::Commit(outcomes, values, answer)).await
    }

    async fn sync(&self) -> Result<(), BoxError> {
        let wal = Arc::clone(&self.wal);
        Ok(self.syncs.run(move || wal.sync()).await??)
    }

    async fn items(&self, from: u64, count: usize) -> Result<Vec<Vec<u8>>, BoxError> {
        self.ask(|answer| Command::Items(from, count, answer)).await
    }

    async fn update(&self, id: u64, entry: Entry) -> Result<(), BoxError> {
        self.ask(|answer| Command::Move(id, entry, true, answer))
            .await
            .map(drop)
    }

    async fn close(&self) -> Result<(), BoxError> {
        self.ask(Command::Close).await
    }

    fn home(&self) -> String {
        self.directory.display().to_string()
    }
}
