//! How headers stand in a record: pairs in their order, values as text where they are text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Bytes { base64: String },
}

pub(crate) fn serialize<S: Serializer>(headers: &HeaderMap, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(headers.iter().map(|(name, value)| {
        let value = match value.to_str() {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => Value::Bytes {
                base64: BASE64.encode(value.as_bytes()),
            },
        };
        (name.as_str(), value)
    }))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HeaderMap, D::Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in Vec::<(String, Value)>::deserialize(deserializer)? {
        let name = HeaderName::try_from(name).map_err(D::Error::custom)?;
        let bytes = match value {
            Value::Text(text) => text.into_bytes(),
            Value::Bytes { base64 } => BASE64.decode(base64).map_err(D::Error::custom)?,
        };
        headers.append(name, HeaderValue::from_bytes(&bytes).map_err(D::Error::custom)?);
    }
    Ok(headers)
}
