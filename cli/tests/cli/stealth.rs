//! `silkroute fetch --session stealth`: a page behind a challenge.

use silkroute_testkit::site::TestSite;

use crate::command::{sessions_file, silkroute};

/// Whether there is a browser; where there must be one, none is a failure.
fn there_is_a_browser() -> bool {
    let Err(error) = silkroute::stealth::find_browser() else {
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
async fn a_challenge_is_passed_where_asked_for_and_an_error_where_it_is_not() {
    if !there_is_a_browser() {
        return;
    }
    let site = TestSite::start().await.expect("the test site does not start");
    let solving = |kind: &str, more: &[&str]| {
        let url = site.http_url(&format!("/challenge/{kind}"));
        let solve = ["--session", "stealth", "-O", "stealth.solve_challenge=true"];
        silkroute([&["fetch", url.as_str()], &solve[..], more].concat())
    };
    let ran = solving("managed", &["--timeout", "60s"]);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    assert!(String::from_utf8_lossy(&ran.stdout).contains("id=\"protected\""));

    // Once is enough, and takes a few seconds; the rest of the time is for a browser that starts on a busy machine.
    let folder = tempfile::tempdir().unwrap();
    let once = sessions_file(
        folder.path(),
        "[sessions.stealth]\nkind = \"stealth\"\nchallenge_attempts = 1\n",
    );
    let ran = solving("refusing", &["--config", &once, "--timeout", "60s"]);
    assert_ne!(ran.status, Some(0));
    assert!(
        ran.stdout.is_empty() && ran.stderr.contains("was not passed"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_cannot_be_is_refused_before_a_browser_starts() {
    let ran = silkroute([
        "fetch",
        "http://127.0.0.1:9/",
        "--session",
        "stealth",
        "-O",
        "stealth.solve_chalenge=true",
    ]);
    assert_ne!(ran.status, Some(0));
    assert!(
        ran.stderr.contains("solve_chalenge") && ran.stderr.contains("solve_challenge"),
        "{}",
        ran.stderr
    );
}
