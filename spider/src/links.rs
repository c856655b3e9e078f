//! The links of a page.

use std::collections::HashSet;

use regex::Regex;
use silkroute_core::{Error, canonical_url};
use silkroute_select::{Document, Element, Selector};
use url::Url;

use crate::offsite::AllowedHosts;

/// What is rarely a page: images, sound, film, archives, office documents, programs, fonts.
const NOT_PAGES: &str = "\
    7z 7zip bz2 rar tar tar.gz tgz gz xz zip mng pct bmp gif jpg jpeg png pst psp tif tiff ai drw dxf eps ps svg \
    cdr ico webp avif heic mp3 wma ogg wav ra aac mid au aiff flac m4a opus 3gp asf asx avi mov mp4 mpg qt rm swf \
    wmv m4v webm flv mkv xls xlsx xltm xltx xlsm ppt pptx pptm pps potm potx ppsx doc docx docm dot dotm dotx odt \
    ods odg odp pages key numbers css pdf exe bin rss dmg iso apk jar deb rpm msi js woff woff2 ttf otf eot";

/// Finds the links of a page: those of `<a href>` and `<area href>`, to pages, each once, in their order.
///
/// ```
/// use silkroute_select::Document;
/// use silkroute_spider::LinkExtractor;
///
/// # fn main() -> silkroute_core::Result<()> {
/// let page = Document::parse(
///     "<nav><a href=/login>Log in</a></nav><a href=/p/7#top>Seven</a><a href=/p/7>7</a><a href=/p/7.pdf>print</a>",
///     "https://shop.test/".parse().unwrap(),
/// );
/// let links = LinkExtractor::new().allow("/p/")?.links(&page);
/// assert_eq!(links.iter().map(|url| url.as_str()).collect::<Vec<_>>(), ["https://shop.test/p/7"]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct LinkExtractor {
    allow: Vec<Regex>,
    deny: Vec<Regex>,
    allow_hosts: AllowedHosts,
    deny_hosts: AllowedHosts,
    scopes: Vec<Selector>,
    links: Selector,
    attrs: Vec<String>,
    keep_fragment: bool,
    canonical: bool,
    map: Option<fn(Url) -> Option<Url>>,
    deny_extensions: HashSet<String>,
}

impl Default for LinkExtractor {
    #[expect(clippy::expect_used, reason = "the selector is a constant that every test parses")]
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            deny: Vec::new(),
            allow_hosts: AllowedHosts::default(),
            deny_hosts: AllowedHosts::default(),
            scopes: Vec::new(),
            links: "a[href], area[href]".parse().expect("a selector"),
            attrs: vec!["href".to_owned()],
            keep_fragment: false,
            canonical: false,
            map: None,
            deny_extensions: NOT_PAGES.split_whitespace().map(str::to_owned).collect(),
        }
    }
}

impl LinkExtractor {
    /// One that takes all links to pages.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes only URLs in which this regular expression, or another that was allowed, is found.
    ///
    /// # Errors
    /// It is not a regular expression.
    pub fn allow(mut self, pattern: &str) -> silkroute_core::Result<Self> {
        self.allow.push(regex(pattern)?);
        Ok(self)
    }

    /// Leaves out URLs in which this regular expression is found.
    ///
    /// # Errors
    /// It is not a regular expression.
    pub fn deny(mut self, pattern: &str) -> silkroute_core::Result<Self> {
        self.deny.push(regex(pattern)?);
        Ok(self)
    }

    /// Takes only URLs on these hosts and those below them.
    ///
    /// # Errors
    /// One of them is no host.
    pub fn allow_hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> silkroute_core::Result<Self> {
        self.allow_hosts = hosts_of(hosts)?;
        Ok(self)
    }

    /// Leaves out URLs on these hosts and those below them.
    ///
    /// # Errors
    /// One of them is no host.
    pub fn deny_hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> silkroute_core::Result<Self> {
        self.deny_hosts = hosts_of(hosts)?;
        Ok(self)
    }

    /// Looks only inside of what this CSS selector finds, or another that was given.
    ///
    /// # Errors
    /// The selector cannot be read.
    pub fn within(mut self, css: &str) -> silkroute_core::Result<Self> {
        self.scopes.push(css.parse()?);
        Ok(self)
    }

