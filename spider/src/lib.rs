#![doc = include_str!("../README.md")]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        reason = "a test states its invariants by failing"
    )
)]
#![cfg_attr(
    not(feature = "disk"),
    allow(
        rustdoc::broken_intra_doc_links,
        reason = "what the feature brings is named where it belongs"
    )
)]

mod aside;
mod codec;
mod crawl;
mod directories;
mod engine;
mod error;
mod escalation;
pub mod export;
pub mod feed;
mod frontier;
mod host_settings;
mod key;
mod links;
mod offsite;
mod output;
mod page;
mod robots;
mod rule;
mod schedule;
mod settings;
mod spider;
mod stats;
mod throttle;
mod visit;

pub use crawl::{Crawl, CrawlBuilder, CrawlHandle, CrawlStream, Ended};
pub use error::{BoxError, CrawlError, CrawlOver, Difference, Failure, FailureKind, Result};
pub use escalation::{BlockDetection, BlockReason, Climb, Escalation, ShareIdentity};
#[cfg(feature = "disk")]
pub use frontier::{DiskFrontier, DiskFrontierError, ItemLog};
pub use frontier::{
    Durable, Entry, Frontier, IntoFrontier, Lease, MemoryFrontier, Order, Outcome, Rank, Resumed, Values,
};
pub use futures_util::stream::BoxStream;
pub use host_settings::HostSettings;
pub use links::LinkExtractor;
pub use output::Output;
pub use page::Page;
pub use robots::{RobotsPolicy, RobotsRules};
pub use rule::CrawlRule;
pub use settings::Settings;
pub use spider::{Spider, Starts};
#[cfg(feature = "log-counts")]
pub use stats::count_logs;
pub use stats::{Histogram, Stats, Tally};
pub use throttle::AutoThrottle;
pub use visit::{Step, Visit};
