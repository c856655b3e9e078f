//! Browsers, their versions, and the systems they run on.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Error, Result};

/// A family of browsers, or of clients that servers know as well.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Browser {
    /// Google Chrome.
    Chrome,
    /// Chromium, which Linux distributions bring: Google Chrome to all but the brands of its client hints.
    Chromium,
    /// Microsoft Edge.
    Edge,
    /// Opera.
    Opera,
    /// Mozilla Firefox.
    Firefox,
    /// Apple Safari.
    Safari,
    /// OkHttp, the HTTP client inside most Android apps. Not a browser: no client hints, no `Sec-Fetch` headers.
    OkHttp,
}

impl Browser {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Chrome,
        Self::Chromium,
        Self::Edge,
        Self::Opera,
        Self::Firefox,
        Self::Safari,
        Self::OkHttp,
    ];

    /// The name in names and configurations, such as `chrome`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Chrome => "chrome",
            Self::Chromium => "chromium",
            Self::Edge => "edge",
            Self::Opera => "opera",
            Self::Firefox => "firefox",
            Self::Safari => "safari",
            Self::OkHttp => "okhttp",
        }
    }

    /// The name for people.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Chrome => "Chrome",
            Self::Chromium => "Chromium",
            Self::Edge => "Edge",
            Self::Opera => "Opera",
            Self::Firefox => "Firefox",
            Self::Safari => "Safari",
            Self::OkHttp => "OkHttp",
        }
    }

    /// Whether it is Chromium or built on it, and so shares its client hints and most of its wire.
    pub const fn is_chromium(self) -> bool {
        matches!(self, Self::Chrome | Self::Chromium | Self::Edge | Self::Opera)
    }

    /// Whether it is made for this system with an engine of its own. All browsers on iOS are Safari underneath, so
    /// only Safari exists there.
    pub const fn exists_on(self, os: Os) -> bool {
        match self {
            Self::Chrome | Self::Edge | Self::Firefox => !matches!(os, Os::Ios),
            Self::Chromium | Self::Opera => !os.is_mobile(),
            Self::Safari => matches!(os, Os::MacOs | Os::Ios),
            Self::OkHttp => matches!(os, Os::Android),
        }
    }

    /// This machine's system where the browser exists on it, else the one it is most at home on.
    pub const fn default_os(self) -> Os {
        if self.exists_on(Os::HOST) {
            return Os::HOST;
        }
        match self {
            Self::Safari => Os::MacOs,
            Self::OkHttp => Os::Android,
            _ => Os::Windows,
        }
    }
}

impl fmt::Display for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An operating system.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Os {
    /// Windows 10 and 11, which browsers do not tell apart.
    Windows,
    /// macOS.
    MacOs,
    /// Linux.
    Linux,
    /// Android, on a phone.
    Android,
    /// iOS, on a phone.
    Ios,
}

impl Os {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Windows, Self::MacOs, Self::Linux, Self::Android, Self::Ios];

    /// That of this machine; Linux where it is none of these.
    pub const HOST: Self = if cfg!(target_os = "windows") {
        Self::Windows
    } else if cfg!(target_os = "macos") {
        Self::MacOs
    } else if cfg!(target_os = "android") {
        Self::Android
    } else if cfg!(target_os = "ios") {
        Self::Ios
    } else {
        Self::Linux
    };

    /// The name in names and configurations, such as `macos`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::MacOs => "macos",
            Self::Linux => "linux",
            Self::Android => "android",
            Self::Ios => "ios",
        }
    }

    /// Whether it runs phones.
    pub const fn is_mobile(self) -> bool {
        matches!(self, Self::Android | Self::Ios)
    }

    /// The name in `Sec-CH-UA-Platform`.
    pub(crate) const fn platform(self) -> &'static str {
        match self {
            Self::Windows => "Windows",
            Self::MacOs => "macOS",
            Self::Linux => "Linux",
            Self::Android => "Android",
            Self::Ios => "iOS",
        }
    }

    /// Reads a name; the ones that others use are understood too.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "windows" | "win" => Some(Self::Windows),
            "macos" | "mac" => Some(Self::MacOs),
            "linux" => Some(Self::Linux),
            "android" => Some(Self::Android),
            "ios" | "iphone" => Some(Self::Ios),
            _ => None,
        }
    }
}

impl Default for Os {
    fn default() -> Self {
        Self::HOST
    }
}

impl fmt::Display for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A browser's version: `131`, `18.4` or `26.0.1`. Fewer parts stand for any version that starts like it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BrowserVersion {
    major: u16,
    minor: Option<u16>,
    patch: Option<u16>,
}

impl BrowserVersion {
    /// A version of which only the first number is known.
    pub const fn major_only(major: u16) -> Self {
        Self {
            major,
            minor: None,
            patch: None,
        }
    }

    /// A version from its one to three numbers; `None` for none or more.
    pub fn from_numbers(numbers: &[u16]) -> Option<Self> {
        let (&major, rest) = numbers.split_first()?;
        (rest.len() <= 2).then(|| Self {
            major,
            minor: rest.first().copied(),
            patch: rest.get(1).copied(),
        })
    }

    /// The first number.
    pub const fn major(self) -> u16 {
        self.major
    }

    /// The second number, 0 where it is not known.
    pub fn minor(self) -> u16 {
        self.minor.unwrap_or(0)
    }

    /// The numbers that are known.
    pub fn numbers(self) -> impl Iterator<Item = u16> {
        [Some(self.major), self.minor, self.patch].into_iter().flatten()
    }

    /// Whether `other` starts with all that is known of this one: `18` covers `18.4`.
    pub fn covers(self, other: Self) -> bool {
        self.major == other.major
            && self.minor.is_none_or(|minor| minor == other.minor())
            && self.patch.is_none_or(|patch| patch == other.patch.unwrap_or(0))
    }
}

impl fmt::Display for BrowserVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.major)?;
        self.numbers().skip(1).try_for_each(|number| write!(f, ".{number}"))
    }
}

impl FromStr for BrowserVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers: Option<Vec<u16>> = text.split('.').map(|part| part.parse().ok()).collect();
        numbers.and_then(|numbers| Self::from_numbers(&numbers)).ok_or_else(|| {
            Error::invalid(
                format!("the browser version `{}`", text.escape_debug()),
                "it is one to three numbers, such as 131 or 18.4",
            )
        })
    }
}

impl Serialize for BrowserVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BrowserVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = BrowserVersion;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a version such as 131 or \"18.4\"")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
                u16::try_from(number)
                    .map(BrowserVersion::major_only)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self))
            }

            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Self::Value, E> {
                u16::try_from(number)
                    .map(BrowserVersion::major_only)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(number), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for BrowserVersion {
    fn schema_name() -> Cow<'static, str> {
        "BrowserVersion".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A browser's version, such as 131 or \"18.4\"",
            "anyOf": [{"type": "string", "pattern": r"^\d+(\.\d+){0,2}$"}, {"type": "integer", "minimum": 0}],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_read_what_they_write_and_cover_their_own_kind() {
        let version = |text: &str| text.parse::<BrowserVersion>().unwrap();
        for text in ["131", "18.4", "26.0.1"] {
            assert_eq!(version(text).to_string(), text);
        }
        assert!(version("18").covers(version("18.4")));
        assert!(version("26.0").covers(version("26")));
        assert!(!version("18.4").covers(version("18.5")));
        assert!(version("18.4") < version("18.5") && version("18.5") < version("26"));
        for bad in ["", "x", "1.2.3.4", "-1", "1.", "99999999"] {
            assert!(bad.parse::<BrowserVersion>().is_err(), "{bad}");
        }
    }
}
