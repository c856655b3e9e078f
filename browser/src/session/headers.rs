//! Headers as an option: checked where they are read, and no credentials where they are shown.

use std::borrow::Cow;
use std::fmt;

use http::HeaderMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use silkroute_core::RedactedHeaders;

use crate::{Error, Result};

/// Request headers, as names and values in a table. `Debug` shows no credentials.
///
/// ```
/// use silkroute_browser::session::Headers;
///
/// # fn main() -> silkroute_browser::Result<()> {
/// let headers = Headers::new([("X-Shop", "de"), ("Authorization", "Bearer secret")])?;
/// assert!(!format!("{headers:?}").contains("secret"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Headers(HeaderMap);

impl Headers {
    /// These headers.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name or a value that no header can have.
    pub fn new<N: AsRef<str>, V: AsRef<str>>(headers: impl IntoIterator<Item = (N, V)>) -> Result<Self> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let (name, value) = parse(name.as_ref(), value.as_ref())
                .map_err(|reason| Error::invalid(format!("the header `{}`", name.as_ref().escape_debug()), reason))?;
            map.insert(name, value);
        }
        Ok(Self(map))
    }

    /// All of them.
    pub fn as_map(&self) -> &HeaderMap {
        &self.0
    }

    /// Puts others on top: of the same name they win.
    #[must_use]
    pub fn with(mut self, newer: &Self) -> Self {
        for (name, value) in &newer.0 {
            self.0.insert(name.clone(), value.clone());
        }
        self
    }
}

impl From<HeaderMap> for Headers {
    fn from(map: HeaderMap) -> Self {
        Self(map)
    }
}

fn parse(name: &str, value: &str) -> Result<(http::HeaderName, http::HeaderValue), String> {
    let parsed = http::HeaderName::try_from(name).map_err(|_| "this cannot be the name of a header".to_owned())?;
    let value = http::HeaderValue::try_from(value)
        .map_err(|_| "its value holds a line break or another control character".to_owned())?;
    Ok((parsed, value))
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RedactedHeaders(&self.0).fmt(f)
    }
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .iter()
                .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))),
        )
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = std::collections::BTreeMap::<String, String>::deserialize(deserializer)?;
        Self::new(table).map_err(D::Error::custom)
    }
}

impl JsonSchema for Headers {
    fn schema_name() -> Cow<'static, str> {
        "Headers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "additionalProperties": {"type": "string"}})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn headers_are_checked_where_they_are_read() {
        assert!(Headers::new([("no name", "x")]).is_err());
        let error = serde_json::from_value::<Headers>(json!({"X-A": "one\r\ntwo"})).unwrap_err();
        assert!(error.to_string().contains("X-A"), "{error}");
    }
}
