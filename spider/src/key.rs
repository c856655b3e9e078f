//! What a crawl knows a request by.

use http::Method;
use silkroute_core::{FingerprintRules, Request, canonical_url};
use url::{Position, Url};
use xxhash_rust::xxh3::xxh3_128;

/// Makes the keys of requests. It keeps its buffer: a page has many links.
#[derive(Default)]
pub(crate) struct KeyMaker {
    buffer: Vec<u8>,
}

impl KeyMaker {
    /// The key of a request that goes to this session: by session, method, canonical URL and body, as
    /// [`silkroute_core::Fingerprint`] goes, and the same on every machine.
    ///
    /// Nearly all are a `GET` of a URL that is canonical already, for which a hash of 128 bits is taken of the bytes as
    /// they stand. At ten million URLs, two of them meet with a probability of 1e-25.
    pub(crate) fn key(&mut self, rules: &FingerprintRules, request: &dyn Request, session: &str) -> u128 {
        let parts = request.parts();
        if parts.method != Method::GET || !parts.body.is_empty() || rules.include_headers || rules.include_options {
            let fingerprint = rules.fingerprint(request, session);
            let mut key = [0; 16];
            key.copy_from_slice(&fingerprint.as_bytes()[..16]);
            return u128::from_be_bytes(key);
        }
        self.get(rules, &parts.url, session)
    }

    /// The key of a `GET` without a body.
    pub(crate) fn get(&mut self, rules: &FingerprintRules, url: &Url, session: &str) -> u128 {
        self.buffer.clear();
        self.buffer.extend_from_slice(session.as_bytes());
        self.buffer.push(0);
        if is_canonical(url) {
            self.buffer.extend_from_slice(url[..Position::AfterPath].as_bytes());
        } else {
            let canonical = canonical_url(url, rules.keep_fragments);
            self.buffer.extend_from_slice(canonical.as_bytes());
        }
        xxh3_128(&self.buffer)
    }
}

/// Whether the URL is, by its looks, what `canonical_url` would make of it.
fn is_canonical(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && url.query().is_none()
        && url.fragment().is_none()
        && url
            .path()
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~/:@!$&'()*+,;=".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Visit;
    use silkroute_core::RequestExt;

    fn key(url: &str, session: &str) -> u128 {
        let visit = Visit::<()>::get(url).unwrap();
        KeyMaker::default().key(&FingerprintRules::default(), &visit, session)
    }

    #[test]
    fn what_means_the_same_has_the_same_key() {
        assert_eq!(key("http://h/a~b", "s"), key("http://H:80/a%7Eb#top", "s"));
        assert_eq!(key("http://h/?b=1&a=2", "s"), key("http://h/?a=2&b=1", "s"));
        assert_ne!(key("http://h/a", "s"), key("http://h/a", "t"));
        assert_ne!(key("http://h/a", "s"), key("http://h/b", "s"));
        let post = Visit::<()>::post("http://h/a").unwrap().body("x");
        let rules = FingerprintRules::default();
        assert_ne!(KeyMaker::default().key(&rules, &post, "s"), key("http://h/a", "s"));
    }

    #[test]
    fn the_short_way_agrees_with_the_long_one() {
        for url in ["http://h/", "https://h/a/b.html", "http://u@h:81/x;y=1,(2)"] {
            let url = Url::parse(url).unwrap();
            assert!(is_canonical(&url));
            assert_eq!(canonical_url(&url, false), url.as_str());
        }
    }
}
