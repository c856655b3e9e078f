//! Who a session says it is: one coherent profile that feeds TLS, HTTP/2, headers, client hints and the browser alike.

mod browser;
mod client_hints;
mod name;
mod user_agent;

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

pub use browser::{Browser, BrowserVersion, Os};
pub use client_hints::Brand;
pub use name::IdentityName;

/// A coherent profile: a browser in a version, on an operating system, of somebody with languages, a time zone and a
/// screen.
///
/// It is data. What can be said without input or output, it says: the user agent, the client hints, the accepted
/// languages. How to look like it on the wire is the business of the session it is given to.
///
/// ```
/// use silkroute_core::Identity;
/// use silkroute_core::identity::Os;
///
/// # fn main() -> silkroute_core::Result<()> {
/// let identity = Identity::from_name("chrome142")?.os(Os::Windows).locale("de-DE");
/// assert_eq!(
///     identity.user_agent().as_deref(),
///     Some("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36")
/// );
/// assert_eq!(identity.accept_language(), "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7");
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "AtRest")]
pub struct Identity {
    /// The browser.
    pub browser: Browser,
    /// Its version; absent: the newest that the session offers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<BrowserVersion>,
    /// The operating system. Default: that of this machine where the browser exists on it, so that an HTTP session and
    /// a browser on this machine agree; macOS for Safari elsewhere, Android for OkHttp.
    pub os: Os,
    /// The languages, most preferred first. Default: `en-US`, `en`.
    pub languages: Vec<String>,
    /// The time zone, such as `Europe/Berlin`; absent: that of this machine. HTTP does not show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The screen; absent: the session's. HTTP does not show it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen: Option<Screen>,
}

/// A screen, in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Screen {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

impl Identity {
    /// This browser in the newest version that a session offers, with the defaults of the fields.
    pub fn new(browser: Browser) -> Self {
        Self {
            browser,
            version: None,
            os: browser.default_os(),
            languages: expand_locale("en-US"),
            timezone: None,
            screen: None,
        }
    }

    /// The identity of a name such as `chrome`, `firefox133`, `safari18_4` or `chrome131_android`; see
    /// [`IdentityName`].
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name that is not one, or a browser that does not exist on the system named.
    pub fn from_name(name: &str) -> Result<Self> {
        name.parse()
    }

    /// Sets the version.
    #[must_use]
    pub fn version(mut self, version: BrowserVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// Sets the operating system.
    #[must_use]
    pub fn os(mut self, os: Os) -> Self {
        self.os = os;
        self
    }

    /// Sets the languages as a browser installed in this locale has them: `de-DE` gives `de-DE`, `de`, `en-US`, `en`.
    #[must_use]
    pub fn locale(mut self, locale: &str) -> Self {
        self.languages = expand_locale(locale);
        self
    }

    /// Sets the languages, most preferred first.
    #[must_use]
    pub fn languages<L: Into<String>>(mut self, languages: impl IntoIterator<Item = L>) -> Self {
        self.languages = languages.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the time zone, such as `Europe/Berlin`.
    #[must_use]
    pub fn timezone(mut self, timezone: impl Into<String>) -> Self {
        self.timezone = Some(timezone.into());
        self
    }

    /// Sets the screen.
    #[must_use]
    pub fn screen(mut self, width: u32, height: u32) -> Self {
        self.screen = Some(Screen { width, height });
        self
    }

    /// Its name: browser, version, and the system where it is not this machine's own.
    pub fn name(&self) -> IdentityName {
        let mut name = IdentityName::new(self.browser);
        name.version = self.version;
        name.os = (self.os != self.browser.default_os()).then_some(self.os);
        name
    }

    /// Whether it is a phone.
    pub fn is_mobile(&self) -> bool {
        self.os.is_mobile()
    }

    /// The `User-Agent`; `None` while the version is open.
    pub fn user_agent(&self) -> Option<String> {
        self.version
            .map(|version| user_agent::user_agent(self.browser, version, self.os))
    }

    /// The `Accept-Language`, weighted the way the browser does it.
    pub fn accept_language(&self) -> String {
        match self.browser {
            Browser::Firefox => weighted_by_share(&self.languages),
            _ => weighted_by_tenths(&self.languages),
        }
    }

    /// The brands of `Sec-CH-UA`, in order; `None` where the browser sends none or while the version is open.
    pub fn brands(&self) -> Option<Vec<Brand>> {
        client_hints::brands(self.browser, self.version?)
    }

    /// `Sec-CH-UA`; `None` where the browser sends none or while the version is open.
    pub fn sec_ch_ua(&self) -> Option<String> {
        self.brands().map(|brands| client_hints::header(&brands))
    }

    /// `Sec-CH-UA-Mobile`.
    pub fn sec_ch_ua_mobile(&self) -> &'static str {
        if self.is_mobile() { "?1" } else { "?0" }
    }

    /// `Sec-CH-UA-Platform`, with its quotes.
    pub fn sec_ch_ua_platform(&self) -> String {
        format!("\"{}\"", self.os.platform())
    }

    /// Whether such a thing exists: a browser on a system it is made for, with languages that can stand in a header.
    ///
    /// # Errors
    /// [`Error::Invalid`] saying what does not fit.
    pub fn check(&self) -> Result<()> {
        let what = || format!("the identity `{}`", self.name());
        if !self.browser.exists_on(self.os) {
            let systems: Vec<_> = Os::ALL
                .into_iter()
                .filter(|&os| self.browser.exists_on(os))
                .map(Os::as_str)
                .collect();
            return Err(Error::invalid(
                what(),
                format!("{} exists on {} alone", self.browser.title(), systems.join(", ")),
            ));
        }
        if self.languages.is_empty() {
            return Err(Error::invalid(what(), "it needs at least one language"));
        }
        match self.languages.iter().find(|language| !is_language(language)) {
            Some(language) => Err(Error::invalid(
                what(),
                format!("`{}` is not a language tag such as en-US", language.escape_debug()),
            )),
            None => Ok(()),
        }
    }
}

impl std::str::FromStr for Identity {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        name.parse::<IdentityName>()?.identity()
    }
}

