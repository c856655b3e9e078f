//! Sessions from a file.

use std::fmt;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};
use silkroute_core::{Error, Registry, Result, Session, duration, redact_mismatch};

use crate::{Entry, Limits};

/// The sessions of a manager, as a TOML or JSON text describes them.
///
/// Each is a table under `sessions`. The manager takes out of it `kind` (needed), `default`, `lazy`, `max_concurrency` (fetches
/// at once), `stop_when_idle` (such as `"5m"`) and `recycle_after` (fetches); everything else is for the kind. The first session
/// is the default, unless one has `default = true`.
///
/// A table `limits` beside them holds fields of [`Limits`], by the names of its methods: `drain_timeout = "5s"`. The two times
/// of `backoff` are `backoff_base` and `backoff_max`.
///
/// `Debug` shows of a session's table its kind and the names of the fields: a value may be the password of a proxy.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManagerConfig {
    #[serde(default)]
    limits: Limits,
    sessions: Sessions,
}

impl ManagerConfig {
    /// What of a session's table is the manager's: no kind can have a setting of one of these names.
    pub const SESSION_KEYS: [&str; 6] = [
        "kind",
        "default",
        "lazy",
        "max_concurrency",
        "stop_when_idle",
        "recycle_after",
    ];

    /// Reads TOML.
    ///
    /// # Errors
    /// [`Error::Config`] with line and column.
    pub fn from_toml(text: &str) -> Result<Self> {
        toml::from_str(text).map_err(|error| Error::config("(TOML)", located(text, &error)))
    }

    /// Reads JSON.
    ///
    /// # Errors
    /// [`Error::Config`] with line and column.
    pub fn from_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::config("(JSON)", redact_mismatch(error)))
    }

    /// Reads a file: JSON when its name ends in `.json`, else TOML.
    ///
    /// # Errors
    /// It cannot be read, or not understood; the error names the file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| Error::config(path.display().to_string(), error))?;
        let parsed = if path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
        {
            Self::from_json(&text)
        } else {
            Self::from_toml(&text)
        };
        parsed.map_err(|error| match error {
            Error::Config { path: place, reason } => Error::config(format!("{} {place}", path.display()), reason),
            other => other,
        })
    }

    /// The names of the sessions, in their order.
    pub fn session_ids(&self) -> impl Iterator<Item = &str> {
        self.sessions.0.iter().map(|(id, _)| id.as_str())
    }

    /// What bounds the lives of its sessions, for a manager that is [put together by hand](Self::entry).
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The kind of a session and the fields of its table that are for the kind, so that another like it can be built;
    /// `None` where there is no such session, or its table is not one that a manager takes.
    ///
    /// ```
    /// use silkroute_manager::ManagerConfig;
    ///
    /// # fn main() -> silkroute_core::Result<()> {
    /// let config = ManagerConfig::from_toml("[sessions.api]\nkind = 'http'\nlazy = true\nmax_redirects = 3")?;
    /// let (kind, fields) = config.session("api").unwrap();
    /// assert_eq!(kind, "http");
    /// assert_eq!(serde_json::Value::from(fields), serde_json::json!({"max_redirects": 3}));
    /// # Ok(())
    /// # }
    /// ```
    pub fn session(&self, id: &str) -> Option<(String, Map<String, Value>)> {
        let (id, table) = self.sessions.0.iter().find(|(known, _)| known == id)?;
        let mut fields = table.clone();
        let own = Own::take(&mut fields, &format!("sessions.{id}")).ok()?;
        Some((own.kind?, fields))
    }

    /// An entry for a session that was built by hand in place of the one of this name: with what the file says of `default`,
    /// `lazy` and the like.
    ///
    /// ```
    /// use silkroute_manager::{ManagerConfig, SessionManager};
    ///
    /// # fn example(session: Box<dyn silkroute_core::Session>) -> silkroute_core::Result<()> {
    /// let config = ManagerConfig::from_toml("[sessions.api]\nkind = 'http'\nstop_when_idle = '5m'")?;
    /// let manager = SessionManager::new();
    /// manager.add("api", config.entry("api", session)?)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::UnknownSession`], or [`Error::Config`] where the file says something that no manager takes.
    pub fn entry(&self, id: &str, session: Box<dyn Session>) -> Result<Entry> {
        let Some((_, table)) = self.sessions.0.iter().find(|(known, _)| known == id) else {
            return Err(Error::UnknownSession {
                id: id.to_owned(),
                available: self.session_ids().map(str::to_owned).collect(),
            });
        };
        Ok(Own::take(&mut table.clone(), &format!("sessions.{id}"))?.entry(session))
    }

    /// Builds every session.
    pub(crate) fn build(&self, registry: &Registry) -> Result<Vec<(String, Entry)>> {
        let mut entries = Vec::new();
        let mut default: Option<&str> = None;
        for (id, table) in &self.sessions.0 {
            let entry = build_entry(id, table.clone(), registry)?;
            if entry.default
                && let Some(other) = default.replace(id)
            {
                return Err(Error::config(
                    format!("sessions.{id}.default"),
                    format!("session '{other}' is the default already; only one can be"),
                ));
            }
            entries.push((id.clone(), entry));
        }
        Ok(entries)
    }
}

