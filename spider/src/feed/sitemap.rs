//! Sitemaps, <https://www.sitemaps.org/protocol.html>.

use url::Url;

use super::xml::{XmlNode, nodes};
use crate::visit::Step;
use crate::{Page, Result, RobotsRules};

/// What a sitemap holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sitemap {
    /// Further sitemaps.
    pub sitemaps: Vec<SitemapEntry>,
    /// Pages.
    pub pages: Vec<SitemapEntry>,
}

/// One line of a sitemap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SitemapEntry {
    /// Where it leads.
    pub url: Url,
    /// When it was last changed, as it is written.
    pub last_modified: Option<String>,
    /// The same page in other languages, or for other devices.
    pub alternates: Vec<Url>,
}

/// Reads a page as a sitemap, an index of sitemaps, or the sitemaps of a robots.txt, by what it is. Entries that are no
/// URL are left out, and `&` need not be written `&amp;`.
///
/// ```no_run
/// use silkroute_spider::{Output, Page, Result, Spider, feed};
///
/// # async fn example<S: Spider<Step = u8>>(page: Page<u8>, out: &mut Output<S>) -> Result {
/// // Step 0 reads sitemaps, step 1 pages.
/// let sitemap = feed::sitemap(&page)?;
/// for entry in sitemap.sitemaps {
///     out.visit(page.follow_url(entry.url)).await?;
/// }
/// for entry in sitemap.pages {
///     out.visit(page.follow_url(entry.url).step(1)).await?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// It is none of these, is not well-formed, or unpacks to more than 64 MiB.
#[doc(alias = "SitemapSpider")]
pub fn sitemap<S: Step>(page: &Page<S>) -> Result<Sitemap> {
    let text = super::text(page)?;
    if page.url().path() == "/robots.txt" {
        let rules = RobotsRules::parse(text.as_bytes(), "");
        let urls = rules.sitemaps().iter().filter_map(|url| page.url().join(url).ok());
        return Ok(Sitemap {
            sitemaps: urls.map(bare).collect(),
            pages: Vec::new(),
        });
    }
    read(&text, page.url())
}

fn read(text: &str, base: &Url) -> Result<Sitemap> {
    let roots = ["<urlset", "<sitemapindex", ":urlset", ":sitemapindex"];
    if !roots.iter().any(|root| text.contains(root)) {
        return Err(format!("{base} is no sitemap: it has neither <urlset> nor <sitemapindex>").into());
    }
    let (mut sitemaps, mut pages) = (Vec::new(), Vec::new());
    for node in nodes(text, &["sitemap", "url"])? {
        if let Some(entry) = entry(&node, base) {
            let list = if node.name() == "sitemap" {
                &mut sitemaps
            } else {
                &mut pages
            };
            list.push(entry);
        }
    }
    Ok(Sitemap { sitemaps, pages })
}

fn entry(node: &XmlNode, base: &Url) -> Option<SitemapEntry> {
    let alternates = node.children().iter().filter(|child| child.name() == "link");
    Some(SitemapEntry {
        last_modified: node.text_of("lastmod").map(str::to_owned),
        alternates: alternates
            .filter_map(|link| base.join(link.attr("href")?).ok())
            .collect(),
        ..bare(base.join(node.text_of("loc")?).ok()?)
    })
}

fn bare(url: Url) -> SitemapEntry {
    SitemapEntry {
        url,
        last_modified: None,
        alternates: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_sitemaps_and_alternates() {
        let base = Url::parse("https://shop.test/sitemap.xml").unwrap();
        let text = r#"<urlset xmlns:xhtml="x"><url><loc> https://shop.test/a?x=1&amp;y=2 </loc><lastmod>2026-01-02</lastmod>
            <xhtml:link rel="alternate" hreflang="de" href="/de/a"/></url><url><loc>http://[</loc></url><url/></urlset>"#;
        let map = read(text, &base).unwrap();
        assert_eq!(map.pages.len(), 1);
        assert_eq!(map.pages[0].url.as_str(), "https://shop.test/a?x=1&y=2");
        assert_eq!(map.pages[0].last_modified.as_deref(), Some("2026-01-02"));
        assert_eq!(map.pages[0].alternates[0].as_str(), "https://shop.test/de/a");
        let index = read(
            "<sitemapindex><sitemap><loc>/2.xml.gz</loc></sitemap></sitemapindex>",
            &base,
        )
        .unwrap();
        assert_eq!(index.sitemaps[0].url.as_str(), "https://shop.test/2.xml.gz");
        assert!(
            read("<html></html>", &base)
                .unwrap_err()
                .to_string()
                .contains("no sitemap")
        );
    }

    #[test]
    fn roots_may_have_a_prefix_and_urls_a_plain_ampersand() {
        let base = Url::parse("https://shop.test/sitemap.xml").unwrap();
        let index = "<x:sitemapindex xmlns:x='s'><x:sitemap><x:loc>/2.xml?a=1&b=2</x:loc></x:sitemap></x:sitemapindex>";
        let index = read(index, &base).unwrap();
        assert_eq!(index.sitemaps[0].url.as_str(), "https://shop.test/2.xml?a=1&b=2");
        let urls = "<x:urlset xmlns:x='s'><x:url><x:loc>https://shop.test/?a=1&b=2&amp;c=3</x:loc>
            <y:link href='/de?a=1&amp;b=2&c=3'/></x:url><x:url><x:loc>/next</x:loc></x:url></x:urlset>";
        let pages = read(urls, &base).unwrap().pages;
        assert_eq!(pages.len(), 2);
        assert_eq!(pages[0].url.as_str(), "https://shop.test/?a=1&b=2&c=3");
        assert_eq!(pages[0].alternates[0].as_str(), "https://shop.test/de?a=1&b=2&c=3");
        assert_eq!(pages[1].url.as_str(), "https://shop.test/next");
    }
}
