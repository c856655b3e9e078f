//! `silkroute crawl`: a crawl that takes no program.

mod args;
mod begun;
mod field;
mod item;
mod sessions;
mod spider;
mod warnings;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use silkroute::prelude::*;
use silkroute::spider::{CrawlBuilder, Ended, Escalation, LinkExtractor, RobotsPolicy, Stats};
#[cfg(feature = "disk")]
use silkroute::spider::{DiskFrontier, Order};
use tokio::sync::Notify;
use url::{Host, Url};

pub(crate) use self::args::CrawlArgs;
use self::item::StandardOutput;
use self::sessions::Sessions;
use self::spider::Generic;
use crate::failure::{Failure, say, with_causes};
use crate::session::CookieFile;
use crate::signals::Signals;

/// Any host, for `--allow`.
const ANY: &str = "*";

/// Crawls, and tells how it went.
pub(crate) fn run(args: &CrawlArgs) -> Result<(), Failure> {
    let hosts = allowed_hosts(args)?;
    unlike_names(args)?;
    let cookies = args.via.cookies.as_deref().map(CookieFile::open).transpose()?;
    let sessions = Sessions::find(args, &silkroute::registry()?, cookies.as_ref().map(CookieFile::jar))?;
    let generic = Generic {
        starts: args.urls.clone(),
        options: sessions.options.clone(),
        timeout: args.via.timeout,
        links: links(args)?,
        fields: args.fields.clone(),
        arguments: begun::arguments(args, &sessions)?,
    };
    let left = Arc::new(Notify::new());
    let crawl = settings(generic, args, hosts).sessions(&sessions.manager);
    let crawl = match sessions.order.as_slice() {
        [_] => crawl,
        order => crawl.escalation(Escalation::ladder(order)),
    };
    let crawl = match &args.output {
        Some(path) => item::write_to(crawl, path, &args.fields)?,
        None => crawl.export(StandardOutput::new(Arc::clone(&left))),
    };
    let crawl = in_its_directory(crawl, args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("starting the threads of the crawl: {}", with_causes(&error))))?;
    tracing::subscriber::set_global_default(warnings::printed()).map_err(|error| Failure::failed(&error))?;
    let done = runtime.block_on(crawl_to_its_end(crawl.export_only(), &sessions, &left));
    // A name that is still being looked up must not keep the program.
    runtime.shutdown_background();
    // Cookies of a crawl that failed half-way count as well.
    let saved = cookies.as_ref().map_or(Ok(()), CookieFile::save);
    if let Err(failure) = &saved {
        failure.tell();
    }
    let done = done?;
    let written = args
        .stats
        .as_deref()
        .map_or(Ok(()), |path| write_stats(path, &done.report));
    if let Err(failure) = &written {
        failure.tell();
    }
    // A crawl that a signal stopped may have work left that it has not come to yet: URLs of the start.
    let stopped = done.signal.is_some() && done.report.ended == Ended::Stopped;
    let failure = match done.signal {
        _ if args.directory().is_some() && (done.report.pending > 0 || stopped) => {
            Some(Failure::Paused(done.report.pending))
        }
        Some(signal) => Some(Failure::Interrupted(signal)),
        None if done.report.stats.pages == 0 => Some(Failure::Failed(nothing(&done.report.stats))),
        None => saved.and(written).err().map(|_| Failure::Told(1)),
    };
    let status = failure.map_or(0, |failure| failure.tell());
    // The last line, whatever else there was to say.
    let line = serde_json::to_string(&done.report).map_err(|error| Failure::failed(&error))?;
    crate::failure::say_line(&line);
    match status {
        0 => Ok(()),
        status => Err(Failure::Told(status)),
    }
}

/// How a crawl went.
struct Done {
    report: Report,
    /// The number of the signal that ended it.
    signal: Option<u8>,
}

/// What the last line says.
#[derive(Serialize)]
struct Report {
    ended: Ended,
    /// Requests that were found and are not done.
    pending: u64,
    pages_per_second: f64,
    #[serde(flatten)]
    stats: Stats,
}

async fn crawl_to_its_end(crawl: CrawlBuilder<Generic>, sessions: &Sessions, left: &Notify) -> Result<Done, Failure> {
    let (handle, running) = crawl.with_handle().map_err(|error| failure_of(&error))?;
    tokio::pin!(running);
    let mut signals = Signals::listen().map_err(|error| Failure::failed(&error))?;
    let mut signal = None;
    let outcome = loop {
        tokio::select! {
            outcome = &mut running => break outcome,
            () = left.notified() => handle.stop(),
            number = signals.next() => {
                signal = Some(number);
                let warning = match handle.ended() {
                    None => "the crawl ends when the pages under way are done; once more to end it now",
                    Some(_) => "the crawl ends now",
                };
                say("warning", warning);
                handle.stop();
            }
        }
    };
    if let Err(error) = sessions.manager.close().await {
        say("warning", &with_causes(&error));
    }
    let crawl = outcome.map_err(|error| failure_of(&error))?;
    let report = Report {
        ended: crawl.ended,
        pending: crawl.pending,
        pages_per_second: (crawl.stats.pages_per_second() * 10.0).round() / 10.0,
        stats: crawl.stats,
    };
    Ok(Done { report, signal })
}

