//! Options that only one session kind understands.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::redact::redact_mismatch;
use crate::{Error, Result};

/// A session kind's per-request options: a plain struct, every field an `Option`, absent when it is `None`.
///
/// Derive `Serialize` with `#[serde(skip_serializing_if = "Option::is_none")]` on each field, `Deserialize` with
/// `#[serde(deny_unknown_fields, default)]`, so that a misspelt option is an error and not a silent nothing.
///
/// ```
/// use schemars::JsonSchema;
/// use serde::{Deserialize, Serialize};
/// use silkroute_core::{Fetch, RequestExt, SessionOptions};
///
/// /// What an `archive` session takes with a request.
/// #[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
/// #[serde(deny_unknown_fields, default)]
/// struct ArchiveOptions {
///     /// Which of several recordings of a URL: the n-th, from 0.
///     #[serde(skip_serializing_if = "Option::is_none")]
///     recording: Option<usize>,
/// }
///
/// impl SessionOptions for ArchiveOptions {
///     const KIND: &'static str = "archive";
/// }
///
/// # fn main() -> silkroute_core::Result<()> {
/// let request = Fetch::get("https://shop.test/")?.with(ArchiveOptions { recording: Some(2) })?;
/// assert_eq!(request.options::<ArchiveOptions>()?.recording, Some(2));
/// # Ok(())
/// # }
/// ```
pub trait SessionOptions: Serialize + DeserializeOwned + Default + JsonSchema + 'static {
    /// The session kind that these options are for.
    const KIND: &'static str;
}

/// The options of a request at rest: for each session kind, its keys and values.
///
/// A block of a kind that is not compiled in is kept as it is: a crawl may be resumed by a program with more kinds than
/// the one that queued the request.
///
/// `Debug` shows the names of the keys alone: a value may be a password, a header or a script with either in it.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Options {
    kinds: BTreeMap<String, Map<String, Value>>,
}

impl Options {
    /// Whether no kind has any.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// The kinds that have some, sorted.
    pub fn kinds(&self) -> impl Iterator<Item = &str> {
        self.kinds.keys().map(String::as_str)
    }

    /// What a kind has been given, as it is at rest.
    pub fn block(&self, kind: &str) -> Option<&Map<String, Value>> {
        self.kinds.get(kind)
    }

    /// Puts typed options on top of what is there: keys that are set win, the others stay.
    ///
    /// # Errors
    /// The options do not serialize as an object with text keys.
    pub fn set<O: SessionOptions>(&mut self, options: &O) -> Result<()> {
        let refused = |reason: String| Error::Options {
            kind: O::KIND.to_owned(),
            path: O::KIND.to_owned(),
            reason,
        };
        match serde_json::to_value(options) {
            Ok(Value::Object(block)) => {
                self.merge_block(O::KIND, &block);
                Ok(())
            }
            Ok(_) => Err(refused("must serialize as an object".to_owned())),
            Err(error) => Err(refused(error.to_string())),
        }
    }

    /// Sets one key of one kind, unchecked until a session or [`Registry::check`](crate::Registry::check) reads it. `null`
    /// resets it to the session's default.
    pub fn set_key(&mut self, kind: impl Into<String>, key: impl Into<String>, value: impl Into<Value>) {
        let block = Map::from_iter([(key.into(), value.into())]);
        self.merge_block(&kind.into(), &block);
    }

    /// Reads a kind's options; all absent when there are none.
    ///
    /// # Errors
    /// [`Error::Options`] naming the key that is unknown or of a wrong type.
    pub fn get<O: SessionOptions>(&self) -> Result<O> {
        match self.kinds.get(O::KIND) {
            Some(block) => read_block(O::KIND, block),
            None => Ok(O::default()),
        }
    }

    /// Puts newer options on top: per kind and key the newer wins, and `null` takes the key away, which resets it to
    /// the session's default.
    pub fn merge(&mut self, newer: &Self) {
        for (kind, block) in &newer.kinds {
            self.merge_block(kind, block);
        }
    }

    fn merge_block(&mut self, kind: &str, newer: &Map<String, Value>) {
        let block = self.kinds.entry(kind.to_owned()).or_default();
        for (key, value) in newer {
            if value.is_null() {
                block.remove(key);
            } else {
                block.insert(key.clone(), value.clone());
            }
        }
        if block.is_empty() {
            self.kinds.remove(kind);
        }
    }
}

/// Shows the kinds and their keys.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = |(kind, block)| (kind, Map::keys(block).collect::<Vec<_>>());
        f.debug_map().entries(self.kinds.iter().map(keys)).finish()
    }
}

/// Reads one block as the options of a kind, naming the place where it does not fit.
pub(crate) fn read_block<O: SessionOptions>(kind: &str, block: &Map<String, Value>) -> Result<O> {
    serde_path_to_error::deserialize(Value::Object(block.clone())).map_err(|error| {
        let path = error.path().to_string();
        Error::Options {
            kind: kind.to_owned(),
            path: if path == "." {
                kind.to_owned()
            } else {
                format!("{kind}.{path}")
            },
            reason: redact_mismatch(error.into_inner()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    struct Web {
        #[serde(skip_serializing_if = "Option::is_none")]
        depth: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    }

    impl SessionOptions for Web {
        const KIND: &'static str = "web";
    }

    fn options(value: Value) -> Options {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn newer_keys_win_and_null_resets() {
        let mut inherited = options(json!({"web": {"depth": 1, "name": "a"}, "other": {"x": 1}}));
        inherited.merge(&options(json!({"web": {"depth": 2, "name": null}, "third": {"y": 2}})));
        assert_eq!(
            inherited,
            options(json!({"web": {"depth": 2}, "other": {"x": 1}, "third": {"y": 2}}))
        );
    }

    #[test]
    fn typed_options_leave_what_they_do_not_set() {
        let mut all = options(json!({"web": {"name": "kept"}}));
        all.set(&Web {
            depth: Some(3),
            name: None,
        })
        .unwrap();
        assert_eq!(
            all.get::<Web>().unwrap(),
            Web {
                depth: Some(3),
                name: Some("kept".into())
            }
        );
    }

    #[test]
    fn an_unknown_key_and_a_wrong_type_name_the_place() {
        let unknown = options(json!({"web": {"dept": 1}}))
            .get::<Web>()
            .unwrap_err()
            .to_string();
        assert!(
            unknown.contains("'web'") && unknown.contains("`dept`") && unknown.contains("`depth`"),
            "{unknown}"
        );
        let wrong = options(json!({"web": {"depth": "x"}}))
            .get::<Web>()
            .unwrap_err()
            .to_string();
        assert!(wrong.contains("`web.depth`"), "{wrong}");
    }

    #[test]
    fn debug_shows_the_keys_alone() {
        let shown = format!(
            "{:?}",
            options(json!({"web": {"proxy": "http://u:hush@h", "depth": 4711}}))
        );
        assert_eq!(shown, r#"{"web": ["depth", "proxy"]}"#);
    }

    #[test]
    fn a_kind_that_is_not_compiled_in_is_kept_verbatim() {
        let text = r#"{"martian":{"rays":[1,2,{"z":null}]}}"#;
        let kept: Options = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&kept).unwrap(), text);
    }
}
