//! `silkroute fetch --session dynamic`: pages that need a browser.

use silkroute_testkit::site::TestSite;

use crate::command::{sessions_file, silkroute};

/// Whether there is a browser; where there must be one, none is a failure.
fn there_is_a_browser() -> bool {
    let Err(error) = silkroute::dynamic::find_browser() else {
        return true;
    };
    assert!(
        std::env::var("SILKROUTE_REQUIRE_BROWSER").as_deref() != Ok("1"),
        "{error}"
    );
    eprintln!("BROWSER TESTS DID NOT RUN: {error}");
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_is_rendered_and_waited_for() {
    if !there_is_a_browser() {
        return;
    }
    let site = TestSite::start().await.expect("the test site does not start");
    let url = site.http_url("/js/list");
    let ran = silkroute([
        "fetch",
        url.as_str(),
        "--session",
        "dynamic",
        "-O",
        "dynamic.wait_selector=#list .item",
        "-O",
        "dynamic.disable_resources=true",
    ]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert_eq!(
        String::from_utf8_lossy(&ran.stdout).matches("class=\"item\"").count(),
        30
    );
    let secure = site.https_url("/json");
    let ran = silkroute(["fetch", secure.as_str(), "--session", "dynamic", "--insecure"]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
}

#[cfg(feature = "spider")]
#[tokio::test(flavor = "multi_thread")]
async fn a_crawl_through_a_browser_has_the_headers_and_the_proxy_of_the_command_line() {
    if !there_is_a_browser() {
        return;
    }
    let site = TestSite::start().await.expect("the test site does not start");
    let (url, proxy) = (site.http_url("/shop?page=1"), site.proxy().url_http());
    let ran = silkroute([
        "crawl",
        url.as_str(),
        "--max-pages",
        "2",
        "--session",
        "dynamic",
        "-H",
        "X-Mine: 1",
        "-x",
        proxy.as_str(),
        "-O",
        "dynamic.disable_resources=true",
    ]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let pages = site.requests_to("/shop");
    assert!(!pages.is_empty() && pages.iter().all(|page| page.header("x-mine") == Some("1")));
    assert!(site.proxy().log().iter().any(|entry| entry.authorized));
}

#[test]
fn a_misspelt_option_is_refused_before_a_browser_starts() {
    let ran = silkroute([
        "fetch",
        "http://127.0.0.1:9/",
        "--session",
        "dynamic",
        "-O",
        "dynamic.wait_selctor=main",
    ]);
    assert_ne!(ran.status, Some(0));
    assert!(
        ran.stderr.contains("wait_selctor") && ran.stderr.contains("wait_selector"),
        "{}",
        ran.stderr
    );
}

#[cfg(unix)]
#[test]
fn the_limits_of_a_file_bound_the_start_of_its_sessions() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let hangs = folder.path().join("hangs");
    std::fs::write(&hangs, "#!/bin/sh\nexec sleep 60\n").unwrap();
    std::fs::set_permissions(&hangs, std::fs::Permissions::from_mode(0o755)).unwrap();
    let text = format!(
        "[limits]\nstart_timeout = \"500ms\"\n[sessions.a]\nkind = \"dynamic\"\nexecutable_path = {:?}\n",
        hangs.to_str().unwrap()
    );
    let file = sessions_file(folder.path(), &text);
    for command in crate::flags::COMMANDS {
        let ran = silkroute([*command, "http://127.0.0.1:9/", "--config", &file]);
        assert!(
            ran.stderr.contains("not ready within 500ms"),
            "{command}: {}",
            ran.stderr
        );
    }
}
