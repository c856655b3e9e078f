//! What only the right people may see.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;
use http::header::{SET_COOKIE, WWW_AUTHENTICATE};
use serde_json::json;
use url::form_urlencoded;

use super::Visit;
use super::reply::{Reply, ReplyExt as _, json, page, redirect};

/// User of `/login`.
pub const DEMO_USER: &str = "demo";
/// Password of `/login`.
pub const DEMO_PASSWORD: &str = "demo";
/// Token of `/bearer`.
pub const BEARER_TOKEN: &str = "demo-token";

const COOKIE: &str = "session";
const FORM: &str = "<h1>Log in</h1>\n<form method=\"post\" action=\"/login\">\n\
    <label>User <input name=\"user\" id=\"user\"></label>\n\
    <label>Password <input name=\"password\" id=\"password\" type=\"password\"></label>\n\
    <button type=\"submit\">Log in</button>\n</form>";

pub(super) fn login(visit: &Visit) -> Reply {
    if visit.request.method != "POST" {
        return page("Log in", FORM);
    }
    let form: Vec<_> = form_urlencoded::parse(&visit.request.body).collect();
    let has = |name: &str, value: &str| form.iter().any(|(key, given)| key == name && given == value);
    if !(has("user", DEMO_USER) && has("password", DEMO_PASSWORD)) {
        let body = format!("<p class=\"error\">Wrong user or password.</p>\n{FORM}");
        return page("Log in", &body).with_status(StatusCode::UNAUTHORIZED);
    }
    let cookie = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax", visit.state.log_in());
    redirect(StatusCode::SEE_OTHER, "/account").with_header(SET_COOKIE, &cookie)
}

pub(super) fn account(visit: &Visit) -> Reply {
    match login_cookie(visit) {
        Some(_) => page(
            "Account",
            "<h1>Account</h1>\n<p class=\"user\">demo</p>\n<a href=\"/logout\">Log out</a>",
        ),
        None => page("Forbidden", "<h1>403 Forbidden</h1>\n<a href=\"/login\">Log in</a>")
            .with_status(StatusCode::FORBIDDEN),
    }
}

pub(super) fn logout(visit: &Visit) -> Reply {
    if let Some(token) = login_cookie(visit) {
        visit.state.log_out(&token);
    }
    redirect(StatusCode::SEE_OTHER, "/login").with_header(SET_COOKIE, &format!("{COOKIE}=; Path=/; Max-Age=0"))
}

fn login_cookie(visit: &Visit) -> Option<String> {
    let mut cookies = visit.request.cookies().into_iter();
    cookies
        .find(|(name, value)| name == COOKIE && visit.state.is_logged_in(value))
        .map(|(_, token)| token)
}

pub(super) fn basic(visit: &Visit) -> Reply {
    let expected = format!("Basic {}", BASE64_STANDARD.encode("user:pass"));
    authorized(visit, &expected, "Basic realm=\"test site\", charset=\"UTF-8\"")
}

pub(super) fn bearer(visit: &Visit) -> Reply {
    authorized(visit, &format!("Bearer {BEARER_TOKEN}"), "Bearer realm=\"test site\"")
}

fn authorized(visit: &Visit, expected: &str, challenge: &str) -> Reply {
    if visit.request.header("authorization") == Some(expected) {
        json(&json!({ "authorized": true }))
    } else {
        json(&json!({ "authorized": false }))
            .with_status(StatusCode::UNAUTHORIZED)
            .with_header(WWW_AUTHENTICATE, challenge)
    }
}

pub(super) fn private() -> Reply {
    page("Private", "<h1>Private</h1>\n<p>A polite crawler never sees this.</p>")
}
