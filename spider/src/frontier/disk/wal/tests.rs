//! What a loss of power leaves, and what becomes of a crawl whose disk fails.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::frontier::disk::lock::Lock;
use crate::frontier::disk::tests::{done, entry, open};
use crate::frontier::disk::{DiskFrontier, ItemLog};
use crate::frontier::{Durable as _, Frontier as _, Values};

/// Pages of the database, of 4 KiB each, after which the log goes into the database.
const GATHERED: usize = 8_192;

fn log_of(directory: &Path) -> PathBuf {
    directory.join(format!("{FILE}-wal"))
}

/// What cannot be synced: a pipe.
#[cfg(target_os = "linux")]
fn broken() -> File {
    let (_reader, writer) = std::io::pipe().unwrap();
    std::os::fd::OwnedFd::from(writer).into()
}

/// Keeps a page, with two items.
async fn keep_page(frontier: &DiskFrontier) {
    let lease = frontier.lease("a").await.unwrap().unwrap();
    let page = done(lease.id, &["1", "2"]);
    frontier.commit(vec![page], Values::new()).await.unwrap();
}

async fn with_requests(directory: &Path) -> DiskFrontier {
    let frontier = open(directory);
    frontier.resume("spider").await.unwrap();
    let requests = (0..40).map(|key| entry(key, "a", 0)).collect();
    frontier.push(requests).await.unwrap();
    frontier
}

/// How many pages a crawl finds that goes on with this log.
async fn pages_of(directory: &Path, log: &[u8]) -> u64 {
    let copy = tempfile::tempdir().unwrap();
    std::fs::copy(directory.join(FILE), copy.path().join(FILE)).unwrap();
    std::fs::write(log_of(copy.path()), log).unwrap();
    let resumed = open(copy.path()).resume("spider").await.unwrap();
    let expected = (2 * resumed.pages, 40 - resumed.pages);
    assert_eq!((resumed.items, resumed.pending), expected);
    resumed.pages
}

/// A loss of power leaves of the log what was synced. Of what was written since it leaves any blocks, or none.
#[tokio::test]
async fn of_a_log_that_the_disk_has_in_part_whole_transactions_are_left_and_all_that_was_synced() {
    const BLOCK: usize = 4_096;
    let directory = tempfile::tempdir().unwrap();
    let frontier = with_requests(directory.path()).await;
    for _ in 0..2 {
        keep_page(&frontier).await;
    }
    frontier.sync().await.unwrap();
    let log = log_of(directory.path());
    let synced = log.metadata().unwrap().len() as usize;
    for _ in 0..2 {
        keep_page(&frontier).await;
    }
    let written = std::fs::read(&log).unwrap();
    assert!(synced < written.len());
    let mut left = BTreeSet::new();
    for length in (synced..written.len()).step_by(1_500).chain([written.len()]) {
        left.insert(pages_of(directory.path(), &written[..length]).await);
    }
    assert_eq!(left.into_iter().collect::<Vec<_>>(), [2, 3, 4], "its end is missing");
    let mut left = BTreeSet::new();
    for block in synced / BLOCK..written.len().div_ceil(BLOCK) {
        let mut holed = written.clone();
        let end = written.len().min((block + 1) * BLOCK);
        holed[synced.max(block * BLOCK)..end].fill(0);
        left.insert(pages_of(directory.path(), &holed).await);
    }
    assert_eq!(left.into_iter().collect::<Vec<_>>(), [2, 3], "a block of it is missing");
}

/// To sync another file than the one that SQLite writes would succeed as well.
#[cfg(unix)]
#[tokio::test]
async fn what_is_synced_is_the_log_also_when_that_began_anew_and_others_closed_it() {
    let directory = tempfile::tempdir().unwrap();
    let log = log_of(directory.path());
    let frontier = open(directory.path());
    let is_synced = || {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = log.metadata().unwrap();
        frontier.wal.identity() == Some((metadata.dev(), metadata.ino()))
    };
    // How often it began anew, and a number of each time.
    let begun = || std::fs::read(&log).unwrap()[12..20].to_vec();
    assert!(is_synced());
    frontier.commit(vec![done(0, &["1"])], Values::new()).await.unwrap();
    let before = begun();
    let large = "1".repeat(1_000 * 4_096);
    for _ in 0..=GATHERED / 1_000 {
        frontier.commit(vec![done(0, &[&large])], Values::new()).await.unwrap();
    }
    frontier.commit(vec![done(0, &["1"])], Values::new()).await.unwrap();
    assert_ne!(begun(), before, "it never went into the database");
    assert!(is_synced(), "after it began anew");
    let items = ItemLog::open(directory.path()).unwrap();
    assert_eq!(items.len().unwrap(), 11);
    drop(items);
    frontier.commit(vec![done(0, &["1"])], Values::new()).await.unwrap();
    assert!(is_synced(), "after another had it open");
    frontier.sync().await.unwrap();
    frontier.close().await.unwrap();
}

/// Whoever closes a database last removes its log. That others have it open is told by a lock of theirs, which all
/// connections of a process share, and which goes with any handle of the file that the process closes. SQLite 3.54 asks
/// once more, by a lock on its index; the `sqlite3` of most systems does not.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_crawl_holds_the_lock_that_keeps_its_log_also_where_its_program_reads_the_items() {
    use std::os::unix::fs::MetadataExt as _;
    let directory = tempfile::tempdir().unwrap();
    let locked = || {
        let inode = directory.path().join(FILE).metadata().unwrap().ino();
        // Where SQLite's lock stands that says "in use".
        let lock = format!(":{inode} 1073741826 1073742335");
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        locks.lines().any(|line| line.contains("READ") && line.ends_with(&lock))
    };
    let frontier = open(directory.path());
    assert!(locked(), "as long as it is the only one");
    frontier.close().await.unwrap();
    assert!(!locked());
    let items = ItemLog::open(directory.path()).unwrap();
    assert!(locked());
    let frontier = open(directory.path());
    assert!(locked(), "it took the lock away");
    drop(items);
    assert!(locked());
    frontier.close().await.unwrap();
}

