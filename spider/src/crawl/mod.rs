//! Setting up a crawl, and what comes of it.

mod handle;
mod signals;
mod stream;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use silkroute_manager::SessionManager;
use tokio::sync::mpsc;
use tracing::Instrument as _;

use crate::engine::{Control, Engine, Setup, Sink, disk_hangs, late};
use crate::export::{Csv, Export, Json, JsonLines};
use crate::frontier::Source;
use crate::offsite::AllowedHosts;
use crate::schedule::{Rules, Schedule};
use crate::stats::watch;
use crate::{CrawlError, HostSettings, IntoFrontier, Result, Settings, Spider, Stats};

use self::signals::Signals;

pub use self::handle::CrawlHandle;
pub use self::stream::CrawlStream;

/// Why a crawl ended.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Nothing was left to visit.
    Finished,
    /// It had as many pages as were asked for.
    MaxPages,
    /// It had as many items as were asked for.
    MaxItems,
    /// Its time was up.
    MaxTime,
    /// Its handle stopped it, or nobody read its stream any more.
    Stopped,
    /// It could not go on; the error says why.
    Failed,
}

/// What came of a crawl.
#[non_exhaustive]
#[derive(Debug)]
pub struct Crawl<I> {
    /// The items of this run, in the order they were found; none where they went to a stream, or to [exports
    /// alone](CrawlBuilder::export_only). On a frontier that outlives the process those of earlier runs are in its
    /// [`ItemLog`](crate::ItemLog); [`Stats::items`] counts all.
    pub items: Vec<I>,
    /// What was done.
    pub stats: Stats,
    /// Why it ended.
    pub ended: Ended,
    /// How many requests were found and are not done: what the next run on the same frontier begins with, where it
    /// outlives the process. The spider may have start requests besides.
    pub pending: u64,
    /// What went wrong when its sessions were closed, once all was done: [`Error::Close`](silkroute_core::Error::Close), with
    /// the name and error of each. `None` where all closed cleanly, and where sessions were [given](CrawlBuilder::sessions),
    /// which are left running.
    pub close_error: Option<silkroute_core::Error>,
}

/// A crawl on its way to being run. Every setting of [`Settings`] is a method of it.
#[must_use = "a crawl does nothing before it is run"]
pub struct CrawlBuilder<S: Spider> {
    spider: S,
    settings: Settings,
    sessions: Option<SessionManager>,
    frontier: Option<Source>,
    signals: bool,
    exports: Vec<Box<dyn Export<S::Item>>>,
    export_only: bool,
}

impl<S: Spider> CrawlBuilder<S> {
    pub(crate) fn new(spider: S) -> Self {
        Self {
            settings: spider.settings(),
            spider,
            sessions: None,
            frontier: None,
            signals: false,
            exports: Vec::new(),
            export_only: false,
        }
    }

    pub(crate) fn change(mut self, change: impl FnOnce(Settings) -> Settings) -> Self {
        self.settings = change(self.settings);
        self
    }

    /// Takes all settings from here, in place of the spider's.
    pub fn settings(self, settings: Settings) -> Self {
        self.change(|_| settings)
    }

    /// How many requests go to one session at once, on top of what the session itself allows: see
    /// [`Settings::session_concurrency`].
    pub fn session_concurrency(self, session: impl Into<String>, requests: usize) -> Self {
        self.change(|settings| settings.session_concurrency(session, requests))
    }

    /// What is different for a host, those below it, and all their ports: see [`Settings::host`].
    pub fn host(self, host: impl Into<String>, settings: HostSettings) -> Self {
        self.change(|all| all.host(host, settings))
    }

    /// Stays on these hosts, those below them, and all their ports.
    #[doc(alias = "allowed_domains")]
    pub fn allowed_hosts<H: Into<String>>(self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.change(|settings| settings.allowed_hosts(hosts))
    }

    /// Fetches through these sessions, in place of those that the spider would configure. They are started with the
    /// crawl and left running after it.
    pub fn sessions(mut self, sessions: &SessionManager) -> Self {
        self.sessions = Some(sessions.clone());
        self
    }

    /// Keeps its requests in this frontier, in place of one in memory. The order is then the frontier's own.
    ///
    /// With the feature `disk` it takes the path of a directory. The crawl then lives there: whatever ends it, a signal, a
    /// limit, a `kill -9`, the same program run again goes on where it was, and what is done is not done again. The
    /// requests, what was seen, the items (see [`ItemLog`](crate::ItemLog)), the statistics, the delays of hosts and the
    /// cookies of sessions are kept, and go beneath those of a login that was made before the run or in
    /// [`on_start`](Spider::on_start); a page counts as done when what it left is on the disk. Exports go on where they
    /// were, and a new one that takes items [as JSON](Export::as_json) gets all of the crawl.
    ///
    /// A crawl that has finished finishes at once, with a warning: its statistics are those of all runs, of whose pages
    /// [`Stats::pages_before`] earlier ones got. [Start URLs](Spider::start_urls) that were not among those of the run before are
    /// visited then. A run of a spider of another name, or with other [arguments](Spider::arguments), is refused, and nothing of
    /// the crawl is touched.
    ///
    /// Requests that wait keep their [`Step`](crate::Step): those of the default step go on with the one that was the default when
    /// the crawl began. One that the program does not know any more ends the crawl when its turn comes, with an error that says
    /// which request it is; it stays where it is for a program that does.
    ///
    /// The limits of pages and items are those of the whole crawl, the limit of time is that of one run.
    #[doc(alias = "JOBDIR")]
    #[doc(alias = "checkpoint")]
    #[doc(alias = "resume")]
    pub fn frontier(mut self, frontier: impl IntoFrontier) -> Self {
        self.frontier = Some(frontier.into_frontier());
        self
    }

