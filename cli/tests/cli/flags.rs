//! What `silkroute fetch` and `silkroute crawl` have in common, against the test site.

use std::fs;

use serde_json::Value;
use silkroute_testkit::site::{PROXY_PASSWORD, ProxyMode, TestSite};
use url::Url;

use crate::command::{Ran, sessions_file, silkroute};

/// Both commands; a crawl of the start alone where nothing else is said.
pub(crate) const COMMANDS: &[&str] = &[
    "fetch",
    #[cfg(feature = "spider")]
    "crawl",
];

async fn site() -> TestSite {
    TestSite::start().await.expect("the test site does not start")
}

fn run(command: &str, url: &Url, arguments: &[&str]) -> Ran {
    let depth: &[&str] = if command == "crawl" { &["--depth", "0"] } else { &[] };
    silkroute([&[command, url.as_str()], depth, arguments].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_takes_every_request_and_its_password_is_not_shown() {
    let site = site().await;
    let folder = tempfile::tempdir().unwrap();
    let file = sessions_file(
        folder.path(),
        "[sessions.a]\nkind = \"http\"\nproxy_pool = [\"http://127.0.0.1:9\"]\nretry = { attempts = 1 }",
    );
    let config = ["--config", &file];
    for command in COMMANDS {
        for proxy in [site.proxy().url_http(), site.proxy().url_socks5()] {
            site.proxy().clear();
            for url in [site.http_url("/json"), site.https_url("/json")] {
                let through = ["-k", "-x", proxy.as_str()];
                assert_eq!(run(command, &url, &through).status, Some(0), "{command}");
                let named = run(command, &url, &[&config[..], &through].concat());
                assert_eq!(named.status, Some(0), "in place of the file's: {}", named.stderr);
            }
            let log = site.proxy().log();
            assert!(log.iter().filter(|entry| entry.authorized).count() >= 4, "{log:?}");
        }
        site.proxy().set_mode(ProxyMode::Failing);
        let proxy = site.proxy().url_http();
        let failed = run(
            command,
            &site.https_url("/json"),
            &[&config[..], &["-k", "--proxy", proxy.as_str()]].concat(),
        );
        assert_eq!(failed.status, Some(1), "{}", failed.stderr);
        for secret in [PROXY_PASSWORD, proxy.password().unwrap()] {
            assert!(!failed.stderr.contains(secret), "{}", failed.stderr);
        }
        site.proxy().set_mode(ProxyMode::Working);
    }
}

#[test]
fn what_cannot_be_used_is_refused_without_its_secrets() {
    let url = Url::parse("http://127.0.0.1:9/").unwrap();
    for command in COMMANDS {
        let cases: &[(&[&str], &[&str])] = &[
            (&["--proxy", "http://u:hush@"], &["--proxy", "host"]),
            (&["--proxy", "gopher://u:hush@h:1"], &["--proxy", "gopher"]),
            (&["-x", "u:hush@h:0"], &["--proxy", "port 0"]),
            (&["-H", "Authorization hush"], &["header 1", "no colon"]),
            (&["-O", "http.nope=hush"], &["`http.nope`", "impersonate"]),
            (&["-O", "http"], &["kind.key=value"]),
            (&["-O", "martian.rays=1"], &["'martian'", "Available: "]),
            #[cfg(feature = "dynamic")]
            (&["-O", "dynamic.wait=1s"], &["`dynamic.wait`", "of kind 'http'"]),
            (&["--timeout", "3"], &["--timeout", "with its unit"]),
            (&["--cacert", "no/such.pem"], &["no/such.pem", "No such file"]),
            (&["--session", "nope"], &["'nope'", "Available: ", "http"]),
        ];
        for (arguments, told) in cases {
            let ran = run(command, &url, arguments);
            assert_eq!(ran.status, Some(2), "{command} {arguments:?}: {}", ran.stderr);
            let error = &ran.stderr;
            for text in *told {
                assert!(
                    error.contains(text),
                    "{command} {arguments:?}: {text:?} is not in: {error}"
                );
            }
            assert!(!error.contains("hush"), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_output_goes_where_minus_o_says() {
    let site = site().await;
    let folder = tempfile::tempdir().unwrap();
    for command in COMMANDS {
        let path = folder.path().join(format!("{command}.json"));
        let ran = run(command, &site.http_url("/json"), &["-o", path.to_str().unwrap()]);
        assert_eq!((ran.status, ran.stdout.len()), (Some(0), 0), "{}", ran.stderr);
        assert!(serde_json::from_slice::<Value>(&fs::read(&path).unwrap()).is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_are_sent_and_kept_and_certificates_trusted() {
    let site = site().await;
    let folder = tempfile::tempdir().unwrap();
    for command in COMMANDS {
        let file = folder.path().join(format!("{command}.json"));
        let cookies = ["--cookies", file.to_str().unwrap()];
        let login = run(command, &site.http_url("/cookies/set?sid=7&_path=/"), &cookies);
        assert_eq!(login.status, Some(0), "{}", login.stderr);
        let state: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        assert_eq!(state["cookies"][0]["name"], "sid", "{command}");
        let seen = site.requests_to("/echo").len();
        assert_eq!(run(command, &site.http_url("/echo"), &cookies).status, Some(0));
        assert_eq!(
            site.requests_to("/echo")[seen].header("cookie"),
            Some("sid=7"),
            "{command}"
        );

        let url = site.https_url("/json");
        assert_eq!(
            run(command, &url, &["--cacert", site.ca_path().to_str().unwrap()]).status,
            Some(0)
        );
        assert_eq!(run(command, &url, &["--insecure"]).status, Some(0));
        assert_eq!(run(command, &url, &["-O", "http.retry.attempts=1"]).status, Some(1));
        let nowhere = folder.path().join("no/such/cookies.json");
        let unsaved = run(
            command,
            &site.http_url("/empty"),
            &["--cookies", nowhere.to_str().unwrap()],
        );
        assert_eq!(unsaved.status, Some(1));
        assert!(unsaved.stderr.contains("error: writing cookies"), "{}", unsaved.stderr);
    }
}

#[cfg(feature = "spider")]
mod of_a_crawl {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn headers_and_options_are_those_of_every_request() {
        let site = site().await;
        let shop = site.http_url("/shop");
        let ran = silkroute([
            "crawl",
            shop.as_str(),
            "--max-pages",
            "5",
            "--robots=some-bot",
            "-H",
            "X-Mine: Zoë",
            "-H",
            "accept-language: de",
            "-O",
            "http.impersonate=firefox",
        ]);
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        let requests = site.requests();
        let robots = requests.iter().filter(|request| request.path == "/robots.txt");
        assert_eq!(robots.count(), 1);
        for request in requests {
            assert_eq!(request.header("x-mine"), Some("Zoë"), "{}", request.path);
            assert_eq!(request.header("accept-language"), Some("de"), "{}", request.path);
            if request.path != "/robots.txt" {
                assert!(
                    request.header("user-agent").unwrap().contains("Firefox/"),
                    "{}",
                    request.path
                );
            }
        }
        let twice = run("crawl", &shop, &["-H", "X-Mine: 1", "-H", "x-mine: 2"]);
        assert!(twice.error(2).contains("`x-mine` is given twice"), "{}", twice.stderr);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_agent_of_a_header_is_the_one_that_robots_txt_is_read_for() {
        let site = site().await;
        let shop = site.http_url("/shop");
        let refused = run("crawl", &shop, &["--robots", "-H", "User-Agent: badbot/1.0"]);
        assert_eq!(refused.status, Some(1), "{}", refused.stderr);
        assert!(
            refused.stderr.contains("not allowed by robots.txt"),
            "{}",
            refused.stderr
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn each_request_has_the_timeout() {
        let site = site().await;
        let ran = run(
            "crawl",
            &site.http_url("/stall"),
            &["--timeout", "300ms", "-O", "http.retry.attempts=1"],
        );
        assert_eq!(ran.status, Some(1));
        assert!(
            ran.stderr.starts_with("warning: ") && ran.stderr.contains("300ms"),
            "{}",
            ran.stderr
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn all_sessions_of_a_crawl_have_the_cookies_and_the_flags_of_a_file_stay() {
        let site = site().await;
        let folder = tempfile::tempdir().unwrap();
        let cookies = folder.path().join("cookies.json");
        let file = sessions_file(
            folder.path(),
            "[sessions.plain]\nkind = \"http\"\nheaders = { X-File = \"1\", X-Mine = \"file\" }\n\
             [sessions.late]\nkind = \"http\"\nlazy = true\n",
        );
        let with = ["--cookies", cookies.to_str().unwrap(), "--config", &file];
        let login = site.http_url("/cookies/set?sid=7&_path=/");
        assert_eq!(run("crawl", &login, &with).status, Some(0));
        let flaky = site.http_url("/flaky?times=1&key=cli&how=403");
        let more = ["--session", "plain", "--session", "late", "-H", "X-Mine: line"];
        let ran = run("crawl", &flaky, &[&with[..], &more].concat());
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        let requests = site.requests_to("/flaky");
        let seen = |name: &str| requests.iter().map(|request| request.header(name)).collect::<Vec<_>>();
        assert_eq!(seen("cookie"), [Some("sid=7"), Some("sid=7")]);
        assert_eq!(seen("x-file"), [Some("1"), None]);
        assert_eq!(seen("x-mine"), [Some("line"), Some("line")]);
    }
}
