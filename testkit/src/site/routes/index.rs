//! `/`: the list of routes.

use super::reply::{Reply, page};

/// Path and meaning. Those that can be asked for as they stand are links.
const ROUTES: &[(&str, &str)] = &[
    ("/shop?page=1", "listing: 10 pages of 20 products"),
    ("/shop/product/1", "a product, 1 to 200"),
    (
        "/shop/browsers-only",
        "the listing, or 403 to what does not send what browsers do",
    ),
    (
        "/catalogue/5000/0",
        "page 0 of 5,000 that are all below it, of 10 KB each; ms=50 lets each wait",
    ),
    (
        "/login",
        "a form; POST user=demo and password=demo sets a cookie and leads to /account",
    ),
    ("/account", "403 without the cookie"),
    ("/logout", "ends the login"),
    ("/basic-auth", "401 without user and pass"),
    ("/bearer", "401 without the bearer token"),
    ("/private/", "what robots.txt disallows"),
    ("/cookies", "the cookies received, as JSON"),
    (
        "/cookies/set?name=value",
        "sets cookies; _path, _domain, _max_age, _secure, _http_only, _same_site, _redirect=1",
    ),
    ("/cookies/attributes", "sets one cookie of each sort"),
    ("/redirect/N", "N redirects, then a page"),
    (
        "/redirect-to?url=/shop&status=302",
        "one redirect to anywhere, by any status",
    ),
    ("/redirect/loop", "to itself, for ever"),
    ("/redirect/relative", "a relative Location"),
    ("/redirect/cross", "from http to https, or back"),
    ("/redirect/no-location", "302 without Location"),
    ("/redirect/bad-location", "302 to what is no URL"),
    ("/status/CODE", "any status, 200 to 999"),
    (
        "/retry-after?seconds=1&times=1&key=a",
        "503 with Retry-After so many times, then 200; date=1 for a date",
    ),
    (
        "/flaky?times=1&key=a&how=503",
        "fails so many times, then 200; how: 503, 403, reset or drop",
    ),
    ("/count/KEY", "counts its visits"),
    ("/slow?ms=100", "waits before the headers"),
    ("/slow-body?ms=100&chunks=4", "waits before each chunk"),
    ("/drip?ms=10&bytes=20", "one byte at a time"),
    ("/stall", "no headers, for a minute"),
    ("/stall-body", "headers and half of the body, then nothing for a minute"),
    ("/drop", "closes without a response"),
    ("/drop-body", "closes in the middle of the body"),
    ("/reset", "resets the connection"),
    ("/malformed/header", "a header line that is none"),
    ("/malformed/status", "a status line that is none"),
    ("/malformed/chunk", "a chunked body that is none"),
    (
        "/encoding/utf-8",
        "also windows-1252, shift_jis, euc-jp, utf-16le, meta, meta-http-equiv, bom, none, wrong",
    ),
    ("/compressed/gzip", "also br, zstd, deflate, identity"),
    (
        "/bomb/gzip?mb=100",
        "also br, zstd: small on the wire, so many MB when read",
    ),
    ("/gzip-broken", "gzip that breaks off"),
    (
        "/echo",
        "the request as it was on the wire, as JSON; any method, any path below",
    ),
    ("/fingerprint", "TLS, HTTP/2 and headers of it"),
    ("/headers", "its headers as one JSON object"),
    ("/robots.txt", "disallows /private"),
    ("/sitemap.xml", "the listing pages"),
    ("/page/10k", "an HTML page of 10,240 bytes"),
    ("/bytes/N", "N bytes, at most 100,000,000"),
    ("/json", "a JSON document"),
    ("/image.png", "an image"),
    ("/empty", "200 without a body"),
    ("/js/list", "a list that a script makes of JSON"),
    ("/js/lazy?ms=300", "content after a while; an image far below"),
    ("/js/scroll?pages=3", "grows when its end is seen; 0 pages: without end"),
    ("/js/xhr", "an XMLHttpRequest, then a fetch with what it gave"),
    ("/js/subrequests?n=85", "a page of so many images, scripts and styles"),
    ("/js/click", "a form and a button; logs what the events look like"),
    ("/js/console", "writes to the console, throws, and misses a script"),
    (
        "/js/login?user=demo",
        "a login that is in local storage alone, and /js/account",
    ),
    (
        "/js/redirect/script",
        "also late-script, meta, header, form: leads elsewhere by itself",
    ),
    (
        "/js/hanging/image",
        "also script, style, frame, fetch, loop: one thing never comes",
    ),
    ("/js/popup", "opens a window"),
    ("/js/dialog/alert", "also confirm, prompt, beforeunload"),
    ("/js/download", "a page that goes to /download"),
    ("/download", "a file to keep"),
    (
        "/frames/many",
        "also same-site, cross-site, lazy, 204, download, hanging, nested",
    ),
    ("/workers", "a dedicated, a blob, a shared and a service worker"),
    (
        "/consistency?run=1",
        "what the browser says of itself in page, frames and workers",
    ),
    ("/files/PATH", "a file of the folder that the test named"),
    (
        "/detectors?run=1",
        "what published detectors say of the browser; their files are below /files",
    ),
    (
        "/challenge/managed",
        "also non-interactive, embedded, staged, unmarked, refusing, reloading: a page behind a check",
    ),
];

pub(super) fn index() -> Reply {
    let rows: String = ROUTES.iter().map(|(path, meaning)| row(path, meaning)).collect();
    let body = format!("<h1>Test site</h1>\n<table>\n{rows}</table>");
    page("Test site", &body)
}

fn row(path: &str, meaning: &str) -> String {
    let shown = path.replace('&', "&amp;");
    let is_pattern = path.bytes().any(|byte| byte.is_ascii_uppercase());
    let cell = if is_pattern {
        format!("<code>{shown}</code>")
    } else {
        format!("<a href=\"{shown}\">{shown}</a>")
    };
    format!("<tr><td>{cell}</td><td>{meaning}</td></tr>\n")
}
