//! Waiting for elements, and scrolling until a page has shown all it has.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Tab;
use crate::{Deadline, Error, Result};

/// What an element is waited to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SelectorState {
    /// In the document.
    #[default]
    Attached,
    /// In the document, of some size, and not hidden by style.
    Visible,
    /// Not visible, or not there.
    Hidden,
    /// Not there.
    Detached,
}

impl SelectorState {
    const fn word(self) -> &'static str {
        match self {
            Self::Attached => "attached",
            Self::Visible => "visible",
            Self::Hidden => "hidden",
            Self::Detached => "detached",
        }
    }
}

/// What [`Tab::auto_scroll`] came to.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct ScrollOutcome {
    /// How often it scrolled.
    pub scrolls: u32,
    /// The height of the page in the end, in CSS pixels.
    pub height: u64,
    /// Whether the page stopped growing; else the number of scrolls or the time was up.
    pub complete: bool,
}

/// Looks at once, at every change of the document, and every 100 ms for what changes without one, such as styles. Gives up
/// by itself, so that nothing is left behind in a page when the caller does.
const WAIT: &str = r"((selector, state, budget) => new Promise((resolve, reject) => {
  const shown = e => {
    if (!e.getClientRects().length) return false;
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    return box.width > 0 && box.height > 0 && style.visibility === 'visible';
  };
  const met = () => {
    const e = document.querySelector(selector);
    switch (state) {
      case 'attached': return !!e;
      case 'detached': return !e;
      case 'visible': return !!e && [...document.querySelectorAll(selector)].some(shown);
      default: return !e || ![...document.querySelectorAll(selector)].some(shown);
    }
  };
  let timer, end, observer;
  const stop = what => { clearInterval(timer); clearTimeout(end); observer && observer.disconnect(); what(); };
  const look = () => { try { if (met()) stop(() => resolve(true)); } catch (error) { stop(() => reject(error)); } };
  observer = new MutationObserver(look);
  observer.observe(document, {subtree: true, childList: true, attributes: true});
  timer = setInterval(look, 100);
  end = setTimeout(() => stop(() => resolve(false)), budget);
  look();
}))";

/// Scrolls down a page at a time and waits for it to grow, until it has not grown for `quiet` at its end.
const SCROLL: &str = r"(async (most, quiet, budget) => {
  const until = Date.now() + budget;
  const height = () => Math.max(document.documentElement.scrollHeight, document.body ? document.body.scrollHeight : 0);
  const grown = before => new Promise(resolve => {
    const begun = Date.now();
    const timer = setInterval(() => {
      if (height() > before) { clearInterval(timer); resolve(true); }
      else if (Date.now() - begun >= quiet || Date.now() >= until) { clearInterval(timer); resolve(false); }
    }, 25);
  });
  let scrolls = 0, complete = false;
  while (scrolls < most && Date.now() < until) {
    const before = height();
    scrollBy({top: Math.max(innerHeight * 0.9, 200), behavior: 'instant'});
    scrolls++;
    const atEnd = innerHeight + scrollY >= height() - 2;
    if (!atEnd) { await new Promise(done => setTimeout(done, 25)); continue; }
    if (!await grown(before)) { complete = Date.now() < until; break; }
  }
  return {scrolls, height: Math.round(height()), complete};
})";

impl Tab {
    /// Waits until the first element that a CSS selector finds, or for visibility any of them, is in this state.
    ///
    /// # Errors
    /// [`Error::Timeout`]; [`Error::Script`] for a selector that is none; those of commands. A page that goes elsewhere is
    /// waited for again.
    pub async fn wait_for_selector(&self, selector: &str, state: SelectorState, deadline: Deadline) -> Result<()> {
        let what = format!("{selector:?} being {}", state.word());
        loop {
            let left = deadline.remaining();
            if left.is_zero() {
                return Err(deadline.error(&what));
            }
            let quoted = quote(selector)?;
            let script = format!("{WAIT}({quoted}, '{}', {})", state.word(), left.as_millis());
            let found = self.state.evaluate(&script, deadline).await;
            match found {
                Ok(found) if found == true => return Ok(()),
                Ok(_) | Err(Error::Timeout { .. }) => return Err(deadline.error(&what)),
                // Its document went away under the script.
                Err(Error::Protocol { .. }) => self.settle(deadline).await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Scrolls down until the page has not grown for `quiet`, at most `most` times and until the deadline, which is not an
    /// error here.
    ///
    /// # Errors
    /// Those of [`evaluate`](Self::evaluate).
    pub async fn auto_scroll(&self, most: u32, quiet: Duration, deadline: Deadline) -> Result<ScrollOutcome> {
        // The script must be able to answer within the deadline.
        let budget = deadline.remaining().mul_f64(0.9);
        let script = format!("{SCROLL}({most}, {}, {})", quiet.as_millis(), budget.as_millis());
        self.evaluate(&script, deadline).await
    }

    /// Lets a moment pass for a page that is between two documents.
    async fn settle(&self, deadline: Deadline) -> Result<()> {
        let mut changes = self.state.tracker.changes();
        let moment = deadline.capped(Duration::from_millis(100));
        // Whether something changed or the moment passed: it is looked at again.
        let _ = moment.run("a change", changes.changed()).await;
        if deadline.has_passed() {
            Err(deadline.error("a document"))
        } else {
            Ok(())
        }
    }
}

fn quote(text: &str) -> Result<String> {
    serde_json::to_string(text).map_err(|error| Error::invalid("the selector", error))
}
