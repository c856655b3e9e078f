//! What one request asks for, on top of what the session has.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;
use silkroute_core::{Body, Error, FetchError, FetchErrorKind, RequestParts, Result, Retry, SessionOptions};
use url::Url;

use crate::headers::HeaderSet;
use crate::live::{Cut, Live, Outfit};
use crate::settings::{Settings, statuses};
use crate::{Destination, HttpOptions, Redirects, headers};

/// What one request asks for, on top of what the session has.
pub(crate) struct Plan<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) live: &'a Live,
    pub(crate) parts: &'a RequestParts,
    pub(crate) outfit: Arc<Outfit>,
    /// The headers of what is no document but part of one.
    pub(crate) of_page: Option<Box<HeaderSet>>,
    /// Without user and password, which went into the headers.
    pub(crate) url: Cow<'a, Url>,
    /// The session's headers and the request's; `None`: the session's alone.
    pub(crate) headers: Option<HeaderMap>,
    pub(crate) body: Bytes,
    pub(crate) content_type: Option<HeaderValue>,
    pub(crate) redirects: Redirects,
    pub(crate) max_redirects: u32,
    pub(crate) retry: Cow<'a, Retry>,
    pub(crate) retry_statuses: Cow<'a, [StatusCode]>,
    pub(crate) body_limit: u64,
    pub(crate) google_search: bool,
    pub(crate) cookie_store: bool,
    pub(crate) timeout: Duration,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(settings: &'a Settings, live: &'a Live, parts: &'a RequestParts) -> Result<Self> {
        check(parts)?;
        let (url, authorization) = without_credentials(&parts.url)?;
        let mut own = Cow::Borrowed(&parts.headers);
        if let Some(authorization) = authorization.filter(|_| !parts.headers.contains_key(AUTHORIZATION)) {
            own.to_mut().insert(AUTHORIZATION, authorization);
        }
        let headers = (!own.is_empty()).then(|| headers::merge(&settings.headers, &own));
        check_host(headers.as_ref().unwrap_or(&settings.headers), &url)?;
        let mut plan = Self {
            settings,
            live,
            parts,
            outfit: Arc::clone(live.main()),
            of_page: None,
            url,
            headers,
            body: Bytes::new(),
            content_type: None,
            redirects: settings.redirects,
            max_redirects: settings.max_redirects,
            retry: Cow::Borrowed(&settings.retry),
            retry_statuses: Cow::Borrowed(&settings.retry_statuses),
            body_limit: settings.body_limit,
            google_search: settings.google_search,
            cookie_store: settings.cookie_store,
            timeout: parts.timeout.unwrap_or(settings.timeout),
        };
        if parts.options.block(HttpOptions::KIND).is_some() || parts.identity.is_some() {
            plan.apply(parts.options.get()?)?;
        }
        if !parts.body.is_empty() {
            plan.encode_body()?;
        }
        Ok(plan)
    }

    fn apply(&mut self, options: HttpOptions) -> Result<()> {
        let settings = self.settings;
        self.redirects = options.redirects.unwrap_or(self.redirects);
        self.max_redirects = options.max_redirects.unwrap_or(self.max_redirects);
        if let Some(retry) = options.retry {
            self.retry = Cow::Owned(retry);
        }
        if let Some(codes) = options.retry_statuses {
            self.retry_statuses = Cow::Owned(statuses(&codes).map_err(of_option("retry_statuses"))?);
        }
        self.body_limit = options.body_limit.unwrap_or(self.body_limit);
        self.google_search = options.google_search.unwrap_or(self.google_search);
        self.cookie_store = options.cookie_store.unwrap_or(self.cookie_store);
        if options.connect_timeout.is_some_and(|time| time.is_zero()) {
            return Err(of_option("connect_timeout")(Error::invalid(
                "the time",
                "no time at all",
            )));
        }
        let profile = match (&options.impersonate, &self.parts.identity) {
            (Some(who), _) => Cow::Owned(who.resolve().map_err(of_option("impersonate"))?),
            (None, Some(identity)) => Cow::Owned(settings.profile_for(identity)?),
            (None, None) => Cow::Borrowed(&settings.profile),
        };
        let cut = Cut {
            identity: profile.identity.clone(),
            verify: options.verify.unwrap_or(settings.verify),
            http_version: options.http_version.unwrap_or(settings.http_version).check()?,
            connect_timeout: options.connect_timeout.unwrap_or(settings.connect_timeout),
        };
        self.outfit = self.live.outfit(settings, &profile, cut)?;
        if let Some(destination) = options.destination.filter(|known| *known != Destination::Document) {
            let identity = self.outfit.profile.identity.as_ref();
            let set = identity.and_then(|identity| HeaderSet::of_page(identity, &settings.headers, destination));
            let Some(set) = set else {
                let reason = "what the pages of this identity send is not known, only what Chromium's do: impersonate one of \
                              its kind, or leave it out and set `Accept` and the `Sec-Fetch` headers yourself";
                return Err(of_option("destination")(Error::invalid("the header set", reason)));
            };
            self.of_page = Some(Box::new(set));
        }
        Ok(())
    }

    fn encode_body(&mut self) -> Result<()> {
        let boundary = match self.parts.body {
            Body::Multipart(_) => headers::boundary(self.outfit.profile.identity.as_ref()),
            _ => String::new(),
        };
        let (body, content_type) = self.parts.body.encode(&boundary);
        self.body = body;
        self.content_type = content_type
            .map(HeaderValue::try_from)
            .transpose()
            .map_err(|error| Error::invalid("the content type of the body", error))?;
        Ok(())
    }

    /// Whether it is sent as a browser sends a form.
    pub(crate) fn is_form(&self) -> bool {
        matches!(self.parts.body, Body::Form(_) | Body::Multipart(_))
    }

    /// An error of this request.
    pub(crate) fn error(&self, kind: FetchErrorKind, message: impl Into<String>) -> FetchError {
        FetchError::new(kind, message).parts(self.parts)
    }

    /// Whether it may be sent again when the server has perhaps seen it.
    pub(crate) fn is_idempotent(&self) -> bool {
        self.parts.method.is_idempotent()
    }
}

