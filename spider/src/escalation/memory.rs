//! What worked for which host.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{BlockReason, Escalation};

/// The rungs that hosts need, of those learnt last.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The one learnt longest ago first.
    hosts: IndexMap<Arc<str>, Known>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    /// By name: a ladder may have changed when a crawl goes on.
    session: String,
    reason: BlockReason,
    /// Requests since the rung below was tried.
    requests: u32,
}

/// Where a request to a host should go.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Remembered {
    pub(crate) rung: usize,
    pub(crate) reason: BlockReason,
    /// Whether this one should try the rung below.
    pub(crate) try_lower: bool,
}

impl Memory {
    /// What worked for a host. With `count`, a request goes there.
    pub(crate) fn of(&mut self, host: &str, ladder: &Escalation, count: bool) -> Option<Remembered> {
        let known = self.hosts.get_mut(host)?;
        let rung = ladder.rung(&known.session)?;
        let mut try_lower = false;
        if count {
            known.requests = known.requests.saturating_add(1);
            if ladder.retry_lower_every > 0 && known.requests >= ladder.retry_lower_every {
                known.requests = 0;
                try_lower = true;
            }
        }
        Some(Remembered {
            rung,
            reason: known.reason.clone(),
            try_lower,
        })
    }

    /// A rung got a page of a host which the one below, for this reason, did not.
    pub(crate) fn worked(&mut self, host: &Arc<str>, rung: usize, reason: &BlockReason, ladder: &Escalation) {
        let Some(session) = ladder.ladder.get(rung).filter(|_| ladder.remember_hosts > 0) else {
            return;
        };
        let known = Known {
            session: session.clone(),
            reason: reason.clone(),
            requests: 0,
        };
        if let Some(index) = self.hosts.get_index_of(host) {
            // Late news from a request that was under way when more was learnt already.
            self.hosts[index] = known;
            self.hosts.move_index(index, self.hosts.len() - 1);
            return;
        }
        while self.hosts.len() >= ladder.remember_hosts {
            self.hosts.shift_remove_index(0);
        }
        self.hosts.insert(Arc::clone(host), known);
    }

    /// A lower rung got a page: it is what works.
    pub(crate) fn lowered(&mut self, host: &Arc<str>, rung: usize, ladder: &Escalation) {
        if rung == 0 {
            self.hosts.shift_remove(host);
        } else if let (Some(known), Some(session)) = (self.hosts.get_mut(host), ladder.ladder.get(rung)) {
            known.session.clone_from(session);
            known.requests = 0;
        }
    }

    pub(crate) fn save(&self) -> serde_json::Result<Vec<u8>> {
        let hosts: Vec<_> = self.hosts.iter().map(|(host, known)| (&**host, known)).collect();
        serde_json::to_vec(&hosts)
    }

    pub(crate) fn load(saved: &[u8]) -> serde_json::Result<Self> {
        let hosts: Vec<(String, Known)> = serde_json::from_slice(saved)?;
        let hosts = hosts.into_iter().map(|(host, known)| (host.into(), known)).collect();
        Ok(Self { hosts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REASON: BlockReason = BlockReason::Status(403);

    #[test]
    fn it_remembers_the_hosts_learnt_last_and_tries_lower_now_and_then() {
        let ladder = Escalation::ladder(["a", "b", "c"])
            .remember_hosts(2)
            .retry_lower_every(3);
        let mut memory = Memory::default();
        let hosts: Vec<Arc<str>> = ["x", "y", "z"].map(Arc::from).into();
        memory.worked(&hosts[0], 1, &REASON, &ladder);
        memory.worked(&hosts[1], 2, &REASON, &ladder);
        memory.worked(&hosts[0], 1, &REASON, &ladder);
        memory.worked(&hosts[2], 1, &REASON, &ladder);
        assert!(memory.of("y", &ladder, false).is_none(), "the one learnt longest ago");
        let tries: Vec<_> = (0..6)
            .map(|_| memory.of("x", &ladder, true).unwrap().try_lower)
            .collect();
        assert_eq!(tries, [false, false, true, false, false, true]);
        assert!(!memory.of("x", &ladder, false).unwrap().try_lower);

        let mut back = Memory::load(&memory.save().unwrap()).unwrap();
        assert_eq!(back.of("z", &ladder, false), memory.of("z", &ladder, false));
        back.lowered(&hosts[2], 0, &ladder);
        assert!(back.of("z", &ladder, false).is_none(), "the first rung needs no memory");
        let shorter = Escalation::ladder(["a", "c"]);
        assert!(back.of("x", &shorter, false).is_none(), "a rung that is no more");
        let mut none = Memory::default();
        none.worked(&hosts[0], 1, &REASON, &Escalation::ladder(["a", "b"]).remember_hosts(0));
        assert!(none.hosts.is_empty());
    }
}
