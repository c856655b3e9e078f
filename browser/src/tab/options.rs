//! What a tab can be told: all of it is undone when the tab is used for something else.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use silkroute_core::Proxy;

use super::blocking::Blocking;
use super::capture::CaptureFilter;
use super::refused;
use crate::cdp::RawCommand;
use crate::setup::Setup;
use crate::{Error, Result, TargetInfo, TargetKind};

/// The colour scheme that pages are told the user prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColorScheme {
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// The size of the page. Pages can tell it from the window's, which is why there is none unless asked for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Viewport {
    /// In CSS pixels.
    pub width: u32,
    /// In CSS pixels.
    pub height: u32,
    /// Device pixels for each of them. 0: the browser's own.
    #[serde(default)]
    pub device_scale_factor: f64,
}

/// Where pages are told they are, if they may ask.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Geolocation {
    /// In degrees north.
    pub latitude: f64,
    /// In degrees east.
    pub longitude: f64,
    /// In metres.
    pub accuracy: f64,
}

/// What pages, frames and dedicated workers say the browser is. Shared and service workers only know what the browser was
/// launched with. Without [`metadata`](Self::metadata) no client hints are sent.
#[derive(Debug, Clone, Default)]
pub struct UserAgent {
    /// The `User-Agent`.
    pub user_agent: String,
    /// The accepted languages without weights, such as `de-DE,de`. Told in this way, the header stands before `Accept`, and not
    /// where a browser has it by itself.
    pub accept_language: Option<String>,
    /// `navigator.platform` of pages and frames; workers keep the browser's own.
    pub platform: Option<String>,
    /// The client hints, in the form of the protocol's `Emulation.UserAgentMetadata`.
    pub metadata: Option<Value>,
}

/// What a tab is told before it opens anything. [`Default`] tells it nothing.
#[derive(Clone, Default)]
pub struct TabOptions {
    /// What it says it is.
    pub user_agent: Option<UserAgent>,
    /// The locale of scripts (`Intl`), such as `de-DE`. What is sent and listed in `navigator.languages` is
    /// [`UserAgent::accept_language`].
    pub locale: Option<String>,
    /// The time zone, such as `Europe/Berlin`.
    pub timezone_id: Option<String>,
    /// The size of the page.
    pub viewport: Option<Viewport>,
    /// The preferred colour scheme.
    pub color_scheme: Option<ColorScheme>,
    /// The place.
    pub geolocation: Option<Geolocation>,
    /// Headers for every request of the page. `Referer` belongs into [`Navigation::referrer`](crate::Navigation). What the browser
    /// refuses because it is the connection's is refused here: `Content-Length`, `Host`, `Keep-Alive`, `TE`, `Trailer`,
    /// `Transfer-Encoding`, `Upgrade`, `Cookie2`, `Set-Cookie`, and names that begin with `Proxy-`.
    pub extra_headers: HeaderMap,
    /// Scripts that run in every document before its own, in the page's world.
    pub init_scripts: Vec<String>,
    /// Take any certificate.
    pub ignore_https_errors: bool,
    /// What is not to be loaded.
    pub blocking: Option<Arc<Blocking>>,
    /// Which responses to scripts (`XMLHttpRequest` and `fetch`) to keep, see [`Tab::captured`](crate::Tab::captured).
    pub capture: Option<CaptureFilter>,
    /// A proxy whose user and password answer its question for them. The proxy itself is the context's or the browser's.
    pub proxy_credentials: Option<Proxy>,
    /// Answer a document's question for a user and a password with a refusal, so that its page is shown. A question by what is
    /// in a page waits for somebody to type all the same. Needless where the browser was launched with
    /// [`auth_proxies`](crate::LaunchOptions::auth_proxies) and a fresh profile, which does both.
    pub refuse_auth: bool,
    /// Keep what the page writes to its console. Off by default: it takes a domain of the protocol that a page might notice.
    pub console: bool,
    /// Take nothing from the browser's cache. Besides, two requests for the same URL wait for one another if both use it:
    /// this one then waits for nobody.
    pub bypass_cache: bool,
    /// The longest body, in bytes, that the browser must still have when [`Tab::raw_body`](crate::Tab::raw_body) or
    /// [`Tab::captured`](crate::Tab::captured) asks for it; frames of other sites keep to the default. Default: the browser's own,
    /// some 20 MB.
    pub body_limit: Option<u64>,
    /// What each page, frame and dedicated worker is told beyond that, before it runs.
    pub setup: Setup,
}

