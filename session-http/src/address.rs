//! Which addresses are out in the open, and which are inside: of this machine, its network, or somebody's data centre.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Whether an address is reached over the public internet. What is not: loopback, private and shared networks,
/// link-local (with the metadata services of clouds), multicast, documentation and other reserved ranges.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let reserved = a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19))
        || (a == 192 && b == 88 && c == 99);
    !(reserved
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let last = |from: usize| {
        let [a, b] = segments[from].to_be_bytes();
        let [c, d] = segments[from + 1].to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        // An IPv4 address in other clothes: mapped, compatible, translated (NAT64) or tunnelled (6to4).
        [0, 0, 0, 0, 0, 0xffff, ..] => is_public_v4(last(6)),
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => is_public_v4(last(6)),
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public_v4(last(6)),
        [0x2002, ..] => is_public_v4(last(1)),
        // Teredo, documentation, and everything outside the range that is handed out: loopback, unique local,
        // link-local, multicast.
        [0x2001, 0 | 0xdb8, ..] | [0x3fff, 0..0x1000, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// What a URL's host says about itself, before any name is resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostKind {
    /// An address on the public internet.
    Public,
    /// An address, or `localhost`, that is not.
    Inside,
    /// A name: only resolving it will tell.
    Name,
}

pub(crate) fn host_kind(url: &Url) -> HostKind {
    let address = match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(name)) if is_localhost(name) => return HostKind::Inside,
        Some(Host::Domain(_)) | None => return HostKind::Name,
    };
    if is_public(address) {
        HostKind::Public
    } else {
        HostKind::Inside
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name == "localhost" || name.ends_with(".localhost")
}

/// Whether browsers treat the URL's origin as secure: encrypted, or this very machine.
/// <https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy>
pub(crate) fn is_trustworthy(url: &Url) -> bool {
    url.scheme() == "https"
        || match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => is_localhost(name),
            None => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_inside_are_recognised_in_any_clothes() {
        for inside in [
            "127.0.0.1",
            "127.8.8.8",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "::7f00:1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for public in [
            "93.184.216.34",
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn odd_ways_of_writing_an_address_are_seen_through() {
        let kind = |text: &str| host_kind(&text.parse().unwrap());
        for inside in [
            "http://0x7f.1/",
            "http://2130706433/",
            "http://localhost./",
            "http://a.localhost/",
            "http://[::1]/",
            "http://017700000001/",
        ] {
            assert_eq!(kind(inside), HostKind::Inside, "{inside}");
        }
        assert_eq!(kind("http://8.8.8.8/"), HostKind::Public);
        assert_eq!(kind("http://shop.test/"), HostKind::Name);
    }
}
