//! The spider that the command line describes.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use http::header::CONTENT_TYPE;
use silkroute::Options;
use silkroute::core::redact_url;
use silkroute::prelude::*;
use silkroute::spider::{self, Failure, LinkExtractor, Starts};

use super::field::Field;
use super::item::Item;
use crate::failure::{one_line, say, with_causes};

/// Takes an item from each page, and follows its links.
pub(super) struct Generic {
    pub(super) starts: Vec<String>,
    /// Of each request: links inherit both from the page that they are on.
    pub(super) options: Options,
    pub(super) timeout: Option<Duration>,
    pub(super) links: LinkExtractor,
    pub(super) fields: Vec<Field>,
    /// What makes the crawl this one: see [`begun`](super::begun).
    pub(super) arguments: BTreeMap<String, String>,
}

impl Generic {
    fn item(&self, page: &Page) -> Item {
        let is_html = is_html(page);
        let value = |field: &Field| {
            if is_html {
                field.of(page.document())
            } else {
                field.nothing()
            }
        };
        Item {
            url: redact_url(page.url()),
            status: page.status().as_u16(),
            fields: self
                .fields
                .iter()
                .map(|field| (field.name.clone(), value(field)))
                .collect(),
        }
    }
}

impl Spider for Generic {
    type Item = Item;
    type Step = ();

    fn name(&self) -> &str {
        "crawl"
    }

    fn arguments(&self) -> BTreeMap<String, String> {
        self.arguments.clone()
    }

    fn start_requests(&self) -> Starts<'_, ()> {
        let start = |url: &String| {
            let mut visit = Visit::get(url)?;
            let parts = visit.parts_mut();
            parts.options = self.options.clone();
            parts.timeout = self.timeout;
            Ok(visit)
        };
        stream::iter(self.starts.iter().map(start)).boxed()
    }

    async fn parse(&self, page: Page, out: &mut Output<Self>) -> spider::Result {
        out.item(self.item(&page)).await?;
        if is_html(&page) {
            for link in self.links.links(page.document()) {
                out.visit(page.follow_url(link)).await?;
            }
        }
        Ok(())
    }

    async fn on_error(&self, failure: Failure<()>) {
        let told = with_causes(failure.error.as_ref());
        match failure.visit.map(|visit| redact_url(visit.url())) {
            Some(url) if !told.contains(&url) => say("warning", &one_line(&format!("{url}: {told}"))),
            _ => say("warning", &told),
        }
    }
}

/// Whether there are elements to look for. A page that does not say what it is counts as HTML, as in browsers.
fn is_html(page: &Page) -> bool {
    let Some(kind) = page.response().headers().get(CONTENT_TYPE) else {
        return true;
    };
    let kind = String::from_utf8_lossy(kind.as_bytes()).to_ascii_lowercase();
    kind.contains("html") || kind.contains("xml")
}
