//! What any session needs to know of a request.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use crate::redact::redact_url_text;
use crate::{Body, Error, Identity, Options, Proxy, RedactedHeaders, Result, redact_url};

/// Facts of the user's own that ride on a request and come back on its response.
pub type Meta = Map<String, Value>;

/// What any session needs to know of a request.
///
/// [`Fetch`](crate::Fetch) is the plain one; a spider's visits and a third party's own request types are others. The
/// building methods that all of them share are in [`RequestExt`](crate::RequestExt).
pub trait Request: Any + fmt::Debug + Send + Sync {
    /// The common parts.
    fn parts(&self) -> &RequestParts;
    /// The common parts, to change.
    fn parts_mut(&mut self) -> &mut RequestParts;
}

impl dyn Request {
    /// The request as the type it was made as, if it is of that type.
    pub fn downcast_ref<R: Request>(&self) -> Option<&R> {
        (self as &dyn Any).downcast_ref()
    }
}

/// What all requests have in common. Every session honours each field, or refuses it with
/// [`Error::Unsupported`].
///
/// It can be written to disk and read back. What is written holds the credentials it needs, in plain text; what
/// `Debug` shows does not.
#[non_exhaustive]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestParts {
    /// The method; `GET` when nothing else is said.
    #[serde(default, with = "as_text::method")]
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers on top of the session's. The same name replaces the session's, whatever its case.
    #[serde(default, with = "as_text::headers", skip_serializing_if = "HeaderMap::is_empty")]
    pub headers: HeaderMap,
    /// The body.
    #[serde(default, skip_serializing_if = "Body::is_empty")]
    pub body: Body,
    /// Cookies of this request alone, as name and value, next to those of the session's jar. They are not stored and do
    /// not follow a redirect to another origin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cookies: Vec<(String, String)>,
    /// The session that shall fetch it; `None`: the manager's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The time for all of it: waiting for a place, connecting, retries, redirects, the body. `None`: the session's.
    #[serde(default, with = "crate::duration::option", skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// The proxy it goes through. `None`: the session's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxy>,
    /// Who it shall look like, such as [`Session::identity`](crate::Session::identity) of the session whose cookies it brings.
    /// `None`: the session's own. Headers of the request, and options of its kind that say who, win over it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// The user's own facts; they come back on the response.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub meta: Meta,
    /// What only one session kind understands.
    #[serde(default, skip_serializing_if = "Options::is_empty")]
    pub options: Options,
}

impl RequestParts {
    /// A request of this method to this URL, and nothing else said.
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Body::Empty,
            cookies: Vec::new(),
            session: None,
            timeout: None,
            proxy: None,
            identity: None,
            meta: Meta::new(),
            options: Options::default(),
        }
    }
}

impl fmt::Debug for RequestParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("RequestParts");
        out.field("method", &self.method).field("url", &redact_url(&self.url));
        if !self.headers.is_empty() {
            out.field("headers", &RedactedHeaders(&self.headers));
        }
        if !self.body.is_empty() {
            out.field("body", &self.body);
        }
        if !self.cookies.is_empty() {
            let names: Vec<_> = self.cookies.iter().map(|(name, _)| name).collect();
            out.field("cookies", &names);
        }
        if let Some(session) = &self.session {
            out.field("session", session);
        }
        if let Some(timeout) = &self.timeout {
            out.field("timeout", timeout);
        }
        if let Some(proxy) = &self.proxy {
            out.field("proxy", proxy);
        }
        if let Some(identity) = &self.identity {
            out.field("identity", &identity.name());
        }
        if !self.meta.is_empty() {
            out.field("meta", &self.meta.keys().collect::<Vec<_>>());
        }
        if !self.options.is_empty() {
            out.field("options", &self.options.kinds().collect::<Vec<_>>());
        }
        out.finish()
    }
}

/// Reads a URL that a session could fetch.
pub(crate) fn parse_url(text: &str) -> Result<Url> {
    let refused = |reason: String| Error::invalid(format!("the URL `{}`", redact_url_text(text)), reason);
    let url = Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => {
            refused("it has no scheme; write it whole, such as https://example.com/page".to_owned())
        }
        error => refused(error.to_string()),
    })?;
    if url.cannot_be_a_base() {
        return Err(refused(format!("a `{}:` URL cannot be fetched", url.scheme())));
    }
    Ok(url)
}

/// Reads a header name and value.
pub(crate) fn parse_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let parsed_name = HeaderName::try_from(name).map_err(|_| {
        Error::invalid(
            format!("the header name `{}`", name.escape_debug()),
            "only letters, digits and -_ and the like",
        )
    })?;
    let parsed_value = HeaderValue::try_from(value).map_err(|_| {
        Error::invalid(
            format!("the value of header `{name}`"),
            "it holds a line break or another control character",
        )
    })?;
    Ok((parsed_name, parsed_value))
}

/// How methods and headers are written at rest.
mod as_text {
    pub(super) mod method {
        use http::Method;
        use serde::de::Error as _;
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        pub(in crate::request) fn serialize<S: Serializer>(method: &Method, serializer: S) -> Result<S::Ok, S::Error> {
            method.as_str().serialize(serializer)
        }

        pub(in crate::request) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Method, D::Error> {
            let text = String::deserialize(deserializer)?;
            text.parse()
                .map_err(|_| D::Error::custom(format!("`{text}` is not an HTTP method")))
        }
    }

    pub(super) mod headers {
        use base64::Engine as _;
        use base64::engine::general_purpose::STANDARD as BASE64;
        use http::{HeaderMap, HeaderName, HeaderValue};
        use serde::de::Error as _;
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        /// A value that is no text is written in base64.
        #[derive(Serialize, Deserialize)]
        #[serde(untagged)]
        enum Value {
            Text(String),
            Bytes { base64: String },
        }

        pub(in crate::request) fn serialize<S: Serializer>(
            headers: &HeaderMap,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
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

        pub(in crate::request) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<HeaderMap, D::Error> {
            let mut headers = HeaderMap::new();
            for (name, value) in Vec::<(String, Value)>::deserialize(deserializer)? {
                let name = HeaderName::try_from(&name).map_err(D::Error::custom)?;
                let bytes = match value {
                    Value::Text(text) => text.into_bytes(),
                    Value::Bytes { base64 } => BASE64.decode(base64).map_err(D::Error::custom)?,
                };
                headers.append(name, HeaderValue::from_bytes(&bytes).map_err(D::Error::custom)?);
            }
            Ok(headers)
        }
    }
}
