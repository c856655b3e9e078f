//! What one request asks for, on top of what the session has.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, REFERER};
use http::{HeaderMap, HeaderValue, Method};
use regex::Regex;
use silkroute_core::{
    Body, Error, FetchError, FetchErrorKind, Identity, Proxy, ProxyScheme, RequestParts, Result, SessionOptions,
    is_secret_header,
};
use url::Url;

use super::config::BrowserConfig;
use super::headers::Headers;
use super::hooks::{Hooks, PageHook};
use super::options::PageOverrides;
use crate::tab::is_refused;

/// What one request asks for. Everything about it that can be wrong is found out here, before a tab is asked for.
pub(super) struct Plan<'a> {
    pub(super) parts: &'a RequestParts,
    /// The session's configuration with the request's own wishes in it.
    pub(super) page: BrowserConfig,
    /// Who its pages are to look like, where that is somebody else.
    pub(super) identity: Option<&'a Identity>,
    /// Without user and password, which went into the headers.
    pub(super) url: Url,
    /// Headers of the document alone.
    pub(super) headers: HeaderMap,
    pub(super) referer: Option<String>,
    /// Headers of everything that the page loads.
    pub(super) extra_headers: HeaderMap,
    /// Cookies that are not for the jar.
    pub(super) cookies: Vec<(String, String)>,
    pub(super) body: Option<Bytes>,
    pub(super) capture: Option<Regex>,
    pub(super) setup: Option<PageHook>,
    pub(super) action: Option<PageHook>,
    /// The request itself names the action, and the selector: it counts on a page.
    pub(super) own_action: bool,
    pub(super) own_selector: bool,
    pub(super) timeout: Duration,
}

/// Puts what a request says over what the session says; in between, where there is one, its identity. That has languages, which
/// the locale of a session is for, and perhaps a time zone.
pub(super) fn overlay(config: &BrowserConfig, identity: Option<&Identity>, over: PageOverrides) -> BrowserConfig {
    let mut page = config.clone();
    if let Some(identity) = identity {
        page.locale = None;
        page.timezone_id = identity.timezone.clone().or(page.timezone_id);
    }
    macro_rules! replace {
        ($($field:ident)*) => { $(if let Some(value) = over.$field { page.$field = value; })* };
    }
    macro_rules! replace_option {
        ($($field:ident)*) => { $(if over.$field.is_some() { page.$field = over.$field; })* };
    }
    replace!(wait_until network_idle wait_selector_state wait on_timeout auto_scroll disable_resources block_ads screenshot
        pdf console google_search ignore_https_errors body_limit retry cookie_store);
    replace_option!(wait_selector navigation_timeout wait_timeout page_setup page_action capture_xhr user_agent locale
        timezone_id viewport color_scheme geolocation);
    if let Some(scripts) = over.init_scripts {
        page.init_scripts.extend(scripts);
    }
    if let Some(domains) = over.blocked_domains {
        page.blocked_domains.extend(domains);
    }
    if let Some(headers) = over.extra_headers {
        page.extra_headers = page.extra_headers.with(&headers);
    }
    page
}

impl<'a> Plan<'a> {
    pub(super) fn new<O: SessionOptions>(
        config: &BrowserConfig,
        hooks: &Hooks,
        over: PageOverrides,
        identity: Option<&'a Identity>,
        parts: &'a RequestParts,
    ) -> Result<Self> {
        check::<O>(parts)?;
        if let Some(name) = over.empty_duration() {
            return Err(of_option::<O>(name, "no time at all: nothing could ever be waited for"));
        }
        let (own_action, own_selector) = (over.page_action.is_some(), over.wait_selector.is_some());
        let page = overlay(config, identity, over);
        let capture = page
            .capture_xhr
            .as_deref()
            .map(Regex::new)
            .transpose()
            .map_err(|error| of_option::<O>("capture_xhr", error))?;
        let hook = |option, name: &Option<String>| {
            name.as_deref()
                .map(|name| hooks.find(option, name))
                .transpose()
                .map_err(|reason| of_option::<O>(option, reason))
        };
        let (setup, action) = (
            hook("page_setup", &page.page_setup)?,
            hook("page_action", &page.page_action)?,
        );
        let (url, authorization) = without_credentials(&parts.url)?;
        let mut sorted = Sorted::new(&page.extra_headers, parts);
        if let Some(authorization) = authorization
            && !sorted.document.contains_key(AUTHORIZATION)
        {
            sorted.document.insert(AUTHORIZATION, authorization);
        }
        let mut cookies = sorted.cookies;
        cookies.extend(parts.cookies.iter().cloned());
        let (body, content_type) = match &parts.body {
            Body::Empty => (None, None),
            body => {
                let (bytes, content_type) = body.encode(&boundary());
                (Some(bytes), content_type)
            }
        };
        if let Some(content_type) = content_type
            && !parts.headers.contains_key(CONTENT_TYPE)
        {
            let value = HeaderValue::try_from(content_type)
                .map_err(|error| Error::invalid("the content type of the body", error))?;
            sorted.document.insert(CONTENT_TYPE, value);
        }
        Ok(Self {
            timeout: parts.timeout.unwrap_or(page.timeout),
            parts,
            page,
            identity,
            url,
            headers: sorted.document,
            referer: sorted.referer,
            extra_headers: sorted.all,
            cookies,
            body,
            capture,
            setup,
            action,
            own_action,
            own_selector,
        })
    }

