//! Which browser is run, and what becomes of one that cannot be run, reached, or write to its disk.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use silkroute_core::{Fetch, FetchErrorKind, RequestExt as _, Retry, Session as _};
use silkroute_session_dynamic::{CdpUrl, DnsOverHttps, DynamicSession, DynamicSessionBuilder, Headless, Toggle};
use silkroute_testkit::site::TestSite;
use support::{SOON, fetched, no_browser, started};
use tokio::time::{Instant, timeout};

fn once() -> DynamicSessionBuilder {
    DynamicSession::builder().retry(Retry::none())
}

/// Says that a test did not run; fails where browsers are required.
fn not_run(why: &str) {
    assert!(
        std::env::var("SILKROUTE_REQUIRE_BROWSER").as_deref() != Ok("1"),
        "{why}"
    );
    eprintln!("A BROWSER TEST DID NOT RUN: {why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_headless_shell_fetches_as_the_whole_browser_does() {
    let shell = silkroute_browser::LaunchOptions {
        headless: Headless::Shell,
        ..silkroute_browser::LaunchOptions::default()
    };
    if let Err(error) = silkroute_browser::launch::find(&shell) {
        // Not every system has it as a package.
        let required = std::env::var("SILKROUTE_REQUIRE_HEADLESS_SHELL").as_deref() == Ok("1");
        assert!(!required && error.to_string().contains("headless shell"), "{error}");
        eprintln!("THE TEST OF THE HEADLESS SHELL DID NOT RUN: {error}");
        return;
    }
    let site = TestSite::start().await.unwrap();
    let mut session = started(once().headless(Headless::Shell).wait_selector("#list"))
        .await
        .unwrap();
    // Debian's program is a script that starts it.
    let pids = session.browser().unwrap().processes();
    let programs: Vec<_> = pids
        .iter()
        .filter_map(|pid| std::fs::read_link(format!("/proc/{pid}/exe")).ok())
        .collect();
    let is_shell = |path: &PathBuf| path.to_string_lossy().contains("headless");
    assert!(programs.iter().any(is_shell), "{programs:?}");
    for _ in 0..3 {
        let page = fetched(&session, &Fetch::from(site.http_url("/js/list"))).await;
        assert_eq!(page.0.status(), 200);
        assert_eq!(
            page.0.text().matches("</li>").count(),
            silkroute_testkit::site::known::SCRIPTED_ITEMS
        );
    }
    let members = fetched(&session, &Fetch::from(site.http_url("/basic-auth"))).await;
    assert_eq!(members.0.status(), 401);
    assert!(!members.0.body().is_empty());
    session.close().await.unwrap();
    all_ended(&pids).await;
}

/// A run of this very test in a process whose `PATH` has a Google Chrome, or none.
const CHILD: &str = "SILKROUTE_TEST_CHROME_RUNS";

#[tokio::test(flavor = "multi_thread")]
async fn google_chrome_is_run_where_it_is_asked_for_and_never_chromium_in_its_place() {
    if no_browser().is_some() {
        return;
    }
    match std::env::var(CHILD).as_deref() {
        Ok("found") => {
            let site = TestSite::start().await.unwrap();
            let mut session = started(once().real_chrome(true)).await.unwrap();
            fetched(&session, &Fetch::from(site.http_url("/page/10k"))).await;
            return session.close().await.unwrap();
        }
        Ok(_) => {
            let error = once().real_chrome(true).build().unwrap().start().await.unwrap_err();
            let told = error.to_string();
            assert!(
                told.contains("Google Chrome is asked for") && told.contains("google.com/chrome"),
                "{told}"
            );
            return;
        }
        Err(_) => {}
    }
    let folder = tempfile::tempdir().unwrap();
    let (chrome, empty) = (folder.path().join("chrome"), folder.path().join("empty"));
    for folder in [&chrome, &empty] {
        std::fs::create_dir(folder).unwrap();
    }
    let ran = folder.path().join("ran");
    let chromium = silkroute_session_dynamic::find_browser().unwrap();
    let program = chrome.join("google-chrome");
    let script = format!(
        "#!/bin/sh\n: > '{}'\nexec '{}' \"$@\"\n",
        ran.display(),
        chromium.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let again = |what: &'static str, path: PathBuf| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child
            .args([
                "--exact",
                "google_chrome_is_run_where_it_is_asked_for_and_never_chromium_in_its_place",
            ])
            .args(["--nocapture"])
            .env(CHILD, what)
            .env("PATH", path);
        async move {
            let ended = tokio::task::spawn_blocking(move || child.output().unwrap());
            let ended = timeout(SOON * 4, ended).await.expect("it ends").unwrap();
            let told = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert!(ended.status.success(), "{what}: {told}");
        }
    };
    let path = std::env::join_paths([&chrome, Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    again("found", path.into()).await;
    assert!(
        ran.exists(),
        "the program of that name was run, although Chromium is there"
    );
    // Where Chrome is installed outside the path it is found all the same.
    if !Path::new("/opt/google/chrome/chrome").exists() {
        again("none", empty).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_elsewhere_is_reached_over_tls_only_with_a_certificate_that_is_trusted() {
    let site = TestSite::start().await.unwrap();
    let address = site.https_url("/devtools/browser/1");
    for scheme in ["wss", "https"] {
        let url = address.as_str().replacen("https", scheme, 1);
        let mut session = once().cdp_url(CdpUrl::new(&url).unwrap()).build().unwrap();
        let error = timeout(SOON, session.start()).await.expect("it ends").unwrap_err();
        assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::Connect, "{error}");
        assert!(error.to_string().contains("certificate"), "{error}");
    }
    assert!(site.requests().is_empty(), "nothing was said to who it is not");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_asked_for_over_https_and_nowhere_else() {
    let resolver = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let template = format!("https://{}/dns-query", resolver.local_addr().unwrap());
    let over_https = || once().dns_over_https(Toggle::On(DnsOverHttps::new(&template)));
    for refused in [
        over_https().user_data_dir("kept"),
        over_https().headless(Headless::Shell),
    ] {
        let told = refused.build().unwrap_err().to_string();
        assert!(told.contains("dns_over_https") && told.contains("leave"), "{told}");
    }
    let Some(session) = started(over_https()).await else {
        return;
    };
    let request = Fetch::get("http://shop.example/").unwrap().timeout(SOON);
    let mut first = [0];
    let asked = async {
        let (mut stream, _) = resolver.accept().await.unwrap();
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut first)
            .await
            .unwrap();
        drop(stream);
        // The fetch need not give up by itself.
        loop {
            drop(resolver.accept().await);
        }
    };
    let error = tokio::select! {
        () = asked => unreachable!("it never ends"),
        fetched = session.fetch(&request) => fetched.unwrap_err(),
    };
    assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::Dns, "{error}");
    assert_eq!(
        first,
        [0x16],
        "whatever it says to a resolver, it begins with a greeting of TLS"
    );
}

/// A file system of a few MiB; unmounted when dropped.
struct Small(tempfile::TempDir);

impl Small {
    fn mount(mebibytes: u32) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .output()
            .map_err(|error| error.to_string())?;
        if mounted.status.success() {
            Ok(Self(folder))
        } else {
            Err(String::from_utf8_lossy(&mounted.stderr).into_owned())
        }
    }

    /// Leaves no room.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.path().join("full")).unwrap();
        let block = [0_u8; 64 << 10];
        while std::io::Write::write_all(&mut file, &block).is_ok() {}
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // Lazily: a process of the browser may still be ending.
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

fn ended(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| {
        stat.rsplit(')')
            .next()
            .unwrap_or_default()
            .trim_start()
            .starts_with('Z')
    })
}

/// Looks again and again, as the system tells nobody.
async fn all_ended(pids: &[u32]) {
    let end = Instant::now() + SOON;
    while !pids.iter().all(|pid| ended(*pid)) {
        assert!(Instant::now() < end, "a process is left: {pids:?}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_hangs_nothing_and_leaves_nothing() {
    if no_browser().is_some() {
        return;
    }
    let small = match Small::mount(48) {
        Ok(small) => small,
        Err(error) => return not_run(&format!("a small file system cannot be mounted: {error}")),
    };
    let site = TestSite::start().await.unwrap();
    let request = || Fetch::from(site.http_url("/js/list")).timeout(SOON);
    let profile = small.0.path().join("profile");
    let mut session = started(once().user_data_dir(&profile)).await.unwrap();
    fetched(&session, &request()).await;
    small.fill();
    let pids = session.browser().unwrap().processes();
    // Pages with much to store and to cache, beyond what is left.
    for path in ["/js/subrequests", "/js/account", "/bytes/3000000", "/js/list"] {
        let began = Instant::now();
        let request = Fetch::from(site.http_url(path)).timeout(SOON);
        match timeout(SOON + Duration::from_secs(5), session.fetch(&request))
            .await
            .expect("no fetch hangs")
        {
            Ok(page) => assert_eq!(page.status(), 200, "{path}"),
            Err(error) => assert!(error.as_fetch().is_some() && began.elapsed() <= SOON, "{path}: {error}"),
        }
    }
    timeout(SOON, session.close()).await.expect("it is closed").ok();
    all_ended(&pids).await;
    // A start without any room at all: it works, or it is an error within its time.
    let empty = small.0.path().join("another");
    let mut session = once().user_data_dir(&empty).start_timeout(SOON).build().unwrap();
    let started = timeout(SOON * 2, session.start()).await.expect("a start does not hang");
    match started {
        Ok(()) => drop(session.fetch(&request()).await),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    timeout(SOON, session.close()).await.expect("it is closed").ok();
    // With room again, so does the session.
    std::fs::remove_file(small.0.path().join("full")).unwrap();
    session.start().await.unwrap();
    fetched(&session, &request()).await;
    session.close().await.unwrap();
}
