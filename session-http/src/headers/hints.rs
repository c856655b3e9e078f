//! Client hints, which browsers keep from insecure origins.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};

use super::retain;

/// How their names begin.
const HINTS: &str = "sec-ch-ua";

pub(crate) fn is_hint(name: &HeaderName) -> bool {
    name.as_str().starts_with(HINTS)
}

/// Without those that the request has not of its own.
pub(super) fn without<'a>(user: &'a HeaderMap, own: &HeaderMap) -> Cow<'a, HeaderMap> {
    if user.keys().any(is_hint) {
        Cow::Owned(retain(user, |name, _| !is_hint(name) || own.contains_key(name)))
    } else {
        Cow::Borrowed(user)
    }
}

#[cfg(test)]
mod tests {
    use silkroute_core::Identity;

    use super::super::tests::user;
    use super::super::{Facts, HeaderSet, merge};
    use super::*;

    #[test]
    fn a_sessions_client_hints_go_where_the_identitys_would() {
        let hint = |value: &'static str| user(&[("sec-ch-ua", value), ("x-own", "1")]);
        let url = "http://h/".parse().unwrap();
        let identity = |name: &str| Identity::from_name(name).unwrap();
        let chrome = HeaderSet::new(Some(&identity("chrome142")), &hint("session's"));
        assert_eq!(chrome.secure.bare["sec-ch-ua"], "session's");
        assert!(!chrome.plain.bare.contains_key("sec-ch-ua"));
        assert_eq!(chrome.plain.bare["x-own"], "1");
        let sent = |own: &HeaderMap| {
            let merged = merge(&hint("session's"), own);
            chrome.assemble(false, &url, &merged, own, &Facts::default()).wire
        };
        assert!(!sent(&user(&[("x-other", "1")])).contains_key("sec-ch-ua"));
        assert_eq!(sent(&hint("request's"))["sec-ch-ua"], "request's");
        // Whoever has none of its own has chosen to send them.
        let firefox = HeaderSet::new(Some(&identity("firefox144")), &hint("session's"));
        assert_eq!(firefox.plain.bare["sec-ch-ua"], "session's");
    }
}