/// A browser in a version, on an operating system, of somebody with languages, a time zone and a screen.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Identity")]
struct AtRest {
    /// The browser.
    browser: Browser,
    /// Its version; left out: the newest that the session offers.
    #[serde(default)]
    version: Option<BrowserVersion>,
    /// The operating system; left out: this machine's, where the browser exists on it.
    #[serde(default)]
    os: Option<Os>,
    /// The locale, such as "de-DE". Not together with `languages`.
    #[serde(default)]
    locale: Option<String>,
    /// The languages, most preferred first. Not together with `locale`.
    #[serde(default)]
    languages: Option<Vec<String>>,
    /// The time zone, such as "Europe/Berlin".
    #[serde(default)]
    timezone: Option<String>,
    /// The screen, in CSS pixels.
    #[serde(default)]
    screen: Option<Screen>,
}

impl JsonSchema for Identity {
    fn schema_name() -> Cow<'static, str> {
        AtRest::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        AtRest::json_schema(generator)
    }
}

impl TryFrom<AtRest> for Identity {
    type Error = Error;

    fn try_from(at_rest: AtRest) -> Result<Self> {
        let mut identity = Self::new(at_rest.browser);
        identity.version = at_rest.version;
        identity.os = at_rest.os.unwrap_or(identity.os);
        identity.timezone = at_rest.timezone;
        identity.screen = at_rest.screen;
        match (at_rest.languages, at_rest.locale) {
            (Some(_), Some(_)) => return Err(Error::invalid("the identity", "set `locale` or `languages`, not both")),
            (Some(languages), None) => identity.languages = languages,
            (None, Some(locale)) => identity.languages = expand_locale(&locale),
            (None, None) => {}
        }
        identity.check()?;
        Ok(identity)
    }
}

/// A locale as browsers list it: itself, its language, and English behind any other language.
fn expand_locale(locale: &str) -> Vec<String> {
    let base = locale.split(['-', '_']).next().unwrap_or(locale);
    let mut languages = vec![locale.replace('_', "-")];
    if base != locale {
        languages.push(base.to_owned());
    }
    if base != "en" {
        languages.extend(["en-US".to_owned(), "en".to_owned()]);
    }
    languages
}

fn is_language(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Chromium and Safari: 0.9, 0.8, ... and never below 0.1.
fn weighted_by_tenths(languages: &[String]) -> String {
    let mut out = String::new();
    for (index, language) in languages.iter().enumerate() {
        if index == 0 {
            out.push_str(language);
        } else {
            let tenths = 10_usize.saturating_sub(index).max(1);
            out.push_str(&format!(",{language};q=0.{tenths}"));
        }
    }
    out
}

/// Firefox: each language loses the same share; one digit below ten languages, two from there on
/// (`PrepareAcceptLanguages` in netwerk/protocol/http/nsHttpHandler.cpp).
fn weighted_by_share(languages: &[String]) -> String {
    let count = languages.len();
    let (unit, digits) = if count < 10 { (10, 1) } else { (100, 2) };
    let mut out = String::new();
    for (index, language) in languages.iter().enumerate() {
        if index == 0 {
            out.push_str(language);
        } else {
            // (count - index) / count, rounded half up to the unit.
            let weight = (2 * unit * (count - index) + count) / (2 * count);
            out.push_str(&format!(",{language};q=0.{weight:0digits$}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Identity {
        name.parse().unwrap()
    }

    #[test]
    fn languages_are_weighted_as_each_browser_does_it() {
        assert_eq!(named("chrome142").accept_language(), "en-US,en;q=0.9");
        assert_eq!(named("firefox144").accept_language(), "en-US,en;q=0.5");
        assert_eq!(
            named("firefox144").locale("de-DE").accept_language(),
            "de-DE,de;q=0.8,en-US;q=0.5,en;q=0.3"
        );
        assert_eq!(
            named("firefox144").languages(["de", "en-US", "en"]).accept_language(),
            "de,en-US;q=0.7,en;q=0.3"
        );
        assert_eq!(named("safari26").locale("en").accept_language(), "en");
    }

    #[test]
    fn a_browser_that_does_not_exist_on_a_system_is_refused() {
        let error = named("safari26").os(Os::Windows).check().unwrap_err().to_string();
        assert!(error.contains("macos") && error.contains("ios"), "{error}");
        let error = named("chrome131")
            .languages(["en\r\nx: y"])
            .check()
            .unwrap_err()
            .to_string();
        assert!(error.contains("language"), "{error}");
    }

    #[test]
    fn a_configuration_may_leave_out_all_but_the_browser() {
        let short: Identity =
            serde_json::from_str(r#"{"browser": "chrome", "version": 131, "locale": "fr-FR"}"#).unwrap();
        assert_eq!(short.version, Some("131".parse().unwrap()));
        assert_eq!(short.languages[0], "fr-FR");
        let text = serde_json::to_string(&short).unwrap();
        assert_eq!(serde_json::from_str::<Identity>(&text).unwrap(), short, "{text}");
        assert!(serde_json::from_str::<Identity>(r#"{"browser": "safari", "os": "linux"}"#).is_err());
        assert!(serde_json::from_str::<Identity>(r#"{"browser": "chrome", "verison": 1}"#).is_err());
    }
}
