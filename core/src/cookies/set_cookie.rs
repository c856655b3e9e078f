//! Reading a `Set-Cookie` header: RFC 6265bis sections 5.6 and 5.7.
//!
//! The crates that parse it fall short of what the jar promises: `cookie` 0.18 reads four shapes of date, takes an
//! empty `Max-Age` for one without end and refuses cookies without a name; `cookie_store` 0.22 stands on it, scans the
//! cookies of all hosts at each look-up, and has neither the order of the `Cookie` header nor the name prefixes.

use std::time::{Duration, SystemTime};

use url::Url;

use super::cookie::{Cookie, MAX_ATTRIBUTE, MAX_PAIR, SameSite, check_pair, check_prefix};
use super::{date, domain};

/// No cookie lives longer from the time it was set: RFC 6265bis section 5.5.
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The cookie that a header from this URL sets, or `None` when it must be ignored.
pub(super) fn parse(header: &str, url: &Url, now: SystemTime) -> Option<Cookie> {
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let mut fields = header.split(';');
    let (name, value) = fields.next().map(pair)?;
    if (name.is_empty() && value.is_empty()) || name.len() + value.len() > MAX_PAIR || check_pair(name, value).is_err()
    {
        return None;
    }
    let attributes = Attributes::read(fields);
    let trustworthy = domain::is_trustworthy(url);
    if attributes.secure && !trustworthy {
        return None;
    }
    if attributes.same_site == Some(SameSite::None) && !attributes.secure {
        return None;
    }
    let domain = domain_for(host, attributes.domain)?;
    let path = attributes
        .path
        .filter(|path| path.starts_with('/'))
        .unwrap_or_else(|| domain::default_path(url));
    let mut cookie = Cookie::new(name, value, domain);
    let whole_host = cookie.is_host_only() && attributes.domain.is_none_or(str::is_empty) && path == "/";
    check_prefix(name, value, attributes.secure, whole_host).ok()?;
    path.clone_into(&mut cookie.path);
    cookie.expires = attributes.end(now);
    cookie.http_only = attributes.http_only;
    cookie.secure = attributes.secure;
    cookie.same_site = attributes.same_site;
    Some(cookie)
}

/// The domain to file a cookie under, `None` if the host may not set it for the one it names.
fn domain_for(host: &str, attribute: Option<&str>) -> Option<String> {
    let Some(named) = attribute.filter(|named| !named.is_empty()) else {
        return Some(host.to_owned());
    };
    let named = domain::canonical(named)?;
    if !domain::is_registrable(&named) {
        // A public suffix, an address or a single word: nothing below it belongs together.
        return (named == host).then_some(named);
    }
    domain::is_within(host, &named).then(|| format!(".{named}"))
}

#[derive(Default)]
struct Attributes<'a> {
    domain: Option<&'a str>,
    path: Option<&'a str>,
    expires: Option<SystemTime>,
    max_age: Option<Result<Duration, Past>>,
    secure: bool,
    http_only: bool,
    same_site: Option<SameSite>,
}

/// An age of nothing or less: the cookie is over.
#[derive(Clone, Copy)]
struct Past;

impl<'a> Attributes<'a> {
    /// Reads them; of several with the same name the last counts.
    fn read(fields: impl Iterator<Item = &'a str>) -> Self {
        let mut read = Self::default();
        for field in fields {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            let (name, value) = (trim(name), trim(value));
            if value.len() > MAX_ATTRIBUTE {
                continue;
            }
            match name.to_ascii_lowercase().as_str() {
                "domain" => read.domain = Some(value.strip_prefix('.').unwrap_or(value)),
                "path" => read.path = Some(value),
                "expires" => read.expires = date::parse(value).or(read.expires),
                "max-age" => read.max_age = age(value).or(read.max_age),
                "secure" => read.secure = true,
                "httponly" => read.http_only = true,
                "samesite" => read.same_site = same_site(value),
                _ => {}
            }
        }
        read
    }

    /// When the cookie ends. `Max-Age` beats `Expires`, and neither reaches further than [`MAX_AGE`].
    fn end(&self, now: SystemTime) -> Option<SystemTime> {
        match self.max_age {
            Some(Ok(age)) => Some(now + age.min(MAX_AGE)),
            Some(Err(Past)) => Some(SystemTime::UNIX_EPOCH),
            None => self.expires.map(|end| end.min(now + MAX_AGE)),
        }
    }
}

fn age(value: &str) -> Option<Result<Duration, Past>> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More digits than a number holds are more than MAX_AGE as well.
    let seconds = digits.parse().unwrap_or(u64::MAX);
    let over = digits.len() < value.len() || seconds == 0;
    Some(if over {
        Err(Past)
    } else {
        Ok(Duration::from_secs(seconds))
    })
}

fn same_site(value: &str) -> Option<SameSite> {
    [
        ("strict", SameSite::Strict),
        ("lax", SameSite::Lax),
        ("none", SameSite::None),
    ]
    .into_iter()
    .find_map(|(name, policy)| value.eq_ignore_ascii_case(name).then_some(policy))
}

/// Name and value; a cookie without `=` is a value without a name.
fn pair(field: &str) -> (&str, &str) {
    let (name, value) = field.split_once('=').unwrap_or(("", field));
    (trim(name), trim(value))
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
