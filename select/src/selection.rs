//! What a selector found.

use std::borrow::Cow;
use std::fmt;

use silkroute_core::Result;

use crate::element::Element;
use crate::hit::{Hit, What};
use crate::selector::{self, Selector};
use crate::tree::Tree;
use crate::{serialize, text};

/// What a selector found, in document order: elements, texts or attributes.
///
/// The value of an element is its HTML, that of a text or attribute is what it says.
///
/// ```
/// use silkroute_select::Document;
///
/// # fn main() -> silkroute_core::Result<()> {
/// let page = Document::parse(
///     "<p>a<b>b</b>c</p><a href='/x'>Next</a>",
///     "https://shop.test/".parse().unwrap(),
/// );
/// assert_eq!(page.css("p::text")?.get_all(), ["a", "c"]);
/// assert_eq!(page.css("p ::text")?.get_all(), ["a", "b", "c"]);
/// assert_eq!(page.css("b")?.get().as_deref(), Some("<b>b</b>"));
/// assert_eq!(page.css("a")?.attr("href"), Some("/x"));
/// assert_eq!(page.css("i::text")?.get_or("none"), "none");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Selection<'d> {
    tree: &'d Tree,
    hits: Vec<Hit>,
}

impl<'d> Selection<'d> {
    pub(crate) fn new(tree: &'d Tree, hits: Vec<Hit>) -> Self {
        Self { tree, hits }
    }

    /// The value of the first hit.
    pub fn get(&self) -> Option<String> {
        self.hits.first().map(|hit| self.value(hit).into_owned())
    }

    /// The value of the first hit, or this one where there is none.
    pub fn get_or(&self, default: impl Into<String>) -> String {
        self.get().unwrap_or_else(|| default.into())
    }

    /// The values of all hits.
    pub fn get_all(&self) -> Vec<String> {
        self.hits.iter().map(|hit| self.value(hit).into_owned()).collect()
    }

    /// The text of the first hit: of an element all text in it, see [`Element::text`].
    pub fn text(&self) -> Option<String> {
        self.hits.first().map(|hit| self.text_of(hit).into_owned())
    }

    /// The texts of all hits, as [`text`](Self::text) gives them.
    pub fn texts(&self) -> Vec<String> {
        self.hits.iter().map(|hit| self.text_of(hit).into_owned()).collect()
    }

    /// The HTML of the first hit's element.
    pub fn html(&self) -> Option<String> {
        self.first().map(|element| element.html())
    }

