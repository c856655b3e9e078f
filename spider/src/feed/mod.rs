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

use flate2::read::MultiGzDecoder;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use silkroute_core::{Response, ResponseParts, redact_url};

use crate::visit::Step;
use crate::{Page, Result};

pub use self::sitemap::{Sitemap, SitemapEntry, sitemap};
pub use self::xml::XmlNode;

/// Nothing is unpacked beyond this.
const UNPACKED_AT_MOST: u64 = 64 * 1024 * 1024;

/// The elements of these names in an XML page, outermost and in their order: `item` whatever its prefix, `g:item` as the
/// feed writes it. An `&` that begins nothing XML knows, as in `?a=1&b=2`, is taken for itself, as browsers do with HTML.
///
/// # Errors
/// It is not well-formed, nested deeper than 256 elements, or unpacks to more than 64 MiB.
#[doc(alias = "XMLFeedSpider")]
pub fn xml<S: Step>(page: &Page<S>, names: &[&str]) -> Result<Vec<XmlNode>> {
    xml::nodes(&text(page)?, names)
}

/// How a CSV page is written.
///
/// ```
/// use silkroute_spider::feed::CsvFormat;
///
/// let format = CsvFormat::default().delimiter(b';').columns(["sku", "price"]);
/// # let _ = format;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvFormat {
    delimiter: u8,
    quote: u8,
    columns: Option<Vec<String>>,
}

impl Default for CsvFormat {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quote: b'"',
            columns: None,
        }
    }
}

impl CsvFormat {
    /// What stands between two values; a comma.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// What stands around a value; `"`.
    #[must_use]
    pub fn quote(mut self, quote: u8) -> Self {
        self.quote = quote;
        self
    }

    /// The names of the columns, for a page whose first line is a row already; the first line.
    #[must_use]
    pub fn columns<C: Into<String>>(mut self, columns: impl IntoIterator<Item = C>) -> Self {
        self.columns = Some(columns.into_iter().map(Into::into).collect());
        self
    }
}

/// The rows of a CSV page, each read as a struct by the names of the columns. A row that does not fit is an error of its
/// own.
///
/// # Errors
/// It unpacks to more than 64 MiB, or its first line cannot be read.
#[doc(alias = "CSVFeedSpider")]
pub fn csv<T: DeserializeOwned, S: Step>(page: &Page<S>, format: &CsvFormat) -> Result<Vec<Result<T>>> {
    rows(&text(page)?, format)
}

fn rows<T: DeserializeOwned>(text: &str, format: &CsvFormat) -> Result<Vec<Result<T>>> {
    let mut reader = ::csv::ReaderBuilder::new()
        .delimiter(format.delimiter)
        .quote(format.quote)
        .flexible(true)
        .has_headers(format.columns.is_none())
        .from_reader(text.as_bytes());
    let columns = match &format.columns {
        Some(columns) => ::csv::StringRecord::from(columns.clone()),
        None => reader.headers()?.clone(),
    };
    let rows = reader.records().map(|row| Ok(row?.deserialize(Some(&columns))?));
    Ok(rows.collect())
}

/// The text of a page, unpacked if it is gzipped, which many feeds are whatever their content type says.
fn text<S: Step>(page: &Page<S>) -> Result<Cow<'_, str>> {
    let packed = page.response();
    if !packed.body().starts_with(b"\x1f\x8b") {
        return Ok(page.text());
    }
    let url = redact_url(page.url());
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(&packed.body()[..])
        .take(UNPACKED_AT_MOST + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| format!("{url}: the gzipped page cannot be unpacked: {error}"))?;
    if unpacked.len() as u64 > UNPACKED_AT_MOST {
        return Err(format!("{url}: the gzipped page unpacks to more than 64 MiB").into());
    }
    let mut parts = ResponseParts::new(packed.status(), packed.url().clone());
    parts.headers.clone_from(packed.headers());
    let kind = packed.header("content-type").unwrap_or_default();
    if kind.contains("gzip") || kind.contains("octet-stream") {
        // That is the package; what is in it says itself what it is.
        parts.headers.remove(CONTENT_TYPE);
    }
    parts.body = unpacked.into();
    let unpacked: &dyn Response = &Unpacked(parts);
    Ok(Cow::Owned(unpacked.text().into_owned()))
}

/// A response as it would be without its package.
#[derive(Debug)]
struct Unpacked(ResponseParts);

impl Response for Unpacked {
    fn parts(&self) -> &ResponseParts {
        &self.0
    }

    fn parts_mut(&mut self) -> &mut ResponseParts {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Row {
        sku: u32,
        name: String,
    }

    fn read(text: &str, format: CsvFormat) -> Vec<Result<Row>> {
        rows(text, &format).unwrap()
    }

    #[test]
    fn rows_by_their_first_line_or_by_given_columns() {
        let scarf = |sku| Row {
            sku,
            name: "Silk; scarf".to_owned(),
        };
        let plain = read("name,sku\nSilk; scarf,7\n", CsvFormat::default());
        assert_eq!(plain[0].as_ref().unwrap(), &scarf(7));
        let other = CsvFormat::default()
            .delimiter(b';')
            .quote(b'\'')
            .columns(["sku", "name"]);
        let rows = read("8;'Silk; scarf'\nno number;x\n9;'Silk; scarf'", other);
        assert_eq!(rows[0].as_ref().unwrap(), &scarf(8));
        assert!(
            rows[1].as_ref().unwrap_err().to_string().contains("line: 2"),
            "{rows:?}"
        );
        assert_eq!(rows[2].as_ref().unwrap(), &scarf(9));
        assert!(read("", CsvFormat::default()).is_empty());
    }
}
