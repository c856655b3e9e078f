//! A file that is being written.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::CrawlError;

/// What was written is in the file after this long at the latest, as far as more is written.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct OutFile {
    path: PathBuf,
    out: BufWriter<File>,
    flushed: Instant,
}

impl OutFile {
    pub(super) fn create(path: &Path) -> Result<Self, CrawlError> {
        let made = path
            .parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| File::create(path));
        let file = made.map_err(|source| CrawlError::Export {
            attempted: "open",
            path: path.display().to_string(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            out: BufWriter::new(file),
            flushed: Instant::now(),
        })
    }

    pub(super) fn path(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        if self.flushed.elapsed() >= FLUSH_EVERY {
            self.out.flush()?;
            self.flushed = Instant::now();
        }
        Ok(())
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
