//! The solver that comes with the session: for interstitials that check a browser by themselves, or want a box ticked.

use serde::Deserialize;
use silkroute_browser::Point;
use silkroute_core::{Result, async_trait};

use super::{ChallengePage, ChallengeSolver, GLANCE, widget};

/// Part of the path of a widget's frame.
const PLATFORM: &str = "/cdn-cgi/challenge-platform/";

/// What the document tells, read in a world of its own. The kind stands in a script of the page's.
const LOOK: &str = r"(() => {
  const script = [...document.scripts].find(one => one.textContent.includes('_cf_chl_opt'));
  const answer = document.querySelector('[name=cf-turnstile-response]');
  return {
    kind: script ? (/cType:\s*['\x22]([a-z-]+)/.exec(script.textContent) || [])[1] || 'managed' : null,
    widget: !!document.querySelector('.cf-turnstile'),
    answered: !!(answer && answer.value),
  };
})()";

#[derive(Deserialize)]
struct Look {
    kind: Option<String>,
    widget: bool,
    answered: bool,
}

/// The solver that comes with every stealth session. It knows interstitials and embedded widgets by the marks that the most
/// common sort of them has: a `cf-mitigated` header or a script with the challenge's options, and a widget in a frame
/// below `/cdn-cgi/challenge-platform/`.
///
/// It does nothing but wait, and tick the box once there is one, through the browser's own input. It has no answer to a puzzle,
/// and asks nobody for one.
#[derive(Clone, Copy, Debug, Default)]
pub struct InterstitialSolver;

#[async_trait]
impl ChallengeSolver for InterstitialSolver {
    fn name(&self) -> &str {
        "interstitial"
    }

    async fn detect(&self, page: &ChallengePage<'_>) -> Result<Option<String>> {
        let look: Look = page.evaluate(LOOK).await?;
        if look.kind.is_some() {
            return Ok(look.kind);
        }
        // Of the document that is shown now: the page may have moved on since the fetch began.
        let shown = page.tab().document();
        let mitigated = shown.and_then(|document| document.headers.get("cf-mitigated").cloned());
        if mitigated.is_some_and(|value| value == "challenge") {
            return Ok(Some("managed".to_owned()));
        }
        Ok((look.widget && !look.answered).then(|| "embedded".to_owned()))
    }

    async fn attempt(&self, page: &ChallengePage<'_>, kind: &str) -> Result<()> {
        // Bounded by the time that the session gives to all attempts.
        loop {
            // One that wants nothing but time has all of it: another attempt would be the same.
            if kind != "non-interactive"
                && let Some(place) = checkbox(page).await?
            {
                return page.click_like_a_hand(place).await;
            }
            // It may have made up its mind without a click, or want something else now. An error is a page on its way.
            if let Ok(now) = self.detect(page).await
                && now.as_deref() != Some(kind)
            {
                return Ok(());
            }
            tokio::time::sleep(GLANCE).await;
        }
    }
}

/// The middle of the widget's box, once there is one.
async fn checkbox(page: &ChallengePage<'_>) -> Result<Option<Point>> {
    let (tab, deadline) = (page.tab(), page.deadline());
    match widget::frame(tab, |url| url.contains(PLATFORM), deadline).await? {
        Some(frame) => Ok(frame.checkbox(tab, deadline).await?),
        None => Ok(None),
    }
}
