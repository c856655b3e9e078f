//! What a pool is told, and what it tells.

use std::time::Duration;

use crate::tab::LocalStorage;

/// How a pool is.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// Tabs at one time, 1 to 50. Default 1.
    pub max_pages: usize,
    /// Whether a tab is cleared and used again. Default true; false gives each use a new one, which costs more processor
    /// time. The next one is opened while the last is in use, so that there is one more than `max_pages`: a tab is not
    /// waited for, and its window, which goes with its last tab and takes as long to open as a page, stays. In a browser that
    /// we launched, a new tab takes over the renderer process of one that has gone, if it goes to the same site: each is
    /// opened by an empty page of its own, beside which it is the only one. Neither is so for contexts that take turns.
    pub reuse_tabs: bool,
    /// After so many uses a tab is closed rather than cleared, or, where tabs are not used again, the process that they take
    /// over from one another ends. Default 100.
    pub recycle_after: u32,
    /// Whether what sites stored (`localStorage`, databases, caches of service workers) goes with each use, as soon as no
    /// other tab of the pool has the site open, or was told to go there. A tab that is told so as the site is being cleared waits
    /// until it is. Cookies and the HTTP cache always stay. Default true.
    pub clear_storage: bool,
    /// Whether that holds in the context that the browser has from the start, too. Default true; false for the profile of somebody
    /// who wants to find there what they left.
    pub clear_default_context: bool,
    /// Whether local storage goes with the rest, or stays as cookies do. Default: it goes.
    pub local_storage: LocalStorage,
    /// How long clearing may take; a tab that takes longer is closed. Default 5 s.
    pub clear_timeout: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            max_pages: 1,
            reuse_tabs: true,
            recycle_after: 100,
            clear_storage: true,
            clear_default_context: true,
            local_storage: LocalStorage::Goes,
            clear_timeout: Duration::from_secs(5),
        }
    }
}

/// How many tabs there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStats {
    /// Handed out, or being cleared.
    pub busy: usize,
    /// Ready to be used.
    pub idle: usize,
    /// The most there may be.
    pub max_pages: usize,
}
