//! Records on disk: a file each.

use std::fs::{self, DirEntry, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use silkroute_core::{Error, Fingerprint, Result};

use crate::entry::{Entry, LONGEST_HEAD};
use crate::limit::Limit;

/// How the files begin that are being written.
const TEMPORARY: &str = ".tmp-";
/// How those end that are records.
pub(crate) const ENDING: &str = ".entry";
/// One that is older than this was left by a program that was killed.
const ABANDONED: Duration = Duration::from_secs(3_600);

/// A directory of records: `ab/ab01...ef.entry`, by the key's hexadecimal digits.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    directory: Arc<PathBuf>,
    /// The longest body that is recorded, in bytes.
    pub(crate) max_body: u64,
    limit: Option<Limit>,
}

/// What is on record under a key.
pub(crate) enum Found {
    Entry(Box<Entry>),
    Nothing,
    /// Something that cannot be used: why, and what to do.
    Unusable {
        reason: String,
        hint: &'static str,
    },
}

impl Store {
    pub(crate) fn new(directory: PathBuf, max_body: u64, max_bytes: Option<u64>) -> Self {
        Self {
            directory: Arc::new(directory),
            max_body,
            limit: max_bytes.map(Limit::new),
        }
    }

    /// The longest body that there is room for, and the setting that says so.
    pub(crate) fn longest_body(&self) -> (u64, &'static str) {
        let room = self.limit.as_ref().map_or(u64::MAX, Limit::kept);
        (self.max_body, "max_body").min((room, "max_bytes"))
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    fn file(&self, key: Fingerprint) -> PathBuf {
        let name = key.to_string();
        self.directory.join(&name[..2]).join(format!("{name}{ENDING}"))
    }

    /// Makes the directory, for its owner alone, removes what a killed program left half written, and makes room.
    pub(crate) async fn prepare(&self) -> Result<()> {
        let refused = |reason: &dyn ToString| {
            Error::invalid(
                format!("the cache's directory `{}`", self.directory.display()),
                reason.to_string(),
            )
        };
        let (directory, limit) = (Arc::clone(&self.directory), self.limit.clone());
        tokio::task::spawn_blocking(move || {
            make(&directory)?;
            sweep(&directory)?;
            limit.map_or(Ok(()), |limit| limit.make_room(&directory))
        })
        .await
        .map_err(|error| refused(&error))?
        .map_err(|error| refused(&error))
    }

    /// Looks that there is a directory to replay from.
    pub(crate) async fn exists(&self) -> Result<()> {
        let directory = Arc::clone(&self.directory);
        let is_there = tokio::task::spawn_blocking(move || directory.is_dir()).await;
        if is_there.unwrap_or(false) {
            return Ok(());
        }
        Err(Error::invalid(
            format!("the cache's directory `{}`", self.directory.display()),
            "it is not there, so there is nothing to replay; record first",
        ))
    }

    /// What is on record under a key.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub(crate) async fn read(&self, key: Fingerprint) -> io::Result<Found> {
        let file = self.file(key);
        let max_body = self.max_body;
        let longest = max_body.saturating_add(LONGEST_HEAD);
        let limited = self.limit.is_some();
        let read = tokio::task::spawn_blocking(move || {
            let opened = match File::open(&file) {
                Ok(opened) => opened,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
                Err(error) => return Err(error),
            };
            if limited {
                Limit::used(&opened);
            }
            let size = opened.metadata()?.len();
            if size > longest {
                let path = file.display();
                return Ok(Found::Unusable {
                    reason: format!("{path}: it has {size} bytes, and `max_body` is {max_body}"),
                    hint: "raise `max_body`",
                });
            }
            let mut bytes = Vec::new();
            opened.take(longest).read_to_end(&mut bytes)?;
            Ok(match Entry::read(&Bytes::from(bytes)) {
                Ok(entry) => Found::Entry(Box::new(entry)),
                Err(reason) => Found::Unusable {
                    reason: format!("{}: {reason}", file.display()),
                    hint: "delete that file, and record it again",
                },
            })
        });
        read.await.map_err(io::Error::other)?
    }

    /// Puts a record under a key, whole or not at all, for its owner alone.
    ///
    /// # Errors
    /// It could not be written; what was there before is still there.
    pub(crate) async fn write(&self, key: Fingerprint, entry: Entry) -> io::Result<()> {
        let (file, directory, limit) = (self.file(key), Arc::clone(&self.directory), self.limit.clone());
        let written = tokio::task::spawn_blocking(move || {
            let folder = file.parent().unwrap_or(&directory);
            make(folder)?;
            let head = entry.head_bytes().map_err(io::Error::other)?;
            let mut temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
            temporary.write_all(&head)?;
            temporary.write_all(&entry.body)?;
            // Not synced: what a crash of the machine leaves of it is seen by its length and checksum, and fetched again.
            temporary.persist(&file).map_err(|error| error.error)?;
            if let Some(limit) = limit {
                limit.wrote(&directory, (head.len() + entry.body.len()) as u64);
            }
            Ok(())
        });
        written.await.map_err(io::Error::other)?
    }

    /// Waits until nothing is being removed, and what is there is within the limit.
    pub(crate) async fn settle(&self) {
        if let Some(limit) = &self.limit {
            limit.settle(&self.directory).await;
        }
    }
}

fn make(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(directory)
}

/// Removes temporary files of programs that were killed. Others may be writing at the same time: theirs are younger.
fn sweep(directory: &Path) -> io::Result<()> {
    let now = SystemTime::now();
    each_file(directory, |file| {
        if !file.file_name().to_string_lossy().starts_with(TEMPORARY) {
            return Ok(());
        }
        let Ok(modified) = file.metadata().and_then(|metadata| metadata.modified()) else {
            // Gone meanwhile.
            return Ok(());
        };
        if now.duration_since(modified).is_ok_and(|age| age > ABANDONED)
            && let Err(error) = fs::remove_file(file.path())
            && error.kind() != ErrorKind::NotFound
        {
            return Err(error);
        }
        Ok(())
    })
}

/// Goes through the files of all folders of records.
pub(crate) fn each_file(directory: &Path, mut visit: impl FnMut(&DirEntry) -> io::Result<()>) -> io::Result<()> {
    for folder in fs::read_dir(directory)? {
        let folder = folder?;
        if !folder.file_type()?.is_dir() || folder.file_name().len() != 2 {
            continue;
        }
        for file in fs::read_dir(folder.path())? {
            visit(&file?)?;
        }
    }
    Ok(())
}
