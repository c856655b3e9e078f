//! Under what a request is on record.

use http::HeaderName;
use silkroute_core::{Fetch, Fingerprint, FingerprintRules, RequestParts, SessionOptions};

use crate::CacheOptions;

/// What two requests must have in common to be answered by one record.
#[derive(Clone, Debug)]
pub(crate) struct KeyRules {
    pub(crate) rules: FingerprintRules,
    /// Headers that do not count.
    pub(crate) ignored: Vec<HeaderName>,
}

impl KeyRules {
    /// The fingerprint of a request to a session of this kind.
    pub(crate) fn key(&self, parts: &RequestParts, kind: &str) -> Fingerprint {
        let mut counted = parts.clone();
        // What the cache is asked to do is no part of what is asked for.
        let own = counted
            .options
            .block(CacheOptions::KIND)
            .map(|block| block.keys().cloned().collect::<Vec<_>>());
        for key in own.into_iter().flatten() {
            counted
                .options
                .set_key(CacheOptions::KIND, key, serde_json::Value::Null);
        }
        for name in &self.ignored {
            counted.headers.remove(name);
        }
        self.rules.fingerprint(&Fetch::from(counted), kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CacheMode;
    use silkroute_core::{Request as _, RequestExt as _};

    fn key(request: &Fetch) -> Fingerprint {
        let rules = KeyRules {
            rules: FingerprintRules {
                include_headers: true,
                include_options: true,
                ..FingerprintRules::default()
            },
            ignored: vec![http::header::REFERER],
        };
        rules.key(request.parts(), "http")
    }

    fn get() -> Fetch {
        Fetch::get("http://shop.test/?b=2&a=1").unwrap()
    }

    #[test]
    fn what_changes_the_answer_counts_and_what_does_not_does_not() {
        let plain = key(&get());
        for same in [
            get().header("Referer", "http://shop.test/7").unwrap(),
            get().with(CacheOptions::default().mode(CacheMode::Refresh)).unwrap(),
            get()
                .timeout(std::time::Duration::from_secs(1))
                .meta("page", 3)
                .session("other"),
            Fetch::get("http://shop.test/?a=1&b=2#top").unwrap(),
        ] {
            assert_eq!(key(&same), plain, "{same:?}");
        }
        let mut with_option = get();
        with_option.parts_mut().options.set_key("http", "redirects", "none");
        for other in [
            get().header("Accept", "application/json").unwrap(),
            get().header("Authorization", "Bearer b").unwrap(),
            get().cookie("sid", "1"),
            get().method("HEAD").unwrap(),
            get().body("x"),
            with_option,
        ] {
            assert_ne!(key(&other), plain, "{other:?}");
        }
    }
}
