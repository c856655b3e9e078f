//! What worked for which host.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use silkroute_core::Identity;

use super::{BlockReason, Escalation};

/// The rungs that hosts need, of those learnt last.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The one learnt longest ago first.
    hosts: IndexMap<Arc<str>, Known>,
    /// Who sessions are to hosts whose cookies they have of another session; the one learnt longest ago first.
    guises: IndexMap<Arc<str>, Vec<Guise>>,
}

/// Who a session is to a host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Guise {
    session: String,
    identity: Identity,
}

/// Something of each host, in order.
type ByHost<T> = Vec<(String, T)>;

/// How it is kept on disk.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum AtRest<H, G> {
    Whole {
        hosts: H,
        guises: G,
    },
    /// Of a time when identities did not go along.
    Hosts(H),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    /// By name: a ladder may have changed when a crawl goes on.
    session: String,
    reason: BlockReason,
    /// Requests since a lower rung was tried.
    requests: u32,
    /// How often a lower rung was tried.
    #[serde(default)]
    tries: u32,
}

/// Where a request to a host should go.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Remembered {
    pub(crate) rung: usize,
    pub(crate) reason: BlockReason,
    /// Which try of a lower rung this one should be, counted from 0; `None`: none.
    pub(crate) try_lower: Option<u32>,
}

impl Memory {
    /// What worked for a host. With `count`, a request goes there.
    pub(crate) fn of(&mut self, host: &str, ladder: &Escalation, count: bool) -> Option<Remembered> {
        let known = self.hosts.get_mut(host)?;
        let rung = ladder.rung(&known.session)?;
        let mut try_lower = None;
        if count {
            known.requests = known.requests.saturating_add(1);
            if ladder.retry_lower_every > 0 && known.requests >= ladder.retry_lower_every {
                known.requests = 0;
                try_lower = Some(known.tries);
                known.tries = known.tries.wrapping_add(1);
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
            tries: self.hosts.get(host).map_or(0, |known| known.tries),
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

    /// Who a session is to a host, where that is another one whose cookies it has.
    pub(crate) fn guise(&self, host: &str, session: &str) -> Option<&Identity> {
        let guises = self.guises.get(host)?;
        guises
            .iter()
            .find(|guise| guise.session == session)
            .map(|guise| &guise.identity)
    }

    /// From now on a session of the ladder is this to a host.
    pub(crate) fn disguise(&mut self, host: &Arc<str>, session: &str, identity: Identity, ladder: &Escalation) {
        if ladder.remember_hosts == 0 {
            return;
        }
        let mut guises = self.guises.shift_remove(host).unwrap_or_default();
        guises.retain(|guise| guise.session != session && ladder.rung(&guise.session).is_some());
        guises.push(Guise {
            session: session.to_owned(),
            identity,
        });
        while self.guises.len() >= ladder.remember_hosts {
            self.guises.shift_remove_index(0);
        }
        self.guises.insert(Arc::clone(host), guises);
    }

    pub(crate) fn save(&self) -> serde_json::Result<Vec<u8>> {
        let hosts: Vec<_> = self.hosts.iter().map(|(host, known)| (&**host, known)).collect();
        let guises: Vec<_> = self.guises.iter().map(|(host, guises)| (&**host, guises)).collect();
        serde_json::to_vec(&AtRest::Whole { hosts, guises })
    }

    pub(crate) fn load(saved: &[u8]) -> serde_json::Result<Self> {
        let saved: AtRest<ByHost<Known>, ByHost<Vec<Guise>>> = serde_json::from_slice(saved)?;
        let (hosts, guises) = match saved {
            AtRest::Whole { hosts, guises } => (hosts, guises),
            AtRest::Hosts(hosts) => (hosts, Vec::new()),
        };
        Ok(Self {
            hosts: hosts.into_iter().map(|(host, known)| (host.into(), known)).collect(),
            guises: guises.into_iter().map(|(host, guises)| (host.into(), guises)).collect(),
        })
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
        assert_eq!(tries, [None, None, Some(0), None, None, Some(1)]);
        assert_eq!(memory.of("x", &ladder, false).unwrap().try_lower, None);
        memory.worked(&hosts[0], 1, &REASON, &ladder);
        let later: Vec<_> = (0..3)
            .map(|_| memory.of("x", &ladder, true).unwrap().try_lower)
            .collect();
        assert_eq!(later, [None, None, Some(2)], "tries go on where they were");

        let mut back = Memory::load(&memory.save().unwrap()).unwrap();
        assert_eq!(back.of("z", &ladder, false), memory.of("z", &ladder, false));
        back.lowered(&hosts[2], 0, &ladder);
        assert!(back.of("z", &ladder, false).is_none(), "the first rung needs no memory");
        let shorter = Escalation::ladder(["a", "c"]);
        assert!(back.of("x", &shorter, false).is_none(), "a rung that is no more");
        let before = br#"[["w",{"session":"b","reason":{"status":403},"requests":1}]]"#;
        let mut before = Memory::load(before).unwrap();
        assert_eq!(before.of("w", &ladder, false).unwrap().rung, 1);
        let mut none = Memory::default();
        none.worked(&hosts[0], 1, &REASON, &Escalation::ladder(["a", "b"]).remember_hosts(0));
        assert!(none.hosts.is_empty());
    }

    #[test]
    fn it_remembers_who_a_session_is_to_the_hosts_learnt_last() {
        let ladder = Escalation::ladder(["a", "b", "c"]).remember_hosts(2);
        let who = |name: &str| name.parse::<Identity>().unwrap();
        let hosts: Vec<Arc<str>> = ["x", "y", "z"].map(Arc::from).into();
        let mut memory = Memory::default();
        memory.disguise(&hosts[0], "a", who("chromium156"), &ladder);
        memory.disguise(&hosts[0], "b", who("chrome149"), &ladder);
        memory.disguise(&hosts[1], "a", who("chrome149"), &ladder);
        let back = Memory::load(&memory.save().unwrap()).unwrap();
        for memory in [&memory, &back] {
            assert_eq!(memory.guise("x", "a"), Some(&who("chromium156")));
            assert_eq!(memory.guise("x", "b"), Some(&who("chrome149")));
            assert_eq!((memory.guise("x", "c"), memory.guise("z", "a")), (None, None));
        }
        memory.disguise(&hosts[0], "a", who("chromium157"), &ladder);
        assert_eq!(memory.guise("x", "a"), Some(&who("chromium157")));
        assert!(memory.guise("x", "b").is_some());
        memory.disguise(&hosts[2], "a", who("chrome149"), &ladder);
        assert_eq!(memory.guise("y", "a"), None, "the one learnt longest ago");
        let none = Escalation::ladder(["a", "b"]).remember_hosts(0);
        let mut memory = Memory::default();
        memory.disguise(&hosts[0], "a", who("chrome149"), &none);
        assert_eq!(memory.guise("x", "a"), None);
    }
}
