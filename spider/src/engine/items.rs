//! The items of a crawl: from `parse`, by way of the hook, to the exports and to whoever runs it.

use std::panic::AssertUnwindSafe;
use std::sync::PoisonError;

use futures_util::FutureExt as _;

use super::{Control, Engine, Sink};
use crate::crawl::Ended;
use crate::error::panicked;
use crate::export::{Refused, to_json, write};
use crate::{CrawlOver, FailureKind, Spider};

impl<S: Spider> Engine<S> {
    /// Gives an item out.
    pub(crate) async fn item(&self, item: S::Item) -> Result<(), CrawlOver> {
        if let Some((place, item, ())) = self.accept(item, |item| self.export(item)).await? {
            self.keep(place, item).await?;
        }
        Ok(())
    }

    /// What becomes of an item before it is given out, in a crawl that keeps it with its page: itself and its JSON.
    pub(crate) async fn hold(&self, item: S::Item) -> Result<Option<(S::Item, Vec<u8>)>, CrawlOver> {
        let accepted = self.accept(item, |item| to_json(item).map_err(Refused::Item)).await?;
        Ok(accepted.map(|(_, item, json)| (item, json)))
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
    ) -> Result<Option<(ItemPlace<'_>, S::Item, W)>, CrawlOver> {
        let place = self.take_item_place().await.ok_or(CrawlOver)?;
        let hook = AssertUnwindSafe(async { self.spider.on_item(item).await })
            .catch_unwind()
            .await;
        let kept = hook.unwrap_or_else(|panic| Err(panicked("on_item", &*panic)));
        let refused = match kept {
            Ok(Some(item)) => match write(&item) {
                Ok(written) => return Ok(Some((place, item, written))),
                Err(refused) => refused,
            },
            Ok(None) => {
                self.control.lock().stats.items_dropped += 1;
                return Ok(None);
            }
            Err(error) => Refused::Item(error),
        };
        self.control.lock().stats.items_failed += 1;
        drop(place);
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
    async fn keep(&self, place: ItemPlace<'_>, item: S::Item) -> Result<(), CrawlOver> {
        match &self.sink {
            Sink::Collected(items) => items.lock().unwrap_or_else(PoisonError::into_inner).push(item),
            Sink::Exported => drop(item),
            Sink::Streamed(stream) => {
                let Ok(room) = stream.reserve().await else {
                    self.control.end(&mut self.control.lock(), Ended::Stopped);
                    return Err(CrawlOver);
                };
                self.count_item(place);
                room.send(item);
                return Ok(());
            }
        }
        self.count_item(place);
        Ok(())
    }

    fn count_item(&self, place: ItemPlace<'_>) {
        self.meters.items.increment(1);
        place.fill();
        let mut state = self.control.lock();
        state.stats.items += 1;
        if self.settings.max_items.is_some_and(|most| state.stats.items >= most) {
            self.control.end(&mut state, Ended::MaxItems);
            self.control.item_places.notify_waiters();
        }
    }

    /// A place among the items that are wanted; `None`: there are as many. Where others may yet lose theirs, because the hook
    /// drops their items, it waits. A page that is kept with its items is not done without some of them: it takes all.
    async fn take_item_place(&self) -> Option<ItemPlace<'_>> {
        if self.holds_items() {
            return Some(ItemPlace(None));
        }
        loop {
            // Made before it looks, so as not to miss what happens in between.
            let freed = self.control.item_places.notified();
            {
                let mut state = self.control.lock();
                let reached = |count: u64| self.settings.max_items.is_some_and(|most| count >= most);
                if !reached(state.items_taken) {
                    state.items_taken += 1;
                    return Some(ItemPlace(Some(&self.control)));
                }
                if reached(state.stats.items) {
                    return None;
                }
            }
            freed.await;
        }
    }

    fn export(&self, item: &S::Item) -> Result<(), Refused> {
        let mut exports = self.exports.lock();
        // An item stands in all exports or is reported; one that fails in the second stands in the first.
        exports.iter_mut().try_for_each(|export| write(&mut **export, item))
    }
}

/// A place among the items that are wanted. Whatever becomes of its item, also of one whose future is dropped: unless it
/// was filled, another takes it.
struct ItemPlace<'a>(Option<&'a Control>);

impl ItemPlace<'_> {
    fn fill(mut self) {
        self.0 = None;
    }
}

impl Drop for ItemPlace<'_> {
    fn drop(&mut self) {
        if let Some(control) = self.0 {
            control.lock().items_taken -= 1;
            // Not `notify_one`: of two that have looked and do not yet wait, it would wake one.
            control.item_places.notify_waiters();
        }
    }
}
