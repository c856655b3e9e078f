//! Starting and ending real browsers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use silkroute_browser::{Browser, CloseReason, ConnectOptions, Error, LaunchOptions, Navigation};
use support::{Answer, Site, browser, browser_with, pages, soon, tab, targets};

/// The profile folder of a browser, from its command line.
fn profile(browser: &Browser) -> PathBuf {
    let line = std::fs::read(format!("/proc/{}/cmdline", browser.pid().unwrap())).unwrap();
    let line = String::from_utf8(line).unwrap();
    line.split('\0')
        .find_map(|word| word.strip_prefix("--user-data-dir="))
        .unwrap()
        .into()
}

fn exists(pid: u32) -> bool {
    // What has ended and was not waited for yet is a zombie, state Z.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

/// Polls, as there is no event for the end of other processes; bounded.
async fn gone(pids: &[u32], folder: &Path) {
    for _ in 0..1_200 {
        if !pids.iter().any(|pid| exists(*pid)) && !folder.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let left: Vec<_> = pids.iter().filter(|pid| exists(**pid)).collect();
    panic!("left over: processes {left:?}, profile {}", folder.exists());
}

/// Chromium has pages of its own, in processes of their own, for what pops up under the address field of each window.
#[tokio::test]
async fn a_window_holds_the_pages_that_were_asked_for_and_no_others() {
    let Some(browser) = browser().await else { return };
    let site = Site::start(&[("/", Answer::html("<h1>here</h1>"))]).await;
    let tab = tab(&browser).await;
    tab.navigate(&Navigation::to(site.url("/")), soon()).await.unwrap();
    assert_eq!(targets(&browser).await, [("page".to_owned(), tab.id().to_owned())]);
    browser.close().await.unwrap();
}

#[tokio::test]
async fn close_leaves_no_process_and_no_profile() {
    let Some(browser) = browser().await else { return };
    assert!(browser.version().product.contains("Chrome/"), "{:?}", browser.version());
    let _tab = tab(&browser).await;
    let (pids, folder) = (browser.processes(), profile(&browser));
    assert!(pids.len() > 2, "{pids:?}");
    browser.close().await.unwrap();
    assert!(!folder.exists());
    assert!(pids.iter().all(|pid| !exists(*pid)));
    assert!(!browser.is_alive());
    browser.close().await.unwrap();
}

#[tokio::test]
async fn drop_leaves_no_process_and_no_profile() {
    let Some(browser) = browser().await else { return };
    let tab = tab(&browser).await;
    let (pids, folder) = (browser.processes(), profile(&browser));
    drop(browser);
    assert!(tab.is_alive(), "a tab keeps its browser");
    drop(tab);
    gone(&pids, &folder).await;
}

#[tokio::test]
async fn a_killed_browser_fails_what_waits_and_leaves_nothing() {
    for signal in ["-KILL", "-TERM"] {
        let Some(browser) = browser().await else { return };
        let tab = tab(&browser).await;
        let (pids, folder) = (browser.processes(), profile(&browser));
        let waiting = tab.evaluate::<()>("new Promise(() => {})", soon());
        let killing = async {
            let pid = browser.pid().unwrap().to_string();
            assert!(
                tokio::process::Command::new("kill")
                    .args([signal, &pid])
                    .status()
                    .await
                    .unwrap()
                    .success()
            );
        };
        let (result, ()) = tokio::join!(waiting, killing);
        let error = result.unwrap_err();
        assert!(error.is_browser_gone(), "{error}");
        assert!(matches!(browser.closed().await, CloseReason::Lost(_)));
        gone(&pids, &folder).await;
    }
}

#[tokio::test]
async fn a_runtime_that_ends_takes_the_browser_with_it() {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let browser = runtime.block_on(browser());
        send.send(browser.as_ref().map(|browser| (browser.processes(), profile(browser))))
            .unwrap();
        drop(runtime);
        drop(browser);
    })
    .join()
    .unwrap();
    let Some((pids, folder)) = receive.recv().unwrap() else {
        return;
    };
    gone(&pids, &folder).await;
}

