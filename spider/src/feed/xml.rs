//! Elements of an XML page.

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::Result;

/// Nothing sensible is nested deeper.
const DEEPEST: usize = 256;

/// An element, with all that is in it.
///
/// Elements and attributes are asked for by name, in two ways. `price` is the local name, whatever the prefix; where there
/// are several, one without a prefix goes first: in `<media:title/><title/>` the `title` is the second. `g:price` is the name
/// as the feed writes it; namespaces are not resolved, so another feed may write it with another prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XmlNode {
    name: String,
    attrs: Vec<(String, String)>,
    text: String,
    children: Vec<XmlNode>,
}

impl XmlNode {
    /// Its name, without the prefix.
    pub fn name(&self) -> &str {
        local(&self.name)
    }

    /// Its name as it is written: `g:price`.
    pub fn qualified_name(&self) -> &str {
        &self.name
    }

    /// Its own text, without that of the elements in it, trimmed.
    pub fn text(&self) -> &str {
        self.text.trim()
    }

    /// An attribute. Declarations of namespaces have names such as `xmlns:g`.
    pub fn attr(&self, name: &str) -> Option<&str> {
        let written = self.attrs.iter().find(|(known, _)| known == name);
        let any = || {
            let mut rest = self.attrs.iter();
            rest.find(|(known, _)| local(known) == name && !known.starts_with("xmlns:"))
        };
        written.or_else(any).map(|(_, value)| value.as_str())
    }

    /// The elements in it.
    pub fn children(&self) -> &[XmlNode] {
        &self.children
    }

    /// The first element of this name directly in it.
    pub fn child(&self, name: &str) -> Option<&XmlNode> {
        let written = self.children.iter().find(|child| child.name == name);
        written.or_else(|| self.children.iter().find(|child| child.name() == name))
    }

    /// The text of the first element of this name directly in it.
    pub fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(XmlNode::text)
    }
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// The outermost elements of these names: local ones, or with a prefix as they are written.
pub(super) fn nodes(text: &str, names: &[&str]) -> Result<Vec<XmlNode>> {
    let mut reader = Reader::from_str(text);
    // `?a=1&b=2`, without `&amp;`, is common in sitemaps.
    reader.config_mut().allow_dangling_amp = true;
    let wanted = |node: &XmlNode| names.iter().any(|name| *name == node.name || *name == node.name());
    let mut found = Vec::new();
    // Those that are open, from the outermost of a wanted name on.
    let mut open: Vec<XmlNode> = Vec::new();
    loop {
        let event = reader.read_event();
        let place = reader.buffer_position();
        let refused =
            |reason: &dyn std::fmt::Display| format!("the page is not well-formed XML at byte {place}: {reason}");
        match event.map_err(|error| refused(&error))? {
            Event::Start(tag) => {
                let node = node(&tag)?;
                if !open.is_empty() || wanted(&node) {
                    if open.len() >= DEEPEST {
                        return Err(refused(&"it is nested deeper than 256 elements").into());
                    }
                    open.push(node);
                }
            }
            Event::Empty(tag) => {
                let node = node(&tag)?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(node),
                    None if wanted(&node) => found.push(node),
                    None => {}
                }
            }
            Event::End(_) => {
                if let Some(node) = open.pop() {
                    match open.last_mut() {
                        Some(parent) => parent.children.push(node),
                        None => found.push(node),
                    }
                }
            }
            Event::Text(text) => {
                if let Some(node) = open.last_mut() {
                    node.text.push_str(&text.xml10_content()?);
                }
            }
            Event::CData(text) => {
                if let Some(node) = open.last_mut() {
                    node.text.push_str(&text.decode()?);
                }
            }
            Event::GeneralRef(entity) => {
                if let Some(node) = open.last_mut() {
                    push_reference(&mut node.text, &entity.decode()?);
                }
            }
            Event::Eof if open.is_empty() => return Ok(found),
            Event::Eof => return Err(refused(&"it ends within an element").into()),
            Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) => {}
        }
    }
}

fn node(tag: &BytesStart<'_>) -> Result<XmlNode> {
    let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    let mut attrs = Vec::new();
    for attr in tag.attributes() {
        let attr = attr.map_err(|error| format!("a tag cannot be read: {error}"))?;
        let value = unescaped(&String::from_utf8_lossy(&attr.value));
        attrs.push((name(attr.key.as_ref()), value));
    }
    Ok(XmlNode {
        name: name(tag.name().as_ref()),
        attrs,
        ..XmlNode::default()
    })
}

