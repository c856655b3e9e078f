//! The values that options are made of.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use silkroute_core::{Cookie, RedactedHeaders};
use url::Url;

use crate::{Blocking, Error, Result};

/// Off, or on with some settings. At rest `false`, `true` for the default settings, or the settings themselves.
///
/// ```
/// use silkroute_browser::ScreenshotOptions;
/// use silkroute_browser::session::Toggle;
///
/// let plain: Toggle<ScreenshotOptions> = true.into();
/// let whole = Toggle::On(ScreenshotOptions { full_page: true, ..ScreenshotOptions::default() });
/// assert_ne!(plain, whole);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Form<T>", into = "Form<T>")]
#[serde(bound(
    serialize = "T: Serialize + Clone + Default + PartialEq",
    deserialize = "T: Deserialize<'de> + Default"
))]
pub enum Toggle<T> {
    /// Off.
    #[default]
    Off,
    /// On, like this.
    On(T),
}

impl<T> Toggle<T> {
    /// The settings, where it is on.
    pub fn get(&self) -> Option<&T> {
        match self {
            Self::Off => None,
            Self::On(settings) => Some(settings),
        }
    }
}

impl<T: Default> From<bool> for Toggle<T> {
    fn from(on: bool) -> Self {
        if on { Self::On(T::default()) } else { Self::Off }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form<T> {
    Plain(bool),
    Settings(T),
}

impl<T: Default> From<Form<T>> for Toggle<T> {
    fn from(form: Form<T>) -> Self {
        match form {
            Form::Plain(on) => on.into(),
            Form::Settings(settings) => Self::On(settings),
        }
    }
}

impl<T: Default + PartialEq> From<Toggle<T>> for Form<T> {
    fn from(toggle: Toggle<T>) -> Self {
        match toggle {
            Toggle::Off => Self::Plain(false),
            Toggle::On(settings) if settings == T::default() => Self::Plain(true),
            Toggle::On(settings) => Self::Settings(settings),
        }
    }
}

impl<T: JsonSchema> JsonSchema for Toggle<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("Toggle_{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let settings = generator.subschema_for::<T>();
        json_schema!({"anyOf": [{"type": "boolean"}, settings]})
    }
}

/// How far to scroll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AutoScroll {
    /// How many screens at most. Default 100.
    pub max_scrolls: u32,
    /// How long the page must not have grown at its end to count as complete. Default 500 ms.
    #[serde(with = "silkroute_core::duration")]
    #[schemars(with = "String")]
    pub quiet: Duration,
}

impl Default for AutoScroll {
    fn default() -> Self {
        Self {
            max_scrolls: 100,
            quiet: Duration::from_millis(500),
        }
    }
}

/// What comes of a wait that runs out of its time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// The fetch fails.
    #[default]
    Error,
    /// The page is taken as it is, and the response says which wait was not met.
    Continue,
}

/// A type of what pages load, as browsers tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResourceType {
    /// Fonts.
    Font,
    /// Pictures.
    Image,
    /// Sound and film.
    Media,
    /// Style sheets.
    Stylesheet,
    /// Scripts. Without them most pages that need a browser stay empty.
    Script,
    /// `XMLHttpRequest`.
    Xhr,
    /// `fetch`.
    Fetch,
    /// `navigator.sendBeacon` and `<a ping>`.
    Ping,
    /// Web sockets.
    WebSocket,
    /// `EventSource`.
    EventSource,
    /// Reports about what a content security policy kept away.
    CspReport,
    /// What the browser has no name for, plug-ins among them.
    Other,
}

impl ResourceType {
    /// The protocol's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Font => "Font",
            Self::Image => "Image",
            Self::Media => "Media",
            Self::Stylesheet => "Stylesheet",
            Self::Script => "Script",
            Self::Xhr => "XHR",
            Self::Fetch => "Fetch",
            Self::Ping => "Ping",
            Self::WebSocket => "WebSocket",
            Self::EventSource => "EventSource",
            Self::CspReport => "CSPViolationReport",
            Self::Other => "Other",
        }
    }
}

/// Types of what is not to be loaded. By default those that a page's text and structure do not need: fonts, images, media,
/// style sheets, pings, web sockets and policy reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Resources(Vec<ResourceType>);

impl Resources {
    /// These types.
    pub fn new(types: impl IntoIterator<Item = ResourceType>) -> Self {
        Self(types.into_iter().collect())
    }

    pub(crate) fn types(&self) -> Vec<&'static str> {
        if self.0.is_empty() {
            Blocking::DISPENSABLE.to_vec()
        } else {
            self.0.iter().map(|kind| kind.as_str()).collect()
        }
    }
}

/// Request headers, as names and values in a table. `Debug` shows no credentials.
///
/// ```
/// use silkroute_browser::session::Headers;
///
/// # fn main() -> silkroute_browser::Result<()> {
/// let headers = Headers::new([("X-Shop", "de"), ("Authorization", "Bearer secret")])?;
/// assert!(!format!("{headers:?}").contains("secret"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Headers(HeaderMap);