    /// An error of this request.
    pub(super) fn error(&self, kind: FetchErrorKind, message: impl Into<String>) -> FetchError {
        FetchError::new(kind, message).parts(self.parts)
    }

    /// Whether it may be sent again when the server has perhaps seen it.
    pub(super) fn is_idempotent(&self) -> bool {
        self.parts.method.is_idempotent()
    }

    pub(super) fn capture_filter(&self) -> Option<crate::CaptureFilter> {
        let regex = Arc::new(self.capture.clone()?);
        Some(crate::CaptureFilter::new(move |url| regex.is_match(url)))
    }
}

/// Headers by where they may go. A credential goes with the document, and not with what a page loads from anywhere.
struct Sorted {
    document: HeaderMap,
    all: HeaderMap,
    cookies: Vec<(String, String)>,
    referer: Option<String>,
}

impl Sorted {
    fn new(session: &Headers, parts: &RequestParts) -> Self {
        let mut sorted = Self {
            document: HeaderMap::new(),
            all: HeaderMap::new(),
            cookies: Vec::new(),
            referer: None,
        };
        for (name, value) in session.as_map() {
            let credential = is_secret_header(name) || value.is_sensitive();
            if left_out(name) {
                // The browser's own.
            } else if *name == COOKIE || *name == REFERER {
                sorted.apart(name, value);
            } else if parts.headers.contains_key(name) {
                // The request's own takes its place.
            } else if credential {
                sorted.document.append(name, value.clone());
            } else {
                sorted.all.append(name, value.clone());
            }
        }
        for (name, value) in &parts.headers {
            if left_out(name) {
                // The browser's own.
            } else if *name == COOKIE || *name == REFERER {
                sorted.apart(name, value);
            } else {
                sorted.document.append(name, value.clone());
            }
        }
        sorted
    }

    fn apart(&mut self, name: &http::HeaderName, value: &HeaderValue) {
        let text = String::from_utf8_lossy(value.as_bytes());
        if *name == REFERER {
            self.referer = Some(text.into_owned());
            return;
        }
        let pairs = text.split(';').filter_map(|pair| pair.trim().split_once('='));
        self.cookies
            .extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}

/// Whether a header is the connection's, which the browser makes. It would not send the request with it.
fn left_out(name: &http::HeaderName) -> bool {
    let refused = is_refused(name);
    if refused {
        tracing::debug!(header = %name, "left out: browsers say it by themselves");
    }
    refused
}

/// Says that an error is about an option of the request.
pub(super) fn of_option<O: SessionOptions>(name: &str, reason: impl ToString) -> Error {
    Error::Options {
        kind: O::KIND.to_owned(),
        path: format!("{}.{name}", O::KIND),
        reason: reason.to_string(),
    }
}

fn check<O: SessionOptions>(parts: &RequestParts) -> Result<()> {
    if !matches!(parts.url.scheme(), "http" | "https") {
        let message = format!("this session cannot fetch a `{}:` URL", parts.url.scheme());
        let error = FetchError::new(FetchErrorKind::Request, message).parts(parts);
        return Err(error.hint("it fetches http: and https: URLs").into());
    }
    if let Some(proxy) = &parts.proxy {
        check_proxy::<O>(proxy)?;
    }
    if parts.method == Method::CONNECT || parts.method == Method::TRACE {
        return Err(Error::Unsupported {
            kind: O::KIND.to_owned(),
            what: format!("the method {}", parts.method),
            instead: "no browser sends it; use a session of kind http".to_owned(),
        });
    }
    Ok(())
}

/// Chromium has no credentials for SOCKS: such a proxy would refuse every connection, and nobody would know why.
pub(super) fn check_proxy<O: SessionOptions>(proxy: &Proxy) -> Result<()> {
    let socks = matches!(proxy.scheme(), ProxyScheme::Socks5 | ProxyScheme::Socks5h);
    if socks && proxy.username().is_some() {
        return Err(Error::Unsupported {
            kind: O::KIND.to_owned(),
            what: format!("the credentials of the proxy {}", proxy.label()),
            instead: "browsers have none for SOCKS; use an http or https proxy, or a session of kind http".to_owned(),
        });
    }
    Ok(())
}

/// Browsers turn the user and the password of a URL into basic authentication once they are asked; here they are sent at
/// once, as by all sessions.
fn without_credentials(url: &Url) -> Result<(Url, Option<HeaderValue>)> {
    let mut clean = url.clone();
    clean.set_fragment(url.fragment());
    if url.username().is_empty() && url.password().is_none() {
        return Ok((clean, None));
    }
    let mut pair: Vec<u8> = percent_encoding::percent_decode_str(url.username()).collect();
    pair.push(b':');
    pair.extend(percent_encoding::percent_decode_str(url.password().unwrap_or_default()));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
        .map_err(|error| Error::invalid("the user of the URL", error))?;
    value.set_sensitive(true);
    // Both cannot fail for a URL with a host.
    let _ = clean.set_username("");
    let _ = clean.set_password(None);
    Ok((clean, Some(value)))
}

/// As Chromium writes it: a fixed word and sixteen letters and digits at random.
fn boundary() -> String {
    let mut boundary = String::from("----WebKitFormBoundary");
    boundary.extend(std::iter::repeat_with(fastrand::alphanumeric).take(16));
    boundary
}
