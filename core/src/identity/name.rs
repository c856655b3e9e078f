//! The short names of identities.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Browser, BrowserVersion, Identity, Os};
use crate::{Error, Result};

/// The short name of an identity: a browser, and perhaps a version and a system.
///
/// `chrome` is the newest Chrome that a session offers, `firefox133` that version, `chrome131_android` and
/// `safari18_0_ios` a phone's. The writing of curl-impersonate is understood: `safari184` is 18.4, `safari2601` is
/// 26.0.1; so are `-`, `.` and capitals. It is written as `chrome131_android`.
///
/// ```
/// use silkroute_core::IdentityName;
///
/// # fn main() -> silkroute_core::Result<()> {
/// let name: IdentityName = "safari184".parse()?;
/// assert_eq!(name.to_string(), "safari18_4");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdentityName {
    /// The browser.
    pub browser: Browser,
    /// Its version; `None`: the newest there is.
    pub version: Option<BrowserVersion>,
    /// Its system; `None`: the browser's default, see [`Browser::default_os`].
    pub os: Option<Os>,
}

impl IdentityName {
    /// The newest of a browser, on its default system.
    pub const fn new(browser: Browser) -> Self {
        Self {
            browser,
            version: None,
            os: None,
        }
    }

    /// The identity it stands for; the version stays open where the name has none.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the browser does not exist on the system named.
    pub fn identity(self) -> Result<Identity> {
        let mut identity = Identity::new(self.browser);
        identity.version = self.version;
        identity.os = self.os.unwrap_or(identity.os);
        identity.check()?;
        Ok(identity)
    }
}

impl fmt::Display for IdentityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.browser.as_str())?;
        if let Some(version) = self.version {
            for (index, number) in version.numbers().enumerate() {
                write!(f, "{}{number}", if index == 0 { "" } else { "_" })?;
            }
        }
        match self.os {
            Some(os) => write!(f, "_{os}"),
            None => Ok(()),
        }
    }
}

impl FromStr for IdentityName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse(text).ok_or_else(|| {
            let browsers: Vec<_> = Browser::ALL.into_iter().map(Browser::as_str).collect();
            Error::invalid(
                format!("the identity name `{}`", text.escape_debug()),
                format!(
                    "it is a browser ({}), then a version or none, then a system or none: chrome, firefox133, chrome131_android",
                    browsers.join(", ")
                ),
            )
        })
    }
}

fn parse(text: &str) -> Option<IdentityName> {
    let text = text.to_ascii_lowercase();
    let browser = Browser::ALL
        .into_iter()
        .find(|browser| text.starts_with(browser.as_str()))?;
    let rest = &text[browser.as_str().len()..];
    let mut name = IdentityName::new(browser);
    let mut numbers = Vec::new();
    for (index, word) in rest.split(['_', '-', '.']).enumerate() {
        if word.is_empty() && index == 0 {
            // Nothing between the browser and the first separator, as in `chrome_android`.
        } else if word.bytes().all(|byte| byte.is_ascii_digit()) {
            numbers.extend(expand(browser, word, numbers.is_empty())?);
        } else {
            let os = Os::from_name(word)?;
            if name.os.replace(os).is_some() {
                return None;
            }
        }
    }
    if !numbers.is_empty() {
        name.version = Some(BrowserVersion::from_numbers(&numbers)?);
    }
    Some(name)
}

/// The numbers in a word. Safari's are written together: 184 is 18.4, for no Safari has three digits.
fn expand(browser: Browser, digits: &str, first: bool) -> Option<Vec<u16>> {
    if browser == Browser::Safari && first && digits.len() > 2 {
        let (major, rest) = digits.split_at(2);
        let mut numbers = vec![major.parse().ok()?];
        numbers.extend(rest.bytes().map(|digit| u16::from(digit - b'0')));
        return Some(numbers);
    }
    Some(vec![digits.parse().ok()?])
}

impl Serialize for IdentityName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for IdentityName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for IdentityName {
    fn schema_name() -> Cow<'static, str> {
        "IdentityName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A browser, then a version or none, then a system or none, such as chrome131_android",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ways_of_writing_are_understood() {
        for (written, canonical) in [
            ("chrome", "chrome"),
            ("Chrome131", "chrome131"),
            ("chrome131_android", "chrome131_android"),
            ("chrome_android", "chrome_android"),
            ("firefox-133", "firefox133"),
            ("firefox_android_135", "firefox135_android"),
            ("safari184", "safari18_4"),
            ("safari18_4", "safari18_4"),
            ("safari_18.4", "safari18_4"),
            ("safari2601", "safari26_0_1"),
            ("safari26", "safari26"),
            ("safari180_ios", "safari18_0_ios"),
            ("safari17_2_ios", "safari17_2_ios"),
            ("safari_ios_17.4.1", "safari17_4_1_ios"),
            ("edge101", "edge101"),
            ("okhttp4.12", "okhttp4_12"),
            ("chrome149_mac", "chrome149_macos"),
        ] {
            let name: IdentityName = written.parse().unwrap();
            assert_eq!(name.to_string(), canonical);
            assert_eq!(canonical.parse::<IdentityName>().unwrap(), name);
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_the_browsers_there_are() {
        for bad in [
            "",
            "tor145",
            "chrome133a",
            "chrome131_beos",
            "chrome_ios_android",
            "131",
            "chrome1.2.3.4",
        ] {
            let error = bad.parse::<IdentityName>().unwrap_err().to_string();
            assert!(error.contains("firefox"), "{error}");
        }
    }
}
