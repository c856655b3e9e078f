//! `silkroute kinds`.

use crate::command::silkroute;
use serde_json::{Value, json};

fn field<'a>(fields: &'a Value, name: &str) -> &'a Value {
    let all = fields.as_array().unwrap();
    all.iter()
        .find(|field| field["name"] == name)
        .unwrap_or_else(|| panic!("no field {name}"))
}

#[test]
fn json_tells_all_of_every_kind() {
    let kinds = silkroute(["kinds", "--json"]).json();
    let http = kinds
        .as_array()
        .unwrap()
        .iter()
        .find(|kind| kind["kind"] == "http")
        .unwrap();
    assert_eq!(http["package"], "silkroute-session-http");
    assert_eq!(http["version"], env!("CARGO_PKG_VERSION"));
    assert!(http["summary"].as_str().unwrap().contains("fingerprint"));
    let keys: Vec<_> = http.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["config", "kind", "options", "package", "summary", "version"]);

    let timeout = field(&http["config"], "timeout");
    assert_eq!(timeout["type"], "string");
    assert_eq!(timeout["default"], "30s");
    assert_eq!(field(&http["config"], "verify")["default"], json!(true));
    assert_eq!(field(&http["config"], "ca_certificate")["default"], Value::Null);
    assert!(
        field(&http["config"], "redirects")["type"]
            .as_str()
            .unwrap()
            .contains(r#""safe" | "all""#)
    );
    let verify = field(&http["options"], "verify");
    assert_eq!(
        (verify["type"].as_str(), &verify["default"]),
        (Some("boolean"), &Value::Null)
    );
    assert!(
        field(&http["options"], "retry")["type"]
            .as_str()
            .unwrap()
            .contains("attempts")
    );

    for section in ["config", "options"] {
        for field in http[section].as_array().unwrap() {
            let keys: Vec<_> = field.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(keys, ["default", "help", "name", "type"]);
            let help = field["help"].as_str().unwrap();
            assert!(!help.is_empty() && !help.contains('\n'), "{field}");
        }
    }
}

#[test]
fn people_get_the_same_as_text() {
    let ran = silkroute(["kinds"]);
    assert_eq!(ran.status, Some(0));
    let text = ran.text();
    assert!(text.lines().any(|line| line.starts_with("http: ")), "{text}");
    for line in [
        "    silkroute-session-http ",
        "    timeout: string = \"30s\"\n",
        "    http.verify: boolean\n",
        "        Whether certificates must be valid.\n",
    ] {
        assert!(text.contains(line), "{line:?} is not in\n{text}");
    }
}

#[cfg(feature = "dynamic")]
#[test]
fn the_kind_of_pages_tells_its_settings_and_those_of_a_request() {
    let kinds = silkroute(["kinds", "--json"]).json();
    let dynamic = kinds
        .as_array()
        .unwrap()
        .iter()
        .find(|kind| kind["kind"] == "dynamic")
        .unwrap();
    assert_eq!(field(&dynamic["config"], "max_pages")["default"], json!(1));
    assert_eq!(field(&dynamic["options"], "wait_selector")["default"], Value::Null);
}
