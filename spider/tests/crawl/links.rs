//! Rules for links, what requests for them carry, and which of them are the same.

use futures_util::FutureExt as _;
use silkroute_core::FingerprintRules;
use silkroute_spider::{CrawlRule, LinkExtractor, Spider as _};

use crate::support::{Answer, Tester, Web};

fn html(body: &str) -> Answer {
    Answer {
        body: body.to_owned(),
        ..Answer::page(&[])
    }
}

#[tokio::test(start_paused = true)]
async fn rules_set_step_session_and_priority_change_requests_and_the_first_that_takes_a_link_follows_it() {
    let web = Web::new(|url, _| match url {
        "http://a.test/" => html(
            "<a href=/list/1>1</a><a href=/p/1>1</a><a href=/p/2?sid=7>2</a><a href=/p/secret>3</a><a href=/other>4</a>",
        ),
        _ => html(""),
    });
    let mut spider = Tester::new(&web, &["http://a.test/"])
        .set(|s| s.concurrency(1))
        .parsing(|page, out| {
            async move {
                if page.depth() > 0 {
                    let way = page.response().session().unwrap_or_default();
                    out.item(format!("{} {} {way}", page.url().path(), page.step())).await?;
                    return Ok(());
                }
                let rules = [
                    CrawlRule::new(LinkExtractor::new().allow("/p/")?)
                        .step(1)
                        .session("other")
                        .priority(9)
                        .map(|visit| (!visit.url().path().ends_with("secret")).then_some(visit)),
                    CrawlRule::new(LinkExtractor::new().deny("/other")?).step(2),
                ];
                CrawlRule::follow_all(&rules, &page, out).await
            }
            .boxed()
        });
    let other = web.clone();
    spider.configure = Some(Box::new(move |sessions| {
        sessions
            .add("http", other.session("http"))?
            .add("other", other.session("other"))?;
        Ok(())
    }));
    let crawl = spider.crawl().run().await.unwrap();
    // Those of the first rule go before a link that stands before them, through their session; what it drops is not taken by
    // the second rule, and what no rule takes is left.
    assert_eq!(crawl.items, ["/p/1 1 other", "/p/2 1 other", "/list/1 2 http"]);
    assert_eq!(crawl.stats.duplicates, 0);
}

#[tokio::test(start_paused = true)]
async fn fragments_tell_pages_apart_when_the_crawl_and_the_extractor_keep_them() {
    for (kept, hits) in [(false, 2), (true, 3)] {
        let web = Web::new(|url, _| match url {
            "http://a.test/" => html("<a href='/a#1'>1</a><a href='/a#2'>2</a>"),
            _ => html(""),
        });
        let spider = Tester::new(&web, &["http://a.test/"])
            .set(|s| {
                s.fingerprint(FingerprintRules {
                    keep_fragments: kept,
                    ..FingerprintRules::default()
                })
            })
            .parsing(|page, out| {
                async move {
                    let rules = [CrawlRule::new(LinkExtractor::new().keep_fragment())];
                    CrawlRule::follow_all(&rules, &page, out).await
                }
                .boxed()
            });
        let crawl = spider.crawl().run().await.unwrap();
        assert_eq!((web.hits().len(), crawl.stats.duplicates), (hits, 3 - hits as u64));
    }
}

#[tokio::test(start_paused = true)]
async fn the_referer_is_whole_to_its_own_origin_the_origin_to_others_and_nothing_from_https_to_http() {
    let web = Web::new(|url, _| match url {
        "https://me:pw@a.test/dir?q=1#top" => Answer::page(&[
            "next",
            "https://a.test/no-credentials",
            "https://a.test:8443/",
            "https://b.test/",
            "http://a.test/",
        ]),
        _ => Answer::page(&[]),
    });
    let spider = Tester::new(&web, &["https://me:pw@a.test/dir?q=1#top"]);
    spider.crawl().run().await.unwrap();
    let mut hits: Vec<_> = web.hits().into_iter().map(|hit| (hit.url, hit.referer)).collect();
    hits.remove(0);
    hits.sort();
    let whole = Some("https://a.test/dir?q=1");
    let origin = Some("https://a.test/");
    let expected = [
        ("http://a.test/", None),
        ("https://a.test/no-credentials", whole),
        ("https://a.test:8443/", origin),
        ("https://b.test/", origin),
        ("https://me:pw@a.test/next", whole),
    ];
    let told: Vec<_> = hits
        .iter()
        .map(|(url, referer)| (url.as_str(), referer.as_deref()))
        .collect();
    assert_eq!(told, expected);
}

#[tokio::test(start_paused = true)]
async fn a_page_is_parsed_once_however_often_it_is_asked() {
    let web = Web::new(|_, _| html("<h1>One</h1>"));
    let spider = Tester::new(&web, &["http://a.test/"]).parsing(|page, out| {
        async move {
            let parsed: *const _ = page.document();
            let title = page.css("h1::text")?.get_or("");
            let same = std::ptr::eq(parsed, page.document());
            out.item(format!(
                "{title} {}",
                same && std::ptr::eq(page.document(), page.document())
            ))
            .await?;
            Ok(())
        }
        .boxed()
    });
    assert_eq!(spider.crawl().run().await.unwrap().items, ["One true"]);
}
