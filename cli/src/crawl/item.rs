//! What a page gives, and where it goes.

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use silkroute::spider::CrawlBuilder;
use silkroute::spider::export::{Csv, Export};
use tokio::sync::Notify;

use super::field::Field;
use super::spider::Generic;
use crate::failure::Failure;

/// One page: its address, its status, and the fields that were asked for, in their order.
pub(super) struct Item {
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) fields: Vec<(String, Value)>,
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2 + self.fields.len()))?;
        map.serialize_entry("url", &self.url)?;
        map.serialize_entry("status", &self.status)?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// Has a crawl write its items to a file, as its ending says.
pub(super) fn write_to(
    crawl: CrawlBuilder<Generic>,
    path: &Path,
    fields: &[Field],
) -> Result<CrawlBuilder<Generic>, Failure> {
    let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
    let crawl = match ending.as_deref().and_then(|ending| ending.to_str()) {
        Some("jsonl" | "ndjson") => crawl.export_jsonl(path),
        Some("json") => crawl.export_json(path),
        Some("csv") => Csv::create(path).map(|csv| {
            let columns = fields.iter().map(|field| &*field.name);
            crawl.export(csv.columns(["url", "status"].into_iter().chain(columns)))
        }),
        _ => {
            return Err(Failure::Usage(format!(
                "--output: `{}` does not say how to write items; end its name in .jsonl, .csv or .json",
                path.display()
            )));
        }
    };
    crawl.map_err(|error| Failure::usage(&error))
}

/// JSON lines on standard output. A reader that leaves (`| head`) is told of, once.
pub(super) struct StandardOutput {
    /// Who is told; `None`: they have been.
    left: Option<Arc<Notify>>,
}

impl StandardOutput {
    /// With somebody to tell.
    pub(super) fn new(left: Arc<Notify>) -> Self {
        Self { left: Some(left) }
    }
}

impl Export<Item> for StandardOutput {
    fn write(&mut self, item: &Item) -> silkroute::spider::Result {
        let mut line = serde_json::to_vec(item)?;
        line.push(b'\n');
        let mut out = std::io::stdout().lock();
        match out.write_all(&line).and_then(|()| out.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                if let Some(left) = self.left.take() {
                    left.notify_one();
                }
                Ok(())
            }
            done => Ok(done?),
        }
    }

    fn finish(&mut self) -> std::io::Result<()> {
        Ok(())
    }

    fn path(&self) -> String {
        "standard output".to_owned()
    }
}
