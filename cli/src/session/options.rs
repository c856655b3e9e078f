//! `-O kind.key=value`: options of the session's kind.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};
use silkroute::core::{Registration, Registry};
use silkroute::{Error, Options};

use crate::failure::{Failure, with_causes};
use crate::kinds::fields;

/// Reads options for sessions of these kinds, and checks them.
pub(crate) fn read(given: &[String], kinds: &[&'static Registration], registry: &Registry) -> Result<Options, Failure> {
    let mut blocks: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for text in given {
        let (kind, path, value) = split(text, kinds, registry)?;
        set(blocks.entry(kind.kind()).or_default(), &path, value, kind);
    }
    let mut options = Options::default();
    for (kind, block) in blocks {
        let kind = registry.get(kind)?;
        kind.check_options(&block).map_err(|error| refused(&error, kind))?;
        for (key, value) in block {
            options.set_key(kind.kind(), key, value);
        }
    }
    Ok(options)
}

/// An option taken apart: its kind, its keys and its value.
type Parts<'a> = (&'static Registration, Vec<&'a str>, &'a str);

/// Takes `kind.key=value` apart.
fn split<'a>(text: &'a str, kinds: &[&'static Registration], registry: &Registry) -> Result<Parts<'a>, Failure> {
    // Without the value: it may be a password.
    let shown = text.split('=').next().unwrap_or_default();
    let refused = |reason: &str| Failure::Usage(format!("reading option `{shown}` (-O): {reason}"));
    let malformed = || refused("write it as kind.key=value, such as http.impersonate=firefox");
    let (path, value) = text.split_once('=').ok_or_else(malformed)?;
    let mut keys = path.trim().split('.');
    let named = keys.next().unwrap_or_default();
    let keys: Vec<_> = keys.collect();
    if named.is_empty() || keys.is_empty() || keys.iter().any(|key| key.is_empty()) {
        return Err(malformed());
    }
    registry.get(named).map_err(|error| refused(&with_causes(&error)))?;
    let Some(kind) = kinds.iter().find(|kind| kind.kind() == named) else {
        // Such an option is well-formed and would do nothing.
        let there: BTreeSet<_> = kinds.iter().map(|kind| format!("'{}'", kind.kind())).collect();
        return Err(refused(&format!(
            "the session is of kind {}; choose another with --session, or leave the option out",
            Vec::from_iter(there).join(" or ")
        )));
    };
    Ok((kind, keys, value))
}

/// Sets one value: as JSON when that is what it is and what the kind takes there, else as text. So `http_version=1` is the
/// text that the kind wants, and `max_redirects=1` the number.
fn set(block: &mut Map<String, Value>, path: &[&str], text: &str, kind: &Registration) {
    let as_text = Value::String(text.to_owned());
    let Ok(as_json) = serde_json::from_str::<Value>(text) else {
        return put(block, path, as_text);
    };
    let mut trial = block.clone();
    put(&mut trial, path, as_json);
    if kind.check_options(&trial).is_err() {
        let mut other = block.clone();
        put(&mut other, path, as_text);
        if kind.check_options(&other).is_ok() {
            trial = other;
        }
    }
    *block = trial;
}

/// Puts a value below these keys, making tables on the way.
fn put(block: &mut Map<String, Value>, path: &[&str], value: Value) {
    match path {
        [] => {}
        [key] => {
            block.insert((*key).to_owned(), value);
        }
        [key, deeper @ ..] => {
            let inner = block.entry(*key).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                put(inner, deeper, value);
            }
        }
    }
}

/// The kind's own words, and what it does take where those do not say it.
fn refused(error: &Error, kind: &Registration) -> Failure {
    let mut text = with_causes(error);
    let keys: Vec<_> = fields(&kind.options_schema())
        .into_iter()
        .map(|field| field.name)
        .collect();
    if !keys.iter().all(|key| text.contains(key.as_str())) {
        text.push_str(&format!("; options of '{}': {}", kind.kind(), keys.join(", ")));
    }
    Failure::Usage(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nested_keys_make_tables() {
        let mut block = Map::new();
        put(&mut block, &["retry", "attempts"], json!(1));
        put(&mut block, &["retry", "base"], json!("1s"));
        put(&mut block, &["verify"], json!(false));
        assert_eq!(
            Value::Object(block),
            json!({"retry": {"attempts": 1, "base": "1s"}, "verify": false})
        );
    }
}