/// The directory of the process that another test starts, whose files can grow no longer than its database is.
#[cfg(target_os = "linux")]
const CONFINED: &str = "SILKROUTE_TEST_CONFINED";

#[cfg(target_os = "linux")]
#[test]
fn a_database_that_cannot_be_written_is_told_when_the_log_is_to_be_copied_and_loses_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let large = "1".repeat(1_000 * 4_096);
    let keep = async |frontier: &DiskFrontier| frontier.commit(vec![done(0, &[&large])], Values::new()).await;
    if let Some(directory) = std::env::var_os(CONFINED) {
        runtime.block_on(async {
            let frontier = open(directory.as_ref());
            let mut kept = 0;
            let refused = loop {
                match keep(&frontier).await {
                    Ok(_) => kept += 1,
                    Err(error) => break error,
                }
            };
            println!("kept {kept}: {refused}");
        });
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    runtime.block_on(async {
        let frontier = open(directory.path());
        for _ in 0..=GATHERED / 1_000 + 2 {
            keep(&frontier).await.unwrap();
        }
        frontier.close().await.unwrap();
    });
    // In blocks of 512 bytes, and not long enough for one item more.
    let blocks = directory.path().join(FILE).metadata().unwrap().len() / 512 + 2_000;
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut confined = std::process::Command::new("sh");
    confined.args(["-c", &script]).arg(std::env::current_exe().unwrap());
    confined.args([
        "frontier::disk::wal::tests::a_database_that_cannot_be_written_is_told_when_the_log_is_to_be_copied_and_loses_nothing",
        "--exact",
        "--nocapture",
    ]);
    let told = confined.env(CONFINED, directory.path()).output().unwrap();
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    // The log is as long as it gets, once.
    let kept = GATHERED / 1_000 + 1;
    assert!(told.contains(&format!("kept {kept}: ")), "{told}");
    assert!(told.contains("cannot copy the log into the database"), "{told}");
    assert!(told.contains("nothing that was kept is lost: make room"), "{told}");
    runtime.block_on(async {
        let frontier = open(directory.path());
        let resumed = frontier.resume("spider").await.unwrap();
        assert_eq!(resumed.items, (2 * kept + 2) as u64);
        keep(&frontier).await.unwrap();
        frontier.close().await.unwrap();
    });
}

#[test]
fn a_sync_that_hangs_holds_up_neither_a_commit_nor_the_end_of_the_runtime() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let frontier = runtime.block_on(with_requests(directory.path()));
    let wal = Arc::clone(&frontier.wal);
    let hung = wal.file.lock().unwrap();
    let limit = std::time::Duration::from_millis(100);
    runtime.block_on(async {
        tokio::time::timeout(limit, frontier.sync()).await.unwrap_err();
        keep_page(&frontier).await;
        tokio::time::timeout(limit, frontier.close()).await.unwrap_err();
    });
    drop(runtime);
    drop(hung);
    drop(frontier);
    drop(Lock::take(directory.path()).unwrap());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn after_a_sync_that_failed_nothing_is_said_to_be_on_the_disk() {
    let directory = tempfile::tempdir().unwrap();
    let frontier = with_requests(directory.path()).await;
    keep_page(&frontier).await;
    frontier.wal.check().unwrap();
    let whole = frontier.wal.swap(broken()).unwrap();
    let refused = frontier.sync().await.unwrap_err();
    let told = refused.to_string();
    assert!(
        matches!(refused.downcast_ref(), Some(DiskFrontierError::Sync { .. })),
        "{told}"
    );
    assert!(
        told.contains("may be lost if the power fails") && !told.contains("nothing that was kept is lost"),
        "{told}"
    );
    frontier.wal.swap(whole);
    assert_eq!(frontier.sync().await.unwrap_err().to_string(), told);
    let lease = frontier.lease("a").await.unwrap().unwrap();
    let kept = frontier.commit(vec![done(lease.id, &["1", "2"])], Values::new()).await;
    assert_eq!(kept.unwrap_err().to_string(), told, "nothing is built upon it");
}

/// SQLite copies the log into the database when that is closed.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn after_a_sync_that_failed_nothing_is_written_and_the_next_run_finds_what_was_kept() {
    for closed in [true, false] {
        let directory = tempfile::tempdir().unwrap();
        let files = [directory.path().join(FILE), log_of(directory.path())];
        let read = || files.clone().map(|file| std::fs::read(file).unwrap());
        let frontier = with_requests(directory.path()).await;
        keep_page(&frontier).await;
        let before = read();
        frontier.wal.swap(broken());
        if closed {
            let refused = frontier.close().await.unwrap_err().to_string();
            assert!(refused.contains("cannot sync what was written"), "{refused}");
        } else {
            frontier.sync().await.unwrap_err();
        }
        drop(frontier);
        drop(Lock::take(directory.path()).unwrap());
        assert!(read() == before, "closed: {closed}");
        let resumed = open(directory.path()).resume("spider").await.unwrap();
        assert_eq!((resumed.pages, resumed.items, resumed.pending), (1, 2, 39));
    }
}
