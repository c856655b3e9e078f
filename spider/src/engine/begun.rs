//! What a crawl that outlives its process was begun with, and whether the run that goes on with it is of the same.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use xxhash_rust::xxh3::Xxh3Default;

use super::Engine;
use super::ledger::Starts;
use super::resume::{STARTS, read};
use crate::error::panicked;
use crate::frontier::{Durable, Values};
use crate::{BoxError, CrawlError, Difference, Result, Spider};

/// What the spider was given.
const ARGUMENTS: &str = "arguments";
/// The step of the requests that are kept without one.
const DEFAULT_STEP: &str = "default step";
/// The start URLs, as a hash.
const START_URLS: &str = "start urls";

impl<S: Spider> Engine<S> {
    /// Refuses the crawl of other arguments, and keeps what this one is begun with. Gives the start requests that were taken:
    /// with other start URLs they have to be taken once more.
    pub(super) async fn settle_beginning(
        &self,
        durable: &dyn Durable,
        values: &Values,
        mut starts: Starts,
    ) -> Result<Starts, CrawlError> {
        let failed = |source: BoxError| CrawlError::frontier("say what the crawl was begun with", source);
        let mut new = Values::new();
        let arguments = catch_unwind(AssertUnwindSafe(|| self.spider.arguments()));
        let arguments = arguments.map_err(|panic| failed(panicked("arguments", &*panic)))?;
        match read::<BTreeMap<String, String>>(values, ARGUMENTS).map_err(failed)? {
            None => drop(new.insert(ARGUMENTS.to_owned(), json(&arguments).map_err(failed)?)),
            Some(kept) if kept == arguments => {}
            Some(kept) => {
                return Err(CrawlError::OtherArguments {
                    spider: self.spider.name().to_owned(),
                    frontier: durable.home(),
                    differences: differences(&kept, &arguments),
                });
            }
        }
        match values.get(DEFAULT_STEP) {
            Some(kept) => self.codec.imply(kept),
            None => drop(new.insert(DEFAULT_STEP.to_owned(), self.codec.default_step().to_owned())),
        }
        // What a panic is to come of is seen when the start requests are taken.
        if let Ok(urls) = catch_unwind(AssertUnwindSafe(|| self.spider.start_urls())) {
            let hash = hash_of(&urls).into_bytes();
            let kept = values.get(START_URLS);
            if kept.is_some_and(|kept| *kept != hash) && starts.done {
                tracing::info!(
                    spider = self.spider.name(),
                    "there are other start URLs: those that are new are taken"
                );
                starts.done = false;
                new.insert(STARTS.to_owned(), json(&starts).map_err(failed)?);
            }
            if kept != Some(&hash) {
                new.insert(START_URLS.to_owned(), hash);
            }
        }
        if !new.is_empty() {
            // Before the first request: none is to be found without them.
            durable.commit(Vec::new(), new).await.map_err(failed)?;
        }
        Ok(starts)
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    Ok(serde_json::to_vec(value)?)
}

fn differences(kept: &BTreeMap<String, String>, given: &BTreeMap<String, String>) -> Vec<Difference> {
    let names: BTreeSet<_> = kept.keys().chain(given.keys()).collect();
    let differing = names.into_iter().filter(|name| kept.get(*name) != given.get(*name));
    differing
        .map(|name| Difference {
            name: name.clone(),
            kept: kept.get(name).cloned(),
            given: given.get(name).cloned(),
        })
        .collect()
}

/// The same on every machine.
fn hash_of(urls: &[String]) -> String {
    let mut hash = Xxh3Default::new();
    for url in urls {
        hash.update(&(url.len() as u64).to_le_bytes());
        hash.update(url.as_bytes());
    }
    format!("{:032x}", hash.digest128())
}
