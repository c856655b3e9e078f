//! The ad filter: EasyList's rules about requests, in the engine of the Brave browser.

use std::io::Read;

use adblock::Engine;
use adblock::lists::{FilterSet, ParseOptions, RuleTypes};
use adblock::request::Request;
use flate2::read::GzDecoder;
use tokio::sync::OnceCell;

use crate::{Deadline, Error, RequestFilter, Result};

/// What `data/README.md` describes.
const RULES: &[u8] = include_bytes!("../../data/easylist-requests.txt.gz");
/// The rules are a good megabyte; what claims to be more is not ours.
const MOST: u64 = 16 << 20;

/// Made with the first request that blocks ads, and then there for the whole process: reading 50,000 rules takes a moment,
/// and they take some megabytes.
static ENGINE: OnceCell<Engine> = OnceCell::const_new();

/// The filter. The first to ask for it waits until it is made, on a thread of its own.
pub(super) async fn filter(deadline: Deadline) -> Result<Ads> {
    let making = ENGINE.get_or_try_init(async || {
        tokio::task::spawn_blocking(make)
            .await
            .map_err(|error| Error::io("reading the ad filter", std::io::Error::other(error)))?
    });
    deadline
        .run("reading the ad filter", making)
        .await
        .and_then(|made| made)
        .map(Ads)
}

fn make() -> Result<Engine> {
    let mut text = String::new();
    GzDecoder::new(RULES)
        .take(MOST)
        .read_to_string(&mut text)
        .map_err(|error| Error::io("reading the ad filter", error))?;
    let mut rules = FilterSet::new(false);
    let options = ParseOptions {
        rule_types: RuleTypes::NetworkOnly,
        ..ParseOptions::default()
    };
    rules.add_filter_list(text, options);
    Ok(Engine::new_with_filter_set(rules))
}

/// The filter, as blocking takes it.
pub(super) struct Ads(&'static Engine);

impl RequestFilter for Ads {
    fn blocks(&self, url: &str, resource_type: &str, document: &str) -> bool {
        // What is no URL of a network is not for the filter.
        Request::new(url, document, kind(resource_type), "GET")
            .is_ok_and(|request| self.0.check_network_request(&request).should_block())
    }
}

/// The protocol's types in the words of filter lists.
fn kind(resource_type: &str) -> &'static str {
    match resource_type {
        "Document" => "sub_frame",
        "Stylesheet" => "stylesheet",
        "Image" => "image",
        "Media" => "media",
        "Font" => "font",
        "Script" => "script",
        "XHR" | "Fetch" | "EventSource" => "xmlhttprequest",
        "WebSocket" => "websocket",
        "Ping" => "ping",
        "CSPViolationReport" => "csp_report",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ads_are_told_from_pages() {
        let ads = filter(Deadline::after(std::time::Duration::from_secs(120)))
            .await
            .unwrap();
        for (url, kind, blocked) in [
            ("https://securepubads.g.doubleclick.net/tag/js/gpt.js", "Script", true),
            (
                "https://pagead2.googlesyndication.com/pagead/show_ads.js",
                "Script",
                true,
            ),
            ("https://shop.test/js/app.js", "Script", false),
            ("https://shop.test/product/1", "Document", false),
            ("data:image/png;base64,AAAA", "Image", false),
        ] {
            assert_eq!(ads.blocks(url, kind, "https://shop.test/"), blocked, "{url}");
        }
    }
}
