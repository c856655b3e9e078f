//! What is still to be visited, and what has been seen.

#[cfg(feature = "disk")]
mod disk;
mod durable;
mod memory;
mod records;
mod source;

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::BoxError;

#[cfg(feature = "disk")]
pub use disk::{DiskFrontier, DiskFrontierError, ItemLog};
pub use durable::{Durable, Outcome, Resumed, Values};
pub use memory::MemoryFrontier;
pub use source::IntoFrontier;
pub(crate) use source::Source;

/// In which order requests of the same priority go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As they were found.
    #[default]
    BreadthFirst,
    /// The one found last goes first.
    DepthFirst,
}

/// A request on its way into a frontier.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is known by.
    pub key: u128,
    /// Whether it goes in although its key was seen.
    pub again: bool,
    /// The lane it goes to: one for each session and host. Opaque to the frontier.
    pub lane: Arc<str>,
    /// Higher ones go first within their lane.
    pub priority: i32,
    /// The request.
    pub record: Vec<u8>,
}

/// When a request comes to its turn: the smaller, the sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    pub(super) urgency: i64,
    pub(super) turn: i64,
}

impl Rank {
    /// The rank of the request of this priority that was the `nth` to come.
    pub fn new(priority: i32, nth: u64, order: Order) -> Self {
        let nth = i64::try_from(nth).unwrap_or(i64::MAX);
        Self {
            urgency: -i64::from(priority),
            turn: match order {
                Order::BreadthFirst => nth,
                Order::DepthFirst => -nth,
            },
        }
    }
}

/// A request that was taken out to be worked on.
#[derive(Debug)]
pub struct Lease {
    /// What to acknowledge or release it by.
    pub id: u64,
    /// Its priority.
    pub priority: i32,
    /// The request.
    pub record: Vec<u8>,
    /// The rank of the next one in its lane.
    pub next: Option<Rank>,
}

/// The queue of a crawl and the set of what it has seen.
///
/// Requests stand in lanes, one for each session and host, so that the engine can take the next one of a host that is
/// ready and leave those of a host that is not. What was leased stays the frontier's concern until it is acknowledged
/// or released: a home that outlives the process gives it out again when the process died.
#[async_trait]
#[doc(alias = "scheduler")]
#[doc(alias = "queue")]
#[doc(alias = "dupefilter")]
pub trait Frontier: Debug + Send + Sync + 'static {
    /// Takes in those whose key was not seen, and those that go in [`again`](Entry::again). Gives the rank of each that
    /// went in.
    ///
    /// # Errors
    /// They could not be kept.
    async fn push(&self, entries: Vec<Entry>) -> Result<Vec<Option<Rank>>, BoxError>;

    /// Takes out the next one of a lane.
    ///
    /// # Errors
    /// The home of the frontier does not answer.
    async fn lease(&self, lane: &str) -> Result<Option<Lease>, BoxError>;

    /// A leased request is done with, well or badly.
    ///
    /// # Errors
    /// It could not be noted.
    async fn acknowledge(&self, id: u64) -> Result<(), BoxError>;

    /// A leased request goes back in, as this entry: seen or not, it is to be leased again.
    ///
    /// # Errors
    /// It could not be kept.
    async fn release(&self, id: u64, entry: Entry) -> Result<Rank, BoxError>;

    /// Marks a key as seen; says whether it was.
    ///
    /// # Errors
    /// The home of the frontier does not answer.
    async fn seen(&self, key: u128) -> Result<bool, BoxError>;

    /// What it can besides, if it outlives the process; nothing, if it does not.
    fn durable(&self) -> Option<&dyn Durable> {
        None
    }
}
