//! From text to tree.

use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts};
use html5gum::Tokenizer;

use crate::builder::Builder;
use crate::nesting::Nesting;
use crate::tokens::Tokens;
use crate::tree::Tree;

/// Where a page is cut off: nodes and text are numbered with 32 bits.
const LARGEST: usize = 1 << 30;

/// The tree of a page. Every text has one: HTML5 says what is meant by any markup, however broken.
pub(crate) fn parse(html: &str) -> Tree {
    let html = html.strip_prefix('\u{feff}').unwrap_or(html);
    let html = &html[..html.floor_char_boundary(LARGEST)];
    let options = TreeBuilderOpts {
        // Nothing here runs scripts, so `<noscript>` is markup.
        scripting_enabled: false,
        ..TreeBuilderOpts::default()
    };
    let nesting = Nesting::new(TreeBuilder::new(Builder::new(html.len()), options), html.len());
    let Ok(()) = Tokenizer::new_with_emitter(html, Tokens::new(&nesting)).finish();
    nesting.into_builder().into_tree()
}
