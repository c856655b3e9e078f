//! A frontier that a test decides about.

use std::path::Path;

use async_trait::async_trait;
use silkroute_spider::{
    BoxError, DiskFrontier, Durable, Entry, Frontier, Lease, Order, Outcome, Rank, Resumed, Values,
};
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Disk {
    /// It takes what is kept, and does not bring it to the disk yet.
    Busy,
    /// It answers nothing.
    Hung,
    Done,
    Failed,
    SyncPanics,
    /// To keep pages does.
    CommitPanics,
}

/// A frontier on disk, which says that it is there when it is let.
#[derive(Debug)]
pub struct Gate {
    inner: DiskFrontier,
    disk: watch::Receiver<Disk>,
    pub calls: watch::Sender<Calls>,
}

/// How often it was asked for what.
#[derive(Clone, Copy, Debug, Default)]
pub struct Calls {
    /// To bring what was committed to the disk, and did.
    pub synced: usize,
    pub items: usize,
    /// Of those to keep something or to bring it to the disk, they that are not answered yet.
    pub waiting: usize,
}

/// A call that is not answered yet.
struct Waiting<'a>(&'a watch::Sender<Calls>);

impl<'a> Waiting<'a> {
    fn new(calls: &'a watch::Sender<Calls>) -> Self {
        calls.send_modify(|calls| calls.waiting += 1);
        Self(calls)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|calls| calls.waiting -= 1);
    }
}

impl Gate {
    pub fn new(directory: &Path, disk: &watch::Sender<Disk>) -> Self {
        Self {
            inner: DiskFrontier::open(directory, Order::BreadthFirst).unwrap(),
            disk: disk.subscribe(),
            calls: watch::Sender::default(),
        }
    }

    async fn disk(&self) -> Result<Disk, BoxError> {
        let mut disk = self.disk.clone();
        let came = *disk.wait_for(|disk| !matches!(disk, Disk::Busy | Disk::Hung)).await?;
        Ok(came)
    }

    async fn unless_hung(&self) -> Result<(), BoxError> {
        let mut disk = self.disk.clone();
        disk.wait_for(|disk| *disk != Disk::Hung).await?;
        Ok(())
    }
}

#[async_trait]
impl Frontier for Gate {
    async fn push(&self, entries: Vec<Entry>) -> Result<Vec<Option<Rank>>, BoxError> {
        self.inner.push(entries).await
    }
    async fn lease(&self, lane: &str) -> Result<Option<Lease>, BoxError> {
        self.inner.lease(lane).await
    }
    async fn acknowledge(&self, id: u64) -> Result<(), BoxError> {
        self.inner.acknowledge(id).await
    }
    async fn release(&self, id: u64, entry: Entry) -> Result<Rank, BoxError> {
        self.inner.release(id, entry).await
    }
    async fn seen(&self, key: u128) -> Result<bool, BoxError> {
        self.inner.seen(key).await
    }
    fn durable(&self) -> Option<&dyn Durable> {
        Some(self)
    }
}

#[async_trait]
impl Durable for Gate {
    async fn resume(&self, spider: &str) -> Result<Resumed, BoxError> {
        self.inner.resume(spider).await
    }
    async fn push_starts(&self, entries: Vec<Entry>) -> Result<Vec<Option<Rank>>, BoxError> {
        self.inner.push_starts(entries).await
    }
    async fn commit(&self, outcomes: Vec<Outcome>, values: Values) -> Result<Vec<Vec<Option<Rank>>>, BoxError> {
        let _waiting = Waiting::new(&self.calls);
        let panics = *self.disk.borrow() == Disk::CommitPanics && !outcomes.is_empty();
        assert!(!panics, "it cannot commit");
        self.unless_hung().await?;
        self.inner.commit(outcomes, values).await
    }
    async fn sync(&self) -> Result<(), BoxError> {
        let _waiting = Waiting::new(&self.calls);
        match self.disk().await? {
            Disk::Failed => return Err("the disk does not take it".into()),
            Disk::SyncPanics => panic!("it cannot sync"),
            Disk::Busy | Disk::Hung | Disk::Done | Disk::CommitPanics => {}
        }
        self.inner.sync().await?;
        self.calls.send_modify(|calls| calls.synced += 1);
        Ok(())
    }
    async fn items(&self, from: u64, count: usize) -> Result<Vec<Vec<u8>>, BoxError> {
        self.calls.send_modify(|calls| calls.items += 1);
        self.disk().await?;
        self.inner.items(from, count).await
    }
    async fn update(&self, id: u64, entry: Entry) -> Result<(), BoxError> {
        self.inner.update(id, entry).await
    }
    async fn close(&self) -> Result<(), BoxError> {
        self.unless_hung().await?;
        self.inner.close().await
    }
    fn home(&self) -> String {
        self.inner.home()
    }
}