impl Headers {
    /// These headers.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name or a value that no header can have.
    pub fn new<N: AsRef<str>, V: AsRef<str>>(headers: impl IntoIterator<Item = (N, V)>) -> Result<Self> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let (name, value) = parse(name.as_ref(), value.as_ref())
                .map_err(|reason| Error::invalid(format!("the header `{}`", name.as_ref().escape_debug()), reason))?;
            map.insert(name, value);
        }
        Ok(Self(map))
    }

    /// All of them.
    pub fn as_map(&self) -> &HeaderMap {
        &self.0
    }

    /// Puts others on top: of the same name they win.
    #[must_use]
    pub fn with(mut self, newer: &Self) -> Self {
        for (name, value) in &newer.0 {
            self.0.insert(name.clone(), value.clone());
        }
        self
    }
}

impl From<HeaderMap> for Headers {
    fn from(map: HeaderMap) -> Self {
        Self(map)
    }
}

fn parse(name: &str, value: &str) -> Result<(http::HeaderName, http::HeaderValue), String> {
    let parsed = http::HeaderName::try_from(name).map_err(|_| "this cannot be the name of a header".to_owned())?;
    let value = http::HeaderValue::try_from(value)
        .map_err(|_| "its value holds a line break or another control character".to_owned())?;
    Ok((parsed, value))
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RedactedHeaders(&self.0).fmt(f)
    }
}

impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            self.0
                .iter()
                .map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))),
        )
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = std::collections::BTreeMap::<String, String>::deserialize(deserializer)?;
        Self::new(table).map_err(D::Error::custom)
    }
}

impl JsonSchema for Headers {
    fn schema_name() -> Cow<'static, str> {
        "Headers".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object", "additionalProperties": {"type": "string"}})
    }
}

/// A DNS-over-HTTPS server. By default Cloudflare's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct DnsOverHttps(String);

impl DnsOverHttps {
    /// The server of this URL template, as in RFC 8484.
    pub fn new(template: impl Into<String>) -> Self {
        Self(template.into())
    }

    pub(crate) fn template(&self) -> &str {
        &self.0
    }
}

impl Default for DnsOverHttps {
    fn default() -> Self {
        Self("https://cloudflare-dns.com/dns-query".to_owned())
    }
}

/// Where a browser is that runs elsewhere: `ws`, `wss`, `http` or `https`. Its user, password, path and query may let
/// whoever knows them in, so `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CdpUrl(Url);

impl CdpUrl {
    /// Reads it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what is no URL of these schemes.
    pub fn new(url: &str) -> Result<Self> {
        let url = Url::parse(url).map_err(|error| Error::invalid("cdp_url", error))?;
        let known = matches!(url.scheme(), "ws" | "wss" | "http" | "https");
        if !known {
            let reason = format!("its scheme is {}, not ws, wss, http or https", url.scheme());
            return Err(Error::invalid("cdp_url", reason));
        }
        Ok(Self(url))
    }

    /// All of it.
    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for CdpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.0.port().map(|port| format!(":{port}")).unwrap_or_default();
        write!(
            f,
            "{}://{}{port}",
            self.0.scheme(),
            self.0.host_str().unwrap_or_default()
        )
    }
}

impl JsonSchema for CdpUrl {
    fn schema_name() -> Cow<'static, str> {
        "CdpUrl".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string"})
    }
}

/// Cookies, as a storage state writes them. `Debug` shows no values.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cookies(pub Vec<Cookie>);

impl JsonSchema for Cookies {
    fn schema_name() -> Cow<'static, str> {
        "Cookies".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "array", "items": {"type": "object", "required": ["name", "value", "domain"]}})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_toggle_is_a_word_or_its_settings() {
        let read = |value| serde_json::from_value::<Toggle<AutoScroll>>(value);
        assert_eq!(read(json!(false)).unwrap(), Toggle::Off);
        assert_eq!(read(json!(true)).unwrap(), Toggle::On(AutoScroll::default()));
        let few = AutoScroll {
            max_scrolls: 3,
            ..AutoScroll::default()
        };
        assert_eq!(read(json!({"max_scrolls": 3})).unwrap(), Toggle::On(few));
        assert!(read(json!({"max_scrols": 3})).is_err());
        for toggle in [Toggle::Off, true.into(), Toggle::On(few)] {
            let text = serde_json::to_value(toggle).unwrap();
            assert_eq!(read(text).unwrap(), toggle);
        }
    }

    #[test]
    fn resources_are_those_one_can_do_without_unless_they_are_named() {
        assert!(Resources::default().types().contains(&"Stylesheet"));
        let named: Resources = serde_json::from_value(json!(["image", "web_socket"])).unwrap();
        assert_eq!(named.types(), ["Image", "WebSocket"]);
        assert!(serde_json::from_value::<Resources>(json!(["pictures"])).is_err());
    }

    #[test]
    fn headers_are_checked_where_they_are_read() {
        assert!(Headers::new([("no name", "x")]).is_err());
        let error = serde_json::from_value::<Headers>(json!({"X-A": "one\r\ntwo"})).unwrap_err();
        assert!(error.to_string().contains("X-A"), "{error}");
    }
}
