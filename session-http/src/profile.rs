//! From an identity to its wire.

use std::sync::Arc;

use silkroute_core::identity::{Browser, BrowserVersion, Os};
use silkroute_core::{Error, Identity, IdentityName, Result};

use crate::transport::{Offer, Wire, offers};

/// An identity with all that was open filled in, and its wire. Without an identity, an honest client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Profile {
    pub(crate) identity: Option<Identity>,
    pub(crate) wire: Option<Wire>,
    pub(crate) name: Arc<str>,
}

impl Profile {
    pub(crate) fn honest() -> Self {
        Self {
            identity: None,
            wire: None,
            name: "none".into(),
        }
    }

    /// The newest Chrome of this machine.
    pub(crate) fn default_chrome() -> Self {
        let newest = offers().iter().rfind(|offer| offer.browser == Browser::Chrome);
        match newest {
            Some(offer) => Self::of(&Identity::new(Browser::Chrome), offer.version, offer.wire),
            // There is always a Chrome among the offers, as a test of this module shows.
            None => Self::honest(),
        }
    }

    fn of(identity: &Identity, version: BrowserVersion, wire: Wire) -> Self {
        let identity = identity.clone().version(version);
        Self {
            name: identity.name().to_string().into(),
            wire: Some(wire.on(identity.os)),
            identity: Some(identity),
        }
    }
}

/// The names of all identities that sessions of this kind can take, such as `chrome149`; each family's newest version
/// goes by the family's name too. Those for phones end in `_android` or `_ios`.
pub fn offered() -> impl Iterator<Item = IdentityName> {
    offers().iter().flat_map(|offer| {
        let mut name = IdentityName::new(offer.browser);
        name.version = Some(offer.version);
        let desktop = offer.systems().iter().any(|os| !os.is_mobile()).then_some(name);
        let phones = offer.systems().iter().filter(|os| os.is_mobile()).map(move |&os| {
            let mut name = name;
            name.os = (os != name.browser.default_os()).then_some(os);
            name
        });
        desktop.into_iter().chain(phones)
    })
}

/// How far above the newest version that is offered another session's browser may be: a year of Chromium's releases, of
/// which there is one in four weeks (<https://chromiumdash.appspot.com/schedule>).
const NEWER: u16 = 13;

/// Finds the wire of an identity that another session has, and that a request shall share.
///
/// An installed browser is often newer than the wire that is known. Of those built on Chromium, a version up to [`NEWER`]
/// above the newest offered is taken, with that one's wire: a site that ties a cookie to the `User-Agent` sees the same
/// visitor, one that compares the number with TLS sees an older one.
///
/// # Errors
/// See [`find`].
pub(crate) fn find_shared(identity: &Identity) -> Result<Profile> {
    let found = find(identity);
    let Some(version) = identity
        .version
        .filter(|_| found.is_err() && identity.browser.is_chromium())
    else {
        return found;
    };
    identity.check()?;
    let newest = offers()
        .iter()
        .filter(|offer| offer.browser == identity.browser && offer.is_for(identity.os))
        .max_by_key(|offer| offer.version);
    match newest {
        Some(newest) if (1..=NEWER).contains(&version.major().saturating_sub(newest.version.major())) => {
            Ok(Profile::of(identity, version, newest.wire))
        }
        _ => found,
    }
}

/// Finds the wire of an identity.
///
/// A version that is not offered is taken all the same when the ones below and above it are the same on the wire: it
/// then is, too. Otherwise it is refused, for headers of one version above the TLS of another are worse than none.
///
/// # Errors
/// [`Error::Invalid`] for an identity that cannot be, or is not offered, with those that are nearest.
pub(crate) fn find(identity: &Identity) -> Result<Profile> {
    identity.check()?;
    let mut candidates: Vec<&Offer> = offers()
        .iter()
        .filter(|offer| offer.browser == identity.browser && offer.is_for(identity.os))
        .collect();
    candidates.sort_by_key(|offer| offer.version);
    let found = match identity.version {
        None => candidates.last().map(|offer| (offer.version, offer.wire)),
        Some(wanted) => candidates
            .iter()
            .find(|offer| offer.version == wanted)
            .or_else(|| candidates.iter().rfind(|offer| wanted.covers(offer.version)))
            .map(|offer| (offer.version, offer.wire))
            .or_else(|| between(&candidates, wanted)),
    };
    match found {
        Some((version, wire)) => Ok(Profile::of(identity, version, wire)),
        None => Err(not_offered(identity, &candidates)),
    }
}

fn between(candidates: &[&Offer], wanted: BrowserVersion) -> Option<(BrowserVersion, Wire)> {
    let above = candidates.iter().position(|offer| offer.version > wanted)?;
    let below = candidates.get(above.checked_sub(1)?)?;
    let same = below.wire.looks_like(candidates[above].wire);
    same.then_some((wanted, below.wire))
}

fn not_offered(identity: &Identity, candidates: &[&Offer]) -> Error {
    let what = format!("the identity `{}`", identity.name());
    let name = |offer: &Offer, os: Os| {
        let mut name = IdentityName::new(offer.browser);
        name.version = Some(offer.version);
        name.os = (os != offer.browser.default_os()).then_some(os);
        name.to_string()
    };
    if candidates.is_empty() {
        let mut systems: Vec<&str> = offers()
            .iter()
            .filter(|offer| offer.browser == identity.browser)
            .flat_map(|offer| offer.systems().iter().map(|os| os.as_str()))
            .collect();
        systems.sort_unstable();
        systems.dedup();
        return Error::invalid(
            what,
            format!("{} is offered on {}", identity.browser, systems.join(", ")),
        );
    }
    let wanted = identity.version.map_or(0, ordinal);
    let mut nearest: Vec<_> = candidates.to_vec();
    nearest.sort_by_key(|offer| ordinal(offer.version).abs_diff(wanted));
    let nearest: Vec<_> = nearest
        .into_iter()
        .take(3)
        .map(|offer| name(offer, identity.os))
        .collect();
    Error::invalid(
        what,
        format!("its TLS and HTTP/2 are not known here; nearest: {}", nearest.join(", ")),
    )
}

