//! Which hosts a crawl may go to.

use url::Url;

use crate::CrawlError;
use crate::host_settings::parse_host;

/// The hosts of a crawl: each with all hosts below it, on any port. Without any, all are.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowedHosts(Vec<String>);

impl AllowedHosts {
    pub(crate) fn new(hosts: &[String]) -> Result<Self, CrawlError> {
        let hosts = hosts.iter().map(|host| parse_host("allowed_hosts", host));
        hosts.collect::<Result<_, _>>().map(Self)
    }

    /// Whether none was given.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn allow(&self, url: &Url) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let Some(host) = url.host_str() else { return false };
        self.0.iter().any(|allowed| {
            host.strip_suffix(allowed.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_brings_those_below_it_on_any_port() {
        let allowed = AllowedHosts::new(&["Shop.test".into(), "127.0.0.1".into(), "bücher.test".into()]).unwrap();
        for (url, inside) in [
            ("http://shop.test/", true),
            ("https://a.b.shop.test:8443/", true),
            ("http://127.0.0.1:8080/", true),
            ("http://bücher.test/", true),
            ("http://myshop.test/", false),
            ("http://shop.test.evil.test/", false),
            ("http://test/", false),
        ] {
            assert_eq!(allowed.allow(&Url::parse(url).unwrap()), inside, "{url}");
        }
        assert!(AllowedHosts::default().allow(&Url::parse("http://x/").unwrap()));
        let error = AllowedHosts::new(&["http://shop.test/".into()])
            .unwrap_err()
            .to_string();
        assert!(error.contains("without scheme"), "{error}");
    }
}
