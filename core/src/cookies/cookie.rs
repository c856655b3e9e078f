//! One cookie.

use std::fmt;
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::domain::{self, is_registrable};
use crate::{Error, Result};

/// Name and value together may have this many bytes: RFC 6265bis section 5.6.
pub(super) const MAX_PAIR: usize = 4_096;
/// An attribute's value may have this many bytes: RFC 6265bis section 5.6.
pub(super) const MAX_ATTRIBUTE: usize = 1_024;

/// A cookie, with the field names of Playwright's storage state at rest.
///
/// `Debug` does not show the value.
///
/// ```
/// use silkroute_core::{Cookie, CookieJar};
///
/// # fn main() -> silkroute_core::Result<()> {
/// let mut consent = Cookie::new("consent", "yes", ".shop.test");
/// consent.secure = true;
/// let jar = CookieJar::new();
/// jar.insert(consent)?;
/// let url = "https://www.shop.test/".parse().unwrap();
/// assert_eq!(jar.header(&url).unwrap(), "consent=yes");
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cookie {
    /// The name. Empty for the cookies that have none, which are sent as their value alone.
    pub name: String,
    /// The value, as it was sent: quotes and percent signs are part of it.
    pub value: String,
    /// The host it goes to. With a leading `.` it goes to the subdomains as well, without to this host alone.
    pub domain: String,
    /// The path below which it is sent; `/` when nothing is said.
    #[serde(default = "root")]
    pub path: String,
    /// When it ends; `None`: with the session. At rest in seconds since 1970, to the millisecond, and -1 for `None`.
    #[serde(default, with = "super::serde_form::expires")]
    pub expires: Option<SystemTime>,
    /// Whether scripts must not see it.
    #[serde(default)]
    pub http_only: bool,
    /// Whether it is only sent where nobody can listen.
    #[serde(default)]
    pub secure: bool,
    /// When a browser sends it along with requests that another site causes; `None`: nothing was said. A [`CookieJar`]
    /// keeps it for the browser's sake and does not act on it: what it sends is asked for by the user, not by a site. `None`
    /// without `secure` alone is not taken from a response, as in Chrome.
    ///
    /// [`CookieJar`]: super::CookieJar
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_site: Option<SameSite>,
    /// What a storage state says of it beyond that, such as `partitionKey`; kept as it is.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

fn root() -> String {
    "/".to_owned()
}

impl Cookie {
    /// A cookie for all paths of a domain, that ends with the session. See [`domain`](Self::domain) for the leading `.`.
    pub fn new(name: impl Into<String>, value: impl Into<String>, domain: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            domain: domain.into(),
            path: root(),
            expires: None,
            http_only: false,
            secure: false,
            same_site: None,
            other: Map::new(),
        }
    }

    /// The domain without its leading dot.
    pub(super) fn host(&self) -> &str {
        self.domain.strip_prefix('.').unwrap_or(&self.domain)
    }

    /// Whether it goes to its own host alone.
    pub(super) fn is_host_only(&self) -> bool {
        !self.domain.starts_with('.')
    }

    pub(super) fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }

    /// Whether both cannot be in one jar: the newer replaces the older.
    pub(super) fn has_key(&self, domain: &str, path: &str, name: &str) -> bool {
        self.name == name && self.domain == domain && self.path == path
    }

    /// Takes the leading `.` from a domain that no cookie may reach all of. The browser that wrote a storage state may
    /// know another edition of the public suffix list.
    pub(super) fn narrowed(mut self) -> Self {
        if !self.is_host_only() && domain::canonical(self.host()).is_some_and(|host| !is_registrable(&host)) {
            self.domain.remove(0);
        }
        self
    }

    /// Checks a cookie that did not come from a server and writes its domain the one way.
    pub(super) fn checked(mut self) -> Result<Self> {
        let what = || {
            format!(
                "the cookie `{}` of `{}`",
                self.name.escape_debug(),
                self.domain.escape_debug()
            )
        };
        let refused = |reason: &str| Err(Error::invalid(what(), reason));
        if let Err(reason) = check_pair(&self.name, &self.value) {
            return refused(reason);
        }
        if self.name.is_empty() && self.value.is_empty() {
            return refused("it has neither a name nor a value");
        }
        if self.name.len() + self.value.len() > MAX_PAIR {
            return refused("name and value have more than 4096 bytes, which no browser keeps");
        }
        let path_is_text = self
            .path
            .bytes()
            .all(|byte| byte >= b' ' && byte != b';' && byte != 0x7f);
        if !self.path.starts_with('/') || !path_is_text || self.path.len() > MAX_ATTRIBUTE {
            return refused(
                "its path must begin with `/`, hold neither `;` nor a control character, and have at most 1024 bytes",
            );
        }
        let Some(host) = domain::canonical(self.host()) else {
            return refused("its domain must be a host such as `shop.test`, or `.shop.test` to include subdomains");
        };
        let host_only = self.is_host_only();
        if !host_only && !is_registrable(&host) {
            return refused(
                "no cookie reaches all that is below this domain: name a host below it, or leave the leading `.` away",
            );
        }
        if let Err(reason) = check_prefix(&self.name, &self.value, self.secure, host_only && self.path == "/") {
            return refused(reason);
        }
        self.domain = if host_only { host } else { format!(".{host}") };
        Ok(self)
    }
}

