//! How much a directory of records may hold.
//!
//! No index is kept: the directory is the truth, and several sessions may write to it, of one process or of several. A session
//! looks through all of it when it has written a sixteenth of the limit, and then takes away the records that were not used
//! for the longest until a sixteenth is free. So the limit is exceeded by a sixteenth for each session but one, and, until they
//! close, by what is recorded while room is made; and a record costs, on the whole, a look at sixteen files of its size.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::task::JoinHandle;

use crate::store::{self, ENDING};

const PART: u64 = 16;
/// A use is noted once in so long a time.
const GRAIN: Duration = Duration::from_secs(60);

/// The limit of a directory, as one session keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Limit(Arc<State>);

#[derive(Debug)]
struct State {
    /// In bytes of files.
    max: u64,
    /// Written since the directory was last looked through.
    written: AtomicU64,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// A record on the disk.
struct Kept {
    used: SystemTime,
    path: PathBuf,
    bytes: u64,
}

impl Limit {
    pub(crate) fn new(max: u64) -> Self {
        Self(Arc::new(State {
            max,
            written: AtomicU64::new(0),
            task: Mutex::default(),
        }))
    }

    /// What is there after room was made, at most; so no record may be longer.
    pub(crate) fn kept(&self) -> u64 {
        self.0.max - self.0.max / PART
    }

    /// Notes that a record is used: its file's time of change says so to every process.
    pub(crate) fn used(file: &File) {
        let old = file
            .metadata()
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > GRAIN));
        // In a directory of someone else it cannot be noted, and nothing hangs on it but the order of removal.
        if old && let Err(error) = file.set_modified(SystemTime::now()) {
            tracing::debug!(%error, "that a record is used could not be noted");
        }
    }

    /// Counts what was written, and makes room on a thread of its own when that is due. Nobody waits for it but the end.
    pub(crate) fn wrote(&self, directory: &Arc<PathBuf>, bytes: u64) {
        self.0.written.fetch_add(bytes, Ordering::Relaxed);
        if !self.is_due() {
            return;
        }
        let mut task = lock(&self.0.task);
        if task.as_ref().is_some_and(|task| !task.is_finished()) {
            // It may have passed what is new: the next record asks again, and so does the end.
            return;
        }
        *task = Some(self.begin(directory));
    }

    fn is_due(&self) -> bool {
        self.0.written.load(Ordering::Relaxed) >= (self.0.max / PART).max(1)
    }

    fn begin(&self, directory: &Arc<PathBuf>) -> JoinHandle<()> {
        let (limit, directory) = (self.clone(), Arc::clone(directory));
        tokio::task::spawn_blocking(move || {
            if let Err(error) = limit.make_room(&directory) {
                tracing::warn!(directory = %directory.display(), %error, "no room could be made in the cache");
            }
        })
    }

    /// Waits for a thread that makes room, and makes room for what was recorded meanwhile.
    pub(crate) async fn settle(&self, directory: &Arc<PathBuf>) {
        let under_way = lock(&self.0.task).take();
        if let Some(task) = under_way {
            ended(task).await;
        }
        if self.is_due() {
            ended(self.begin(directory)).await;
        }
    }

    /// Takes away what was not used for the longest, until a sixteenth is free.
    ///
    /// # Errors
    /// The directory cannot be read, or a record not be removed.
    pub(crate) fn make_room(&self, directory: &Path) -> io::Result<()> {
        self.0.written.store(0, Ordering::Relaxed);
        let mut all = Vec::new();
        let mut held = 0_u64;
        store::each_file(directory, |file| {
            if !file.file_name().to_string_lossy().ends_with(ENDING) {
                return Ok(());
            }
            // One that is gone meanwhile holds nothing.
            if let Ok(metadata) = file.metadata()
                && let Ok(used) = metadata.modified()
            {
                held = held.saturating_add(metadata.len());
                all.push(Kept {
                    used,
                    path: file.path(),
                    bytes: metadata.len(),
                });
            }
            Ok(())
        })?;
        if held <= self.kept() {
            return Ok(());
        }
        all.sort_unstable_by(|one, other| (one.used, &one.path).cmp(&(other.used, &other.path)));
        let mut removed = 0_u32;
        for record in all {
            if held <= self.kept() {
                break;
            }
            match fs::remove_file(&record.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                // Another process was there first, or the record is gone now.
                _ => held -= record.bytes,
            }
            removed += 1;
        }
        tracing::debug!(directory = %directory.display(), removed, held, "the cache was at its limit");
        Ok(())
    }
}

async fn ended(task: JoinHandle<()>) {
    if let Err(error) = task.await {
        tracing::warn!(%error, "no room could be made in the cache");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test states its invariants by failing")]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_recorded_while_room_is_made_does_not_outlast_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let directory = Arc::new(folder.path().to_owned());
        let record = directory.join("ab").join(format!("ab01{ENDING}"));
        fs::create_dir(record.parent().unwrap()).unwrap();
        let limit = Limit::new(1_600);
        let (release, released) = std::sync::mpsc::channel();
        *lock(&limit.0.task) = Some(tokio::task::spawn_blocking(move || released.recv().unwrap()));
        fs::write(&record, vec![0; 2_000]).unwrap();
        limit.wrote(&directory, 2_000);
        release.send(()).unwrap();
        limit.settle(&directory).await;
        assert!(!record.exists());
    }
}
