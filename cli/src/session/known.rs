//! Which sessions can be named.

use std::path::Path;

use silkroute::{Limits, ManagerConfig, Registration, Registry, SessionManager};

use super::{SessionArgs, Target};
use crate::failure::{Failure, with_causes};

/// The kind that fetches when nothing is said.
const DEFAULT_KIND: &str = "http";

/// The sessions that can be named: those of the file, and one of each kind.
pub(crate) struct KnownSessions<'a> {
    registry: &'a Registry,
    args: &'a SessionArgs,
    file: Option<File<'a>>,
}

/// A file that describes sessions.
struct File<'a> {
    path: &'a Path,
    config: ManagerConfig,
    sessions: SessionManager,
}

impl<'a> KnownSessions<'a> {
    /// Reads the file, if there is one.
    pub(crate) fn read(registry: &'a Registry, args: &'a SessionArgs) -> Result<Self, Failure> {
        let file = args.config.as_deref().map(|path| File::read(path, registry));
        Ok(Self {
            registry,
            args,
            file: file.transpose()?,
        })
    }

    /// What bounds the lives of the sessions: as the file has it, or this where there is none.
    pub(crate) fn limits(&self, otherwise: Limits) -> Limits {
        let file = self.file.as_ref();
        file.map_or(otherwise, |file| file.config.limits().clone())
    }

    /// The one that fetches when nothing is said.
    pub(crate) fn default(&self) -> Result<Target, Failure> {
        match &self.file {
            None => self.of_kind(DEFAULT_KIND, DEFAULT_KIND),
            Some(file) => {
                let id = file.sessions.default_session_id();
                self.of_file(&id.map_err(|error| file.refused(&error))?, file)
            }
        }
    }

    /// A session of the file by its name, else one of the kind of this name.
    pub(crate) fn named(&self, name: &str) -> Result<Target, Failure> {
        let Some(file) = &self.file else {
            return self.of_kind(name, name);
        };
        if file.sessions.contains(name) {
            return self.of_file(name, file);
        }
        if self.registry.get(name).is_ok() {
            return self.of_kind(name, name);
        }
        let kinds: Vec<_> = self.registry.kinds().map(Registration::kind).collect();
        Err(Failure::Usage(format!(
            "--session {name}: '{name}' is neither a session of `{}` (there are: {}) nor a session kind (there are: {})",
            file.path.display(),
            file.sessions.session_ids().join(", "),
            kinds.join(", ")
        )))
    }

    /// One of this kind, under a name that the file does not have.
    #[cfg(feature = "spider")]
    pub(crate) fn new_one(&self, id: &str, kind: &str) -> Result<Target, Failure> {
        match &self.file {
            Some(file) if file.sessions.contains(id) => Err(Failure::Usage(format!(
                "--session {id}={kind}: `{}` has a session `{id}`; name it alone, or choose another name",
                file.path.display()
            ))),
            _ => self.of_kind(id, kind),
        }
    }

    fn of_kind(&self, id: &str, kind: &str) -> Result<Target, Failure> {
        let registration = self.registry.get(kind).map_err(|error| {
            let text = if id == kind { kind } else { &format!("{id}={kind}") };
            Failure::Usage(format!("--session {text}: {}", with_causes(&error)))
        })?;
        Target::of_kind(id, registration).changed_by(self.args)
    }

    fn of_file(&self, id: &str, file: &File<'_>) -> Result<Target, Failure> {
        Target::of_file(id, &file.config, self.registry)?.changed_by(self.args)
    }
}

impl<'a> File<'a> {
    fn read(path: &'a Path, registry: &Registry) -> Result<Self, Failure> {
        let config = ManagerConfig::read(path)?;
        // Builds all of them, which does no input or output, so that a mistake anywhere in the file is told.
        let sessions = SessionManager::from_config(&config, registry).map_err(|error| refused(path, &error))?;
        Ok(Self { path, config, sessions })
    }

    fn refused(&self, error: &silkroute::Error) -> Failure {
        refused(self.path, error)
    }
}

fn refused(path: &Path, error: &silkroute::Error) -> Failure {
    Failure::Usage(format!("reading `{}`: {}", path.display(), with_causes(error)))
}
