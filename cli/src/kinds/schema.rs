//! What a JSON Schema says of a struct's fields, in words for people.

use serde::Serialize;
use serde_json::{Map, Value};

/// How deep a type is followed: a type that holds itself would not end.
const DEEPEST: usize = 8;

/// A field of a configuration or of options.
#[derive(Debug, Serialize)]
pub(crate) struct Field {
    /// Its key.
    pub(crate) name: String,
    /// What can be written there.
    #[serde(rename = "type")]
    pub(crate) type_name: String,
    /// What it is when nothing is written; null: nothing, or, for an option, what the session has.
    pub(crate) default: Value,
    /// One line that says what it is for.
    pub(crate) help: String,
}

/// The fields of the struct that a schema describes.
pub(crate) fn fields(schema: &Value) -> Vec<Field> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    properties
        .iter()
        .map(|(name, field)| Field {
            name: name.clone(),
            type_name: Types { root: schema }.name(field),
            default: field.get("default").cloned().unwrap_or(Value::Null),
            help: help(schema, field),
        })
        .collect()
}

/// The first paragraph of the field's doc comment, or of its type's where it has none of its own.
fn help(root: &Value, field: &Value) -> String {
    let description = |schema: &Value| Some(schema.get("description")?.as_str()?.to_owned());
    let told = description(field)
        .or_else(|| description(resolve(root, field)?))
        .unwrap_or_default();
    let paragraph = told.split("\n\n").next().unwrap_or_default();
    paragraph.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What a `$ref` points to within the schema.
fn resolve<'a>(root: &'a Value, schema: &Value) -> Option<&'a Value> {
    root.pointer(schema.get("$ref")?.as_str()?.strip_prefix('#')?)
}

/// Names types.
struct Types<'a> {
    root: &'a Value,
}

impl Types<'_> {
    fn name(&self, schema: &Value) -> String {
        let mut names = Vec::new();
        self.collect(schema, DEEPEST, &mut names);
        if names.is_empty() {
            "anything".to_owned()
        } else {
            names.join(" | ")
        }
    }

    /// Adds the alternatives that a schema leaves. `null` is none of them: everything optional may be left out.
    fn collect(&self, schema: &Value, depth: usize, names: &mut Vec<String>) {
        let mut add = |name: String| {
            if !names.contains(&name) {
                names.push(name);
            }
        };
        let Some(object) = schema.as_object() else {
            return add("anything".to_owned());
        };
        if let Some(target) = resolve(self.root, schema) {
            if depth == 0 {
                return add("table".to_owned());
            }
            return self.collect(target, depth - 1, names);
        }
        if let Some(value) = object.get("const") {
            if !value.is_null() {
                add(value.to_string());
            }
            return;
        }
        if let Some(values) = object.get("enum").and_then(Value::as_array) {
            return values
                .iter()
                .filter(|value| !value.is_null())
                .for_each(|value| add(value.to_string()));
        }
        for union in ["anyOf", "oneOf", "allOf"] {
            if let Some(choices) = object.get(union).and_then(Value::as_array) {
                return choices.iter().for_each(|choice| self.collect(choice, depth, names));
            }
        }
        match object.get("type") {
            Some(Value::String(one)) => self.primitive(one, object, depth).into_iter().for_each(add),
            Some(Value::Array(several)) => several
                .iter()
                .filter_map(|one| self.primitive(one.as_str()?, object, depth))
                .for_each(add),
            _ => add("anything".to_owned()),
        }
    }

    fn primitive(&self, name: &str, schema: &Map<String, Value>, depth: usize) -> Option<String> {
        let within = |key: &str| {
            let inner = schema.get(key).filter(|inner| inner.is_object())?;
            let mut names = Vec::new();
            self.collect(inner, depth.checked_sub(1)?, &mut names);
            Some(names.join(" | "))
        };
        Some(match name {
            "null" => return None,
            "string" => match schema.get("format").and_then(Value::as_str) {
                Some(format) => format!("string ({format})"),
                None => "string".to_owned(),
            },
            "array" => match within("items") {
                Some(items) if items.contains(" | ") => format!("list of ({items})"),
                Some(items) => format!("list of {items}"),
                None => "list".to_owned(),
            },
            "object" => match (
                schema.get("properties").and_then(Value::as_object),
                within("additionalProperties"),
            ) {
                (Some(properties), _) if !properties.is_empty() => {
                    let keys: Vec<_> = properties.keys().map(String::as_str).collect();
                    format!("table ({})", keys.join(", "))
                }
                (_, Some(values)) => format!("table of {values}"),
                _ => "table".to_owned(),
            },
            other => other.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn only(schema: &Value) -> Field {
        let mut all = fields(schema);
        assert_eq!(all.len(), 1);
        all.remove(0)
    }

    fn type_of(field: Value) -> String {
        only(&json!({"properties": {"field": field}})).type_name
    }

    #[test]
    fn plain_types_are_named_without_their_null() {
        assert_eq!(type_of(json!({"type": "boolean"})), "boolean");
        assert_eq!(
            type_of(json!({"type": ["integer", "null"], "format": "uint32", "minimum": 0})),
            "integer"
        );
        assert_eq!(
            type_of(json!({"type": ["string", "null"], "format": "ip"})),
            "string (ip)"
        );
        assert_eq!(
            type_of(json!({"type": "array", "items": {"type": "integer"}})),
            "list of integer"
        );
        assert_eq!(
            type_of(json!({"type": "object", "additionalProperties": {"type": "string"}})),
            "table of string"
        );
        assert_eq!(type_of(json!(true)), "anything");
    }

    #[test]
    fn choices_are_listed() {
        assert_eq!(
            type_of(json!({"type": "string", "enum": ["Lax", "Strict"]})),
            r#""Lax" | "Strict""#
        );
        assert_eq!(
            type_of(json!({"oneOf": [
                {"type": "string", "const": "safe", "description": "All but those"},
                {"type": "string", "enum": ["all", "none"]},
                {"type": "null"},
            ]})),
            r#""safe" | "all" | "none""#
        );
    }

    #[test]
    fn references_are_followed_and_lend_their_help() {
        let schema = json!({
            "properties": {"retry": {"anyOf": [{"$ref": "#/$defs/Retry"}, {"type": "null"}], "description": "How often.\n\nMore."}},
            "$defs": {"Retry": {"type": "object", "properties": {"attempts": {}, "base": {}}}},
        });
        let retry = only(&schema);
        assert_eq!(
            (retry.type_name.as_str(), retry.help.as_str()),
            ("table (attempts, base)", "How often.")
        );
        let schema = json!({
            "properties": {"proxy": {"$ref": "#/$defs/Proxy", "default": "x"}},
            "$defs": {"Proxy": {"type": "string", "description": "Where\nto."}},
        });
        let proxy = only(&schema);
        assert_eq!(
            (proxy.type_name.as_str(), proxy.help.as_str(), proxy.default),
            ("string", "Where to.", json!("x"))
        );
    }

    #[test]
    fn a_type_that_holds_itself_ends() {
        let schema = json!({
            "properties": {"tree": {"$ref": "#/$defs/Tree"}},
            "$defs": {"Tree": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
        });
        assert!(only(&schema).type_name.starts_with("list of list of"));
        let endless = json!({"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"$ref": "#/$defs/A"}}});
        assert_eq!(only(&endless).type_name, "table");
    }
}
