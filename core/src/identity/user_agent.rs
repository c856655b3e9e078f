//! The `User-Agent` of each browser.

use super::{Browser, BrowserVersion, Os};

pub(super) fn user_agent(browser: Browser, version: BrowserVersion, os: Os) -> String {
    match browser {
        Browser::Chrome | Browser::Chromium | Browser::Edge | Browser::Opera => chromium(browser, version, os),
        Browser::Firefox => firefox(version, os),
        Browser::Safari => safari(version, os),
        Browser::OkHttp => okhttp(version),
    }
}

/// The version of the Chromium inside. Opera numbers its releases on its own.
pub(super) fn chromium_major(browser: Browser, version: BrowserVersion) -> u16 {
    let major = version.major();
    match browser {
        Browser::Opera if major <= 120 => major + 15,
        Browser::Opera => major + 16,
        _ => major,
    }
}

fn chromium(browser: Browser, version: BrowserVersion, os: Os) -> String {
    let (platform, mobile) = match os {
        Os::Windows => ("Windows NT 10.0; Win64; x64", ""),
        Os::MacOs | Os::Ios => ("Macintosh; Intel Mac OS X 10_15_7", ""),
        Os::Linux => ("X11; Linux x86_64", ""),
        Os::Android => ("Linux; Android 10; K", "Mobile "),
    };
    let major = version.major();
    // Since 102 all but the major version is zero: https://www.chromium.org/updates/ua-reduction/
    let engine = match chromium_major(browser, version) {
        100 => "100.0.4896.127".to_owned(),
        101 => "101.0.4951.67".to_owned(),
        chromium => format!("{chromium}.0.0.0"),
    };
    let own = match (browser, os) {
        (Browser::Edge, Os::Android) => format!(" EdgA/{major}.0.0.0"),
        (Browser::Edge, _) if major == 101 => " Edg/101.0.1210.47".to_owned(),
        (Browser::Edge, _) => format!(" Edg/{major}.0.0.0"),
        (Browser::Opera, _) => format!(" OPR/{major}.0.0.0"),
        _ => String::new(),
    };
    format!(
        "Mozilla/5.0 ({platform}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{engine} {mobile}Safari/537.36{own}"
    )
}

fn firefox(version: BrowserVersion, os: Os) -> String {
    let major = version.major();
    let version = format!("{major}.0");
    // From 110 to 119 `rv` stood still: https://bugzilla.mozilla.org/show_bug.cgi?id=1805967
    let revision = if (110..120).contains(&major) { "109.0" } else { &version };
    let (platform, engine) = match os {
        Os::Windows => ("Windows NT 10.0; Win64; x64", "20100101"),
        Os::MacOs | Os::Ios => ("Macintosh; Intel Mac OS X 10.15", "20100101"),
        Os::Linux => ("X11; Linux x86_64", "20100101"),
        Os::Android => ("Android 13; Mobile", version.as_str()),
    };
    format!("Mozilla/5.0 ({platform}; rv:{revision}) Gecko/{engine} Firefox/{version}")
}

fn safari(version: BrowserVersion, os: Os) -> String {
    let shown = match version.numbers().count() {
        1 => format!("{version}.0"),
        _ => version.to_string(),
    };
    if os != Os::Ios {
        return format!(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{shown} Safari/605.1.15"
        );
    }
    // The system's number follows the browser's until 26.0; after it, it stands still.
    let system = match (version.major(), version.minor()) {
        (26.., 1..) | (27.., _) => "18_7".to_owned(),
        _ => shown.replace('.', "_"),
    };
    format!(
        "Mozilla/5.0 (iPhone; CPU iPhone OS {system} like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{shown} Mobile/15E148 Safari/604.1"
    )
}

fn okhttp(version: BrowserVersion) -> String {
    let mut numbers = version.numbers();
    let mut number = || numbers.next().unwrap_or(0);
    format!("okhttp/{}.{}.{}", number(), number(), number())
}

#[cfg(test)]
mod tests {
    use super::Os;
    use crate::Identity;

    #[test]
    fn user_agents_are_those_of_real_browsers() {
        for (name, os, value) in [
            (
                "chrome131",
                Os::Android,
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Mobile Safari/537.36",
            ),
            (
                "edge120",
                Os::Linux,
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0",
            ),
            (
                "opera125",
                Os::Windows,
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 OPR/125.0.0.0",
            ),
            (
                "firefox144",
                Os::MacOs,
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:144.0) Gecko/20100101 Firefox/144.0",
            ),
            (
                "firefox117",
                Os::Linux,
                "Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/117.0",
            ),
            (
                "firefox135",
                Os::Android,
                "Mozilla/5.0 (Android 13; Mobile; rv:135.0) Gecko/135.0 Firefox/135.0",
            ),
            (
                "safari2601",
                Os::MacOs,
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0.1 Safari/605.1.15",
            ),
            (
                "safari26",
                Os::Ios,
                "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Mobile/15E148 Safari/604.1",
            ),
            ("okhttp4_12", Os::Android, "okhttp/4.12.0"),
        ] {
            let identity = Identity::from_name(name).unwrap().os(os);
            identity.check().unwrap();
            assert_eq!(identity.user_agent().as_deref(), Some(value), "{name}");
        }
        assert_eq!(Identity::from_name("chrome").unwrap().user_agent(), None);
    }
}
