//! Comma-separated values.

use std::path::Path;

use ::csv::{ReaderBuilder, Writer, WriterBuilder};
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

use super::file::OutFile;
use super::{Export, JsonExport, to_json};
use crate::{CrawlError, Result};

/// A file of comma-separated values, with a line of column names.
///
/// The columns are those it is given, or the fields of the first item. A field that an item lacks is left empty, as is
/// `null`; lists and maps stand as JSON. An item with a field that has no column is refused.
#[derive(Debug)]
pub struct Csv {
    file: OutFile,
    columns: Option<Vec<String>>,
    delimiter: u8,
    begun: bool,
}

impl Csv {
    /// Opens the file, with its folders, in place of any that is there.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, CrawlError> {
        Ok(Self {
            file: OutFile::create(path.as_ref())?,
            columns: None,
            delimiter: b',',
            begun: false,
        })
    }

    /// Sets the columns.
    #[must_use]
    pub fn columns<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.columns = Some(columns.into_iter().map(Into::into).collect());
        self
    }

    /// Sets what stands between two values; a comma.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }

    fn line<'a>(&self, values: impl IntoIterator<Item = &'a str>) -> Result<Vec<u8>> {
        let mut writer: Writer<Vec<u8>> = WriterBuilder::new().delimiter(self.delimiter).from_writer(Vec::new());
        writer.write_record(values)?;
        Ok(writer.into_inner().map_err(|error| error.into_error())?)
    }
}

impl<I: Serialize> Export<I> for Csv {
    fn write(&mut self, item: &I) -> Result {
        // By way of the text, because a `Value` would sort the fields.
        self.write_json(&to_json(item)?)
    }

    /// The columns of a file that goes on are those it has.
    fn begin(&mut self, position: Option<u64>) -> std::io::Result<()> {
        self.file.begin(position)?;
        self.begun = position.unwrap_or(0) > 0;
        if self.begun {
            let mut reader = ReaderBuilder::new()
                .delimiter(self.delimiter)
                .from_reader(self.file.reader()?);
            self.columns = Some(reader.headers()?.iter().map(str::to_owned).collect());
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> std::io::Result<Option<u64>> {
        self.file.checkpoint()
    }

    fn as_json(&mut self) -> Option<&mut dyn JsonExport> {
        Some(self)
    }

    fn finish(&mut self) -> std::io::Result<()> {
        self.file.finish()
    }

    fn path(&self) -> String {
        self.file.path()
    }
}

impl JsonExport for Csv {
    fn write_json(&mut self, json: &[u8]) -> Result {
        let fields: IndexMap<String, Value> = serde_json::from_slice(json)
            .map_err(|error| format!("an item of a CSV file must be a struct or a map: {error}"))?;
        let columns = match &self.columns {
            Some(columns) => columns.clone(),
            None => fields.keys().cloned().collect(),
        };
        if let Some(stranger) = fields.keys().find(|field| !columns.contains(field)) {
            let columns = columns.join(", ");
            return Err(format!(
                "the item has a field `{stranger}`, and the CSV file only the columns {columns}; \
                 name all of them with `Csv::columns`"
            )
            .into());
        }
        let values = values(&fields, &columns);
        let line = self.line(values.iter().map(String::as_str))?;
        if !self.begun {
            let header = self.line(columns.iter().map(String::as_str))?;
            self.file.write(&header)?;
            self.begun = true;
            self.columns = Some(columns);
        }
        Ok(self.file.write(&line)?)
    }
}

fn values(fields: &IndexMap<String, Value>, columns: &[String]) -> Vec<String> {
    let value = |column: &String| match fields.get(column) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    columns.iter().map(value).collect()
}
