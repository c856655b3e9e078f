//! The text of a part of the page.

use crate::tree::{Kind, NodeId, Tree};

/// All text below a node, piece by piece, without that of scripts and styles. A node that is itself a script or a style
/// gives its own.
pub(crate) fn pieces(tree: &Tree, id: NodeId) -> impl Iterator<Item = &str> {
    let mut at = id;
    let end = tree.node(id).edge;
    std::iter::from_fn(move || {
        while at < end {
            let here = at;
            at += 1;
            match &tree.node(here).kind {
                Kind::Element(data) if here != id && data.is_code() => at = tree.node(here).edge,
                Kind::Text { .. } => return tree.text_of(here),
                _ => {}
            }
        }
        None
    })
}

pub(crate) fn all(tree: &Tree, id: NodeId) -> String {
    pieces(tree, id).collect()
}

/// Whether the text below a node contains `wanted`, also across pieces.
pub(crate) fn contains(tree: &Tree, id: NodeId, wanted: &str) -> bool {
    if wanted.is_empty() {
        return true;
    }
    // Only as much of what came before is kept as a match can still need.
    let mut kept = String::new();
    for piece in pieces(tree, id) {
        kept.push_str(piece);
        if kept.contains(wanted) {
            return true;
        }
        let excess = kept.ceil_char_boundary(kept.len().saturating_sub(wanted.len()));
        kept.drain(..excess);
    }
    false
}
