//! What crawlers get wrong, one test each; the numbers are those of the survey in `behaviour.md`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use silkroute_core::RequestExt as _;
use silkroute_spider::{Ended, FailureKind, Spider as _, Visit};
use tokio::time::Instant;

use crate::support::{Answer, Bare, Tester, Web, gaps, quick};

/// Ten good pages, and one on which the test has its way.
fn ten_and_one() -> (Web, Vec<String>) {
    let web = Web::new(|url, _| Answer::status(if url.ends_with("bad") { 403 } else { 200 }));
    let starts = (0..10)
        .map(|n| format!("http://a.test/{n}"))
        .chain(["http://a.test/bad".into()]);
    (web, starts.collect())
}

#[tokio::test(start_paused = true)]
async fn e1_a_hook_that_fails_or_panics_ends_nothing_but_its_own_request() {
    let run = |change: fn(&mut Tester)| async move {
        let (web, starts) = ten_and_one();
        let mut spider = Tester::new(&web, &[]);
        spider.starts = starts;
        change(&mut spider);
        let crawl = spider.crawl().run().await.unwrap();
        assert_eq!(crawl.ended, Ended::Finished);
        assert_eq!(crawl.stats.pages, 10);
        crawl.stats
    };
    let on_error = run(|spider| spider.on_error = Some(Box::new(|_| panic!("as told")))).await;
    assert_eq!((on_error.hook_errors, on_error.gave_up_blocked), (1, 1));
    let is_blocked = run(|spider| spider.is_blocked = Some(Box::new(|_| panic!("as told")))).await;
    assert_eq!(is_blocked.gave_up_blocked, 1, "the status decides then");
    assert_eq!(is_blocked.hook_errors, 10 + 4);
    let failing = run(|spider| spider.retry_blocked = Some(Box::new(|_| Err("no".into())))).await;
    assert_eq!((failing.hook_errors, failing.retries), (3, 3));
    let panicking = run(|spider| spider.retry_blocked = Some(Box::new(|_| panic!("as told")))).await;
    assert_eq!((panicking.hook_errors, panicking.retries), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn e1_a_parse_that_panics_is_reported_and_what_it_gave_out_stays() {
    let web = Web::of(&[
        ("http://a.test/", Answer::page(&[])),
        ("http://a.test/next", Answer::page(&[])),
    ]);
    let spider = Tester::new(&web, &["http://a.test/"]).parsing(|page, out| {
        Box::pin(async move {
            out.item(page.url().to_string()).await?;
            if page.depth() == 0 {
                out.visit(page.follow("/next")?).await?;
                panic!("as told");
            }
            Ok(())
        })
    });
    let failures = Arc::clone(&spider.failures);
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!((crawl.items.len(), crawl.stats.parse_errors), (2, 1));
    let failures = failures.lock().unwrap();
    assert_eq!(failures[0].0, FailureKind::Parse);
    assert!(
        failures[0].1.contains("as told") && failures[0].1.contains("http://a.test/"),
        "{failures:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn e4_transport_failures_are_sent_again_with_growing_waits() {
    let web = Web::new(|_, nth| if nth < 2 { Answer::refused() } else { Answer::page(&[]) });
    let crawl = Tester::new(&web, &["http://a.test/"]).crawl().run().await.unwrap();
    assert_eq!((crawl.stats.pages, crawl.stats.retries, crawl.stats.failed), (1, 2, 0));
    assert_eq!(gaps(&web.hits()), [1_000, 2_000]);

    let web = Web::new(|_, _| Answer::refused());
    let spider = Tester::new(&web, &["http://a.test/"]);
    let failures = Arc::clone(&spider.failures);
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!((crawl.stats.pages, crawl.stats.failed, web.hits().len()), (0, 1, 3));
    assert_eq!(failures.lock().unwrap()[0].0, FailureKind::Fetch);
}

#[tokio::test(start_paused = true)]
async fn e4_blocks_are_sent_again_and_the_spider_may_change_the_session() {
    let web = Web::new(|_, nth| {
        if nth < 2 {
            Answer::status(403)
        } else {
            Answer::page(&[])
        }
    });
    let mut spider = Tester::new(&web, &["http://a.test/"]);
    let fetching = web.clone();
    spider.configure = Some(Box::new(move |sessions| {
        sessions
            .add("http", fetching.session("http"))?
            .add("stealth", fetching.session("stealth"))?;
        Ok(())
    }));
    spider.retry_blocked = Some(Box::new(|visit| Ok(Some(visit.session("stealth")))));
    let crawl = spider.crawl().run().await.unwrap();
    let sessions: Vec<_> = web.hits().iter().map(|hit| hit.session).collect();
    assert_eq!(sessions, ["http", "stealth", "stealth"]);
    assert_eq!(gaps(&web.hits()), [1_000, 2_000], "never at once");
    assert_eq!((crawl.stats.blocked, crawl.stats.sessions["http"].blocked), (2, 1));
    assert_eq!(crawl.stats.pages, 1);
}

#[tokio::test(start_paused = true)]
async fn e5_nothing_is_polled() {
    let web = Web::new(|_, _| Answer::page(&[]));
    let mut spider = Tester::new(&web, &[]).set(|s| s.concurrency(1));
    spider.starts = (0..200).map(|n| format!("http://a.test/{n}")).collect();
    let begun = Instant::now();
    spider.crawl().run().await.unwrap();
    assert_eq!(
        begun.elapsed(),
        Duration::ZERO,
        "a clock that moves only for sleepers has not moved"
    );
}

#[tokio::test(start_paused = true)]
async fn e6_a_crawl_whose_items_are_exported_keeps_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("items.jsonl");
    let web = Web::new(|_, _| Answer::page(&[]));
    let mut spider = Tester::new(&web, &[]).set(|s| s.max_pages(3_000));
    spider.endless = true;
    let crawl = spider
        .crawl()
        .export_jsonl(&file)
        .unwrap()
        .export_only()
        .run()
        .await
        .unwrap();
    assert!(crawl.items.is_empty());
    assert_eq!(crawl.items.capacity(), 0);
    assert_eq!(std::fs::read_to_string(file).unwrap().lines().count(), 3_000);
}

#[tokio::test(start_paused = true)]
async fn e10_a_page_that_parse_cannot_read_is_a_failure_in_the_stats() {
    let web = Web::of(&[("http://a.test/", Answer::page(&["{"]))]);
    let spider = Tester::new(&web, &["http://a.test/"]).parsing(|page, _| {
        Box::pin(async move {
            page.json::<Vec<String>>()?;
            Ok(())
        })
    });
    let failures = Arc::clone(&spider.failures);
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(crawl.stats.parse_errors, 1);
    assert!(failures.lock().unwrap()[0].1.contains("JSON"));
}

#[tokio::test(start_paused = true)]
async fn e11_a_url_that_cannot_be_fetched_is_refused_where_it_is_written() {
    assert!(Visit::<()>::get("shop.test/no-scheme").is_err());
    assert!(Visit::<()>::get("mailto:a@b.test").is_err());
    let web = Web::new(|_, _| Answer::page(&[]));
    let spider = Tester::new(&web, &["nonsense", "http://a.test/"]).parsing(|page, out| {
        Box::pin(async move {
            for link in [
                "http://[bad",
                "javascript:void(0)",
                "mailto:x@y.test",
                "http://h:99999/",
            ] {
                assert!(page.follow(link).is_err(), "{link}");
            }
            assert_eq!(page.follow_all(["tel:1", "/ok", "http://["]).count(), 1);
            let unknown = out.visit(page.follow("/x")?.session("nobody")).await;
            assert!(
                unknown
                    .unwrap_err()
                    .to_string()
                    .contains("Session 'nobody' not found. Available: http")
            );
            out.item("checked".into()).await?;
            Ok(())
        })
    });
    let failures = Arc::clone(&spider.failures);
    let crawl = spider.crawl().run().await.unwrap();
    assert_eq!(crawl.items, ["checked"]);
    assert_eq!(web.hits().len(), 1);
    let failures = failures.lock().unwrap();
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert_eq!(failures[0].0, FailureKind::Start);
}

#[tokio::test(start_paused = true)]
async fn e12_slow_parsing_holds_no_place_and_is_not_without_bound() {
    let web = Web::new(|_, _| Answer::page(&[]).after(100));
    let parsing = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let (now, peak) = (Arc::clone(&parsing), Arc::clone(&most));
    let mut spider = Tester::new(&web, &[]).set(|s| s.concurrency(2));
    spider.starts = (0..20).map(|n| format!("http://a.test/{n}")).collect();
    let spider = spider.parsing(move |_, _| {
        let (now, peak) = (Arc::clone(&now), Arc::clone(&peak));
        Box::pin(async move {
            peak.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
            tokio::time::sleep(Duration::from_millis(100)).await;
            now.fetch_sub(1, SeqCst);
            Ok(())
        })
    });
    let begun = Instant::now();
    spider.crawl().run().await.unwrap();
    assert!(most.load(SeqCst) <= 4);
    let took = begun.elapsed();
    assert!(
        took <= Duration::from_millis(1_300),
        "{took:?}: fetching and parsing go on side by side"
    );
}

#[tokio::test(start_paused = true)]
async fn e13_waits_are_spread_by_jitter() {
    let web = Web::new(|_, nth| if nth == 0 { Answer::refused() } else { Answer::page(&[]) });
    let mut spider = Tester::new(&web, &[]).set(|s| s.retry(quick(2).jitter(true)).concurrency(64));
    spider.starts = (0..64).map(|n| format!("http://a.test/{n}")).collect();
    spider.crawl().run().await.unwrap();
    let second: std::collections::HashSet<_> = web.hits()[64..].iter().map(|hit| hit.at).collect();
    assert!(second.len() > 32, "{} different times", second.len());
}

#[tokio::test(start_paused = true)]
async fn what_a_session_knows_to_be_a_challenge_is_no_page() {
    let web = Web::new(|_, time| Answer {
        blocked: (time == 0).then_some("managed"),
        ..Answer::page(&[])
    });
    let sessions = silkroute_manager::SessionManager::new();
    sessions.add("http", web.session("http")).unwrap();
    let crawl = Bare.crawl().sessions(&sessions).run().await.unwrap();
    assert_eq!((crawl.stats.blocked, crawl.stats.pages, web.hits().len()), (1, 1, 2));
}
