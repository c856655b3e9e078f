//! What a block is.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use silkroute_core::Response;

use super::shell::looks_like_a_shell;

/// A challenge says what it is near its beginning, and is short.
const LOOK_AT: usize = 128 * 1024;

/// Headers with which a challenge names itself: Cloudflare's "Detect a Challenge Page response" and the actions of AWS
/// WAF, as their makers document them, and what Vercel's firewall sends with its checkpoint.
const HEADERS: [(&str, &str); 4] = [
    ("cf-mitigated", "challenge"),
    ("x-vercel-mitigated", "challenge"),
    ("x-amzn-waf-action", "challenge"),
    ("x-amzn-waf-action", "captcha"),
];

/// What stands in the interstitials of Cloudflare, Imperva, HUMAN, DataDome, Distil and Anubis, and not in the pages behind
/// them.
const MARKERS: [&str; 7] = [
    "<title>Just a moment...</title>",
    "window._cf_chl_opt",
    "Request unsuccessful. Incapsula incident ID",
    "id=\"px-captcha\"",
    "https://geo.captcha-delivery.com/",
    "<title>Pardon Our Interruption</title>",
    "<script id=\"anubis_challenge\"",
];

type Predicate = dyn Fn(&dyn Response) -> Option<String> + Send + Sync;

/// Tells the page from what stands in its place. What its session itself [knows to be none](silkroute_core::ResponseParts::blocked)
/// is a block always. By default so is:
///
/// * a header with which Cloudflare, Vercel or AWS WAF says that this is a challenge;
/// * a text that stands in the interstitials of Cloudflare, Imperva, HUMAN, DataDome, Distil and Anubis, also with status 200;
/// * status 403, 429 or 503. The last two say "not now": they are [waited for](BlockReason::says_later) first;
/// * HTML without content;
/// * HTML that scripts would have to fill: scripts, and hardly any text.
///
/// The last two, and what is [too small](Self::min_bytes), are suspicions: where the last rung gets the same, it is the
/// page.
#[derive(Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlockDetection {
    statuses: Vec<u16>,
    headers: Vec<(String, Option<String>)>,
    markers: Vec<String>,
    min_bytes: usize,
    empty: bool,
    script_shell: bool,
    #[serde(skip)]
    predicate: Option<Arc<Predicate>>,
}

impl Default for BlockDetection {
    fn default() -> Self {
        let mut detection = Self::none().statuses([403, 429, 503]).empty(true).script_shell(true);
        detection.headers = HEADERS
            .map(|(name, value)| (name.to_owned(), Some(value.to_owned())))
            .into();
        detection.markers = MARKERS.map(str::to_owned).into();
        detection
    }
}

impl BlockDetection {
    /// Nothing is a block.
    pub fn none() -> Self {
        Self {
            statuses: Vec::new(),
            headers: Vec::new(),
            markers: Vec::new(),
            min_bytes: 0,
            empty: false,
            script_shell: false,
            predicate: None,
        }
    }

    /// These statuses are blocks, in place of those that were.
    #[must_use]
    pub fn statuses(mut self, statuses: impl IntoIterator<Item = u16>) -> Self {
        self.statuses = statuses.into_iter().collect();
        self
    }

