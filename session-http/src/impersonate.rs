//! Whom a session impersonates, as users say it.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use silkroute_core::{Error, Identity, IdentityName, Result};

use crate::profile::{self, Profile};

/// Whom a session, or one request, impersonates.
///
/// In a configuration it is a name (`"chrome"`, `"firefox133"`, `"chrome131_android"`), a whole identity
/// (`{ browser = "chrome", os = "windows", locale = "de-DE" }`), a list of these, or `"none"`.
///
/// ```
/// use silkroute_core::{Identity, identity::Os};
/// use silkroute_session_http::{HttpSession, Impersonate};
///
/// # fn main() -> silkroute_core::Result<()> {
/// let by_name = HttpSession::builder().impersonate("firefox133").build()?;
/// let whole = HttpSession::builder().impersonate(Identity::from_name("chrome")?.os(Os::Windows).locale("de-DE")).build()?;
/// let one_of = HttpSession::builder().impersonate(Impersonate::any_of(["chrome", "edge", "safari"])).build()?;
/// assert!(HttpSession::builder().impersonate("chrome999").build().is_err());
/// # let _ = (by_name, whole, one_of);
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Impersonate {
    /// Nobody: the wire is that of the TLS library, and the `User-Agent` says `silkroute`.
    None,
    /// Who goes by this name; without a version the newest that is offered.
    Name(String),
    /// This identity; with its version open, in the newest that is offered.
    Identity(Identity),
    /// One of these. A session picks once, when it is built, and stays with it: cookies that come back from another
    /// browser give a visitor away.
    AnyOf(Vec<Impersonate>),
}

impl Impersonate {
    /// One of these.
    pub fn any_of<I: Into<Self>>(choices: impl IntoIterator<Item = I>) -> Self {
        Self::AnyOf(choices.into_iter().map(Into::into).collect())
    }

    /// Decides: picks from a list, fills in what is open, finds the wire.
    pub(crate) fn resolve(&self) -> Result<Profile> {
        match self {
            Self::None => Ok(Profile::honest()),
            Self::Name(name) => named(name),
            Self::Identity(identity) => profile::find(identity),
            Self::AnyOf(choices) => {
                // All of them are looked at, so that a mistake shows at once and not when it is picked.
                let mut profiles = choices.iter().map(Self::resolve).collect::<Result<Vec<_>>>()?;
                if profiles.is_empty() {
                    return Err(Error::invalid(
                        "the list of identities",
                        "it is empty; \"none\" is to impersonate nobody",
                    ));
                }
                Ok(profiles.swap_remove(fastrand::usize(..profiles.len())))
            }
        }
    }
}

fn named(name: &str) -> Result<Profile> {
    if name.eq_ignore_ascii_case("none") {
        return Ok(Profile::honest());
    }
    match name.parse::<IdentityName>() {
        Ok(parsed) => profile::find(&parsed.identity()?),
        Err(_) => Err(profile::unknown(name)),
    }
}

/// The newest Chrome.
impl Default for Impersonate {
    fn default() -> Self {
        Self::Name("chrome".to_owned())
    }
}

impl From<&str> for Impersonate {
    fn from(name: &str) -> Self {
        if name.eq_ignore_ascii_case("none") {
            Self::None
        } else {
            Self::Name(name.to_owned())
        }
    }
}

impl From<String> for Impersonate {
    fn from(name: String) -> Self {
        Self::from(name.as_str())
    }
}

impl From<Identity> for Impersonate {
    fn from(identity: Identity) -> Self {
        Self::Identity(identity)
    }
}

impl From<IdentityName> for Impersonate {
    fn from(name: IdentityName) -> Self {
        Self::Name(name.to_string())
    }
}

impl Serialize for Impersonate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::Name(name) => serializer.serialize_str(name),
            Self::Identity(identity) => identity.serialize(serializer),
            Self::AnyOf(choices) => choices.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Impersonate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = Impersonate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name such as \"chrome\", an identity, a list of these, or \"none\"")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(name.into())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut choices: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(choice) = choices.next_element()? {
                    all.push(choice);
                }
                Ok(Impersonate::AnyOf(all))
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
                Identity::deserialize(MapAccessDeserializer::new(fields)).map(Impersonate::Identity)
            }
        }

        deserializer.deserialize_any(Written)
    }
}

impl JsonSchema for Impersonate {
    fn schema_name() -> Cow<'static, str> {
        "Impersonate".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let identity = generator.subschema_for::<Identity>();
        json_schema!({
            "description": "A browser by name, a whole identity, a list of these to pick one from, or \"none\"",
            "anyOf": [
                {"type": "string", "description": "Such as chrome, firefox133, chrome131_android, none"},
                identity,
                {"type": "array", "items": {"anyOf": [{"type": "string"}, identity]}, "minItems": 1},
            ],
        })
    }
}
