//! Pages that need a browser: what they show is made by their scripts.

use std::fmt::Write as _;

use http::header::{CONTENT_DISPOSITION, HeaderName, REFRESH};
use serde_json::json;

use super::Visit;
use super::assets::{filled, html, plain, script, style};
use super::reply::{Reply, ReplyExt as _, bad_request, bytes, json, not_found, page};
use super::shop::{euros, product_name, product_price};

/// How many items the list that is made by a script has.
pub const SCRIPTED_ITEMS: usize = 30;
/// How many items each page of the endless scroll has.
pub const SCROLL_ITEMS: usize = 10;
/// How many resources `/js/subrequests` asks for, unless `n` says otherwise: 40 images, the rest scripts and styles.
pub const SUBREQUESTS: usize = 85;
/// What `/js/api/token` hands out and `/js/api/search` asks for.
pub const API_TOKEN: &str = "token-of-the-page";

const MOST_SUBREQUESTS: u64 = 1000;
const SUBREQUEST_IMAGES: usize = 40;
const GO: &str = include_str!("../assets/scripts/go.html");

pub(super) fn route(visit: &Visit, path: &[&str]) -> Reply {
    match path {
        ["list"] => html(include_str!("../assets/scripts/list.html")),
        ["list.css"] => style(include_str!("../assets/scripts/list.css")),
        ["list.js"] => script(include_str!("../assets/scripts/list.js")),
        ["list.json"] => items(1..=SCRIPTED_ITEMS),
        ["lazy"] => html(include_str!("../assets/scripts/lazy.html")),
        ["scroll"] => html(include_str!("../assets/scripts/scroll.html")),
        ["scroll.json"] => scrolled(visit),
        ["xhr"] => html(include_str!("../assets/scripts/xhr.html")),
        ["api", "token"] => json(&json!({ "token": API_TOKEN })),
        ["api", "search"] => search(visit),
        ["subrequests"] => subrequests(visit),
        ["resource", name] => resource(name),
        ["click"] => html(include_str!("../assets/scripts/click.html")),
        ["console"] => html(include_str!("../assets/scripts/console.html")),
        ["head"] => filled(
            GO,
            &[("head", "<script src=\"/js/resource/1.js\"></script>"), ("body", "")],
        ),
        ["login"] => html(include_str!("../assets/scripts/login.html")),
        ["service-worker.js"] => script(include_str!("../assets/scripts/service-worker.js"))
            .with_header(HeaderName::from_static("service-worker-allowed"), "/"),
        ["account"] => html(include_str!("../assets/scripts/account.html")),
        ["redirect", how] => redirect(how),
        ["hanging", what] => hanging(what),
        ["popup"] => filled(GO, &[("head", ""), ("body", "<script>open('/js/list')</script>")]),
        ["download"] => filled(GO, &[("head", ""), ("body", "<script>location = '/download'</script>")]),
        ["dialog", "alert" | "confirm" | "prompt" | "beforeunload"] => {
            html(include_str!("../assets/scripts/dialog.html"))
        }
        _ => not_found(),
    }
}

fn items(ids: impl Iterator<Item = usize>) -> Reply {
    let items: Vec<_> = ids
        .map(|id| json!({ "id": id, "name": product_name(id), "price": euros(product_price(id)) }))
        .collect();
    json(&items)
}

fn scrolled(visit: &Visit) -> Reply {
    let Some(page) = visit.number("page", 1).checked_sub(1).filter(|page| *page < 10_000) else {
        return not_found();
    };
    let first = page as usize * SCROLL_ITEMS + 1;
    items(first..first + SCROLL_ITEMS)
}

fn search(visit: &Visit) -> Reply {
    if visit.request.header("x-token") != Some(API_TOKEN) {
        return json(&json!({ "error": "the header X-Token is not the page's" }))
            .with_status(http::StatusCode::FORBIDDEN);
    }
    let asked: serde_json::Value = serde_json::from_slice(&visit.request.body).unwrap_or_default();
    json(&json!({ "asked": asked, "found": [product_name(1), product_name(2)] }))
}