    /// A response with this header is a block, besides what is one already; with a value, where the header has it, whatever
    /// its case.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: Option<&str>) -> Self {
        self.headers.push((name.into(), value.map(str::to_owned)));
        self
    }

    /// A response with this text in its first 128 KiB is a block, besides what is one already. Case counts.
    #[must_use]
    pub fn marker(mut self, text: impl Into<String>) -> Self {
        self.markers.push(text.into());
        self
    }

    /// HTML of fewer bytes is not the page; 0.
    #[must_use]
    pub fn min_bytes(mut self, bytes: usize) -> Self {
        self.min_bytes = bytes;
        self
    }

    /// Whether HTML without content is not the page.
    #[must_use]
    pub fn empty(mut self, empty: bool) -> Self {
        self.empty = empty;
        self
    }

    /// Whether HTML that scripts would have to fill is not the page.
    #[must_use]
    pub fn script_shell(mut self, shell: bool) -> Self {
        self.script_shell = shell;
        self
    }

    /// Asks this as well, last: `Some` with a short reason is a block. Reasons are counted in the statistics, so keep them
    /// few. It is not part of the detection as data.
    #[must_use]
    pub fn predicate(mut self, predicate: impl Fn(&dyn Response) -> Option<String> + Send + Sync + 'static) -> Self {
        self.predicate = Some(Arc::new(predicate));
        self
    }

    /// Why a response is a block, if it is one.
    pub fn reason(&self, response: &dyn Response) -> Option<BlockReason> {
        if let Some(kind) = response.blocked() {
            return Some(BlockReason::Challenge(kind.to_owned()));
        }
        let has = |(name, value): &&(String, Option<String>)| {
            let mut values = response.headers().get_all(name.as_str()).iter();
            values.any(|found| match value {
                Some(value) => found
                    .to_str()
                    .is_ok_and(|found| found.trim().eq_ignore_ascii_case(value)),
                None => true,
            })
        };
        if let Some((name, _)) = self.headers.iter().find(has) {
            return Some(BlockReason::Header(name.clone()));
        }
        let body = response.body();
        let beginning = &body[..body.len().min(LOOK_AT)];
        if let Some(marker) = self
            .markers
            .iter()
            .find(|marker| contains(beginning, marker.as_bytes()))
        {
            return Some(BlockReason::Marker(marker.clone()));
        }
        let status = response.status().as_u16();
        if self.statuses.contains(&status) {
            return Some(BlockReason::Status(status));
        }
        // What is no page of the site's, or no HTML, is as it is.
        if response.status().is_success() && is_html(response) {
            if self.empty && body.trim_ascii().is_empty() {
                return Some(BlockReason::Empty);
            }
            if body.len() < self.min_bytes {
                return Some(BlockReason::TooSmall);
            }
            if self.script_shell && looks_like_a_shell(body) {
                return Some(BlockReason::ScriptShell);
            }
        }
        self.predicate
            .as_ref()
            .and_then(|ask| ask(response))
            .map(BlockReason::Predicate)
    }
}

/// Why a response is a block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BlockReason {
    /// Its session met a challenge of this kind and did not pass it.
    Challenge(String),
    /// Its status.
    Status(u16),
    /// It has this header.
    Header(String),
    /// This text is in it.
    Marker(String),
    /// It is HTML without content.
    Empty,
    /// It is smaller than pages are.
    TooSmall,
    /// It is HTML that scripts would have to fill.
    ScriptShell,
    /// What the predicate said.
    Predicate(String),
}

impl BlockReason {
    /// Whether it says "not now" rather than "not you": status 429 or 503 and nothing else. A request limit is no other for
    /// the next session, so such a request is sent again where it is, once, after the `Retry-After` of the response or what
    /// [`blocked_retry`](crate::Settings::blocked_retry) waits. If it gets the same again it climbs.
    pub fn says_later(&self) -> bool {
        matches!(self, Self::Status(429 | 503))
    }

    /// Whether it may be the page all the same.
    pub fn is_suspicion(&self) -> bool {
        matches!(self, Self::Empty | Self::TooSmall | Self::ScriptShell)
    }
}

impl fmt::Display for BlockReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Challenge(kind) => write!(f, "challenge {kind}"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Header(name) => write!(f, "header {name}"),
            Self::Marker(text) => write!(f, "marker {text}"),
            Self::Empty => f.write_str("empty"),
            Self::TooSmall => f.write_str("too small"),
            Self::ScriptShell => f.write_str("script shell"),
            Self::Predicate(reason) => f.write_str(reason),
        }
    }
}

impl fmt::Debug for BlockDetection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockDetection")
            .field("statuses", &self.statuses)
            .field("headers", &self.headers)
            .field("markers", &self.markers)
            .field("min_bytes", &self.min_bytes)
            .field("empty", &self.empty)
            .field("script_shell", &self.script_shell)
            .field("predicate", &self.predicate.is_some())
            .finish()
    }
}

fn is_html(response: &dyn Response) -> bool {
    match response.header("content-type") {
        Some(kind) => {
            let kind = kind.split(';').next().unwrap_or(kind).trim();
            kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml")
        }
        None => false,
    }
}

