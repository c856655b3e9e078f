//! What the command line of a crawl may say.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::field::Field;
use crate::session::SessionArgs;

/// `silkroute crawl`.
#[derive(Args)]
pub(crate) struct CrawlArgs {
    /// Where to start, with the scheme; may be repeated
    #[arg(required = true, value_name = "URL")]
    pub(crate) urls: Vec<String>,
    /// A session: ID=KIND, a kind, or one of the config file. The first fetches; a page that is blocked, or that scripts
    /// would have to fill, goes to the next
    /// [default: the file's default, or http]
    #[arg(long = "session", value_name = "ID=KIND")]
    pub(crate) sessions: Vec<String>,
    /// Follow only the links that this CSS selector finds, or that are in what it finds [default: all]
    #[arg(long, value_name = "CSS")]
    pub(crate) follow: Option<String>,
    /// Go to this host and those below it as well; '*' for any; may be repeated
    #[arg(long = "allow", value_name = "HOST")]
    pub(crate) allow: Vec<String>,
    /// A field of the items: the text, or with ::attr(x) the attribute, of the first match; with NAME[] of all; may be
    /// repeated
    #[arg(long = "field", value_name = "NAME=CSS", value_parser = Field::parse)]
    pub(crate) fields: Vec<Field>,
    /// How many links away from the start it goes; 0 for the start alone [default: any]
    #[arg(long, value_name = "N")]
    pub(crate) depth: Option<u32>,
    /// End after so many pages [default: none]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_pages: Option<u64>,
    /// How many requests are under way at once
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub(crate) concurrency: usize,
    /// The time between the starts of two requests to a host, such as 500ms [default: none]
    #[arg(long, value_name = "TIME", value_parser = silkroute::core::duration::parse)]
    pub(crate) delay: Option<Duration>,
    /// Obey robots.txt: the rules for the session's User-Agent, or those for this agent
    #[arg(long, value_name = "AGENT", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub(crate) robots: Option<String>,
    /// Keep the crawl in this directory: run again, it goes on where it was. Where it starts, --follow, --allow, --field,
    /// --depth, --robots, --timeout, -O and the first --session are then those that it was begun with
    #[cfg(feature = "disk")]
    #[arg(long, value_name = "DIR")]
    pub(crate) frontier: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) via: SessionArgs,
    /// Write the items to this file: .jsonl, .csv or .json [default: JSON lines on standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write the statistics to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) stats: Option<PathBuf>,
}

impl CrawlArgs {
    /// The directory that the crawl lives in, if it does in one.
    pub(super) fn directory(&self) -> Option<&Path> {
        #[cfg(feature = "disk")]
        return self.frontier.as_deref();
        #[cfg(not(feature = "disk"))]
        None
    }
}
