//! New tabs that need no process of their own: opened from a page of ours, as a person opens a link in a new tab.
//!
//! Half of what a new tab costs is its process, from its start to its first document, and a page that another page opened
//! may share that page's process: so an empty page, with the process of the site that its last tab was at, opens one tab
//! after the other. To each of them it is as if it were alone: it has no opener, no name and no history, and never another
//! tab beside it. A tab that goes to another site than the one before gets a process, as any would.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::cdp::RawCommand;
use crate::context::Context;
use crate::tab::{Tab, TabOptions};
use crate::{Deadline, Result};

/// With Ctrl held, a click opens a tab behind the others, which spares drawing it in front. Without an opener the page that
/// is opened has no way to this one, nor does it look as if it had been opened by a script. It waits until the page has been
/// drawn: a click on one that was not goes nowhere.
const READY: &str = "new Promise(drawn => {
    onclick = () => { open('about:blank').opener = null };
    requestAnimationFrame(() => requestAnimationFrame(() => drawn()));
})";
/// Ctrl, among the modifiers of `Input.dispatchMouseEvent`.
const CTRL: u32 = 2;

/// How long a page of ours may take to open a tab. It takes some 20 ms.
const LONGEST: Duration = Duration::from_secs(5);

/// How a new tab is opened.
pub(crate) enum Way {
    /// By the browser, with a process of its own.
    ByItself,
    /// From this page of ours, or one that is opened first.
    FromOurs(Option<Opener>, Arc<Patience>),
}

/// How often in a row pages of ours opened nothing in time: a browser that does not take the click is not asked again and again.
#[derive(Default)]
pub(crate) struct Patience(AtomicU32);

impl Patience {
    const MOST: u32 = 3;
    /// An attempt that had less says nothing of the browser: it takes a hundredth of this.
    const ENOUGH: Duration = Duration::from_secs(2);

    pub(crate) fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= Self::MOST
    }

    fn opened(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Nothing was opened in so much time.
    fn waited(&self, time: Duration) {
        if time >= Self::ENOUGH && self.0.fetch_add(1, Ordering::Relaxed) + 1 == Self::MOST {
            tracing::warn!(
                "pages of ours opened no tab in time, {} times in a row: from now on each new tab of this browser has a \
                 process of its own, which costs more processor time",
                Self::MOST
            );
        }
    }
}

impl Way {
    /// Opens it. One that cannot be opened from a page of ours is opened by itself.
    pub(crate) async fn open(
        self,
        context: &Context,
        options: TabOptions,
        deadline: Deadline,
    ) -> Result<(Tab, Option<Opener>)> {
        if let Self::FromOurs(opener, patience) = self {
            let time = LONGEST.min(deadline.remaining() / 2);
            match from_ours(opener, context, options.clone(), deadline.capped(time)).await {
                Ok((tab, opener)) => {
                    patience.opened();
                    return Ok((tab, Some(opener)));
                }
                Err(error) if error.is_browser_gone() => return Err(error),
                Err(error) => {
                    tracing::debug!(%error, "a tab is opened by itself");
                    if error.is_timeout() {
                        patience.waited(time);
                    }
                }
            }
        }
        Ok((context.open(options, deadline).await?, None))
    }
}

async fn from_ours(
    opener: Option<Opener>,
    context: &Context,
    options: TabOptions,
    deadline: Deadline,
) -> Result<(Tab, Opener)> {
    let mut opener = match opener {
        Some(opener) => opener,
        None => Opener::new(context, deadline).await?,
    };
    Ok((opener.open(options, deadline).await?, opener))
}

/// An empty page that opens tabs, one at one time.
pub(crate) struct Opener {
    page: Tab,
    opened: u32,
}

impl Opener {
    /// Opens the empty page.
    pub(crate) async fn new(context: &Context, deadline: Deadline) -> Result<Self> {
        let page = context.open(TabOptions::default(), deadline).await?;
        let ready = RawCommand::new("Runtime.evaluate", json!({"expression": READY, "awaitPromise": true}))?;
        page.session().send(ready, deadline).await?;
        Ok(Self { page, opened: 0 })
    }

    /// Opens a tab, empty and ready to navigate, in the context of the empty page. After an error it must not be used again.
    pub(crate) async fn open(&mut self, options: TabOptions, deadline: Deadline) -> Result<Tab> {
        self.opened = self.opened.saturating_add(1);
        let click = ["mousePressed", "mouseReleased"].map(|event| {
            let params = json!({"type": event, "x": 1, "y": 1, "button": "left", "clickCount": 1, "modifiers": CTRL});
            RawCommand::new("Input.dispatchMouseEvent", params)
        });
        let click = click.into_iter().collect::<Result<_>>()?;
        self.page.open_another(click, options, deadline).await
    }

    /// How many tabs it has opened.
    pub(crate) fn opened(&self) -> u32 {
        self.opened
    }

    /// The empty page.
    pub(crate) fn page(&self) -> &Tab {
        &self.page
    }

    /// Its context.
    pub(crate) fn context(&self) -> &Context {
        self.page.context()
    }

    /// Whether it is a page of this context, and there.
    pub(crate) fn serves(&self, context: &Context) -> bool {
        self.context().id() == context.id() && self.page.is_alive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_after_failures_in_a_row_that_had_their_time() {
        let patience = Patience::default();
        for _ in 0..10 {
            patience.waited(Duration::from_millis(100));
        }
        assert!(!patience.is_over(), "none of them could have opened anything");
        for _ in 0..10 {
            patience.waited(LONGEST);
            patience.waited(LONGEST);
            patience.opened();
        }
        assert!(!patience.is_over(), "it works again and again");
        patience.waited(LONGEST);
        // As long as a tab that is opened ahead of its use may take for it.
        patience.waited(Duration::from_millis(2_499));
        assert!(!patience.is_over());
        patience.waited(LONGEST);
        assert!(patience.is_over());
    }
}
