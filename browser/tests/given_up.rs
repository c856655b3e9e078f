//! What is given up on its way, or dropped anywhere, leaves nothing behind; and what did not start says why.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use silkroute_browser::cdp::{Connection, RawCommand};
use silkroute_browser::{Browser, ContextOptions, Error, LaunchOptions, TabOptions};
use support::{browser, pages, pool_of, soon, tab};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, duplex, split};
use tokio::time::Instant;

async fn contexts(browser: &Browser) -> usize {
    let command = RawCommand::new("Target.getBrowserContexts", json!({})).unwrap();
    let listed: Value = browser.session().send_as(command, soon()).await.unwrap();
    listed["browserContextIds"].as_array().unwrap().len()
}

/// Asks until there are so many contexts and pages; nothing tells of the end of contexts.
async fn left(browser: &Browser, wanted: (usize, usize)) {
    let reached = async {
        loop {
            let now = (contexts(browser).await, pages(browser).await.len());
            if now == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    let why = "contexts and pages that were given up";
    soon().run(why, reached).await.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn a_context_that_nobody_waits_for_any_more_is_disposed_of() {
    let Some(browser) = browser().await else { return };
    let before = (contexts(&browser).await, pages(&browser).await.len());
    for _ in 0..5 {
        let mut making = Box::pin(browser.new_context(ContextOptions::default(), soon()));
        // The browser is told, and has not answered yet.
        assert!(futures_util::poll!(&mut making).is_pending());
    }
    let expired = silkroute_browser::Deadline::after(Duration::ZERO);
    let error = browser
        .new_context(ContextOptions::default(), expired)
        .await
        .unwrap_err();
    assert!(error.is_timeout(), "{error}");
    // What comes later finds the browser done with these.
    let kept = browser.new_context(ContextOptions::default(), soon()).await.unwrap();
    left(&browser, (before.0 + 1, before.1)).await;
    drop(kept);
    left(&browser, before).await;
    browser.close().await.unwrap();
}

#[tokio::test]
async fn a_context_whose_asker_ended_with_its_runtime_is_disposed_of() {
    let Some(browser) = browser().await else { return };
    let before = (contexts(&browser).await, pages(&browser).await.len());
    let asked = browser.clone();
    let elsewhere = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut making = Box::pin(asked.new_context(ContextOptions::default(), soon()));
            assert!(futures_util::poll!(&mut making).is_pending());
            // The browser is told.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        });
    });
    tokio::task::spawn_blocking(|| elsewhere.join()).await.unwrap().unwrap();
    // What comes later finds the browser done with this.
    let kept = browser.new_context(ContextOptions::default(), soon()).await.unwrap();
    left(&browser, (before.0 + 1, before.1)).await;
    drop(kept);
    browser.close().await.unwrap();
}

#[tokio::test]
async fn what_is_dropped_where_there_is_no_runtime_is_closed_as_well() {
    let Some(browser) = browser().await else { return };
    let _stays = tab(&browser).await;
    let before = (contexts(&browser).await, pages(&browser).await.len());
    let context = browser.new_context(ContextOptions::default(), soon()).await.unwrap();
    let pool = pool_of(1);
    let lease = pool.acquire(&context, TabOptions::default(), soon()).await.unwrap();
    let tab = context.open(TabOptions::default(), soon()).await.unwrap();
    let elsewhere = std::thread::spawn(move || {
        lease.finish();
        drop(tab);
        drop(context);
    });
    tokio::task::spawn_blocking(|| elsewhere.join()).await.unwrap().unwrap();
    let cleared = async {
        while pool.stats().busy > 0 || pool.stats().idle == 0 {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    soon().run("the tab to be used again", cleared).await.unwrap();
    left(&browser, (before.0 + 1, before.1 + 1)).await;
    std::thread::spawn(move || drop(pool)).join().unwrap();
    left(&browser, before).await;
    browser.close().await.unwrap();
}

/// It is written by another process: one that this one has open while it starts others could not be run.
fn program(folder: &tempfile::TempDir, script: &str) -> PathBuf {
    let path = folder.path().join("browser");
    let written = std::process::Command::new("sh")
        .args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0\" && chmod 755 \"$0\""])
        .arg(&path)
        .arg(script)
        .status();
    assert!(written.unwrap().success());
    path
}

#[tokio::test]
async fn the_last_words_of_a_browser_that_does_not_start_are_in_the_error_and_its_profile_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let options = LaunchOptions {
        executable_path: Some(program(
            &folder,
            r#"for word in "$@"; do case $word in --user-data-dir=*) echo "profile ${word#*=}" >&2;; esac; done
               echo "no display to show a window on" >&2; exit 3"#,
        )),
        ..LaunchOptions::default()
    };
    for _ in 0..20 {
        let starting = Browser::launch(&options);
        let error = starting.await.unwrap_err();
        let Error::Launch { stderr, .. } = &error else {
            panic!("{error}")
        };
        assert!(stderr.contains("no display to show a window on"), "{error}");
        let profile = stderr.lines().find_map(|line| line.strip_prefix("profile ")).unwrap();
        assert!(!std::path::Path::new(profile).exists(), "{profile}");
    }
}

#[test]
fn a_start_is_over_in_time_though_no_folder_can_be_made_for_it() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let (free, held) = std::sync::mpsc::channel::<()>();
        // Files are waited for on the one thread that there is for it.
        let busy = tokio::task::spawn_blocking(move || held.recv().is_err());
        let options = LaunchOptions {
            executable_path: Some("/bin/cat".into()),
            start_timeout: Duration::from_millis(200),
            ..LaunchOptions::default()
        };
        let started = tokio::time::timeout(Duration::from_secs(10), Browser::launch(&options)).await;
        let error = started.expect("it keeps to its time").unwrap_err();
        assert!(
            error.is_timeout() && error.to_string().contains("profile folder"),
            "{error}"
        );
        drop(free);
        assert!(busy.await.unwrap());
    });
}

/// A browser of which only the protocol is there.
#[tokio::test(start_paused = true)]
async fn targets_of_others_that_do_not_answer_hold_up_nobody() {
    let (ours, theirs) = duplex(1 << 16);
    let (read, write) = split(ours);
    let (read_theirs, mut say) = split(theirs);
    let mut heard = BufReader::new(read_theirs);
    let mut next = async || -> Value {
        let mut message = Vec::new();
        heard.read_until(0, &mut message).await.unwrap();
        message.pop();
        serde_json::from_slice(&message).unwrap()
    };
    let connection = Connection::over_streams(read, write);
    let attaching = tokio::spawn(Browser::attach(connection, soon()));
    for answer in [json!({"product": "Test/1"}), json!({})] {
        let id = next().await["id"].clone();
        let answer = json!({"id": id, "result": answer});
        say.write_all(format!("{answer}\0").as_bytes()).await.unwrap();
    }
    let _browser = attaching.await.unwrap().unwrap();
    let began = Instant::now();
    for number in 0..5 {
        let event = json!({"method": "Target.attachedToTarget", "params": {
            "sessionId": format!("s{number}"), "waitingForDebugger": true,
            "targetInfo": {"targetId": format!("t{number}"), "type": "service_worker"}}});
        say.write_all(format!("{event}\0").as_bytes()).await.unwrap();
    }
    for number in 0..5 {
        let told = next().await;
        assert_eq!(told["method"], "Runtime.runIfWaitingForDebugger");
        assert_eq!(told["sessionId"], format!("s{number}"));
    }
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    // Nor are they held on to.
    for _ in 0..5 {
        assert_eq!(next().await["method"], "Target.detachFromTarget");
    }
}
