//! From tree to HTML.

use html5ever::local_name;

use crate::nesting::is_void;
use crate::tree::{DOCUMENT, ElementData, ElementNamespace, Kind, NodeId, Tree};

/// A node as HTML, its own tags included.
pub(crate) fn outer(tree: &Tree, id: NodeId) -> String {
    let mut out = String::new();
    if id == DOCUMENT
        && let Some(doctype) = &tree.doctype
    {
        out.push_str("<!DOCTYPE ");
        out.push_str(doctype);
        out.push('>');
    }
    write(tree, tree.subtree(id), &mut out);
    out
}

/// What is inside a node as HTML.
pub(crate) fn inner(tree: &Tree, id: NodeId) -> String {
    let mut out = String::new();
    write(tree, tree.descendants(id), &mut out);
    out
}

fn write(tree: &Tree, nodes: std::ops::Range<NodeId>, out: &mut String) {
    // Not recursive: pages nest as deep as they like.
    let mut open: Vec<NodeId> = Vec::new();
    for id in nodes {
        close(tree, &mut open, id, out);
        match &tree.node(id).kind {
            Kind::Document => {}
            Kind::Element(data) => {
                start_tag(tree, data, out);
                open.push(id);
            }
            Kind::Text { .. } => {
                let text = tree.text_of(id).unwrap_or_default();
                let raw = tree
                    .parent_element(id)
                    .and_then(|parent| tree.element(parent))
                    .is_some_and(is_raw);
                if raw {
                    out.push_str(text);
                } else {
                    escape(text, false, out);
                }
            }
        }
    }
    close(tree, &mut open, NodeId::MAX, out);
}

/// Closes the elements that end before node `at`.
fn close(tree: &Tree, open: &mut Vec<NodeId>, at: NodeId, out: &mut String) {
    while let Some(&id) = open.last()
        && tree.node(id).edge <= at
    {
        open.pop();
        if let Some(data) = tree.element(id)
            && !(data.namespace == ElementNamespace::Html && is_void(&data.name))
        {
            out.push_str("</");
            out.push_str(&data.name);
            out.push('>');
        }
    }
}

fn start_tag(tree: &Tree, data: &ElementData, out: &mut String) {
    out.push('<');
    out.push_str(&data.name);
    for attribute in tree.attributes_of(data) {
        out.push(' ');
        out.push_str(&attribute.name);
        out.push_str("=\"");
        escape(tree.value_of(attribute), true, out);
        out.push('"');
    }
    out.push('>');
}

/// Whether text in it stands as it is.
fn is_raw(data: &ElementData) -> bool {
    data.namespace == ElementNamespace::Html
        && matches!(
            data.name,
            local_name!("script")
                | local_name!("style")
                | local_name!("xmp")
                | local_name!("iframe")
                | local_name!("noembed")
                | local_name!("noframes")
                | local_name!("plaintext")
        )
}

fn escape(text: &str, in_attribute: bool, out: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\u{a0}']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let mut chars = from.chars();
        match chars.next() {
            Some('&') => out.push_str("&amp;"),
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some('"') if in_attribute => out.push_str("&quot;"),
            Some('\u{a0}') => out.push_str("&nbsp;"),
            Some(other) => out.push(other),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
}
