//! JSON Lines, and a JSON array.

use std::path::Path;

use serde::Serialize;

use super::file::OutFile;
use super::{Export, JsonExport, to_json};
use crate::{CrawlError, Result};

/// A file of one JSON value a line.
#[derive(Debug)]
pub struct JsonLines(OutFile);

impl JsonLines {
    /// Opens the file, with its folders, in place of any that is there.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, CrawlError> {
        OutFile::create(path.as_ref()).map(Self)
    }
}

impl<I: Serialize> Export<I> for JsonLines {
    fn write(&mut self, item: &I) -> Result {
        self.write_json(&to_json(item)?)
    }

    fn begin(&mut self, position: Option<u64>) -> std::io::Result<()> {
        self.0.begin(position)
    }

    fn checkpoint(&mut self) -> std::io::Result<Option<u64>> {
        self.0.checkpoint()
    }

    fn as_json(&mut self) -> Option<&mut dyn JsonExport> {
        Some(self)
    }

    fn finish(&mut self) -> std::io::Result<()> {
        self.0.finish()
    }

    fn path(&self) -> String {
        self.0.path()
    }
}

impl JsonExport for JsonLines {
    fn write_json(&mut self, json: &[u8]) -> Result {
        let mut line = Vec::with_capacity(json.len() + 1);
        line.extend_from_slice(json);
        line.push(b'\n');
        Ok(self.0.write(&line)?)
    }
}

/// A file of one JSON array, an item a line.
#[derive(Debug)]
pub struct Json {
    file: OutFile,
    empty: bool,
}

impl Json {
    /// Opens the file, with its folders, in place of any that is there.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, CrawlError> {
        let file = OutFile::create(path.as_ref())?;
        Ok(Self { file, empty: true })
    }
}

impl<I: Serialize> Export<I> for Json {
    fn write(&mut self, item: &I) -> Result {
        self.write_json(&to_json(item)?)
    }

    fn begin(&mut self, position: Option<u64>) -> std::io::Result<()> {
        self.file.begin(position)?;
        self.empty = position.unwrap_or(0) == 0;
        Ok(())
    }

    fn checkpoint(&mut self) -> std::io::Result<Option<u64>> {
        self.file.checkpoint()
    }

    fn as_json(&mut self) -> Option<&mut dyn JsonExport> {
        Some(self)
    }

    fn finish(&mut self) -> std::io::Result<()> {
        self.file.write(if self.empty { b"[]\n" } else { b"\n]\n" })?;
        self.file.finish()
    }

    fn path(&self) -> String {
        self.file.path()
    }
}

impl JsonExport for Json {
    fn write_json(&mut self, json: &[u8]) -> Result {
        let mut text = Vec::with_capacity(json.len() + 2);
        text.extend_from_slice(if self.empty { b"[\n" } else { b",\n" });
        text.extend_from_slice(json);
        self.file.write(&text)?;
        self.empty = false;
        Ok(())
    }
}
