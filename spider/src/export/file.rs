//! A file that is being written.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::CrawlError;
use crate::directories::Directories;

/// What was written is in the file after this long at the latest, as far as more is written.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct OutFile {
    path: PathBuf,
    out: BufWriter<File>,
    /// Where its name stands, until that is on the disk.
    directories: Option<Directories>,
    /// How long it is; `None`: what is in it is another crawl's, until the first is written.
    length: Option<u64>,
    /// Whether its crawl outlives the process: then what is in it is brought to the disk.
    durable: bool,
    flushed: Instant,
}

impl OutFile {
    pub(super) fn create(path: &Path) -> Result<Self, CrawlError> {
        // What is in it may be this crawl's own, from an earlier run.
        let open = || {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        let made = path.parent().map(|parent| Directories::make(parent, &builder));
        let made = made.transpose().and_then(|directories| Ok((directories, open()?)));
        let (directories, file) = made.map_err(|source| CrawlError::Export {
            attempted: "open",
            path: path.display().to_string(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            out: BufWriter::new(file),
            directories,
            length: None,
            durable: false,
            flushed: Instant::now(),
        })
    }

    pub(super) fn path(&self) -> String {
        self.path.display().to_string()
    }

    /// Begins it anew, or goes on at a position, for a crawl that outlives its process.
    pub(super) fn begin(&mut self, position: Option<u64>) -> io::Result<()> {
        self.durable = true;
        self.begin_at(position)
    }

    fn begin_at(&mut self, position: Option<u64>) -> io::Result<()> {
        let position = position.unwrap_or(0);
        let file = self.out.get_mut();
        let length = file.metadata()?.len();
        if length < position {
            let lost = format!(
                "it has {length} bytes, and had {position} when the crawl left it; put it back, or export to another file"
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, lost));
        }
        // Pipes and terminals cannot be cut, and have nothing in them.
        if length > position {
            file.set_len(position)?;
        }
        if position > 0 {
            file.seek(SeekFrom::Start(position))?;
        }
        self.length = Some(position);
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.begun()?;
        self.out.write_all(bytes)?;
        self.length = self.length.map(|length| length + bytes.len() as u64);
        if self.flushed.elapsed() >= FLUSH_EVERY {
            self.out.flush()?;
            self.flushed = Instant::now();
        }
        Ok(())
    }

    /// Brings what was written to the disk. Gives the length of the file.
    pub(super) fn checkpoint(&mut self) -> io::Result<Option<u64>> {
        self.begun()?;
        self.out.flush()?;
        match self.out.get_ref().sync_data() {
            // Pipes and terminals have no disk.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
            synced => synced?,
        }
        if let Some(directories) = &self.directories {
            directories.sync()?;
            self.directories = None;
        }
        Ok(self.length)
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        if self.durable {
            return self.checkpoint().map(drop);
        }
        self.begun()?;
        self.out.flush()
    }

    /// What stands in the file up to where it goes on.
    pub(super) fn reader(&self) -> io::Result<File> {
        File::open(&self.path)
    }

    fn begun(&mut self) -> io::Result<()> {
        if self.length.is_none() {
            self.begin_at(None)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn its_end_is_brought_to_the_disk_where_its_crawl_outlives_the_process() {
        for durable in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let directory = folder.path().join("exports");
            let mut file = OutFile::create(&directory.join("items.jsonl")).unwrap();
            if durable {
                file.begin(None).unwrap();
            }
            file.write(b"1\n").unwrap();
            std::fs::remove_dir_all(&directory).unwrap();
            assert_eq!(file.finish().is_err(), durable, "its directory cannot be synced");
        }
    }

    #[cfg(unix)]
    #[test]
    fn its_name_is_brought_to_the_disk_once_and_with_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("exports");
        let gone = || std::fs::remove_dir_all(&directory).unwrap();
        let mut file = OutFile::create(&directory.join("items.jsonl")).unwrap();
        file.write(b"1\n").unwrap();
        assert_eq!(file.checkpoint().unwrap(), Some(2));
        gone();
        assert_eq!(file.checkpoint().unwrap(), Some(2));
        let mut file = OutFile::create(&directory.join("items.jsonl")).unwrap();
        gone();
        let error = file.checkpoint().unwrap_err().to_string();
        assert!(error.contains("cannot sync the directory"), "{error}");
    }
}