/// Says that an error is about an option of the request.
fn of_option(name: &'static str) -> impl Fn(Error) -> Error {
    move |error| Error::Options {
        kind: HttpOptions::KIND.to_owned(),
        path: format!("{}.{name}", HttpOptions::KIND),
        reason: error.to_string(),
    }
}

fn check(parts: &RequestParts) -> Result<()> {
    if !matches!(parts.url.scheme(), "http" | "https") {
        let error = FetchError::new(
            FetchErrorKind::Request,
            format!("this session cannot fetch a `{}:` URL", parts.url.scheme()),
        );
        return Err(error.parts(parts).hint("it fetches http: and https: URLs").into());
    }
    if parts.method == Method::CONNECT {
        return Err(Error::Unsupported {
            kind: HttpOptions::KIND.to_owned(),
            what: "the method CONNECT".to_owned(),
            instead: "set `proxy` to go through a proxy".to_owned(),
        });
    }
    Ok(())
}

/// A `Host` that is the URL's, as commands copied from browsers have it, is made by the connection all the same. Any other
/// asks for another site than the URL does, which no browser can.
fn check_host(headers: &HeaderMap, url: &Url) -> Result<()> {
    let is_the_urls = |host: &HeaderValue| {
        let named = host
            .to_str()
            .ok()
            .map(|host| Url::parse(&format!("{}://{host}", url.scheme())));
        matches!(named, Some(Ok(named)) if named.origin() == url.origin())
    };
    if headers.get_all(HOST).iter().all(is_the_urls) {
        return Ok(());
    }
    Err(Error::Unsupported {
        kind: HttpOptions::KIND.to_owned(),
        what: "a `Host` header that is not that of the URL".to_owned(),
        instead: "put the name into the URL, and the address to connect to into the session's `resolve`".to_owned(),
    })
}

/// Browsers turn the user and the password of a URL into basic authentication, and do not send them as a part of the
/// URL.
fn without_credentials(url: &Url) -> Result<(Cow<'_, Url>, Option<HeaderValue>)> {
    if url.username().is_empty() && url.password().is_none() {
        return Ok((Cow::Borrowed(url), None));
    }
    let mut pair = percent_decode_str(url.username()).collect::<Vec<u8>>();
    pair.push(b':');
    pair.extend(percent_decode_str(url.password().unwrap_or_default()));
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
    let mut value = HeaderValue::try_from(format!("Basic {encoded}"))
        .map_err(|error| Error::invalid("the user of the URL", error))?;
    value.set_sensitive(true);
    let mut clean = url.clone();
    // Both cannot fail for a URL with a host.
    let _ = clean.set_username("");
    let _ = clean.set_password(None);
    Ok((Cow::Owned(clean), Some(value)))
}
