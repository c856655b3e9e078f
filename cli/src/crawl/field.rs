//! `--field name=CSS`.

use serde_json::Value;
use silkroute::prelude::{Document, Selector};

/// A field of an item, and where on a page it stands.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(super) name: String,
    /// As it was written.
    pub(super) text: String,
    selector: Selector,
    /// Whether all matches are wanted.
    all: bool,
}

impl Field {
    /// Reads `name=CSS` or `name[]=CSS`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, selector) = text
            .split_once('=')
            .ok_or("write it as NAME=CSS, such as title=h1 or link=a::attr(href)")?;
        let (name, all) = match name.strip_suffix("[]") {
            Some(name) => (name, true),
            None => (name, false),
        };
        if name.is_empty() {
            return Err("it has no name; write it as NAME=CSS, such as title=h1".to_owned());
        }
        if matches!(name, "url" | "status") {
            return Err(format!("every item has a `{name}` of its own; choose another name"));
        }
        Ok(Self {
            name: name.to_owned(),
            text: text.to_owned(),
            selector: Selector::parse(selector).map_err(|error| error.to_string())?,
            all,
        })
    }

    /// What a page says there: a text, a list of texts, or null where it says nothing.
    pub(super) fn of(&self, page: &Document) -> Value {
        let found = page.select(&self.selector);
        if !self.all {
            return found
                .text()
                .map_or(Value::Null, |text| Value::String(text.trim().to_owned()));
        }
        found.texts().iter().map(|text| Value::from(text.trim())).collect()
    }

    /// What a page says there that is no HTML.
    pub(super) fn nothing(&self) -> Value {
        if self.all {
            Value::Array(Vec::new())
        } else {
            Value::Null
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(field: &str) -> Value {
        let page = Document::parse(
            "<h1> Silk <b>scarf</b></h1><a href=/1>one</a><a href=/2>two</a>",
            "http://shop.test/".parse().unwrap(),
        );
        Field::parse(field).unwrap().of(&page)
    }

    #[test]
    fn one_match_or_all_of_them() {
        assert_eq!(of("title=h1"), json!("Silk scarf"));
        assert_eq!(of("title=h1::text"), json!("Silk"));
        assert_eq!(of("link=a::attr(href)"), json!("/1"));
        assert_eq!(of("links[]=a::attr(href)"), json!(["/1", "/2"]));
        assert_eq!(of("names[]=a"), json!(["one", "two"]));
        assert_eq!(of("price=.price"), json!(null));
        assert_eq!(of("prices[]=.price"), json!([]));
    }

    #[test]
    fn what_is_no_field_is_told() {
        for (text, told) in [
            ("h1", "NAME=CSS"),
            ("=h1", "no name"),
            ("url=h1", "`url`"),
            ("title=h1[", "character"),
        ] {
            let error = Field::parse(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
