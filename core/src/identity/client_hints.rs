//! The brand list of `Sec-CH-UA`, with its invented brand.
//!
//! After `components/embedder_support/user_agent_utils.cc` of Chromium, whose functions `GetRandomOrder` and
//! `GetGreasedUserAgentBrandVersion` seed everything with the major version.

use super::user_agent::chromium_major;
use super::{Browser, BrowserVersion};

/// A name and a version in the brand list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    /// The name.
    pub name: String,
    /// Its major version.
    pub version: String,
}

/// What may stand between the words of the invented brand.
const SEPARATORS: [&str; 11] = [" ", "(", ":", "-", ".", "/", ")", ";", "=", "?", "_"];
/// What the invented brand may have as its version.
const VERSIONS: [&str; 3] = ["8", "99", "24"];
/// Where the invented brand, Chromium and the browser's own brand go.
const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// The brands in order; `None` for a browser without client hints.
pub(super) fn brands(browser: Browser, version: BrowserVersion) -> Option<Vec<Brand>> {
    let own = match browser {
        Browser::Chrome => Some("Google Chrome"),
        Browser::Chromium => None,
        Browser::Edge => Some("Microsoft Edge"),
        Browser::Opera => Some("Opera"),
        Browser::Firefox | Browser::Safari | Browser::OkHttp => return None,
    };
    let chromium = chromium_major(browser, version);
    let (invented, order) = invented(usize::from(chromium));
    let engine = brand("Chromium", chromium);
    let Some(own) = own else {
        // Of two the order is that of even and odd versions; before 103 it stood still.
        let swapped = chromium > 102 && chromium % 2 == 1;
        return Some(if swapped {
            vec![engine, invented]
        } else {
            vec![invented, engine]
        });
    };
    let mut placed = [
        (order[0], invented),
        (order[1], engine),
        (order[2], brand(own, version.major())),
    ];
    placed.sort_by_key(|(place, _)| *place);
    Some(placed.map(|(_, brand)| brand).into())
}

fn brand(name: &str, version: u16) -> Brand {
    Brand {
        name: name.to_owned(),
        version: version.to_string(),
    }
}

fn invented(seed: usize) -> (Brand, [usize; 3]) {
    // Before 105 the invented brand was another one, and until 102 the order did not change with the version.
    let (name, version, order) = match seed {
        ..=102 => (" Not A;Brand".to_owned(), "99", ORDERS[0]),
        103 => (".Not/A)Brand".to_owned(), "99", ORDERS[1]),
        104 => (" Not A;Brand".to_owned(), "99", ORDERS[2]),
        _ => {
            let separator = |offset: usize| SEPARATORS[(seed + offset) % SEPARATORS.len()];
            (
                format!("Not{}A{}Brand", separator(0), separator(1)),
                VERSIONS[seed % VERSIONS.len()],
                ORDERS[seed % ORDERS.len()],
            )
        }
    };
    let version = version.to_owned();
    (Brand { name, version }, order)
}

/// The list as a header value.
pub(super) fn header(brands: &[Brand]) -> String {
    let quoted: Vec<_> = brands
        .iter()
        .map(|brand| format!("\"{}\";v=\"{}\"", brand.name, brand.version))
        .collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use crate::Identity;

    /// Values that real browsers sent, from the signatures of curl-impersonate (chrome 131, 136, 142, 150, edge 120)
    /// the header tables of wreq-util (chrome 105, opera 125), and a Chromium 156 that was recorded.
    #[test]
    fn the_brands_are_those_that_browsers_of_the_version_send() {
        for (name, value) in [
            (
                "chrome104",
                r#""Chromium";v="104", " Not A;Brand";v="99", "Google Chrome";v="104""#,
            ),
            (
                "chrome105",
                r#""Google Chrome";v="105", "Not)A;Brand";v="8", "Chromium";v="105""#,
            ),
            (
                "edge120",
                r#""Not_A Brand";v="8", "Chromium";v="120", "Microsoft Edge";v="120""#,
            ),
            (
                "chrome131",
                r#""Google Chrome";v="131", "Chromium";v="131", "Not_A Brand";v="24""#,
            ),
            (
                "chrome136",
                r#""Chromium";v="136", "Google Chrome";v="136", "Not.A/Brand";v="99""#,
            ),
            (
                "chrome142",
                r#""Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99""#,
            ),
            (
                "chrome150",
                r#""Not;A=Brand";v="8", "Chromium";v="150", "Google Chrome";v="150""#,
            ),
            (
                "opera125",
                r#""Opera";v="125", "Not?A_Brand";v="8", "Chromium";v="141""#,
            ),
            ("chromium156", r#""Not:A-Brand";v="8", "Chromium";v="156""#),
        ] {
            assert_eq!(
                Identity::from_name(name).unwrap().sec_ch_ua().as_deref(),
                Some(value),
                "{name}"
            );
        }
        assert_eq!(Identity::from_name("firefox144").unwrap().sec_ch_ua(), None);
        assert_eq!(Identity::from_name("chrome").unwrap().sec_ch_ua(), None);
    }
}
