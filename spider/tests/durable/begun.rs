//! What a crawl was begun with, and the run that is another.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use silkroute_manager::SessionManager;
use silkroute_session_http::HttpSession;
use silkroute_spider::{Crawl, CrawlError, Ended, Output, Page, Result, Settings, Spider, Step, Visit};
use silkroute_testkit::site::TestSite;

/// A list of three pages, and what is on them. Each step gives what it is called as the item.
struct Shelf<S> {
    urls: Vec<String>,
    lists: usize,
    page: S,
    arguments: &'static [(&'static str, &'static str)],
}

fn shelf<S: Step + PartialEq>(site: &TestSite, page: S) -> Shelf<S> {
    let url = |n| site.http_url(&format!("/bytes/{n}")).to_string();
    Shelf {
        urls: (1..=4).map(url).collect(),
        lists: 1,
        page,
        arguments: &[],
    }
}

impl<S: Step + PartialEq> Spider for Shelf<S> {
    type Item = String;
    type Step = S;

    fn name(&self) -> &str {
        "shelf"
    }

    fn settings(&self) -> Settings {
        Settings::default().concurrency(1)
    }

    fn start_urls(&self) -> Vec<String> {
        self.urls[..self.lists].to_vec()
    }

    fn arguments(&self) -> BTreeMap<String, String> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.arguments.iter().map(own).collect()
    }

    fn configure_sessions(&self, sessions: &SessionManager) -> Result {
        sessions.add("http", HttpSession::new())?;
        Ok(())
    }

    async fn parse(&self, page: Page<S>, out: &mut Output<Self>) -> Result {
        if page.url().as_str() == self.urls[0] {
            out.visit(Visit::get(&self.urls[1])?).await?;
            out.visit(Visit::get(&self.urls[2])?.step(self.page.clone())).await?;
        }
        out.item(format!("{:?}", page.step())).await?;
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Before {
    #[default]
    List,
    Product,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
enum OtherDefault {
    List,
    #[default]
    Product,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Renamed {
    #[default]
    List,
    Article,
}

async fn run<S: Step + PartialEq>(
    shelf: Shelf<S>,
    folder: &std::path::Path,
    pages: u64,
) -> Result<Crawl<String>, CrawlError> {
    shelf
        .crawl()
        .frontier(folder.join("crawl"))
        .max_pages(pages)
        .run()
        .await
}

#[tokio::test]
async fn requests_that_wait_keep_their_step_when_the_default_becomes_another() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let first = run(shelf(&site, Before::Product), folder.path(), 1).await.unwrap();
    assert_eq!((first.ended, first.pending), (Ended::MaxPages, 2));
    let second = run(shelf(&site, OtherDefault::Product), folder.path(), 9)
        .await
        .unwrap();
    assert_eq!(second.items, ["List", "Product"]);
    assert_eq!(
        (second.ended, second.stats.pages, second.stats.pages_before),
        (Ended::Finished, 3, 1)
    );
    site.close().await;
}

#[tokio::test]
async fn a_step_that_the_program_does_not_know_ends_the_crawl_and_loses_nothing() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    run(shelf(&site, Before::Product), folder.path(), 1).await.unwrap();
    let refused = run(shelf(&site, Renamed::Article), folder.path(), 9).await.unwrap_err();
    let told = refused.to_string();
    let url = site.http_url("/bytes/3").to_string();
    for part in [
        url.as_str(),
        "`\"Product\"`",
        "begun::Renamed",
        "stays in the frontier",
        "serde(alias)",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let last = run(shelf(&site, Before::Product), folder.path(), 9).await.unwrap();
    assert_eq!((last.ended, last.stats.pages, last.pending), (Ended::Finished, 3, 0));
    assert_eq!(
        last.items,
        ["Product"],
        "the page that was known was fetched by the run before"
    );
    assert_eq!(site.requests().len(), 3);
    site.close().await;
}

#[tokio::test]
async fn a_run_with_other_arguments_is_refused() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let with = |arguments| Shelf {
        arguments,
        ..shelf(&site, Before::Product)
    };
    let begun = &[("category", "shoes"), ("token", "hunter2")];
    run(with(begun), folder.path(), 1).await.unwrap();
    let other = &[("category", "books"), ("token", "hunter2"), ("language", "de")];
    let refused = run(with(other), folder.path(), 9).await.unwrap_err();
    let told = refused.to_string();
    assert!(
        told.contains("of the spider 'shelf'") && told.contains("`category`, `language` changed"),
        "{told}"
    );
    assert!(!format!("{told}{refused:?}").contains("books"), "{refused:?}");
    let CrawlError::OtherArguments { differences, .. } = refused else {
        panic!("{refused}")
    };
    let kept: Vec<_> = differences
        .iter()
        .map(|other| (other.kept.as_deref(), other.given.as_deref()))
        .collect();
    assert_eq!(kept, [(Some("shoes"), Some("books")), (None, Some("de"))]);
    let last = run(with(begun), folder.path(), 9).await.unwrap();
    assert_eq!((last.ended, last.stats.pages), (Ended::Finished, 3));
    site.close().await;
}

#[tokio::test]
async fn start_urls_that_were_added_are_visited_also_when_the_crawl_was_finished() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let first = run(shelf(&site, Before::Product), folder.path(), 9).await.unwrap();
    assert_eq!((first.ended, first.stats.pages), (Ended::Finished, 3));
    let again = run(shelf(&site, Before::Product), folder.path(), 9).await.unwrap();
    assert_eq!(
        (again.stats.pages, again.stats.pages_before),
        (3, 3),
        "this run got none"
    );
    let more = || Shelf {
        lists: 4,
        ..shelf(&site, Before::Product)
    };
    let more = [
        run(more(), folder.path(), 9).await.unwrap(),
        run(more(), folder.path(), 9).await.unwrap(),
    ];
    assert_eq!(more[0].items.len(), 1, "the others were seen");
    assert_eq!(
        more.map(|crawl| (crawl.stats.pages, crawl.stats.pages_before)),
        [(4, 3), (4, 4)]
    );
    assert_eq!(site.requests().len(), 4);
    site.close().await;
}
