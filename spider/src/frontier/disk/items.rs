//! The items of a crawl on disk, after it or beside it.

use std::io::Write;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use serde::de::DeserializeOwned;

use super::DiskFrontierError;
use super::file::{FILE, connect, refused};

/// Items read at a time.
const BATCH: i64 = 1_000;

/// The items that a crawl has kept in its directory, each once, in the order in which their pages were done. It can be
/// read while the crawl runs; a loss of power may then take the last of them, and the crawl that goes on keeps them anew.
/// In the program that runs the crawl, read them so and never as a file: to close a file takes away the locks that SQLite
/// has on it.
///
/// ```no_run
/// # use silkroute_spider::ItemLog;
/// # #[derive(serde::Deserialize)]
/// # struct Product;
/// # fn example() -> Result<(), silkroute_spider::DiskFrontierError> {
/// let log = ItemLog::open("products.crawl")?;
/// println!("{} products", log.len()?);
/// for product in log.items::<Product>() {
///     let product: Product = product?;
/// #   let _ = product;
/// }
/// log.write_jsonl(std::io::stdout())?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ItemLog {
    connection: Connection,
    directory: PathBuf,
}

impl ItemLog {
    /// Opens the items in the directory of a crawl.
    ///
    /// # Errors
    /// There is no frontier in it, or one that this version does not read.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, DiskFrontierError> {
        let directory = directory.as_ref().to_owned();
        let connection = connect(&directory, &directory.join(FILE), true)?;
        Ok(Self { connection, directory })
    }

    /// How many items there are.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn len(&self) -> Result<u64, DiskFrontierError> {
        let count = self
            .connection
            .query_row("SELECT items FROM counts", [], |row| row.get(0));
        count.map_err(|error| refused(&self.directory, "count the items", &error))
    }

    /// Whether there are none.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn is_empty(&self) -> Result<bool, DiskFrontierError> {
        Ok(self.len()? == 0)
    }

    /// The items, as JSON.
    pub fn json(&self) -> impl Iterator<Item = Result<String, DiskFrontierError>> {
        self.json_from(0)
    }

    /// The items from a number on, as JSON; the first has number 0. What was read before need not be read again.
    pub fn json_from(&self, number: u64) -> impl Iterator<Item = Result<String, DiskFrontierError>> {
        let mut next = number;
        let batches = std::iter::from_fn(move || match self.batch(next) {
            Ok(batch) if batch.is_empty() => None,
            Ok(batch) => {
                next += batch.len() as u64;
                Some(batch.into_iter().map(Ok).collect::<Vec<_>>())
            }
            Err(error) => {
                next = u64::MAX;
                Some(vec![Err(error)])
            }
        });
        batches.flatten()
    }

    /// The items, read from their JSON.
    pub fn items<T: DeserializeOwned>(&self) -> impl Iterator<Item = Result<T, DiskFrontierError>> {
        self.json().map(|json| {
            serde_json::from_str(&json?).map_err(|error| DiskFrontierError::Database {
                attempted: "read an item",
                directory: self.directory.clone(),
                reason: error.to_string(),
                full: false,
            })
        })
    }

    /// Writes the items as JSON Lines. Gives their number.
    ///
    /// # Errors
    /// They cannot be read, or not be written there.
    pub fn write_jsonl(&self, to: impl Write) -> Result<u64, DiskFrontierError> {
        let failed = |source| DiskFrontierError::io("write the items of", &self.directory, source);
        let mut out = std::io::BufWriter::new(to);
        let mut count = 0;
        for json in self.json() {
            writeln!(out, "{}", json?).map_err(failed)?;
            count += 1;
        }
        out.flush().map_err(failed)?;
        Ok(count)
    }

    fn batch(&self, from: u64) -> Result<Vec<String>, DiskFrontierError> {
        let Ok(from) = i64::try_from(from) else {
            return Ok(Vec::new());
        };
        let read = || -> rusqlite::Result<Vec<String>> {
            let sql = "SELECT json FROM item WHERE number >= ?1 ORDER BY number LIMIT ?2";
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_map(params![from, BATCH], |row| row.get(0))?.collect()
        };
        read().map_err(|error| refused(&self.directory, "read the items", &error))
    }
}
