//! Profile folders: fresh ones that end with their browser, and what is left of those whose owner was killed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

use crate::{Error, Result};

const PREFIX: &str = "silkroute-profile-";
/// Held locked by the owner. The system lets go of it when the owner dies, however it dies.
const LOCK: &str = "owner.lock";
/// A folder without a lock is one that is being made, unless it is this old.
const UNFINISHED: Duration = Duration::from_secs(3600);
/// Folders looked at in one sweep, and attempts at removing one while processes are still ending.
const MOST: usize = 1_000;
const ATTEMPTS: u32 = 40;

pub(crate) struct Profile {
    path: PathBuf,
    fresh: Option<(TempDir, File)>,
}

impl Profile {
    /// A new one with these files, readable by us alone. Sweeps leftovers first.
    pub(super) async fn fresh(files: [(&'static str, Value); 2]) -> Result<Self> {
        let made = tokio::task::spawn_blocking(move || {
            sweep();
            create(&std::env::temp_dir(), &files)
        });
        let made = made
            .await
            .map_err(|error| Error::io("making a profile folder", io::Error::other(error)))?;
        let (dir, lock) = made.map_err(|error| Error::io("making a profile folder", error))?;
        Ok(Self {
            path: dir.path().to_owned(),
            fresh: Some((dir, lock)),
        })
    }

    /// One that is kept.
    pub(super) async fn existing(path: &Path) -> Result<Self> {
        let what = || format!("the profile folder {}", path.display());
        tokio::fs::create_dir_all(path)
            .await
            .map_err(|error| Error::io(what(), error))?;
        let path = tokio::fs::canonicalize(path)
            .await
            .map_err(|error| Error::io(what(), error))?;
        Ok(Self { path, fresh: None })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A place for the browser's own temporary files, which goes with the profile.
    pub(super) fn temp(&self) -> Option<PathBuf> {
        self.fresh.as_ref().map(|_| self.path.join("tmp"))
    }

    /// Removes a fresh one. Blocks, for at most a second: processes of the browser may still be writing as they end.
    pub(super) fn remove(&mut self) {
        let Some((dir, lock)) = self.fresh.take() else { return };
        let path = dir.keep();
        for attempt in 1..=ATTEMPTS {
            match clear(&path) {
                Ok(()) => return,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return,
                Err(error) if attempt == ATTEMPTS => {
                    tracing::warn!(path = %path.display(), %error, "a profile folder is left over until the next launch");
                }
                Err(_) => std::thread::sleep(Duration::from_millis(25)),
            }
        }
        drop(lock);
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        self.remove();
    }
}

fn create(home: &Path, files: &[(&'static str, Value)]) -> io::Result<(TempDir, File)> {
    let dir = tempfile::Builder::new()
        .prefix(PREFIX)
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(home)?;
    fs::create_dir(dir.path().join("tmp"))?;
    fs::create_dir(dir.path().join("Default"))?;
    for (path, content) in files {
        fs::write(dir.path().join(path), content.to_string())?;
    }
    // Locked before it has the name that a sweep looks for.
    let young = dir.path().join("owner.lock.new");
    let mut lock = OpenOptions::new().write(true).create_new(true).open(&young)?;
    lock.try_lock().map_err(io::Error::other)?;
    writeln!(lock, "{}", std::process::id())?;
    fs::rename(young, dir.path().join(LOCK))?;
    Ok((dir, lock))
}

/// Removes a folder with its lock last: where a process that is ending still writes to it, and something stays, the next sweep
/// knows it for an orphan's.
fn clear(path: &Path) -> io::Result<()> {
    let gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name() == LOCK {
            continue;
        }
        gone(match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path()),
            false => fs::remove_file(entry.path()),
        })?;
    }
    let lock = path.join(LOCK);
    gone(fs::remove_file(&lock))?;
    let removed = fs::remove_dir(path);
    if removed.is_err() {
        // Something came meanwhile. Without its lock it would pass for one that is being made.
        File::create(&lock).map(drop).or_else(|error| gone(Err(error)))?;
    }
    removed
}

/// Removes the fresh profiles of processes that were killed, and says how many. Every launch does it. Blocks.
pub fn sweep() -> usize {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return 0;
    };
    let ours = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    ours.take(MOST)
        .filter(|entry| is_orphan(&entry.path()) && clear(&entry.path()).is_ok())
        .count()
}

fn is_orphan(path: &Path) -> bool {
    // The folder of temporary files is everyone's: no links, nothing of other users.
    let Ok(data) = path.symlink_metadata() else {
        return false;
    };
    if !data.is_dir() || data.uid() != rustix::process::geteuid().as_raw() {
        return false;
    }
    match File::open(path.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let age = data
                .modified()
                .ok()
                .and_then(|made| SystemTime::now().duration_since(made).ok());
            age.is_some_and(|age| age > UNFINISHED)
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_private_and_swept_only_once_its_owner_is_gone() {
        // Not where the sweeps of others look.
        let home = tempfile::tempdir().unwrap();
        let (dir, lock) = create(home.path(), &[]).unwrap();
        assert_eq!(fs::metadata(dir.path()).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(!is_orphan(dir.path()));
        drop(lock);
        assert!(is_orphan(dir.path()));
        fs::remove_file(dir.path().join(LOCK)).unwrap();
        assert!(!is_orphan(dir.path()), "it may be in the making");
    }

    #[test]
    fn what_could_not_be_removed_of_a_profile_is_removed_by_the_next_sweep() {
        use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
        // Not where the sweeps of others look.
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("profile");
        let late = path.join("written as the browser ends");
        for _ in 0..1_000 {
            fs::create_dir_all(path.join("Default")).unwrap();
            fs::write(path.join(LOCK), "").unwrap();
            let stop = AtomicBool::new(false);
            let cleared = std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !stop.load(Relaxed) {
                        // It is there, or all is gone.
                        let _ = File::create_new(&late);
                    }
                });
                while !late.exists() {
                    std::thread::yield_now();
                }
                let cleared = clear(&path);
                stop.store(true, Relaxed);
                cleared
            });
            if cleared.is_err() {
                assert!(is_orphan(&path), "{cleared:?}");
                clear(&path).unwrap();
                assert!(!path.exists());
                return;
            }
        }
        panic!("nothing was ever in its way");
    }
}