#[tokio::test]
async fn a_program_that_is_no_browser_is_an_error_with_its_words() {
    let options = LaunchOptions {
        executable_path: Some("/bin/false".into()),
        ..LaunchOptions::default()
    };
    let error = Browser::launch(&options).await.unwrap_err();
    assert!(matches!(error, Error::Launch { .. }), "{error}");
    let options = LaunchOptions {
        executable_path: Some("/no/browser".into()),
        ..LaunchOptions::default()
    };
    assert!(matches!(
        Browser::launch(&options).await.unwrap_err(),
        Error::NotFound { .. }
    ));
    let options = LaunchOptions {
        executable_path: Some("/bin/cat".into()),
        start_timeout: Duration::from_millis(300),
        ..LaunchOptions::default()
    };
    assert!(Browser::launch(&options).await.is_err());
}

#[tokio::test]
async fn a_profile_of_the_users_own_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let options = LaunchOptions {
        user_data_dir: Some(dir.path().join("mine")),
        ..LaunchOptions::default()
    };
    let Some(browser) = browser_with(options).await else {
        return;
    };
    browser.close().await.unwrap();
    assert!(dir.path().join("mine/Default").exists());
}

#[tokio::test]
async fn no_window_is_there_before_one_is_asked_for() {
    let Some(browser) = browser().await else { return };
    assert_eq!(targets(&browser).await, []);
    browser.close().await.unwrap();
}

/// A browser that somebody else started, listening on a port.
async fn started_by_hand(folder: &Path) -> Option<(tokio::process::Child, u16)> {
    let program = silkroute_browser::launch::find(&LaunchOptions::default()).ok()?;
    let child = tokio::process::Command::new(program)
        .args([
            "--headless=new",
            "--no-sandbox",
            "--no-first-run",
            "--remote-debugging-port=0",
            "about:blank",
        ])
        .arg(format!("--user-data-dir={}", folder.display()))
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    // The file comes once it listens; there is no event for it.
    for _ in 0..2_400 {
        let text = std::fs::read_to_string(folder.join("DevToolsActivePort")).unwrap_or_default();
        if let Some(port) = text.lines().next().and_then(|line| line.parse().ok()) {
            return Some((child, port));
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it does not listen");
}

#[tokio::test]
async fn a_browser_that_runs_elsewhere_is_used_and_left_running() {
    let folder = tempfile::tempdir().unwrap();
    let Some((mut child, port)) = started_by_hand(folder.path()).await else {
        return;
    };
    let url: url::Url = format!("http://127.0.0.1:{port}").parse().unwrap();
    let theirs = Browser::connect(&ConnectOptions::new(url.clone())).await.unwrap();
    let theirs_tab = tab(&theirs).await;
    let ours = Browser::connect(&ConnectOptions::new(url)).await.unwrap();
    assert!(ours.pid().is_none());
    let context = ours.new_context(Default::default(), soon()).await.unwrap();
    let ours_tab = context.open(Default::default(), soon()).await.unwrap();
    assert_eq!(ours_tab.evaluate::<i32>("1 + 1", soon()).await.unwrap(), 2);
    let in_default = tab(&ours).await;
    in_default.close(soon()).await.unwrap();
    // What others open is theirs: the start page, a tab of before, and one of now.
    let another = tab(&theirs).await;
    drop((ours_tab, context));
    let left_alone = async {
        while pages(&theirs).await.len() != 3 {
            tokio::task::yield_now().await
        }
    };
    soon().run("our tabs closed and theirs not", left_alone).await.unwrap();
    ours.close().await.unwrap();
    for theirs in [&theirs_tab, &another] {
        assert_eq!(theirs.evaluate::<i32>("2 + 2", soon()).await.unwrap(), 4);
    }
    // The end of the browser is the end of the websocket.
    child.kill().await.unwrap();
    assert!(matches!(
        soon().run("the end", theirs.closed()).await.unwrap(),
        CloseReason::Lost(_)
    ));
    assert!(
        theirs_tab
            .evaluate::<i32>("1", soon())
            .await
            .unwrap_err()
            .is_browser_gone()
    );
}

#[tokio::test]
async fn a_cancelled_open_leaves_no_page_in_a_browser_that_runs_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let Some((mut child, port)) = started_by_hand(folder.path()).await else {
        return;
    };
    let url: url::Url = format!("http://127.0.0.1:{port}").parse().unwrap();
    let theirs = Browser::connect(&ConnectOptions::new(url.clone())).await.unwrap();
    // It may listen before its first window is there.
    let first = async {
        loop {
            let pages = pages(&theirs).await;
            if !pages.is_empty() {
                return pages;
            }
        }
    };
    let before = soon().run("the start page", first).await.unwrap();
    let ours = Browser::connect(&ConnectOptions::new(url)).await.unwrap();
    let context = ours.default_context();
    for step in 0..30_u64 {
        let opening = context.open(Default::default(), soon());
        // Whether it came to its end is not the point.
        let _ = tokio::time::timeout(Duration::from_micros(700 * step), opening).await;
    }
    // The last one is still on its way.
    drop(context);
    ours.close().await.unwrap();
    assert_eq!(pages(&theirs).await, before);
    child.kill().await.unwrap();
}

/// Set in the process that plays the owner of a browser, and is killed.
const OWNER: &str = "SILKROUTE_TEST_OWNER_TO_BE_KILLED";

/// What the owner does until it is killed; bounded all the same.
async fn own_a_browser() {
    let Some(browser) = browser().await else { return };
    let _tab = tab(&browser).await;
    let pids: Vec<_> = browser.processes().iter().map(u32::to_string).collect();
    println!("READY {} {}", pids.join(","), profile(&browser).display());
    drop(tokio::time::timeout(Duration::from_secs(60), std::future::pending::<()>()).await);
}

#[tokio::test]
async fn a_killed_owner_leaves_no_process_and_its_profile_to_the_next() {
    use tokio::io::{AsyncBufReadExt, BufReader};
    if std::env::var_os(OWNER).is_some() {
        return own_a_browser().await;
    }
    if silkroute_browser::launch::find(&LaunchOptions::default()).is_err() {
        // Said by the others.
        return;
    }
    let mut owner = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_killed_owner_leaves_no_process_and_its_profile_to_the_next",
            "--nocapture",
        ])
        .env(OWNER, "1")
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let ready = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("the owner gets ready");
            if let Some((_, facts)) = line.split_once("READY ") {
                return facts.to_owned();
            }
        }
    };
    let facts = soon().run("the owner", ready).await.unwrap();
    let (pids, folder) = facts.split_once(' ').unwrap();
    let pids: Vec<u32> = pids.split(',').map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.len() > 2 && Path::new(folder).exists());
    owner.start_kill().unwrap();
    owner.wait().await.unwrap();
    gone(&pids, Path::new("/no/such/folder")).await;
    // Another launch may be at it already, and has it locked until it is gone.
    let swept = async {
        while Path::new(folder).exists() {
            silkroute_browser::launch::sweep();
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    soon().run("the sweep", swept).await.unwrap();
}

/// Takes TLS off what comes, and passes it on to this port.
async fn with_tls(certificate: &rcgen::CertifiedKey<rcgen::KeyPair>, port: u16) -> (u16, tokio::task::JoinHandle<()>) {
    let key = tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer::from(certificate.signing_key.serialize_der());
    let provider = std::sync::Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = tokio_rustls::rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            connections.spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let mut onward = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                // Either side may hang up.
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut onward).await;
            });
        }
    });
    (at, task)
}

