//! The kinds that a build's features bring.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a test states its invariants by failing"
)]

/// The kinds of the features that this build has.
fn expected() -> Vec<&'static str> {
    let mut kinds = Vec::new();
    if cfg!(feature = "cache") {
        kinds.push("cache");
    }
    if cfg!(feature = "dynamic") {
        kinds.push("dynamic");
    }
    if cfg!(feature = "http") {
        kinds.push("http");
    }
    if cfg!(feature = "pool") {
        kinds.push("pool");
    }
    if cfg!(feature = "stealth") {
        kinds.push("stealth");
    }
    kinds
}

#[test]
fn the_registry_has_the_kinds_of_the_features_and_no_other() {
    let registry = silkroute::registry().unwrap();
    let kinds: Vec<_> = registry.kinds().map(|kind| kind.kind()).collect();
    assert_eq!(kinds, expected());
}

/// Programs name what they hold from the root.
fn manager(kinds: &silkroute::Registry) -> silkroute::Result<silkroute::SessionManager> {
    let mut text = String::from("[sessions]\n");
    for kind in kinds.kinds().filter(|kind| kind.kind() == "http") {
        text.push_str(&format!("[sessions.one]\nkind = '{}'\n", kind.kind()));
    }
    silkroute::SessionManager::from_config(&silkroute::ManagerConfig::from_toml(&text)?, kinds)
}

#[test]
fn a_manager_is_made_of_the_registry_and_a_text() {
    let manager = manager(&silkroute::registry().unwrap()).unwrap();
    assert_eq!(manager.contains("one"), cfg!(feature = "http"));
}

#[test]
fn what_is_listed_is_discovered_too() {
    let discovered = silkroute::Registry::discover().unwrap();
    let kinds: Vec<_> = discovered.kinds().map(|kind| kind.kind()).collect();
    assert_eq!(kinds, expected());
}

#[test]
fn an_unknown_kind_lists_those_there_are() {
    let error = silkroute::registry().unwrap().get("gopher").unwrap_err().to_string();
    let listed = if expected().is_empty() {
        "(none)".to_owned()
    } else {
        expected().join(", ")
    };
    assert!(
        error.starts_with(&format!("Session kind 'gopher' not found. Available: {listed}.")),
        "{error}"
    );
}

#[test]
fn no_kind_has_a_setting_that_a_manager_would_take_for_its_own() {
    let registry = silkroute::registry().unwrap();
    for kind in registry.kinds() {
        let schema = kind.config_schema();
        let fields = schema["properties"].as_object().unwrap();
        assert!(!fields.is_empty(), "{}", kind.kind());
        for key in silkroute::ManagerConfig::SESSION_KEYS {
            assert!(!fields.contains_key(key), "{}: {key}", kind.kind());
        }
    }
}