    /// Takes these attributes of these elements, in place of `href` of `a` and `area`.
    ///
    /// # Errors
    /// The names do not make a selector.
    pub fn elements(mut self, tags: &[&str], attrs: &[&str]) -> silkroute_core::Result<Self> {
        self.links = tags.join(", ").parse()?;
        self.attrs = attrs.iter().map(|&attr| attr.to_owned()).collect();
        Ok(self)
    }

    /// Tells URLs apart by what follows their `#`. The engine does not, unless it is told to as well, by
    /// [`FingerprintRules::keep_fragments`](silkroute_core::FingerprintRules): without, of `/a#1` and `/a#2` one is fetched.
    #[must_use]
    pub fn keep_fragment(mut self) -> Self {
        self.keep_fragment = true;
        self
    }

    /// Gives URLs in their canonical form: parameters sorted, escapes and the like spelt one way. The engine compares
    /// requests in that form anyway; this is for what goes by the URLs that are found.
    #[must_use]
    pub fn canonical(mut self) -> Self {
        self.canonical = true;
        self
    }

    /// Changes each URL before it is looked at, or drops it with `None`: to take a session's number out of it, say.
    #[must_use]
    pub fn map(mut self, map: fn(Url) -> Option<Url>) -> Self {
        self.map = Some(map);
        self
    }

    /// Leaves out files of these extensions, such as `pdf` or `tar.gz`, in place of those that are rarely pages.
    #[must_use]
    pub fn deny_extensions<E: AsRef<str>>(mut self, extensions: impl IntoIterator<Item = E>) -> Self {
        let bare = |extension: E| extension.as_ref().trim_start_matches('.').to_ascii_lowercase();
        self.deny_extensions = extensions.into_iter().map(bare).collect();
        self
    }

    /// The links of a page. What is no URL is left out.
    pub fn links(&self, page: &Document) -> Vec<Url> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut take = |element: Element<'_>| {
            for link in self.attrs.iter().filter_map(|attr| element.attr(attr)) {
                let Ok(url) = page.urljoin(link) else { continue };
                let Some(url) = self.settle(url) else { continue };
                if self.takes(&url) && seen.insert(url.clone()) {
                    found.push(url);
                }
            }
        };
        if self.scopes.is_empty() {
            page.select(&self.links).iter().for_each(&mut take);
        }
        for scope in &self.scopes {
            for element in page.select(scope).iter() {
                element.select(&self.links).iter().for_each(&mut take);
            }
        }
        found
    }

    /// Whether it would take this URL from a page.
    pub fn matches(&self, url: &Url) -> bool {
        self.settle(url.clone()).is_some_and(|url| self.takes(&url))
    }

    /// A URL in the form that it is given out in.
    fn settle(&self, url: Url) -> Option<Url> {
        let mut url = match self.map {
            Some(map) => map(url)?,
            None => url,
        };
        if !self.keep_fragment {
            url.set_fragment(None);
        }
        if self.canonical {
            return canonical_url(&url, self.keep_fragment).parse().ok();
        }
        Some(url)
    }

    fn takes(&self, url: &Url) -> bool {
        let text = url.as_str();
        matches!(url.scheme(), "http" | "https")
            && !self.is_denied_file(url.path())
            && (self.allow.is_empty() || self.allow.iter().any(|pattern| pattern.is_match(text)))
            && !self.deny.iter().any(|pattern| pattern.is_match(text))
            && self.allow_hosts.allow(url)
            && (self.deny_hosts.is_empty() || !self.deny_hosts.allow(url))
    }

    /// Every ending of a name counts: of `a.tar.gz`, `tar.gz` and `gz`.
    fn is_denied_file(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.match_indices('.')
            .any(|(dot, _)| self.deny_extensions.contains(&name[dot + 1..].to_ascii_lowercase()))
    }
}

fn regex(pattern: &str) -> silkroute_core::Result<Regex> {
    Regex::new(pattern).map_err(|error| Error::invalid(format!("the regular expression `{pattern}`"), error))
}