fn contains(body: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(body, text).is_some()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use silkroute_core::ResponseParts;

    use super::*;

    #[derive(Debug)]
    struct Answer(ResponseParts);

    impl Response for Answer {
        fn parts(&self) -> &ResponseParts {
            &self.0
        }
        fn parts_mut(&mut self) -> &mut ResponseParts {
            &mut self.0
        }
    }

    fn html(status: u16, body: &str) -> Answer {
        let url = "http://shop.test/".parse().unwrap();
        let mut parts = ResponseParts::new(StatusCode::from_u16(status).unwrap(), url);
        parts
            .headers
            .insert("content-type", "text/html; charset=utf-8".parse().unwrap());
        parts.body = body.to_owned().into();
        Answer(parts)
    }

    const PAGE: &str = "<html><body><h1>Shoes</h1><p>Walking shoes, boots and sandals for every season, in all sizes \
        from 36 to 47, sent within two days of your order.</p><script src=/app.js></script></body></html>";

    #[test]
    fn by_default_status_header_marker_and_emptiness_are_seen() {
        let detection = BlockDetection::default();
        let reason = |answer: &Answer| detection.reason(answer).map(|reason| reason.to_string());
        assert_eq!(reason(&html(200, PAGE)), None);
        assert_eq!(reason(&html(404, "<p>no such page")), None);
        assert_eq!(reason(&html(403, PAGE)).unwrap(), "status 403");
        let mut challenge = html(200, PAGE);
        challenge.0.headers.insert("cf-mitigated", "Challenge".parse().unwrap());
        assert_eq!(reason(&challenge).unwrap(), "header cf-mitigated");
        let interstitial = html(200, "<html><head><title>Just a moment...</title></head>");
        assert_eq!(reason(&interstitial).unwrap(), "marker <title>Just a moment...</title>");
        let mut checkpoint = html(429, PAGE);
        assert!(detection.reason(&checkpoint).unwrap().says_later());
        let mitigated = "challenge".parse().unwrap();
        checkpoint.0.headers.insert("x-vercel-mitigated", mitigated);
        let told = detection.reason(&checkpoint).unwrap();
        assert_eq!(
            told.to_string(),
            "header x-vercel-mitigated",
            "what says more counts more"
        );
        assert!(!told.says_later());
        let anubis = format!("<script id=\"anubis_challenge\" type=\"application/json\">{{}}</script>{PAGE}");
        assert_eq!(
            reason(&html(200, &anubis)).unwrap(),
            "marker <script id=\"anubis_challenge\""
        );
        assert_eq!(reason(&html(200, " \n")).unwrap(), "empty");
        assert_eq!(
            reason(&html(200, "<div id=root></div><script src=/app.js></script>")).unwrap(),
            "script shell"
        );
        let mut json = html(200, "");
        json.0
            .headers
            .insert("content-type", "application/json".parse().unwrap());
        assert_eq!(reason(&json), None, "only HTML is expected to have content");
    }

    #[test]
    fn each_way_of_telling_can_be_set() {
        let seen = |detection: BlockDetection, answer: &Answer| detection.reason(answer);
        let none = BlockDetection::none;
        assert_eq!(seen(none(), &html(403, "")), None);
        assert_eq!(
            seen(none().statuses([418]), &html(418, "")),
            Some(BlockReason::Status(418))
        );
        assert_eq!(
            seen(none().min_bytes(10_000), &html(200, PAGE)),
            Some(BlockReason::TooSmall)
        );
        assert_eq!(
            seen(none().marker("boots and"), &html(200, PAGE)),
            Some(BlockReason::Marker("boots and".into()))
        );
        let header = none().header("content-type", None);
        assert_eq!(
            seen(header, &html(200, PAGE)),
            Some(BlockReason::Header("content-type".into()))
        );
        let mut known = html(200, PAGE);
        known.0.blocked = Some("managed".to_owned());
        assert_eq!(seen(none(), &known), Some(BlockReason::Challenge("managed".into())));
        let own = none().predicate(|response| (response.url().path() == "/").then(|| "the home page".to_owned()));
        let reason = seen(own, &html(200, PAGE)).unwrap();
        assert_eq!(
            (reason.to_string().as_str(), reason.is_suspicion()),
            ("the home page", false)
        );
    }

    #[test]
    fn it_is_data() {
        let detection = BlockDetection::default().marker("Access denied");
        let json = serde_json::to_value(&detection).unwrap();
        let back: BlockDetection = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(serde_json::to_value(&back).unwrap(), json);
        let some: BlockDetection = serde_json::from_str(r#"{"statuses": [403]}"#).unwrap();
        assert_eq!(some.markers.len(), MARKERS.len(), "what is not said is as by default");
        assert!(serde_json::from_str::<BlockDetection>(r#"{"status": [403]}"#).is_err());
    }
}
