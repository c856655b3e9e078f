//! What a page wrote to its console.

/// How many entries of a page are kept; of more, the last.
pub(super) const MOST_ENTRIES: usize = 200;
/// The longest text of an entry, in bytes.
const MOST_TEXT: usize = 8 << 10;

/// A line of the console: what a script wrote, or what the browser has to say.
#[non_exhaustive]
#[derive(Debug, Clone)]
pub struct ConsoleEntry {
    /// Who: `console-api`, `network`, `javascript`, `security` and others.
    pub source: String,
    /// `error`, `warning`, `info`, `log` or another.
    pub level: String,
    /// The text; what is longer than 8 KiB is cut.
    pub text: String,
    /// The script or resource, where the browser tells.
    pub url: Option<String>,
    /// The line in it.
    pub line: Option<u32>,
}

impl From<super::events::Entry> for ConsoleEntry {
    fn from(entry: super::events::Entry) -> Self {
        let mut text = entry.text;
        text.truncate(text.floor_char_boundary(MOST_TEXT));
        Self {
            source: entry.source,
            level: entry.level,
            text,
            url: entry.url,
            line: entry.line_number.or(entry.line),
        }
    }
}
