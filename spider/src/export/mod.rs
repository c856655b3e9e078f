//! Items written to files as they come.

mod csv;
mod file;
mod json;

use serde::Serialize;

use crate::{BoxError, CrawlError, Result};

pub use self::csv::Csv;
pub use self::json::{Json, JsonLines};

/// Where items are written as they come.
#[doc(alias = "feed exports")]
#[doc(alias = "ItemExporter")]
pub trait Export<I>: Send + 'static {
    /// Writes one.
    ///
    /// # Errors
    /// It cannot be written. A [`std::io::Error`] is one of where it would go, such as a full disk: it ends the crawl, as
    /// the items that follow would be lost too. Any other is an error of this item: what was written before stays whole,
    /// and so does what comes after.
    fn write(&mut self, item: &I) -> Result;

    /// Called before the first item of a crawl whose frontier outlives the process: at the beginning, or with the
    /// position that the last [`checkpoint`](Self::checkpoint) gave which was kept. What was written behind it goes.
    ///
    /// # Errors
    /// It cannot be taken back to there. If that is because it is not as it was left, the error is of the kind
    /// [`InvalidData`](std::io::ErrorKind::InvalidData): one that takes items [as JSON](Self::as_json) is then asked to begin
    /// anew, and given all items of the crawl. Any other error, and that of any other export, ends the crawl.
    fn begin(&mut self, position: Option<u64>) -> std::io::Result<()> {
        let _ = position;
        Ok(())
    }

    /// Called in such a crawl after every group of items: brings them to the disk, and says how far it is. An export
    /// that says `None` cannot be taken back: after a crash, it may have items twice.
    ///
    /// # Errors
    /// The disk does not take them.
    fn checkpoint(&mut self) -> std::io::Result<Option<u64>> {
        Ok(None)
    }

    /// Itself, if it takes items as JSON too, and can be taken back to each of its checkpoints. In such a crawl it is then
    /// given them so, after their pages are kept; those that the frontier has and it has not are written when the crawl goes
    /// on. Any other is written before the pages are kept, and brought to the disk: meanwhile more pages are under way, and
    /// a kill costs more of them.
    fn as_json(&mut self) -> Option<&mut dyn JsonExport> {
        None
    }

    /// Makes it whole. Called once, at the end of the crawl; in one whose frontier outlives the process also where
    /// [`on_start`](crate::Spider::on_start) failed, and what was written is then brought to the disk.
    ///
    /// # Errors
    /// It is not whole.
    fn finish(&mut self) -> std::io::Result<()>;

    /// Where it goes, for messages.
    fn path(&self) -> String;
}

/// An [`Export`] that takes items as JSON.
pub trait JsonExport {
    /// Writes the item of which this is the JSON, as [`Export::write`] would write the item.
    ///
    /// # Errors
    /// Those of [`Export::write`].
    fn write_json(&mut self, json: &[u8]) -> Result;
}

/// Why an item was not taken.
pub(crate) enum Refused {
    /// It does not fit.
    Item(BoxError),
    /// None that follow would be either.
    Crawl(CrawlError),
}

pub(crate) fn write<I: 'static>(export: &mut dyn Export<I>, item: &I) -> Result<(), Refused> {
    let written = export.write(item);
    told(export, written)
}

/// Writes an item from its JSON, to an export that takes it.
pub(crate) fn write_json<I: 'static>(export: &mut dyn Export<I>, json: &[u8]) -> Result<(), Refused> {
    let written = export.as_json().map_or(Ok(()), |export| export.write_json(json));
    told(export, written)
}

fn told<I: 'static>(export: &dyn Export<I>, written: Result) -> Result<(), Refused> {
    let written = written.map_err(|error| error.downcast::<std::io::Error>());
    written.map_err(|error| match error {
        Ok(source) => Refused::Crawl(CrawlError::Export {
            attempted: "write",
            path: export.path(),
            source: *source,
        }),
        Err(error) => Refused::Item(error),
    })
}

/// An item as JSON, before any of it is written.
pub(crate) fn to_json<I: Serialize>(item: &I) -> Result<Vec<u8>> {
    serde_json::to_vec(item).map_err(|error| format!("the item does not serialize to JSON: {error}").into())
}
