//! The exports of a crawl that outlives its process: every item stands in them once, whatever ended the crawl.
//!
//! An export that takes items as JSON is written behind the frontier, which has them all: with how far it is, the number of
//! the next item is kept. A crawl that goes on cuts it back to there, and writes again what the frontier has beyond; one that
//! has not that much any more it writes anew, with all that the frontier has. Any other is written before the frontier, and how
//! far it is goes into the transaction of the pages.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::Engine;
use super::ledger::{PageItems, lock};
use crate::aside::Aside;
use crate::export::{Export, Refused, write, write_json};
use crate::frontier::{Durable, Values};
use crate::{BoxError, CrawlError, FailureKind, Spider};

const EXPORT: &str = "export/";
/// Items that are read to be written again, at a time.
const BATCH: usize = 256;

/// The exports of a crawl.
pub(crate) struct Exports<I> {
    all: Mutex<Vec<Box<dyn Export<I>>>>,
    /// Where they go. It is known also while one hangs.
    paths: String,
    /// Works on those of a crawl that outlives its process.
    thread: Aside,
    /// Nobody waits for them any more: the next run may have them.
    left: AtomicBool,
}

impl<I: 'static> Exports<I> {
    pub(super) fn new(all: Vec<Box<dyn Export<I>>>) -> Self {
        let paths: Vec<_> = all.iter().map(|export| export.path()).collect();
        Self {
            all: Mutex::new(all),
            paths: paths.join(", "),
            thread: Aside::default(),
            left: AtomicBool::new(false),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Vec<Box<dyn Export<I>>>> {
        lock(&self.all)
    }

    /// Makes them whole.
    pub(super) fn finish(&self) -> Result<(), CrawlError> {
        let mut result = Ok(());
        for export in self.lock().iter_mut() {
            if let Err(source) = export.finish() {
                let error = unfinished(export.path(), source);
                tracing::error!(%error, "an export is not whole");
                result = result.and(Err(error));
            }
        }
        result
    }

    /// Leaves them: they were not made whole in time.
    pub(super) fn leave(&self) -> CrawlError {
        self.left.store(true, Ordering::Relaxed);
        let late =
            "the disk did not answer in time; what it lacks of the crawl the next run on the same frontier writes";
        unfinished(self.paths.clone(), io::Error::new(ErrorKind::TimedOut, late))
    }
}

fn unfinished(path: String, source: io::Error) -> CrawlError {
    CrawlError::Export {
        attempted: "finish",
        path,
        source,
    }
}

/// What exports have of the items.
#[derive(Debug, Default)]
pub(super) struct Exported {
    /// Whether there are some that take JSON.
    pub(super) by_json: bool,
    /// Whether there are others.
    others: bool,
    /// How many items were given to those that take JSON.
    items: u64,
}

/// How far an export was written.
struct Reached {
    position: u64,
    /// The number of the next item.
    items: Option<u64>,
}

impl Reached {
    fn read(values: &Values, path: &str) -> Option<Self> {
        let kept = std::str::from_utf8(values.get(&name(path))?).ok()?;
        let mut numbers = kept.split(' ');
        Some(Self {
            position: numbers.next()?.parse().ok()?,
            items: numbers.next().and_then(|items| items.parse().ok()),
        })
    }

    fn write(self, values: &mut Values, path: &str) {
        let position = self.position;
        let text = match self.items {
            Some(items) => format!("{position} {items}"),
            None => position.to_string(),
        };
        values.insert(name(path), text.into_bytes());
    }
}

fn name(path: &str) -> String {
    format!("{EXPORT}{path}")
}

impl<S: Spider> Engine<S> {
    /// Does this off the runtime's threads, after what was begun before.
    pub(super) async fn on_exports<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, CrawlError> + Send + 'static,
    ) -> Result<T, CrawlError> {
        let engine = Arc::clone(self);
        let done = self
            .exports
            .thread
            .run(move || match engine.exports.left.load(Ordering::Relaxed) {
                false => work(&engine),
                true => Err(engine.exports.leave()),
            });
        let done = done.await;
        done.map_err(|error| CrawlError::Engine(error.to_string()))?
    }

    /// Takes the exports back to what was kept of them, and writes what the frontier has and they have not. `items` are in
    /// the frontier.
    pub(super) async fn begin_exports(
        self: &Arc<Self>,
        durable: &dyn Durable,
        values: &Values,
        items: u64,
    ) -> Result<(), CrawlError> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        let mut behind = Vec::new();
        let mut anew = Values::new();
        for (at, export) in self.exports.lock().iter_mut().enumerate() {
            let path = export.path();
            let reached = Reached::read(values, &path);
            let by_json = export.as_json().is_some();
            let next = match &reached {
                Some(reached) => reached.items.unwrap_or(items),
                // One that is new gets what there is, as far as it can: the frontier has the items as JSON.
                None if by_json => 0,
                None => items,
            };
            let begun = match export.begin(reached.as_ref().map(|reached| reached.position)) {
                Ok(()) => Ok(next),
                Err(error) if by_json && error.kind() == ErrorKind::InvalidData => {
                    tracing::warn!(%path, %error, "the export is written anew, with all items of the crawl");
                    let (position, items) = (0, Some(0));
                    Reached { position, items }.write(&mut anew, &path);
                    export.begin(None).map(|()| 0)
                }
                Err(error) => Err(error),
            };
            let next = begun.map_err(|source| CrawlError::Export {
                attempted: "go on with",
                path,
                source,
            })?;
            let mut exported = lock(&ledger.exported);
            if by_json {
                exported.by_json = true;
                behind.push((at, next));
            } else {
                exported.others = true;
            }
        }
        lock(&ledger.exported).items = items;
        if !anew.is_empty() {
            // Not sooner is it written: how far it was says nothing of what is written now.
            self.keep_reached(durable, anew).await?;
            let synced = durable.sync().await;
            synced.map_err(|source| CrawlError::frontier("keep how far the exports are", source))?;
        }
        for (at, mut from) in behind {
            loop {
                let missing = if from < items {
                    let missing = durable.items(from, BATCH).await;
                    missing.map_err(|source| CrawlError::frontier("give its items back", source))?
                } else {
                    Vec::new()
                };
                if missing.is_empty() {
                    break;
                }
                from += missing.len() as u64;
                let written = self.on_exports(move |engine| {
                    let mut exports = engine.exports.lock();
                    let export = exports.get_mut(at);
                    export.map_or(Ok(Vec::new()), |export| write_all(&mut **export, &missing))
                });
                for error in written.await? {
                    tracing::warn!(%error, "an item of the run before is not exported");
                }
            }
        }
        // From here on it is known what they have, also of one that is new.
        let values = self.on_exports(move |engine| engine.reached(items)).await?;
        self.keep_reached(durable, values).await
    }

    /// Writes the items of pages that are about to be kept to the exports that do not take JSON. Gives them back, with how far
    /// those are.
    pub(super) async fn export_before(
        self: &Arc<Self>,
        pages: Vec<PageItems<S::Item>>,
    ) -> Result<(Vec<PageItems<S::Item>>, Values), CrawlError> {
        let others = self.ledger.as_ref().is_some_and(|ledger| lock(&ledger.exported).others);
        if !others || pages.iter().all(|page| page.items.is_empty()) {
            return Ok((pages, Values::new()));
        }
        let written = self.on_exports(move |engine| {
            let (mut failures, mut values) = (Vec::new(), Values::new());
            for export in engine.exports.lock().iter_mut() {
                if export.as_json().is_some() {
                    continue;
                }
                for item in pages.iter().flat_map(|page| &page.items) {
                    match write(&mut **export, item) {
                        Ok(()) => {}
                        Err(Refused::Crawl(error)) => return Err(error),
                        Err(Refused::Item(error)) => failures.push(error),
                    }
                }
                if let Some(position) = checkpoint(&mut **export)? {
                    Reached { position, items: None }.write(&mut values, &export.path());
                }
            }
            Ok((pages, failures, values))
        });
        let (pages, failures, values) = written.await?;
        self.tell_refused(failures).await;
        Ok((pages, values))
    }

    /// Writes the items of pages that are kept to the exports that take JSON, down to the disk, and keeps how far those are.
    pub(super) async fn export_behind(
        self: &Arc<Self>,
        durable: &dyn Durable,
        pages: &mut [PageItems<S::Item>],
    ) -> Result<(), CrawlError> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        let json: Vec<Vec<u8>> = pages
            .iter_mut()
            .flat_map(|page| std::mem::take(&mut page.json))
            .collect();
        if json.is_empty() {
            return Ok(());
        }
        let items = {
            let mut exported = lock(&ledger.exported);
            exported.items += json.len() as u64;
            exported.items
        };
        let written = self.on_exports(move |engine| {
            let mut failures = Vec::new();
            for export in engine.exports.lock().iter_mut() {
                failures.extend(write_all(&mut **export, &json)?);
            }
            Ok((failures, engine.reached(items)?))
        });
        let (failures, values) = written.await?;
        self.tell_refused(failures).await;
        self.keep_reached(durable, values).await
    }

    /// Brings the exports that take JSON to the disk. Gives how far they are: up to the item of this number.
    fn reached(&self, items: u64) -> Result<Values, CrawlError> {
        let mut values = Values::new();
        for export in self.exports.lock().iter_mut() {
            if export.as_json().is_none() {
                continue;
            }
            if let Some(position) = checkpoint(&mut **export)? {
                let items = Some(items);
                Reached { position, items }.write(&mut values, &export.path());
            }
        }
        Ok(values)
    }

    async fn keep_reached(&self, durable: &dyn Durable, values: Values) -> Result<(), CrawlError> {
        if values.is_empty() {
            return Ok(());
        }
        let kept = durable.commit(Vec::new(), values).await;
        kept.map(drop)
            .map_err(|source| CrawlError::frontier("keep how far the exports are", source))
    }

    async fn tell_refused(&self, failures: Vec<BoxError>) {
        for error in failures {
            self.control.lock().stats.items_failed += 1;
            self.report(FailureKind::Item, None, error).await;
        }
    }
}

/// Writes items to an export, if it takes JSON. Gives why those that do not fit do not.
fn write_all<I: 'static>(export: &mut dyn Export<I>, json: &[Vec<u8>]) -> Result<Vec<BoxError>, CrawlError> {
    let mut failures = Vec::new();
    for item in json {
        match write_json(export, item) {
            Ok(()) => {}
            Err(Refused::Crawl(error)) => return Err(error),
            Err(Refused::Item(error)) => failures.push(error),
        }
    }
    Ok(failures)
}

fn checkpoint<I: 'static>(export: &mut dyn Export<I>) -> Result<Option<u64>, CrawlError> {
    export.checkpoint().map_err(|source| CrawlError::Export {
        attempted: "write",
        path: export.path(),
        source,
    })
}
