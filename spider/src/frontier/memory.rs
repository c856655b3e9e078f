//! The frontier of one process.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use hashbrown::{HashMap, HashSet};

use super::records::Records;
use super::{Entry, Frontier, Lease, Order, Rank};
use crate::BoxError;

/// A frontier in memory: it ends with its process.
///
/// A URL that was seen takes 17 bytes, over the load of its hash set (36 at most, for a million); one that waits takes
/// its own length and some 30 more besides.
#[derive(Debug)]
pub struct MemoryFrontier {
    order: Order,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    seen: HashSet<u128, BuildHasherDefault<KeyItself>>,
    lanes: HashMap<Arc<str>, BTreeMap<Reverse<i32>, Records>, std::hash::RandomState>,
    next: u64,
    leases: u64,
}

impl MemoryFrontier {
    /// An empty one.
    pub fn new(order: Order) -> Self {
        let inner = Mutex::default();
        Self { order, inner }
    }

    /// How many different requests it has seen.
    pub fn seen_count(&self) -> usize {
        self.lock().seen.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn queue(&mut self, order: Order, entry: &Entry) -> Rank {
        let number = self.next;
        self.next += 1;
        if !self.lanes.contains_key(&entry.lane) {
            self.lanes.insert(Arc::clone(&entry.lane), BTreeMap::new());
        }
        if let Some(lane) = self.lanes.get_mut(&entry.lane) {
            let records = lane
                .entry(Reverse(entry.priority))
                .or_insert_with(|| Records::new(order));
            records.push(number, &entry.record);
        }
        Rank::new(entry.priority, number, order)
    }
}

#[async_trait]
impl Frontier for MemoryFrontier {
    async fn push(&self, entries: Vec<Entry>) -> Result<Vec<Option<Rank>>, BoxError> {
        let mut inner = self.lock();
        let ranks = entries.iter().map(|entry| {
            let new = inner.seen.insert(entry.key);
            (new || entry.again).then(|| inner.queue(self.order, entry))
        });
        Ok(ranks.collect())
    }

    async fn lease(&self, lane: &str) -> Result<Option<Lease>, BoxError> {
        let mut inner = self.lock();
        let Some(queues) = inner.lanes.get_mut(lane) else {
            return Ok(None);
        };
        let Some(mut first) = queues.first_entry() else {
            return Ok(None);
        };
        let Reverse(priority) = *first.key();
        let record = first.get_mut().pop();
        if first.get().is_empty() {
            first.remove();
        }
        let next = queues.first_key_value().and_then(|(Reverse(priority), records)| {
            let number = records.peek()?;
            Some(Rank::new(*priority, number, self.order))
        });
        if queues.is_empty() {
            inner.lanes.remove(lane);
        }
        inner.leases += 1;
        let id = inner.leases;
        Ok(record.map(|record| Lease {
            id,
            priority,
            record,
            next,
        }))
    }

    /// Nothing here outlives the process, so there is nothing to note.
    async fn acknowledge(&self, _id: u64) -> Result<(), BoxError> {
        Ok(())
    }

    async fn release(&self, _id: u64, entry: Entry) -> Result<Rank, BoxError> {
        Ok(self.lock().queue(self.order, &entry))
    }

    async fn seen(&self, key: u128) -> Result<bool, BoxError> {
        Ok(!self.lock().seen.insert(key))
    }
}

/// Keys are hashes already.
#[derive(Default)]
struct KeyItself(u64);

impl Hasher for KeyItself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_le_bytes(word);
        }
    }

    fn write_u128(&mut self, key: u128) {
        self.0 = key as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: u128, lane: &str, priority: i32) -> Entry {
        Entry {
            key,
            again: false,
            lane: lane.into(),
            priority,
            record: key.to_string().into_bytes(),
        }
    }

    async fn drain(frontier: &MemoryFrontier, lane: &str) -> Vec<String> {
        let mut out = Vec::new();
        while let Some(lease) = frontier.lease(lane).await.unwrap() {
            out.push(String::from_utf8(lease.record).unwrap());
        }
        out
    }

    #[tokio::test]
    async fn priority_first_then_first_in_first_out() {
        let frontier = MemoryFrontier::new(Order::BreadthFirst);
        let entries = [(1, 0), (2, 5), (3, 0), (4, -1), (5, 5)].map(|(key, priority)| entry(key, "a", priority));
        frontier.push(entries.into()).await.unwrap();
        frontier.push(vec![entry(6, "b", 0)]).await.unwrap();
        assert_eq!(drain(&frontier, "a").await, ["2", "5", "1", "3", "4"]);
        assert_eq!(drain(&frontier, "b").await, ["6"]);
        assert!(frontier.lock().lanes.is_empty(), "an empty lane is forgotten");
    }

    #[tokio::test]
    async fn depth_first_takes_the_latest_within_a_priority() {
        let frontier = MemoryFrontier::new(Order::DepthFirst);
        let entries = [(1, 0), (2, 5), (3, 0), (4, 5)].map(|(key, priority)| entry(key, "a", priority));
        frontier.push(entries.into()).await.unwrap();
        assert_eq!(drain(&frontier, "a").await, ["4", "2", "3", "1"]);
    }

    #[tokio::test]
    async fn what_was_seen_goes_in_only_when_it_is_to_go_in_again() {
        let frontier = MemoryFrontier::new(Order::BreadthFirst);
        let again = Entry {
            again: true,
            ..entry(1, "a", 0)
        };
        let ranks = frontier
            .push(vec![entry(1, "a", 0), entry(1, "a", 0), again])
            .await
            .unwrap();
        assert_eq!(
            ranks.iter().map(Option::is_some).collect::<Vec<_>>(),
            [true, false, true]
        );
        assert!(!frontier.seen(9).await.unwrap());
        assert!(frontier.seen(9).await.unwrap());
        assert!(frontier.push(vec![entry(9, "a", 0)]).await.unwrap()[0].is_none());
    }
}
