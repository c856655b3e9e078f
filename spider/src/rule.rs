//! Rules for which links of a page to follow, and how.

use std::collections::HashSet;

use silkroute_core::RequestExt as _;

use crate::visit::Step;
use crate::{LinkExtractor, Output, Page, Result, Spider, Visit};

/// Which links to follow, and for which step.
///
/// ```no_run
/// use silkroute_spider::{CrawlRule, LinkExtractor, Output, Page, Result, Spider};
///
/// # async fn example<S: Spider<Step = u8>>(page: Page<u8>, out: &mut Output<S>) -> Result {
/// let rules = [
///     CrawlRule::new(LinkExtractor::new().allow("/p/")?).step(1).session("stealth"),
///     CrawlRule::new(LinkExtractor::new().allow("[?]page=")?),
/// ];
/// CrawlRule::follow_all(&rules, &page, out).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "CrawlSpider")]
pub struct CrawlRule<S = ()> {
    links: LinkExtractor,
    step: S,
    session: Option<String>,
    priority: Option<i32>,
    map: Option<Map<S>>,
}

/// Changes a request, or drops it.
type Map<S> = fn(Visit<S>) -> Option<Visit<S>>;

impl<S: Step> CrawlRule<S> {
    /// Follows these links, for the step that is the default, as [`Page::follow`] does.
    pub fn new(links: LinkExtractor) -> Self {
        Self {
            links,
            step: S::default(),
            session: None,
            priority: None,
            map: None,
        }
    }

    /// For this step.
    #[must_use]
    pub fn step(mut self, step: S) -> Self {
        self.step = step;
        self
    }

    /// Through this session, in place of the page's.
    #[must_use]
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// With this priority, in place of the page's.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = Some(priority);
        self
    }

    /// Changes each request before it is queued, or drops it with `None`.
    #[must_use]
    pub fn map(mut self, map: fn(Visit<S>) -> Option<Visit<S>>) -> Self {
        self.map = Some(map);
        self
    }

    /// Follows the links of a page by these rules. A link that several would take is followed by the first.
    ///
    /// # Errors
    /// As of [`Output::visit`].
    pub async fn follow_all<P: Spider<Step = S>>(rules: &[Self], page: &Page<S>, out: &mut Output<P>) -> Result {
        let mut taken = HashSet::new();
        for rule in rules {
            for url in rule.links.links(page.document()) {
                if !taken.insert(url.clone()) {
                    continue;
                }
                let mut visit = page.follow_url(url).step(rule.step.clone());
                if let Some(session) = &rule.session {
                    visit = visit.session(session);
                }
                let priority = rule.priority.unwrap_or(visit.priority);
                visit = visit.priority(priority);
                let visit = match rule.map {
                    Some(map) => map(visit),
                    None => Some(visit),
                };
                if let Some(visit) = visit {
                    out.visit(visit).await?;
                }
            }
        }
        Ok(())
    }
}
