//! The database: its tables, and what is done with them.
//!
//! Every request stands in `queue` from when it is found until its outcome is kept, leased or not: so a lease is not
//! written at all, and a crawl that was killed finds in the queue just what it has to do.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};

use super::DiskFrontierError;
use super::file::{APPLICATION, FILE, FORMAT, connect, make, refused};
use super::lock::Lock;
use crate::frontier::{Order, Rank, Values};

/// Pages of the database that stay in memory, in KiB.
const CACHE: u32 = 8 * 1024;
/// Pages that the write-ahead log gathers before they go to their places, of 4 KiB each. The keys of what was seen are
/// spread over all of their table; the more of them go at once, the fewer pages are written.
const GATHERED: i64 = 8 * 1024;

const TABLES: &str = "
    CREATE TABLE queue (
        lane TEXT NOT NULL, urgency INTEGER NOT NULL, turn INTEGER NOT NULL, record BLOB NOT NULL,
        PRIMARY KEY (lane, urgency, turn)
    ) WITHOUT ROWID;
    CREATE TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE start (key BLOB PRIMARY KEY, kept INTEGER NOT NULL, given INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE item (number INTEGER PRIMARY KEY, json TEXT NOT NULL);
    CREATE TABLE value (name TEXT PRIMARY KEY, data BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE counts (
        only INTEGER PRIMARY KEY CHECK (only = 0),
        next INTEGER NOT NULL, pending INTEGER NOT NULL, pages INTEGER NOT NULL, items INTEGER NOT NULL
    );
    INSERT INTO counts VALUES (0, 0, 0, 0, 0);
";

#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
    directory: PathBuf,
    counts: Counts,
    kept: Counts,
    order: Order,
    // After the connection: closed last.
    _lock: Lock,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// The number of the next request.
    next: u64,
    pub(super) pending: u64,
    pub(super) pages: u64,
    pub(super) items: u64,
}

impl Store {
    /// Opens the frontier in a directory that is there, or makes one in it.
    pub(super) fn open(directory: &Path, order: Order) -> Result<Self, DiskFrontierError> {
        let lock = Lock::take(directory)?;
        let file = directory.join(FILE);
        make(&file).map_err(|source| DiskFrontierError::io("open", &file, source))?;
        let connection = connect(directory, &file, false)?;
        let settled = format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA checkpoint_fullfsync = ON; \
             PRAGMA cache_size = -{CACHE}; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864;"
        );
        let settled = connection.execute_batch(&settled);
        settled.map_err(|error| refused(directory, "open the database", &error))?;
        let mut store = Self {
            connection,
            directory: directory.to_owned(),
            counts: Counts::default(),
            kept: Counts::default(),
            order,
            _lock: lock,
        };
        if store.is_new()? {
            store.make_tables()?;
        }
        store.read_counts()?;
        store.settle_order()?;
        Ok(store)
    }

    /// Copies the log into the database when it has grown long, as far as nobody reads what stands in it. SQLite would do that
    /// by itself within a commit, and say nothing of one that failed: the log would grow, and each commit would try again.
    pub(super) fn shorten_log(&self) -> Result<(), DiskFrontierError> {
        let log = self
            .prepare("measure the log", "PRAGMA wal_checkpoint(NOOP)")?
            .query_row([], |row| row.get::<_, i64>(1));
        if self.ok("measure the log", log)? < GATHERED {
            return Ok(());
        }
        // Another that does it just now is told in its row, and no error.
        let copied = self
            .prepare("copy the log into the database", "PRAGMA wal_checkpoint(PASSIVE)")?
            .query_row([], |_| Ok(()));
        self.ok("copy the log into the database", copied)
    }

    /// Closes it so that the log stays as it is: SQLite would copy it into the database.
    pub(super) fn leave_log(&self) {
        let left = self
            .connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        if let Err(error) = left {
            let directory = self.directory.display();
            tracing::warn!(%directory, %error, "the log is copied into the database after all");
        }
    }

    fn is_new(&self) -> Result<bool, DiskFrontierError> {
        let tables = self
            .connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
        Ok(self.ok("read the database", tables)? == 0)
    }

    fn make_tables(&self) -> Result<(), DiskFrontierError> {
        let all =
            format!("BEGIN; {TABLES} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {FORMAT}; COMMIT;");
        self.ok("make the tables", self.connection.execute_batch(&all))
    }

    fn read_counts(&mut self) -> Result<(), DiskFrontierError> {
        let counts = self
            .connection
            .query_row("SELECT next, pending, pages, items FROM counts", [], |row| {
                Ok(Counts {
                    next: row.get(0)?,
                    pending: row.get(1)?,
                    pages: row.get(2)?,
                    items: row.get(3)?,
                })
            });
        self.counts = self.ok("read the counts", counts)?;
        self.kept = self.counts;
        Ok(())
    }

    /// The order is the one that the crawl began in.
    fn settle_order(&mut self) -> Result<(), DiskFrontierError> {
        let name = match self.order {
            Order::BreadthFirst => "breadth first",
            Order::DepthFirst => "depth first",
        };
        match self.value("order")? {
            None => {
                self.begin()?;
                self.set_value("order", name.as_bytes())?;
                self.commit()
            }
            Some(kept) => {
                if kept != name.as_bytes() {
                    tracing::warn!(directory = %self.directory.display(), "the crawl goes on in the order that it began in");
                }
                self.order = if kept == b"depth first" {
                    Order::DepthFirst
                } else {
                    Order::BreadthFirst
                };
                Ok(())
            }
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn counts(&self) -> Counts {
        self.counts
    }

    pub(super) fn begin(&self) -> Result<(), DiskFrontierError> {
        self.run("begin a transaction", "BEGIN")
    }

    /// Comes back when what was done since `begin` is written; on the disk it is after a sync of the log.
    pub(super) fn commit(&mut self) -> Result<(), DiskFrontierError> {
        if self.counts != self.kept {
            let Counts {
                next,
                pending,
                pages,
                items,
            } = self.counts;
            let sql = "UPDATE counts SET next = ?1, pending = ?2, pages = ?3, items = ?4";
            let done = self
                .prepare("count", sql)?
                .execute(params![next, pending, pages, items]);
            self.ok("count", done)?;
        }
        self.run("write", "COMMIT")?;
        self.kept = self.counts;
        Ok(())
    }

    /// Marks a key as seen; says whether it is new.
    pub(super) fn see(&self, key: u128) -> Result<bool, DiskFrontierError> {
        let sql = "INSERT OR IGNORE INTO seen VALUES (?1)";
        let done = self
            .prepare("mark a request as seen", sql)?
            .execute([key.to_be_bytes()]);
        Ok(self.ok("mark a request as seen", done)? == 1)
    }

    /// Begins to count what is given of the start requests.
    pub(super) fn begin_starts(&self) -> Result<(), DiskFrontierError> {
        self.run("count the start requests", "UPDATE start SET given = 0 WHERE given > 0")
    }

    /// A start request that goes in again was given; says whether more of its key were given in this run than are kept.
    pub(super) fn give_start(&self, key: u128) -> Result<bool, DiskFrontierError> {
        let sql = "SELECT kept, given FROM start WHERE key = ?1";
        let key = key.to_be_bytes();
        let found = self
            .prepare("count a start request", sql)?
            .query_row([key], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?)));
        let (kept, given) = self.ok("count a start request", found.optional())?.unwrap_or_default();
        let given = given + 1;
        let sql = "INSERT OR REPLACE INTO start VALUES (?1, ?2, ?3)";
        let done = self
            .prepare("count a start request", sql)?
            .execute(params![key, kept.max(given), given]);
        self.ok("count a start request", done)?;
        Ok(given > kept)
    }

    pub(super) fn has_seen(&self, key: u128) -> Result<bool, DiskFrontierError> {
        let sql = "SELECT 1 FROM seen WHERE key = ?1";
        let found = self.prepare("look a request up", sql)?.exists([key.to_be_bytes()]);
        self.ok("look a request up", found)
    }

    /// Puts a request at the end of its lane.
    pub(super) fn queue(&mut self, lane: &str, priority: i32, record: &[u8]) -> Result<Rank, DiskFrontierError> {
        let rank = Rank::new(priority, self.counts.next, self.order);
        let sql = "INSERT INTO queue VALUES (?1, ?2, ?3, ?4)";
        let done = self
            .prepare("queue a request", sql)?
            .execute(params![lane, rank.urgency, rank.turn, record]);
        self.ok("queue a request", done)?;
        self.counts.next += 1;
        self.counts.pending += 1;
        Ok(rank)
    }

    pub(super) fn unqueue(&mut self, lane: &str, rank: Rank) -> Result<(), DiskFrontierError> {
        let sql = "DELETE FROM queue WHERE lane = ?1 AND urgency = ?2 AND turn = ?3";
        let done = self
            .prepare("take a request out", sql)?
            .execute(params![lane, rank.urgency, rank.turn]);
        let gone = self.ok("take a request out", done)?;
        self.counts.pending = self.counts.pending.saturating_sub(gone as u64);
        Ok(())
    }

    /// The first of a lane behind a rank.
    pub(super) fn behind(
        &self,
        lane: &str,
        rank: Option<Rank>,
        count: usize,
    ) -> Result<Vec<(Rank, Vec<u8>)>, DiskFrontierError> {
        let (urgency, turn) = rank.map_or((i64::MIN, i64::MIN), |rank| (rank.urgency, rank.turn));
        let sql = "SELECT urgency, turn, record FROM queue \
                   WHERE lane = ?1 AND (urgency, turn) > (?2, ?3) ORDER BY urgency, turn LIMIT ?4";
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let mut statement = self.prepare("read the queue", sql)?;
        let rows = statement.query_map(params![lane, urgency, turn, count], |row| {
            let rank = Rank {
                urgency: row.get(0)?,
                turn: row.get(1)?,
            };
            Ok((rank, row.get(2)?))
        });
        self.ok("read the queue", rows.and_then(Iterator::collect))
    }

    /// All lanes, with their first ranks.
    pub(super) fn lanes(&self) -> Result<Vec<(Arc<str>, Rank)>, DiskFrontierError> {
        // One step of the index for each lane, however long the lanes are.
        let sql = "SELECT lane, urgency, turn FROM queue WHERE lane > ?1 ORDER BY lane, urgency, turn LIMIT 1";
        let mut statement = self.prepare("read the lanes", sql)?;
        let mut lanes: Vec<(Arc<str>, Rank)> = Vec::new();
        loop {
            let after = lanes.last().map_or("", |(lane, _)| lane);
            let next = statement.query_row([after], |row| {
                let lane: String = row.get(0)?;
                let rank = Rank {
                    urgency: row.get(1)?,
                    turn: row.get(2)?,
                };
                Ok((Arc::from(lane), rank))
            });
            match self.ok("read the lanes", next.optional())? {
                Some(lane) => lanes.push(lane),
                None => return Ok(lanes),
            }
        }
    }

    pub(super) fn add_item(&mut self, json: &[u8]) -> Result<(), DiskFrontierError> {
        let text = std::str::from_utf8(json).map_err(|error| DiskFrontierError::Database {
            attempted: "write an item",
            directory: self.directory.clone(),
            reason: error.to_string(),
            full: false,
        })?;
        let sql = "INSERT INTO item VALUES (?1, ?2)";
        let done = self
            .prepare("write an item", sql)?
            .execute(params![self.counts.items, text]);
        self.ok("write an item", done)?;
        self.counts.items += 1;
        Ok(())
    }

    pub(super) fn items(&self, from: u64, count: usize) -> Result<Vec<Vec<u8>>, DiskFrontierError> {
        let sql = "SELECT json FROM item WHERE number >= ?1 ORDER BY number LIMIT ?2";
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let mut statement = self.prepare("read the items", sql)?;
        let rows = statement.query_map(params![from, count], |row| {
            row.get::<_, String>(0).map(String::into_bytes)
        });
        self.ok("read the items", rows.and_then(Iterator::collect))
    }

    pub(super) fn add_page(&mut self) {
        self.counts.pages += 1;
    }

    pub(super) fn value(&self, name: &str) -> Result<Option<Vec<u8>>, DiskFrontierError> {
        let sql = "SELECT data FROM value WHERE name = ?1";
        let found = self.prepare("read a value", sql)?.query_row([name], |row| row.get(0));
        self.ok("read a value", found.optional())
    }

    pub(super) fn values(&self) -> Result<Values, DiskFrontierError> {
        let mut statement = self.prepare("read the values", "SELECT name, data FROM value")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        self.ok("read the values", rows.and_then(Iterator::collect))
    }

    pub(super) fn set_value(&self, name: &str, data: &[u8]) -> Result<(), DiskFrontierError> {
        let sql = "INSERT INTO value VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET data = excluded.data";
        let done = self.prepare("keep a value", sql)?.execute(params![name, data]);
        self.ok("keep a value", done).map(drop)
    }

    fn prepare(&self, attempted: &'static str, sql: &str) -> Result<CachedStatement<'_>, DiskFrontierError> {
        self.ok(attempted, self.connection.prepare_cached(sql))
    }

    fn run(&self, attempted: &'static str, sql: &str) -> Result<(), DiskFrontierError> {
        let done = self.prepare(attempted, sql)?.execute([]);
        self.ok(attempted, done).map(drop)
    }

    fn ok<T>(&self, attempted: &'static str, result: rusqlite::Result<T>) -> Result<T, DiskFrontierError> {
        result.map_err(|error| refused(&self.directory, attempted, &error))
    }
}
