//! What the HTML5 tree builder writes into: the growing tree.

use std::borrow::Cow;
use std::cell::{Cell, Ref, RefCell};

use html5ever::interface::{ElemName, ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::{Attribute as ParsedAttribute, LocalName, Namespace, QualName};

use crate::tree::{Attribute, DOCUMENT, ElementData, ElementNamespace, Kind, NONE, Node, NodeId, Tree};

/// Stands for every comment and processing instruction: they are read past, not kept.
const COMMENT: NodeId = NONE - 1;

/// Text this short is moved to the end of the buffer when more comes for it after other text. Longer text gets a
/// neighbour instead, or a page that feeds two text nodes in turn would copy them without end.
const MOVABLE_TEXT: u32 = 64;

pub(crate) struct Builder {
    tree: RefCell<Tree>,
    /// How many elements there are.
    pub(crate) elements: Cell<usize>,
    /// The newest of them.
    pub(crate) newest: Cell<NodeId>,
    /// At least how many are open, as far as the tree builder tells.
    pub(crate) open: Cell<usize>,
}

impl Builder {
    /// An empty document. `bytes` is the length of the page.
    pub(crate) fn new(bytes: usize) -> Self {
        let document = Node {
            parent: NONE,
            prev: NONE,
            next: NONE,
            first: NONE,
            edge: NONE,
            kind: Kind::Document,
        };
        // Right for common pages, and no more than a fraction of a large one.
        let mut nodes = Vec::with_capacity((bytes / 24).clamp(16, 1 << 16));
        nodes.push(document);
        Self {
            tree: RefCell::new(Tree {
                nodes,
                attributes: Vec::with_capacity((bytes / 64).clamp(4, 1 << 15)),
                text: String::with_capacity((bytes / 3).min(1 << 20)),
                values: String::with_capacity((bytes / 6).min(1 << 20)),
                doctype: None,
                quirks: false,
            }),
            elements: Cell::new(0),
            newest: Cell::new(NONE),
            open: Cell::new(0),
        }
    }

    pub(crate) fn into_tree(self) -> Tree {
        self.tree.into_inner().finish()
    }

    pub(crate) fn tree(&self) -> Ref<'_, Tree> {
        self.tree.borrow()
    }

    /// A new element, not yet anywhere.
    pub(crate) fn element(
        &self,
        name: LocalName,
        namespace: ElementNamespace,
        attributes: Vec<ParsedAttribute>,
    ) -> NodeId {
        let tree = &mut *self.tree.borrow_mut();
        let data = ElementData {
            name,
            namespace,
            attributes: tree.attributes.len() as u32,
            attribute_count: u16::try_from(attributes.len()).unwrap_or(u16::MAX),
        };
        for attribute in attributes.into_iter().take(usize::from(u16::MAX)) {
            tree.push_attribute(attribute);
        }
        let id = tree.push(Kind::Element(data));
        self.elements.set(self.elements.get() + 1);
        self.open.set(self.open.get() + 1);
        self.newest.set(id);
        id
    }

    /// Adds a text as the last child.
    pub(crate) fn append_text(&self, parent: NodeId, text: &str) {
        self.tree.borrow_mut().add_text(parent, NONE, text);
    }

    /// Adds a node, which is nowhere yet, as the last child.
    pub(crate) fn append_node(&self, parent: NodeId, child: NodeId) {
        if child != COMMENT {
            self.tree.borrow_mut().insert(child, parent, NONE);
        }
    }
}

impl Tree {
    fn push(&mut self, kind: Kind) -> NodeId {
        let id = self.nodes.len() as NodeId;
        self.nodes.push(Node {
            parent: NONE,
            prev: NONE,
            next: NONE,
            first: NONE,
            edge: NONE,
            kind,
        });
        id
    }

    fn push_attribute(&mut self, attribute: ParsedAttribute) {
        let name = match attribute.name.prefix {
            None => attribute.name.local,
            Some(prefix) => LocalName::from(format!("{prefix}:{}", attribute.name.local)),
        };
        let start = self.values.len() as u32;
        self.values.push_str(&attribute.value);
        self.attributes.push(Attribute {
            name,
            start,
            len: attribute.value.len() as u32,
        });
    }

    fn at(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    /// Puts a node that is nowhere before `next`, or at the end when that is none.
    fn insert(&mut self, id: NodeId, parent: NodeId, next: NodeId) {
        let prev = if next == NONE {
            std::mem::replace(&mut self.at(parent).edge, id)
        } else {
            std::mem::replace(&mut self.at(next).prev, id)
        };
        if prev == NONE {
            self.at(parent).first = id;
        } else {
            self.at(prev).next = id;
        }
        let node = self.at(id);
        node.parent = parent;
        node.prev = prev;
        node.next = next;
    }

    fn detach(&mut self, id: NodeId) {
        let Node { parent, prev, next, .. } = *self.node(id);
        if parent == NONE {
            return;
        }
        if prev == NONE {
            self.at(parent).first = next;
        } else {
            self.at(prev).next = next;
        }
        if next == NONE {
            self.at(parent).edge = prev;
        } else {
            self.at(next).prev = prev;
        }
        let node = self.at(id);
        node.parent = NONE;
        node.prev = NONE;
        node.next = NONE;
    }

    /// Adds text before `next`, or at the end when that is none: to the text that is there, if there is one.
    fn add_text(&mut self, parent: NodeId, next: NodeId, added: &str) {
        let before = if next == NONE {
            self.node(parent).edge
        } else {
            self.node(next).prev
        };
        let added_len = added.len() as u32;
        let end = self.text.len() as u32;
        if before != NONE
            && let Kind::Text { start, len } = self.node(before).kind
        {
            let range = start as usize..(start + len) as usize;
            if start + len == end {
                self.text.push_str(added);
                self.at(before).kind = Kind::Text {
                    start,
                    len: len + added_len,
                };
                return;
            }
            if len <= MOVABLE_TEXT {
                self.text.extend_from_within(range);
                self.text.push_str(added);
                self.at(before).kind = Kind::Text {
                    start: end,
                    len: len + added_len,
                };
                return;
            }
        }
        self.text.push_str(added);
        let id = self.push(Kind::Text {
            start: end,
            len: added_len,
        });
        self.insert(id, parent, next);
    }
}

/// An element's name, while the tree is looked at.
#[derive(Debug)]
pub(crate) struct Name<'a> {
    namespace: &'static Namespace,
    local: Ref<'a, LocalName>,
}

