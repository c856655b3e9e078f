//! The seam between what all browser sessions share and what a kind makes of it.

use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use silkroute_core::{ExpectedIdentity, FetchError, Identity, async_trait};

use super::options::BrowserOptions;
use super::response::ChallengeOutcome;
use crate::setup::Setup;
use crate::{Browser, Deadline, Document, LaunchOptions, Result, Tab, TabOptions};

/// What a kind of browser session adds to what all of them share. Everything but the types has a default that adds nothing.
///
/// The methods are called in the order in which they stand here: the first four for each browser that is started, the
/// others for each attempt of a fetch; [`user_agent`](Self::user_agent), [`identity`](Self::identity),
/// [`can_be`](Self::can_be) and [`expected_identity`](Self::expected_identity) when somebody asks.
#[async_trait]
pub trait BrowserKind: fmt::Debug + Send + Sync + Sized + 'static {
    /// What a request may say to it. Its [`KIND`](silkroute_core::SessionOptions::KIND) is the kind's name in errors.
    type Options: BrowserOptions;
    /// What tells the browsers apart that one session may need, where an option takes effect only at a launch. `()` where
    /// none does.
    type Variant: Clone + Eq + Hash + fmt::Debug + Send + Sync + 'static;
    /// What it has to know of a browser that runs, such as the set-ups that it made for it. `()` where nothing.
    type Running: Send + Sync + 'static;

    /// The browser that a request needs. That of the default options is the session's own, which starts with it; others start
    /// with the first request for them, at most [`MAX_VARIANTS`](Self::MAX_VARIANTS) at one time, and end when nobody used
    /// them for a while. A request with a proxy of its own that has a user and is not the session's gets one, too; it counts
    /// among them.
    fn variant(&self, options: &Self::Options) -> Self::Variant;

    /// How many browsers there are at most besides the session's own.
    const MAX_VARIANTS: usize = 2;

    /// After so long without use, a browser that is not the session's own is ended, at most a quarter of it late.
    const VARIANT_IDLE: Duration = Duration::from_secs(60);

    /// Changes what a browser is launched with. Not called where it runs elsewhere.
    ///
    /// # Errors
    /// Whatever keeps the session from starting.
    async fn launch(&self, variant: &Self::Variant, launch: &mut LaunchOptions, deadline: Deadline) -> Result<()> {
        let _ = (variant, launch, deadline);
        Ok(())
    }

    /// Looks at a browser that has just started.
    ///
    /// # Errors
    /// Whatever keeps the session from starting; the browser is then ended.
    async fn running(&self, variant: &Self::Variant, browser: &Browser, deadline: Deadline) -> Result<Self::Running>;

    /// What the shared workers and service workers of each context are told before they run.
    fn context_setup(&self, running: &Self::Running) -> Setup {
        let _ = running;
        None
    }

    /// Changes what the tab of a request is told. [`TabOptions::setup`] must be the same for all requests to one browser,
    /// made once in [`running`](Self::running): tabs with another one are not used again.
    ///
    /// # Errors
    /// Options that cannot be.
    fn tab(&self, running: &Self::Running, options: &Self::Options, tab: &mut TabOptions) -> Result<()> {
        let _ = (running, options, tab);
        Ok(())
    }

    /// The `Referer` of a navigation that has none of its own.
    fn referrer(&self, options: &Self::Options, url: &url::Url) -> Option<String> {
        let _ = (options, url);
        None
    }

    /// What it sends as `User-Agent`, where that is not what the browser says of itself.
    fn user_agent(&self) -> Option<String> {
        None
    }

    /// Who it says it is in all its words, client hints among them, where that is an identity and it has started.
    fn identity(&self) -> Option<Identity> {
        None
    }

    /// Whether its pages can look like this identity where a request names it: its own alone, unless it says otherwise. Cheap, and
    /// the same alive or not. It is asked about identities that exist and have a version; where the session's configuration says who
    /// it is, that alone counts.
    ///
    /// A kind that can be others has nothing more to do. The tab is told all that the identity says (user agent, client hints,
    /// languages, locale and time zone) before [`tab`](Self::tab) is called, which can change it, and it is undone after the
    /// request. What was set at the launch, such as what shared workers and service workers say, stays.
    fn can_be(&self, identity: &Identity) -> bool {
        self.identity().as_ref() == Some(identity)
    }

    /// What to do about an identity that it cannot be, for the error that refuses it.
    const OTHER_IDENTITY: &'static str = "a browser that has started cannot become another: leave the request's `identity` out, or use \
                                          a session of kind http";

    /// Who it will be once it has started, found out without starting a browser; see
    /// [`Session::expected_identity`](silkroute_core::Session::expected_identity). Not asked where it runs elsewhere. `launch`
    /// is what [`launch`](Self::launch) would be given.
    fn expected_identity(&self, launch: LaunchOptions) -> ExpectedIdentity {
        let _ = launch;
        Box::pin(std::future::ready(None))
    }

    /// Comes between the navigation and the waits, and again where an action or a wait led to another document: looks at the
    /// document, may act on the page, and gives back the document that is shown in the end. Where it says that a challenge was
    /// not passed, no action and no wait of the request comes to it.
    ///
    /// # Errors
    /// Whatever makes the attempt a failure.
    async fn arrived(&self, arrival: Arrival<'_, Self>) -> Result<Arrived, FetchError> {
        Ok(Arrived::plain(arrival.document))
    }
}

/// A document that was navigated to.
#[non_exhaustive]
pub struct Arrival<'a, K: BrowserKind> {
    /// The tab that shows it.
    pub tab: &'a Tab,
    /// The document.
    pub document: Document,
    /// What the request asks for.
    pub options: &'a K::Options,
    /// What the kind knows of the browser.
    pub running: &'a K::Running,
    /// When the fetch must have ended.
    pub deadline: Deadline,
}

/// What came of a look at a document.
#[non_exhaustive]
#[derive(Debug)]
pub struct Arrived {
    /// The document that is shown now.
    pub document: Document,
    /// What became of a challenge.
    pub challenge: ChallengeOutcome,
}

impl Arrived {
    /// This document, with nothing in its way.
    pub fn plain(document: Document) -> Self {
        Self {
            document,
            challenge: ChallengeOutcome::None,
        }
    }

    /// This document, with this outcome of a challenge.
    pub fn challenged(document: Document, challenge: ChallengeOutcome) -> Self {
        Self { document, challenge }
    }
}
