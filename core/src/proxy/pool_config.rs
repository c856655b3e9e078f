//! Proxy pools at rest.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Proxy, ProxyPool, Rotation};

/// Several proxies that share the work.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The proxies.
    proxies: Vec<Proxy>,
    /// Which proxy is next: cyclic, random, or sticky by host.
    #[serde(default)]
    rotation: Rotation,
    /// How long a failing proxy is left out at first.
    #[serde(default = "base", with = "crate::duration")]
    #[schemars(with = "String")]
    cooldown: Duration,
    /// How long a failing proxy is left out at most.
    #[serde(default = "max", with = "crate::duration")]
    #[schemars(with = "String")]
    max_cooldown: Duration,
    /// After how many failures in a row a proxy is left out.
    #[serde(default = "max_failures")]
    max_failures: NonZeroU32,
}

fn base() -> Duration {
    ProxyPool::BASE
}

fn max() -> Duration {
    ProxyPool::MAX
}

fn max_failures() -> NonZeroU32 {
    ProxyPool::MAX_FAILURES
}

/// Credentials included; how the proxies have fared is not.
impl Serialize for ProxyPool {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let config = Config {
            proxies: self.proxies().cloned().collect(),
            rotation: self.rotation,
            cooldown: self.base,
            max_cooldown: self.max,
            max_failures: self.max_failures,
        };
        config.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for ProxyPool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PoolVisitor)
    }
}

struct PoolVisitor;

impl<'de> Visitor<'de> for PoolVisitor {
    type Value = ProxyPool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of proxies, or an object with `proxies`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<ProxyPool, A::Error> {
        let proxies = Vec::<Proxy>::deserialize(SeqAccessDeserializer::new(list))?;
        ProxyPool::new(proxies).map_err(A::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ProxyPool, A::Error> {
        let config = Config::deserialize(MapAccessDeserializer::new(map))?;
        let pool = ProxyPool::new(config.proxies).map_err(A::Error::custom)?;
        Ok(pool
            .rotation(config.rotation)
            .cooldown(config.cooldown, config.max_cooldown)
            .max_failures(config.max_failures))
    }
}

impl JsonSchema for ProxyPool {
    fn schema_name() -> Cow<'static, str> {
        "ProxyPool".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let list = generator.subschema_for::<Vec<Proxy>>();
        let object = Config::json_schema(generator);
        json_schema!({
            "description": "Several proxies that share the work: a list, or an object that also says how.",
            "anyOf": [list, object],
        })
    }
}
