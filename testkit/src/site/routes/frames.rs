//! Pages with frames and workers.

use super::Visit;
use super::assets::{filled, html, script};
use super::reply::{Reply, not_found};

pub(super) fn frames(visit: &Visit, which: &str) -> Reply {
    let inner = "/frames/inner";
    let frames = match which {
        "same-site" => frame(inner),
        "cross-site" => frame(&visit.on_other_site(inner)),
        "lazy" => format!(
            "<div style=\"height: 6000px\">Far above.</div>\n{}",
            frame(inner).replace("<iframe", "<iframe loading=\"lazy\"")
        ),
        "204" => frame("/status/204"),
        "download" => frame("/download"),
        "hanging" => frame("/stall"),
        "nested" => frame(&visit.on_other_site("/frames/same-site")),
        "many" => format!(
            "{}{}{}",
            frame(inner),
            frame(&visit.on_other_site(inner)),
            frame("/status/204")
        ),
        "inner" => return html(include_str!("../assets/frames/inner.html")),
        _ => return not_found(),
    };
    filled(include_str!("../assets/frames/page.html"), &[("frames", &frames)])
}

fn frame(source: &str) -> String {
    format!("<iframe src=\"{source}\" title=\"a frame\"></iframe>\n")
}

pub(super) fn workers() -> Reply {
    html(include_str!("../assets/workers/page.html"))
}

pub(super) fn worker() -> Reply {
    script(include_str!("../assets/workers/worker.js"))
}
