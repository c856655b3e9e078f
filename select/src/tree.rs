//! The page as one arena: nodes in document order, linked by number, their text in one buffer.

use html5ever::{LocalName, Namespace, local_name, ns};

/// Number of a node in its tree.
pub(crate) type NodeId = u32;

/// No node.
pub(crate) const NONE: NodeId = NodeId::MAX;

/// The document itself.
pub(crate) const DOCUMENT: NodeId = 0;

static HTML: Namespace = ns!(html);
static SVG: Namespace = ns!(svg);
static MATHML: Namespace = ns!(mathml);

/// The namespaces that HTML knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ElementNamespace {
    Html,
    Svg,
    MathMl,
}

impl ElementNamespace {
    pub(crate) fn of(url: &Namespace) -> Self {
        if *url == SVG {
            Self::Svg
        } else if *url == MATHML {
            Self::MathMl
        } else {
            Self::Html
        }
    }

    pub(crate) fn url(self) -> &'static Namespace {
        match self {
            Self::Html => &HTML,
            Self::Svg => &SVG,
            Self::MathMl => &MATHML,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) parent: NodeId,
    pub(crate) prev: NodeId,
    pub(crate) next: NodeId,
    pub(crate) first: NodeId,
    /// While the tree grows: the last child. Once it is finished: the number after that of the last descendant. A page
    /// can have millions of nodes, and no one needs both.
    pub(crate) edge: NodeId,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Document,
    Element(ElementData),
    /// A range of [`Tree::text`].
    Text {
        start: u32,
        len: u32,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct ElementData {
    pub(crate) name: LocalName,
    pub(crate) namespace: ElementNamespace,
    /// Its first attribute in [`Tree::attributes`], and how many follow.
    pub(crate) attributes: u32,
    pub(crate) attribute_count: u16,
}

impl ElementData {
    /// Whether it is this HTML element.
    pub(crate) fn is_html(&self, name: &LocalName) -> bool {
        self.namespace == ElementNamespace::Html && self.name == *name
    }

    /// Whether its text is code, which no reader sees and no serialiser escapes.
    pub(crate) fn is_code(&self) -> bool {
        self.is_html(&local_name!("script")) || self.is_html(&local_name!("style"))
    }
}

/// An attribute: its name, with the prefix where it has one, and its value as a range of [`Tree::values`].
#[derive(Debug)]
pub(crate) struct Attribute {
    pub(crate) name: LocalName,
    pub(crate) start: u32,
    pub(crate) len: u32,
}

#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) text: String,
    pub(crate) values: String,
    pub(crate) doctype: Option<Box<str>>,
    /// Whether classes and ids are compared without regard to case, as browsers do in old pages.
    pub(crate) quirks: bool,
}

impl Tree {
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    pub(crate) fn element(&self, id: NodeId) -> Option<&ElementData> {
        match &self.node(id).kind {
            Kind::Element(data) => Some(data),
            _ => None,
        }
    }

    pub(crate) fn is_element(&self, id: NodeId) -> bool {
        matches!(self.node(id).kind, Kind::Element(_))
    }

    /// The text of a text node.
    pub(crate) fn text_of(&self, id: NodeId) -> Option<&str> {
        match self.node(id).kind {
            Kind::Text { start, len } => Some(slice(&self.text, start, len)),
            _ => None,
        }
    }

    pub(crate) fn attributes_of(&self, data: &ElementData) -> &[Attribute] {
        let start = data.attributes as usize;
        &self.attributes[start..start + usize::from(data.attribute_count)]
    }

    pub(crate) fn value_of(&self, attribute: &Attribute) -> &str {
        slice(&self.values, attribute.start, attribute.len)
    }

    /// The value of an element's attribute. `name` is in lower case, unless the element is of SVG or MathML.
    pub(crate) fn attribute(&self, data: &ElementData, name: &LocalName) -> Option<&str> {
        let attribute = self.attributes_of(data).iter().find(|a| a.name == *name)?;
        Some(self.value_of(attribute))
    }

    /// The node and its descendants, by number.
    pub(crate) fn subtree(&self, id: NodeId) -> std::ops::Range<NodeId> {
        id..self.node(id).edge
    }

