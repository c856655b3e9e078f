//! Items written to files as they come.

mod csv;
mod file;
mod json;

use serde::Serialize;

use crate::Result;

pub use self::csv::Csv;
pub use self::json::{Json, JsonLines};

/// Where items are written as they come.
pub trait Export<I>: Send + 'static {
    /// Writes one.
    ///
    /// # Errors
    /// It cannot be written. It is then an error of this item: what was written before stays whole, and so does what
    /// comes after.
    fn write(&mut self, item: &I) -> Result;

    /// Makes it whole. Called once, at the end of the crawl.
    ///
    /// # Errors
    /// It is not whole.
    fn finish(&mut self) -> std::io::Result<()>;

    /// Where it goes, for messages.
    fn path(&self) -> String;
}

/// An item as JSON, before any of it is written.
fn to_json<I: Serialize>(item: &I) -> Result<Vec<u8>> {
    serde_json::to_vec(item).map_err(|error| format!("the item does not serialize to JSON: {error}").into())
}
