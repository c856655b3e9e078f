//! What the frontier on disk keeps over a close, and what it refuses.

mod hosts;

use super::file::FILE;
use super::*;

pub(super) fn entry(key: u128, lane: &str, priority: i32) -> Entry {
    Entry {
        key,
        again: false,
        lane: lane.into(),
        priority,
        record: key.to_string().into_bytes(),
    }
}

pub(super) fn open(directory: &Path) -> DiskFrontier {
    DiskFrontier::open(directory, Order::BreadthFirst).unwrap()
}

pub(super) fn done(lease: u64, items: &[&str]) -> Outcome {
    Outcome {
        lease,
        items: items.iter().map(|item| item.as_bytes().to_vec()).collect(),
        page: true,
        ..Outcome::default()
    }
}

async fn drain(frontier: &DiskFrontier, lane: &str) -> Vec<String> {
    let mut out = Vec::new();
    while let Some(lease) = frontier.lease(lane).await.unwrap() {
        out.push(String::from_utf8(lease.record).unwrap());
    }
    out
}

#[tokio::test]
async fn what_was_leased_and_not_done_is_there_again_and_what_was_done_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let frontier = open(directory.path());
    assert!(frontier.resume("spider").await.unwrap().lanes.is_empty());
    let entries = (0..1_000).map(|key| entry(key, "a", i32::from(key == 500))).collect();
    assert!(frontier.push(entries).await.unwrap().iter().all(Option::is_some));
    let first = frontier.lease("a").await.unwrap().unwrap();
    assert_eq!((first.record.as_slice(), first.priority), (b"500".as_slice(), 1));
    let second = frontier.lease("a").await.unwrap().unwrap();
    assert_eq!(second.record, b"0");
    let values = Values::from([("stats".to_owned(), b"{}".to_vec())]);
    let outcome = Outcome {
        requests: vec![entry(7, "a", 0), entry(2_000, "b", 0)],
        seen: vec![3_000],
        ..done(first.id, &["{\"n\":1}", "{\"n\":2}"])
    };
    assert!(!frontier.seen(3_000).await.unwrap());
    assert!(!frontier.seen(4_000).await.unwrap());
    assert!(frontier.seen(4_000).await.unwrap(), "as long as it runs");
    let ranks = frontier.commit(vec![outcome], values).await.unwrap();
    assert_eq!(ranks[0].iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
    frontier.close().await.unwrap();
    assert!(frontier.push(vec![]).await.is_err(), "it is closed");

    let frontier = open(directory.path());
    let resumed = frontier.resume("spider").await.unwrap();
    let lanes: Vec<_> = resumed.lanes.iter().map(|(lane, _)| lane.to_string()).collect();
    assert_eq!(lanes, ["a", "b"]);
    assert_eq!((resumed.pending, resumed.pages, resumed.items), (1_000, 1, 2));
    assert_eq!(resumed.values["stats"], b"{}");
    assert!(frontier.seen(3_000).await.unwrap(), "it was kept with its page");
    assert!(
        !frontier.seen(4_000).await.unwrap(),
        "its page was not kept, and has to come again"
    );
    let order = drain(&frontier, "a").await;
    let expected: Vec<_> = (0..1_000).filter(|n| *n != 500).map(|n| n.to_string()).collect();
    assert_eq!(order, expected);
    assert_eq!(drain(&frontier, "b").await, ["2000"]);
    frontier.close().await.unwrap();
    let log = ItemLog::open(directory.path()).unwrap();
    assert_eq!(
        log.json().collect::<Result<Vec<_>, _>>().unwrap(),
        ["{\"n\":1}", "{\"n\":2}"]
    );
    assert_eq!(log.json_from(1).count(), 1);
}

#[tokio::test]
async fn a_request_that_is_sent_again_keeps_its_counts_in_whatever_lane() {
    let directory = tempfile::tempdir().unwrap();
    let frontier = open(directory.path());
    frontier.push(vec![entry(1, "a", 0), entry(2, "a", 0)]).await.unwrap();
    let lease = frontier.lease("a").await.unwrap().unwrap();
    let once_more = |record: &str, lane: &str| Entry {
        record: record.into(),
        ..entry(1, lane, 0)
    };
    frontier.update(lease.id, once_more("failed once", "b")).await.unwrap();
    assert!(frontier.lease("b").await.unwrap().is_none(), "it is leased still");
    frontier.close().await.unwrap();

    let frontier = open(directory.path());
    frontier.resume("spider").await.unwrap();
    let lease = frontier.lease("b").await.unwrap().unwrap();
    assert_eq!(lease.record, b"failed once");
    frontier
        .release(lease.id, once_more("failed twice", "a"))
        .await
        .unwrap();
    assert_eq!(drain(&frontier, "a").await, ["2", "failed twice"]);
    frontier.acknowledge(lease.id).await.unwrap();
    frontier.close().await.unwrap();
}

