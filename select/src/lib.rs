#![doc = include_str!("../README.md")]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        reason = "a test states its invariants by failing"
    )
)]

mod builder;
mod document;
mod element;
mod hit;
mod nesting;
mod parse;
mod selection;
mod selector;
mod serialize;
mod text;
mod tokens;
mod tree;

pub use document::{Document, SelectExt};
pub use element::Element;
pub use selection::{IntoIter, Iter, Selection};
pub use selector::Selector;
