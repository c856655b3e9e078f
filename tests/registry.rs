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

#[test]
fn what_is_listed_is_discovered_too() {
    let discovered = silkroute::core::Registry::discover().unwrap();
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
