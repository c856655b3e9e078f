//! What the command says of a command line, or a file, that it cannot use.

use std::fs;

use crate::command::{sessions_file, silkroute};

/// Nothing in here gets as far as this address.
const URL: &str = "http://127.0.0.1:9/";

#[track_caller]
fn refused(arguments: &[&str], told: &[&str]) {
    let ran = silkroute(arguments);
    let error = ran.error(2);
    for text in told {
        assert!(error.contains(text), "{text:?} is not in: {error}");
    }
    assert!(!error.contains("hush"), "a secret is in: {error}");
}

#[test]
fn help_and_version_are_no_errors() {
    for flag in ["--help", "--version"] {
        let ran = silkroute([flag]);
        assert_eq!(ran.status, Some(0));
        assert!(ran.text().contains("silkroute"), "{}", ran.text());
    }
    assert!(
        silkroute(["fetch", "--help"])
            .text()
            .contains("Exit status: 0 for a response of any status")
    );
}

#[test]
fn without_a_command_it_shows_what_there_is() {
    let ran = silkroute::<&str>([]);
    assert_eq!(ran.status, Some(2));
    assert!(
        ran.stderr.starts_with("error: no command was given\n"),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("kinds") && ran.stderr.contains("fetch"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_unknown_flag_or_command() {
    refused(&["fetsh"], &["'fetsh'", "'fetch'"]);
    refused(&["fetch"], &["<URL>"]);
    refused(&["fetch", URL, "--jsno"], &["'--jsno'", "'--json'"]);
    refused(&["fetch", URL, "--timeout", "3"], &["--timeout", "with its unit"]);
}

#[test]
fn a_bad_url() {
    refused(&["fetch", "example.com"], &["`example.com`", "no scheme"]);
    refused(&["fetch", "user:hush@example.com"], &["cannot be fetched"]);
    refused(&["fetch", "http://"], &["`http://`", "empty host"]);
    refused(&["fetch", "ftp://h.test/"], &["ftp:", "http"]);
}

#[test]
fn a_bad_method_or_header() {
    refused(&["fetch", URL, "-X", "GE T"], &["`GE T`"]);
    refused(
        &["fetch", URL, "-H", "a: b", "-H", "Authorization hush"],
        &["header 2", "no colon", "'Name: value'"],
    );
    refused(&["fetch", URL, "-H", "a b: hush"], &["header 1", "`a b`"]);
}

#[test]
fn a_body_that_cannot_be_read() {
    refused(
        &["fetch", URL, "-d", "@no/such/file"],
        &["`no/such/file`", "No such file"],
    );
}

#[test]
fn bad_options_list_the_known_ones() {
    refused(
        &["fetch", URL, "-O", "http.impersonat=x"],
        &["`http.impersonat`", "`impersonate`", "`verify`"],
    );
    refused(
        &["fetch", URL, "-O", "http.verify=perhaps"],
        &["`http.verify`", "boolean", "impersonate", "redirects"],
    );
    refused(&["fetch", URL, "-O", "http.impersonate=netscape4"], &["netscape4"]);
    refused(
        &["fetch", URL, "-O", "http.retry.atempts=1"],
        &["retry", "atempts", "attempts"],
    );
    for malformed in [
        "http",
        "http.verify",
        "verify=1",
        "http.=1",
        ".verify=1",
        "http..verify=hush",
    ] {
        refused(&["fetch", URL, "-O", malformed], &["kind.key=value"]);
    }
    refused(
        &["fetch", URL, "-O", "martian.rays=1"],
        &["'martian'", "Available: ", "http"],
    );
}

#[test]
fn an_unknown_session_lists_what_there_is() {
    refused(&["fetch", URL, "--session", "nope"], &["'nope'", "Available: ", "http"]);
    let folder = tempfile::tempdir().unwrap();
    let file = sessions_file(
        folder.path(),
        "[sessions.fast]\nkind = \"http\"\n[sessions.slow]\nkind = \"http\"\n",
    );
    refused(
        &["fetch", URL, "--config", &file, "--session", "nope"],
        &["'nope'", "fast, slow", "http"],
    );
}

#[test]
fn a_bad_configuration_names_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    refused(
        &["fetch", URL, "--config", "no/such.toml"],
        &["no/such.toml", "No such file"],
    );
    let broken = write("broken.toml", "[sessions.a\n");
    refused(&["fetch", URL, "--config", &broken], &["broken.toml", "line 1"]);
    let misspelt = write(
        "misspelt.toml",
        "[sessions.a]\nkind = \"http\"\n[sessions.b]\nkind = \"http\"\ntimeuot = \"1s\"\n",
    );
    refused(
        &["fetch", URL, "--config", &misspelt, "--session", "a"],
        &["misspelt.toml", "sessions.b", "timeuot"],
    );
    let kind = write("kind.json", r#"{"sessions": {"a": {"kind": "htpt"}}}"#);
    refused(
        &["fetch", URL, "--config", &kind],
        &["sessions.a.kind", "'htpt'", "http"],
    );
    for (secret, told) in [
        ("proxy = \"http://u:hush@p:1\"x", "line 3, column"),
        ("headers = { Authorization = \"Bearer hush }", "line 3, column"),
        ("proxy_pool = \"http://u:hush@p:1\"", "sessions.a.proxy_pool"),
        ("headers = \"Authorization: Bearer hush\"", "sessions.a.headers"),
        ("lazy = \"hush\"", "sessions.a.lazy"),
    ] {
        let path = write("secret.toml", &format!("[sessions.a]\nkind = \"http\"\n{secret}\n"));
        refused(&["fetch", URL, "--config", &path], &["secret.toml", told]);
    }
    let number = write(
        "number.toml",
        "[sessions.a]\nkind = \"http\"\nheaders = { X-Api-Key = 12345 }\n",
    );
    let ran = silkroute(["fetch", URL, "--config", &number]);
    let number = ran.error(2);
    assert!(
        number.contains("sessions.a.headers") && !number.contains("12345"),
        "{number}"
    );
    let jarless = write("jarless.toml", "[sessions.a]\nkind = \"http\"\ncookie_store = false\n");
    let cookies = folder.path().join("cookies.json");
    refused(
        &[
            "fetch",
            URL,
            "--config",
            &jarless,
            "--cookies",
            cookies.to_str().unwrap(),
        ],
        &["--cookies", "cookie_store"],
    );
}

#[test]
fn files_that_flags_name_must_be_usable() {
    let folder = tempfile::tempdir().unwrap();
    let bad = folder.path().join("cookies.json");
    fs::write(&bad, r#"{"cookies": [{"name": "a", "value": 1, "domain": "h"}]}"#).unwrap();
    refused(
        &["fetch", URL, "--cookies", bad.to_str().unwrap()],
        &["--cookies", "cookies.json", "cookies[0]"],
    );
    fs::write(
        &bad,
        r#"{"cookies": [{"name": "a", "value": "b", "domain": "h", "expires": "hush"}]}"#,
    )
    .unwrap();
    refused(
        &["fetch", URL, "--cookies", bad.to_str().unwrap()],
        &["--cookies", "cookies[0]", "invalid type: string, expected"],
    );
    refused(
        &["fetch", URL, "--cacert", "no/such.pem"],
        &["no/such.pem", "No such file"],
    );
}