impl fmt::Debug for TabOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers and proxies may hold secrets.
        f.debug_struct("TabOptions")
            .field("user_agent", &self.user_agent)
            .field("locale", &self.locale)
            .field("timezone_id", &self.timezone_id)
            .field("viewport", &self.viewport)
            .field("blocking", &self.blocking)
            .finish_non_exhaustive()
    }
}

impl TabOptions {
    pub(super) fn check(&self) -> Result<()> {
        if self.extra_headers.contains_key(http::header::REFERER) {
            return Err(Error::invalid(
                "extra_headers",
                "Chromium blocks requests with a Referer here; use Navigation::referrer",
            ));
        }
        refused::check("extra_headers", &self.extra_headers)
    }

    /// Whether every request that can be blocked, or a question for a user and a password, has to pass by us.
    pub(super) fn intercepts(&self) -> bool {
        self.blocking.as_ref().is_some_and(|blocking| !blocking.is_empty()) || self.answers_auth()
    }

    /// Whether questions for a user and a password pass by us.
    pub(super) fn answers_auth(&self) -> bool {
        let user = self.proxy_credentials.as_ref().and_then(Proxy::username);
        self.refuse_auth || user.is_some()
    }

    /// Patterns of the web sockets that are blocked.
    pub(super) fn blocked_sockets(&self) -> Vec<String> {
        self.blocking
            .as_ref()
            .map(|blocking| blocking.sockets())
            .unwrap_or_default()
    }

