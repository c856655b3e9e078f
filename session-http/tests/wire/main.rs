//! What servers see: TLS, HTTP/2 and headers, held against signatures of real browsers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

#[path = "../support/mod.rs"]
mod support;

mod families;
mod golden;

use silkroute_core::Identity;
use silkroute_core::identity::Os;
use silkroute_testkit::site::TestSite;

/// Where our wire is known to differ from a signature: what stands there, what we send, and why.
type Deviation = (&'static str, &'static str, &'static str, &'static str);

/// Firefox that sends no PRIORITY frames counts its streams from 3 (`mNextStreamID` in Http2Session.cpp); 15 is the
/// first stream after the tree of priorities that older versions build with such frames. The signatures have neither
/// tree nor 3.
const FIRST_STREAM: Deviation = (
    "first_stream",
    "15",
    "3",
    "without a tree of priorities the first stream is 3",
);

async fn seen(site: &TestSite, identity: Identity) -> std::sync::Arc<silkroute_testkit::site::Recorded> {
    let session = support::session(site, |builder| builder.impersonate(identity)).await;
    site.clear();
    support::fetch_ok(&session, &support::get(site.https_url("/fingerprint"))).await;
    site.requests().remove(0)
}

async fn compare(file: &str, name: &str, os: Os, deviations: &[Deviation]) {
    let Some(mut expected) = golden::read(file) else {
        return;
    };
    let site = support::site().await;
    let identity = Identity::from_name(name).unwrap().os(os);
    let seen = seen(&site, identity).await;
    assert_eq!(seen.wire_error, None);
    let got = golden::fields_of_request(&seen, &expected);
    for (field, theirs, ours, why) in deviations {
        let value = expected.get_mut(field).unwrap();
        assert!(
            value.contains(theirs),
            "{field} of {file} does not hold {theirs}, so this says nothing: {why}"
        );
        *value = value.replace(theirs, ours);
    }
    let wrong: Vec<String> = expected
        .iter()
        .filter(|(field, expected)| got[*field] != **expected)
        .map(|(field, expected)| format!("{field}\n  browser: {expected}\n  we:      {}", got[field]))
        .collect();
    assert!(wrong.is_empty(), "{name} against {file}:\n{}", wrong.join("\n"));
    site.close().await;
}

#[tokio::test]
async fn chrome_131_on_android() {
    compare(
        "chrome_131.0.6778.81_android.yaml",
        "chrome131_android",
        Os::Android,
        &[(
            "headers",
            "sec-ch-ua-mobile: ?0",
            "sec-ch-ua-mobile: ?1",
            "a phone is mobile, as its user agent says in the same signature",
        )],
    )
    .await;
}

#[tokio::test]
async fn chrome_136() {
    compare("chrome_136.0.7103.93.yaml", "chrome136", Os::MacOs, &[]).await;
}

#[tokio::test]
async fn chrome_142() {
    compare("chrome_142.0.7444.176.yaml", "chrome142", Os::MacOs, &[]).await;
}

#[tokio::test]
async fn the_newest_chrome_against_150() {
    compare(
        "chrome_150.0.7871.127_macOS.yaml",
        "chrome",
        Os::MacOs,
        &[
            (
                "headers",
                r#""Not;A=Brand";v="8", "Chromium";v="150", "Google Chrome";v="150""#,
                r#""Google Chrome";v="149", "Chromium";v="149", "Not)A;Brand";v="24""#,
                "wreq-util ends at 149",
            ),
            ("headers", "Chrome/150", "Chrome/149", "wreq-util ends at 149"),
            (
                "signature_algorithms",
                "2308, 2309, 2310, ",
                "",
                "ML-DSA came with 150, and the BoringSSL in btls-sys 0.5.6 does not know it",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn edge_120() {
    compare("edge_120.0.2210.61_linux.yaml", "edge120", Os::Linux, &[]).await;
}

#[tokio::test]
async fn firefox_133() {
    compare("firefox_133.0.3_linux.yaml", "firefox133", Os::MacOs, &[FIRST_STREAM]).await;
}

#[tokio::test]
async fn firefox_144() {
    compare("firefox_144.0.0_linux.yaml", "firefox144", Os::MacOs, &[FIRST_STREAM]).await;
}

#[tokio::test]
async fn safari_18_4() {
    compare("safari_18.4_macOS.yaml", "safari184", Os::MacOs, &[]).await;
}

#[tokio::test]
async fn safari_26_0_1() {
    compare("safari_26.0.1_macOS.yaml", "safari2601", Os::MacOs, &[]).await;
}

#[tokio::test]
async fn safari_26_on_ios() {
    compare("safari_26.0_iOS.yaml", "safari260_ios", Os::Ios, &[]).await;
}
