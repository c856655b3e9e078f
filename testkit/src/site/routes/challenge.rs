//! Interstitials: pages that let a browser through when they like what they see. In form like those of a large CDN; the
//! checks are our own, and prove only that input and geometry reach a frame of another site.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::StatusCode;
use http::header::{CACHE_CONTROL, HeaderName, SET_COOKIE};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Visit;
use super::assets::{fill, filled, html};
use super::reply::{self, HTML, Reply, ReplyExt as _, bad_request, bytes, json, not_found, page};
use super::shop::product_name;

/// The cookie that a passed challenge sets. It is good for the `User-Agent` that passed, and for no other.
pub const CLEARANCE_COOKIE: &str = "cf_clearance";
/// Milliseconds that a press must last.
const SHORTEST_PRESS: f64 = 30.0;
/// Moves of the pointer over the widget before the press.
const FEWEST_MOVES: u64 = 2;
const EMBEDDED: &str = "embedded";
const MANAGED: &str = "managed";
const NON_INTERACTIVE: &str = "non-interactive";
const RELOADING: &str = "reloading";
/// How long a page that reloads itself has nothing of a challenge but its first line.
const HALF_READ: Duration = Duration::from_millis(500);
/// Milliseconds after which a widget asks for a press, or looks for itself.
const WIDGET_DELAY: u64 = 800;
const MITIGATED: HeaderName = HeaderName::from_static("cf-mitigated");

/// One attempt at a challenge, as the widget reported it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ChallengeAttempt {
    /// `managed`, `non-interactive`, `embedded`, `refusing` or `reloading`.
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
    let cleared = cleared_by(visit);
    match (kind, cleared.as_deref()) {
        (EMBEDDED, _) => filled(
            include_str!("../assets/challenge/embedded.html"),
            &[("widget", &widget_url(visit, kind))],
        ),
        ("staged", None) => interstitial(visit, NON_INTERACTIVE, true),
        ("staged", Some(NON_INTERACTIVE)) => interstitial(visit, MANAGED, true),
        ("unmarked", None) => interstitial(visit, MANAGED, false),
        (MANAGED | NON_INTERACTIVE | "refusing" | RELOADING, None) => interstitial(visit, kind, true),
        (MANAGED | NON_INTERACTIVE | "staged" | "unmarked", Some(_)) => page("Protected listing", &listing()),
        _ => not_found(),
    }
}

/// The page that stands in the way. Without marks only its header tells what it is.
fn interstitial(visit: &Visit, kind: &str, marked: bool) -> Reply {
    let id = visit.state.count("\0challenge".to_owned());
    let marks = format!("<script>window._cf_chl_opt = {{ cType: '{kind}', cRay: '{id}' }};</script>");
    let gaps = [
        ("kind", kind),
        ("marks", if marked { &marks } else { "" }),
        ("widget", &widget_url(visit, kind)),
    ];
    let template = include_str!("../assets/challenge/interstitial.html");
    let reply = match kind {
        RELOADING => in_halves(template, &gaps),
        _ => filled(template, &gaps).with_header(MITIGATED, "challenge"),
    };
    reply
        .with_status(StatusCode::FORBIDDEN)
        .with_header(CACHE_CONTROL, "no-store")
}

/// The document, whose first line comes a while before the rest.
fn in_halves(template: &str, gaps: &[(&str, &str)]) -> Reply {
    let whole = fill(template, gaps);
    let (first, rest) = whole.split_at(whole.find('\n').unwrap_or_default());
    let (first, rest) = (Bytes::from(first.to_owned()), Bytes::from(rest.to_owned()));
    let rest = stream::once(async move {
        tokio::time::sleep(HALF_READ).await;
        Ok(rest)
    });
    reply::stream(HTML, stream::once(async move { Ok(first) }).chain(rest))
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
    let after = visit.number("after", WIDGET_DELAY);
    visit.on_other_site(&format!("/cdn-cgi/challenge-platform/widget?kind={kind}&after={after}"))
}

/// The kind of the challenge that this visitor has passed.
fn cleared_by(visit: &Visit) -> Option<String> {
    let user_agent = visit.request.header("user-agent").unwrap_or_default();
    let cookies = visit.request.cookies();
    let mut clearances = cookies.iter().filter(|(name, _)| name == CLEARANCE_COOKIE);
    clearances.find_map(|(_, value)| visit.state.cleared_by(value, user_agent))
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
    let answer = json(&json!({ "token": passed.then(|| visit.state.issue_token(&kind)), "refused": refused }));
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
    expect(
        kind != "refusing" && kind != RELOADING,
        "this challenge refuses everyone",
    );
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
    if kind != NON_INTERACTIVE {
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
    let known = token(visit).is_some_and(|token| visit.state.spend_token(&token).is_some());
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
