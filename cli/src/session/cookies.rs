//! `--cookies FILE`: a jar that outlives the program.

use std::path::{Path, PathBuf};

use silkroute::CookieJar;
use silkroute::core::cookies::StorageState;

use crate::failure::Failure;

/// A jar and the file it came from.
pub(crate) struct CookieFile {
    path: PathBuf,
    jar: CookieJar,
}

impl CookieFile {
    /// Loads the file, or begins empty when there is none yet.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let jar = CookieJar::new();
        let refused = |reason: String| Failure::Usage(format!("reading cookies (--cookies): {reason}"));
        match path.try_exists() {
            Ok(false) => {}
            Ok(true) => {
                let state = StorageState::read(path).map_err(|error| refused(error.to_string()))?;
                jar.load(&state).map_err(|error| refused(error.to_string()))?;
            }
            Err(error) => return Err(refused(format!("`{}`: {error}", path.display()))),
        }
        Ok(Self {
            path: path.to_owned(),
            jar,
        })
    }

    /// The jar.
    pub(crate) fn jar(&self) -> &CookieJar {
        &self.jar
    }

    /// Writes what the jar holds now. Local storage that the file had stays.
    pub(crate) fn save(&self) -> Result<(), Failure> {
        self.jar
            .storage_state()
            .write(&self.path)
            .map_err(|error| Failure::Failed(format!("writing cookies (--cookies): {error}")))
    }
}