#[tokio::test]
async fn a_browser_is_reached_over_tls_with_a_certificate_of_ones_own() {
    let folder = tempfile::tempdir().unwrap();
    let Some((mut child, port)) = started_by_hand(folder.path()).await else {
        return;
    };
    let certificate = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let (file, nothing) = (folder.path().join("ca.pem"), folder.path().join("nothing.pem"));
    std::fs::write(&file, certificate.cert.pem()).unwrap();
    std::fs::write(&nothing, "no certificate").unwrap();
    let (at, task) = with_tls(&certificate, port).await;
    let named = std::fs::read_to_string(folder.path().join("DevToolsActivePort")).unwrap();
    let path = named.lines().nth(1).unwrap();
    for url in [format!("https://127.0.0.1:{at}"), format!("wss://127.0.0.1:{at}{path}")] {
        let trusting = |file: Option<&Path>| ConnectOptions {
            ca_certificate: file.map(Path::to_owned),
            ..ConnectOptions::new(url.parse().unwrap())
        };
        let browser = Browser::connect(&trusting(Some(&file))).await.unwrap();
        assert!(browser.version().product.contains("Chrome/"), "{url}");
        let tab = tab(&browser).await;
        assert_eq!(tab.evaluate::<i32>("1 + 1", soon()).await.unwrap(), 2, "{url}");
        drop(tab);
        browser.close().await.unwrap();
        let error = Browser::connect(&trusting(None)).await.unwrap_err();
        assert!(matches!(error, Error::Connect { .. }), "{error}");
        let error = Browser::connect(&trusting(Some(&nothing))).await.unwrap_err();
        assert!(error.to_string().contains("nothing.pem"), "{error}");
    }
    task.abort();
    child.kill().await.unwrap();
}
