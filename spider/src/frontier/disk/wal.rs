//! The write-ahead log of the database, brought to the disk beside it.
//!
//! The database is `synchronous = NORMAL`: a commit is written to the log, where a process that is killed leaves it. It waits
//! for no disk; when the log has grown long, SQLite is told to copy it into the database. What SQLite does goes for a loss of
//! power as well: the log is a chain of checksums, so what is left of it is its beginning, up to the end of
//! some transaction; a checkpoint brings the log to the disk before the database, and the log begins anew only when all of it
//! stands in the database, on the disk. What is missing is to know that a transaction is there. For that the log is synced
//! from here, through a handle of our own: a sync is of the file, whoever wrote to it. What was committed before is then in
//! the log on the disk, or in the database by a checkpoint.
//!
//! SQLite opens the log once for a connection and keeps it, and holds no lock on it: those are on the database and its
//! index of the log, so to open and close the log takes no lock away from it.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::DiskFrontierError;
use super::file::FILE;

#[derive(Debug)]
pub(super) struct Wal {
    /// `None` when it is closed. One sync at a time: of two, the system tells one that writing failed.
    file: Mutex<Option<File>>,
    directory: PathBuf,
    /// Why the disk did not take it. A sync that succeeds after one that failed says nothing of what that one was for.
    failed: OnceLock<String>,
}

impl Wal {
    /// Opens the log of a database that is open.
    pub(super) fn open(directory: &Path) -> Result<Self, DiskFrontierError> {
        let path = directory.join(format!("{FILE}-wal"));
        // To be synced, a file is open for writing on Windows.
        let opened = OpenOptions::new().read(true).write(true).open(&path);
        let file = opened.map_err(|source| DiskFrontierError::io("open", &path, source))?;
        Ok(Self {
            file: Mutex::new(Some(file)),
            directory: directory.to_owned(),
            failed: OnceLock::new(),
        })
    }

    /// Comes back when all that was committed before is on the disk.
    pub(super) fn sync(&self) -> Result<(), DiskFrontierError> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        self.check()?;
        let file = file.as_ref().ok_or_else(DiskFrontierError::closed)?;
        match file.sync_data() {
            Ok(()) => Ok(()),
            Err(error) => {
                self.fail(&error.to_string());
                self.check()
            }
        }
    }

    /// Notes that the disk did not take what it was given.
    pub(super) fn fail(&self, reason: &str) {
        // The first was for what is missing.
        let _ = self.failed.set(reason.to_owned());
    }

    /// Whether the disk took all it was given.
    pub(super) fn check(&self) -> Result<(), DiskFrontierError> {
        match self.failed.get() {
            None => Ok(()),
            Some(reason) => Err(DiskFrontierError::Sync {
                directory: self.directory.clone(),
                reason: reason.clone(),
            }),
        }
    }

    pub(super) fn close(&self) {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[cfg(test)]
mod tests;

#[cfg(test)]
impl Wal {
    /// Syncs this in place of the log, as long as it is not closed. Gives back what it would have synced.
    pub(super) fn swap(&self, file: File) -> Option<File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).replace(file)
    }

    /// Which file it is that it syncs.
    #[cfg(unix)]
    pub(super) fn identity(&self) -> Option<(u64, u64)> {
        use std::os::unix::fs::MetadataExt as _;
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let metadata = file.as_ref()?.metadata().ok()?;
        Some((metadata.dev(), metadata.ino()))
    }
}