    /// What a session is told before its target runs.
    pub(super) fn commands(&self, target: &TargetInfo) -> Result<Vec<RawCommand>> {
        let kind = target.kind();
        let mut commands = Vec::new();
        let mut tell = |method: &'static str, params: Value| -> Result<()> {
            commands.push(RawCommand::new(method, params)?);
            Ok(())
        };
        let (page, frame) = (
            kind == TargetKind::Page,
            matches!(kind, TargetKind::Page | TargetKind::Frame),
        );
        if let Some(agent) = &self.user_agent {
            let domain = if frame {
                "Emulation.setUserAgentOverride"
            } else {
                "Network.setUserAgentOverride"
            };
            tell(domain, agent.params())?;
        }
        if frame {
            if let Some(locale) = &self.locale {
                tell("Emulation.setLocaleOverride", json!({"locale": locale}))?;
            }
            if let Some(zone) = &self.timezone_id {
                tell("Emulation.setTimezoneOverride", json!({"timezoneId": zone}))?;
            }
            if let Some(scheme) = self.color_scheme {
                let value = if scheme == ColorScheme::Dark { "dark" } else { "light" };
                let features = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
                tell("Emulation.setEmulatedMedia", features)?;
            }
            if let Some(place) = self.geolocation {
                let Geolocation {
                    latitude,
                    longitude,
                    accuracy,
                } = place;
                let params = json!({"latitude": latitude, "longitude": longitude, "accuracy": accuracy});
                tell("Emulation.setGeolocationOverride", params)?;
            }
            if self.ignore_https_errors {
                tell("Security.setIgnoreCertificateErrors", json!({"ignore": true}))?;
            }
            if self.console {
                tell("Log.enable", json!({}))?;
                tell("Console.enable", json!({}))?;
            }
        }
        if page && let Some(viewport) = self.viewport {
            let Viewport {
                width,
                height,
                device_scale_factor,
            } = viewport;
            let params =
                json!({"width": width, "height": height, "deviceScaleFactor": device_scale_factor, "mobile": false});
            tell("Emulation.setDeviceMetricsOverride", params)?;
        }
        if !self.extra_headers.is_empty() {
            tell(
                "Network.setExtraHTTPHeaders",
                json!({"headers": header_object(&self.extra_headers)}),
            )?;
        }
        if self.bypass_cache {
            tell("Network.setCacheDisabled", json!({"cacheDisabled": true}))?;
        }
        if let Some(setup) = &self.setup {
            commands.extend(setup.commands(target));
        }
        Ok(commands)
    }

    /// What takes back [`commands`](Self::commands) from a page. What the set-up did stays.
    pub(super) fn undo(&self) -> Result<Vec<RawCommand>> {
        let undo = [
            (
                self.user_agent.is_some(),
                "Emulation.setUserAgentOverride",
                json!({"userAgent": ""}),
            ),
            (self.locale.is_some(), "Emulation.setLocaleOverride", json!({})),
            (
                self.timezone_id.is_some(),
                "Emulation.setTimezoneOverride",
                json!({"timezoneId": ""}),
            ),
            (
                self.color_scheme.is_some(),
                "Emulation.setEmulatedMedia",
                json!({"features": []}),
            ),
            (
                self.geolocation.is_some(),
                "Emulation.clearGeolocationOverride",
                json!({}),
            ),
            (
                self.ignore_https_errors,
                "Security.setIgnoreCertificateErrors",
                json!({"ignore": false}),
            ),
            (self.console, "Log.disable", json!({})),
            (self.console, "Console.disable", json!({})),
            (
                self.viewport.is_some(),
                "Emulation.clearDeviceMetricsOverride",
                json!({}),
            ),
            (
                self.bypass_cache,
                "Network.setCacheDisabled",
                json!({"cacheDisabled": false}),
            ),
            (
                !self.extra_headers.is_empty(),
                "Network.setExtraHTTPHeaders",
                json!({"headers": {}}),
            ),
        ];
        undo.into_iter()
            .filter(|(set, ..)| *set)
            .map(|(_, method, params)| RawCommand::new(method, params))
            .collect()
    }
}

impl UserAgent {
    fn params(&self) -> Value {
        let mut params = json!({"userAgent": self.user_agent});
        if let Some(languages) = &self.accept_language {
            params["acceptLanguage"] = languages.as_str().into();
        }
        if let Some(platform) = &self.platform {
            params["platform"] = platform.as_str().into();
        }
        if let Some(metadata) = &self.metadata {
            params["userAgentMetadata"] = metadata.clone();
        }
        params
    }
}

/// Has the network domain on, and bodies kept up to this length.
pub(super) fn network(body_limit: Option<u64>) -> Result<RawCommand> {
    /// What the browser keeps of all bodies by itself; and the most that the protocol can say.
    const ALL: u64 = 200_000_000;
    const MOST: u64 = i32::MAX as u64;
    let Some(limit) = body_limit else {
        return RawCommand::new("Network.enable", json!({}));
    };
    // Text takes twice its length where one of its characters is beyond Latin-1.
    let one = limit.saturating_mul(2).clamp(ALL / 10, MOST);
    let all = one.saturating_add(ALL).min(MOST);
    let params = json!({"maxResourceBufferSize": one, "maxTotalBufferSize": all});
    RawCommand::new("Network.enable", params)
}

/// Headers as the protocol has them: an object, values of one name joined.
pub(super) fn header_object(headers: &HeaderMap) -> Value {
    let mut object = Map::with_capacity(headers.keys_len());
    for name in headers.keys() {
        let values: Vec<_> = headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        object.insert(name.as_str().to_owned(), values.join(", ").into());
    }
    object.into()
}
