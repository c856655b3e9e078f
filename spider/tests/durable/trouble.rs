//! A disk that is full, a directory that cannot be written, a second crawl, a stream that nobody reads.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::time::Duration;

use silkroute_spider::{Result, export::Export};
use silkroute_testkit::site::TestSite;

use crate::support::{Item, Plan, Running, SOON, counts, runtime};

#[test]
fn a_full_disk_ends_the_crawl_with_an_error_and_loses_nothing() {
    if Plan::play() {
        return;
    }
    runtime().block_on(async {
        let test = "trouble::a_full_disk_ends_the_crawl_with_an_error_and_loses_nothing";
        let site = TestSite::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let mut plan = Plan::new(folder.path(), &site, "/bytes/100?n=", 600);
        plan.jsonl = Some(folder.path().join("items.jsonl"));
        // The kernel refuses what would make a file longer, as it does on a full disk. Each run gets a little further.
        let (mut last, mut refusals) = (0, 0);
        for kilobytes in [256, 384, 512] {
            let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", kilobytes * 2);
            let mut child = Running::start(plan.shell(&script, test));
            let report = plan.report(&mut child);
            let Some(error) = report.error else { continue };
            assert!(
                error.contains("make room, and run the crawl on this directory again"),
                "{error}"
            );
            let done = plan.items();
            assert!(done.len() >= last, "what was kept is kept");
            last = done.len();
            refusals += 1;
        }
        assert!(refusals > 0 && last < 600, "{refusals} refusals, then {last} items");
        let mut child = Running::start(plan.command(test));
        assert_eq!(plan.report(&mut child).ended.as_deref(), Some("Finished"));
        plan.assert_every_item_once();
        assert_eq!(counts(&site).len(), 600);
        site.close().await;
    });
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error_before_anything_is_fetched() {
    if Plan::play() {
        return;
    }
    runtime().block_on(async {
        let test = "trouble::a_directory_that_cannot_be_written_is_an_error_before_anything_is_fetched";
        let site = TestSite::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan::new(folder.path(), &site, "/bytes/100?n=", 10);
        // Where the child tells its report may be written, where the frontier is to be may not.
        std::fs::create_dir(&plan.directory).unwrap();
        let mode = |path: &std::path::Path, mode| {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(folder.path(), 0o777);
        mode(&plan.directory, 0o555);
        let mut command = plan.command(test);
        if folder.path().metadata().unwrap().uid() == 0 {
            // To root everything can be written.
            command.uid(65_534).gid(65_534);
        }
        let report = plan.report(&mut Running::start(command));
        let error = report.error.unwrap();
        assert!(error.contains("Permission denied"), "{error}");
        assert!(error.contains(plan.directory.to_str().unwrap()), "{error}");
        assert!(site.requests().is_empty());
        mode(&plan.directory, 0o755);
        site.close().await;
    });
}

#[test]
fn two_crawls_do_not_share_a_directory() {
    if Plan::play() {
        return;
    }
    runtime().block_on(async {
        let test = "trouble::two_crawls_do_not_share_a_directory";
        let site = TestSite::start().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let plan = Plan::new(folder.path(), &site, "/slow?ms=25000&n=", 2);
        let mut first = Running::start(plan.command(test));
        site.wait_until(|site| site.requests().len() == 1, SOON).await.unwrap();
        let refused = plan.crawl().run().await.unwrap_err().to_string();
        assert!(refused.contains("in use by another crawl (process "), "{refused}");
        assert_eq!(site.requests().len(), 1, "it fetched nothing");
        first.kill();
        let (handle, crawl) = plan.crawl().with_handle().unwrap();
        let crawl = tokio::spawn(crawl);
        site.wait_until(|site| site.requests().len() == 2, SOON).await.unwrap();
        handle.stop();
        handle.stop();
        assert_eq!(crawl.await.unwrap().unwrap().pending, 1, "the dead one holds nothing");
        site.close().await;
    });
}

#[tokio::test]
async fn a_page_that_is_kept_counts_when_the_stream_of_its_items_is_cut_off() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(folder.path(), &site, "/bytes/100?n=", 5);
    let items = plan.crawl().stream_buffer(1).stream().unwrap();
    let until = async |what: &str, check: &dyn Fn() -> bool| {
        let waiting = async {
            while !check() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let came = tokio::time::timeout(SOON, waiting).await;
        came.unwrap_or_else(|_| panic!("waited in vain until {what}"));
    };
    until("all pages are kept", &|| plan.items().len() == 5).await;
    let handle = items.handle();
    assert!(handle.stats().pages < 5, "the stream is full");
    handle.stop();
    handle.stop();
    until("all pages are counted", &|| handle.stats().pages == 5).await;
    let crawl = items.finish().await.unwrap();
    assert_eq!((crawl.stats.pages, crawl.stats.items, crawl.pending), (5, 5, 0));
    site.close().await;
}

/// An export that neither takes items nor ends well.
struct Broken;

impl Export<Item> for Broken {
    fn write(&mut self, _: &Item) -> Result {
        Err(std::io::Error::other("the first").into())
    }

    fn finish(&mut self) -> std::io::Result<()> {
        Err(std::io::Error::other("the second"))
    }

    fn path(&self) -> String {
        "broken".to_owned()
    }
}

#[tokio::test]
async fn the_error_of_a_crawl_is_the_one_that_ended_it() {
    let site = TestSite::start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan::new(folder.path(), &site, "/bytes/100?n=", 5);
    let error = plan.crawl().export(Broken).run().await.unwrap_err();
    let told = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(told, "the first", "{error}");
    site.close().await;
}