impl ElemName for Name<'_> {
    #[inline]
    fn ns(&self) -> &Namespace {
        self.namespace
    }

    #[inline]
    fn local_name(&self) -> &LocalName {
        &self.local
    }
}

impl TreeSink for Builder {
    type Handle = NodeId;
    type Output = Tree;
    type ElemName<'a> = Name<'a>;

    fn finish(self) -> Tree {
        self.into_tree()
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> NodeId {
        DOCUMENT
    }

    fn elem_name<'a>(&'a self, target: &'a NodeId) -> Name<'a> {
        static NOWHERE: LocalName = html5ever::local_name!("");
        let mut namespace = ElementNamespace::Html;
        let local = Ref::map(self.tree.borrow(), |tree| {
            match tree.nodes.get(*target as usize).map(|node| &node.kind) {
                Some(Kind::Element(data)) => {
                    namespace = data.namespace;
                    &data.name
                }
                _ => &NOWHERE,
            }
        });
        Name {
            namespace: namespace.url(),
            local,
        }
    }

    fn create_element(&self, name: QualName, attributes: Vec<ParsedAttribute>, _: ElementFlags) -> NodeId {
        self.element(name.local, ElementNamespace::of(&name.ns), attributes)
    }

    fn create_comment(&self, _: StrTendril) -> NodeId {
        COMMENT
    }

    fn create_pi(&self, _: StrTendril, _: StrTendril) -> NodeId {
        COMMENT
    }

    fn append(&self, parent: &NodeId, child: NodeOrText<NodeId>) {
        match child {
            NodeOrText::AppendNode(id) => self.append_node(*parent, id),
            NodeOrText::AppendText(text) => self.append_text(*parent, &text),
        }
    }

    fn append_based_on_parent_node(&self, element: &NodeId, prev_element: &NodeId, child: NodeOrText<NodeId>) {
        let has_parent = self.tree.borrow().node(*element).parent != NONE;
        if has_parent {
            self.append_before_sibling(element, child);
        } else {
            self.append(prev_element, child);
        }
    }

    fn append_doctype_to_document(&self, name: StrTendril, _: StrTendril, _: StrTendril) {
        self.tree.borrow_mut().doctype = Some(Box::from(&*name));
    }

    fn pop(&self, _: &NodeId) {
        self.open.set(self.open.get().saturating_sub(1));
    }

    fn get_template_contents(&self, target: &NodeId) -> NodeId {
        // What a template holds are its children here, so that selectors find it.
        *target
    }

    fn same_node(&self, x: &NodeId, y: &NodeId) -> bool {
        x == y
    }

    fn set_quirks_mode(&self, mode: QuirksMode) {
        self.tree.borrow_mut().quirks = mode == QuirksMode::Quirks;
    }

    fn append_before_sibling(&self, sibling: &NodeId, new_node: NodeOrText<NodeId>) {
        let tree = &mut *self.tree.borrow_mut();
        let parent = tree.node(*sibling).parent;
        if parent == NONE {
            return;
        }
        match new_node {
            NodeOrText::AppendNode(COMMENT) => {}
            NodeOrText::AppendNode(id) => {
                tree.detach(id);
                tree.insert(id, parent, *sibling);
            }
            NodeOrText::AppendText(text) => tree.add_text(parent, *sibling, &text),
        }
    }

    fn add_attrs_if_missing(&self, target: &NodeId, attributes: Vec<ParsedAttribute>) {
        let tree = &mut *self.tree.borrow_mut();
        let Some(data) = tree.element(*target).cloned() else {
            return;
        };
        let known = tree.attributes_of(&data);
        let missing: Vec<_> = attributes
            .into_iter()
            .filter(|new| known.iter().all(|old| old.name != new.name.local))
            .collect();
        if missing.is_empty() {
            return;
        }
        // An element's attributes stand together: those it has move to where the new ones go.
        let start = tree.attributes.len() as u32;
        let from = data.attributes as usize;
        for at in from..from + usize::from(data.attribute_count) {
            let Attribute { ref name, start, len } = tree.attributes[at];
            let name = name.clone();
            tree.attributes.push(Attribute { name, start, len });
        }
        let room = usize::from(u16::MAX - data.attribute_count);
        let added = missing.len().min(room);
        for attribute in missing.into_iter().take(room) {
            tree.push_attribute(attribute);
        }
        if let Kind::Element(data) = &mut tree.at(*target).kind {
            data.attributes = start;
            data.attribute_count += added as u16;
        }
    }

    fn remove_from_parent(&self, target: &NodeId) {
        if *target != COMMENT {
            self.tree.borrow_mut().detach(*target);
        }
    }

    fn reparent_children(&self, node: &NodeId, new_parent: &NodeId) {
        let tree = &mut *self.tree.borrow_mut();
        while let first @ ..COMMENT = tree.node(*node).first {
            tree.detach(first);
            tree.insert(first, *new_parent, NONE);
        }
    }
}
