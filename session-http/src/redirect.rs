//! What a redirect means. No input or output: see `trail` for the walking.

use http::header::{LOCATION, REFERER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use silkroute_core::{FetchError, FetchErrorKind, is_secret_header, redact_url};
use url::Url;

/// Where a redirect leads.
#[derive(Debug, PartialEq)]
pub(crate) struct Next {
    pub(crate) url: Url,
    pub(crate) method: Method,
    /// Whether the body goes along.
    pub(crate) keeps_body: bool,
}

/// Reads a redirect. `None`: it is none, or does not say where to.
/// <https://fetch.spec.whatwg.org/#http-redirect-fetch>
pub(crate) fn next(
    status: StatusCode,
    headers: &HeaderMap,
    method: &Method,
    url: &Url,
) -> Result<Option<Next>, FetchError> {
    let (method, keeps_body) = match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND if *method == Method::POST => (Method::GET, false),
        StatusCode::SEE_OTHER if *method != Method::HEAD => (Method::GET, false),
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => (method.clone(), true),
        _ => return Ok(None),
    };
    // As Chromium takes it: the first that says something. Joined to the URL an empty one would be the page itself.
    let mut locations = headers.get_all(LOCATION).iter().map(text);
    let Some(location) = locations.find(|location| !location.trim().is_empty()) else {
        return Ok(None);
    };
    let refused = |reason: String| {
        FetchError::new(FetchErrorKind::Redirect, reason)
            .context("redirected from", redact_url(url))
            .context("status", status.as_u16())
    };
    let mut target = url
        .join(&location)
        .map_err(|error| refused(format!("the redirect leads nowhere: its Location is no URL ({error})")))?;
    if !matches!(target.scheme(), "http" | "https") {
        return Err(refused(format!(
            "the redirect leads to a `{}:` URL, which HTTP cannot fetch",
            target.scheme()
        )));
    }
    if target.fragment().is_none() {
        target.set_fragment(url.fragment());
    }
    // What a server writes there is none of the user's credentials. Both of these cannot fail for a URL with a host.
    let _ = target.set_username("");
    let _ = target.set_password(None);
    Ok(Some(Next {
        url: target,
        method,
        keeps_body,
    }))
}

/// Servers send raw UTF-8 in `Location`, or Latin-1, though only ASCII is allowed.
fn text(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().copied().map(char::from).collect(),
    }
}

/// Whether a header lets its bearer in somewhere, so that it must not follow a redirect to another origin.
pub(crate) fn is_credential(name: &HeaderName, value: &HeaderValue) -> bool {
    is_secret_header(name) || value.is_sensitive()
}

/// Whether a header describes a body, and so goes when the body goes.
pub(crate) fn describes_body(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "content-type"
            | "content-length"
            | "content-encoding"
            | "content-language"
            | "content-location"
            | "content-disposition"
            | "origin"
            | "digest"
    )
}

/// The `Referer` after a redirect to `target`: as it is within its origin, without path to another, and none from
/// https to http. <https://w3c.github.io/webappsec-referrer-policy/#referrer-policy-strict-origin-when-cross-origin>
pub(crate) fn referer_for(referer: HeaderValue, target: &Url) -> Option<HeaderValue> {
    let Some(page) = parse_referer(&referer) else {
        return Some(referer);
    };
    if page.origin() == target.origin() {
        return Some(referer);
    }
    if page.scheme() == "https" && target.scheme() == "http" {
        return None;
    }
    HeaderValue::try_from(format!("{}/", page.origin().ascii_serialization())).ok()
}

/// The page that a `Referer` names, if it is one.
pub(crate) fn parse_referer(referer: &HeaderValue) -> Option<Url> {
    Url::parse(referer.to_str().ok()?).ok()
}