    /// Ends it on Ctrl-C and SIGTERM: on the first when the pages under way are done, up to the [drain
    /// timeout](Self::drain_timeout), on the second at once. With a frontier on disk nothing is lost either way; with one
    /// in memory, what the pages that were done gave is. [`Crawl::ended`] is then [`Ended::Stopped`].
    ///
    /// From then on these signals do not end the process by themselves any more, also when the crawl is over: that is how
    /// tokio listens to them.
    pub fn stop_on_signals(mut self) -> Self {
        self.signals = true;
        self
    }

    /// Writes each item to a file as a line of JSON, as it comes. Folders are made as needed.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn export_jsonl(self, path: impl AsRef<Path>) -> Result<Self, CrawlError> {
        let export = JsonLines::create(path)?;
        Ok(self.export(export))
    }

    /// Writes the items to a file as one JSON array, as they come.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn export_json(self, path: impl AsRef<Path>) -> Result<Self, CrawlError> {
        let export = Json::create(path)?;
        Ok(self.export(export))
    }

    /// Writes each item to a file as a line of CSV, as it comes. The first item's fields are the columns.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn export_csv(self, path: impl AsRef<Path>) -> Result<Self, CrawlError> {
        let export = Csv::create(path)?;
        Ok(self.export(export))
    }

    /// Gives each item to this export.
    pub fn export(mut self, export: impl Export<S::Item>) -> Self {
        self.exports.push(Box::new(export));
        self
    }

    /// Shows on standard error how it goes, if that is a terminal.
    #[cfg(feature = "progress")]
    pub fn progress(self) -> Self {
        self.change(|mut settings| {
            settings.progress = true;
            settings
        })
    }

    /// Keeps no items but in the exports: for crawls whose items do not fit into memory.
    pub fn export_only(mut self) -> Self {
        self.export_only = true;
        self
    }

    /// Runs it to its end. Dropping the future ends it where it is: what is under way is lost,
    /// [`on_close`](Spider::on_close) is not called, and exports are not finished, so that a `.json` file lacks its end. To
    /// end it in order, use [`with_handle`](Self::with_handle).
    ///
    /// # Errors
    /// It could not begin, or not go on. What fails for a request or an item is no error of the crawl: see [`Stats`]. Nor is a
    /// session that does not close cleanly at the end: see [`Crawl::close_error`].
    ///
    /// With an error the items so far are lost, but for what exports, a [`stream`](Self::stream) or a frontier that outlives
    /// the process have: a crawl of hours should have one of these. The statistics are still with the handle of
    /// [`with_handle`](Self::with_handle).
    pub async fn run(self) -> Result<Crawl<S::Item>, CrawlError> {
        let sink = self.sink();
        self.prepare()?.run(sink).await
    }

    /// Like [`run`](Self::run), with a handle to look at it, pause it or stop it on the way. It begins when the future
    /// is polled.
    ///
    /// ```no_run
    /// # use silkroute_spider::{CrawlError, Spider};
    /// # async fn example(spider: impl Spider) -> Result<(), CrawlError> {
    /// let (handle, crawl) = spider.crawl().with_handle()?;
    /// let crawl = tokio::spawn(crawl);
    /// println!("{} pages so far", handle.stats().pages);
    /// handle.stop();
    /// # let _ = crawl.await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn with_handle(self) -> Result<(CrawlHandle, impl Future<Output = CrawlResult<S>> + Send), CrawlError> {
        let sink = self.sink();
        let prepared = self.prepare()?;
        Ok((prepared.handle(), prepared.run(sink)))
    }

    /// Runs it in the background and gives its items as they come, through a buffer of the [size that was
    /// set](Settings::stream_buffer): when it is full the spider waits, and no item is dropped. It must be
    /// called on a tokio runtime.
    ///
    /// Dropping the stream ends the crawl as dropping the future of [`run`](Self::run) does; [`CrawlStream::finish`] ends it
    /// in order.
    ///
    /// # Errors
    /// A setting cannot be used.
    pub fn stream(self) -> Result<CrawlStream<S::Item>, CrawlError> {
        let prepared = self.prepare()?;
        let (sender, items) = mpsc::channel(prepared.settings.stream_buffer);
        let handle = prepared.handle();
        let task = tokio::spawn(prepared.run(Sink::Streamed(sender)));
        Ok(CrawlStream::new(items, handle, task))
    }

    fn sink(&self) -> Sink<S::Item> {
        if self.export_only {
            Sink::Exported
        } else {
            Sink::Collected(Mutex::default())
        }
    }

    fn prepare(self) -> Result<Prepared<S>, CrawlError> {
        let settings = self.settings;
        let (allowed, paces, throttle) = settings.settle()?;
        let schedule = Schedule::new(Rules {
            concurrency: settings.concurrency,
            paces,
            throttle,
            robots: settings.robots.is_some(),
        });
        let stats = Stats {
            concurrency: settings.concurrency,
            host_concurrency: settings.host_concurrency,
            download_delay: settings.download_delay,
            throttled: settings.throttle.is_some(),
            ..Stats::default()
        };
        Ok(Prepared {
            control: Arc::new(Control::new(schedule, stats, settings.max_pages)),
            frontier: self.frontier.unwrap_or_else(|| Source::memory(settings.order)),
            signals: self.signals,
            spider: self.spider,
            settings,
            allowed,
            sessions: self.sessions,
            exports: self.exports,
        })
    }
}

