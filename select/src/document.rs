//! A page, parsed.

use std::fmt;
use std::sync::{Arc, OnceLock};

use html5ever::local_name;
use silkroute_core::{Error, Response, Result, redact_url};
use url::Url;

use crate::element::Element;
use crate::parse::parse;
use crate::selection::Selection;
use crate::selector::{self, Selector};
use crate::tree::{DOCUMENT, Tree};
use crate::{serialize, text};

/// A page, parsed: every text is one, by the rules of HTML5, however broken.
///
/// Clones share it, and it can go to other threads. It does not need what it was parsed from.
///
/// ```
/// use silkroute_select::Document;
///
/// # fn main() -> silkroute_core::Result<()> {
/// let page = Document::parse(
///     "<title>Shop</title><a class=next href='?page=2'>Next</a>",
///     "https://shop.test/list".parse().unwrap(),
/// );
/// assert_eq!(page.css("title::text")?.get().as_deref(), Some("Shop"));
/// let next = page.css("a.next::attr(href)")?.get_or("");
/// assert_eq!(page.urljoin(&next)?.as_str(), "https://shop.test/list?page=2");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Document {
    page: Arc<Page>,
}

struct Page {
    tree: Tree,
    url: Url,
    base: OnceLock<Url>,
}

impl Document {
    /// Parses a page that came from `url`.
    ///
    /// Time and memory are in proportion to its length, whatever is in it: memory is two to four times the length of a
    /// common page, some 20 times that of a page of nothing but the shortest tags, and over 100 times that of one made to
    /// have the parser copy formatting elements. What is beyond the first GiB is left out.
    pub fn parse(html: impl AsRef<str>, url: Url) -> Self {
        Self {
            page: Arc::new(Page {
                tree: parse(html.as_ref()),
                url,
                base: OnceLock::new(),
            }),
        }
    }

    /// Parses what a session brought back, decoded by its byte order mark, its header's charset or its own
    /// `<meta charset>`, else as UTF-8.
    ///
    /// Each call parses anew: keep the document.
    pub fn of(response: &dyn Response) -> Self {
        Self::parse(response.text(), response.url().clone())
    }

    /// What a selector finds.
    ///
    /// # Errors
    /// As [`Selector::parse`].
    pub fn css(&self, selector: &str) -> Result<Selection<'_>> {
        Ok(self.select(&selector::cached(selector)?))
    }

    /// What a selector that was read before finds.
    pub fn select(&self, selector: &Selector) -> Selection<'_> {
        let mut hits = Vec::new();
        selector.search(self.tree(), DOCUMENT, &mut hits);
        Selection::new(self.tree(), hits)
    }

    /// The `html` element. Every page has one.
    pub fn root(&self) -> Element<'_> {
        Element {
            tree: self.tree(),
            id: self.tree().root(),
        }
    }

    /// The URL it came from.
    pub fn url(&self) -> &Url {
        &self.page.url
    }

    /// The URL that its links are relative to: that of the first `<base href>`, as far as it is one, else its own.
    pub fn base_url(&self) -> &Url {
        self.page
            .base
            .get_or_init(|| self.declared_base().unwrap_or_else(|| self.page.url.clone()))
    }

    /// A link of the page as a whole URL.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is no URL, also not a relative one.
    pub fn urljoin(&self, link: &str) -> Result<Url> {
        let base = self.base_url();
        base.join(link)
            .map_err(|error| Error::invalid(format!("the link `{link}` on {}", redact_url(base)), error))
    }

    /// All text of the page, as it stands there, without that of scripts and styles.
    pub fn text(&self) -> String {
        text::all(self.tree(), DOCUMENT)
    }

    /// The page as HTML again: what the parser made of it, without comments.
    pub fn html(&self) -> String {
        serialize::outer(self.tree(), DOCUMENT)
    }

    fn tree(&self) -> &Tree {
        &self.page.tree
    }

    fn declared_base(&self) -> Option<Url> {
        let tree = self.tree();
        let href = tree.descendants(DOCUMENT).find_map(|id| {
            let data = tree.element(id).filter(|data| data.is_html(&local_name!("base")))?;
            tree.attribute(data, &local_name!("href"))
        })?;
        // As browsers do: a base of these schemes is not one.
        let base = self.page.url.join(href).ok()?;
        (!matches!(base.scheme(), "data" | "javascript")).then_some(base)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document")
            .field("url", &redact_url(&self.page.url))
            .field("nodes", &self.tree().nodes.len())
            .finish()
    }
}

/// Selecting from what any session brought back.
///
/// ```
/// use silkroute_core::{Response, Result};
/// use silkroute_select::SelectExt;
///
/// fn title(response: &dyn Response) -> Result<String> {
///     let page = response.document();
///     Ok(page.css("title::text")?.get_or(""))
/// }
/// ```
pub trait SelectExt {
    /// The response's body as a document: [`Document::of`]. A response cannot keep it, so each call parses anew, and
    /// there is no `css` here that would do so unseen.
    fn document(&self) -> Document;
}

impl SelectExt for dyn Response {
    fn document(&self) -> Document {
        Document::parse(self.text(), self.url().clone())
    }
}
