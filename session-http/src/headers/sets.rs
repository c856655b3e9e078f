//! What each browser sends with a navigation, and in which order.
//!
//! After the signatures of real browsers in curl-impersonate (`tests/signatures`). Where the place of a header cannot
//! be seen there, because no plain navigation has it (`Referer`, `Cookie`, `Origin`), it is that of recorded
//! navigations that do.

use http::header::{ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, UPGRADE_INSECURE_REQUESTS, USER_AGENT};
use http::{HeaderName, HeaderValue};
use silkroute_core::Identity;
use silkroute_core::identity::{Browser, Os};

use super::{Part, Slot};
use crate::Destination;
use crate::transport::{ConnectionPlace, HeaderOrder};

/// The places of an identity's headers, on secure origins or on others. Without an identity: those of a client that
/// says what it is.
pub(super) fn slots(identity: Option<&Identity>, secure: bool) -> Vec<Slot> {
    let Some(identity) = identity else {
        return honest();
    };
    match identity.browser {
        Browser::Firefox => firefox(identity, secure),
        Browser::Safari => safari(identity, secure),
        Browser::OkHttp => okhttp(identity),
        // Edge, Opera, and whatever is built on Chromium in times to come.
        _ => chromium(identity, secure),
    }
}

/// How an identity's headers are written.
pub(crate) fn header_order(identity: Option<&Identity>) -> HeaderOrder {
    let (connection, http2_only): (_, &[&str]) = match identity.map(|identity| identity.browser) {
        None => (ConnectionPlace::Absent, &[]),
        Some(Browser::Firefox) => (ConnectionPlace::AfterContent, &["te"]),
        Some(Browser::Safari) => (ConnectionPlace::Last, &[]),
        Some(Browser::OkHttp) => (ConnectionPlace::AfterHost, &[]),
        Some(_) => (ConnectionPlace::AfterHost, &["priority"]),
    };
    // Those that are always there first: with these alone, each is the next.
    let (always, sometimes): (Vec<Slot>, Vec<Slot>) = slots(identity, true)
        .into_iter()
        .partition(|slot| matches!(slot, Slot::Fixed(..) | Slot::Part(Part::Site)));
    let usual = always.into_iter().chain(sometimes).filter_map(|slot| match slot {
        Slot::Fixed(name, _) => Some(name),
        Slot::Part(part) => Some(part.header()),
        Slot::Rest => None,
    });
    HeaderOrder::new(connection, usual, http2_only)
}

/// What separates the parts of a multipart body.
pub(crate) fn boundary(identity: Option<&Identity>) -> String {
    let random = |length: usize| -> String { std::iter::repeat_with(fastrand::alphanumeric).take(length).collect() };
    match identity.map(|identity| identity.browser) {
        Some(Browser::Firefox) => format!(
            "----geckoformboundary{:016x}{:016x}",
            fastrand::u64(..),
            fastrand::u64(..)
        ),
        Some(Browser::OkHttp) | None => format!("{:016x}{:016x}", fastrand::u64(..), fastrand::u64(..)),
        Some(_) => format!("----WebKitFormBoundary{}", random(16)),
    }
}

fn fixed(name: HeaderName, value: &'static str) -> Slot {
    Slot::Fixed(name, HeaderValue::from_static(value))
}

fn named(name: &'static str, value: &'static str) -> Slot {
    fixed(HeaderName::from_static(name), value)
}

/// A value made of an identity that was checked: it holds nothing that cannot stand in a header.
fn made(name: HeaderName, value: Option<String>) -> Option<Slot> {
    let value = HeaderValue::try_from(value?).ok()?;
    Some(Slot::Fixed(name, value))
}

fn user_agent(identity: &Identity) -> Option<Slot> {
    made(USER_AGENT, identity.user_agent())
}

fn accept_language(identity: &Identity) -> Option<Slot> {
    made(ACCEPT_LANGUAGE, Some(identity.accept_language()))
}

fn major(identity: &Identity) -> u16 {
    identity.version.map_or(u16::MAX, |version| version.major())
}

/// The version of Chromium that was recorded with JPEG XL in its `Accept`. Which was the first is not known here.
const JPEG_XL: u16 = 156;

