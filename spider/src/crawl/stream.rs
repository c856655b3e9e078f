//! The items of a crawl, one by one.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Crawl, CrawlHandle};
use crate::CrawlError;

/// The items of a crawl as they come: a `Stream`.
///
/// ```no_run
/// # use silkroute_spider::{CrawlError, Spider};
/// # async fn example<S: Spider>(spider: S) -> Result<(), CrawlError> {
/// let mut items = spider.crawl().stream()?;
/// while let Some(item) = items.next().await {
///     let _ = item;
/// }
/// let crawl = items.finish().await?;
/// println!("{} pages", crawl.stats.pages);
/// # Ok(())
/// # }
/// ```
pub struct CrawlStream<I> {
    items: mpsc::Receiver<I>,
    handle: CrawlHandle,
    task: AbortOnDrop<Result<Crawl<I>, CrawlError>>,
}

impl<I> CrawlStream<I> {
    pub(super) fn new(
        items: mpsc::Receiver<I>,
        handle: CrawlHandle,
        task: JoinHandle<Result<Crawl<I>, CrawlError>>,
    ) -> Self {
        let task = AbortOnDrop(task);
        Self { items, handle, task }
    }

    /// The next item; `None` when the crawl has ended.
    pub async fn next(&mut self) -> Option<I> {
        self.items.recv().await
    }

    /// A handle of the crawl.
    pub fn handle(&self) -> CrawlHandle {
        self.handle.clone()
    }

    /// What came of the crawl. One that has not ended, also one that is paused, ends when the pages under way are done:
    /// nobody reads its items any more.
    ///
    /// # Errors
    /// As of [`CrawlBuilder::run`](crate::CrawlBuilder::run).
    pub async fn finish(mut self) -> Result<Crawl<I>, CrawlError> {
        self.handle.end();
        self.items.close();
        while self.items.try_recv().is_ok() {}
        match (&mut self.task.0).await {
            Ok(result) => result,
            Err(error) => Err(CrawlError::Engine(error.to_string())),
        }
    }
}

impl<I> Stream for CrawlStream<I> {
    type Item = I;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<I>> {
        self.items.poll_recv(context)
    }
}

impl<I> fmt::Debug for CrawlStream<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CrawlStream")
            .field("handle", &self.handle)
            .finish_non_exhaustive()
    }
}

/// A task that ends when nobody waits for it.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