#[tokio::test]
async fn start_requests_that_go_in_again_go_in_as_often_as_one_run_gives_them() {
    let directory = tempfile::tempdir().unwrap();
    let start = |key, again| Entry {
        again,
        ..entry(key, "a", 0)
    };
    let given = async |entries: &[Entry]| {
        let frontier = open(directory.path());
        frontier.resume("spider").await.unwrap();
        let ranks = frontier.push_starts(entries.to_vec()).await.unwrap();
        frontier.close().await.unwrap();
        ranks.iter().map(Option::is_some).collect::<Vec<_>>()
    };
    let first = [start(1, true), start(1, true), start(2, false), start(2, true)];
    assert_eq!(given(&first).await, [true; 4]);
    let other_order = [
        start(2, true),
        start(1, true),
        start(3, true),
        start(1, true),
        start(2, false),
    ];
    assert_eq!(given(&other_order).await, [false, false, true, false, false]);
    let more = [
        start(2, true),
        start(2, true),
        start(1, true),
        start(1, true),
        start(1, true),
    ];
    assert_eq!(given(&more).await, [false, true, false, false, true]);
    assert_eq!(given(&more).await, [false; 5]);
}

#[tokio::test]
async fn items_are_read_in_order_from_any_number_on() {
    let directory = tempfile::tempdir().unwrap();
    let frontier = open(directory.path());
    frontier
        .commit(vec![done(0, &["0", "1"]), done(0, &["2"])], Values::new())
        .await
        .unwrap();
    frontier.sync().await.unwrap();
    let read = async |from, count| {
        let items = frontier.items(from, count).await.unwrap();
        items
            .into_iter()
            .map(|json| String::from_utf8(json).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(read(0, 2).await, ["0", "1"]);
    assert_eq!(read(1, 9).await, ["1", "2"]);
    assert!(read(3, 9).await.is_empty());
    frontier.close().await.unwrap();
    assert!(frontier.sync().await.is_err(), "it is closed");
}

#[tokio::test]
async fn depth_first_goes_on_depth_first() {
    let directory = tempfile::tempdir().unwrap();
    let frontier = DiskFrontier::open(directory.path(), Order::DepthFirst).unwrap();
    frontier
        .push((0..600).map(|key| entry(key, "a", 0)).collect())
        .await
        .unwrap();
    frontier.close().await.unwrap();
    let frontier = open(directory.path());
    frontier.resume("spider").await.unwrap();
    frontier.push(vec![entry(600, "a", 0)]).await.unwrap();
    let expected: Vec<_> = (0..=600).rev().map(|n| n.to_string()).collect();
    assert_eq!(drain(&frontier, "a").await, expected);
}

#[tokio::test]
async fn a_second_crawl_is_refused_and_a_dropped_one_lets_go() {
    let directory = tempfile::tempdir().unwrap();
    let frontier = open(directory.path());
    // A lock of this process is waited for, since it may be on its way out; another process would be told at once.
    let refused = DiskFrontier::open(directory.path(), Order::BreadthFirst).unwrap_err();
    let pid = std::process::id();
    assert!(
        matches!(refused, DiskFrontierError::Locked { pid: Some(by), .. } if by == pid),
        "{refused}"
    );
    assert!(refused.to_string().contains("in use by another crawl"), "{refused}");
    drop(frontier);
    open(directory.path()).close().await.unwrap();
}

#[tokio::test]
async fn what_it_cannot_read_is_refused_and_left_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(FILE);
    std::fs::write(
        &file,
        "notes of mine, and more than sixteen bytes of them\n".repeat(100),
    )
    .unwrap();
    let before = std::fs::read(&file).unwrap();
    let refused = DiskFrontier::open(directory.path(), Order::BreadthFirst).unwrap_err();
    assert!(matches!(refused, DiskFrontierError::NotAFrontier { .. }), "{refused}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
    std::fs::remove_file(&file).unwrap();

    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("CREATE TABLE mine (x)").unwrap();
    drop(other);
    let refused = DiskFrontier::open(directory.path(), Order::BreadthFirst).unwrap_err();
    assert!(matches!(refused, DiskFrontierError::NotAFrontier { .. }), "{refused}");
    std::fs::remove_file(&file).unwrap();

    open(directory.path()).close().await.unwrap();
    let newer = rusqlite::Connection::open(&file).unwrap();
    newer.pragma_update(None, "user_version", 3).unwrap();
    drop(newer);
    let refused = DiskFrontier::open(directory.path(), Order::BreadthFirst).unwrap_err();
    let DiskFrontierError::Format {
        found: 3, supported: 2, ..
    } = refused
    else {
        panic!("{refused}")
    };
    assert!(refused.to_string().contains("format 3"), "{refused}");
}

#[tokio::test]
async fn the_crawl_of_another_spider_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let frontier = open(directory.path());
    frontier.resume("books").await.unwrap();
    frontier.close().await.unwrap();
    let frontier = open(directory.path());
    let refused = frontier.resume("shoes").await.unwrap_err().to_string();
    assert!(refused.contains("the spider 'books', not of 'shoes'"), "{refused}");
    frontier.close().await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_can_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("a/crawl");
    let frontier = open(&directory);
    frontier.push(vec![entry(1, "a", 0)]).await.unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&directory), 0o700);
    for file in std::fs::read_dir(&directory).unwrap() {
        let path = file.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    frontier.close().await.unwrap();
}
