//! What a page is not to load.

use std::collections::HashSet;

use serde_json::{Value, json};
use url::Url;

/// Decides about single requests: an ad filter, say. Called for every request of the page; it must be quick.
pub trait RequestFilter: Send + Sync {
    /// Whether this request is not to be made. `resource_type` is the protocol's word, such as `Script` or `Image`;
    /// `document` is the URL of the page.
    fn blocks(&self, url: &str, resource_type: &str, document: &str) -> bool;
}

/// What a page is not to load: resource types, domains with all below them, and what a filter says. The document of the
/// page itself is never blocked by type, and by neither of the others.
#[derive(Default)]
pub struct Blocking {
    types: Vec<String>,
    domains: HashSet<String>,
    filter: Option<Box<dyn RequestFilter>>,
}

impl std::fmt::Debug for Blocking {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blocking")
            .field("types", &self.types)
            .field("domains", &self.domains.len())
            .field("filter", &self.filter.is_some())
            .finish()
    }
}

impl Blocking {
    /// Types that pages can do without when only their text and structure matter.
    pub const DISPENSABLE: [&'static str; 7] = [
        "Font",
        "Image",
        "Media",
        "Ping",
        "WebSocket",
        "CSPViolationReport",
        "Stylesheet",
    ];

    /// Blocks resource types, in the protocol's words.
    #[must_use]
    pub fn types<'a>(mut self, types: impl IntoIterator<Item = &'a str>) -> Self {
        self.types.extend(types.into_iter().map(str::to_owned));
        self
    }

    /// Blocks domains and everything below them.
    #[must_use]
    pub fn domains<S: AsRef<str>>(mut self, domains: impl IntoIterator<Item = S>) -> Self {
        let clean = |domain: S| domain.as_ref().trim_matches('.').to_ascii_lowercase();
        self.domains
            .extend(domains.into_iter().map(clean).filter(|domain| !domain.is_empty()));
        self
    }

    /// Blocks what a filter says.
    #[must_use]
    pub fn filter(mut self, filter: impl RequestFilter + 'static) -> Self {
        self.filter = Some(Box::new(filter));
        self
    }

    /// Whether it blocks nothing.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty() && self.domains.is_empty() && self.filter.is_none()
    }

    /// The patterns of requests that have to be asked about: every request that passes by us costs a millisecond.
    pub(super) fn patterns(&self) -> Vec<Value> {
        if !self.domains.is_empty() || self.filter.is_some() {
            return vec![json!({"urlPattern": "*"})];
        }
        self.types
            .iter()
            .filter(|kind| !is_socket(kind))
            .map(|kind| json!({"urlPattern": "*", "resourceType": kind}))
            .collect()
    }

    /// The URLs of web sockets that are blocked, as patterns of the protocol. They do not pass by us: the browser itself has to
    /// be told. The filter is not asked about them.
    pub(super) fn sockets(&self) -> Vec<String> {
        if self.types.iter().any(|kind| is_socket(kind)) {
            return vec!["ws{s}?://*:*/*".to_owned()];
        }
        // No host has other characters in a URL, and some of them would make another pattern of it.
        let is_host = |domain: &&String| {
            let mut bytes = domain.bytes();
            bytes.all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        };
        let hosts = self.domains.iter().filter(is_host);
        hosts.map(|domain| format!("ws{{s}}?://{{*.}}?{domain}:*/*")).collect()
    }

    /// Whether this request is not to be made.
    pub fn blocks(&self, url: &str, resource_type: &str, document: &str) -> bool {
        self.types.iter().any(|kind| kind.eq_ignore_ascii_case(resource_type))
            || self.blocks_domain(url)
            || self
                .filter
                .as_ref()
                .is_some_and(|filter| filter.blocks(url, resource_type, document))
    }

    fn blocks_domain(&self, url: &str) -> bool {
        if self.domains.is_empty() {
            return false;
        }
        let Ok(url) = Url::parse(url) else { return false };
        let Some(host) = url.host_str() else { return false };
        let mut name = host.trim_end_matches('.');
        loop {
            if self.domains.contains(name) {
                return true;
            }
            match name.split_once('.') {
                Some((_, parent)) => name = parent,
                None => return false,
            }
        }
    }
}

fn is_socket(kind: &str) -> bool {
    kind.eq_ignore_ascii_case("WebSocket")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_block_what_is_below_them_and_nothing_beside() {
        let blocking = Blocking::default().domains(["Ads.example", ".tracker.test"]);
        for (url, blocked) in [
            ("https://ads.example/x", true),
            ("https://a.b.ads.example./x", true),
            ("https://tracker.test:8443/", true),
            ("https://badads.example/", false),
            ("https://example/ads.example", false),
            ("data:text/html,ads.example", false),
        ] {
            assert_eq!(blocking.blocks(url, "Script", ""), blocked, "{url}");
        }
    }

    #[test]
    fn only_what_can_be_blocked_is_asked_about() {
        let types = Blocking::default().types(["Image", "Font", "WebSocket"]);
        assert_eq!(types.patterns().len(), 2);
        assert_eq!(types.sockets(), ["ws{s}?://*:*/*"]);
        let domains = Blocking::default().domains(["a.test", "{*}"]);
        assert_eq!(domains.sockets(), ["ws{s}?://{*.}?a.test:*/*"]);
        assert!(Blocking::default().types(["Image"]).sockets().is_empty());
        assert_eq!(
            Blocking::default()
                .types(["Image"])
                .domains(["a.test"])
                .patterns()
                .len(),
            1
        );
        assert!(Blocking::default().is_empty());
    }
}
