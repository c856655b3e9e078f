//! Pages that are feeds.

use std::io::Write as _;

use silkroute_spider::{Spider as _, feed};

use crate::support::{Answer, Tester, Web};

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// What a crawl makes of one feed: the titles of its entries as items, or the error of its page.
async fn titles(kind: &str, body: &[u8]) -> Result<Vec<String>, String> {
    let answer = Answer {
        bytes: body.to_vec(),
        ..Answer::page(&[]).header("content-type", kind)
    };
    let web = Web::of(&[("http://a.test/feed", answer)]);
    let spider = Tester::new(&web, &["http://a.test/feed"]).parsing(|page, out| {
        Box::pin(async move {
            for entry in feed::xml(&page, &["item", "entry"])? {
                out.item(entry.text_of("title").unwrap_or("none").to_owned()).await?;
            }
            Ok(())
        })
    });
    let failures = std::sync::Arc::clone(&spider.failures);
    let crawl = spider.crawl().run().await.unwrap();
    let failed = failures.lock().unwrap().pop();
    failed.map_or(Ok(crawl.items), |(_, error)| Err(error))
}

#[tokio::test]
async fn an_rss_page_plain_or_packed_is_read_in_its_encoding() {
    let rss = |declaration: &str| {
        let head = format!("<?xml version=\"1.0\"{declaration}?><rss><channel><title>The feed</title>");
        let items = b"<item><title>caf\xe9</title></item><item><link>/2</link></item></channel></rss>";
        [head.as_bytes(), &items[..]].concat()
    };
    let declared = rss(" encoding=\"ISO-8859-1\"");
    let silent = rss("");
    for (kind, body) in [
        ("application/rss+xml", declared.clone()),
        ("application/rss+xml", gzipped(&declared)),
        ("application/x-gzip", gzipped(&declared)),
        ("application/octet-stream", gzipped(&declared)),
        ("text/xml; charset=windows-1252", silent.clone()),
        ("text/xml; charset=windows-1252", gzipped(&silent)),
    ] {
        assert_eq!(titles(kind, &body).await.unwrap(), ["caf\u{e9}", "none"], "{kind}");
    }
    let utf_16: Vec<_> = "\u{feff}<feed><entry><title>\u{43a}</title></entry></feed>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(
        titles("application/gzip", &gzipped(&utf_16)).await.unwrap(),
        ["\u{43a}"]
    );
    let broken = titles("application/gzip", &gzipped(&declared)[..40]).await.unwrap_err();
    assert!(
        broken.contains("http://a.test/feed: the gzipped page cannot be unpacked"),
        "{broken}"
    );
}

#[tokio::test]
async fn a_feed_that_unpacks_to_more_than_64_mib_is_refused() {
    // Members of a gzip file follow one another: this bomb is quickly made.
    let mut bomb = gzipped(&vec![b' '; 1 << 20]).repeat(64);
    bomb.extend(gzipped(b" "));
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    let refused = titles("application/gzip", &bomb).await.unwrap_err();
    assert!(refused.contains("unpacks to more than 64 MiB"), "{refused}");
}

#[tokio::test]
async fn sitemaps_may_be_gzipped_and_named_by_robots_txt() {
    let packed = gzipped(b"<urlset><url><loc>/rows.csv</loc></url></urlset>");
    let web = Web::new(move |url, _| match url {
        "http://a.test/robots.txt" => Answer::page(&["User-agent: *", "Sitemap: http://a.test/map.xml.gz"]),
        "http://a.test/map.xml.gz" => Answer {
            bytes: packed.clone(),
            ..Answer::page(&[])
        },
        "http://a.test/rows.csv" => Answer::page(&["name;price", "one;1", "two;x", "three;3"]),
        _ => Answer::status(404),
    });
    let spider = Tester::new(&web, &["http://a.test/robots.txt"]).parsing(|page, out| {
        Box::pin(async move {
            if *page.step() == 1 {
                for row in feed::csv::<(String, u8), u8>(&page, &feed::CsvFormat::default().delimiter(b';'))? {
                    out.item(row.map_or_else(|_| "bad".to_owned(), |(name, price)| format!("{name} {price}")))
                        .await?;
                }
                return Ok(());
            }
            let map = feed::sitemap(&page)?;
            for entry in map.sitemaps {
                out.visit(page.follow_url(entry.url)).await?;
            }
            for entry in map.pages {
                out.visit(page.follow_url(entry.url).step(1)).await?;
            }
            Ok(())
        })
    });
    let failures = std::sync::Arc::clone(&spider.failures);
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(
        crawl.items,
        ["one 1", "bad", "three 3"],
        "{:?}",
        failures.lock().unwrap()
    );
}
