//! The write-ahead log of the database, brought to the disk beside it.
//!
//! The database is `synchronous = NORMAL`: a commit is written to the log, where a process that is killed leaves it, and
//! no one waits for the disk. What it does by itself goes for a loss of power as well: the log is a chain of checksums, so
//! what is left of it is its beginning, up to the end of some transaction; a checkpoint brings the log to the disk before
//! the database, and the log begins anew only when all of it stands in the database, on the disk. What is missing is to know
//! that a transaction is there. For that the log is synced from here, through a handle of our own: a sync is of the file,
//! whoever wrote to it. What was committed before is then in the log on the disk, or in the database by a checkpoint.
//!
//! SQLite opens the log once for a connection and keeps it, and holds no lock on it: those are on the database and its
//! index of the log, so to open and close the log takes no lock away from it.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::DiskFrontierError;
use super::store::FILE;

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
        let wal = Self {
            file: Mutex::new(Some(file)),
            directory: directory.to_owned(),
            failed: OnceLock::new(),
        };
        wal.sync_directories()?;
        Ok(wal)
    }

    /// A file is found after a loss of power when its name is on the disk too.
    fn sync_directories(&self) -> Result<(), DiskFrontierError> {
        if !cfg!(unix) {
            return Ok(());
        }
        let sync = |path: &Path| File::open(path).and_then(|directory| directory.sync_all());
        let synced = sync(&self.directory);
        synced.map_err(|source| DiskFrontierError::io("bring to the disk", &self.directory, source))?;
        // What it stands in may be another's, and not to be read.
        let parent = std::path::absolute(&self.directory).ok();
        let parent = parent.as_deref().and_then(Path::parent);
        if let Some(Err(error)) = parent.map(sync) {
            let directory = self.directory.display();
            tracing::debug!(%directory, %error, "whether its name is on the disk is not known");
        }
        Ok(())
    }

    /// Comes back when all that was committed before is on the disk.
    pub(super) fn sync(&self) -> Result<(), DiskFrontierError> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        self.check()?;
        let file = file.as_ref().ok_or_else(DiskFrontierError::closed)?;
        match file.sync_data() {
            Ok(()) => Ok(()),
            Err(error) => {
                let _ = self.failed.set(error.to_string());
                self.check()
            }
        }
    }

    /// Whether the disk took all it was given.
    pub(super) fn check(&self) -> Result<(), DiskFrontierError> {
        match self.failed.get() {
            None => Ok(()),
            Some(reason) => Err(DiskFrontierError::Database {
                attempted: "bring what was written to the disk",
                directory: self.directory.clone(),
                reason: reason.clone(),
                full: true,
            }),
        }
    }

    pub(super) fn close(&self) {
        self.file.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn after_a_sync_that_failed_nothing_is_said_to_be_on_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let (_reader, writer) = std::io::pipe().unwrap();
        // A pipe cannot be synced.
        let wal = Wal {
            file: Mutex::new(Some(std::os::fd::OwnedFd::from(writer).into())),
            directory: directory.path().to_owned(),
            failed: OnceLock::new(),
        };
        wal.check().unwrap();
        let refused = wal.sync().unwrap_err().to_string();
        assert!(
            refused.contains("make room, and run the crawl on this directory again"),
            "{refused}"
        );
        let whole = tempfile::tempfile().unwrap();
        *wal.file.lock().unwrap() = Some(whole);
        assert_eq!(wal.sync().unwrap_err().to_string(), refused);
        assert_eq!(wal.check().unwrap_err().to_string(), refused);
    }
}
