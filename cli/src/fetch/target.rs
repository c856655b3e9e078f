//! Which session fetches, and how it is configured.

use std::path::Path;

use serde_json::{Map, Value};
use silkroute::core::{Registration, Registry};
use silkroute::manager::{ManagerConfig, SessionManager};
use silkroute::{CookieJar, Error, Session};

use crate::args::FetchArgs;
use crate::failure::{Failure, with_causes};
use crate::kinds::fields;

/// The kind that fetches when nothing is said.
const DEFAULT_KIND: &str = "http";

/// The session that fetches.
pub(super) struct Target {
    /// Its name.
    pub(super) id: String,
    /// Its kind.
    pub(super) kind: &'static Registration,
    config: Map<String, Value>,
    /// Whether a file describes it: then errors name the place in it.
    from_file: bool,
}

impl Target {
    /// Finds it: a session of the file, else a kind with its defaults; and puts the flags on top of its configuration.
    pub(super) fn find(registry: &Registry, args: &FetchArgs) -> Result<Self, Failure> {
        let named = args.session.as_deref();
        let mut target = match &args.config {
            Some(file) => Self::from_file(registry, file, named)?,
            None => Self::of_kind(registry, named.unwrap_or(DEFAULT_KIND))?,
        };
        if args.insecure {
            // Browsers have another word for it than HTTP clients.
            match target.has("ignore_https_errors") {
                true => target.set("ignore_https_errors", Value::Bool(true), "--insecure")?,
                false => target.set("verify", Value::Bool(false), "--insecure")?,
            }
        }
        if let Some(file) = &args.cacert {
            let file = file
                .to_str()
                .ok_or_else(|| Failure::Usage(format!("--cacert: `{}` is not UTF-8; rename it", file.display())))?;
            target.set("ca_certificate", Value::String(file.to_owned()), "--cacert")?;
        }
        Ok(target)
    }

    fn of_kind(registry: &Registry, kind: &str) -> Result<Self, Failure> {
        Ok(Self {
            id: kind.to_owned(),
            kind: registry.get(kind)?,
            config: Map::new(),
            from_file: false,
        })
    }

    fn from_file(registry: &Registry, file: &Path, named: Option<&str>) -> Result<Self, Failure> {
        let described = ManagerConfig::read(file)?;
        // Builds all of them, which does no input or output, so that a mistake anywhere in the file is told.
        let manager = SessionManager::from_config(&described, registry).map_err(|error| in_file(file, &error))?;
        let id = match named {
            None => manager.default_session_id().map_err(|error| in_file(file, &error))?,
            Some(name) if manager.contains(name) => name.to_owned(),
            Some(name) => {
                return Self::of_kind(registry, name).map_err(|_| {
                    let kinds: Vec<_> = registry.kinds().map(Registration::kind).collect();
                    Failure::Usage(format!(
                        "--session: '{name}' is neither a session of `{}` (there are: {}) nor a session kind (there are: {})",
                        file.display(),
                        manager.session_ids().join(", "),
                        kinds.join(", ")
                    ))
                });
            }
        };
        let Some((kind, config)) = described.session(&id) else {
            return Err(Error::UnknownSession {
                id,
                available: manager.session_ids(),
            }
            .into());
        };
        Ok(Self {
            id,
            kind: registry.get(&kind)?,
            config,
            from_file: true,
        })
    }

    fn has(&self, field: &str) -> bool {
        fields(&self.kind.config_schema())
            .iter()
            .any(|known| known.name == field)
    }

    /// Sets a field of the configuration for a flag that stands for it.
    fn set(&mut self, field: &str, value: Value, flag: &str) -> Result<(), Failure> {
        if !self.has(field) {
            return Err(Failure::Usage(format!(
                "{flag}: session kind '{}' has no `{field}`; leave the flag out",
                self.kind.kind()
            )));
        }
        self.config.insert(field.to_owned(), value);
        Ok(())
    }

    /// Builds the session, with this jar if there is one.
    pub(super) fn build(&self, registry: &Registry, jar: Option<&CookieJar>) -> Result<Box<dyn Session>, Failure> {
        let config = Value::Object(self.config.clone());
        let session = registry
            .build(self.kind.kind(), config.clone())
            .map_err(|error| self.refused(error))?;
        match jar {
            None => Ok(session),
            Some(jar) => self.build_with(config, jar),
        }
    }

    /// A jar is no configuration: each kind is given it in its own way, so a kind has to be known here for it.
    fn build_with(&self, config: Value, jar: &CookieJar) -> Result<Box<dyn Session>, Failure> {
        if config.get("cookie_store") == Some(&Value::Bool(false)) {
            return Err(Failure::Usage(format!(
                "--cookies: session '{}' keeps no cookies (`cookie_store = false`); leave the flag out, or change the file",
                self.id
            )));
        }
        match self.kind.kind() {
            #[cfg(feature = "http")]
            "http" => {
                let config = serde_json::from_value(config).map_err(|error| self.refused(Error::config("", error)))?;
                let session = silkroute::http::HttpSessionBuilder::from_config(config)
                    .cookie_jar(jar.clone())
                    .build()
                    .map_err(|error| self.refused(error))?;
                Ok(Box::new(session))
            }
            #[cfg(feature = "dynamic")]
            "dynamic" => {
                let config = serde_json::from_value(config).map_err(|error| self.refused(Error::config("", error)))?;
                let session = silkroute::dynamic::DynamicSessionBuilder::from_config(config)
                    .cookie_jar(jar.clone())
                    .build()
                    .map_err(|error| self.refused(error))?;
                Ok(Box::new(session))
            }
            #[cfg(feature = "stealth")]
            "stealth" => {
                let config = serde_json::from_value(config).map_err(|error| self.refused(Error::config("", error)))?;
                let session = silkroute::stealth::StealthSessionBuilder::from_config(config)
                    .cookie_jar(jar.clone())
                    .build()
                    .map_err(|error| self.refused(error))?;
                Ok(Box::new(session))
            }
            kind => {
                let _ = jar;
                Err(Failure::Usage(format!(
                    "--cookies: sessions of kind '{kind}' cannot be given cookies here; leave the flag out"
                )))
            }
        }
    }

    /// Names the place the way a file has it.
    fn refused(&self, error: Error) -> Failure {
        match error {
            Error::Config { path, reason } if self.from_file => {
                let place = format!("sessions.{}.{path}", self.id);
                Error::config(place.trim_end_matches('.'), reason).into()
            }
            other => other.into(),
        }
    }
}

fn in_file(file: &Path, error: &Error) -> Failure {
    Failure::Usage(format!("reading `{}`: {}", file.display(), with_causes(error)))
}