/// The places of headers of what a page asks for, as recorded from Chromium 156; none where that is not known.
pub(super) fn of_page(identity: &Identity, destination: Destination, secure: bool) -> Option<Vec<Slot>> {
    use Browser::{Firefox, OkHttp, Safari};
    if matches!(identity.browser, Firefox | Safari | OkHttp) {
        return None;
    }
    let image = match chromium_version(identity) {
        ..JPEG_XL => "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
        _ => "image/jxl,image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8",
    };
    let (accept, mode, dest, priority) = match destination {
        Destination::Document => return None,
        Destination::Fetch => ("*/*", "cors", "empty", "u=1, i"),
        Destination::Image => (image, "no-cors", "image", "i"),
        Destination::Script => ("*/*", "no-cors", "script", "u=1"),
        Destination::Style => ("text/css,*/*;q=0.1", "no-cors", "style", "u=0"),
    };
    let hint = |slot: Option<Slot>| slot.filter(|_| secure);
    let slots = [
        Some(Slot::Part(Part::ContentLength)),
        Some(Slot::Part(Part::Authorization)),
        Some(Slot::Part(Part::CacheControl)),
        hint(made(
            HeaderName::from_static("sec-ch-ua-platform"),
            Some(identity.sec_ch_ua_platform()),
        )),
        user_agent(identity),
        hint(made(HeaderName::from_static("sec-ch-ua"), identity.sec_ch_ua())),
        Some(Slot::Rest),
        Some(Slot::Part(Part::ContentType)),
        hint(Some(named("sec-ch-ua-mobile", identity.sec_ch_ua_mobile()))),
        Some(fixed(ACCEPT, accept)),
        Some(Slot::Part(Part::Origin)),
        hint(Some(Slot::Part(Part::Site))),
        hint(Some(named("sec-fetch-mode", mode))),
        hint(Some(named("sec-fetch-dest", dest))),
        Some(Slot::Part(Part::Referer)),
        Some(fixed(ACCEPT_ENCODING, encodings(chromium_version(identity), secure))),
        accept_language(identity),
        Some(Slot::Part(Part::Cookie)),
        hint(Some(named("priority", priority))).filter(|_| chromium_version(identity) >= 124),
    ];
    Some(slots.into_iter().flatten().collect())
}

/// Opera is told by the Chromium inside, 15 or 16 above its own number.
fn chromium_version(identity: &Identity) -> u16 {
    match identity.browser {
        Browser::Opera => major(identity).saturating_add(15),
        _ => major(identity),
    }
}

fn encodings(version: u16, secure: bool) -> &'static str {
    match (secure, version) {
        (false, _) => "gzip, deflate",
        (true, ..123) => "gzip, deflate, br",
        (true, _) => "gzip, deflate, br, zstd",
    }
}

fn chromium(identity: &Identity, secure: bool) -> Vec<Slot> {
    let version = chromium_version(identity);
    let accept = match (identity.browser, version) {
        (_, ..110) => {
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.9"
        }
        (Browser::Edge, ..121) => {
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
        }
        (_, JPEG_XL..) => {
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/jxl,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
        }
        _ => {
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
        }
    };
    let hints = || {
        vec![
            made(HeaderName::from_static("sec-ch-ua"), identity.sec_ch_ua()),
            Some(named("sec-ch-ua-mobile", identity.sec_ch_ua_mobile())),
            made(
                HeaderName::from_static("sec-ch-ua-platform"),
                Some(identity.sec_ch_ua_platform()),
            ),
        ]
    };
    let metadata = || {
        vec![
            Some(Slot::Part(Part::Site)),
            Some(named("sec-fetch-mode", "navigate")),
            Some(named("sec-fetch-user", "?1")),
            Some(named("sec-fetch-dest", "document")),
        ]
    };
    let upgrade = Some(fixed(UPGRADE_INSECURE_REQUESTS, "1"));
    let content = [Some(Slot::Part(Part::Origin)), Some(Slot::Part(Part::ContentType))];

    // What the network stack knows of itself.
    let mut slots = vec![
        Some(Slot::Part(Part::ContentLength)),
        Some(Slot::Part(Part::Authorization)),
        Some(Slot::Part(Part::CacheControl)),
    ];
    if secure {
        slots.extend(hints());
    }
    // What comes from the page.
    if version < 127 {
        slots.push(upgrade);
        slots.extend(content);
    } else {
        slots.extend(content);
        slots.push(upgrade);
    }
    slots.extend([user_agent(identity), Some(fixed(ACCEPT, accept))]);
    if secure {
        slots.extend(metadata());
    }
    slots.extend([Some(Slot::Part(Part::Referer)), Some(Slot::Rest)]);
    // What the network stack adds at the end.
    slots.extend([
        Some(fixed(ACCEPT_ENCODING, encodings(version, secure))),
        accept_language(identity),
        Some(Slot::Part(Part::Cookie)),
    ]);
    if secure && version >= 124 {
        slots.push(Some(named("priority", "u=0, i")));
    }
    slots.into_iter().flatten().collect()
}

