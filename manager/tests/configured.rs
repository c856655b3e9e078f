//! Sessions from a file.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test states its invariants by failing"
)]

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use silkroute_core::{
    Error, Fetch, Registry, Request, Response, Result, Session, SessionOptions, SessionPlugin, async_trait,
    register_session,
};
use silkroute_manager::{Limits, ManagerConfig, SessionManager};

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct EchoOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    loud: Option<bool>,
}

impl SessionOptions for EchoOptions {
    const KIND: &'static str = "echo";
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct EchoConfig {
    name: String,
    loud: bool,
    #[serde(with = "silkroute_core::duration")]
    #[schemars(with = "String")]
    timeout: Duration,
}

struct EchoPlugin;

impl SessionPlugin for EchoPlugin {
    type Config = EchoConfig;
    type Options = EchoOptions;
    const SUMMARY: &'static str = "answers with what it was asked";

    fn build(config: EchoConfig) -> Result<Box<dyn Session>> {
        if config.name == "bad" {
            return Err(Error::config("name", "is bad"));
        }
        Ok(Box::new(Echo { config }))
    }
}

register_session!(EchoPlugin);

#[derive(Debug)]
struct Echo {
    config: EchoConfig,
}

#[async_trait]
impl Session for Echo {
    fn kind(&self) -> &'static str {
        "echo"
    }
    fn is_alive(&self) -> bool {
        false
    }
    fn timeout(&self) -> Duration {
        self.config.timeout
    }
    async fn start(&mut self) -> Result<()> {
        match self.config.name.as_str() {
            "hangs" => std::future::pending().await,
            _ => Err(Error::config("", "only built in this test")),
        }
    }
    async fn fetch(&self, _: &dyn Request) -> Result<Box<dyn Response>> {
        Err(Error::NoSessions)
    }
    async fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

fn toml(text: &str) -> Result<SessionManager> {
    SessionManager::from_config(&ManagerConfig::from_toml(text)?, &Registry::discover()?)
}

fn refusal(text: &str) -> String {
    toml(text).unwrap_err().to_string()
}

#[test]
fn sessions_come_in_the_order_of_the_text() {
    let manager = toml(
        r#"
        [sessions.zebra]
        kind = "echo"
        timeout = "5s"
        [sessions.ant]
        kind = "echo"
        lazy = true
        stop_when_idle = "5m"
        recycle_after = 100
        "#,
    )
    .unwrap();
    assert_eq!(manager.session_ids(), ["zebra", "ant"]);
    assert_eq!(manager.default_session_id().unwrap(), "zebra");
    assert!(manager.get("ant").unwrap().is_lazy() && !manager.get("zebra").unwrap().is_lazy());

    let json = r#"{"sessions": {"z": {"kind": "echo"}, "a": {"kind": "echo", "default": true}}}"#;
    let config = ManagerConfig::from_json(json).unwrap();
    let manager = SessionManager::from_config(&config, &Registry::discover().unwrap()).unwrap();
    assert_eq!(
        (manager.session_ids(), manager.default_session_id().unwrap()),
        (vec!["z".into(), "a".into()], "a".into())
    );
}

#[test]
fn what_cannot_be_used_is_told_with_its_place() {
    let cases = [
        ("[sessions.x]\nkind = 'eccho'", "sessions.x.kind", "Available: echo"),
        ("[sessions.x]\nlazy = true", "sessions.x", "no `kind`; there are: echo"),
        (
            "[sessions.x]\nkind = 'echo'\ntimeuot = '1s'",
            "sessions.x",
            "unknown field `timeuot`",
        ),
        (
            "[sessions.x]\nkind = 'echo'\ntimeout = 5",
            "sessions.x.timeout",
            "string",
        ),
        (
            "[sessions.x]\nkind = 'echo'\ntimeout = '5'",
            "sessions.x.timeout",
            "with its unit",
        ),
        (
            "[sessions.x]\nkind = 'echo'\nlazy = 'yes'",
            "sessions.x.lazy",
            "boolean",
        ),
        (
            "[sessions.x]\nkind = 'echo'\nrecycle_after = 0",
            "sessions.x.recycle_after",
            "nonzero",
        ),
        ("[sessions.x]\nkind = 'echo'\nname = 'bad'", "sessions.x.name", "is bad"),
        ("[sesions.x]\nkind = 'echo'", "", "sesions"),
        ("[sessions.x\nkind = 'echo'", "", "line 1"),
        (
            "[sessions.x]\nkind = 'echo'\ndefault = true\n[sessions.y]\nkind = 'echo'\ndefault = true",
            "sessions.y.default",
            "session 'x' is the default already",
        ),
    ];
    for (text, place, why) in cases {
        let error = refusal(text);
        assert!(
            error.contains(&format!("`{place}")) || place.is_empty(),
            "{text}\n{error}"
        );
        assert!(error.contains(why), "{text}\n{error}");
    }
    let twice = ManagerConfig::from_json(r#"{"sessions": {"x": {"kind": "echo"}, "x": {"kind": "echo"}}}"#);
    assert!(
        twice
            .unwrap_err()
            .to_string()
            .contains("Session 'x' already registered")
    );
}

#[test]
fn no_secret_of_a_configuration_is_shown() {
    let config = ManagerConfig::from_toml(
        "[sessions.shop]\nkind = 'echo'\nproxy = 'http://u:hush@proxy.test:1'\nheaders = { Authorization = 'Bearer hush' }",
    );
    let shown = format!("{:?}", config.unwrap());
    assert!(!shown.contains("hush"), "{shown}");
    for told in ["shop", "Some(\"echo\")", "\"proxy\"", "\"headers\"", "Limits"] {
        assert!(shown.contains(told), "{shown}");
    }
}

#[test]
fn no_secret_of_a_configuration_is_in_its_error() {
    let secret = "http://u:hush@proxy.test:1";
    let cases = [
        (format!("[sessions.x]\nproxy = \"{secret}\"x"), "line 2, column 37"),
        (format!("[sessions.x]\nproxy = \"{secret}"), "line 2"),
        (
            "[sessions.x]\nheaders = { Authorization = \"Bearer hush }".into(),
            "line 2, column",
        ),
        (
            format!("sessions = \"{secret}\""),
            "line 1, column 12: invalid type: string",
        ),
        (format!("[sessions]\nx = \"{secret}\""), "invalid type: string"),
        (
            format!("[sessions.x]\nkind = \"echo\"\nlazy = \"{secret}\""),
            "`sessions.x.lazy`",
        ),
        (
            format!("[sessions.x]\nkind = \"echo\"\nname = [\"{secret}\"]"),
            "`sessions.x.name`: invalid type: sequence",
        ),
        (
            "[sessions.x]\nkind = \"echo\"\nloud = \"hush\"".into(),
            "`sessions.x.loud`: invalid type: string, expected a boolean",
        ),
    ];
    for (text, told) in cases {
        let error = toml(&text).unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hush"), "{text}\n{shown}");
        assert!(error.to_string().contains(told), "{text}\n{error}");
    }
    let json = format!(r#"{{"sessions": {{"x": "{secret}"}}}}"#);
    let error = ManagerConfig::from_json(&json).unwrap_err().to_string();
    assert!(
        error.contains("invalid type: string, expected") && error.contains("line 1"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn limits_and_places_come_from_the_text() {
    let text = "
        [limits]
        start_timeout = '7s'
        backoff_base = '2s'
        failures_in_a_row = 1
        [sessions.x]
        kind = 'echo'
        timeout = '100ms'
        max_concurrency = 1
        name = 'hangs'
    ";
    let manager = toml(text).unwrap();
    let begun = tokio::time::Instant::now();
    let error = manager.get("x").unwrap().start().await.unwrap_err();
    assert_eq!(begun.elapsed(), Duration::from_secs(7));
    assert!(matches!(error, Error::Start { retry_in: None, .. }), "{error}");

    manager.close().await.unwrap();
    let manager = toml(text).unwrap();
    let request = || Fetch::get("http://h/").unwrap();
    let (first, second) = tokio::join!(manager.fetch(request()), manager.fetch(request()));
    let told = [first, second].map(|result| result.unwrap_err().to_string());
    assert!(
        told[0].contains("still starting") && told[1].contains("none of its 1 places"),
        "{told:?}"
    );

    let stated = ManagerConfig::from_toml(
        include_str!("../README.md")
            .split("```toml")
            .nth(1)
            .unwrap()
            .split("```")
            .next()
            .unwrap(),
    );
    assert_eq!(*stated.unwrap().limits(), Limits::default());
    for (limits, told) in [
        ("start_timeout = 5", "line 2"),
        ("start_timeuot = '5s'", "unknown field `start_timeuot`"),
        ("failures_in_a_row = 0", "nonzero"),
    ] {
        let error = refusal(&format!("[limits]\n{limits}\n[sessions.x]\nkind = 'echo'"));
        assert!(error.contains(told), "{error}");
    }
    let error = refusal("[sessions.x]\nkind = 'echo'\nmax_concurrency = 0");
    assert!(
        error.contains("`sessions.x.max_concurrency`") && error.contains("nonzero"),
        "{error}"
    );
}

#[test]
fn a_file_is_named_when_it_cannot_be_used() {
    let error = ManagerConfig::read("no/such/file.toml").unwrap_err().to_string();
    assert!(error.contains("no/such/file.toml"), "{error}");
}

#[test]
fn a_session_can_be_built_once_more() {
    let text = "
        [sessions.x]
        kind = 'echo'
        default = true
        lazy = true
        stop_when_idle = '5m'
        recycle_after = 100
        name = 'who'
        [sessions.broken]
        kind = 7
    ";
    let config = ManagerConfig::from_toml(text).unwrap();
    let (kind, fields) = config.session("x").unwrap();
    assert_eq!(
        serde_json::Value::from(fields.clone()),
        serde_json::json!({"name": "who"})
    );
    Registry::discover().unwrap().build(&kind, fields.into()).unwrap();
    assert!(config.session("broken").is_none() && config.session("nobody").is_none());
}

#[test]
fn a_session_built_by_hand_takes_the_place_of_one_of_the_file() {
    let config =
        ManagerConfig::from_toml("[sessions.a]\nkind = 'echo'\n[sessions.b]\nkind = 'echo'\nlazy = true").unwrap();
    let own = || {
        Box::new(Echo {
            config: EchoConfig::default(),
        })
    };
    let manager = SessionManager::new();
    for id in ["a", "b"] {
        manager.add(id, config.entry(id, own()).unwrap()).unwrap();
    }
    assert_eq!(["a", "b"].map(|id| manager.get(id).unwrap().is_lazy()), [false, true]);
    let error = config.entry("c", own()).unwrap_err().to_string();
    assert!(error.contains("'c'") && error.contains("a, b"), "{error}");
}
