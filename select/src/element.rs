//! An element of a document.

use std::fmt;

use silkroute_core::Result;

use crate::hit::{Hit, What};
use crate::selection::Selection;
use crate::selector::{self, Selector};
use crate::tree::{ElementNamespace, NodeId, Tree};
use crate::{serialize, text};

/// An element of a document. Copies are free: it is a place in the document, which it borrows.
#[derive(Clone, Copy)]
pub struct Element<'d> {
    pub(crate) tree: &'d Tree,
    pub(crate) id: NodeId,
}

impl<'d> Element<'d> {
    /// What the selector finds in this element, itself included.
    ///
    /// Only what is in the element counts: no ancestor of it can match a part of the selector. `:scope` is the element.
    ///
    /// # Errors
    /// As [`Selector::parse`].
    ///
    /// ```
    /// use silkroute_select::Document;
    ///
    /// # fn main() -> silkroute_core::Result<()> {
    /// let page = Document::parse(
    ///     "<li><a href=/1>Silk</a> <b>5</b><li><a href=/2>Linen</a>",
    ///     "https://shop.test/".parse().unwrap(),
    /// );
    /// let mut rows = Vec::new();
    /// for item in page.css("li")? {
    ///     rows.push((item.css("a::attr(href)")?.get_or(""), item.css("b::text")?.get()));
    /// }
    /// assert_eq!(rows, [("/1".to_owned(), Some("5".to_owned())), ("/2".to_owned(), None)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn css(&self, selector: &str) -> Result<Selection<'d>> {
        Ok(self.select(&selector::cached(selector)?))
    }

    /// What a selector that was read before finds in this element.
    pub fn select(&self, selector: &Selector) -> Selection<'d> {
        let mut hits = Vec::new();
        selector.search(self.tree, self.id, &mut hits);
        Selection::new(self.tree, hits)
    }

    /// Its name, in lower case where it is HTML: `a`, `svg`, `foreignObject`.
    pub fn name(&self) -> &'d str {
        self.tree.element(self.id).map_or("", |data| &data.name)
    }

    /// The value of an attribute. The name's case does not matter in HTML.
    pub fn attr(&self, name: &str) -> Option<&'d str> {
        let data = self.tree.element(self.id)?;
        let html = data.namespace == ElementNamespace::Html;
        let attribute = self.tree.attributes_of(data).iter().find(|attribute| {
            let known: &str = &attribute.name;
            known == name || (html && known.eq_ignore_ascii_case(name))
        })?;
        Some(self.tree.value_of(attribute))
    }

    /// All its attributes, as they stand in the page.
    pub fn attrs(&self) -> impl Iterator<Item = (&'d str, &'d str)> + use<'d> {
        let tree = self.tree;
        let attributes = tree.element(self.id).map_or(&[][..], |data| tree.attributes_of(data));
        attributes
            .iter()
            .map(|attribute| (&*attribute.name, tree.value_of(attribute)))
    }

    /// Whether it has this class, case and all.
    pub fn has_class(&self, class: &str) -> bool {
        self.attr("class")
            .is_some_and(|classes| classes.split_ascii_whitespace().any(|known| known == class))
    }

    /// All text in it, at any depth, as it stands in the page, without that of scripts and styles.
    pub fn text(&self) -> String {
        text::all(self.tree, self.id)
    }

    /// The element as HTML, its own tags included.
    pub fn html(&self) -> String {
        serialize::outer(self.tree, self.id)
    }

    /// What is in the element as HTML.
    pub fn inner_html(&self) -> String {
        serialize::inner(self.tree, self.id)
    }

    /// The element around it.
    pub fn parent(&self) -> Option<Element<'d>> {
        self.tree.parent_element(self.id).map(|id| self.at(id))
    }

    /// The elements directly in it.
    pub fn children(&self) -> impl Iterator<Item = Element<'d>> + use<'d> {
        let tree = self.tree;
        tree.children(self.id)
            .filter(|&id| tree.is_element(id))
            .map(move |id| Element { tree, id })
    }

    /// The element after it, with the same parent.
    pub fn next(&self) -> Option<Element<'d>> {
        self.tree.next_element(self.id).map(|id| self.at(id))
    }

    /// The element before it, with the same parent.
    pub fn prev(&self) -> Option<Element<'d>> {
        self.tree.prev_element(self.id).map(|id| self.at(id))
    }

    fn at(&self, id: NodeId) -> Element<'d> {
        Element { tree: self.tree, id }
    }

    pub(crate) fn hit(&self) -> Hit {
        Hit::new(self.id, self.id, What::Element)
    }
}

impl PartialEq for Element<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && std::ptr::eq(self.tree, other.tree)
    }
}

impl Eq for Element<'_> {}

impl fmt::Debug for Element<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}", self.name())?;
        for (name, value) in self.attrs() {
            write!(f, " {name}={value:?}")?;
        }
        f.write_str(">")
    }
}