    /// An attribute of the first hit's element.
    pub fn attr(&self, name: &str) -> Option<&'d str> {
        self.first()?.attr(name)
    }

    /// What a selector finds in the elements found, each hit once, however many of them it is in.
    ///
    /// # Errors
    /// As [`Selector::parse`].
    pub fn css(&self, selector: &str) -> Result<Selection<'d>> {
        Ok(self.select(&selector::cached(selector)?))
    }

    /// What a selector that was read before finds in the elements found.
    pub fn select(&self, selector: &Selector) -> Selection<'d> {
        let mut hits = Vec::new();
        for element in self.iter() {
            selector.search(self.tree, element.id, &mut hits);
        }
        hits.sort_unstable();
        hits.dedup();
        Selection::new(self.tree, hits)
    }

    /// What a regular expression finds in the hits' values, of elements in their text: the groups of each match that
    /// took part in it, or the whole match of a pattern without groups.
    ///
    /// # Errors
    /// [`Error::Invalid`](silkroute_core::Error::Invalid) when the pattern is none.
    ///
    /// ```
    /// # fn main() -> silkroute_core::Result<()> {
    /// # let page = silkroute_select::Document::parse("<p>3 for 10", "https://shop.test/".parse().unwrap());
    /// assert_eq!(page.css("p")?.re(r"\d+")?, ["3", "10"]);
    /// assert_eq!(page.css("p::text")?.re_first(r"for (\d+)")?.as_deref(), Some("10"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn re(&self, pattern: &str) -> Result<Vec<String>> {
        self.search(pattern, usize::MAX)
    }

    /// The first thing that [`re`](Self::re) finds.
    ///
    /// # Errors
    /// As [`re`](Self::re).
    pub fn re_first(&self, pattern: &str) -> Result<Option<String>> {
        Ok(self.search(pattern, 1)?.into_iter().next())
    }

    /// How many hits there are.
    pub fn len(&self) -> usize {
        self.hits.len()
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.hits.is_empty()
    }

    /// The elements found, or those that the texts and attributes belong to: one for each hit.
    pub fn iter(&self) -> Iter<'d, '_> {
        Iter {
            tree: self.tree,
            hits: self.hits.iter(),
        }
    }

    /// The first hit's element.
    pub fn first(&self) -> Option<Element<'d>> {
        self.iter().next()
    }

    /// The last hit's element.
    pub fn last(&self) -> Option<Element<'d>> {
        self.iter().next_back()
    }

    /// The hits whose elements fit.
    pub fn filter(&self, mut fits: impl FnMut(Element<'d>) -> bool) -> Selection<'d> {
        let tree = self.tree;
        let hits = self
            .hits
            .iter()
            .copied()
            .filter(|hit| fits(Element { tree, id: hit.element }))
            .collect();
        Selection { tree, hits }
    }

    fn value(&self, hit: &Hit) -> Cow<'d, str> {
        match hit.what {
            What::Element => serialize::outer(self.tree, hit.element).into(),
            _ => self.text_of(hit),
        }
    }

    fn text_of(&self, hit: &Hit) -> Cow<'d, str> {
        match hit.what {
            What::Element => text::all(self.tree, hit.element).into(),
            What::Text => self.tree.text_of(hit.node).unwrap_or_default().into(),
            What::Attribute(at) => self.tree.value_of(&self.tree.attributes[at as usize]).into(),
        }
    }

    fn search(&self, pattern: &str, most: usize) -> Result<Vec<String>> {
        let pattern = selector::pattern(pattern)?;
        let mut found = Vec::new();
        for hit in &self.hits {
            for captures in pattern.captures_iter(&self.text_of(hit)) {
                let skipped = usize::from(captures.len() > 1);
                found.extend(
                    captures
                        .iter()
                        .skip(skipped)
                        .flatten()
                        .map(|group| group.as_str().to_owned()),
                );
                if found.len() >= most {
                    return Ok(found);
                }
            }
        }
        Ok(found)
    }
}

/// The elements of a [`Selection`].
#[derive(Clone, Debug)]
pub struct Iter<'d, 's> {
    tree: &'d Tree,
    hits: std::slice::Iter<'s, Hit>,
}

impl<'d> Iter<'d, '_> {
    fn element(tree: &'d Tree, hit: &Hit) -> Element<'d> {
        Element { tree, id: hit.element }
    }
}

impl<'d> Iterator for Iter<'d, '_> {
    type Item = Element<'d>;

    fn next(&mut self) -> Option<Element<'d>> {
        self.hits.next().map(|hit| Self::element(self.tree, hit))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.hits.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_, '_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.hits.next_back().map(|hit| Self::element(self.tree, hit))
    }
}

impl ExactSizeIterator for Iter<'_, '_> {}

/// The elements of a [`Selection`] that is used up.
#[derive(Clone, Debug)]
pub struct IntoIter<'d> {
    tree: &'d Tree,
    hits: std::vec::IntoIter<Hit>,
}

impl<'d> Iterator for IntoIter<'d> {
    type Item = Element<'d>;

    fn next(&mut self) -> Option<Element<'d>> {
        self.hits.next().map(|hit| Iter::element(self.tree, &hit))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.hits.size_hint()
    }
}

impl ExactSizeIterator for IntoIter<'_> {}

impl<'d> IntoIterator for Selection<'d> {
    type Item = Element<'d>;
    type IntoIter = IntoIter<'d>;

    fn into_iter(self) -> IntoIter<'d> {
        IntoIter {
            tree: self.tree,
            hits: self.hits.into_iter(),
        }
    }
}

impl<'d, 's> IntoIterator for &'s Selection<'d> {
    type Item = Element<'d>;
    type IntoIter = Iter<'d, 's>;

    fn into_iter(self) -> Iter<'d, 's> {
        self.iter()
    }
}

impl<'d> From<Element<'d>> for Selection<'d> {
    fn from(element: Element<'d>) -> Self {
        Self::new(element.tree, vec![element.hit()])
    }
}

impl fmt::Debug for Selection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.hits.iter().map(|hit| self.value(hit)))
            .finish()
    }
}
