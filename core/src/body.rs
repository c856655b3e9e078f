//! Request bodies, in a form that can be queued, written to disk and sent again.

use std::fmt;

use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The body of a request.
///
/// At rest it is one JSON object with one key: `{"base64": ..}`, `{"json": ..}`, `{"form": [[k, v], ..]}` or
/// `{"multipart": [..]}`.
#[non_exhaustive]
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// No body at all.
    #[default]
    Empty,
    /// These bytes, with no content type of their own.
    #[serde(rename = "base64", with = "base64_bytes")]
    Bytes(Bytes),
    /// `application/json`.
    Json(serde_json::Value),
    /// `application/x-www-form-urlencoded`, in this order.
    Form(Vec<(String, String)>),
    /// `multipart/form-data`, in this order.
    Multipart(Multipart),
}

impl Body {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// The body as it goes on the wire, and the content type that goes with it. `boundary` separates the parts of a
    /// multipart body and is not used otherwise.
    pub fn encode(&self, boundary: &str) -> (Bytes, Option<String>) {
        match self {
            Self::Empty => (Bytes::new(), None),
            Self::Bytes(bytes) => (bytes.clone(), None),
            Self::Json(value) => (Bytes::from(value.to_string()), Some("application/json".to_owned())),
            Self::Form(pairs) => {
                let encoded = url::form_urlencoded::Serializer::new(String::new())
                    .extend_pairs(pairs)
                    .finish();
                (
                    Bytes::from(encoded),
                    Some("application/x-www-form-urlencoded".to_owned()),
                )
            }
            Self::Multipart(multipart) => (
                multipart.encode(boundary),
                Some(format!("multipart/form-data; boundary={boundary}")),
            ),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Empty => "empty".to_owned(),
            Self::Bytes(bytes) => format!("{} bytes", bytes.len()),
            Self::Json(_) => "json".to_owned(),
            Self::Form(pairs) => format!("form of {} fields", pairs.len()),
            Self::Multipart(multipart) => format!("multipart of {} parts", multipart.parts.len()),
        }
    }
}

/// Shows the shape and the size, never the content: bodies carry passwords.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(Bytes::copy_from_slice(bytes))
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::Bytes(text.into())
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        Self::Bytes(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<Multipart> for Body {
    fn from(multipart: Multipart) -> Self {
        Self::Multipart(multipart)
    }
}

/// A `multipart/form-data` body: text fields and files.
///
/// ```
/// use silkroute_core::{Fetch, Multipart, Part, RequestExt};
///
/// # fn main() -> silkroute_core::Result<()> {
/// let upload = Multipart::new()
///     .text("title", "holiday")
///     .part(Part::bytes("photo", vec![0xff, 0xd8]).file_name("beach.jpg").content_type("image/jpeg"));
/// let request = Fetch::post("https://photos.test/upload")?.body(upload);
/// # let _ = request;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Multipart {
    parts: Vec<Part>,
}

impl Multipart {
    /// A body without parts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text field.
    #[must_use]
    pub fn text(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.part(Part::bytes(name, value.into().into_bytes()))
    }

    /// Adds a part.
    #[must_use]
    pub fn part(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// The parts, in order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    fn encode(&self, boundary: &str) -> Bytes {
        let mut out = Vec::with_capacity(self.parts.iter().map(|part| part.content.len() + 200).sum());
        for part in &self.parts {
            out.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
            let mut disposition = format!("Content-Disposition: form-data; name=\"{}\"", quoted(&part.name));
            if let Some(file_name) = &part.file_name {
                disposition.push_str(&format!("; filename=\"{}\"", quoted(file_name)));
            }
            out.extend_from_slice(disposition.as_bytes());
            out.extend_from_slice(b"\r\n");
            if let Some(content_type) = &part.content_type {
                out.extend_from_slice(format!("Content-Type: {}\r\n", unbroken(content_type)).as_bytes());
            }
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(&part.content);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        out.into()
    }
}

/// One part of a [`Multipart`] body.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(rename = "base64", with = "base64_bytes")]
    content: Bytes,
}

impl Part {
    /// A part with this name and content.
    pub fn bytes(name: impl Into<String>, content: impl Into<Bytes>) -> Self {
        Self {
            name: name.into(),
            file_name: None,
            content_type: None,
            content: content.into(),
        }
    }

    /// Makes it a file of this name. Without a content type it goes as `application/octet-stream`.
    #[must_use]
    pub fn file_name(mut self, file_name: impl Into<String>) -> Self {
        self.file_name = Some(file_name.into());
        self.content_type
            .get_or_insert_with(|| "application/octet-stream".to_owned());
        self
    }

    /// Its media type.
    #[must_use]
    pub fn content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Part")
            .field("name", &self.name)
            .field("file_name", &self.file_name)
            .field("content_type", &self.content_type)
            .field("bytes", &self.content.len())
            .finish()
    }
}

/// Escapes a name as browsers do: <https://html.spec.whatwg.org/#multipart-form-data>.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

fn unbroken(value: &str) -> String {
    value.replace(['\r', '\n'], " ")
}

mod base64_bytes {
    use super::{BASE64, Bytes, Deserialize, Deserializer, Serialize, Serializer};
    use base64::Engine as _;
    use serde::de::Error as _;

    pub(super) fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        BASE64.encode(bytes).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        BASE64
            .decode(String::deserialize(deserializer)?)
            .map(Bytes::from)
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_comes_back_from_json() {
        let upload = Multipart::new()
            .text("a", "1")
            .part(Part::bytes("f", vec![0, 159, 146]).file_name("x.bin"));
        for body in [
            Body::Empty,
            Body::from(&[0_u8, 255][..]),
            Body::Json(serde_json::json!({"b": [1, null]})),
            Body::Form(vec![("k".into(), "v w".into())]),
            Body::from(upload),
        ] {
            let text = serde_json::to_string(&body).unwrap();
            assert_eq!(serde_json::from_str::<Body>(&text).unwrap(), body, "{text}");
        }
    }

    #[test]
    fn a_multipart_name_cannot_break_out_of_its_header() {
        let body = Body::from(Multipart::new().part(Part::bytes("a\"\r\nX-Evil: 1", "v").file_name("b\nc")));
        let (bytes, content_type) = body.encode("BOUNDARY");
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        assert!(!text.contains("\r\nX-Evil"), "{text}");
        assert_eq!(content_type.unwrap(), "multipart/form-data; boundary=BOUNDARY");
        assert!(text.ends_with("--BOUNDARY--\r\n"));
    }

    #[test]
    fn debug_shows_no_content() {
        let body = Body::Form(vec![("password".into(), "hunter2".into())]);
        assert_eq!(format!("{body:?}"), "form of 1 fields");
    }
}
