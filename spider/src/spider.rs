//! What a user writes.

use std::collections::BTreeMap;

use futures_util::stream::{self, BoxStream, StreamExt as _};
use serde::Serialize;
use silkroute_core::{Error, Registry, Response};
use silkroute_manager::{Entry, SessionManager};

use crate::{CrawlBuilder, Failure, Output, Page, Result, Settings, Step, Visit};
#[cfg(doc)]
use crate::{CrawlHandle, CrawlStream};

/// The stream of a spider's start requests.
pub type Starts<'a, S> = BoxStream<'a, Result<Visit<S>>>;

/// A spider: where to start, what to take from a page, where to go on.
///
/// Only [`name`](Self::name), [`parse`](Self::parse) and a start are needed. Hooks are written as `async fn` where they
/// are asynchronous. Whatever a hook does, return an error or panic, it ends its own request or item and not the crawl;
/// [`on_start`](Self::on_start) alone keeps a crawl from beginning.
///
/// ```no_run
/// use serde::{Deserialize, Serialize};
/// use silkroute_core::RequestExt;
/// use silkroute_spider::{Output, Page, Result, Spider};
///
/// struct Products;
///
/// #[derive(Serialize)]
/// struct Product {
///     name: String,
///     price: String,
/// }
///
/// #[derive(Clone, Debug, Default, Serialize, Deserialize)]
/// enum Step {
///     #[default]
///     Listing,
///     Product,
/// }
///
/// impl Spider for Products {
///     type Item = Product;
///     type Step = Step;
///
///     fn name(&self) -> &str {
///         "products"
///     }
///
///     fn start_urls(&self) -> Vec<String> {
///         vec!["https://shop.test/products".into()]
///     }
///
///     async fn parse(&self, page: Page<Step>, out: &mut Output<Self>) -> Result {
///         match page.step() {
///             Step::Listing => {
///                 for link in page.css("a.product::attr(href)")?.get_all() {
///                     out.visit(page.follow(&link)?.session("stealth").step(Step::Product)).await?;
///                 }
///                 if let Some(next) = page.css("a.next::attr(href)")?.get() {
///                     out.visit(page.follow(&next)?).await?;
///                 }
///             }
///             Step::Product => {
///                 let (name, price) = (page.css("h1::text")?.get_or(""), page.css(".price::text")?.get_or(""));
///                 out.item(Product { name, price }).await?;
///             }
///         }
///         Ok(())
///     }
/// }
///
/// # async fn example() -> Result {
/// let crawl = Products.crawl().concurrency(64).run().await?;
/// println!("{} products; {:?}", crawl.items.len(), crawl.ended);
/// # Ok(())
/// # }
/// ```
pub trait Spider: Sized + Send + Sync + 'static {
    /// What it takes from pages.
    type Item: Serialize + Send + 'static;
    /// What tells its requests apart; `()` if nothing does.
    type Step: Step;

    /// Its name, for logs and metrics.
    fn name(&self) -> &str;

    /// Where it starts. On a frontier that outlives the process it is asked for twice: a run whose start URLs are not those of
    /// the run before takes the start requests once more, and of them those that were not seen.
    fn start_urls(&self) -> Vec<String> {
        Vec::new()
    }

    /// The requests it starts with: a `GET` of each of the [`start_urls`](Self::start_urls).
    ///
    /// The stream may be without end: the next one is asked for when fewer requests wait than could be under way. An
    /// error in it is reported and skipped.
    fn start_requests(&self) -> Starts<'_, Self::Step> {
        let starts = self.start_urls().into_iter();
        stream::iter(starts.map(|url| Visit::get(&url).map_err(Into::into))).boxed()
    }

    /// What it was given that makes a crawl of it this one and no other, by name: a category, the fields that are wanted. A
    /// frontier that outlives the process keeps it, and a run with other arguments is refused
    /// ([`CrawlError::OtherArguments`](crate::CrawlError::OtherArguments)), so that two crawls do not become one. Not what may
    /// change between the runs of one crawl, such as a limit.
    ///
    /// By default nothing: then a crawl goes on in whatever directory one of the same [`name`](Self::name) began.
    #[doc(alias = "spider_args")]
    fn arguments(&self) -> BTreeMap<String, String> {
        BTreeMap::new()
    }

    /// How it crawls, unless the crawl says otherwise.
    fn settings(&self) -> Settings {
        Settings::default()
    }

    /// The session kinds it knows: the default session is built of one, and the options of its requests are checked by
    /// them when they are queued. By default all that are linked into the program and register themselves; where that
    /// does not work, as on wasm or in a static library, give those of `silkroute::registry()`.
    ///
    /// # Errors
    /// [`Error::DuplicateKind`] when two packages claim a kind; the crawl does not begin.
    fn registry(&self) -> silkroute_core::Result<Registry> {
        Registry::discover()
    }

    /// Adds the sessions it fetches through. By default one, named `default`, of the kind `http`.
    ///
    /// # Errors
    /// Whatever keeps it from it; the crawl does not begin.
    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        let http = self
            .registry()?
            .build("http", serde_json::json!({}))
            .map_err(|error| match error {
                Error::UnknownKind { .. } => format!(
                    "a spider's default session is of the kind 'http', and this program has none: {error}. \
                     Turn on silkroute's feature `http`, or write `configure_sessions`"
                )
                .into(),
                error => crate::BoxError::from(error),
            })?;
        sessions.add("default", Entry::boxed(http))?;
        Ok(())
    }

    /// Takes items and further requests from a page.
    ///
    /// # Errors
    /// Any; it counts as a failure of this page, and what was given out before stays.
    fn parse(&self, page: Page<Self::Step>, out: &mut Output<Self>) -> impl Future<Output = Result> + Send;

    /// Called once, when the sessions have started and nothing has been sent. When the crawl is stopped meanwhile, it is cut
    /// off after the [drain timeout](Settings::drain_timeout), or by a second stop at once.
    ///
    /// # Errors
    /// Any; the crawl does not begin.
    #[doc(alias = "spider_opened")]
    fn on_start(&self, _sessions: &SessionManager) -> impl Future<Output = Result> + Send {
        std::future::ready(Ok(()))
    }

    /// Called once at the end of a crawl that began, before the sessions close. Not where [`on_start`](Self::on_start) failed
    /// or was cut off, and not where the crawl's future or stream is dropped: end those by [`CrawlHandle::stop`] and
    /// [`CrawlStream::finish`]. It has the [drain timeout](Settings::drain_timeout); after a second stop, no more than up to
    /// its first wait.
    ///
    /// # Errors
    /// Any; it is logged and counted.
    #[doc(alias = "spider_closed")]
    fn on_close(&self) -> impl Future<Output = Result> + Send {
        std::future::ready(Ok(()))
    }

    /// Called for whatever failed for good. It has been logged and counted already.
    #[doc(alias = "errback")]
    fn on_error(&self, _failure: Failure<Self::Step>) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }

    /// Called with each item before it is kept; may change it, or drop it with `None`.
    ///
    /// # Errors
    /// Any; the item is lost.
    #[doc(alias = "pipeline")]
    #[doc(alias = "process_item")]
    fn on_item(&self, item: Self::Item) -> impl Future<Output = Result<Option<Self::Item>>> + Send {
        std::future::ready(Ok(Some(item)))
    }

    /// Whether a response is a block page. By default those of status 401, 403, 407, 429, 444, 500, 502, 503 and 504, and those
    /// whose session [says so](silkroute_core::ResponseParts::blocked).
    #[doc(alias = "middleware")]
    #[doc(alias = "process_response")]
    fn is_blocked(&self, response: &dyn Response) -> bool {
        blocked_by_default(response)
    }

    /// What to send after a block: the request as it is, changed (another session, other options), or nothing, which
    /// gives it up. Called as long as attempts are left.
    ///
    /// # Errors
    /// Any; the request is sent again as it is.
    #[doc(alias = "middleware")]
    #[doc(alias = "process_response")]
    fn retry_blocked(&self, visit: Visit<Self::Step>, _response: &dyn Response) -> Result<Option<Visit<Self::Step>>> {
        Ok(Some(visit))
    }

    /// What to send after a request that brought no response, as for [`retry_blocked`](Self::retry_blocked). By default
    /// the same if the error may pass.
    ///
    /// Where the session did not start ([`Error::Start`](silkroute_core::Error::Start)), the same request waits until that may
    /// be tried again, and no attempt is counted; where it is not tried any more, it waits also if nothing is given back. The
    /// request may go through another session meanwhile.
    ///
    /// # Errors
    /// Any; the request is given up.
    #[doc(alias = "middleware")]
    #[doc(alias = "process_exception")]
    #[doc(alias = "errback")]
    fn retry_failed(&self, visit: Visit<Self::Step>, error: &Error) -> Result<Option<Visit<Self::Step>>> {
        Ok(error.is_retryable().then_some(visit))
    }

    /// A crawl of this spider, to set up and run.
    fn crawl(self) -> CrawlBuilder<Self> {
        CrawlBuilder::new(self)
    }
}

pub(crate) fn blocked_by_default(response: &dyn Response) -> bool {
    let status = response.status().as_u16();
    response.blocked().is_some() || matches!(status, 401 | 403 | 407 | 429 | 444 | 500 | 502 | 503 | 504)
}
