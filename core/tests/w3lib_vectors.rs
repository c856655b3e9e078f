//! `canonical_url` against the vectors of w3lib, which are kept beside the checkout and not in it.

#![allow(clippy::unwrap_used, reason = "a test states its invariants by failing")]

use std::fs;
use std::path::Path;

use serde_json::Value;
use silkroute_core::canonical_url;
use url::Url;

/// Why a vector says nothing of this implementation; `None`: it must pass.
fn not_applicable(vector: &Value) -> Option<&'static str> {
    let url = vector["url"].as_str().unwrap();
    let asks_for = |option: &str| !vector["kwargs"][option].is_null();
    if asks_for("encoding") {
        Some("queries are encoded in UTF-8, as the URL standard's parser has done by then")
    } else if asks_for("query_separator") {
        Some("`;` separates no pairs in the URL standard's form decoding")
    } else if asks_for("keep_blank_values") {
        Some("blank values are always kept, which is w3lib's default")
    } else if ["a#frag", "a?b=1#frag", "?b=1"].contains(&url) {
        Some("a request has an absolute URL")
    } else if url.starts_with("http://.éxamplé.com") {
        Some("the URL standard converts this host to ASCII, w3lib gives up and leaves it")
    } else {
        None
    }
}

#[test]
fn urls_are_canonical_as_w3lib_has_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/w3lib_canonicalize_url.json");
    let Ok(text) = fs::read_to_string(&path) else {
        let told = format!("the vectors of w3lib are not at {}", path.display());
        assert!(
            std::env::var("SILKROUTE_REQUIRE_VECTORS").as_deref() != Ok("1"),
            "{told}"
        );
        eprintln!("NOT RUN: {told}");
        return;
    };
    let vectors: Vec<Value> = serde_json::from_str(&text).unwrap();
    let (mut passed, mut failed) = (0, Vec::new());
    for vector in &vectors {
        if let Some(reason) = not_applicable(vector) {
            eprintln!("left out: {}: {reason}", vector["url"]);
            continue;
        }
        let keep_fragment = vector["kwargs"]["keep_fragments"].as_bool().unwrap_or(false);
        let url: Url = vector["url"].as_str().unwrap().parse().unwrap();
        let canonical = canonical_url(&url, keep_fragment);
        if vector["expected"] == canonical.as_str() {
            passed += 1;
        } else {
            failed.push(format!(
                "line {}: {url} became {canonical}, expected {}",
                vector["line"], vector["expected"]
            ));
        }
    }
    eprintln!("{passed} of {} vectors passed", vectors.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    assert!(passed >= 52, "{passed} passed: too many were left out");
}
