//! Keeps the cost of hostile markup linear.
//!
//! The HTML5 rules look through the stack of open elements at almost every tag, and copy open formatting elements into
//! every new paragraph: a page of nothing but open tags takes time in the square of its length. Browsers stop nesting
//! at 512 elements. Here elements below that depth still nest, without limit, but by the plain rule that an end tag
//! closes the nearest element of its name.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use html5ever::tokenizer::states::{RawKind, Rawtext, Rcdata, ScriptData};
use html5ever::tokenizer::{Tag, TagKind, Token, TokenSink, TokenSinkResult};
use html5ever::tree_builder::TreeBuilder;
use html5ever::{LocalName, local_name};

use crate::builder::Builder;
use crate::tree::{ElementNamespace, NONE, NodeId};

/// The depth from which elements nest by the plain rule; that of browsers.
const DEEP: usize = 512;

/// Copies of formatting elements that no honest page reaches: so many elements for each tag, above the first ones.
const ELEMENTS_PER_TAG: usize = 8;
const FREE_ELEMENTS: usize = 10_000;

/// The same for attributes: as many as the page has room for, at a space and a letter each, above the first ones.
const BYTES_PER_ATTRIBUTE: usize = 2;
const FREE_ATTRIBUTES: usize = 10_000;

/// The same for the bytes of their values: so many times the page, above the first ones.
const VALUES_PER_BYTE: usize = 2;
const FREE_BYTES: usize = 1 << 20;

/// Hands tokens to the tree builder, or places them itself where the page is too deep.
pub(crate) struct Nesting {
    inner: TreeBuilder<NodeId, Builder>,
    bytes: usize,
    start_tags: Cell<usize>,
    plain: RefCell<Option<Plain>>,
}

/// The open elements that nest by the plain rule.
struct Plain {
    open: Vec<NodeId>,
    /// How many of each name are open.
    names: HashMap<LocalName, usize>,
    /// The names of the elements around them, once someone asked.
    around: Option<HashMap<LocalName, usize>>,
    /// Whether the rest of the page goes by the plain rule.
    forever: bool,
}

impl Nesting {
    pub(crate) fn new(inner: TreeBuilder<NodeId, Builder>, bytes: usize) -> Self {
        Self {
            inner,
            bytes,
            start_tags: Cell::new(0),
            plain: RefCell::new(None),
        }
    }

    pub(crate) fn into_builder(self) -> Builder {
        self.inner.sink
    }

    fn builder(&self) -> &Builder {
        &self.inner.sink
    }

    /// How many elements are around this one, itself included.
    fn depth_of(&self, id: NodeId) -> usize {
        let tree = self.builder().tree();
        std::iter::successors(Some(id), |&id| tree.parent_element(id)).count()
    }

    fn start(&self, tag: Tag, line: u64) -> TokenSinkResult<NodeId> {
        self.start_tags.set(self.start_tags.get() + 1);
        let (name, self_closing) = (tag.name.clone(), tag.self_closing);
        let before = self.builder().newest.get();
        let result = self.inner.process_token(Token::TagToken(tag), line);
        let newest = self.builder().newest.get();
        let runaway = self.is_runaway();
        // The builder counts too many rather than too few, and what it counts costs nothing: only then look.
        let open = &self.builder().open;
        if newest == before || !(runaway || open.get() > DEEP) {
            return result;
        }
        open.set(self.depth_of(newest));
        let deep = open.get() > DEEP;
        let tree = self.builder().tree();
        let Some(data) = tree.element(newest) else {
            return result;
        };
        // Only an element that took the tag's place on the stack, and whose content is markup, can be nested in.
        let takes_content =
            data.name == name && !is_void(&name) && !(self_closing && data.namespace != ElementNamespace::Html);
        if takes_content && matches!(result, TokenSinkResult::Continue) && (runaway || deep) {
            *self.plain.borrow_mut() = Some(Plain {
                open: vec![newest],
                names: HashMap::from([(name, 1)]),
                around: None,
                forever: runaway,
            });
        }
        result
    }

    fn is_runaway(&self) -> bool {
        let builder = self.builder();
        let tree = builder.tree();
        builder.elements.get() > self.start_tags.get() * ELEMENTS_PER_TAG + FREE_ELEMENTS
            || tree.attributes.len() > self.bytes / BYTES_PER_ATTRIBUTE + FREE_ATTRIBUTES
            || tree.values.len() > self.bytes * VALUES_PER_BYTE + FREE_BYTES
    }

    /// Whether an element of this name is open around those that nest by the plain rule.
    fn is_open_around(&self, plain: &mut Plain, name: &LocalName) -> bool {
        let Some(&outermost) = plain.open.first() else {
            return false;
        };
        let around = plain.around.get_or_insert_with(|| {
            let tree = self.builder().tree();
            let mut names = HashMap::new();
            for id in std::iter::successors(tree.parent_element(outermost), |&id| tree.parent_element(id)) {
                if let Some(data) = tree.element(id) {
                    *names.entry(data.name.clone()).or_default() += 1;
                }
            }
            names
        });
        around.contains_key(name)
    }
}

impl Plain {
    fn top(&self) -> NodeId {
        self.open.last().copied().unwrap_or(NONE)
    }

    fn pop(&mut self, builder: &Builder) {
        if let Some(id) = self.open.pop()
            && let Some(data) = builder.tree().element(id)
            && let Some(count) = self.names.get_mut(&data.name)
        {
            *count -= 1;
        }
    }