type CrawlResult<S> = Result<Crawl<<S as Spider>::Item>, CrawlError>;

/// A crawl whose settings can be used.
struct Prepared<S: Spider> {
    spider: S,
    settings: Settings,
    allowed: AllowedHosts,
    control: Arc<Control>,
    frontier: Source,
    signals: bool,
    sessions: Option<SessionManager>,
    exports: Vec<Box<dyn Export<S::Item>>>,
}

impl<S: Spider> Prepared<S> {
    fn handle(&self) -> CrawlHandle {
        CrawlHandle::new(Arc::clone(&self.control))
    }

    async fn run(self, sink: Sink<S::Item>) -> CrawlResult<S> {
        // A filter that lets through no more than errors leaves it too: they say which crawl they are of.
        let span = tracing::error_span!("crawl", spider = self.spider.name());
        self.control.lock().logs = watch(&span);
        self.run_in_its_span(sink).instrument(span).await
    }

    async fn run_in_its_span(self, sink: Sink<S::Item>) -> CrawlResult<S> {
        let name = self.spider.name().to_owned();
        let own = self.sessions.is_none();
        let sessions = match self.sessions {
            Some(sessions) => sessions,
            None => {
                let sessions = SessionManager::new();
                let configured = self.spider.configure_sessions(&sessions);
                configured.map_err(|source| CrawlError::Sessions {
                    spider: name.clone(),
                    source,
                })?;
                sessions
            }
        };
        if sessions.is_empty() {
            return Err(CrawlError::NoSessions { spider: name });
        }
        let signals = self.signals.then(|| Signals::listen(Arc::clone(&self.control)));
        let _signals = signals.transpose().map_err(|source| CrawlError::Signals { source })?;
        let (control, drain_timeout) = (Arc::clone(&self.control), self.settings.drain_timeout);
        let frontier = self.frontier.open(self.settings.order).await?;
        tokio::select! {
            started = sessions.start() => started?,
            // A browser may take its time; who asks twice does not want to wait for it.
            () = self.control.cut() => {}
        }
        let engine = Engine::new(Setup {
            spider: self.spider,
            sessions: sessions.clone(),
            settings: self.settings,
            frontier: Arc::clone(&frontier),
            allowed: self.allowed,
            control: self.control,
            sink,
            exports: self.exports,
        })
        .map(Arc::new);
        let result = match &engine {
            Ok(engine) => engine.run().await,
            Err(_) => Ok(()),
        };
        let close_error = if own { sessions.close().await.err() } else { None };
        if let Some(error) = &close_error {
            tracing::warn!(spider = name, %error, "the crawl is over, and its sessions did not close cleanly");
        }
        let let_go = match frontier.durable() {
            Some(durable) => tokio::select! {
                biased;
                closed = durable.close() => closed.map_err(|source| CrawlError::frontier("let go of its home", source)),
                // Its home stays locked until the disk answers, or the process ends.
                () = late(&control, drain_timeout) => Err(disk_hangs("let go of its home", durable)),
            },
            None => Ok(()),
        };
        let engine = engine?;
        result.and(let_go)?;
        let mut state = engine.control.lock();
        if state.starts == 0 && state.ended == Some(Ended::Finished) {
            return Err(CrawlError::NoStart { spider: name });
        }
        let items = match &engine.sink {
            Sink::Collected(items) => std::mem::take(&mut *items.lock().unwrap_or_else(PoisonError::into_inner)),
            Sink::Streamed(_) | Sink::Exported => Vec::new(),
        };
        let (pages, items_kept) = (state.stats.pages, state.stats.items);
        tracing::info!(spider = name, pages, items = items_kept, ended = ?state.ended, "crawled");
        if let Some(logs) = &state.logs {
            // With what the sessions said at their end.
            state.stats.log_counts = logs.so_far();
        }
        Ok(Crawl {
            items,
            stats: state.stats.clone(),
            ended: state.ended.unwrap_or(Ended::Finished),
            pending: state.left(),
            close_error,
        })
    }
}
