//! The identities that wreq-util has a wire for.

use std::sync::LazyLock;

use silkroute_core::identity::{Browser, BrowserVersion, Os};
use wreq_util::Profile;

use super::emulation::Wire;

/// An identity whose wire is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    pub(crate) browser: Browser,
    pub(crate) version: BrowserVersion,
    systems: &'static [Os],
    pub(crate) wire: Wire,
}

impl Offer {
    /// Whether it looks the same on this system.
    pub(crate) fn is_for(&self, os: Os) -> bool {
        self.systems.contains(&os)
    }

    pub(crate) fn systems(&self) -> &'static [Os] {
        self.systems
    }
}

type Table = &'static [(&'static [u16], Profile)];

const DESKTOP: &[Os] = &[Os::Windows, Os::MacOs, Os::Linux];
const DESKTOP_AND_ANDROID: &[Os] = &[Os::Windows, Os::MacOs, Os::Linux, Os::Android];

const CHROME: Table = &[
    (&[100], Profile::Chrome100),
    (&[101], Profile::Chrome101),
    (&[104], Profile::Chrome104),
    (&[105], Profile::Chrome105),
    (&[106], Profile::Chrome106),
    (&[107], Profile::Chrome107),
    (&[108], Profile::Chrome108),
    (&[109], Profile::Chrome109),
    (&[110], Profile::Chrome110),
    (&[114], Profile::Chrome114),
    (&[116], Profile::Chrome116),
    (&[117], Profile::Chrome117),
    (&[118], Profile::Chrome118),
    (&[119], Profile::Chrome119),
    (&[120], Profile::Chrome120),
    (&[123], Profile::Chrome123),
    (&[124], Profile::Chrome124),
    (&[126], Profile::Chrome126),
    (&[127], Profile::Chrome127),
    (&[128], Profile::Chrome128),
    (&[129], Profile::Chrome129),
    (&[130], Profile::Chrome130),
    (&[131], Profile::Chrome131),
    (&[132], Profile::Chrome132),
    (&[133], Profile::Chrome133),
    (&[134], Profile::Chrome134),
    (&[135], Profile::Chrome135),
    (&[136], Profile::Chrome136),
    (&[137], Profile::Chrome137),
    (&[138], Profile::Chrome138),
    (&[139], Profile::Chrome139),
    (&[140], Profile::Chrome140),
    (&[141], Profile::Chrome141),
    (&[142], Profile::Chrome142),
    (&[143], Profile::Chrome143),
    (&[144], Profile::Chrome144),
    (&[145], Profile::Chrome145),
    (&[146], Profile::Chrome146),
    (&[147], Profile::Chrome147),
    (&[148], Profile::Chrome148),
    (&[149], Profile::Chrome149),
];

/// 120 is not in wreq-util. The signature of curl-impersonate is on the wire what 122 is.
const EDGE: Table = &[
    (&[101], Profile::Edge101),
    (&[120], Profile::Edge122),
    (&[122], Profile::Edge122),
    (&[127], Profile::Edge127),
    (&[131], Profile::Edge131),
    (&[134], Profile::Edge134),
    (&[135], Profile::Edge135),
    (&[136], Profile::Edge136),
    (&[137], Profile::Edge137),
    (&[138], Profile::Edge138),
    (&[139], Profile::Edge139),
    (&[140], Profile::Edge140),
    (&[141], Profile::Edge141),
    (&[142], Profile::Edge142),
    (&[143], Profile::Edge143),
    (&[144], Profile::Edge144),
    (&[145], Profile::Edge145),
    (&[146], Profile::Edge146),
    (&[147], Profile::Edge147),
    (&[148], Profile::Edge148),
];

const OPERA: Table = &[
    (&[116], Profile::Opera116),
    (&[117], Profile::Opera117),
    (&[118], Profile::Opera118),
    (&[119], Profile::Opera119),
    (&[120], Profile::Opera120),
    (&[121], Profile::Opera121),
    (&[122], Profile::Opera122),
    (&[123], Profile::Opera123),
    (&[124], Profile::Opera124),
    (&[125], Profile::Opera125),
    (&[126], Profile::Opera126),
    (&[127], Profile::Opera127),
    (&[128], Profile::Opera128),
    (&[129], Profile::Opera129),
    (&[130], Profile::Opera130),
    (&[131], Profile::Opera131),
];