    fn start(&mut self, tag: Tag, builder: &Builder) -> TokenSinkResult<NodeId> {
        if self.open.len() > 1 && closes_its_like(&tag.name) && self.is_top(&tag.name, builder) {
            self.pop(builder);
        }
        let namespace = self.namespace_inside(&tag.name, builder);
        let id = builder.element(tag.name.clone(), namespace, tag.attrs);
        builder.append_node(self.top(), id);
        let html = namespace == ElementNamespace::Html;
        if (html && is_void(&tag.name)) || (!html && tag.self_closing) {
            return TokenSinkResult::Continue;
        }
        self.open.push(id);
        *self.names.entry(tag.name.clone()).or_default() += 1;
        if html {
            raw_text(&tag.name)
        } else {
            TokenSinkResult::Continue
        }
    }

    /// Closes the nearest element of this name. `false`: there is none.
    fn end(&mut self, name: &LocalName, builder: &Builder) -> bool {
        if self.names.get(name).is_none_or(|&count| count == 0) {
            return false;
        }
        while !self.is_top(name, builder) && !self.open.is_empty() {
            self.pop(builder);
        }
        self.pop(builder);
        true
    }

    fn is_top(&self, name: &LocalName, builder: &Builder) -> bool {
        let tree = builder.tree();
        self.open
            .last()
            .is_some_and(|&id| tree.element(id).is_some_and(|data| data.name == *name))
    }

    fn namespace_inside(&self, name: &LocalName, builder: &Builder) -> ElementNamespace {
        if *name == local_name!("svg") {
            return ElementNamespace::Svg;
        }
        if *name == local_name!("math") {
            return ElementNamespace::MathMl;
        }
        let tree = builder.tree();
        match self.open.last().and_then(|&id| tree.element(id)) {
            Some(data) if data.name != local_name!("foreignObject") => data.namespace,
            _ => ElementNamespace::Html,
        }
    }
}

impl TokenSink for Nesting {
    type Handle = NodeId;

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<NodeId> {
        let mut slot = self.plain.borrow_mut();
        let Some(plain) = &mut *slot else {
            drop(slot);
            return match token {
                Token::TagToken(tag) if tag.kind == TagKind::StartTag => self.start(tag, line),
                token => self.inner.process_token(token, line),
            };
        };
        match token {
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => return plain.start(tag, self.builder()),
            Token::TagToken(tag) => {
                let leaves = if plain.names.get(&tag.name).is_some_and(|&count| count > 0) {
                    // The outermost one is open for the tree builder too, which must see it close.
                    let outermost = plain.names.get(&tag.name) == Some(&1)
                        && plain.open.first().is_some_and(|&id| {
                            self.builder()
                                .tree()
                                .element(id)
                                .is_some_and(|data| data.name == tag.name)
                        });
                    if !outermost {
                        plain.end(&tag.name, self.builder());
                    }
                    outermost
                } else {
                    self.is_open_around(plain, &tag.name)
                };
                if leaves && !plain.forever {
                    *slot = None;
                    drop(slot);
                    return self.inner.process_token(Token::TagToken(tag), line);
                }
            }
            Token::CharacterTokens(text) if !text.is_empty() => self.builder().append_text(plain.top(), &text),
            Token::EOFToken => {
                *slot = None;
                drop(slot);
                return self.inner.process_token(Token::EOFToken, line);
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }

    fn end(&self) {
        self.inner.end();
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        match &*self.plain.borrow() {
            None => self.inner.adjusted_current_node_present_but_not_in_html_namespace(),
            Some(plain) => {
                let tree = self.builder().tree();
                plain
                    .open
                    .last()
                    .and_then(|&id| tree.element(id))
                    .is_some_and(|data| data.namespace != ElementNamespace::Html)
            }
        }
    }
}

/// Elements that never have content.
pub(crate) fn is_void(name: &LocalName) -> bool {
    matches!(
        *name,
        local_name!("area")
            | local_name!("base")
            | local_name!("basefont")
            | local_name!("bgsound")
            | local_name!("br")
            | local_name!("col")
            | local_name!("embed")
            | local_name!("frame")
            | local_name!("hr")
            | local_name!("img")
            | local_name!("input")
            | local_name!("keygen")
            | local_name!("link")
            | local_name!("meta")
            | local_name!("param")
            | local_name!("source")
            | local_name!("track")
            | local_name!("wbr")
    )
}

/// Elements whose end tag is commonly left out.
fn closes_its_like(name: &LocalName) -> bool {
    matches!(
        *name,
        local_name!("dd")
            | local_name!("dt")
            | local_name!("li")
            | local_name!("option")
            | local_name!("p")
            | local_name!("td")
            | local_name!("th")
            | local_name!("tr")
    )
}

/// What the tokenizer must know of the content of this element.
fn raw_text(name: &LocalName) -> TokenSinkResult<NodeId> {
    let kind: RawKind = match *name {
        local_name!("script") => ScriptData,
        local_name!("title") | local_name!("textarea") => Rcdata,
        local_name!("style")
        | local_name!("xmp")
        | local_name!("iframe")
        | local_name!("noembed")
        | local_name!("noframes") => Rawtext,
        local_name!("plaintext") => return TokenSinkResult::Plaintext,
        _ => return TokenSinkResult::Continue,
    };
    TokenSinkResult::RawData(kind)
}
