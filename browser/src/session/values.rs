//! The values that options are made of.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use silkroute_core::Cookie;
use url::Url;

use crate::{Blocking, Error, Result};

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
    fn resources_are_those_one_can_do_without_unless_they_are_named() {
        assert!(Resources::default().types().contains(&"Stylesheet"));
        let named: Resources = serde_json::from_value(json!(["image", "web_socket"])).unwrap();
        assert_eq!(named.types(), ["Image", "WebSocket"]);
        assert!(serde_json::from_value::<Resources>(json!(["pictures"])).is_err());
    }
}