fn firefox(identity: &Identity, secure: bool) -> Vec<Slot> {
    let version = major(identity);
    let accept = match version {
        ..128 => "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        128..132 => {
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/png,image/svg+xml,*/*;q=0.8"
        }
        _ => "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    };
    let encodings = match (secure, version) {
        (false, _) => "gzip, deflate",
        (true, ..126) => "gzip, deflate, br",
        (true, _) => "gzip, deflate, br, zstd",
    };
    let mut slots = vec![
        user_agent(identity),
        Some(fixed(ACCEPT, accept)),
        accept_language(identity),
        Some(fixed(ACCEPT_ENCODING, encodings)),
        Some(Slot::Part(Part::ContentType)),
        Some(Slot::Part(Part::ContentLength)),
        Some(Slot::Part(Part::Origin)),
        Some(Slot::Rest),
        Some(Slot::Part(Part::Authorization)),
        Some(Slot::Part(Part::Referer)),
        Some(Slot::Part(Part::Cookie)),
        Some(fixed(UPGRADE_INSECURE_REQUESTS, "1")),
    ];
    if secure {
        slots.extend([
            Some(named("sec-fetch-dest", "document")),
            Some(named("sec-fetch-mode", "navigate")),
            Some(Slot::Part(Part::Site)),
            Some(named("sec-fetch-user", "?1")),
        ]);
    }
    if version >= 128 {
        slots.push(Some(named("priority", "u=0, i")));
    }
    slots.push(Some(named("te", "trailers")));
    slots.into_iter().flatten().collect()
}

fn safari(identity: &Identity, secure: bool) -> Vec<Slot> {
    const ACCEPTED: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let version = major(identity);
    let accept = || Some(fixed(ACCEPT, ACCEPTED));
    let encodings = Some(fixed(
        ACCEPT_ENCODING,
        match (secure, identity.os, version) {
            (false, ..) => "gzip, deflate",
            (true, Os::Ios, 26..) => "gzip, deflate, br, zstd",
            (true, ..) => "gzip, deflate, br",
        },
    ));
    let site = || Some(Slot::Part(Part::Site));
    let mode = || Some(named("sec-fetch-mode", "navigate"));
    let dest = || Some(named("sec-fetch-dest", "document"));
    let priority = || Some(named("priority", "u=0, i"));
    let mut slots = vec![
        Some(Slot::Part(Part::ContentLength)),
        Some(Slot::Part(Part::ContentType)),
        Some(Slot::Part(Part::Origin)),
    ];
    slots.extend(match (secure, version) {
        (false, _) => vec![
            Some(fixed(UPGRADE_INSECURE_REQUESTS, "1")),
            accept(),
            user_agent(identity),
            accept_language(identity),
            (version >= 18).then(priority).flatten(),
            encodings,
        ],
        (true, ..16) => vec![user_agent(identity), accept(), accept_language(identity), encodings],
        (true, 16..18) => {
            vec![
                accept(),
                site(),
                encodings,
                mode(),
                user_agent(identity),
                accept_language(identity),
                dest(),
            ]
        }
        (true, _) => {
            vec![
                dest(),
                user_agent(identity),
                accept(),
                site(),
                mode(),
                accept_language(identity),
                priority(),
                encodings,
            ]
        }
    });
    slots.extend([
        Some(Slot::Rest),
        Some(Slot::Part(Part::Authorization)),
        Some(Slot::Part(Part::Referer)),
        Some(Slot::Part(Part::Cookie)),
    ]);
    slots.into_iter().flatten().collect()
}

/// `BridgeInterceptor` puts its headers behind those of the app.
fn okhttp(identity: &Identity) -> Vec<Slot> {
    let slots = [
        Some(Slot::Part(Part::Authorization)),
        Some(Slot::Part(Part::Origin)),
        Some(Slot::Part(Part::Referer)),
        Some(Slot::Rest),
        Some(Slot::Part(Part::ContentType)),
        Some(Slot::Part(Part::ContentLength)),
        Some(fixed(ACCEPT_ENCODING, "gzip")),
        Some(Slot::Part(Part::Cookie)),
        user_agent(identity),
    ];
    slots.into_iter().flatten().collect()
}

fn honest() -> Vec<Slot> {
    vec![
        fixed(USER_AGENT, concat!("silkroute/", env!("CARGO_PKG_VERSION"))),
        fixed(ACCEPT, "*/*"),
        fixed(ACCEPT_ENCODING, "gzip, deflate, br, zstd"),
        Slot::Part(Part::Authorization),
        Slot::Part(Part::ContentType),
        Slot::Part(Part::ContentLength),
        Slot::Part(Part::Origin),
        Slot::Rest,
        Slot::Part(Part::Referer),
        Slot::Part(Part::Cookie),
    ]
}
