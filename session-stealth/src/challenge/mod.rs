//! Challenges: pages that want to see more of a browser before they let it through.
//!
//! A [`ChallengeSolver`] knows one sort of them. It says whether a page is one, and makes an attempt at it; how often and for
//! how long is up to the session, so that no solver goes on for ever. [`InterstitialSolver`] comes with the session, others
//! are added to its builder.

mod interstitial;
mod pointer;
mod widget;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use silkroute_browser::session::{Arrived, ChallengeOutcome, Page};
use silkroute_browser::{CloseReason, Deadline, Document, Tab, WaitUntil};
use silkroute_core::{FetchError, FetchErrorKind, Result, async_trait};
use tokio::time::Instant;

pub use interstitial::InterstitialSolver;

/// How long to wait before a page is looked at again. Nothing tells that a widget is content but a look at it.
const GLANCE: Duration = Duration::from_millis(100);
/// How long an attempt that was made is given to show its effect.
const SETTLE: Duration = Duration::from_secs(5);
/// How often a page is looked at that cannot be, before it is given up.
const LOOKS: u32 = 20;
/// Of the time that a fetch has left, what a challenge may take.
const SHARE: f64 = 0.8;

/// Knows one sort of challenge.
///
/// ```
/// use silkroute_core::{Result, async_trait};
/// use silkroute_session_stealth::{ChallengePage, ChallengeSolver, StealthSession};
///
/// /// The age gate of a shop of ours.
/// #[derive(Debug)]
/// struct AgeGate;
///
/// #[async_trait]
/// impl ChallengeSolver for AgeGate {
///     fn name(&self) -> &str {
///         "age-gate"
///     }
///
///     async fn detect(&self, page: &ChallengePage<'_>) -> Result<Option<String>> {
///         let found: bool = page.evaluate("!!document.querySelector('#are-you-18')").await?;
///         Ok(found.then(|| "age gate".to_owned()))
///     }
///
///     async fn attempt(&self, page: &ChallengePage<'_>, _kind: &str) -> Result<()> {
///         page.click("#are-you-18 button").await
///     }
/// }
///
/// # fn main() -> Result<()> {
/// let session = StealthSession::builder().challenge_solver(AgeGate).solve_challenge(true).build()?;
/// # let _ = session;
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait ChallengeSolver: fmt::Debug + Send + Sync + 'static {
    /// A name for messages.
    fn name(&self) -> &str;

    /// Whether the page is a challenge, and which one. It is asked of every page where challenges are to be solved, and of
    /// those with status 403, 429 or 503; and again and again until an attempt has shown its effect: it must be quick and
    /// change nothing.
    ///
    /// # Errors
    /// Whatever keeps it from telling. It is asked again, as a page may be about to go elsewhere. After 20 such answers the
    /// page counts as a challenge of the kind `unknown` that was not passed, whatever its status.
    async fn detect(&self, page: &ChallengePage<'_>) -> Result<Option<String>>;

    /// Makes one attempt. It need not wait for its effect.
    ///
    /// # Errors
    /// Why this attempt came to nothing. There may be another.
    async fn attempt(&self, page: &ChallengePage<'_>, kind: &str) -> Result<()>;
}

/// A page that may be a challenge: all that a [`Page`] can do, and the document that was navigated to.
#[derive(Debug)]
pub struct ChallengePage<'a> {
    page: Page<'a>,
    document: &'a Document,
}

impl<'a> ChallengePage<'a> {
    fn new(tab: &'a Tab, document: &'a Document, deadline: Deadline) -> Self {
        Self {
            page: Page::new(tab, deadline),
            document,
        }
    }

    /// The document as it came, with its status and headers.
    pub fn document(&self) -> &Document {
        self.document
    }

    /// Clicks at a point of the page as a hand does: the pointer comes from somewhere, slows down, rests, and the button is
    /// down for a moment.
    ///
    /// # Errors
    /// Those of commands.
    pub async fn click_like_a_hand(&self, at: silkroute_browser::Point) -> Result<()> {
        Ok(pointer::click(self.page.tab(), at, self.page.deadline()).await?)
    }
}

impl<'a> Deref for ChallengePage<'a> {
    type Target = Page<'a>;

    fn deref(&self) -> &Page<'a> {
        &self.page
    }
}

/// How often and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) attempts: u32,
    pub(crate) time: Duration,
}

/// One page's way through whatever stands in it.
pub(crate) struct Solving<'a> {
    pub(crate) solvers: &'a [Arc<dyn ChallengeSolver>],
    pub(crate) limits: Limits,
    pub(crate) solve: bool,
    pub(crate) wait_until: WaitUntil,
    pub(crate) deadline: Deadline,
}

