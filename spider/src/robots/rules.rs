//! What a robots.txt says to one agent, by RFC 9309 and, where that leaves room, as Google reads it.

use std::sync::Arc;
use std::time::Duration;

/// Longer lines are cut: a line cannot hold more than the longest URL, and Google's reader keeps eight of those.
const LINE: usize = 2_083 * 8;
/// RFC 9309 section 2.5: at least 500 KiB must be read.
pub(crate) const READ_AT_MOST: usize = 512 * 1024;

/// The rules of a robots.txt for one agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RobotsRules {
    rules: Vec<Rule>,
    crawl_delay: Option<Duration>,
    /// Whether it asked for more than the longest delay.
    too_long: bool,
    sitemaps: Vec<String>,
    /// Why there is none.
    unavailable: Option<Arc<str>>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    allow: bool,
    pattern: String,
}

impl RobotsRules {
    pub(crate) const LONGEST_DELAY: Duration = Duration::from_secs(300);

    /// Reads the groups for an agent, such as `MyBot`; if there are none, those for all agents. The name's case, and a
    /// version after a `/`, do not matter. A `Crawl-delay` is of a group, as `Allow` and `Disallow` are: a `User-agent` after it
    /// begins the next one.
    ///
    /// ```
    /// use silkroute_spider::RobotsRules;
    ///
    /// let rules = RobotsRules::parse(b"User-agent: *\nDisallow: /cart\nCrawl-delay: 2", "MyBot");
    /// assert!(!rules.allows("/cart?add=7"));
    /// assert!(rules.allows("/products"));
    /// ```
    pub fn parse(robots: &[u8], agent: &str) -> Self {
        let agent = agent.split('/').next().unwrap_or_default();
        let (mut specific, mut global) = (Vec::new(), Vec::new());
        let (mut specific_delay, mut global_delay) = (None, None);
        let mut sitemaps = Vec::new();
        let (mut in_specific, mut in_global, mut seen_specific) = (false, false, false);
        // Agent lines that follow one another share a group; a rule ends the row, and so does a delay. Google's reader, which
        // knows no delays, merges over one; those that obey them, such as Protego and Python's, take it for one of the group.
        let mut separated = false;
        let robots = robots.strip_prefix(b"\xef\xbb\xbf").unwrap_or(robots);
        let robots = &robots[..robots.len().min(READ_AT_MOST)];
        for line in robots.split(|byte| matches!(byte, b'\n' | b'\r')) {
            let line = String::from_utf8_lossy(&line[..line.len().min(LINE)]);
            let Some((key, value)) = key_and_value(&line) else {
                continue;
            };
            match Key::of(key) {
                Key::UserAgent => {
                    if separated {
                        (in_specific, in_global, separated) = (false, false, false);
                    }
                    let everyone = value
                        .strip_prefix('*')
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
                    if everyone {
                        in_global = true;
                    } else if names(value, agent) {
                        (in_specific, seen_specific) = (true, true);
                    }
                }
                key @ (Key::Allow | Key::Disallow) => {
                    if !in_specific && !in_global {
                        continue;
                    }
                    separated = true;
                    let allow = key == Key::Allow;
                    for pattern in patterns(value, allow) {
                        let rule = Rule { allow, pattern };
                        if in_specific {
                            specific.push(rule);
                        } else {
                            global.push(rule);
                        }
                    }
                }
                Key::CrawlDelay => {
                    separated = true;
                    let delay = value.parse().ok().filter(|seconds: &f64| *seconds >= 0.0);
                    if in_specific {
                        specific_delay = specific_delay.or(delay);
                    } else if in_global {
                        global_delay = global_delay.or(delay);
                    }
                }
                Key::Sitemap => sitemaps.push(value.to_owned()),
                Key::Other => {}
            }
        }
        let (rules, crawl_delay) = if seen_specific {
            (specific, specific_delay)
        } else {
            (global, global_delay)
        };
        let longest = Self::LONGEST_DELAY.as_secs_f64();
        Self {
            rules,
            crawl_delay: crawl_delay.map(|seconds| Duration::from_secs_f64(seconds.min(longest))),
            too_long: crawl_delay.is_some_and(|seconds| seconds > longest),
            sitemaps,
            unavailable: None,
        }
    }

    /// Rules that allow everything.
    pub fn allow_all() -> Self {
        Self::default()
    }

    /// Rules that allow nothing.
    pub fn disallow_all() -> Self {
        let rules = vec![Rule {
            allow: false,
            pattern: "/".to_owned(),
        }];
        Self {
            rules,
            ..Self::default()
        }
    }

    /// Rules in the place of those that could not be had, for this reason: they allow nothing.
    pub(crate) fn unavailable(reason: String) -> Self {
        Self {
            unavailable: Some(reason.into()),
            ..Self::disallow_all()
        }
    }

