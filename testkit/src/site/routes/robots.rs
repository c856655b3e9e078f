//! What crawlers read first.

use super::Visit;
use super::reply::{Reply, bytes, text};
use super::shop::LISTING_PAGES;

const ROBOTS: &str = "User-agent: *\nDisallow: /private\nAllow: /private/open\n\n\
    User-agent: slowbot\nCrawl-delay: 1\nDisallow: /private\n\n\
    User-agent: badbot\nDisallow: /\n\n";

pub(super) fn robots(visit: &Visit) -> Reply {
    match &visit.state.robots_txt {
        Some(robots) => text(robots.clone()),
        None => text(format!("{ROBOTS}Sitemap: {}/sitemap.xml\n", origin(visit))),
    }
}

pub(super) fn sitemap(visit: &Visit) -> Reply {
    let origin = origin(visit);
    let urls: String = (1..=LISTING_PAGES)
        .map(|page| format!("<url><loc>{origin}/shop?page={page}</loc></url>\n"))
        .collect();
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n{urls}</urlset>\n"
    );
    bytes("application/xml", body)
}

fn origin(visit: &Visit) -> String {
    format!("{}://{}", visit.request.scheme, visit.request.host)
}