impl Solving<'_> {
    pub(crate) async fn run(&self, tab: &Tab, mut document: Document) -> Result<Arrived, FetchError> {
        if !document.is_html() || !(self.solve || is_blocking(&document)) {
            return Ok(Arrived::plain(document));
        }
        let began = Instant::now();
        if self.wait_until == WaitUntil::Commit {
            // What is half read has not all of its marks.
            document = tab.arrive(WaitUntil::DomContentLoaded, self.deadline).await?;
        }
        // Time is left for the response, whatever becomes of the challenge.
        let deadline = self
            .deadline
            .capped(self.limits.time.min(self.deadline.remaining().mul_f64(SHARE)));
        let (mut solver, mut kind) = match self.detect(tab, &document, deadline).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Arrived::plain(document)),
            Err(reason) => {
                alive(tab)?;
                // It was to be looked at, and must not pass for a page that was.
                let kind = "unknown".to_owned();
                return Ok(Arrived::challenged(document, ChallengeOutcome::Failed { kind, reason }));
            }
        };
        if !self.solve {
            let reason = "nobody asked to solve it: set `solve_challenge`".to_owned();
            return Ok(Arrived::challenged(document, ChallengeOutcome::Failed { kind, reason }));
        }
        tracing::debug!(kind, solver = solver.name(), "a challenge stands in the way");
        let mut reason = String::new();
        for attempt in 1..=self.limits.attempts {
            let page = ChallengePage::new(tab, &document, deadline);
            let tried = async {
                let made = solver.attempt(&page, &kind).await;
                // An attempt may fail because the page is on its way elsewhere: that is, because it succeeded.
                let settle = if made.is_ok() { SETTLE } else { GLANCE * 5 };
                (moved_on(solver, &page, &kind, settle).await, made)
            };
            let tried = deadline.run("trying to pass the challenge", tried);
            let tried = tokio::select! {
                tried = tried => tried,
                // No solver need look for it.
                reason = tab.session().closed() => return Err(gone(reason).into()),
            };
            match tried {
                Ok((true, _)) => {
                    let shown = tab.arrive(self.wait_until, self.deadline).await?;
                    // It may have been on its way to the next one, or to itself.
                    match self.detect(tab, &shown, deadline).await {
                        Ok(None) => {
                            let took = began.elapsed();
                            let outcome = ChallengeOutcome::Passed {
                                kind,
                                attempts: attempt,
                                took,
                            };
                            return Ok(Arrived::challenged(shown, outcome));
                        }
                        Ok(Some(next)) => {
                            reason = format!("it was followed by another ({}) after {attempt} attempts", next.1);
                            (solver, kind) = next;
                        }
                        Err(error) => {
                            alive(tab)?;
                            reason = error;
                        }
                    }
                    document = shown;
                }
                Ok((false, Ok(()))) => reason = format!("it was still there after {attempt} attempts"),
                Ok((false, Err(error))) => reason = error.to_string(),
                Err(_) => {
                    let took = began.elapsed();
                    reason = format!("it was still there after {took:.1?}, at attempt {attempt}");
                    break;
                }
            }
            tracing::debug!(kind, attempt, reason, "the challenge was not passed");
        }
        let document = tab.document().unwrap_or(document);
        Ok(Arrived::challenged(document, ChallengeOutcome::Failed { kind, reason }))
    }

    /// The first solver that knows the page. A page that goes elsewhere meanwhile is looked at again; the error says why it could
    /// not be looked at at all.
    async fn detect(
        &self,
        tab: &Tab,
        document: &Document,
        deadline: Deadline,
    ) -> Result<Option<(&dyn ChallengeSolver, String)>, String> {
        let page = ChallengePage::new(tab, document, deadline);
        let mut failed = None;
        for _ in 0..LOOKS {
            failed = None;
            for solver in self.solvers {
                let looked = deadline.run("looking for a challenge", solver.detect(&page)).await;
                match looked.map_err(silkroute_core::Error::from).and_then(|looked| looked) {
                    Ok(Some(kind)) => return Ok(Some((&**solver, kind))),
                    Ok(None) => {}
                    Err(error) => {
                        failed = Some(format!(
                            "the solver {} could not tell whether the page is one: {error}",
                            solver.name()
                        ))
                    }
                }
            }
            if failed.is_none() || deadline.remaining().is_zero() {
                break;
            }
            tokio::time::sleep(GLANCE).await;
        }
        failed.map_or(Ok(None), Err)
    }
}

/// A tab whose page, or whose browser, has gone has no challenge to pass.
fn alive(tab: &Tab) -> Result<(), silkroute_browser::Error> {
    tab.session().close_reason().map_or(Ok(()), |reason| Err(gone(reason)))
}

fn gone(reason: CloseReason) -> silkroute_browser::Error {
    let what = "passing the challenge".to_owned();
    silkroute_browser::Error::Gone { what, reason }
}

/// Whether the challenge goes away within a while, or makes room for one of another kind.
async fn moved_on(solver: &dyn ChallengeSolver, page: &ChallengePage<'_>, kind: &str, settle: Duration) -> bool {
    let began = Instant::now();
    while began.elapsed() < settle {
        // An error is a page on its way elsewhere.
        if let Ok(now) = solver.detect(page).await
            && now.as_deref() != Some(kind)
        {
            return true;
        }
        tokio::time::sleep(GLANCE).await;
    }
    false
}

/// Whether the response is one that a check might stand behind. Pages that are fine are looked at only where challenges are
/// to be solved.
fn is_blocking(document: &Document) -> bool {
    matches!(document.status, 403 | 429 | 503)
}

/// Makes an error of a challenge that was not passed, where it is to be one.
pub(crate) fn judged(arrived: Arrived, fails: bool) -> Result<Arrived, FetchError> {
    match &arrived.challenge {
        ChallengeOutcome::Failed { kind, reason } if fails => {
            let message = format!("a challenge ({kind}) stands in the way and was not passed: {reason}");
            Err(FetchError::new(FetchErrorKind::Challenge, message)
                .hint("set `on_challenge` to `response` to have the challenge itself"))
        }
        _ => Ok(arrived),
    }
}