const FIREFOX: Table = &[
    (&[109], Profile::Firefox109),
    (&[117], Profile::Firefox117),
    (&[128], Profile::Firefox128),
    (&[133], Profile::Firefox133),
    (&[135], Profile::Firefox135),
    (&[136], Profile::Firefox136),
    (&[139], Profile::Firefox139),
    (&[142], Profile::Firefox142),
    (&[143], Profile::Firefox143),
    (&[144], Profile::Firefox144),
    (&[145], Profile::Firefox145),
    (&[146], Profile::Firefox146),
    (&[147], Profile::Firefox147),
    (&[148], Profile::Firefox148),
    (&[149], Profile::Firefox149),
    (&[150], Profile::Firefox150),
    (&[151], Profile::Firefox151),
];

const FIREFOX_ANDROID: Table = &[(&[135], Profile::FirefoxAndroid135)];

/// 18.4 and 26.0.1 are not in wreq-util. The signatures of curl-impersonate have both: 18.4 is on the wire what 18.5
/// is, 26.0.1 what 26.0 is.
const SAFARI: Table = &[
    (&[15, 3], Profile::Safari15_3),
    (&[15, 5], Profile::Safari15_5),
    (&[15, 6, 1], Profile::Safari15_6_1),
    (&[16, 0], Profile::Safari16),
    (&[16, 5], Profile::Safari16_5),
    (&[17, 0], Profile::Safari17_0),
    (&[17, 2, 1], Profile::Safari17_2_1),
    (&[17, 4, 1], Profile::Safari17_4_1),
    (&[17, 5], Profile::Safari17_5),
    (&[17, 6], Profile::Safari17_6),
    (&[18, 0], Profile::Safari18),
    (&[18, 2], Profile::Safari18_2),
    (&[18, 3], Profile::Safari18_3),
    (&[18, 3, 1], Profile::Safari18_3_1),
    (&[18, 4], Profile::Safari18_5),
    (&[18, 5], Profile::Safari18_5),
    (&[26, 0], Profile::Safari26),
    (&[26, 0, 1], Profile::Safari26),
    (&[26, 1], Profile::Safari26_1),
    (&[26, 2], Profile::Safari26_2),
    (&[26, 3], Profile::Safari26_3),
    (&[26, 4], Profile::Safari26_4),
];

/// 18.0 is what wreq-util has for 18.0 on iPads and Macs and for 18.1.1 on phones alike.
const SAFARI_IOS: Table = &[
    (&[16, 5], Profile::SafariIos16_5),
    (&[17, 2], Profile::SafariIos17_2),
    (&[17, 4, 1], Profile::SafariIos17_4_1),
    (&[18, 0], Profile::SafariIPad18),
    (&[18, 1, 1], Profile::SafariIos18_1_1),
    (&[26, 0], Profile::SafariIos26),
    (&[26, 2], Profile::SafariIos26_2),
];

const OKHTTP: Table = &[
    (&[3, 9], Profile::OkHttp3_9),
    (&[3, 11], Profile::OkHttp3_11),
    (&[3, 13], Profile::OkHttp3_13),
    (&[3, 14], Profile::OkHttp3_14),
    (&[4, 9], Profile::OkHttp4_9),
    (&[4, 10], Profile::OkHttp4_10),
    (&[4, 12], Profile::OkHttp4_12),
    (&[5, 0], Profile::OkHttp5),
];

/// All of them, the oldest of each browser first.
pub(crate) fn offers() -> &'static [Offer] {
    static OFFERS: LazyLock<Vec<Offer>> = LazyLock::new(|| {
        let tables: [(Browser, &'static [Os], Table); 9] = [
            (Browser::Chrome, DESKTOP_AND_ANDROID, CHROME),
            (Browser::Chromium, DESKTOP, CHROME),
            (Browser::Edge, DESKTOP, EDGE),
            (Browser::Opera, DESKTOP, OPERA),
            (Browser::Firefox, DESKTOP, FIREFOX),
            (Browser::Firefox, &[Os::Android], FIREFOX_ANDROID),
            (Browser::Safari, &[Os::MacOs], SAFARI),
            (Browser::Safari, &[Os::Ios], SAFARI_IOS),
            (Browser::OkHttp, &[Os::Android], OKHTTP),
        ];
        let all = tables.into_iter().flat_map(|(browser, systems, table)| {
            table.iter().filter_map(move |&(numbers, profile)| {
                // One to three numbers each, so none is left out; a test counts them.
                let version = BrowserVersion::from_numbers(numbers)?;
                let wire = Wire::new(profile);
                Some(Offer {
                    browser,
                    version,
                    systems,
                    wire,
                })
            })
        });
        all.collect()
    });
    &OFFERS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_table_is_whole_and_in_order() {
        assert_eq!(offers().len(), 173);
        for pair in offers().windows(2) {
            if pair[0].browser == pair[1].browser && pair[0].systems == pair[1].systems {
                assert!(pair[0].version < pair[1].version, "{pair:?}");
            }
        }
    }
}
