//! What makes two requests the same.

mod canonical;

use std::fmt::{self, Write as _};
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};
use sha1::{Digest as _, Sha1};

pub use canonical::canonical_url;

use crate::{Body, Error, Request, Result};

/// What makes two requests the same: a SHA-1 over method, canonical URL, body and session.
///
/// Written as 40 hexadecimal digits. It is the same on every machine and in every version that keeps these rules, and the
/// same that Scrapling computes, save where that tells apart what is one: here `post` is `POST`, and the order of the
/// keys in a JSON body does not matter.
///
/// ```
/// use silkroute_core::{Fetch, Fingerprint};
///
/// # fn main() -> silkroute_core::Result<()> {
/// let one = Fingerprint::of(&Fetch::get("http://h/?b=2&a=1#top")?, "default");
/// let two = Fingerprint::of(&Fetch::get("http://h/?a=1&b=2")?, "default");
/// assert_eq!(one, two);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 20]);

impl Fingerprint {
    /// The fingerprint of a request that goes to this session, by the usual [`FingerprintRules`].
    pub fn of(request: &dyn Request, session: &str) -> Self {
        FingerprintRules::default().fingerprint(request, session)
    }

    /// The fingerprint of these bytes, as [`as_bytes`](Self::as_bytes) gave them.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

/// What a fingerprint looks at besides method, URL, body and session. Nothing, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FingerprintRules {
    /// Whether URLs that differ in what follows `#` are different. For pages that show themselves by it.
    pub keep_fragments: bool,
    /// Whether the request's own headers, its cookies and its identity count. The order of headers does not, nor does the case of their
    /// names.
    pub include_headers: bool,
    /// Whether the options for session kinds count.
    pub include_options: bool,
}

impl FingerprintRules {
    /// The fingerprint of a request that goes to this session.
    pub fn fingerprint(&self, request: &dyn Request, session: &str) -> Fingerprint {
        let parts = request.parts();
        let mut fields = Map::new();
        fields.insert("sid".into(), session.into());
        fields.insert("method".into(), parts.method.as_str().to_ascii_uppercase().into());
        fields.insert("url".into(), canonical_url(&parts.url, self.keep_fragments).into());
        fields.insert("body".into(), hex(&body_bytes(&parts.body)).into());
        if self.include_headers {
            let headers = parts
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
            let mut pairs: Vec<_> = headers.map(|(name, value)| [hex(name), hex(value)]).collect();
            let cookies = parts.cookies.iter().map(|(name, value)| format!("{name}={value}"));
            pairs.extend(cookies.map(|cookie| [hex(b"cookie"), hex(cookie.as_bytes())]));
            pairs.sort();
            fields.insert("headers".into(), json!(pairs));
            if let Some(identity) = &parts.identity {
                fields.insert("identity".into(), json!(identity));
            }
        }
        if self.include_options {
            let blocks = parts.options.kinds().filter_map(|kind| {
                let block = parts.options.block(kind)?;
                Some((kind.to_owned(), Value::Object(block.clone())))
            });
            fields.insert("options".into(), Value::Object(blocks.collect()));
        }
        let mut text = String::new();
        write_sorted(&Value::Object(fields), &mut text);
        Fingerprint(Sha1::digest(text.as_bytes()).into())
    }
}

/// The body as it is compared: JSON with sorted keys, a multipart body with one and the same boundary.
fn body_bytes(body: &Body) -> Vec<u8> {
    match body {
        Body::Json(value) => {
            let mut text = String::new();
            write_sorted(value, &mut text);
            text.into_bytes()
        }
        body => body.encode("silkroute").0.into(),
    }
}

/// Writes compact JSON with sorted keys. `serde_json` sorts them itself, but not when anyone in the program has turned on
/// its feature `preserve_order`.
fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_unstable_by_key(|(key, _)| *key);
            out.push('{');
            for (index, (key, value)) in sorted.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_scalar(&Value::from(key.as_str()), out);
                out.push(':');
                write_sorted(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_sorted(item, out);
            }
            out.push(']');
        }
        scalar => write_scalar(scalar, out),
    }
}

fn write_scalar(value: &Value, out: &mut String) {
    // Writing to a `String` cannot fail.
    let _ = write!(out, "{value}");
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refused = || {
            Error::invalid(
                format!("the fingerprint `{}`", text.escape_debug()),
                "it is 40 hexadecimal digits",
            )
        };
        let digits = text.as_bytes();
        if digits.len() != 40 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(refused());
        }
        let mut bytes = [0; 20];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).map_err(|_| refused())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
