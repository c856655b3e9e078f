//! What the network does otherwise for one page, by rules of the protocol: web sockets that reach nobody, and WebRTC that
//! sends nothing past a proxy.

use serde_json::{Value, json};

use super::TabState;
use crate::cdp::RawCommand;
use crate::{Deadline, Error, Result};

/// Rules for the requests of a page or frame. `sockets`: patterns of web sockets for which the network is offline;
/// `Network.setBlockedURLs` lets them through. `no_udp`: every packet of WebRTC is lost on the way out, as proxies take none;
/// what it sends over TCP goes through the proxy.
pub(super) fn rules(sockets: &[String], no_udp: bool) -> Result<RawCommand> {
    let rule = |pattern: &str, offline: bool| json!({"urlPattern": pattern, "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
    let mut rules: Vec<Value> = sockets.iter().map(|pattern| rule(pattern, true)).collect();
    if no_udp {
        // WebRTC goes by the rule that has no pattern, as all does that no other rule is for.
        let mut rest = rule("", false);
        rest["packetLoss"] = 100.into();
        rules.push(rest);
    }
    // Browsers before the rules had it look for `offline` beside them. With a rule for the rest it would be for the rest.
    let offline = !sockets.is_empty() && !no_udp;
    RawCommand::new(
        "Network.emulateNetworkConditionsByRule",
        json!({"offline": offline, "matchedNetworkConditions": rules}),
    )
}

impl TabState {
    /// Tells a new page, or one with new options, what the network is to do otherwise.
    pub(super) async fn tell_network(&self, deadline: Deadline) -> Result<()> {
        let sockets = self.told().options.blocked_sockets();
        if sockets.is_empty() && !self.no_udp {
            return Ok(());
        }
        self.send_rules(&sockets, deadline).await
    }

    /// Takes the options' part back.
    pub(super) async fn let_sockets_go(&self, deadline: Deadline) -> Result<()> {
        self.send_rules(&[], deadline).await
    }

    /// A browser that is too old to know how still shows the page.
    async fn send_rules(&self, sockets: &[String], deadline: Deadline) -> Result<()> {
        const NO_SUCH_METHOD: i64 = -32601;
        match self.session.send(rules(sockets, self.no_udp)?, deadline).await {
            Err(
                error @ Error::Protocol {
                    code: NO_SUCH_METHOD, ..
                },
            ) => {
                let what = if self.no_udp {
                    "keep WebRTC from going past the proxy"
                } else {
                    "block web sockets"
                };
                tracing::warn!(%error, "this browser is too old to {what}");
                Ok(())
            }
            other => other.map(drop),
        }
    }
}
