//! What the site answers: one file for each family of routes.

mod account;
mod assets;
mod bodies;
mod catalogue;
mod challenge;
mod compression;
mod consistency;
mod cookies;
mod echo;
mod encodings;
mod faults;
mod files;
mod frames;
mod index;
pub mod known;
mod redirects;
mod reply;
mod robots;
mod scripts;
mod shop;
mod slowness;
mod status;

use std::sync::Arc;

use http::Response;

use super::Recorded;
use super::state::State;
use super::wire::Control;

pub use challenge::ChallengeAttempt;
pub(crate) use reply::{Body, without_body};
use reply::{Reply, not_found};

/// A request on its way to a route.
pub(crate) struct Visit {
    pub(crate) state: Arc<State>,
    pub(crate) control: Arc<Control>,
    pub(crate) request: Arc<Recorded>,
}

impl Visit {
    /// A query parameter as a number.
    fn number(&self, name: &str, default: u64) -> u64 {
        self.request
            .param(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(default)
    }

    fn param(&self, name: &str) -> Option<String> {
        self.request.param(name)
    }

    /// The other scheme's URL for the same host.
    fn on_other_scheme(&self, path: &str) -> String {
        let addresses = self.state.addresses;
        let (scheme, port) = match self.request.scheme {
            "http" => ("https", addresses.https.port()),
            _ => ("http", addresses.http.port()),
        };
        let name = self.request.host_name();
        // A host without a port was reached through a proxy, on the port that goes with the scheme.
        if name.len() == self.request.host.len() {
            format!("{scheme}://{name}{path}")
        } else {
            format!("{scheme}://{name}:{port}{path}")
        }
    }

    /// A URL on another site that is this one too: to a browser `localhost` and `127.0.0.1` have nothing to do with each
    /// other.
    fn on_other_site(&self, path: &str) -> String {
        let name = self.request.host_name();
        let other = match name {
            "127.0.0.1" => "localhost",
            "localhost" => "127.0.0.1",
            "other.example" => "third.example",
            _ => "other.example",
        };
        let port = &self.request.host[name.len()..];
        format!("{}://{other}{port}{path}", self.request.scheme)
    }
}

/// Routes that benchmarks use: answered at once, from static bytes.
pub(crate) fn hot(path: &str) -> Option<Response<Body>> {
    match path {
        "/page/10k" => Some(bodies::page_10k()),
        _ => path.strip_prefix("/bytes/").map(bodies::exactly),
    }
}

pub(crate) async fn route(visit: Visit) -> Reply {
    let request = Arc::clone(&visit.request);
    if let Some(reply) = hot(&request.path) {
        return reply;
    }
    let segments: Vec<&str> = request.path.split('/').skip(1).collect();
    match segments.as_slice() {
        [""] => index::index(),

        ["shop"] => shop::listing(&visit),
        ["shop", "browsers-only"] => shop::browsers_only(&visit),
        ["shop", "product", id] => shop::product(id),
        ["catalogue", pages, number] => catalogue::catalogue(&visit, pages, number).await,

        ["login"] => account::login(&visit),
        ["account"] => account::account(&visit),
        ["logout"] => account::logout(&visit),
        ["basic-auth"] => account::basic(&visit),
        ["bearer"] => account::bearer(&visit),
        ["private", ..] => account::private(),

        ["cookies"] => cookies::list(&visit),
        ["cookies", "set"] => cookies::set(&visit),
        ["cookies", "attributes"] => cookies::attributes(&visit),

        ["redirect", "loop"] => redirects::to("/redirect/loop"),
        ["redirect", "relative"] => redirects::to("../redirect/./0?from=relative"),
        ["redirect", "cross"] => redirects::cross(&visit),
        ["redirect", "no-location"] => redirects::without_location(),
        ["redirect", "bad-location"] => redirects::to("http://[not-a-host/"),
        ["redirect", count] => redirects::chain(count),
        ["redirect-to"] => redirects::to_param(&visit),

        ["status", code] => status::status(code),
        ["retry-after"] => status::retry_after(&visit),
        ["flaky"] => status::flaky(&visit).await,
        ["count", key] => status::count(&visit, key),

        ["slow"] => slowness::slow(&visit).await,
        ["slow-body"] => slowness::slow_body(&visit),
        ["drip"] => slowness::drip(&visit),
        ["stall"] => slowness::stall().await,
        ["stall-body"] => slowness::stall_body(),

        ["drop"] => faults::drop(&visit).await,
        ["drop-body"] => faults::drop_body(),
        ["reset"] => faults::reset(&visit).await,
        ["malformed", what] => faults::malformed(&visit, what),

        ["encoding", name] => encodings::encoding(name),
        ["compressed", name] => compression::compressed(name),
        ["bomb", name] => compression::bomb(&visit, name).await,
        ["gzip-broken"] => compression::broken(),

        ["echo", ..] => echo::echo(&visit),
        ["fingerprint"] => echo::fingerprint(&visit),
        ["headers"] => echo::headers(&visit),

        ["robots.txt"] => robots::robots(&visit),
        ["sitemap.xml"] => robots::sitemap(&visit),

        ["js", path @ ..] => scripts::route(&visit, path),
        ["download"] => scripts::download(),
        ["frames", which] => frames::frames(&visit, which),
        ["workers"] => frames::workers(),
        ["workers", "worker.js"] => frames::worker(),

        ["consistency", path @ ..] => consistency::route(&visit, path),
        ["detectors"] => files::detectors(),
        ["files", path @ ..] => files::file(&visit, path),
        ["challenge", "embedded", "content"] => challenge::embedded_content(&visit),
        ["challenge", kind] => challenge::protected(&visit, kind),
        ["cdn-cgi", "challenge-platform", what] => challenge::platform(&visit, what),

        ["json"] => bodies::json(),
        ["image.png"] => bodies::image(),
        ["empty"] => bodies::empty(),
        _ => not_found(),
    }
}
