//! The way from the document that came to the one that is given back: what is asked of the page is done to it, and a document
//! that a step led to is looked at as the first one was.

use silkroute_core::FetchError;

use super::attempt::Attempt;
use super::kind::{Arrival, Arrived, BrowserKind};
use super::response::{ChallengeOutcome, Step};
use super::steps::Steps;
use crate::{Document, Tab};

impl<K: BrowserKind> Attempt<'_, K> {
    /// Has the kind look at a document.
    pub(super) async fn look(&self, tab: &Tab, document: Document) -> Result<Arrived, FetchError> {
        let arrival = Arrival {
            tab,
            document,
            options: self.options,
            running: &self.running.state,
            deadline: self.deadline,
        };
        let looked = self.settings.kind.arrived(arrival).await;
        looked.map_err(|error| error.parts(self.plan.parts))
    }

    /// Everything that the request asks for of the page. A challenge that was not passed is no such page.
    pub(super) async fn steps(&self, tab: &Tab, mut arrived: Arrived) -> Result<(Arrived, Vec<Step>), FetchError> {
        if !arrived.document.is_html() {
            let steps = Steps::without_page(self.plan, &arrived.document)?;
            return Ok((arrived, steps));
        }
        let mut steps = Steps::new(self.plan, tab, self.deadline);
        if !is_in_the_way(&arrived) && steps.act().await? {
            arrived = self.follow(tab, arrived).await?;
        }
        if !is_in_the_way(&arrived) && steps.wait().await? {
            arrived = self.follow(tab, arrived).await?;
        }
        let steps = if is_in_the_way(&arrived) {
            steps.skip()
        } else {
            steps.done()
        };
        Ok((arrived, steps))
    }

    /// An action, or a script that was waited for, may have led elsewhere.
    async fn follow(&self, tab: &Tab, before: Arrived) -> Result<Arrived, FetchError> {
        let document = tab
            .arrive(self.plan.page.wait_until, self.deadline)
            .await
            .map_err(|error| self.failed(error))?;
        let challenge = before.challenge;
        if document.loader_id == before.document.loader_id {
            return Ok(Arrived { document, challenge });
        }
        let arrived = self.look(tab, document).await?;
        Ok(match arrived.challenge {
            ChallengeOutcome::None => Arrived { challenge, ..arrived },
            _ => arrived,
        })
    }
}

fn is_in_the_way(arrived: &Arrived) -> bool {
    matches!(arrived.challenge, ChallengeOutcome::Failed { .. })
}
