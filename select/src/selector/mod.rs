//! Selectors: read once, matched often.

mod cache;
mod error;
mod grammar;
mod has;
mod matching;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use html5ever::LocalName;
use selectors::Element as _;
use selectors::context::{
    MatchingContext, MatchingForInvalidation, MatchingMode, NeedsSelectorFlags, QuirksMode, SelectorCaches,
};
use selectors::matching::matches_selector;
use selectors::parser::{Combinator, Component, ParseRelative, SelectorList};
use silkroute_core::{Error, Result};

pub(crate) use cache::{cached, pattern};
use grammar::{Css, Grammar, PseudoElement};
use matching::Candidate;

use crate::hit::{Hit, What};
use crate::tree::{DOCUMENT, ElementData, NodeId, Tree};

/// The longest selector that is read. What matches it takes stack in proportion.
const LONGEST: usize = 4_096;

/// A CSS selector, read once.
///
/// [`Document::css`](crate::Document::css) and its like take a text, and remember the last 256 of them on each thread;
/// a selector of one's own is for those who would rather see a mistake in it when the program starts.
///
/// A selector is a list of parts, each of which may end in a pseudo-element: `::text` for the text directly in each
/// match, `::attr(name)` for an attribute of it. Behind a space, as in `p ::text` or `p *::text`, that is the text at
/// any depth.
///
/// ```
/// use silkroute_select::{Document, Selector};
///
/// # fn main() -> silkroute_core::Result<()> {
/// let links = Selector::parse("a.product::attr(href), h1::text")?;
/// let page = Document::parse(r#"<h1>Shop</h1><a class=product href=/7>Silk</a>"#, "https://shop.test/".parse().unwrap());
/// assert_eq!(page.select(&links).get_all(), ["Shop", "/7"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Selector {
    text: Arc<str>,
    parts: Arc<[Part]>,
}

/// One part of a comma list.
struct Part {
    selector: selectors::parser::Selector<Css>,
    /// Where the compound that matches an element starts, in matching order: behind the pseudo-element.
    subject: usize,
    /// For `x ::text`: where `x` starts, whose own text counts too.
    container: Option<usize>,
    output: Output,
    /// What an element must have at the least.
    needs: Needs,
}

enum Output {
    Element,
    Text,
    Attribute(LocalName, LocalName),
}

/// A first look at an element, much cheaper than matching it.
struct Needs {
    name: Option<(LocalName, LocalName)>,
    attributes: bool,
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// [`Error::Invalid`] saying at which character it stops making sense, and what was expected there. So does a
    /// selector of more than 4,096 bytes.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > LONGEST {
            return Err(Error::invalid(
                format!("a selector of {} bytes", text.len()),
                format!("at most {LONGEST} are read"),
            ));
        }
        error::check_brackets(text)?;
        let grammar = Grammar { in_has: false };
        let list = SelectorList::parse(&grammar, &mut cssparser::Parser::new(text), ParseRelative::No)
            .map_err(|failure| error::explain(text, failure))?;
        Ok(Self {
            text: text.into(),
            parts: list.slice().iter().cloned().map(Part::new).collect(),
        })
    }

    /// The selector as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Adds what matches at or below `scope`, in document order.
    pub(crate) fn search(&self, tree: &Tree, scope: NodeId, hits: &mut Vec<Hit>) {
        let first = hits.len();
        for part in self.parts.iter() {
            part.search(tree, scope, hits);
        }
        let found = &hits[first..];
        if !found.is_sorted_by(|one, next| one < next) {
            let mut found = hits.split_off(first);
            found.sort_unstable();
            found.dedup();
            hits.append(&mut found);
        }
    }
}

