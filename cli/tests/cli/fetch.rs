//! `silkroute fetch` against the test site.

use std::fs;
use std::time::{Duration, Instant};

use crate::command::{Ran, refusing, sessions_file, silkroute, silkroute_reading};
use base64::Engine as _;
use serde_json::{Value, json};
use silkroute_testkit::site::TestSite;

async fn site() -> TestSite {
    TestSite::start().await.expect("the test site does not start")
}

/// `silkroute fetch URL ...`
fn fetch(url: &url::Url, arguments: &[&str]) -> Ran {
    silkroute([&["fetch", url.as_str()], arguments].concat())
}

/// What the site's `/echo` saw.
#[track_caller]
fn echo(site: &TestSite, arguments: &[&str]) -> Value {
    let ran = fetch(&site.http_url("/echo"), arguments);
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    ran.json()
}

/// The values under which a header reached the site.
fn seen<'a>(echo: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = echo["headers"].as_array().unwrap();
    headers
        .iter()
        .filter(|header| header[0].as_str().unwrap().eq_ignore_ascii_case(name))
        .map(|header| header[1].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_goes_to_standard_output_as_it_is() {
    let site = site().await;
    let image = fetch(&site.http_url("/image.png"), &[]);
    assert_eq!(image.status, Some(0), "{}", image.stderr);
    assert!(image.stdout.starts_with(b"\x89PNG"));
    assert!(image.stderr.is_empty());
    let gzip = fetch(&site.http_url("/compressed/gzip"), &[]);
    assert!(!gzip.stdout.starts_with(&[0x1f, 0x8b]), "it is decompressed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_of_any_status_is_no_failure() {
    let site = site().await;
    for status in [404, 500] {
        let ran = fetch(&site.http_url(&format!("/status/{status}")), &["--json"]);
        assert_eq!(ran.json()["status"], status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_has_all_of_the_response() {
    let site = site().await;
    let ran = fetch(&site.http_url("/redirect-to?url=/cookies/attributes"), &["--json"]);
    let report = ran.json();
    let mut keys: Vec<_> = report.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "attempts",
            "body",
            "cookies",
            "elapsed_ms",
            "headers",
            "history",
            "meta",
            "session",
            "status",
            "url"
        ]
    );
    assert_eq!(report["url"], site.http_url("/cookies/attributes").as_str());
    assert_eq!((&report["session"], &report["attempts"]), (&json!("http"), &json!(1)));
    assert!(report["elapsed_ms"].is_u64());
    let hop = &report["history"][0];
    assert_eq!(hop["status"], 302);
    assert_eq!(
        hop["url"],
        site.http_url("/redirect-to?url=/cookies/attributes").as_str()
    );
    assert_eq!(hop["headers"]["location"], "/cookies/attributes");
    assert!(report["headers"]["content-type"].is_string(), "one value is a text");
    assert!(report["headers"]["set-cookie"].is_array(), "several are a list");
    assert!(report["cookies"][0]["name"].is_string());
    // The keys stand in the order that the manual gives.
    let at = |key: &str| ran.text().find(&format!("\n  \"{key}\": ")).unwrap();
    assert!(at("url") < at("status") && at("status") < at("headers") && at("meta") < at("body"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_text_or_base64() {
    let site = site().await;
    let image = fetch(&site.http_url("/image.png"), &["--json"]).json();
    assert_eq!(image.get("body"), None);
    let decoded = base64::prelude::BASE64_STANDARD
        .decode(image["body_base64"].as_str().unwrap())
        .unwrap();
    assert!(decoded.starts_with(b"\x89PNG"));
    for (name, text) in [
        ("shift_jis", silkroute_testkit::site::known::JAPANESE_TEXT),
        ("utf-16le", silkroute_testkit::site::known::UTF8_TEXT),
    ] {
        let page = fetch(&site.http_url(&format!("/encoding/{name}")), &["--json"]).json();
        assert!(page["body"].as_str().unwrap().contains(text), "{name}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn method_headers_and_body_reach_the_site() {
    let site = site().await;
    assert_eq!(echo(&site, &[])["method"], "GET");
    assert_eq!(echo(&site, &["-X", "delete"])["method"], "DELETE");
    assert_eq!(echo(&site, &["-X", "PUT", "-d", "x"])["method"], "PUT");

    let many = echo(
        &site,
        &[
            "-H",
            "X-One: 1",
            "-H",
            "X-Two:a:b",
            "-H",
            "x-two: c",
            "-H",
            "User-Agent: me",
        ],
    );
    assert_eq!(seen(&many, "x-one"), ["1"]);
    assert_eq!(seen(&many, "x-two"), ["a:b", "c"]);
    assert_eq!(seen(&many, "user-agent"), ["me"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_may_be_text_a_file_or_standard_input() {
    let site = site().await;
    let form = echo(&site, &["-d", "a=1&b=x y"]);
    assert_eq!(
        (&form["method"], &form["form"]),
        (&json!("POST"), &json!({"a": "1", "b": "x y"}))
    );
    assert_eq!(seen(&form, "content-type"), ["application/x-www-form-urlencoded"]);

    let plain = echo(&site, &["-d", r#"{"a": "b=c"}"#]);
    assert_eq!(plain["body"], r#"{"a": "b=c"}"#);
    assert!(seen(&plain, "content-type").is_empty(), "{plain}");
    let said = echo(&site, &["-d", "a=1", "-H", "content-type: text/plain"]);
    assert_eq!(seen(&said, "content-type"), ["text/plain"]);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("body");
    fs::write(&file, [0, 159, 146, b'\n']).unwrap();
    let binary = echo(&site, &["-d", &format!("@{}", file.display())]);
    assert_eq!(binary["body_base64"], "AJ+SCg==");

    let url = site.http_url("/echo");
    let read = silkroute_reading(["fetch", url.as_str(), "-d", "@-"], b"typed\n").json();
    assert_eq!((&read["method"], &read["body"]), (&json!("POST"), &json!("typed\n")));
    assert_eq!(echo(&site, &["-d", ""])["method"], "POST");
}

#[tokio::test(flavor = "multi_thread")]
async fn options_of_the_kind_are_read_as_json_or_as_text() {
    let site = site().await;
    let agent = |options: &[&str]| seen(&echo(&site, options), "user-agent").concat();
    assert!(agent(&[]).contains("Chrome/"));
    assert!(agent(&["-O", "http.impersonate=firefox"]).contains("Firefox/"));
    assert!(agent(&["-O", "http.impersonate=[\"firefox\"]"]).contains("Firefox/"));

    let redirect = site.http_url("/redirect/3");
    assert_eq!(
        fetch(&redirect, &["--json", "-O", "http.redirects=none"]).json()["status"],
        302
    );
    let limited = fetch(&redirect, &["-O", "http.max_redirects=1"]);
    assert!(limited.error(1).contains("redirect"), "{}", limited.stderr);
    // What the kind wants as text may look like a number.
    assert_eq!(
        fetch(&redirect, &["--json", "-O", "http.http_version=1"]).json()["status"],
        200
    );
    // Keys of a table, one at a time.
    let flaky = site.http_url("/flaky?times=9&key=cli&how=drop");
    let tried = fetch(&flaky, &["-O", "http.retry.attempts=2", "-O", "http.retry.base=1ms"]);
    assert!(tried.error(1).contains("attempts: 2"), "{}", tried.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_checked_unless_told_otherwise() {
    let site = site().await;
    let url = site.https_url("/json");
    let refused = fetch(&url, &["-O", "http.retry.attempts=1"]);
    assert!(refused.error(1).contains("certificate"), "{}", refused.stderr);
    assert_eq!(fetch(&url, &["--insecure"]).status, Some(0));
    assert_eq!(
        fetch(&url, &["--cacert", site.ca_path().to_str().unwrap()]).status,
        Some(0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timeout_limits_all_of_it() {
    let site = site().await;
    let begun = Instant::now();
    let ran = fetch(&site.http_url("/stall"), &["--timeout", "300ms"]);
    assert!(ran.error(1).contains("300ms"), "{}", ran.stderr);
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_failed_fetch_tells_its_cause() {
    let (_socket, url) = refusing();
    let ran = fetch(&url, &["--json", "-O", "http.retry.attempts=1"]);
    let error = ran.error(1);
    assert!(error.starts_with(&format!("GET {url}: ")), "{error}");
    assert!(error.contains("refused"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn passwords_in_the_url_are_not_shown() {
    let site = site().await;
    let mut url = site.http_url("/basic-auth");
    url.set_username("user").unwrap();
    url.set_password(Some("pass")).unwrap();
    let report = fetch(&url, &["--json"]).json();
    assert!(!report["url"].as_str().unwrap().contains(":pass@"), "{report}");
    url.set_path("/drop");
    let failed = fetch(&url, &["-O", "http.retry.attempts=1"]);
    assert!(!failed.error(1).contains(":pass@"), "{}", failed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_are_loaded_before_and_written_after() {
    let site = site().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cookies.json");
    let path = file.to_str().unwrap();
    // Set on a redirect, sent on the way.
    let login = fetch(
        &site.http_url("/cookies/set?sid=7&_path=/&_redirect=1"),
        &["--cookies", path, "--json"],
    )
    .json();
    assert_eq!(login["cookies"][0]["value"], "7");
    let state: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(state["cookies"][0]["name"], "sid");
    assert_eq!(state["cookies"][0]["domain"], "127.0.0.1");

    let again = echo(&site, &["--cookies", path]);
    assert_eq!(again["cookies"], json!({"sid": "7"}));
    assert_eq!(echo(&site, &[])["cookies"], json!({}));

    // Those that the server takes away are gone from the file.
    assert_eq!(
        fetch(
            &site.http_url("/cookies/set?sid=&_path=/&_max_age=0"),
            &["--cookies", path]
        )
        .status,
        Some(0)
    );
    assert_eq!(echo(&site, &["--cookies", path])["cookies"], json!({}));

    let nowhere = folder.path().join("no/such/cookies.json");
    let unsaved = fetch(&site.http_url("/empty"), &["--cookies", nowhere.to_str().unwrap()]);
    assert!(unsaved.error(1).contains("writing cookies"), "{}", unsaved.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_can_go_to_a_file() {
    let site = site().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("page.html");
    let path = file.to_str().unwrap();
    let ran = fetch(&site.http_url("/page/10k"), &["--output", path]);
    assert_eq!((ran.status, ran.stdout.len()), (Some(0), 0), "{}", ran.stderr);
    assert_eq!(fs::read(&file).unwrap().len(), 10_240);

    let report = fetch(&site.http_url("/json"), &["--output", path, "--json"]).json();
    assert_eq!((report["output"].as_str(), report.get("body")), (Some(path), None));
    assert!(serde_json::from_slice::<Value>(&fs::read(&file).unwrap()).is_ok());

    let nowhere = folder.path().join("no/such/file");
    let failed = fetch(&site.http_url("/json"), &["--output", nowhere.to_str().unwrap()]);
    assert!(failed.error(1).contains("writing the body"), "{}", failed.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_come_from_a_file() {
    let site = site().await;
    let folder = tempfile::tempdir().unwrap();
    let toml = sessions_file(
        folder.path(),
        r#"
        [sessions.plain]
        kind = "http"
        lazy = true
        headers = { X-Session = "plain" }

        [sessions.fox]
        kind = "http"
        default = true
        impersonate = "firefox"
        stop_when_idle = "1m"
        headers = { X-Session = "fox" }
        "#,
    );
    let config = ["--config", &toml];
    let with = |more: &[&str]| echo(&site, &[&config, more].concat());
    assert_eq!(seen(&with(&[]), "x-session"), ["fox"], "the file's default");
    assert_eq!(seen(&with(&["--session", "plain"]), "x-session"), ["plain"]);
    assert!(
        seen(&with(&["--session", "http"]), "x-session").is_empty(),
        "a kind, with its defaults"
    );
    let url = site.http_url("/json");
    let named = fetch(&url, &[&config[..], &["--session", "plain", "--json"]].concat()).json();
    assert_eq!(named["session"], "plain");
    let secure = site.https_url("/json");
    assert_eq!(
        fetch(&secure, &[&config[..], &["--insecure"]].concat()).status,
        Some(0),
        "flags go on top"
    );

    let json_file = folder.path().join("sessions.json");
    fs::write(
        &json_file,
        r#"{"sessions": {"api": {"kind": "http", "headers": {"X-Session": "api"}}}}"#,
    )
    .unwrap();
    assert_eq!(
        seen(&echo(&site, &["--config", json_file.to_str().unwrap()]), "x-session"),
        ["api"]
    );
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_config_that_can_be_read_but_once_is_read_once() {
    let site = site().await;
    let url = site.http_url("/echo");
    let config = b"[sessions.piped]\nkind = 'http'\nlazy = true\nheaders = { X-Session = 'piped' }";
    let ran = silkroute_reading(["fetch", url.as_str(), "--config", "/dev/stdin"], config);
    assert_eq!(seen(&ran.json(), "x-session"), ["piped"]);
}
