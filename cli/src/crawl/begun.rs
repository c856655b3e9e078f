//! What makes a crawl that is kept in a directory this one and no other.
//!
//! It is what decides which pages a crawl fetches, what it takes of them, and what stands in each request that waits. All else
//! may change from run to run.

use std::collections::BTreeMap;

use silkroute::core::{Options, redact_url};
use silkroute::prelude::*;
use silkroute::spider::Difference;

use super::CrawlArgs;
use super::sessions::Sessions;
use crate::failure::Failure;

const OPTIONS: &str = "-O";

/// The arguments of the crawl, by the name that the command line has for them.
pub(super) fn arguments(args: &CrawlArgs, sessions: &Sessions) -> Result<BTreeMap<String, String>, Failure> {
    let mut urls = Vec::new();
    for url in &args.urls {
        // Without a password: it may have been changed.
        urls.push(redact_url(Visit::<()>::get(url)?.url()));
    }
    let fields: Vec<_> = args.fields.iter().map(|field| field.text.as_str()).collect();
    let given = [
        ("URL", some(sorted(urls).join(" "))),
        ("--follow", args.follow.clone()),
        ("--allow", some(sorted(args.allow.clone()).join(", "))),
        ("--field", some(fields.join(", "))),
        ("--depth", args.depth.map(|depth| depth.to_string())),
        ("--robots", args.robots.clone()),
        // Pages are known by the session that fetches when nothing is said.
        ("--session", sessions.order.first().cloned()),
        ("--timeout", args.via.timeout.map(|timeout| format!("{timeout:?}"))),
        (OPTIONS, options(&sessions.options)?),
    ];
    let given = given.into_iter();
    Ok(given
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect())
}

/// Options may hold passwords: they are kept, as they are with each request that waits, and shown nowhere.
fn options(options: &Options) -> Result<Option<String>, Failure> {
    if options.is_empty() {
        return Ok(None);
    }
    let json = serde_json::to_string(options).map_err(|error| Failure::failed(&error))?;
    Ok(Some(json))
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts.dedup();
    texts
}

/// That a directory holds another crawl.
pub(super) fn refused(directory: &str, differences: &[Difference]) -> Failure {
    let told: Vec<_> = differences.iter().map(told).collect();
    Failure::Usage(format!(
        "--frontier: {directory} holds another crawl: {}; run the command that began it to go on with it, or give this one another \
         directory",
        told.join("; ")
    ))
}

fn told(difference: &Difference) -> String {
    let name = match difference.name.as_str() {
        // Without another one the first is the default.
        "--session" => "the first --session",
        "URL" => "where it starts",
        OPTIONS => return "-O is not what it was begun with".to_owned(),
        name => name,
    };
    let shown = |value: &Option<String>| match value.as_deref() {
        None => "not given".to_owned(),
        Some("") => "given".to_owned(),
        Some(value) => format!("`{value}`"),
    };
    let (kept, given) = (shown(&difference.kept), shown(&difference.given));
    format!("{name} was {kept}, and is {given} now")
}
