//! What any session gives back.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::{Cookie, FetchError, FetchErrorKind, Meta, RedactedHeaders, Request, Result, charset, redact_url};

/// What any session gives back.
///
/// Each kind has a type of its own with extras, which `downcast_ref` brings to light;
/// what they have in common is reached through the methods of `dyn Response`.
pub trait Response: Any + fmt::Debug + Send + Sync {
    /// The common parts.
    fn parts(&self) -> &ResponseParts;
    /// The common parts, to change.
    fn parts_mut(&mut self) -> &mut ResponseParts;
}

impl dyn Response {
    /// The status of the document that was fetched in the end.
    pub fn status(&self) -> StatusCode {
        self.parts().status
    }

    /// The URL it came from in the end, after all redirects.
    pub fn url(&self) -> &Url {
        &self.parts().url
    }

    /// Its headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.parts().headers
    }

    /// A header's first value, where it is text. The name's case does not matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.parts().headers.get(name)?.to_str().ok()
    }

    /// The body as it was sent, decompressed.
    pub fn body(&self) -> &Bytes {
        &self.parts().body
    }

    /// The body as text: decoded by its byte order mark, its header's charset or its own `<meta charset>`, else as
    /// UTF-8; what is malformed becomes U+FFFD.
    pub fn text(&self) -> Cow<'_, str> {
        charset::decode(&self.parts().headers, &self.parts().body)
    }

    /// The body read as JSON.
    ///
    /// # Errors
    /// [`FetchErrorKind::Decode`], naming the line and column that do not fit.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let text = self.text();
        serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
            let kind = self.header("content-type").unwrap_or("no content type").to_owned();
            FetchError::new(
                FetchErrorKind::Decode,
                format!("the body is not the expected JSON: {error}"),
            )
            .context("url", redact_url(self.url()))
            .context("status", self.status().as_u16())
            .context("content-type", kind)
            .into()
        })
    }

    /// The user's own facts from the request, and what the session noted. Where both have a key, the session's wins.
    pub fn meta(&self) -> &Meta {
        &self.parts().meta
    }

    /// The request it answers, where a manager fetched it.
    pub fn request(&self) -> Option<&Arc<dyn Request>> {
        self.parts().request.as_ref()
    }

    /// The name of the session that fetched it, where a manager did.
    pub fn session(&self) -> Option<&str> {
        self.parts().session.as_deref()
    }

    /// The redirects on the way, oldest first.
    pub fn history(&self) -> &[Hop] {
        &self.parts().history
    }

    /// The cookies that this exchange set, on the way and at its end.
    pub fn cookies(&self) -> &[Cookie] {
        &self.parts().cookies
    }

    /// Where the time went.
    pub fn timing(&self) -> Timing {
        self.parts().timing
    }

    /// How often it was tried; 1 when the first try brought it.
    pub fn attempts(&self) -> u32 {
        self.parts().attempts
    }

    /// The proxy that it came through, without credentials, such as `http://proxy.test:3128`.
    pub fn proxy(&self) -> Option<&str> {
        self.parts().proxy.as_deref()
    }

    /// What a cache that stands before the session did; `None` where none was asked.
    pub fn cache(&self) -> Option<CacheOutcome> {
        self.parts().cache
    }

    /// What stands in the place of the page, such as `managed` for a challenge that was not passed, where the session itself
    /// knows; `None` says nothing: most sessions cannot tell.
    pub fn blocked(&self) -> Option<&str> {
        self.parts().blocked.as_deref()
    }

    /// The response as the type its session made it, if it is of that type.
    pub fn downcast_ref<R: Response>(&self) -> Option<&R> {
        (self as &dyn Any).downcast_ref()
    }
}

/// What all responses have in common.
#[non_exhaustive]
#[derive(Clone)]
pub struct ResponseParts {
    /// The status of the document that was fetched in the end.
    pub status: StatusCode,
    /// The URL it came from in the end.
    pub url: Url,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, decompressed.
    pub body: Bytes,
    /// The user's facts and the session's.
    pub meta: Meta,
    /// The request it answers; a manager fills it in.
    pub request: Option<Arc<dyn Request>>,
    /// The name of the session that fetched it; a manager fills it in.
    pub session: Option<Arc<str>>,
    /// The redirects on the way, oldest first.
    pub history: Vec<Hop>,
    /// The cookies that this exchange set.
    pub cookies: Vec<Cookie>,
    /// Where the time went.
    pub timing: Timing,
    /// How often it was tried.
    pub attempts: u32,
    /// The proxy that it came through, as [`Proxy::label`](crate::Proxy::label) has it: without credentials.
    pub proxy: Option<String>,
    /// What a cache that stands before the session did; `None` where none was asked.
    pub cache: Option<CacheOutcome>,
    /// What stands in the place of the page, where the session itself knows: then this is no page, whatever its status.
    pub blocked: Option<String>,
}

impl ResponseParts {
    /// A response with this status from this URL, with no body, fetched at the first try.
    pub fn new(status: StatusCode, url: Url) -> Self {
        Self {
            status,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            meta: Meta::new(),
            request: None,
            session: None,
            history: Vec::new(),
            cookies: Vec::new(),
            timing: Timing::default(),
            attempts: 1,
            proxy: None,
            cache: None,
            blocked: None,
        }
    }
}

impl fmt::Debug for ResponseParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseParts")
            .field("status", &self.status.as_u16())
            .field("url", &redact_url(&self.url))
            .field("headers", &RedactedHeaders(&self.headers))
            .field("bytes", &self.body.len())
            .field("session", &self.session)
            .field("history", &self.history)
            .field("cookies", &self.cookies)
            .field("timing", &self.timing)
            .field("attempts", &self.attempts)
            .field("proxy", &self.proxy)
            .field("cache", &self.cache)
            .field("blocked", &self.blocked)
            .finish_non_exhaustive()
    }
}

/// What a cache that stands before a session did about a request.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheOutcome {
    /// It had the response; at most the site was asked whether it still holds.
    Hit,
    /// The response was fetched.
    Miss,
}

/// A redirect that was followed.
#[non_exhaustive]
#[derive(Clone)]
pub struct Hop {
    /// Its status.
    pub status: StatusCode,
    /// The URL that answered with it.
    pub url: Url,
    /// Its headers.
    pub headers: HeaderMap,
}

impl Hop {
    /// A redirect with this status from this URL.
    pub fn new(status: StatusCode, url: Url, headers: HeaderMap) -> Self {
        Self { status, url, headers }
    }
}

impl fmt::Debug for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), redact_url(&self.url))
    }
}

/// Where the time of a fetch went.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// Waiting in the manager, and in a pool of sessions: for the session to start, for a place in it.
    #[serde(with = "crate::duration")]
    pub queued: Duration,
    /// From the start of the last try to the head of its response, redirects included.
    #[serde(with = "crate::duration")]
    pub first_byte: Duration,
    /// In the session as a whole, from the first try to the last byte.
    #[serde(with = "crate::duration")]
    pub total: Duration,
}

impl Timing {
    /// The times that a session knows; the manager adds `queued`.
    pub fn new(first_byte: Duration, total: Duration) -> Self {
        Self {
            queued: Duration::ZERO,
            first_byte,
            total,
        }
    }
}
