//! Who the sessions of a ladder are to a site: one visitor, where they can.

use std::sync::OnceLock;
use std::time::Duration;

use silkroute_core::{Identity, Session};

use super::Engine;
use super::climb::Climber;
use crate::Spider;
use crate::escalation::{Escalation, ShareIdentity};

/// How long a session may take to say who it will be. A browser's program needs some 40 ms to say its version.
const ASKING: Duration = Duration::from_secs(10);

/// The visitor that the sessions of a ladder are from the first request on.
pub(super) struct Visitor {
    /// Who that is, once the crawl has begun; `None` where no session can tell.
    of: OnceLock<Option<Model>>,
    /// By rung: whether the session is somebody else, and looks like the visitor in each request.
    wears: Vec<OnceLock<bool>>,
}

/// The session whose identity the visitor's is.
struct Model {
    kind: &'static str,
    identity: Identity,
}

impl Visitor {
    pub(super) fn new(ladder: &Escalation) -> Self {
        Self {
            of: OnceLock::new(),
            wears: ladder.ladder.iter().map(|_| OnceLock::new()).collect(),
        }
    }

    /// The visitor, where a session, which runs, looks like it without being it.
    fn worn(&self, rung: usize, running: &dyn Session, share: ShareIdentity) -> Option<&Identity> {
        let model = self.of.get()?.as_ref()?;
        let wears = self.wears.get(rung)?;
        let wears = *wears.get_or_init(|| wears_it(model, running, share));
        wears.then_some(&model.identity)
    }

    /// Whether it is known already that a session does not look like the visitor, or is it.
    fn is_itself(&self, rung: usize) -> bool {
        let nobody = self.of.get().is_none_or(Option::is_none);
        nobody || self.wears.get(rung).and_then(OnceLock::get) == Some(&false)
    }
}

/// A session without an identity has nothing to lose by one. One of another system or engine, or beside the model in its kind,
/// is somebody else on purpose.
fn wears_it(model: &Model, running: &dyn Session, share: ShareIdentity) -> bool {
    let visitor = &model.identity;
    let own = running.identity();
    if own.as_ref() == Some(visitor) || !running.can_be(visitor) {
        return false;
    }
    match (share, own) {
        (ShareIdentity::Never, _) => false,
        (ShareIdentity::Always, _) | (_, None) => true,
        (ShareIdentity::WhereExact, Some(own)) => {
            let engine = own.browser == visitor.browser || (own.browser.is_chromium() && visitor.browser.is_chromium());
            engine && own.os == visitor.os && running.kind() != model.kind && running.can_be_exactly(visitor)
        }
    }
}

impl Climber {
    /// Who a session, which runs, is to a host, where that is not itself.
    pub(super) fn guise(&self, host: &str, session: &str, running: &dyn Session) -> Option<Identity> {
        let lent = self.lent(host, session);
        // It may be another one than it was, when a crawl goes on.
        let lent = lent.filter(|identity| running.can_be(identity));
        lent.or_else(|| self.worn(session, running).cloned())
    }

    /// Who a session is to a host whose cookies it has from above.
    pub(super) fn lent(&self, host: &str, session: &str) -> Option<Identity> {
        let lent = || self.memory().guise(host, session).cloned();
        (self.ladder.share_identity != ShareIdentity::Never)
            .then(lent)
            .flatten()
    }

    /// The visitor, where a session looks like it to all hosts.
    pub(super) fn worn(&self, session: &str, running: &dyn Session) -> Option<&Identity> {
        let rung = self.ladder.rung(session)?;
        self.visitor.worn(rung, running, self.ladder.share_identity)
    }

    /// Whether it is known that a session is itself to a host, without a look at it.
    fn is_itself(&self, host: &str, session: &str) -> bool {
        let rung = self.ladder.rung(session);
        rung.is_none_or(|rung| self.visitor.is_itself(rung)) && self.lent(host, session).is_none()
    }
}

impl<S: Spider> Engine<S> {
    /// Finds out who the sessions of the ladder shall be to all sites: the uppermost that can tell, as a browser cannot become
    /// another.
    pub(super) async fn meet_visitor(&self) {
        let Some(climber) = &self.climber else { return };
        let ladder = &climber.ladder;
        if ladder.share_identity == ShareIdentity::Never {
            return;
        }
        let mut found = None;
        for session in ladder.ladder.iter().rev() {
            let Ok(handle) = self.sessions.get(session) else {
                continue;
            };
            match tokio::time::timeout(ASKING, handle.expected_identity()).await {
                Ok(None) => {}
                Ok(Some(identity)) => {
                    tracing::debug!(session, identity = %identity.name(), "whom the sessions of the ladder look like where they can");
                    let kind = handle.kind();
                    found = Some(Model { kind, identity });
                    break;
                }
                Err(_) => tracing::warn!(session, "the session did not say within {ASKING:?} who it will be"),
            }
        }
        // Nobody else sets it: a crawl runs once.
        let _ = climber.visitor.of.set(found);
    }

    /// Who a session is to a host, where that is not itself and it can be.
    pub(super) async fn guise(&self, host: &str, session: &str) -> Option<Identity> {
        let climber = self.climber.as_ref()?;
        if climber.is_itself(host, session) {
            return None;
        }
        // It is started for that, as it would be anyway; where it cannot start, the request itself is told.
        let running = self.sessions.get(session).ok()?.lease().await.ok()?;
        climber.guise(host, session, &*running)
    }
}
