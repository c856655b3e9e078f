//! Where `parse` puts what it found.

use std::sync::Arc;

use crate::engine::{Admission, Engine, Held};
use crate::key::KeyMaker;
use crate::{CrawlOver, Result, Spider, Visit};

/// Requests are handed to the frontier this many at a time.
const BATCH: usize = 64;

/// Where [`parse`](Spider::parse) puts items and further requests. Both wait when the crawl cannot take more.
#[doc(alias = "yield")]
pub struct Output<S: Spider> {
    engine: Arc<Engine<S>>,
    keys: KeyMaker,
    batch: Admission,
    /// What is held back until the page is done, in a crawl that outlives its process: the items, and the requests that
    /// would go in twice if the page were parsed twice.
    held: Held<S::Item>,
    /// How many links away what it takes is, at least.
    depth: u32,
}

impl<S: Spider> Output<S> {
    pub(crate) fn new(engine: Arc<Engine<S>>, page_depth: u32) -> Self {
        Self {
            engine,
            keys: KeyMaker::default(),
            batch: Admission::default(),
            held: Held {
                requests: Admission::default(),
                items: Vec::new(),
                json: Vec::new(),
            },
            depth: page_depth.saturating_add(1),
        }
    }

    /// Queues a request, unless it was seen, leads off the allowed hosts or is too many links away; that is counted.
    ///
    /// # Errors
    /// Its session does not exist, or its options are not what their kind takes.
    /// [`CrawlError::Frontier`](crate::CrawlError::Frontier) when it cannot be kept.
    pub async fn visit(&mut self, mut visit: Visit<S::Step>) -> Result {
        visit.depth = visit.depth.max(self.depth);
        let batch = if visit.again && self.engine.holds_items() {
            &mut self.held.requests
        } else {
            &mut self.batch
        };
        self.engine.admit(&visit, &mut self.keys, batch)?;
        if self.batch.len() >= BATCH {
            self.flush().await?;
        }
        Ok(())
    }

    /// Gives out an item: through [`on_item`](Spider::on_item) to the exports, and to whoever runs the crawl. Waits
    /// while a stream is full. An item that does not fit its export is counted and reported, and the page goes on.
    ///
    /// # Errors
    /// [`CrawlOver`] when the crawl has all the items it was asked for, nobody reads its stream any more, or an export takes
    /// nothing more, such as on a full disk.
    pub async fn item(&mut self, item: S::Item) -> Result<(), CrawlOver> {
        if !self.engine.holds_items() {
            return self.engine.item(item).await;
        }
        if let Some((item, json)) = self.engine.hold(item).await? {
            self.held.items.push(item);
            self.held.json.push(json);
        }
        Ok(())
    }

    /// Adds to a count of the spider's own, in [`Stats::custom`](crate::Stats::custom). The first thousand names are
    /// kept apart.
    pub fn count(&mut self, name: &str, by: u64) {
        self.engine.control.lock().stats.count(name, by);
    }

    /// What is to be kept with the page.
    pub(crate) fn into_held(mut self) -> Held<S::Item> {
        self.held.requests.append(self.batch);
        self.held
    }

    pub(crate) async fn flush(&mut self) -> Result {
        if self.batch.is_empty() {
            return Ok(());
        }
        let batch = std::mem::take(&mut self.batch);
        Ok(self.engine.push(batch).await?)
    }
}

impl<S: Spider> std::fmt::Debug for Output<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("waiting", &self.batch.len())
            .finish_non_exhaustive()
    }
}
