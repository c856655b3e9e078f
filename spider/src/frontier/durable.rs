//! What a frontier that outlives its process does besides.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Entry, Frontier, Rank};
use crate::BoxError;

/// Facts that a crawl keeps in its frontier, by name: its statistics, the cookies of its sessions, how far its exports
/// were written.
pub type Values = BTreeMap<String, Vec<u8>>;

/// What became of a request that was leased. It is kept as a whole or not at all, and the lease ends with it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The lease it ends.
    pub lease: u64,
    /// The requests that were found on the page.
    pub requests: Vec<Entry>,
    /// The keys that were marked as [`seen`](Frontier::seen) on its way.
    pub seen: Vec<u128>,
    /// The items that were taken from the page, each as JSON.
    pub items: Vec<Vec<u8>>,
    /// Whether it was a page that the spider got.
    pub page: bool,
}

/// What an earlier run of the crawl left.
#[derive(Debug, Default)]
pub struct Resumed {
    /// The lanes in which requests wait, each with the rank of its first.
    pub lanes: Vec<(Arc<str>, Rank)>,
    /// How many requests wait, those included that were leased when the run ended.
    pub pending: u64,
    /// How many pages were kept.
    pub pages: u64,
    /// How many items were kept.
    pub items: u64,
    /// What was kept by name.
    pub values: Values,
}

/// A frontier that outlives its process, such as [`DiskFrontier`](crate::DiskFrontier).
///
/// What goes into it keeps its order: where a commit is kept, so is everything that was pushed, released or updated
/// before it, and every commit before it. A request that was leased and is neither committed nor acknowledged is given out again by the next run, in
/// the form that it was last [updated](Self::update) to. A key that was marked as seen is kept with the outcome that
/// names it: without, the next run would take the page that it stands for as done.
#[async_trait]
pub trait Durable: Frontier {
    /// What an earlier run left. Called once, before anything else.
    ///
    /// # Errors
    /// It belongs to another spider, or cannot be read.
    async fn resume(&self, spider: &str) -> Result<Resumed, BoxError>;

    /// Takes in start requests, as [`push`](Frontier::push) does, but for those that go in [`again`](Entry::again): the next
    /// run gives them all once more, in any order. Of each key as many go in as one run has given, at most.
    ///
    /// # Errors
    /// They could not be kept.
    async fn push_starts(&self, entries: Vec<Entry>) -> Result<Vec<Option<Rank>>, BoxError>;

    /// Keeps outcomes and values in one transaction, and comes back when they outlive the process, however that ends. A
    /// loss of power may yet take them, until a [`sync`](Self::sync) that began afterwards has come back. Gives for each
    /// outcome the ranks of its requests, as [`push`](Frontier::push) does.
    ///
    /// # Errors
    /// None of it was kept.
    async fn commit(&self, outcomes: Vec<Outcome>, values: Values) -> Result<Vec<Vec<Option<Rank>>>, BoxError>;

    /// Comes back when all that was committed before it is on the disk. Called when pages were committed, and once a second;
    /// two may be under way.
    ///
    /// # Errors
    /// The disk did not take it. What was committed since the last sync may be lost with the power, and nothing more is
    /// taken.
    async fn sync(&self) -> Result<(), BoxError>;

    /// The items that were committed, each as JSON, from a number on; the first of all runs has number 0. They have the order
    /// of their outcomes. At most `count` of them; none where there are no more.
    ///
    /// # Errors
    /// They cannot be read.
    async fn items(&self, from: u64, count: usize) -> Result<Vec<Vec<u8>>, BoxError>;

    /// Notes what a leased request has become, such as how often it failed. It stays leased.
    ///
    /// # Errors
    /// It could not be kept.
    async fn update(&self, id: u64, entry: Entry) -> Result<(), BoxError>;

    /// Brings all that was committed to the disk, and lets go of its home: another run may begin when this has come back.
    /// Nothing can be done with it afterwards.
    ///
    /// # Errors
    /// Its last state could not be kept.
    async fn close(&self) -> Result<(), BoxError>;

    /// Where it lives, for messages.
    fn home(&self) -> String {
        "the frontier".to_owned()
    }
}
