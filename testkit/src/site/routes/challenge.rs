//! Interstitials: pages that let a browser through when they like what they see. In form like those of a large CDN; the
//! checks are our own, and prove only that input and geometry reach a frame of another site.

use std::fmt::Write as _;

use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderName, SET_COOKIE};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Visit;
use super::assets::{filled, html};
use super::reply::{HTML, Reply, ReplyExt as _, bad_request, bytes, json, not_found, page};
use super::shop::product_name;

/// The cookie that a passed challenge sets. It is good for the `User-Agent` that passed, and for no other.
pub const CLEARANCE_COOKIE: &str = "cf_clearance";
/// Milliseconds that a press must last.
const SHORTEST_PRESS: f64 = 30.0;
/// Moves of the pointer over the widget before the press.
const FEWEST_MOVES: u64 = 2;
const EMBEDDED: &str = "embedded";
const MITIGATED: HeaderName = HeaderName::from_static("cf-mitigated");

/// One attempt at a challenge, as the widget reported it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ChallengeAttempt {
    /// `managed`, `non-interactive`, `embedded` or `refusing`.
    pub kind: String,
    /// What the widget saw: `trusted`, `moves`, `held` (ms), `pressure`, `webdriver`, `userAgent` and more.
    pub signals: Value,
    /// Why it was refused; empty when it passed.
    pub refused: Vec<String>,
}

#[derive(Deserialize)]
struct Verify {
    kind: String,
    signals: Value,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

/// A page behind a challenge.
pub(super) fn protected(visit: &Visit, kind: &str) -> Reply {
    match kind {
        EMBEDDED => filled(
            include_str!("../assets/challenge/embedded.html"),
            &[("widget", &widget_url(visit, kind))],
        ),
        "managed" | "non-interactive" | "refusing" if !is_cleared(visit) => {
            let widget = widget_url(visit, kind);
            let id = visit.state.count("\0challenge".to_owned()).to_string();
            let gaps = [("kind", kind), ("id", &id), ("widget", &widget)];
            filled(include_str!("../assets/challenge/interstitial.html"), &gaps)
                .with_status(StatusCode::FORBIDDEN)
                .with_header(MITIGATED, "challenge")
                .with_header(CACHE_CONTROL, "no-store")
        }
        "managed" | "non-interactive" => page("Protected listing", &listing()),
        _ => not_found(),
    }
}

fn listing() -> String {
    let mut body = String::from("<h1>Protected listing</h1>\n<ul id=\"protected\">\n");
    for id in 1..=20 {
        // Writing to a string cannot fail.
        let _ = writeln!(
            body,
            "<li><a class=\"product\" href=\"/shop/product/{id}\">{}</a></li>",
            product_name(id)
        );
    }
    body.push_str("</ul>");
    body
}

fn widget_url(visit: &Visit, kind: &str) -> String {
    visit.on_other_site(&format!("/cdn-cgi/challenge-platform/widget?kind={kind}"))
}

fn is_cleared(visit: &Visit) -> bool {
    let user_agent = visit.request.header("user-agent").unwrap_or_default();
    visit
        .request
        .cookies()
        .iter()
        .any(|(name, value)| name == CLEARANCE_COOKIE && visit.state.is_cleared(value, user_agent))
}

/// What the widget and the page around it ask for.
pub(super) fn platform(visit: &Visit, what: &str) -> Reply {
    match what {
        "widget" => html(include_str!("../assets/challenge/widget.html")),
        "verify" => verify(visit),
        "clear" => clear(visit),
        _ => not_found(),
    }
}

fn verify(visit: &Visit) -> Reply {
    let Ok(Verify { kind, signals }) = serde_json::from_slice(&visit.request.body) else {
        return bad_request("kind and signals, as JSON");
    };
    let refused = judge(&kind, &signals, visit.request.header("user-agent").unwrap_or_default());
    let passed = refused.is_empty();
    let answer = json(&json!({ "token": passed.then(|| visit.state.issue_token()), "refused": refused }));
    visit.state.note_challenge(ChallengeAttempt { kind, signals, refused });
    answer
}

/// Everything that is wrong with an attempt.
fn judge(kind: &str, signals: &Value, user_agent: &str) -> Vec<String> {
    let number = |name: &str| signals[name].as_f64().unwrap_or_default();
    let mut refused = Vec::new();
    let mut expect = |fine: bool, why: &str| {
        if !fine {
            refused.push(why.to_owned());
        }
    };
    expect(kind != "refusing", "this challenge refuses everyone");
    expect(signals["webdriver"] == Value::Bool(false), "navigator.webdriver");
    expect(
        signals["userAgent"] == user_agent,
        "the user agent of the header is not the script's",
    );
    expect(!user_agent.contains("Headless"), "a headless user agent");
    expect(signals["visibility"] == "visible", "nobody can see the page");
    expect(
        signals["outer"][0].as_u64().is_some_and(|width| width > 0),
        "a window without a width",
    );
    if kind != "non-interactive" {
        expect(signals["trusted"] == Value::Bool(true), "a click by a script");
        expect(number("held") >= SHORTEST_PRESS, "a press without duration");
        expect(
            signals["moves"].as_u64() >= Some(FEWEST_MOVES),
            "a pointer that came from nowhere",
        );
        expect(number("pressure") > 0.0, "a press without pressure");
    }
    refused
}

/// Gives the clearance cookie for a token.
fn clear(visit: &Visit) -> Reply {
    let user_agent = visit.request.header("user-agent").unwrap_or_default();
    let clearance = token(visit).and_then(|token| visit.state.clear(&token, user_agent));
    match clearance {
        Some(clearance) => json(&json!({ "cleared": true })).with_header(
            SET_COOKIE,
            &format!("{CLEARANCE_COOKIE}={clearance}; Path=/; HttpOnly; SameSite=Lax; Max-Age=1800"),
        ),
        None => json(&json!({ "cleared": false })).with_status(StatusCode::FORBIDDEN),
    }
}

/// What stands behind the embedded widget.
pub(super) fn embedded_content(visit: &Visit) -> Reply {
    let known = token(visit).is_some_and(|token| visit.state.spend_token(&token));
    if known {
        bytes(HTML, "<p id=\"content\">Welcome.</p>").with_header(CACHE_CONTROL, "no-store")
    } else {
        bytes(HTML, "<p id=\"refused\">No.</p>").with_status(StatusCode::FORBIDDEN)
    }
}

fn token(visit: &Visit) -> Option<String> {
    serde_json::from_slice::<Token>(&visit.request.body)
        .ok()
        .map(|given| given.token)
}
