//! Options, configurations and the registration.

use serde_json::{Map, Value, json};
use silkroute_core::{Error, Registration, Registry, Request as _};

use super::Bench;
use super::words::{Must as _, SOON, must_fail, within};

/// A name that no kind has.
const UNHEARD_OF: &str = "no_such_thing";

/// An option that the kind does not have MUST be refused by its name, before anything is sent.
pub async fn an_unknown_option_is_refused(bench: &Bench) {
    let session = bench.started().await;
    let mut request = bench.get("/json");
    request.parts_mut().options.set_key(session.kind(), UNHEARD_OF, true);
    let rule = "an unknown option MUST be refused with Error::Options";
    let error = must_fail(within(SOON, rule, session.fetch(&request)).await, rule);
    match &error {
        Error::Options { kind, .. } => assert_eq!(kind, session.kind(), "{rule} of its kind"),
        other => panic!("{rule}; instead: {other} ({other:?})"),
    }
    assert!(
        error.to_string().contains(UNHEARD_OF),
        "{rule} that names it; it says: {error}"
    );
    assert!(
        bench.site().requests_to("/json").is_empty(),
        "{rule} before anything is sent"
    );
    bench.finish(session).await;
}

/// Options of other kinds MUST be ignored: a request may be tried on one session after another.
pub async fn options_of_other_kinds_are_ignored(bench: &Bench) {
    let session = bench.started().await;
    let mut request = bench.get("/json");
    request.parts_mut().options.set_key("another-kind", UNHEARD_OF, true);
    session
        .fetch(&request)
        .await
        .must("options of other kinds MUST be ignored");
    bench.finish(session).await;
}

/// A kind MUST be found in the registry of a program that names its crate, under its own name.
pub async fn the_kind_is_registered(bench: &Bench) {
    let Some(registration) = bench.subject().registration() else {
        return;
    };
    let registry = Registry::discover().must("the kinds that are linked MUST have names of their own");
    let found = registry
        .get(registration.kind())
        .must("a kind MUST be submitted with register_session!");
    assert_eq!(
        found.package(),
        registration.package(),
        "a kind MUST be registered by its own package"
    );
    assert!(
        !found.summary().is_empty(),
        "a kind MUST say in one line what it is for"
    );
    assert!(
        !found.summary().contains('\n'),
        "a kind MUST say in one line what it is for"
    );
}

/// A configuration field and an option that the kind does not have MUST be refused by their names when they are read.
pub async fn unknown_fields_are_refused_when_read(bench: &Bench) {
    let Some(registration) = bench.subject().registration() else {
        return;
    };
    let rule = "a configuration with an unknown field MUST be refused with Error::Config (deny_unknown_fields)";
    match registration.build(json!({ UNHEARD_OF: 1 })) {
        Err(Error::Config { path, reason }) => {
            let named = path.contains(UNHEARD_OF) || reason.contains(UNHEARD_OF);
            assert!(named, "{rule} that names it; it says: {reason} at `{path}`");
        }
        Err(other) => panic!("{rule}; instead: {other} ({other:?})"),
        Ok(session) => panic!("{rule}; instead it built {session:?}"),
    }
    let rule = "an unknown option MUST be refused with Error::Options (deny_unknown_fields)";
    match registration.check_options(&Map::from_iter([(UNHEARD_OF.to_owned(), json!(1))])) {
        Err(error @ Error::Options { .. }) => {
            assert!(
                error.to_string().contains(UNHEARD_OF),
                "{rule} that names it; it says: {error}"
            );
        }
        Err(other) => panic!("{rule}; instead: {other} ({other:?})"),
        Ok(()) => panic!("{rule}; instead it passed"),
    }
}

/// A request without options MUST pass, and no option may be needed: a request does not know who will fetch it.
pub async fn no_option_is_needed(bench: &Bench) {
    let Some(registration) = bench.subject().registration() else {
        return;
    };
    registration
        .check_options(&Map::new())
        .must("no option of a kind may be needed (serde's `default`)");
}

/// Every configuration field and every option SHOULD have a doc comment: it is the help that users see.
pub async fn every_field_is_documented(bench: &Bench) {
    let Some(registration) = bench.subject().registration() else {
        return;
    };
    for (what, schema) in schemas(registration) {
        let Some(fields) = schema.get("properties").and_then(Value::as_object) else {
            continue;
        };
        for (name, field) in fields {
            let text = field.get("description").and_then(Value::as_str).unwrap_or_default();
            assert!(
                !text.trim().is_empty(),
                "every field SHOULD have a doc comment, which users see as its help: {what} `{name}` has none"
            );
        }
    }
}

fn schemas(registration: &Registration) -> [(&'static str, Value); 2] {
    [
        ("configuration field", registration.config_schema()),
        ("option", registration.options_schema()),
    ]
}