fn hosts_of<H: Into<String>>(hosts: impl IntoIterator<Item = H>) -> silkroute_core::Result<AllowedHosts> {
    let hosts: Vec<String> = hosts.into_iter().map(Into::into).collect();
    AllowedHosts::new(&hosts).map_err(|error| Error::invalid("a host of a link extractor", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(extractor: &LinkExtractor, html: &str) -> Vec<String> {
        let page = Document::parse(html, "https://shop.test/list/?page=1".parse().unwrap());
        extractor.links(&page).into_iter().map(Into::into).collect()
    }

    #[test]
    fn links_to_pages_each_once_in_their_order() {
        let html = "<a href=' b '>b</a><a href=b#x>b</a><area href=/c><a href=mailto:x@y>m</a><a href=d.PDF>d</a>\
            <a href='e.tar.gz'>e</a><a href='f.html'>f</a><a>none</a><link href=/style><a href='http://['>bad</a>";
        assert_eq!(
            links(&LinkExtractor::new(), html),
            [
                "https://shop.test/list/b",
                "https://shop.test/c",
                "https://shop.test/list/f.html"
            ]
        );
    }

    #[test]
    fn links_may_be_changed_dropped_and_made_canonical() {
        let html = "<a href='/p?b=2&a=1&sid=9'>1</a><a href='/p?a=1&b=2'>2</a><a href=/logout>3</a>";
        let canonical = LinkExtractor::new().canonical().map(|mut url| {
            let kept: Vec<_> = url
                .query_pairs()
                .into_owned()
                .filter(|(name, _)| name != "sid")
                .collect();
            url.query_pairs_mut().clear().extend_pairs(kept);
            (url.path() != "/logout").then_some(url)
        });
        assert_eq!(links(&canonical, html), ["https://shop.test/p?a=1&b=2"]);
        assert_eq!(links(&LinkExtractor::new(), html).len(), 3);
        assert!(!canonical.matches(&"https://shop.test/logout".parse().unwrap()));
        assert!(canonical.matches(&"https://shop.test/p?b=1&sid=2#x".parse().unwrap()));
    }

    #[test]
    fn what_is_allowed_denied_and_where_is_looked() {
        let html = "<a href=/p/1>1</a><div class=main><a href=/p/2>2</a><a href=/p/2/print>2</a>\
            <a href=//cdn.test/p/3>3</a></div><img src=/p/4 alt=4>";
        let pages = LinkExtractor::new().allow("/p/").unwrap().deny("print").unwrap();
        assert_eq!(links(&pages, html).len(), 3);
        let inside = pages
            .clone()
            .within(".main")
            .unwrap()
            .allow_hosts(["shop.test"])
            .unwrap();
        assert_eq!(links(&inside, html), ["https://shop.test/p/2"]);
        let outside = pages.clone().deny_hosts(["shop.test"]).unwrap();
        assert_eq!(links(&outside, html), ["https://cdn.test/p/3"]);
        let images = LinkExtractor::new().elements(&["img"], &["src"]).unwrap();
        assert_eq!(links(&images, html), ["https://shop.test/p/4"]);
        assert!(LinkExtractor::new().allow("(").is_err());
    }

    #[test]
    fn fragments_are_kept_when_asked_for() {
        let html = "<a href='/a#1'>1</a><a href='/a#2'>2</a><a href='/a?c=2&b=1#2'>3</a>";
        assert_eq!(links(&LinkExtractor::new(), html).len(), 2);
        let kept = LinkExtractor::new().keep_fragment();
        assert_eq!(
            links(&kept, html),
            [
                "https://shop.test/a#1",
                "https://shop.test/a#2",
                "https://shop.test/a?c=2&b=1#2"
            ]
        );
        assert_eq!(links(&kept.canonical(), html)[2], "https://shop.test/a?b=1&c=2#2");
    }

    #[test]
    fn the_extensions_that_are_left_out_may_be_others() {
        let html =
            "<a href=a.pdf>a</a><a href=b.TAR.gz>b</a><a href=c.gz>c</a><a href=d.xml>d</a><a href=e.gz.html>e</a>";
        let others = LinkExtractor::new().deny_extensions([".tar.gz", "XML"]);
        assert_eq!(
            links(&others, html),
            [
                "https://shop.test/list/a.pdf",
                "https://shop.test/list/c.gz",
                "https://shop.test/list/e.gz.html"
            ]
        );
        let none: [&str; 0] = [];
        assert_eq!(links(&LinkExtractor::new().deny_extensions(none), html).len(), 5);
    }
}
