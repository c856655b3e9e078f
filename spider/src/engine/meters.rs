//! What a crawl reports through the `metrics` crate, each labelled with the spider's name.

use metrics::{Counter, counter};

/// `silkroute_crawl_pages_total`, `.._items_total`, `.._retries_total`, `.._blocked_total`, `.._failed_total`.
pub(super) struct Meters {
    pub(super) pages: Counter,
    pub(super) items: Counter,
    pub(super) retries: Counter,
    pub(super) blocked: Counter,
    pub(super) failed: Counter,
}

impl Meters {
    pub(super) fn new(spider: &str) -> Self {
        let name = || spider.to_owned();
        Self {
            pages: counter!("silkroute_crawl_pages_total", "spider" => name()),
            items: counter!("silkroute_crawl_items_total", "spider" => name()),
            retries: counter!("silkroute_crawl_retries_total", "spider" => name()),
            blocked: counter!("silkroute_crawl_blocked_total", "spider" => name()),
            failed: counter!("silkroute_crawl_failed_total", "spider" => name()),
        }
    }
}
