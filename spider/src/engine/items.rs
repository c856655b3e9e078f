//! The items of a crawl: from `parse`, by way of the hook, to the exports and to whoever runs it.

use std::panic::AssertUnwindSafe;
use std::sync::PoisonError;

use futures_util::FutureExt as _;

use super::{Engine, Sink};
use crate::crawl::Ended;
use crate::error::panicked;
use crate::export::{Refused, to_json, write};
use crate::{CrawlOver, FailureKind, Spider};

impl<S: Spider> Engine<S> {
    /// Gives an item out.
    pub(crate) async fn item(&self, item: S::Item) -> Result<(), CrawlOver> {
        if let Some((item, ())) = self.accept(item, |item| self.export(item)).await? {
            self.keep(item).await?;
        }
        Ok(())
    }

    /// What becomes of an item before it is given out, in a crawl that keeps it with its page: itself and its JSON.
    pub(crate) async fn hold(&self, item: S::Item) -> Result<Option<(S::Item, Vec<u8>)>, CrawlOver> {
        self.accept(item, |item| to_json(item).map_err(Refused::Item)).await
    }

    /// Whether the items of a page are held back until it is done.
    pub(crate) fn holds_items(&self) -> bool {
        self.ledger.is_some()
    }

    /// Asks the hook about an item, and writes it. `None`: it goes no further, and that is counted.
    async fn accept<W>(
        &self,
        item: S::Item,
        write: impl FnOnce(&S::Item) -> Result<W, Refused>,
    ) -> Result<Option<(S::Item, W)>, CrawlOver> {
        if !self.take_item_place() {
            return Err(CrawlOver);
        }
        let hook = AssertUnwindSafe(async { self.spider.on_item(item).await })
            .catch_unwind()
            .await;
        let kept = hook.unwrap_or_else(|panic| Err(panicked("on_item", &*panic)));
        let result = match kept {
            Ok(Some(item)) => write(&item).map(|written| Some((item, written))),
            Ok(None) => Ok(None),
            Err(error) => Err(Refused::Item(error)),
        };
        let refused = match result {
            Ok(Some(written)) => return Ok(Some(written)),
            Ok(None) => {
                let mut state = self.control.lock();
                state.items_taken -= 1;
                state.stats.items_dropped += 1;
                return Ok(None);
            }
            Err(refused) => refused,
        };
        {
            let mut state = self.control.lock();
            state.items_taken -= 1;
            state.stats.items_failed += 1;
        }
        match refused {
            Refused::Item(error) => self.report(FailureKind::Item, None, error).await,
            Refused::Crawl(error) => {
                self.control.fail(error);
                return Err(CrawlOver);
            }
        }
        Ok(None)
    }

    /// Gives an item to whoever runs the crawl. It is counted before it can be seen.
    async fn keep(&self, item: S::Item) -> Result<(), CrawlOver> {
        match &self.sink {
            Sink::Collected(items) => items.lock().unwrap_or_else(PoisonError::into_inner).push(item),
            Sink::Exported => drop(item),
            Sink::Streamed(stream) => {
                let Ok(room) = stream.reserve().await else {
                    let mut state = self.control.lock();
                    state.items_taken -= 1;
                    self.control.end(&mut state, Ended::Stopped);
                    return Err(CrawlOver);
                };
                self.count_item();
                room.send(item);
                return Ok(());
            }
        }
        self.count_item();
        Ok(())
    }

    fn count_item(&self) {
        self.meters.items.increment(1);
        let mut state = self.control.lock();
        state.stats.items += 1;
        if self.settings.max_items.is_some_and(|most| state.stats.items >= most) {
            self.control.end(&mut state, Ended::MaxItems);
        }
    }

    /// Whether one more item is wanted. A page that is kept with its items is not done without some of them: all are.
    fn take_item_place(&self) -> bool {
        let mut state = self.control.lock();
        let enough = self.settings.max_items.is_some_and(|most| state.items_taken >= most);
        if enough && !self.holds_items() {
            return false;
        }
        state.items_taken += 1;
        true
    }

    fn export(&self, item: &S::Item) -> Result<(), Refused> {
        let mut exports = self.exports.lock().unwrap_or_else(PoisonError::into_inner);
        // An item stands in all exports or is reported; one that fails in the second stands in the first.
        exports.iter_mut().try_for_each(|export| write(&mut **export, item))
    }
}
