//! Proxies at rest.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Proxy;

/// The whole URL, credentials included.
impl Serialize for Proxy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.url.as_str().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Proxy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ProxyVisitor)
    }
}

/// Playwright's form.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    server: Proxy,
    username: Option<String>,
    password: Option<String>,
}

struct ProxyVisitor;

impl<'de> Visitor<'de> for ProxyVisitor {
    type Value = Proxy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a proxy such as \"http://user:password@host:port\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Proxy, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Proxy, A::Error> {
        let Parts {
            server,
            username,
            password,
        } = Parts::deserialize(MapAccessDeserializer::new(map))?;
        if username.is_none() && password.is_none() {
            return Ok(server);
        }
        if server.username().is_some() {
            return Err(A::Error::custom(
                "the proxy's credentials are given twice: in `server` and beside it",
            ));
        }
        Ok(server.with(username.or_else(|| Some(String::new())), password))
    }
}

impl JsonSchema for Proxy {
    fn schema_name() -> Cow<'static, str> {
        "Proxy".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A proxy: http://user:password@host:port, or https, socks5, socks5h.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Proxy, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn it_comes_back_with_its_credentials() {
        let proxy: Proxy = "socks5://u:p%40%25@h.test:1".parse().unwrap();
        let text = serde_json::to_string(&proxy).unwrap();
        assert_eq!(read(&text).unwrap(), proxy, "{text}");
    }

    #[test]
    fn playwrights_form_is_read() {
        let proxy = read(r#"{"server": "h.test:3128", "username": "u", "password": "p@"}"#).unwrap();
        assert_eq!(proxy, "http://u:p%40@h.test:3128".parse().unwrap());
        assert_eq!(
            read(r#"{"server": "http://u:p@h:1"}"#).unwrap(),
            "http://u:p@h:1".parse().unwrap()
        );
    }

    #[test]
    fn mistakes_are_told_without_the_password() {
        assert!(
            read(r#"{"server": "http://u:hush@h:1", "password": "hush"}"#)
                .unwrap_err()
                .contains("twice")
        );
        assert!(
            read(r#"{"server": "h:1", "bypass": "*"}"#)
                .unwrap_err()
                .contains("`bypass`")
        );
        assert!(read("3").unwrap_err().contains("http://user:password@host:port"));
        assert!(!read(r#""ftp://u:hush@h""#).unwrap_err().contains("hush"));
    }
}
