//! One thing that a selector found.

use crate::tree::NodeId;

/// What a selector found. Sorted by place in the document: an element, then its attributes, then what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    /// The node it is, or stands at.
    pub(crate) node: NodeId,
    pub(crate) what: What,
    /// The element that matched.
    pub(crate) element: NodeId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    Element,
    /// By its number in the tree.
    Attribute(u32),
    Text,
}

impl Hit {
    pub(crate) fn new(node: NodeId, element: NodeId, what: What) -> Self {
        Self { node, what, element }
    }
}
