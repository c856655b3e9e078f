//! How the command ends when somebody else ends it.

use std::io::Read as _;
use std::time::Duration;

use crate::command::{Ran, command, signal};
use silkroute_testkit::site::TestSite;

const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_closes_the_session_and_ends_the_program() {
    for (name, status) in [("INT", 130), ("TERM", 143)] {
        let site = TestSite::start().await.unwrap();
        let child = command(["fetch", site.http_url("/stall").as_str()]).spawn().unwrap();
        site.wait_until(|site| site.in_flight() == 1, SOON).await.unwrap();
        signal(&child, name);
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!(ran.error(status), "interrupted");
        site.wait_until(|site| site.open_connections() == 0, SOON)
            .await
            .unwrap();
        site.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_leaves_is_no_error() {
    let site = TestSite::start().await.unwrap();
    let mut child = command(["fetch", site.http_url("/bytes/4000000").as_str()])
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut [0; 10]).unwrap();
    drop(stdout);
    let ran = Ran::from(child.wait_with_output().unwrap());
    assert_eq!((ran.status, ran.stderr.as_str()), (Some(0), ""));
}

#[cfg(all(feature = "spider", target_os = "linux"))]
#[tokio::test(flavor = "multi_thread")]
async fn items_that_cannot_be_written_are_an_error_and_end_the_crawl() {
    let site = TestSite::start().await.unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ran = command(["crawl", site.http_url("/shop").as_str()])
        .stdout(full)
        .output()
        .unwrap();
    let ran = Ran::from(ran);
    let error = ran.error(1);
    assert!(
        error.starts_with("cannot write the export standard output: "),
        "{error}"
    );
    assert_eq!(site.requests().len(), 1, "the links of the first page are not followed");
    site.close().await;
}