fn ordinal(version: BrowserVersion) -> u32 {
    version
        .numbers()
        .chain([0, 0])
        .take(3)
        .fold(0, |sum, number| sum * 100 + u32::from(number))
}

/// The error for what is no name at all, with the names that are most like it.
pub(crate) fn unknown(text: &str) -> Error {
    let families = Browser::ALL.into_iter().map(|browser| browser.to_string());
    let mut names: Vec<String> = families.chain(offered().map(|name| name.to_string())).collect();
    let lower = text.to_ascii_lowercase();
    // A stable sort: of names that are equally far, the family comes first.
    names.sort_by_key(|name| distance(&lower, name));
    names.truncate(4);
    Error::invalid(
        format!("the identity `{}`", text.escape_debug()),
        format!("there is none of this name; nearest: {}", names.join(", ")),
    )
}

/// The Levenshtein distance: how many letters must be put in, taken out or replaced.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    // More than any name has would cost time and gain nothing.
    let a = a.chars().take(64);
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Impersonate;

    fn found(name: &str) -> Result<Profile> {
        Impersonate::from(name).resolve()
    }

    fn version(name: &str) -> String {
        found(name).unwrap().identity.unwrap().version.unwrap().to_string()
    }

    #[test]
    fn a_family_is_its_newest() {
        for (family, newest) in [
            ("chrome", "149"),
            ("chromium", "149"),
            ("edge", "148"),
            ("opera", "131"),
            ("firefox", "151"),
            ("safari", "26.4"),
            ("okhttp", "5.0"),
            ("chrome_android", "149"),
            ("firefox_android", "135"),
            ("safari_ios", "26.2"),
        ] {
            assert_eq!(version(family), newest, "{family}");
        }
        assert_eq!(Profile::default_chrome(), found("chrome").unwrap());
    }

    #[test]
    fn names_are_taken_as_others_write_them() {
        for (name, taken) in [
            ("chrome131", "131"),
            ("chrome131_android", "131"),
            ("firefox133", "133"),
            ("safari184", "18.4"),
            ("safari18_4", "18.4"),
            ("safari2601", "26.0.1"),
            ("safari260", "26.0"),
            ("safari180_ios", "18.0"),
            ("safari17_2_ios", "17.2"),
            ("safari172_ios", "17.2"),
            ("edge101", "101"),
            ("edge120", "120"),
            ("safari153", "15.3"),
            ("safari170", "17.0"),
            ("safari18", "18.5"),
            ("okhttp4", "4.12"),
        ] {
            assert_eq!(version(name), taken, "{name}");
        }
        assert_eq!(found("none").unwrap(), Profile::honest());
    }

    #[test]
    fn a_version_between_two_that_look_the_same_is_taken_and_any_other_refused() {
        // 124 and 126 are the same on the wire, 123 and 124 are not neighbours of anything missing.
        assert_eq!(version("chrome125"), "125");
        assert_eq!(version("edge140"), "140");
        // 110 and 114 differ.
        for (refused, near) in [
            ("chrome112", "chrome110"),
            ("chrome150", "chrome149"),
            ("chrome99", "chrome100"),
            ("firefox130", "firefox128"),
            ("edge99", "edge101"),
        ] {
            let error = found(refused).unwrap_err().to_string();
            assert!(error.contains(near), "{refused}: {error}");
        }
        let error = found("edge_android").unwrap_err().to_string();
        assert!(error.contains("windows") && !error.contains("android,"), "{error}");
    }

    #[test]
    fn the_identity_of_a_browser_may_be_a_year_newer() {
        let shared = |name: &str| find_shared(&name.parse().unwrap());
        for name in ["chromium156", "chrome150", "chrome162", "chrome156_android", "opera140"] {
            let profile = shared(name).unwrap();
            assert_eq!(profile.identity, Some(name.parse().unwrap()));
            assert!(find(&name.parse().unwrap()).is_err(), "{name}");
        }
        let newest = found("chrome").unwrap().wire;
        assert_eq!(shared("chromium156").unwrap().wire, newest);
        assert_eq!(shared("chrome131").unwrap(), found("chrome131").unwrap());
        for name in [
            "chrome163",
            "chrome999",
            "chrome112",
            "chrome99",
            "firefox152",
            "safari27",
        ] {
            assert!(shared(name).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_gets_the_nearest_names() {
        for (typo, near) in [
            ("chorme", "chrome"),
            ("firefx", "firefox"),
            ("saffari", "safari"),
            ("chrome133a", "chrome133"),
            ("tor145", "opera"),
        ] {
            let error = found(typo).unwrap_err().to_string();
            assert!(error.contains(near), "{typo}: {error}");
        }
    }

    #[test]
    fn every_offered_name_is_found_and_is_itself() {
        let mut count = 0;
        for name in offered() {
            let profile = found(&name.to_string()).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(&*profile.name, name.to_string());
            count += 1;
        }
        assert!(count > 150, "{count}");
    }
}
