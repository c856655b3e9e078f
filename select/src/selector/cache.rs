//! The selectors and patterns that were used last: callbacks use the same few for every page.

use std::cell::RefCell;
use std::num::NonZeroUsize;

use lru::LruCache;
use regex::Regex;
use silkroute_core::{Error, Result};

use super::Selector;

/// How many selectors each thread remembers, and how many patterns.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(256).unwrap();

thread_local! {
    // One for each thread: threads that parse pages must not wait for each other.
    static SELECTORS: RefCell<LruCache<Box<str>, Selector>> = RefCell::new(LruCache::new(REMEMBERED));
    static PATTERNS: RefCell<LruCache<Box<str>, Regex>> = RefCell::new(LruCache::new(REMEMBERED));
}

/// The selector, read now if it was not used lately.
pub(crate) fn cached(text: &str) -> Result<Selector> {
    if let Some(selector) = SELECTORS.with_borrow_mut(|known| known.get(text).cloned()) {
        return Ok(selector);
    }
    let selector = Selector::parse(text)?;
    SELECTORS.with_borrow_mut(|known| known.put(text.into(), selector.clone()));
    Ok(selector)
}

/// The regular expression, compiled now if it was not used lately.
pub(crate) fn pattern(text: &str) -> Result<Regex> {
    if let Some(pattern) = PATTERNS.with_borrow_mut(|known| known.get(text).cloned()) {
        return Ok(pattern);
    }
    let pattern = Regex::new(text).map_err(|error| Error::invalid("the regular expression", error))?;
    PATTERNS.with_borrow_mut(|known| known.put(text.into(), pattern.clone()));
    Ok(pattern)
}