/// A page of so many resources, each of which says that it was there.
fn subrequests(visit: &Visit) -> Reply {
    let count = visit.number("n", SUBREQUESTS as u64).min(MOST_SUBREQUESTS) as usize;
    let mut body = String::from("<h1>Subrequests</h1>\n");
    for number in 0..count {
        // Writing to a string cannot fail.
        let _ = match number {
            number if number < SUBREQUEST_IMAGES => {
                writeln!(
                    body,
                    "<img src=\"/js/resource/{number}.png\" width=\"8\" height=\"8\" alt=\"\">"
                )
            }
            number if number.is_multiple_of(3) => {
                writeln!(body, "<link rel=\"stylesheet\" href=\"/js/resource/{number}.css\">")
            }
            _ => writeln!(body, "<script src=\"/js/resource/{number}.js\"></script>"),
        };
    }
    body.push_str("<p id=\"end\">end</p>");
    page("Subrequests", &body)
}

fn resource(name: &str) -> Reply {
    match name.rsplit_once('.') {
        Some((_, "png")) => super::bodies::image(),
        Some((number, "css")) => bytes("text/css", format!(".resource-{} {{ color: teal }}", plain(number))),
        Some((number, "js")) => {
            let add = format!("(globalThis.resources ??= []).push('{}');", plain(number));
            bytes("text/javascript", add)
        }
        _ => not_found(),
    }
}

/// A page that leads elsewhere by itself.
fn redirect(how: &str) -> Reply {
    const TO: &str = "/js/list";
    match how {
        "script" => filled(
            GO,
            &[("head", "<script>location.replace('/js/list')</script>"), ("body", "")],
        ),
        "late-script" => filled(
            GO,
            &[
                ("head", ""),
                (
                    "body",
                    "<script>setTimeout(() => { location = '/js/list' }, 200)</script>",
                ),
            ],
        ),
        "meta" => filled(
            GO,
            &[
                ("head", "<meta http-equiv=\"refresh\" content=\"0; url=/js/list\">"),
                ("body", ""),
            ],
        ),
        "header" => filled(GO, &[("head", ""), ("body", "")]).with_header(REFRESH, &format!("0; url={TO}")),
        "form" => filled(
            GO,
            &[
                ("head", ""),
                (
                    "body",
                    "<form method=\"post\" action=\"/echo\"><input name=\"sent\" value=\"by script\"></form>\n\
                          <script>document.forms[0].submit()</script>",
                ),
            ],
        ),
        _ => bad_request("how? script, late-script, meta, header or form"),
    }
}

/// A page of which one thing never comes.
fn hanging(what: &str) -> Reply {
    let body = match what {
        "image" => "<p id=\"content\">Here.</p>\n<img src=\"/stall\" alt=\"\">",
        "script" => "<script src=\"/stall\"></script>\n<p id=\"content\">Here, behind the script.</p>",
        "style" => "<link rel=\"stylesheet\" href=\"/stall\">\n<p id=\"content\">Here, unstyled.</p>",
        "frame" => "<p id=\"content\">Here.</p>\n<iframe src=\"/stall\" title=\"hanging\"></iframe>",
        "fetch" => "<p id=\"content\">Here.</p>\n<script>fetch('/stall')</script>",
        "loop" => "<p id=\"content\">Here.</p>\n<script>setTimeout(() => { for (;;); }, 100)</script>",
        _ => return bad_request("what? image, script, style, frame, fetch or loop"),
    };
    page("Hanging", body)
}

/// A file to be kept and not to be shown.
pub(super) fn download() -> Reply {
    bytes("application/octet-stream", vec![b'd'; 2048])
        .with_header(CONTENT_DISPOSITION, "attachment; filename=\"silk.bin\"")
}