    /// The descendants of a node, by number.
    pub(crate) fn descendants(&self, id: NodeId) -> std::ops::Range<NodeId> {
        id + 1..self.node(id).edge
    }

    pub(crate) fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let some = |id: NodeId| (id != NONE).then_some(id);
        std::iter::successors(some(self.node(id).first), move |&id| some(self.node(id).next))
    }

    pub(crate) fn prev_element(&self, id: NodeId) -> Option<NodeId> {
        self.along(id, |node| node.prev)
    }

    pub(crate) fn next_element(&self, id: NodeId) -> Option<NodeId> {
        self.along(id, |node| node.next)
    }

    pub(crate) fn first_element(&self, id: NodeId) -> Option<NodeId> {
        let first = self.node(id).first;
        if first == NONE || self.is_element(first) {
            (first != NONE).then_some(first)
        } else {
            self.next_element(first)
        }
    }

    /// The parent, where that is an element.
    pub(crate) fn parent_element(&self, id: NodeId) -> Option<NodeId> {
        let parent = self.node(id).parent;
        (parent != NONE && self.is_element(parent)).then_some(parent)
    }

    /// The outermost element: HTML always makes one.
    pub(crate) fn root(&self) -> NodeId {
        self.first_element(DOCUMENT).unwrap_or(DOCUMENT)
    }

    fn along(&self, id: NodeId, step: impl Fn(&Node) -> NodeId) -> Option<NodeId> {
        let mut at = step(self.node(id));
        while at != NONE {
            if self.is_element(at) {
                return Some(at);
            }
            at = step(self.node(at));
        }
        None
    }

    /// Ends the growth: from now on nodes are numbered in document order, and `edge` says where a subtree ends.
    pub(crate) fn finish(mut self) -> Self {
        if !self.number_subtrees() {
            self.renumber();
            let in_order = self.number_subtrees();
            debug_assert!(in_order, "renumbering puts nodes in document order");
        }
        self
    }

    /// Turns `edge` from last child to end of subtree. Children come after their parents, so one pass from the back does
    /// it. Says `false`, and leaves all as it was, when the nodes are not in document order.
    fn number_subtrees(&mut self) -> bool {
        let count = self.nodes.len() as NodeId;
        // A first child comes right after its parent, any other somewhere after its previous sibling, and none is loose.
        for id in 1..count {
            let node = self.node(id);
            let in_place = match node.prev {
                NONE => node.parent == id - 1,
                prev => prev < id && node.parent != NONE,
            };
            if !in_place {
                return false;
            }
        }
        // And a next sibling comes right after the subtree of the one before.
        let mut ends = vec![0; self.nodes.len()];
        for id in (0..count).rev() {
            let node = self.node(id);
            let end = if node.edge == NONE {
                id + 1
            } else {
                ends[node.edge as usize]
            };
            if node.next != NONE && node.next != end {
                return false;
            }
            ends[id as usize] = end;
        }
        if ends[0] != count {
            return false;
        }
        for (node, end) in self.nodes.iter_mut().zip(ends) {
            node.edge = end;
        }
        true
    }

    /// Sorts nodes into document order and leaves out those that are in no document any more.
    fn renumber(&mut self) {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut at = DOCUMENT;
        'walk: loop {
            order.push(at);
            if self.node(at).first != NONE {
                at = self.node(at).first;
                continue;
            }
            while self.node(at).next == NONE {
                if at == DOCUMENT || self.node(at).parent == NONE {
                    break 'walk;
                }
                at = self.node(at).parent;
            }
            at = self.node(at).next;
        }
        let mut renamed = vec![NONE; self.nodes.len()];
        for (new, &old) in order.iter().enumerate() {
            renamed[old as usize] = new as NodeId;
        }
        let rename = |id: NodeId| if id == NONE { NONE } else { renamed[id as usize] };
        self.nodes = order
            .iter()
            .map(|&old| {
                let node = self.node(old);
                Node {
                    parent: rename(node.parent),
                    prev: rename(node.prev),
                    next: rename(node.next),
                    first: rename(node.first),
                    edge: rename(node.edge),
                    kind: node.kind.clone(),
                }
            })
            .collect();
    }
}

fn slice(buffer: &str, start: u32, len: u32) -> &str {
    &buffer[start as usize..(start + len) as usize]
}
