//! What a selector sees of an element.

use std::fmt;

use html5ever::{Namespace, local_name};
use selectors::attr::{AttrSelectorOperation, CaseSensitivity, NamespaceConstraint};
use selectors::bloom::BloomFilter;
use selectors::context::MatchingContext;
use selectors::matching::ElementSelectorFlags;
use selectors::{Element, OpaqueElement};

use super::grammar::{Css, CssName, CssText, PseudoClass, PseudoElement};
use crate::text;
use crate::tree::{DOCUMENT, ElementData, ElementNamespace, Kind, NodeId, Tree};

/// An element that may match, in a search below `scope`.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'t> {
    pub(crate) tree: &'t Tree,
    pub(crate) id: NodeId,
    /// The element that the search started from: what is around it does not count.
    pub(crate) scope: NodeId,
}

impl<'t> Candidate<'t> {
    fn at(self, id: NodeId) -> Self {
        Self { id, ..self }
    }

    /// Its data. Only elements become candidates; any other node has none and matches nothing.
    fn data(self) -> Option<&'t ElementData> {
        self.tree.element(self.id)
    }

    fn has_attribute(self, name: &html5ever::LocalName) -> bool {
        self.data()
            .is_some_and(|data| self.tree.attribute(data, name).is_some())
    }

    fn can_be_disabled(self) -> bool {
        self.data().is_some_and(|data| {
            data.namespace == ElementNamespace::Html
                && matches!(
                    data.name,
                    local_name!("button")
                        | local_name!("fieldset")
                        | local_name!("input")
                        | local_name!("optgroup")
                        | local_name!("option")
                        | local_name!("select")
                        | local_name!("textarea")
                )
        })
    }
}

impl fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}>", self.data().map_or("", |data| &data.name))
    }
}

impl Element for Candidate<'_> {
    type Impl = Css;

    fn opaque(&self) -> OpaqueElement {
        OpaqueElement::new(self.tree.node(self.id))
    }

    fn parent_element(&self) -> Option<Self> {
        if self.id == self.scope {
            return None;
        }
        self.tree.parent_element(self.id).map(|id| self.at(id))
    }

    fn parent_node_is_shadow_root(&self) -> bool {
        false
    }

    fn containing_shadow_host(&self) -> Option<Self> {
        None
    }

    fn is_pseudo_element(&self) -> bool {
        false
    }

    fn prev_sibling_element(&self) -> Option<Self> {
        self.tree.prev_element(self.id).map(|id| self.at(id))
    }

    fn next_sibling_element(&self) -> Option<Self> {
        self.tree.next_element(self.id).map(|id| self.at(id))
    }

    fn first_element_child(&self) -> Option<Self> {
        self.tree.first_element(self.id).map(|id| self.at(id))
    }

    fn is_html_element_in_html_document(&self) -> bool {
        self.data().is_some_and(|data| data.namespace == ElementNamespace::Html)
    }

    fn has_local_name(&self, name: &CssName) -> bool {
        self.data().is_some_and(|data| data.name == name.0)
    }

    fn has_namespace(&self, url: &Namespace) -> bool {
        self.data().is_some_and(|data| data.namespace.url() == url)
    }

    fn is_same_type(&self, other: &Self) -> bool {
        match (self.data(), other.data()) {
            (Some(one), Some(other)) => one.name == other.name && one.namespace == other.namespace,
            _ => false,
        }
    }

    fn attr_matches(
        &self,
        namespace: &NamespaceConstraint<&Namespace>,
        name: &CssName,
        operation: &AttrSelectorOperation<&CssText>,
    ) -> bool {
        // Attributes go by their name as written, prefix included, and so are in no namespace.
        if matches!(namespace, NamespaceConstraint::Specific(url) if !url.is_empty()) {
            return false;
        }
        self.data().is_some_and(|data| {
            self.tree
                .attribute(data, &name.0)
                .is_some_and(|value| operation.eval_str(value))
        })
    }

    fn match_non_ts_pseudo_class(&self, class: &PseudoClass, context: &mut MatchingContext<'_, Css>) -> bool {
        match class {
            PseudoClass::Contains(wanted) => text::contains(self.tree, self.id, wanted),
            PseudoClass::Has(has) => has.matches(*self, context),
            PseudoClass::Checked => {
                self.has_attribute(&local_name!("checked"))
                    || (self.has_attribute(&local_name!("selected"))
                        && self.data().is_some_and(|data| data.is_html(&local_name!("option"))))
            }
            PseudoClass::Disabled => self.can_be_disabled() && self.has_attribute(&local_name!("disabled")),
            PseudoClass::Enabled => self.can_be_disabled() && !self.has_attribute(&local_name!("disabled")),
            PseudoClass::Link => {
                self.has_attribute(&local_name!("href"))
                    && self
                        .data()
                        .is_some_and(|data| data.is_html(&local_name!("a")) || data.is_html(&local_name!("area")))
            }
        }
    }

    fn match_pseudo_element(&self, _: &PseudoElement, _: &mut MatchingContext<'_, Css>) -> bool {
        false
    }

    fn apply_selector_flags(&self, _: ElementSelectorFlags) {}

    fn is_link(&self) -> bool {
        // Only asked to tell visited links from others, and here none is visited.
        false
    }

    fn is_html_slot_element(&self) -> bool {
        false
    }

    fn has_id(&self, id: &CssName, case: CaseSensitivity) -> bool {
        self.data()
            .and_then(|data| self.tree.attribute(data, &local_name!("id")))
            .is_some_and(|value| case.eq(value.as_bytes(), id.0.as_bytes()))
    }

    fn has_class(&self, class: &CssName, case: CaseSensitivity) -> bool {
        self.data()
            .and_then(|data| self.tree.attribute(data, &local_name!("class")))
            .is_some_and(|value| {
                value
                    .split(|c: char| c.is_ascii_whitespace())
                    .any(|name| case.eq(name.as_bytes(), class.0.as_bytes()))
            })
    }

    fn has_custom_state(&self, _: &CssName) -> bool {
        false
    }

    fn imported_part(&self, _: &CssName) -> Option<CssName> {
        None
    }

    fn is_part(&self, _: &CssName) -> bool {
        false
    }

    fn is_empty(&self) -> bool {
        self.tree
            .children(self.id)
            .all(|child| match self.tree.node(child).kind {
                Kind::Text { len, .. } => len == 0,
                _ => false,
            })
    }

    fn is_root(&self) -> bool {
        self.tree.node(self.id).parent == DOCUMENT
    }

    fn add_element_unique_hashes(&self, _: &mut BloomFilter) -> bool {
        false
    }
}
