//! What can go wrong with a frontier on disk.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a frontier on disk cannot be used, or not any more. Whatever it is, what was kept before is kept; only after
/// [`Sync`](Self::Sync) a loss of power may take the last of it.
#[non_exhaustive]
#[derive(Debug, Error)]
pub enum DiskFrontierError {
    /// Another crawl works on the directory.
    #[error("{} is in use by another crawl{}; wait for it to end, or give this one a directory of its own", directory.display(), by(*pid))]
    Locked {
        /// The directory.
        directory: PathBuf,
        /// The process that holds it, where it says so.
        pid: Option<u32>,
    },
    /// It was written in a format that this version does not read.
    #[error(
        "{} was written in format {found}, and this version of silkroute reads format {supported}; \
         end that crawl with the version that began it, or give this one another directory",
        directory.display()
    )]
    Format {
        /// The directory.
        directory: PathBuf,
        /// Its format.
        found: i32,
        /// The format of this version.
        supported: i32,
    },
    /// What stands in the place of its file is something else.
    #[error("{} is not a frontier; it is left as it was: give the crawl another directory", file.display())]
    NotAFrontier {
        /// The file.
        file: PathBuf,
    },
    /// It holds the crawl of another spider.
    #[error("{} holds a crawl of the spider '{found}', not of '{given}'; give each spider a directory of its own", directory.display())]
    Spider {
        /// The directory.
        directory: PathBuf,
        /// Whose crawl it holds.
        found: String,
        /// Whose crawl was to go on.
        given: String,
    },
    /// A file could not be made, read or written.
    #[error("cannot {attempted} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        attempted: &'static str,
        /// Where.
        path: PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The database refused. A full disk is told here.
    #[error("cannot {attempted} in {}: {reason}{}", directory.display(), advice(*full))]
    Database {
        /// What was attempted.
        attempted: &'static str,
        /// The directory.
        directory: PathBuf,
        /// What the database says.
        reason: String,
        /// Whether what failed was writing.
        full: bool,
    },
    /// The disk did not take what was written to it: a sync failed. Pages that were counted before are on the disk. What was
    /// kept since the last sync is there for the next run, but it is not known whether the disk has it: a loss of power may
    /// take it. The process that was told so commits nothing more to the frontier.
    #[error(
        "cannot sync what was written to {}: {reason}; pages that were counted are safe, those of the last moments may be lost \
         if the power fails: make sure that the disk is sound and has room, and run the crawl on this directory again",
        directory.display()
    )]
    Sync {
        /// The directory.
        directory: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// It failed before, or was closed.
    #[error("the frontier takes nothing more: {0}")]
    Closed(String),
}

impl DiskFrontierError {
    pub(super) fn io(attempted: &'static str, path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        Self::Io {
            attempted,
            path,
            source,
        }
    }

    pub(super) fn closed() -> Self {
        Self::Closed("it is closed".to_owned())
    }
}

fn by(pid: Option<u32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}

fn advice(full: bool) -> &'static str {
    if full {
        "; nothing that was kept is lost: make room, and run the crawl on this directory again"
    } else {
        ""
    }
}
