//! Documents, scripts and styles that are files of their own, below `site/assets`.

use super::reply::{HTML, Reply, bytes};

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

pub(super) fn script(text: &'static str) -> Reply {
    bytes(SCRIPT, text)
}

pub(super) fn style(text: &'static str) -> Reply {
    bytes(CSS, text)
}

pub(super) fn html(text: &'static str) -> Reply {
    bytes(HTML, text)
}

/// A document with its gaps, written `{name}`, filled.
pub(super) fn filled(text: &str, gaps: &[(&str, &str)]) -> Reply {
    bytes(HTML, fill(text, gaps))
}

pub(super) fn fill(text: &str, gaps: &[(&str, &str)]) -> String {
    gaps.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("{{{name}}}"), value)
    })
}

/// What may stand in an attribute, a script's text or a URL as it is: letters, digits and dashes of a parameter.
pub(super) fn plain(value: &str) -> String {
    value
        .chars()
        .filter(|character| character.is_ascii_alphanumeric() || *character == '-')
        .collect()
}