fn settings(spider: Generic, args: &CrawlArgs, hosts: Vec<String>) -> CrawlBuilder<Generic> {
    let mut crawl = spider
        .crawl()
        .concurrency(args.concurrency)
        .allowed_hosts(hosts)
        .progress();
    if let Some(depth) = args.depth {
        crawl = crawl.max_depth(depth);
    }
    if let Some(pages) = args.max_pages {
        crawl = crawl.max_pages(pages);
    }
    if let Some(delay) = args.delay {
        crawl = crawl.download_delay(delay);
    }
    if let Some(agent) = &args.robots {
        crawl = crawl.robots(match agent.as_str() {
            "" => RobotsPolicy::default(),
            agent => RobotsPolicy::obey(agent),
        });
    }
    crawl
}

#[cfg(feature = "disk")]
fn in_its_directory(crawl: CrawlBuilder<Generic>, args: &CrawlArgs) -> Result<CrawlBuilder<Generic>, Failure> {
    let Some(directory) = args.directory() else {
        return Ok(crawl);
    };
    let frontier = DiskFrontier::open(directory, Order::BreadthFirst)
        .map_err(|error| Failure::Usage(format!("--frontier: {}", with_causes(&error))))?;
    Ok(crawl.frontier(frontier))
}

#[cfg(not(feature = "disk"))]
#[expect(clippy::unnecessary_wraps, reason = "with the feature `disk` it can fail")]
fn in_its_directory(crawl: CrawlBuilder<Generic>, _args: &CrawlArgs) -> Result<CrawlBuilder<Generic>, Failure> {
    Ok(crawl)
}

fn links(args: &CrawlArgs) -> Result<LinkExtractor, Failure> {
    let Some(css) = &args.follow else {
        return Ok(LinkExtractor::new());
    };
    LinkExtractor::new()
        .within(css)
        .map_err(|error| Failure::Usage(format!("--follow: {}", with_causes(&error))))
}

/// The hosts of the start, and those that are allowed besides. A site that is started at its `www.` is all of the site.
fn allowed_hosts(args: &CrawlArgs) -> Result<Vec<String>, Failure> {
    let mut hosts = BTreeSet::new();
    for text in &args.urls {
        let url: Url = Visit::<()>::get(text)?.url().clone();
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Failure::Usage(format!(
                "`{text}`: a `{}:` URL cannot be crawled; give one of http: or https:",
                url.scheme()
            )));
        }
        if let Some(host) = url.host_str() {
            hosts.insert(host.strip_prefix("www.").unwrap_or(host).to_owned());
        }
    }
    if args.allow.iter().any(|host| host == ANY) {
        return Ok(Vec::new());
    }
    for host in &args.allow {
        Host::parse(host.trim_start_matches('.')).map_err(|error| {
            Failure::Usage(format!(
                "--allow: `{host}`: {error}; give a host such as shop.example.com, or * for any"
            ))
        })?;
        hosts.insert(host.clone());
    }
    Ok(hosts.into_iter().collect())
}

fn unlike_names(args: &CrawlArgs) -> Result<(), Failure> {
    let mut names = BTreeSet::new();
    match args.fields.iter().find(|field| !names.insert(&field.name)) {
        Some(twice) => Err(Failure::Usage(format!(
            "--field: there are two fields `{}`; give each a name of its own",
            twice.name
        ))),
        None => Ok(()),
    }
}

/// Why there is not a single page.
fn nothing(stats: &Stats) -> String {
    let reasons = [
        (stats.failed, "brought no response"),
        (stats.gave_up_blocked, "were blocked"),
        (stats.robots_disallowed, "are not allowed by robots.txt"),
        (stats.offsite, "led to hosts that are not allowed (--allow)"),
    ];
    let told: Vec<_> = reasons
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, reason)| format!("{count} {reason}"))
        .collect();
    let told = if told.is_empty() {
        "no request was sent".to_owned()
    } else {
        told.join(", ")
    };
    format!("nothing could be fetched: of the requests, {told}")
}

fn write_stats(path: &Path, report: &Report) -> Result<(), Failure> {
    let refused = |error: std::io::Error| {
        Failure::Failed(format!(
            "writing the statistics (--stats) to `{}`: {error}",
            path.display()
        ))
    };
    let mut text = serde_json::to_vec_pretty(report).map_err(|error| refused(error.into()))?;
    text.push(b'\n');
    std::fs::write(path, text).map_err(refused)
}

/// Whether requests wait for a session that the command line does not name any more.
fn is_unknown_session(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(Error::UnknownSession { .. }))
}

fn failure_of(error: &CrawlError) -> Failure {
    match error {
        CrawlError::Manager(error) => Failure::from(error.clone()),
        CrawlError::Setting { .. } => Failure::usage(error),
        CrawlError::OtherArguments {
            frontier, differences, ..
        } => begun::refused(frontier, differences),
        CrawlError::Frontier { source, .. } if is_unknown_session(source.as_ref()) => Failure::usage(error),
        _ => Failure::failed(error),
    }
}