/// Whether name and value can stand in a `Cookie` header.
pub(super) fn check_pair(name: &str, value: &str) -> Result<(), &'static str> {
    let is_control = |byte: u8| (byte < b' ' && byte != b'\t') || byte == 0x7f;
    if name
        .bytes()
        .any(|byte| is_control(byte) || byte == b'=' || byte == b';')
    {
        Err("its name holds `=`, `;` or a control character")
    } else if value.bytes().any(|byte| is_control(byte) || byte == b';') {
        Err("its value holds `;` or a control character; percent-encode it")
    } else if name.trim() != name || value.trim() != value {
        Err("its name or value begins or ends with a space, which a server would not see; percent-encode it")
    } else {
        Ok(())
    }
}

/// What the name's prefix promises: RFC 6265bis section 4.1.3. A cookie without a name must not pretend to one.
pub(super) fn check_prefix(name: &str, value: &str, secure: bool, whole_host: bool) -> Result<(), &'static str> {
    let begins = |prefix: &str| {
        let subject = if name.is_empty() { value } else { name };
        subject
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    match (begins("__Host-"), begins("__Secure-")) {
        (false, false) => Ok(()),
        _ if name.is_empty() => Err("a cookie without a name must not have a value that begins like a prefixed one"),
        (true, _) if !(secure && whole_host) => {
            Err("the prefix `__Host-` takes a secure cookie, with the path `/` and a domain without a leading `.`")
        }
        (_, true) if !secure => Err("the prefix `__Secure-` takes a secure cookie"),
        _ => Ok(()),
    }
}

/// Shows all but the value.
impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cookie")
            .field("name", &self.name)
            .field("domain", &self.domain)
            .field("path", &self.path)
            .field("expires", &self.expires)
            .field("http_only", &self.http_only)
            .field("secure", &self.secure)
            .field("same_site", &self.same_site)
            .finish_non_exhaustive()
    }
}

/// When a browser sends a cookie along with a request that another site causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum SameSite {
    /// Never.
    Strict,
    /// When the user follows a link.
    Lax,
    /// Always.
    None,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn refusal(cookie: Cookie) -> String {
        cookie.checked().unwrap_err().to_string()
    }

    #[test]
    fn at_rest_it_has_playwrights_shape() {
        let text = r#"{"name":"sid","value":"1","domain":".shop.test","path":"/","expires":1735689600.5,"httpOnly":true,"secure":true,"sameSite":"Lax","partitionKey":"https://a.test"}"#;
        let cookie: Cookie = serde_json::from_str(text).unwrap();
        assert_eq!(
            cookie.expires,
            Some(UNIX_EPOCH + Duration::from_millis(1_735_689_600_500))
        );
        assert_eq!(serde_json::to_string(&cookie).unwrap(), text);
        let session: Cookie = serde_json::from_str(r#"{"name":"a","value":"b","domain":"h","expires":-1}"#).unwrap();
        assert_eq!(session, Cookie::new("a", "b", "h"));
    }

    #[test]
    fn debug_does_not_show_the_value() {
        let shown = format!("{:?}", Cookie::new("sid", "hush", "shop.test"));
        assert!(shown.contains("sid") && !shown.contains("hush"), "{shown}");
    }

    #[test]
    fn what_cannot_be_is_told_why() {
        assert!(refusal(Cookie::new("a;b", "c", "h.test")).contains("`;`"));
        assert!(refusal(Cookie::new("a", "b\r\nX: y", "h.test")).contains("percent-encode"));
        assert!(refusal(Cookie::new("a", "b", "")).contains("domain"));
        assert!(refusal(Cookie::new("a", "b", ".com")).contains("leading `.`"));
        assert!(refusal(Cookie::new("a", "b", ".github.io")).contains("leading `.`"));
        assert!(refusal(Cookie::new("a", "b".repeat(5_000), "h.test")).contains("4096"));
        assert!(refusal(Cookie::new("__Host-a", "b", "h.test")).contains("__Host-"));
        let mut pathless = Cookie::new("a", "hush", "h.test");
        pathless.path = "x".into();
        let told = refusal(pathless);
        assert!(told.contains("`/`") && !told.contains("hush"), "{told}");
    }

    #[test]
    fn domains_are_written_one_way() {
        let domain = |text: &str| Cookie::new("a", "b", text).checked().unwrap().domain;
        assert_eq!(domain(".SHOP.test"), ".shop.test");
        assert_eq!(domain("bücher.test"), "xn--bcher-kva.test");
        assert_eq!(domain("localhost"), "localhost");
        assert_eq!(domain("[::1]"), "[::1]");
        assert_eq!(domain("::1"), "[::1]");
    }
}
