//! `Sec-Fetch-Site`: how the page that asks is related to what it asks for.

use http::HeaderValue;
use url::{Host, Url};

/// The relation, from the closest to the farthest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Relation {
    /// No page asks: the user typed the address.
    #[default]
    None,
    SameOrigin,
    SameSite,
    CrossSite,
}

impl Relation {
    pub(crate) const fn header(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::None => "none",
            Self::SameOrigin => "same-origin",
            Self::SameSite => "same-site",
            Self::CrossSite => "cross-site",
        })
    }

    /// How `target` is related to the page that asks for it.
    /// <https://w3c.github.io/webappsec-fetch-metadata/#sec-fetch-site-header>
    pub(crate) fn between(referer: &Url, target: &Url) -> Self {
        if referer.origin() == target.origin() {
            Self::SameOrigin
        } else if referer.scheme() == target.scheme()
            && registrable(referer).is_some_and(|site| registrable(target) == Some(site))
        {
            Self::SameSite
        } else {
            Self::CrossSite
        }
    }
}

/// The domain that somebody registered: `shop.co.uk` of `www.shop.co.uk`. An address, or a name such as `localhost`,
/// is its own.
fn registrable(url: &Url) -> Option<&str> {
    match url.host()? {
        Host::Domain(name) => Some(psl::domain_str(name).unwrap_or(name)),
        Host::Ipv4(_) | Host::Ipv6(_) => url.host_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relations_follow_the_public_suffix_list() {
        let between =
            |referer: &str, target: &str| Relation::between(&referer.parse().unwrap(), &target.parse().unwrap());
        assert_eq!(between("https://a.test/x", "https://a.test/y"), Relation::SameOrigin);
        assert_eq!(between("https://a.test/", "https://a.test:8443/"), Relation::SameSite);
        assert_eq!(
            between("https://www.shop.co.uk/", "https://img.shop.co.uk/"),
            Relation::SameSite
        );
        assert_eq!(between("https://one.co.uk/", "https://two.co.uk/"), Relation::CrossSite);
        assert_eq!(between("http://a.test/", "https://a.test/"), Relation::CrossSite);
        assert_eq!(
            between("https://www.google.com/", "https://shop.test/"),
            Relation::CrossSite
        );
        assert_eq!(
            between("http://127.0.0.1:1/", "http://127.0.0.1:2/"),
            Relation::SameSite
        );
        assert!(Relation::None < Relation::SameOrigin && Relation::SameSite < Relation::CrossSite);
    }
}
