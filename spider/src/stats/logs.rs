//! What is logged during a crawl, counted by level.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tracing::Level;
use tracing::level_filters::LevelFilter;

/// From the worst to the least, with the names that they have in the statistics.
const LEVELS: [(Level, &str); 5] = [
    (Level::ERROR, "error"),
    (Level::WARN, "warn"),
    (Level::INFO, "info"),
    (Level::DEBUG, "debug"),
    (Level::TRACE, "trace"),
];

/// The events of one crawl. Its span holds them for the layer that counts, and the crawl itself to tell of them.
pub(crate) struct LogCounts {
    most: LevelFilter,
    counts: [AtomicU64; LEVELS.len()],
}

impl LogCounts {
    /// A count for each level that is counted, also of none.
    pub(crate) fn so_far(&self) -> BTreeMap<String, u64> {
        let counts = LEVELS.iter().zip(&self.counts);
        let counted = counts.filter(|((level, _), _)| *level <= self.most);
        counted
            .map(|((_, name), count)| ((*name).to_owned(), count.load(Relaxed)))
            .collect()
    }

    /// Goes on from what an earlier run counted.
    pub(crate) fn go_on_from(&self, earlier: &BTreeMap<String, u64>) {
        for ((_, name), count) in LEVELS.iter().zip(&self.counts) {
            count.fetch_add(earlier.get(*name).copied().unwrap_or_default(), Relaxed);
        }
    }
}

#[cfg(not(feature = "log-counts"))]
pub(crate) fn watch(_crawl: &tracing::Span) -> Option<Arc<LogCounts>> {
    None
}

#[cfg(feature = "log-counts")]
pub use layer::count_logs;
#[cfg(feature = "log-counts")]
pub(crate) use layer::watch;

#[cfg(feature = "log-counts")]
mod layer {
    use tracing::span::Id;
    use tracing::{Dispatch, Event, Span, Subscriber};
    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::Context;
    use tracing_subscriber::registry::LookupSpan;

    use super::*;

    /// A layer that counts what is logged during a crawl, for [`Stats::log_counts`](crate::Stats::log_counts): the events of
    /// this level and of worse ones.
    ///
    /// A program adds it to its subscriber, and every crawl that begins from then on has counts of its own: an event counts
    /// for the crawl whose span it happens in, be it the crawl's, a session's or the spider's. What a layer beside it prints makes no
    /// difference.
    ///
    /// Events that a filter of the whole subscriber holds back, such as `with_env_filter` of `tracing_subscriber::fmt()`,
    /// do not come here; a filter of the printing layer alone does not matter. A filter on this layer has to let through the span
    /// `crawl` of the target `silkroute_spider`, which is of level ERROR. What a task of your own logs counts if it is
    /// spawned `.in_current_span()`. Where the levels go down to DEBUG or TRACE, all libraries make their events and spans
    /// of these levels, and a crawl is slower for it.
    ///
    /// ```
    /// use tracing::Level;
    /// use tracing_subscriber::layer::SubscriberExt as _;
    ///
    /// let subscriber = tracing_subscriber::registry().with(silkroute_spider::count_logs(Level::INFO));
    /// # let _guard =
    /// tracing::subscriber::set_default(subscriber);
    /// ```
    #[doc(alias = "log_levels_counter")]
    #[doc(alias = "log_count")]
    pub fn count_logs<S>(most: impl Into<LevelFilter>) -> impl Layer<S> + Send + Sync
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let most = most.into();
        LogCounter { most, put: None }.with_filter(most)
    }

    struct LogCounter {
        most: LevelFilter,
        /// Puts counts into a span. Only a function that was made for the subscriber's type can.
        put: Option<fn(&Dispatch, &Id, Arc<LogCounts>)>,
    }

    impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for LogCounter {
        fn on_layer(&mut self, _: &mut S) {
            self.put = Some(|subscriber, span, counts| {
                let spans = subscriber.downcast_ref::<S>();
                if let Some(span) = spans.and_then(|spans| spans.span(span)) {
                    span.extensions_mut().insert(counts);
                }
            });
        }

        fn on_event(&self, event: &Event<'_>, spans: Context<'_, S>) {
            // From the innermost outwards: of a crawl within a crawl, the inner one has it.
            for span in spans.event_scope(event).into_iter().flatten() {
                if let Some(counts) = span.extensions().get::<Arc<LogCounts>>() {
                    return counts.count(*event.metadata().level());
                }
            }
        }
    }

    /// Counts what happens in the span of a crawl, if the subscriber has the layer.
    pub(crate) fn watch(crawl: &Span) -> Option<Arc<LogCounts>> {
        let counts = crawl.with_subscriber(|(span, subscriber)| {
            let counter = subscriber.downcast_ref::<LogCounter>()?;
            let counts = Arc::new(LogCounts::new(counter.most));
            counter.put?(subscriber, span, Arc::clone(&counts));
            Some(counts)
        });
        counts.flatten()
    }

    impl LogCounts {
        fn new(most: LevelFilter) -> Self {
            let counts = Default::default();
            Self { most, counts }
        }

        fn count(&self, level: Level) {
            let of_level = LEVELS.iter().zip(&self.counts).find(|((its, _), _)| *its == level);
            if let Some((_, count)) = of_level {
                count.fetch_add(1, Relaxed);
            }
        }
    }
}