    /// Why there are none, where they could not be had.
    pub(crate) fn why_unavailable(&self) -> Option<&str> {
        self.unavailable.as_deref()
    }

    /// Whether a path, with its query, may be fetched. The longest pattern that matches decides; of two as long, the
    /// one that allows.
    pub fn allows(&self, path: &str) -> bool {
        let mut best: Option<(usize, bool)> = None;
        for rule in &self.rules {
            if best.is_none_or(|best| (rule.pattern.len(), rule.allow) > best) && matches(path, &rule.pattern) {
                best = Some((rule.pattern.len(), rule.allow));
            }
        }
        best.is_none_or(|(_, allow)| allow)
    }

    /// The time it asks to leave between requests, at most 5 minutes: what asks for more asks for this.
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.crawl_delay
    }

    pub(crate) fn asks_for_too_long(&self) -> bool {
        self.too_long
    }

    /// The sitemaps it names, as it names them.
    pub fn sitemaps(&self) -> &[String] {
        &self.sitemaps
    }
}

/// Whether an agent line means this agent. Google's reader goes by the product token alone; agents whose names RFC 9309
/// does not provide for, such as `MJ12bot`, are told by the whole word, or they could not be told at all.
fn names(value: &str, agent: &str) -> bool {
    let word = value.split([' ', '\t', '/']).next().unwrap_or_default();
    !agent.is_empty()
        && [word, product(value)]
            .iter()
            .any(|name| name.eq_ignore_ascii_case(agent))
}

/// The product token of an agent line, by RFC 9309: letters, `-` and `_`.
fn product(agent: &str) -> &str {
    let end = agent
        .find(|c: char| !(c.is_ascii_alphabetic() || c == '-' || c == '_'))
        .unwrap_or(agent.len());
    &agent[..end]
}

#[derive(Clone, Copy, PartialEq)]
enum Key {
    UserAgent,
    Allow,
    Disallow,
    CrawlDelay,
    Sitemap,
    Other,
}

impl Key {
    /// The misspellings are those that Google's reader accepts.
    fn of(key: &str) -> Self {
        let is = |names: &[&str]| {
            names.iter().any(|name| {
                key.get(..name.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(name))
            })
        };
        if is(&["user-agent", "useragent", "user agent"]) {
            Self::UserAgent
        } else if is(&["allow"]) {
            Self::Allow
        } else if is(&["disallow", "dissallow", "dissalow", "disalow", "diasllow", "disallaw"]) {
            Self::Disallow
        } else if is(&["crawl-delay", "crawldelay"]) {
            Self::CrawlDelay
        } else if is(&["sitemap", "site-map"]) {
            Self::Sitemap
        } else {
            Self::Other
        }
    }
}

/// `key: value`, or `key value` where there are exactly these two words; what follows `#` is a comment.
fn key_and_value(line: &str) -> Option<(&str, &str)> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let (key, value) = match line.split_once(':') {
        Some(pair) => pair,
        None => line
            .split_once([' ', '\t'])
            .filter(|(_, value)| !value.trim_start().contains([' ', '\t']))?,
    };
    let key = key.trim();
    (!key.is_empty()).then_some((key, value.trim()))
}

/// The patterns of a rule: its own and, as it allows an index page, that page's folder.
fn patterns(value: &str, allow: bool) -> Vec<String> {
    // An empty rule matches nothing.
    if value.is_empty() {
        return Vec::new();
    }
    let pattern = escaped(value);
    let folder = pattern
        .rfind('/')
        .filter(|&slash| allow && pattern[slash..].starts_with("/index.htm"));
    let folder = folder.map(|slash| format!("{}$", &pattern[..=slash]));
    folder.into_iter().chain([pattern]).collect()
}

/// In the spelling that URLs have: what is not ASCII percent-encoded, and the digits of escapes in capitals.
fn escaped(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut digits = 0;
    for byte in pattern.bytes() {
        if digits > 0 && byte.is_ascii_hexdigit() {
            digits -= 1;
            out.push(byte.to_ascii_uppercase().into());
            continue;
        }
        digits = if byte == b'%' { 2 } else { 0 };
        if byte.is_ascii() {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Whether a pattern matches a path from its beginning: `*` stands for anything, a `$` at the end for the end. Takes
/// the time of the path's length times the pattern's, at most.
fn matches(path: &str, pattern: &str) -> bool {
    let (pattern, anchored) = match pattern.strip_suffix('$') {
        Some(pattern) => (pattern, true),
        None => (pattern, false),
    };
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = path.strip_prefix(first) else {
        return false;
    };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else {
        return !anchored || rest.is_empty();
    };
    for piece in middle {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    if anchored {
        rest.ends_with(last)
    } else {
        rest.contains(last)
    }
}

#[cfg(test)]
mod tests;
