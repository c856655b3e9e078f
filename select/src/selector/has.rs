//! `:has()`.
//!
//! The matching library descends into the page one call per level, which a page of 100,000 nested elements turns into a
//! stack overflow, and starts over for every element that is asked. Here descendants are a range of numbers, and what
//! was found for one element is remembered for those inside it.

use std::ops::Range;

use selectors::SelectorList;
use selectors::context::MatchingContext;
use selectors::matching::matches_selector;
use selectors::parser::{Combinator, Component, Selector};

use super::grammar::Css;
use super::matching::Candidate;
use crate::tree::{NONE, NodeId};

/// The selectors in the brackets, each relative to the element that is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Has {
    pub(crate) selectors: SelectorList<Css>,
    shapes: Vec<Shape>,
}

/// Where a relative selector must look, and what one answer says about others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// `x`: within the element, and nothing else counts.
    Inside,
    /// `x y`: within the element; what is not found there is not found deeper either.
    InsideChain,
    /// `> x`: directly in the element.
    Child,
    /// `> x y`: within the element.
    ChildChain,
    /// `+ x`, `~ x`: after the element, within its parent.
    After,
}

/// What is known of one relative selector in this search.
#[derive(Debug)]
struct Memo {
    selector: *const Component<Css>,
    /// Descendants among which nothing matched.
    nothing: Range<NodeId>,
    /// Something that matched.
    witness: NodeId,
}

/// What one search has learned of its relative selectors.
#[derive(Debug, Default)]
pub(crate) struct Memos(Vec<Memo>);

impl Memos {
    fn of(&mut self, selector: &Selector<Css>) -> Option<&mut Memo> {
        // The components live as long as the search, so their address tells selectors apart.
        let key: *const _ = selector.iter_raw_match_order().next()?;
        let at = self.0.iter().position(|memo| memo.selector == key).unwrap_or_else(|| {
            self.0.push(Memo {
                selector: key,
                nothing: 0..0,
                witness: NONE,
            });
            self.0.len() - 1
        });
        self.0.get_mut(at)
    }
}

impl Has {
    pub(crate) fn new(selectors: SelectorList<Css>) -> Self {
        let shapes = selectors.slice().iter().map(Shape::of).collect();
        Self { selectors, shapes }
    }

    pub(crate) fn matches(&self, anchor: Candidate<'_>, context: &mut MatchingContext<'_, Css>) -> bool {
        let selectors = self.selectors.slice().iter().zip(&self.shapes);
        context.nest_for_relative_selector(selectors::Element::opaque(&anchor), |context| {
            for (selector, &shape) in selectors {
                if shape.search(selector, anchor, context) {
                    return true;
                }
            }
            false
        })
    }
}

impl Shape {
    fn of(selector: &Selector<Css>) -> Self {
        let mut combinators = selector.iter_raw_match_order().filter_map(|component| match component {
            Component::Combinator(combinator) => Some(*combinator),
            _ => None,
        });
        // The leading combinator is the last in matching order.
        let inner = combinators.next();
        let leading = combinators.next_back();
        match (inner, leading) {
            (Some(Combinator::Descendant), None) => Self::Inside,
            (_, Some(Combinator::Descendant)) => Self::InsideChain,
            (Some(Combinator::NextSibling | Combinator::LaterSibling), None)
            | (_, Some(Combinator::NextSibling | Combinator::LaterSibling)) => Self::After,
            (_, None) => Self::Child,
            _ => Self::ChildChain,
        }
    }

    fn search(self, selector: &Selector<Css>, anchor: Candidate<'_>, context: &mut MatchingContext<'_, Css>) -> bool {
        let tree = anchor.tree;
        let range = match self {
            Self::After => match tree.node(anchor.id).parent {
                NONE => return false,
                parent => tree.node(anchor.id).edge..tree.node(parent).edge,
            },
            _ => tree.descendants(anchor.id),
        };
        let nests = matches!(self, Self::Inside | Self::InsideChain);
        if nests && let Some(memo) = context.extra_data.of(selector) {
            if memo.nothing.start <= range.start && range.end <= memo.nothing.end {
                return false;
            }
            if self == Self::Inside && range.contains(&memo.witness) {
                return true;
            }
        }
        let mut matches = |id: NodeId| {
            tree.is_element(id) && matches_selector(selector, 0, None, Candidate { id, ..anchor }, context)
        };
        let found = match self {
            Self::Child => tree.children(anchor.id).find(|&id| matches(id)),
            _ => range.clone().find(|&id| matches(id)),
        };
        if nests && let Some(memo) = context.extra_data.of(selector) {
            match found {
                Some(id) => memo.witness = id,
                None => memo.nothing = range,
            }
        }
        found.is_some()
    }
}