impl Part {
    fn new(selector: selectors::parser::Selector<Css>) -> Self {
        let output = match selector.pseudo_element() {
            None => Output::Element,
            Some(PseudoElement::Text) => Output::Text,
            Some(PseudoElement::Attribute(name, lower)) => Output::Attribute(name.clone(), lower.clone()),
        };
        let subject = match output {
            Output::Element => 0,
            _ => {
                1 + selector
                    .iter_raw_match_order()
                    .position(|component| matches!(component, Component::Combinator(Combinator::PseudoElement)))
                    .unwrap_or_default()
            }
        };
        let any = |component: Option<&Component<Css>>| matches!(component, Some(Component::ExplicitUniversalType));
        let mut rest = selector.iter_raw_match_order().skip(subject).peekable();
        let mut container = subject + 1;
        if any(rest.peek().copied()) {
            rest.next();
            container += 1;
        }
        let descends = matches!(rest.next(), Some(Component::Combinator(Combinator::Descendant)));
        let container = (descends && !matches!(output, Output::Element)).then_some(container);
        let needs = Needs::new(&selector, subject, container.is_some());
        Self {
            selector,
            subject,
            container,
            output,
            needs,
        }
    }

    fn search(&self, tree: &Tree, scope: NodeId, hits: &mut Vec<Hit>) {
        let mut caches = SelectorCaches::default();
        let quirks = if tree.quirks {
            QuirksMode::Quirks
        } else {
            QuirksMode::NoQuirks
        };
        let mut context = MatchingContext::new(
            MatchingMode::Normal,
            None,
            &mut caches,
            quirks,
            NeedsSelectorFlags::No,
            MatchingForInvalidation::No,
        );
        let candidate = |id| Candidate { tree, id, scope };
        if scope != DOCUMENT {
            context.scope_element = Some(candidate(scope).opaque());
        }
        for id in tree.subtree(scope) {
            if let Some(data) = tree.element(id)
                && self.needs.are_met(data)
                && self.matches(candidate(id), &mut context)
            {
                self.output.take(tree, id, data, hits);
            }
        }
    }

    fn matches(&self, candidate: Candidate<'_>, context: &mut MatchingContext<'_, Css>) -> bool {
        matches_selector(&self.selector, self.subject, None, candidate, context)
            || self
                .container
                .is_some_and(|container| matches_selector(&self.selector, container, None, candidate, context))
    }
}

impl Output {
    fn take(&self, tree: &Tree, id: NodeId, data: &ElementData, hits: &mut Vec<Hit>) {
        match self {
            Self::Element => hits.push(Hit::new(id, id, What::Element)),
            Self::Text => hits.extend(
                tree.children(id)
                    .filter(|&child| tree.text_of(child).is_some())
                    .map(|child| Hit::new(child, id, What::Text)),
            ),
            Self::Attribute(name, lower) => {
                let attributes = tree.attributes_of(data);
                let place = attributes
                    .iter()
                    .position(|known| known.name == *lower || known.name == *name);
                if let Some(place) = place {
                    hits.push(Hit::new(id, id, What::Attribute(data.attributes + place as u32)));
                }
            }
        }
    }
}

impl Needs {
    fn new(selector: &selectors::parser::Selector<Css>, subject: usize, or_container: bool) -> Self {
        let mut needs = Self {
            name: None,
            attributes: false,
        };
        if or_container {
            return needs;
        }
        for component in selector.iter_raw_match_order().skip(subject) {
            match component {
                Component::Combinator(_) => break,
                Component::LocalName(name) => needs.name = Some((name.name.0.clone(), name.lower_name.0.clone())),
                Component::ID(_) | Component::Class(_) | Component::AttributeInNoNamespaceExists { .. } => {
                    needs.attributes = true;
                }
                _ => {}
            }
        }
        needs
    }

    fn are_met(&self, data: &ElementData) -> bool {
        (!self.attributes || data.attribute_count > 0)
            && self
                .name
                .as_ref()
                .is_none_or(|(name, lower)| data.name == *lower || data.name == *name)
    }
}

impl FromStr for Selector {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Debug for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Selector").field(&self.text).finish()
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Selector {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Selector {}
