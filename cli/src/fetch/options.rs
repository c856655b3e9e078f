//! `-o kind.key=value`: options of the session's kind.

use serde_json::{Map, Value};
use silkroute::core::{Registration, Registry};
use silkroute::{Error, Fetch, Request as _};

use super::target::Target;
use crate::failure::{Failure, with_causes};
use crate::kinds::fields;

/// Puts the options on the request, checked.
pub(super) fn apply(
    mut request: Fetch,
    given: &[String],
    target: &Target,
    registry: &Registry,
) -> Result<Fetch, Failure> {
    let kind = target.kind;
    let mut block = Map::new();
    for text in given {
        let (path, value) = split(text, kind, registry)?;
        set(&mut block, &path, value, kind);
    }
    for (key, value) in block {
        request.parts_mut().options.set_key(kind.kind(), key, value);
    }
    registry.check(&request).map_err(|error| refused(&error, kind))?;
    Ok(request)
}

/// Takes `kind.key=value` apart.
fn split<'a>(text: &'a str, kind: &Registration, registry: &Registry) -> Result<(Vec<&'a str>, &'a str), Failure> {
    // Without the value: it may be a password.
    let shown = text.split('=').next().unwrap_or_default();
    let refused = |reason: &str| Failure::Usage(format!("reading option `{shown}` (-o): {reason}"));
    let malformed = || refused("write it as kind.key=value, such as http.impersonate=firefox");
    let (path, value) = text.split_once('=').ok_or_else(malformed)?;
    let mut keys = path.trim().split('.');
    let named = keys.next().unwrap_or_default();
    let keys: Vec<_> = keys.collect();
    if named.is_empty() || keys.is_empty() || keys.iter().any(|key| key.is_empty()) {
        return Err(malformed());
    }
    registry.get(named).map_err(|error| refused(&with_causes(&error)))?;
    if named != kind.kind() {
        // Such an option is well-formed and would do nothing.
        return Err(refused(&format!(
            "the session is of kind '{}'; choose another with --session, or leave the option out",
            kind.kind()
        )));
    }
    Ok((keys, value))
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
