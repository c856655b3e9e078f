//! `silkroute crawl` through several sessions.

use serde_json::Value;
use url::Url;

use crate::command::sessions_file;
use crate::crawl::{crawl, site};

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_a_file_and_of_the_command_line_and_the_next_one_after_a_block() {
    let site = site().await;
    let folder = tempfile::tempdir().unwrap();
    let file = sessions_file(
        folder.path(),
        "[sessions.plain]\nkind = \"http\"\n[sessions.fox]\nkind = \"http\"\nimpersonate = \"firefox\"\n",
    );
    let config = ["--config", &file, "--depth", "0"];
    let with = |url: &Url, more: &[&str]| {
        let ran = crawl(url, &[&config, more].concat());
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        ran.stats()["sessions"].clone()
    };
    let names = |sessions: &Value| sessions.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let shop = site.http_url("/shop");
    assert_eq!(names(&with(&shop, &[])), ["plain"], "the file's default");
    assert_eq!(names(&with(&shop, &["--session", "fox"])), ["fox"]);
    assert_eq!(names(&with(&shop, &["--session", "own=http"])), ["own"]);

    let flaky = site.http_url("/flaky?times=1&key=cli&how=403");
    let both = with(&flaky, &["--session", "plain", "--session", "fox"]);
    assert_eq!(
        (&both["plain"]["blocked"], &both["fox"]["requests"]),
        (&1.into(), &1.into()),
        "{both}"
    );
    let agents: Vec<_> = site
        .requests_to("/flaky")
        .iter()
        .map(|request| request.header("user-agent").unwrap().contains("Firefox"))
        .collect();
    assert_eq!(agents, [false, true]);
}

#[cfg(feature = "dynamic")]
#[tokio::test(flavor = "multi_thread")]
async fn pages_that_need_javascript_through_a_browser_of_the_file() {
    let site = site().await;
    let folder = tempfile::tempdir().unwrap();
    let file = sessions_file(
        folder.path(),
        "[sessions.plain]\nkind = \"http\"\n[sessions.browser]\nkind = \"dynamic\"\nwait_selector = \"#list li\"\n",
    );
    let run = |sessions: &[&str]| {
        let fields = ["--depth", "0", "--field", "items[]=#list .product"];
        let config = ["--config", &file];
        let sessions = sessions.iter().flat_map(|session| ["--session", session]);
        let line: Vec<_> = fields.into_iter().chain(config).chain(sessions).collect();
        let ran = crawl(&site.http_url("/js/list"), &line);
        assert_eq!(ran.status, Some(0), "{}", ran.stderr);
        (
            ran.items()[0]["items"].as_array().unwrap().len(),
            ran.stats()["escalations"].clone(),
        )
    };
    assert_eq!(run(&["plain"]).0, 0);
    assert_eq!(run(&["browser"]).0, 30);
    let (items, escalations) = run(&["plain", "browser"]);
    assert_eq!(items, 30, "a page without its content climbs");
    assert_eq!(escalations["plain -> browser: script shell"], 1, "{escalations}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_visitors_on_one_ladder_are_warned_of() {
    let site = site().await;
    let folder = tempfile::tempdir().unwrap();
    let file = sessions_file(
        folder.path(),
        // Who says by itself who it is cannot look like another.
        "[sessions.plain]\nkind = \"http\"\nheaders = { User-Agent = \"Plain/1\" }\n\
         [sessions.fox]\nkind = \"http\"\nimpersonate = \"firefox\"\n",
    );
    let flaky = site.http_url("/flaky?times=1&key=cli&how=403");
    let config = ["--config", &file, "--depth", "0"];
    let ran = crawl(
        &flaky,
        &[&config[..], &["--session", "plain", "--session", "fox"]].concat(),
    );
    assert_eq!(ran.status, Some(0), "{}", ran.stderr);
    let warning = ran.stderr.lines().next().unwrap();
    assert!(
        warning.starts_with("warning: two sessions of the ladder say different User-Agents")
            && warning.contains("from: plain"),
        "{warning}"
    );
}
