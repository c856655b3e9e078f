//! The building methods that all requests share.

use std::time::Duration;

use http::Method;
use serde::Serialize;
use serde_json::Value;

use crate::request::parse_header;
use crate::{Body, Error, Identity, Proxy, Request, Result, SessionOptions};

/// The building methods that all requests share, whatever their type.
///
/// What cannot fail gives the request back; what can, gives a [`Result`], so that a mistake shows where it is written
/// and not at the fetch.
///
/// ```
/// use std::time::Duration;
/// use silkroute_core::{Fetch, RequestExt};
///
/// # fn main() -> silkroute_core::Result<()> {
/// let request = Fetch::post("https://shop.test/api/orders")?
///     .session("api")
///     .bearer_auth("abc")?
///     .json(&serde_json::json!({"sku": 7}))?
///     .timeout(Duration::from_secs(5))
///     .meta("attempted_by", "nightly");
/// # let _ = request;
/// # Ok(())
/// # }
/// ```
pub trait RequestExt: Request + Sized {
    /// Names the session that shall fetch it.
    #[must_use]
    fn session(mut self, id: impl Into<String>) -> Self {
        self.parts_mut().session = Some(id.into());
        self
    }

    /// Sets the method. Any token will do; the standard ones are recognised in any case, as `post` is `POST`.
    ///
    /// # Errors
    /// The text is empty or holds characters that a method cannot.
    fn method(mut self, method: &str) -> Result<Self> {
        self.parts_mut().method = parse_method(method)?;
        Ok(self)
    }

    /// Sets a header, replacing the session's and any earlier one of the same name, whatever its case.
    ///
    /// # Errors
    /// The name or the value cannot stand in a header.
    fn header(mut self, name: &str, value: &str) -> Result<Self> {
        let (name, value) = parse_header(name, value)?;
        self.parts_mut().headers.insert(name, value);
        Ok(self)
    }

    /// Sets several headers, as [`header`](Self::header) does each: of two with one name the later counts.
    ///
    /// # Errors
    /// A name or a value cannot stand in a header.
    fn headers<K: AsRef<str>, V: AsRef<str>>(self, headers: impl IntoIterator<Item = (K, V)>) -> Result<Self> {
        headers.into_iter().try_fold(self, |request, (name, value)| {
            request.header(name.as_ref(), value.as_ref())
        })
    }

    /// Adds pairs to the URL's query, encoded, after those it has.
    #[must_use]
    fn query<K: AsRef<str>, V: AsRef<str>>(mut self, pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut pairs = pairs.into_iter().peekable();
        if pairs.peek().is_some() {
            self.parts_mut().url.query_pairs_mut().extend_pairs(pairs);
        }
        self
    }

    /// Sets the body: bytes, text, or a [`Multipart`](crate::Multipart).
    #[must_use]
    fn body(mut self, body: impl Into<Body>) -> Self {
        self.parts_mut().body = body.into();
        self
    }

    /// Sets a JSON body. `Content-Type` becomes `application/json` unless a header says otherwise.
    ///
    /// # Errors
    /// The value does not serialize to JSON.
    fn json<T: Serialize + ?Sized>(mut self, value: &T) -> Result<Self> {
        let value = serde_json::to_value(value).map_err(|error| Error::invalid("the JSON body", error))?;
        self.parts_mut().body = Body::Json(value);
        Ok(self)
    }

    /// Sets a form body. `Content-Type` becomes `application/x-www-form-urlencoded` unless a header says otherwise.
    #[must_use]
    fn form<K: Into<String>, V: Into<String>>(mut self, fields: impl IntoIterator<Item = (K, V)>) -> Self {
        self.parts_mut().body = Body::Form(fields.into_iter().map(|(k, v)| (k.into(), v.into())).collect());
        self
    }

    /// Adds a cookie of this request alone, next to those of the session's jar.
    #[must_use]
    fn cookie(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parts_mut().cookies.push((name.into(), value.into()));
        self
    }

    /// Adds several cookies, as [`cookie`](Self::cookie) does each.
    #[must_use]
    fn cookies<K: Into<String>, V: Into<String>>(mut self, cookies: impl IntoIterator<Item = (K, V)>) -> Self {
        let cookies = cookies.into_iter().map(|(name, value)| (name.into(), value.into()));
        self.parts_mut().cookies.extend(cookies);
        self
    }

    /// Sets a bearer token as `Authorization`.
    ///
    /// # Errors
    /// The token holds a line break or another control character.
    fn bearer_auth(mut self, token: &str) -> Result<Self> {
        let (name, mut value) = parse_header("authorization", &format!("Bearer {token}"))?;
        value.set_sensitive(true);
        self.parts_mut().headers.insert(name, value);
        Ok(self)
    }

    /// Sets HTTP basic authentication.
    #[must_use]
    fn basic_auth(mut self, user: &str, password: &str) -> Self {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        if let Ok(mut value) = http::HeaderValue::try_from(format!("Basic {encoded}")) {
            value.set_sensitive(true);
            self.parts_mut().headers.insert(http::header::AUTHORIZATION, value);
        }
        self
    }

    /// Limits the time for all of it: waiting for a place, connecting, retries, redirects, the body.
    #[must_use]
    fn timeout(mut self, timeout: Duration) -> Self {
        self.parts_mut().timeout = Some(timeout);
        self
    }

    /// Sends it through this proxy: `http://`, `https://`, `socks5://` or `socks5h://`, with credentials or without.
    ///
    /// # Errors
    /// The text is no proxy URL.
    fn proxy(mut self, proxy: &str) -> Result<Self> {
        self.parts_mut().proxy = Some(proxy.parse::<Proxy>()?);
        Ok(self)
    }

    /// Has it look like this identity, where the session can be it; see [`Session::can_be`](crate::Session::can_be). One that
    /// cannot refuses the request.
    #[must_use]
    fn identity(mut self, identity: Identity) -> Self {
        self.parts_mut().identity = Some(identity);
        self
    }

    /// Notes a fact of your own; it comes back on the response.
    #[must_use]
    fn meta(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.parts_mut().meta.insert(key.into(), value.into());
        self
    }

    /// Puts the options of one session kind on top of those it has.
    ///
    /// # Errors
    /// The options do not serialize as an object.
    fn with<O: SessionOptions>(mut self, options: O) -> Result<Self> {
        self.parts_mut().options.set(&options)?;
        Ok(self)
    }

    /// The options it carries for one session kind.
    ///
    /// # Errors
    /// They are not what the kind takes.
    fn options<O: SessionOptions>(&self) -> Result<O> {
        self.parts().options.get()
    }
}

impl<R: Request> RequestExt for R {}

/// Methods are case-sensitive on the wire; fetch clients fold the standard ones, <https://fetch.spec.whatwg.org/#concept-method-normalize>.
fn parse_method(text: &str) -> Result<Method> {
    let upper = text.to_ascii_uppercase();
    let folded = match upper.as_str() {
        "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS" | "TRACE" | "PATCH" => upper.as_str(),
        _ => text,
    };
    folded.parse().map_err(|_| {
        Error::invalid(
            format!("the method `{}`", text.escape_debug()),
            "a method is a word such as GET or PURGE",
        )
    })
}
