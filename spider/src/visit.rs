//! The request of a spider.

use std::fmt::Debug;

use http::{HeaderValue, Method};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use silkroute_core::{Fetch, Request, RequestParts};
use url::Url;

use crate::Climb;

/// What tells a spider's requests apart: which part of [`parse`](crate::Spider::parse) a page is for. Usually an enum,
/// or `()`. A frontier on disk keeps it as JSON: to rename a variant while a crawl waits, leave it the old name as a
/// `#[serde(alias)]`.
#[doc(alias = "callback")]
#[doc(alias = "cb_kwargs")]
#[doc(alias = "label")]
pub trait Step: Serialize + DeserializeOwned + Clone + Default + Debug + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + Default + Debug + Send + Sync + 'static> Step for T {}

/// A request of a spider: a [`Request`] as any other, with a step, a priority and a depth.
///
/// The building methods of [`RequestExt`](silkroute_core::RequestExt) work on it.
///
/// ```
/// use silkroute_core::{Fetch, Request, RequestExt};
/// use silkroute_spider::Visit;
///
/// # fn main() -> silkroute_core::Result<()> {
/// let visit: Visit<()> = Visit::get("https://shop.test/products")?.session("stealth").priority(10);
/// assert_eq!(visit.depth(), 0);
///
/// // A request that is there already, or of another method than GET and POST.
/// let visit: Visit<()> = Fetch::delete("https://shop.test/cart/1")?.into();
/// assert_eq!(visit.parts().method, "DELETE");
/// # Ok(())
/// # }
/// ```
#[doc(alias = "Request")]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visit<S = ()> {
    pub(crate) parts: RequestParts,
    pub(crate) step: S,
    pub(crate) priority: i32,
    pub(crate) depth: u32,
    /// Whether it is fetched although it was seen.
    pub(crate) again: bool,
    /// How often it was sent and brought no response.
    pub(crate) failures: u32,
    /// How often it was sent and blocked.
    pub(crate) blocks: u32,
    /// How it came to the session that it goes to, if it asked for another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) climb: Option<Climb>,
    /// Kept apart from the headers until it is sent: every link of a page has it, most are never sent.
    #[serde(skip)]
    pub(crate) referer: Option<HeaderValue>,
}

impl<S: Step> Visit<S> {
    /// A `GET`, for the step that is the default.
    ///
    /// # Errors
    /// The text is not a URL that a session could fetch.
    pub fn get(url: &str) -> silkroute_core::Result<Self> {
        match Url::parse(url) {
            Ok(url) if !url.cannot_be_a_base() => Ok(Self::from(url)),
            // It says what is wrong with it.
            _ => Fetch::get(url).map(|fetch| Self::from(fetch.parts().url.clone())),
        }
    }

    /// A `POST`; give it a body with `json`, `form` or `body`.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn post(url: &str) -> silkroute_core::Result<Self> {
        let mut visit = Self::get(url)?;
        visit.parts.method = Method::POST;
        Ok(visit)
    }

    /// Sets the step.
    #[doc(alias = "callback")]
    #[must_use]
    pub fn step(mut self, step: S) -> Self {
        self.step = step;
        self
    }
}

impl<S> Visit<S> {
    /// Sets the priority: higher ones go first. 0 for start requests; [`follow`](crate::Page::follow) inherits it.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Has it fetched although the same request was seen already.
    #[doc(alias = "dont_filter")]
    #[must_use]
    pub fn again(mut self) -> Self {
        self.again = true;
        self
    }

    /// Its URL.
    pub fn url(&self) -> &Url {
        &self.parts.url
    }

    /// How many links it is away from a start request.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// Its step.
    pub fn current_step(&self) -> &S {
        &self.step
    }

    /// How it came to the session that it goes to, if it asked for another: see [`Escalation`](crate::Escalation).
    pub fn climb(&self) -> Option<&Climb> {
        self.climb.as_ref()
    }

    /// How often it was sent already, in vain.
    pub fn retries(&self) -> u32 {
        self.failures + self.blocks
    }
}

impl<S: Step> From<Url> for Visit<S> {
    fn from(url: Url) -> Self {
        Self::from(RequestParts::new(Method::GET, url))
    }
}

impl<S: Step> From<RequestParts> for Visit<S> {
    fn from(parts: RequestParts) -> Self {
        Self {
            parts,
            step: S::default(),
            priority: 0,
            depth: 0,
            again: false,
            failures: 0,
            blocks: 0,
            climb: None,
            referer: None,
        }
    }
}

/// For the step that is the default, of priority 0, as a start request.
impl<S: Step> From<Fetch> for Visit<S> {
    fn from(fetch: Fetch) -> Self {
        Self::from(RequestParts::from(fetch))
    }
}

impl<S: Step> Request for Visit<S> {
    fn parts(&self) -> &RequestParts {
        &self.parts
    }

    fn parts_mut(&mut self) -> &mut RequestParts {
        &mut self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use silkroute_core::RequestExt as _;

    #[test]
    fn a_fetch_becomes_a_visit_with_all_it_says() {
        let fetch = Fetch::put("https://u:p@shop.test/a?b=1")
            .unwrap()
            .header("X-One", "1")
            .unwrap()
            .body("text")
            .session("stealth")
            .timeout(std::time::Duration::from_secs(3));
        let visit = Visit::<u8>::from(fetch.clone());
        assert_eq!(Fetch::from(visit.parts.clone()), fetch);
        assert_eq!((visit.step, visit.priority, visit.depth), (0, 0, 0));
    }
}
