//! Hosts, and which of them may speak for which.

use url::{Host, Url};

/// A host the way URLs write it: lower case, in ASCII, an IPv6 address in brackets. `None` if it is no host.
pub(super) fn canonical(host: &str) -> Option<String> {
    let host = match host.contains(':') && !host.starts_with('[') {
        true => Host::parse(&format!("[{host}]")),
        false => Host::parse(host),
    };
    host.ok()
        .map(|host| host.to_string())
        .filter(|host| !host.starts_with('.') && host.len() <= 255)
}

/// Whether it is an IP address, as [`canonical`] and URLs write one.
fn is_address(host: &str) -> bool {
    // A URL's host whose last label begins with a digit is an IPv4 address, or did not parse.
    host.starts_with('[')
        || host
            .rsplit('.')
            .next()
            .is_some_and(|label| label.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether there can be hosts below it that belong to the same owner at all: not below an address or a single word
/// such as `localhost`.
fn can_have_subdomains(host: &str) -> bool {
    !is_address(host) && host.contains('.')
}

/// Whether it is, or is below, a domain that someone registered. `com`, `co.uk` and `github.io` are not.
pub(super) fn is_registrable(host: &str) -> bool {
    can_have_subdomains(host) && psl::domain_str(host).is_some()
}

/// What a jar files a host's cookies under: the domain that someone registered, or the host where there is none.
pub(super) fn bucket_of(host: &str) -> &str {
    if is_address(host) {
        return host;
    }
    psl::domain_str(host).unwrap_or(host)
}

/// Whether the host is this domain or below it.
pub(super) fn is_within(host: &str, domain: &str) -> bool {
    host == domain
        || (host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
            && !domain.is_empty()
            && !is_address(host))
}

/// Whether nobody between here and there can listen. As in Chrome this computer is, also over plain HTTP:
/// <https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy>.
pub(super) fn is_trustworthy(url: &Url) -> bool {
    matches!(url.scheme(), "https" | "wss")
        || match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
}

/// The path a cookie has that names none: RFC 6265 section 5.1.4.
pub(super) fn default_path(url: &Url) -> &str {
    match url.path().rfind('/') {
        Some(0) | None => "/",
        Some(last) => &url.path()[..last],
    }
}

/// Whether a request for this path is below a cookie's: RFC 6265 section 5.1.4.
pub(super) fn path_is_within(path: &str, cookie_path: &str) -> bool {
    match path.strip_prefix(cookie_path) {
        Some(rest) => rest.is_empty() || cookie_path.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_the_registered_domain() {
        assert_eq!(bucket_of("a.b.shop.co.uk"), "shop.co.uk");
        assert_eq!(bucket_of("user.github.io"), "user.github.io");
        assert_eq!(bucket_of("github.io"), "github.io");
        assert_eq!(bucket_of("www.shop.test"), "shop.test");
        assert_eq!(bucket_of("localhost"), "localhost");
        assert_eq!(bucket_of("10.1.2.3"), "10.1.2.3");
        assert_eq!(bucket_of("[::1]"), "[::1]");
    }

    #[test]
    fn a_domain_holds_itself_and_what_is_below() {
        assert!(is_within("shop.test", "shop.test"));
        assert!(is_within("a.b.shop.test", "shop.test"));
        assert!(!is_within("evilshop.test", "shop.test"));
        assert!(!is_within("shop.test", "a.shop.test"));
        assert!(!is_within("1.2.3.4", "3.4"));
        assert!(!is_within("a.", ""));
    }

    #[test]
    fn paths_end_at_a_slash() {
        assert!(path_is_within("/a/b", "/a"));
        assert!(path_is_within("/a/b", "/a/"));
        assert!(!path_is_within("/ab", "/a"));
        assert!(!path_is_within("/a", "/a/"));
        let path = |url: &str| default_path(&url.parse().unwrap()).to_owned();
        assert_eq!(path("http://h/a/b?c/d"), "/a");
        assert_eq!(path("http://h/a"), "/");
        assert_eq!(path("http://h"), "/");
    }
}
