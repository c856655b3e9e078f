//! Pages of a dynamic session with the identity of a stealth session are of the same visitor.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::collections::BTreeMap;

use serde_json::Value;
use silkroute_core::identity::Os;
use silkroute_core::{Fetch, Identity, RequestExt as _, Session};
use silkroute_session_dynamic::{DynamicSession, DynamicSessionBuilder, PageOptions};
use silkroute_session_stealth::{Fingerprint, GivesWay, StealthOptions, StealthSession, StealthSessionBuilder};
use silkroute_testkit::site::{TestSite, known};
use support::{LONG, started};

/// Where it is asked by scripts that both kinds tell who they are; shared and service workers of a dynamic session are its own.
const PLACES: &[&str] = known::CONSISTENCY_PAGE_PLACES;

/// The headers of a navigation over HTTP/2 with their order, and what each place says of who it is.
type Words = (Vec<(String, String)>, BTreeMap<(String, String), Value>);

async fn words(site: &TestSite, session: &dyn Session, run: &str, identity: Option<&Identity>) -> Words {
    site.clear();
    let done = || Some("#done".to_owned());
    let asking = Fetch::from(site.http_url(&format!("/consistency?run={run}")))
        .with(PageOptions {
            wait_selector: done(),
            ..PageOptions::default()
        })
        .unwrap()
        .with(StealthOptions {
            wait_selector: done(),
            ..StealthOptions::default()
        })
        .unwrap();
    for mut request in [Fetch::from(site.https_url("/shop")), asking] {
        if let Some(identity) = identity {
            request = request.identity(identity.clone());
        }
        session.fetch(&request).await.unwrap();
    }
    let all = |site: &TestSite| site.consistency(run).len() == known::CONSISTENCY_PLACES.len();
    site.wait_until(all, LONG).await.unwrap();
    let navigation = site.requests_to("/shop")[0].headers.clone();
    let tables = site.consistency(run);
    let about = |name: &str| {
        let parts = [
            "headers.",
            "hints.",
            "navigator.user",
            "navigator.language",
            "navigator.platform",
            "placeAndTime.",
        ];
        parts.iter().any(|part| name.starts_with(part))
    };
    let said = tables
        .into_iter()
        .filter(|(place, _)| PLACES.contains(&place.as_str()))
        .flat_map(|(place, table)| {
            let rows = table.into_iter().filter(|(name, _)| about(name));
            rows.map(move |(name, value)| ((place.clone(), name), value))
        });
    (navigation, said.collect())
}

/// `ordered`: in their order, too.
async fn one_visitor(stealth: StealthSessionBuilder, dynamic: DynamicSessionBuilder, ordered: bool) {
    let Some(stealth) = started(stealth.ignore_https_errors(true)).await else {
        return;
    };
    let site = TestSite::start().await.unwrap();
    let patient = dynamic.start_timeout(LONG).timeout(LONG);
    let mut dynamic = patient.ignore_https_errors(true).build().unwrap();
    dynamic.start().await.unwrap();
    let identity = Session::identity(&stealth).unwrap();
    assert!(dynamic.can_be(&identity));
    let mut above = words(&site, &stealth, "stealth", None).await;
    let mut below = words(&site, &dynamic, "dynamic", Some(&identity)).await;
    if !ordered {
        above.0.sort();
        below.0.sort();
    }
    assert_eq!(below.0, above.0);
    for (row, value) in &above.1 {
        assert_eq!(below.1.get(row), Some(value), "{row:?}");
    }
}

#[tokio::test]
async fn by_default_they_are_one_to_the_last_header() {
    one_visitor(StealthSession::builder(), DynamicSession::builder(), true).await;
}

#[tokio::test]
async fn as_a_browser_that_is_not_installed_too() {
    let fingerprint = Fingerprint {
        gives_way: GivesWay::Browser,
        ..Fingerprint::from(&Identity::from_name("edge148").unwrap().os(Os::HOST))
    };
    let stealth = StealthSession::builder().fingerprint(fingerprint);
    one_visitor(stealth, DynamicSession::builder(), true).await;
}

/// A dynamic browser that is told of them by command puts them elsewhere; one that was launched with them does not.
#[tokio::test]
async fn in_chosen_languages_they_are_one_but_for_the_place_of_a_header() {
    let fingerprint = Fingerprint {
        locale: Some("de-DE".into()),
        timezone: Some("Europe/Berlin".into()),
        ..Fingerprint::default()
    };
    let stealth = StealthSession::builder().fingerprint(fingerprint);
    one_visitor(stealth.clone(), DynamicSession::builder(), false).await;
    let german = DynamicSession::builder().extra_flags(["--accept-lang=de-DE,de,en-US,en"]);
    one_visitor(stealth, german, true).await;
}
