//! Pages that are not HTML: sitemaps, XML and CSV feeds, plain or gzipped.
//!
//! ```no_run
//! use silkroute_spider::{Output, Page, Result, Spider, feed};
//!
//! # async fn example<S: Spider<Item = String, Step = ()>>(page: Page, out: &mut Output<S>) -> Result {
//! for entry in feed::xml(&page, &["item", "entry"])? {
//!     out.item(entry.text_of("title").unwrap_or_default().to_owned()).await?;
//! }
//! # Ok(())
//! # }
//! ```

mod sitemap;
mod xml;

use std::borrow::Cow;
use std::io::Read as _;

use serde::de::DeserializeOwned;

use crate::visit::Step;
use crate::{Page, Result};

pub use self::sitemap::{Sitemap, SitemapEntry, sitemap};
pub use self::xml::XmlNode;

/// Nothing is unpacked beyond this.
const UNPACKED_AT_MOST: u64 = 64 * 1024 * 1024;

/// The elements of these names in an XML page, whatever their namespace, outermost and in their order.
///
/// # Errors
/// It is not well-formed, nested deeper than 256 elements, or unpacks to more than 64 MiB.
pub fn xml<S: Step>(page: &Page<S>, names: &[&str]) -> Result<Vec<XmlNode>> {
    xml::nodes(&text(page)?, names)
}

/// The rows of a CSV page, each read as a struct by the names in its first line. A row that does not fit is an error of
/// its own.
///
/// # Errors
/// It unpacks to more than 64 MiB.
pub fn csv<T: DeserializeOwned, S: Step>(page: &Page<S>, delimiter: u8) -> Result<Vec<Result<T>>> {
    let text = text(page)?;
    let mut reader = ::csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text.as_bytes());
    Ok(reader.deserialize().map(|row| row.map_err(Into::into)).collect())
}

/// The text of a page, unpacked if it is gzipped, which many feeds are whatever their content type says.
fn text<S: Step>(page: &Page<S>) -> Result<Cow<'_, str>> {
    let body = page.response().body();
    if !body.starts_with(b"\x1f\x8b") {
        return Ok(page.text());
    }
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(&body[..])
        .take(UNPACKED_AT_MOST + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| format!("{}: the gzipped page cannot be unpacked: {error}", page.url()))?;
    if unpacked.len() as u64 > UNPACKED_AT_MOST {
        return Err(format!("{}: the gzipped page unpacks to more than 64 MiB", page.url()).into());
    }
    let text = String::from_utf8_lossy(&unpacked);
    Ok(Cow::Owned(text.trim_start_matches('\u{feff}').to_owned()))
}
