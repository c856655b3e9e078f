//! The sites that a context's pages were in contact with: those that can have changed their cookies.

use std::collections::HashSet;

use url::{Host, Url};

/// Sites: a registered domain with all below it, as siblings there set each other's cookies and ask each other to; or a host that
/// is none.
#[derive(Debug, Default)]
pub(super) struct Sites(HashSet<String>);

impl Sites {
    pub(super) fn add(&mut self, url: &Url) {
        if let Some(host) = url.host_str() {
            self.0.insert(site(host).to_owned());
        }
    }

    /// Whether a cookie of this domain is one of theirs.
    pub(super) fn have(&self, domain: &str) -> bool {
        self.0.contains(site(domain.trim_start_matches('.')))
    }
}

fn site(host: &str) -> &str {
    match Host::parse(host) {
        Ok(Host::Domain(_)) => psl::domain_str(host).unwrap_or(host),
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_a_registered_domain_or_a_host() {
        let mut sites = Sites::default();
        for url in [
            "https://www.shop.co.uk/a",
            "http://127.0.0.1:8080/",
            "http://[::1]/",
            "http://localhost/",
        ] {
            sites.add(&Url::parse(url).unwrap());
        }
        for domain in [
            ".shop.co.uk",
            "www.shop.co.uk",
            "login.shop.co.uk",
            "127.0.0.1",
            "[::1]",
            "localhost",
        ] {
            assert!(sites.have(domain), "{domain}");
        }
        for domain in [".other.co.uk", "evilshop.co.uk", "127.0.0.2", "10.0.0.1", "shop.test"] {
            assert!(!sites.have(domain), "{domain}");
        }
    }
}