fn build_entry(id: &str, mut table: Map<String, Value>, registry: &Registry) -> Result<Entry> {
    let place = format!("sessions.{id}");
    let own = Own::take(&mut table, &place)?;
    let kind = own.kind.as_deref().ok_or_else(|| {
        let kinds: Vec<_> = registry.kinds().map(|kind| kind.kind()).collect();
        Error::config(&place, format!("it has no `kind`; there are: {}", kinds.join(", ")))
    })?;
    let registration = registry.get(kind).map_err(|error| match error {
        Error::UnknownKind { .. } => Error::config(format!("{place}.kind"), error),
        other => other,
    })?;
    let session = registration.build(Value::Object(table)).map_err(|error| match error {
        Error::Config { path, reason } if path.is_empty() => Error::config(&place, reason),
        Error::Config { path, reason } => Error::config(format!("{place}.{path}"), reason),
        Error::Invalid { what, reason } => Error::config(&place, format!("{what} is not usable: {reason}")),
        other => other,
    })?;
    Ok(own.entry(session))
}

/// What of a session's table is for the manager.
struct Own {
    kind: Option<String>,
    default: bool,
    lazy: bool,
    stop_when_idle: Option<Duration>,
    recycle_after: Option<NonZeroU64>,
    max_concurrency: Option<NonZeroUsize>,
}

impl Own {
    /// Takes it out of the table, which is then the kind's.
    fn take(table: &mut Map<String, Value>, place: &str) -> Result<Self> {
        let idle = |text: String| {
            duration::parse(&text).map_err(|reason| Error::config(format!("{place}.stop_when_idle"), reason))
        };
        Ok(Self {
            kind: take(table, place, "kind")?,
            default: take(table, place, "default")?.unwrap_or(false),
            lazy: take(table, place, "lazy")?.unwrap_or(false),
            stop_when_idle: take(table, place, "stop_when_idle")?.map(idle).transpose()?,
            recycle_after: take(table, place, "recycle_after")?,
            max_concurrency: take(table, place, "max_concurrency")?,
        })
    }

    /// A session that is held as it says.
    fn entry(&self, session: Box<dyn Session>) -> Entry {
        let mut entry = Entry::boxed(session);
        entry.default = self.default;
        entry.lazy = self.lazy;
        entry.stop_when_idle = self.stop_when_idle.filter(|idle| *idle > Duration::ZERO);
        entry.recycle_after = self.recycle_after;
        entry.max_concurrency = self.max_concurrency;
        entry
    }
}

/// Takes one of the manager's own fields out of a session's table.
fn take<T: DeserializeOwned>(table: &mut Map<String, Value>, place: &str, field: &str) -> Result<Option<T>> {
    debug_assert!(ManagerConfig::SESSION_KEYS.contains(&field), "{field} is not listed");
    table
        .remove(field)
        .map(|value| {
            serde_json::from_value(value)
                .map_err(|error| Error::config(format!("{place}.{field}"), redact_mismatch(error)))
        })
        .transpose()
}

/// What is wrong with a TOML text and where. The error's own `Display` quotes the whole line, with whatever password is in it.
fn located(text: &str, error: &toml::de::Error) -> String {
    let reason = redact_mismatch(error.message());
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return reason;
    };
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|&character| character != '\n').count() + 1;
    format!("line {line}, column {column}: {reason}")
}

/// Tables by name, in the order of the text: the first one is the default.
#[derive(Clone)]
struct Sessions(Vec<(String, Map<String, Value>)>);

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|(id, table)| (id, Shown(table)));
        f.debug_map().entries(shown).finish()
    }
}

/// What may be shown of a session's table.
struct Shown<'a>(&'a Map<String, Value>);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.0.keys().filter(|field| *field != "kind");
        f.debug_struct("Session")
            .field("kind", &self.0.get("kind").and_then(Value::as_str))
            .field("fields", &fields.collect::<Vec<_>>())
            .finish()
    }
}

impl<'de> Deserialize<'de> for Sessions {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Sessions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("tables of sessions by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut sessions: Vec<(String, Map<String, Value>)> = Vec::new();
                while let Some((id, table)) = map.next_entry::<String, Map<String, Value>>()? {
                    if sessions.iter().any(|(known, _)| *known == id) {
                        return Err(A::Error::custom(format!("Session '{id}' already registered")));
                    }
                    sessions.push((id, table));
                }
                Ok(Sessions(sessions))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}