/// The header that [`referer_for`] is about.
pub(crate) const REFERER_NAME: HeaderName = REFERER;

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(status: u16, location: &str, method: Method, from: &str) -> Result<Option<Next>, FetchError> {
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_bytes(location.as_bytes()).unwrap())]);
        next(
            StatusCode::from_u16(status).unwrap(),
            &headers,
            &method,
            &from.parse().unwrap(),
        )
    }

    #[test]
    fn methods_and_bodies_follow_the_fetch_standard() {
        for (status, method, after, keeps) in [
            (301, Method::POST, Method::GET, false),
            (302, Method::POST, Method::GET, false),
            (302, Method::PUT, Method::PUT, true),
            (303, Method::POST, Method::GET, false),
            (303, Method::DELETE, Method::GET, false),
            (303, Method::HEAD, Method::HEAD, true),
            (307, Method::POST, Method::POST, true),
            (308, Method::POST, Method::POST, true),
            (301, Method::GET, Method::GET, true),
        ] {
            let next = redirect(status, "/b", method.clone(), "http://h/a").unwrap().unwrap();
            assert_eq!((next.method, next.keeps_body), (after, keeps), "{status} {method}");
        }
        for status in [200, 300, 304, 305, 404] {
            assert_eq!(redirect(status, "/b", Method::GET, "http://h/a").unwrap(), None);
        }
    }

    #[test]
    fn locations_are_joined_and_fragments_inherited() {
        let to = |location: &str| {
            redirect(302, location, Method::GET, "http://h/a/b?q#part")
                .unwrap()
                .unwrap()
                .url
                .to_string()
        };
        assert_eq!(to("c"), "http://h/a/c#part");
        assert_eq!(to("../c?x#own"), "http://h/c?x#own");
        assert_eq!(to("//other/"), "http://other/#part");
        assert_eq!(to("/grün"), "http://h/gr%C3%BCn#part");
        assert_eq!(to("http://user:pass@h/"), "http://h/#part");
    }

    #[test]
    fn a_location_that_says_nothing_is_none() {
        for location in ["", " "] {
            assert_eq!(redirect(302, location, Method::GET, "http://h/a").unwrap(), None);
        }
        let mut headers = HeaderMap::new();
        headers.append(LOCATION, HeaderValue::from_static(""));
        headers.append(LOCATION, HeaderValue::from_static("/b"));
        let led = next(
            StatusCode::FOUND,
            &headers,
            &Method::GET,
            &"http://h/a".parse().unwrap(),
        );
        assert_eq!(led.unwrap().unwrap().url.as_str(), "http://h/b");
    }

    #[test]
    fn a_redirect_that_leads_nowhere_is_an_error() {
        for (location, said) in [
            ("http://[bad/", "no URL"),
            ("ftp://h/", "`ftp:`"),
            ("javascript:alert(1)", "`javascript:`"),
            ("file:///etc/passwd", "`file:`"),
        ] {
            let error = redirect(302, location, Method::GET, "http://u:hush@h/").unwrap_err();
            assert_eq!(error.kind(), FetchErrorKind::Redirect);
            assert!(
                error.to_string().contains(said) && !error.to_string().contains("hush"),
                "{error}"
            );
        }
    }

    #[test]
    fn credentials_are_recognised_by_name_and_by_mark() {
        let plain = HeaderValue::from_static("x");
        for name in [
            "authorization",
            "cookie",
            "x-api-key",
            "x-amz-security-token",
            "x-auth-user",
            "apikey",
            "x-csrf-token",
            "x-secret",
        ] {
            assert!(is_credential(&HeaderName::from_static(name), &plain), "{name}");
        }
        for name in [
            "accept",
            "user-agent",
            "x-requested-with",
            "if-none-match",
            "x-keyboard",
        ] {
            assert!(!is_credential(&HeaderName::from_static(name), &plain), "{name}");
        }
        let mut marked = plain;
        marked.set_sensitive(true);
        assert!(is_credential(&HeaderName::from_static("x-plain"), &marked));
    }

    #[test]
    fn a_referer_says_less_to_another_origin() {
        let to = |target: &str| {
            let referer = HeaderValue::from_static("https://shop.test/cart?id=1");
            referer_for(referer, &target.parse().unwrap()).map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(
            to("https://shop.test/x").as_deref(),
            Some("https://shop.test/cart?id=1")
        );
        assert_eq!(to("https://other.test/x").as_deref(), Some("https://shop.test/"));
        assert_eq!(to("http://shop.test/x"), None);
    }
}
