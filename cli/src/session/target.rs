//! A session that fetches, and how it is configured.

use serde_json::{Map, Value};
use silkroute::core::{Registration, Registry};
use silkroute::manager::ManagerConfig;
use silkroute::{CookieJar, Entry, Error, Proxy, Session};

use super::SessionArgs;
use crate::failure::{Failure, with_causes};
use crate::kinds::fields;

/// A session that fetches.
pub(crate) struct Target {
    /// Its name.
    pub(crate) id: String,
    /// Its kind.
    pub(crate) kind: &'static Registration,
    config: Map<String, Value>,
    /// The file that describes it: then errors name the place in it.
    file: Option<ManagerConfig>,
}

impl Target {
    /// A session of this kind with its defaults.
    pub(super) fn of_kind(id: &str, kind: &'static Registration) -> Self {
        Self {
            id: id.to_owned(),
            kind,
            config: Map::new(),
            file: None,
        }
    }

    /// A session of a file.
    pub(super) fn of_file(id: &str, file: &ManagerConfig, registry: &Registry) -> Result<Self, Failure> {
        let Some((kind, config)) = file.session(id) else {
            return Err(Error::UnknownSession {
                id: id.to_owned(),
                available: file.session_ids().map(str::to_owned).collect(),
            }
            .into());
        };
        Ok(Self {
            id: id.to_owned(),
            kind: registry.get(&kind)?,
            config,
            file: Some(file.clone()),
        })
    }

    /// Puts the flags that stand for fields on top of its configuration.
    pub(super) fn changed_by(mut self, args: &SessionArgs) -> Result<Self, Failure> {
        if args.insecure {
            // Browsers have another word for it than HTTP clients.
            match self.has("ignore_https_errors") {
                true => self.set("ignore_https_errors", Value::Bool(true), "--insecure")?,
                false => self.set("verify", Value::Bool(false), "--insecure")?,
            }
        }
        if let Some(file) = &args.cacert {
            let file = file
                .to_str()
                .ok_or_else(|| Failure::Usage(format!("--cacert: `{}` is not UTF-8; rename it", file.display())))?;
            self.set("ca_certificate", Value::String(file.to_owned()), "--cacert")?;
        }
        if let Some(proxy) = &args.proxy {
            // Here, where the error shows no password.
            proxy
                .parse::<Proxy>()
                .map_err(|error| Failure::Usage(format!("--proxy: {}", with_causes(&error))))?;
            self.set("proxy", Value::String(proxy.clone()), "--proxy")?;
            self.config.remove("proxy_pool");
        }
        Ok(self)
    }

    /// Puts headers of every request on top of its configuration.
    #[cfg(feature = "spider")]
    pub(crate) fn with_headers(mut self, headers: &http::HeaderMap) -> Result<Self, Failure> {
        if headers.is_empty() {
            return Ok(self);
        }
        let field = if self.has("extra_headers") {
            "extra_headers"
        } else {
            "headers"
        };
        let mut table = match self.config.get(field) {
            Some(Value::Object(table)) => table.clone(),
            _ => Map::new(),
        };
        for name in headers.keys() {
            let mut values = headers.get_all(name).iter();
            let (Some(value), None) = (values.next(), values.next()) else {
                return Err(Failure::Usage(format!("-H: `{name}` is given twice; give it once")));
            };
            table.retain(|known, _| !known.eq_ignore_ascii_case(name.as_str()));
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            table.insert(name.as_str().to_owned(), Value::String(value));
        }
        self.set(field, Value::Object(table), "-H")?;
        Ok(self)
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

    /// Builds the session, with this jar if there is one, to be held as the file says.
    pub(crate) fn entry(&self, registry: &Registry, jar: Option<&CookieJar>) -> Result<Entry, Failure> {
        let session = self.build(registry, jar)?;
        match &self.file {
            None => Ok(Entry::boxed(session)),
            Some(file) => Ok(file.entry(&self.id, session)?),
        }
    }

    /// Whether a file describes it.
    #[cfg(feature = "spider")]
    pub(crate) fn is_of_file(&self) -> bool {
        self.file.is_some()
    }

    fn build(&self, registry: &Registry, jar: Option<&CookieJar>) -> Result<Box<dyn Session>, Failure> {
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
            Error::Config { path, reason } if self.file.is_some() => {
                let place = format!("sessions.{}.{path}", self.id);
                Error::config(place.trim_end_matches('.'), reason).into()
            }
            other => other.into(),
        }
    }
}
