//! Reading a proxy from text.

use std::str::FromStr;

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::{Proxy, ProxyScheme};
use crate::{Error, Result};

impl FromStr for Proxy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let refused = |reason: &str| Error::invalid(format!("the proxy `{}`", shown(text)), reason);
        let (scheme, rest) = match split_scheme(text) {
            Some((scheme, rest)) => (Some(scheme_of(scheme).map_err(|reason| refused(&reason))?), rest),
            None => (None, text),
        };
        // With a scheme that `url` knows nothing of, it leaves host and port as they stand.
        let form =
            "write it as http://user:password@host:port, with what is special in user and password percent-encoded";
        let parsed = Url::parse(&format!("proxy://{rest}")).map_err(|error| refused(&format!("{error}; {form}")))?;
        if !matches!(parsed.path(), "" | "/") || parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(refused(&format!("something follows host and port; {form}")));
        }
        let host = parsed.host_str().filter(|host| !host.is_empty());
        let host = Host::parse(host.ok_or_else(|| refused(&format!("it names no host; {form}")))?)
            .map_err(|error| refused(&format!("{error}; {form}")))?
            .to_string();
        let port = match (parsed.port(), scheme) {
            (Some(0), _) => return Err(refused("port 0 cannot be connected to")),
            (Some(port), _) => port,
            (None, Some(scheme)) => scheme.default_port(),
            (None, None) => {
                return Err(refused(
                    "it has neither a scheme nor a port; write it as http://host:port",
                ));
            }
        };
        let decoded = |text: &str| match percent_decode_str(text).decode_utf8() {
            Ok(text) => Ok(text.into_owned()),
            Err(_) => Err(refused("user or password is not UTF-8 once percent-decoded")),
        };
        let password = parsed.password().map(decoded).transpose()?;
        let username = match parsed.username() {
            "" if password.is_none() => None,
            username => Some(decoded(username)?),
        };
        let scheme = scheme.unwrap_or(ProxyScheme::Http);
        let url = bare_url(scheme, &host, port).ok_or_else(|| refused(form))?;
        let bare = Self {
            scheme,
            host,
            port,
            username: None,
            password: None,
            url,
        };
        Ok(bare.with(username, password))
    }
}

impl Proxy {
    /// The same proxy with these credentials, or without.
    pub(super) fn with(mut self, username: Option<String>, password: Option<String>) -> Self {
        // In a URL, none and an empty one are the same.
        self.password = password.filter(|password| !password.is_empty());
        self.username = username.filter(|username| !username.is_empty() || self.password.is_some());
        // Neither can fail: the URL has a host, and is of a scheme that takes credentials.
        let _ = self
            .url
            .set_username(self.username.as_deref().map(encoded).unwrap_or_default().as_str());
        let _ = self.url.set_password(self.password.as_deref().map(encoded).as_deref());
        self
    }
}

/// Percent-encodes the percent sign as well, which [`Url`] leaves alone for it might be encoded already.
fn encoded(text: &str) -> String {
    text.replace('%', "%25")
}

fn bare_url(scheme: ProxyScheme, host: &str, port: u16) -> Option<Url> {
    Url::parse(&format!("{scheme}://{host}:{port}")).ok()
}

fn scheme_of(text: &str) -> Result<ProxyScheme, String> {
    let found = ProxyScheme::ALL
        .into_iter()
        .find(|scheme| text.eq_ignore_ascii_case(scheme.as_str()));
    found.ok_or_else(|| {
        format!("proxies of scheme `{text}` are not spoken to; there are http, https, socks5 and socks5h")
    })
}

/// A `://` may also be part of a password: what stands before it must look like a scheme.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let looks_like_one = |scheme: &str| {
        scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    text.split_once("://").filter(|(scheme, _)| looks_like_one(scheme))
}

/// As much of a text as cannot be a credential, whichever way it was meant to be written: `user:pass@host:port`,
/// `host:port@user:pass` and `host:port:user:pass` are all in use.
fn shown(text: &str) -> String {
    let (scheme, rest) = match split_scheme(text) {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    if rest.contains('@') {
        return format!("{scheme}***");
    }
    match rest.match_indices(':').nth(1) {
        Some((second, _)) => format!("{scheme}{}:***", &rest[..second]),
        None => format!("{scheme}{rest}"),
    }
    .escape_debug()
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Proxy {
        text.parse().unwrap()
    }

    fn refusal(text: &str) -> String {
        text.parse::<Proxy>().unwrap_err().to_string()
    }

    #[test]
    fn the_usual_forms_are_read() {
        assert_eq!(read("http://Proxy.Test:8080").label(), "http://proxy.test:8080");
        assert_eq!(read("proxy.test:8080").label(), "http://proxy.test:8080");
        assert_eq!(read("10.0.0.1:3128/").label(), "http://10.0.0.1:3128");
        assert_eq!(read("http://proxy.test").port(), 80);
        assert_eq!(read("https://proxy.test").port(), 443);
        assert_eq!(read("SOCKS5://[::1]").label(), "socks5://[::1]:1080");
        assert_eq!(read("socks5h://bücher.test:9050").host(), "xn--bcher-kva.test");
        let with_user = read("user:secret@proxy.test:80");
        assert_eq!(with_user.username().as_deref(), Some("user"));
        assert_eq!(with_user.url().as_str(), "http://user:secret@proxy.test/");
    }

    #[test]
    fn credentials_come_out_as_they_went_in() {
        for (user, password) in [
            ("u", "p@ss:/?#%41 é"),
            ("", "p"),
            ("u%40", ""),
            ("a-b_session-1", "100%"),
        ] {
            for text in ["http://h.test:1", "socks5://h.test:1"] {
                let proxy = read(text).with_credentials(user, password);
                assert_eq!(proxy.username().as_deref(), Some(user));
                assert_eq!(proxy.password().unwrap_or_default(), password);
                let again = read(proxy.url().as_str());
                assert_eq!(again.password().unwrap_or_default(), password, "{}", proxy.url());
                assert_eq!(again.username().unwrap_or_default(), user, "{}", proxy.url());
            }
        }
        assert_eq!(read("http://u:p@h:1"), read("http://h:1").with_credentials("u", "p"));
        assert_ne!(read("http://u:p@h:1"), read("http://h:1"));
    }

    #[test]
    fn what_cannot_be_is_told_without_the_password() {
        for (text, hint) in [
            ("ftp://u:hush@h:1", "socks5h"),
            ("http://u:hu/sh@h:1", "percent-encoded"),
            ("http://u:hush@h:99999", "port"),
            ("h:80:u:hush", "percent-encoded"),
            ("h:80@u:hush", "percent-encoded"),
            ("http://u:hush@", "host"),
            ("u:hush://@h", "percent-encoded"),
            ("", "host"),
            ("proxy.test", "port"),
            ("http://h:0", "port 0"),
            ("http://h:1/path", "follows"),
            ("http://h:1?hush@", "follows"),
        ] {
            let told = refusal(text);
            assert!(told.contains(hint) && !told.contains("hush"), "{text}: {told}");
        }
    }

    #[test]
    fn debug_and_display_have_no_credentials() {
        let proxy = read("http://user:hush@h.test:1");
        assert_eq!(format!("{proxy:?} {proxy}"), "Proxy(http://h.test:1) http://h.test:1");
    }
}