/// What is between `&` and `;`, as it is meant. HTML's names are common in feeds and unknown to XML, and so are numbers of no
/// character, and `&` that begins nothing: they stay as they are written.
fn push_reference(out: &mut String, name: &str) {
    let character = BytesRef::new(name).resolve_char_ref();
    match (character, resolve_xml_entity(name)) {
        (Ok(Some(character)), _) => out.push(character),
        (Ok(None), Some(text)) => out.push_str(text),
        (Ok(None), None) | (Err(_), _) => {
            out.push('&');
            out.push_str(name);
            out.push(';');
        }
    }
}

/// The same in all of a value.
fn unescaped(value: &str) -> String {
    let mut pieces = value.split('&');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once(';') {
            Some((name, rest)) => {
                push_reference(&mut out, name);
                out.push_str(rest);
            }
            None => {
                out.push('&');
                out.push_str(piece);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_their_local_names_with_all_that_is_in_them() {
        let text = r#"<?xml version="1.0"?><!DOCTYPE x><rss xmlns:g="urn:g"><channel><title>not this</title>
            <g:item id="1&amp;2"><title>A &lt;b&gt; &#233; &nbsp;</title><g:price>9.50</g:price><![CDATA[<raw>]]></g:item>
            <item/></channel></rss>"#;
        let items = nodes(text, &["item"]).unwrap();
        assert_eq!(items.len(), 2);
        assert_eq!(items[0].attr("id"), Some("1&2"));
        assert_eq!(items[0].text_of("title"), Some("A <b> é &nbsp;"));
        assert_eq!(items[0].text_of("price"), Some("9.50"));
        assert_eq!(items[0].text(), "<raw>");
        assert_eq!(
            items[1],
            XmlNode {
                name: "item".into(),
                ..XmlNode::default()
            }
        );
    }

    #[test]
    fn elements_and_attributes_are_found_by_their_names_as_written_too() {
        let text = r#"<rss xmlns:g="urn:g" xmlns:x="urn:x"><g:item x:id="7" id="8" g:lang="de" xmlns:lang="urn:l">
            <g:title>of a namespace</g:title><title>plain</title><g:price>9.50</g:price><x:price>8.00</x:price></g:item>
            <item><x:title>only here</x:title></item></rss>"#;
        assert_eq!(nodes(text, &["item"]).unwrap().len(), 2);
        let items = nodes(text, &["g:item"]).unwrap();
        assert_eq!(items.len(), 1);
        let item = &items[0];
        assert_eq!((item.name(), item.qualified_name()), ("item", "g:item"));
        assert_eq!(item.text_of("title"), Some("plain"), "one without a prefix goes first");
        assert_eq!(item.text_of("g:title"), Some("of a namespace"));
        assert_eq!(
            [item.text_of("g:price"), item.text_of("x:price")],
            [Some("9.50"), Some("8.00")]
        );
        assert_eq!(item.text_of("price"), Some("9.50"), "the first");
        assert_eq!(
            [item.attr("id"), item.attr("x:id"), item.attr("lang")],
            [Some("8"), Some("7"), Some("de")]
        );
        assert_eq!((item.attr("g:id"), item.text_of("x:title")), (None, None));
        assert_eq!(nodes(text, &["item"]).unwrap()[1].text_of("title"), Some("only here"));
        assert!(nodes(text, &["x:item"]).unwrap().is_empty());
    }

    #[test]
    fn an_ampersand_that_begins_nothing_stays_as_it_is_written() {
        for (written, read) in [
            ("/?a=1&b=2", "/?a=1&b=2"),
            ("/?a=1&b=2&amp;c=3", "/?a=1&b=2&c=3"),
            ("/?a=1&amp;b=2&c", "/?a=1&b=2&c"),
            ("/?a=1&b=2;c=3&d=4", "/?a=1&b=2;c=3&d=4"),
            ("&", "&"),
            ("a & b &", "a & b &"),
            ("&&amp;&", "&&&"),
            ("&#b;&#xD83D;&#x1F600;", "&#b;&#xD83D;\u{1f600}"),
        ] {
            let text = format!("<a>&x<item>{written}</item>&x<item href='{written}'><b>{written}</b></item></a>");
            let items = nodes(&text, &["item"]).unwrap();
            assert_eq!(
                (items[0].text(), items[1].text_of("b")),
                (read, Some(read)),
                "{written}"
            );
            assert_eq!(items[1].attr("href"), Some(read), "{written}");
        }
    }

    #[test]
    fn what_is_malformed_or_too_deep_is_an_error_with_its_place() {
        for text in ["<a><item></a>", "<item>", "<a><item><b></item></a>"] {
            let error = nodes(text, &["item"]).unwrap_err().to_string();
            assert!(error.contains("at byte"), "{text}: {error}");
        }
        let deep = format!("<item>{}", "<a>".repeat(100_000));
        assert!(nodes(&deep, &["item"]).unwrap_err().to_string().contains("256"));
    }
}
