//! Closing a session that has nothing to do.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Life, Running, Slot, Then};

/// A time too long to add up is none that can pass: a century will do.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

/// How soon a session is looked at again that somebody holds.
const HELD: Duration = Duration::from_secs(1);

impl Slot {
    /// Watches one life of the session until it ends or has been idle for long enough.
    pub(super) fn watch_idleness(self: &Arc<Self>, idle: Duration, running: &Arc<Running>, ended: CancellationToken) {
        let idle = idle.min(LONGEST);
        let slot = Arc::downgrade(self);
        let life = Arc::downgrade(running);
        self.tasks.spawn(async move {
            let mut next = Instant::now() + idle;
            loop {
                tokio::select! {
                    biased;
                    () = ended.cancelled() => return,
                    () = tokio::time::sleep_until(next) => {}
                }
                match look(&slot, &life, idle) {
                    Some(again) => next = again,
                    None => return,
                }
            }
        });
    }
}

/// Closes the session if it has been idle for long enough; when to look again otherwise.
fn look(slot: &Weak<Slot>, life: &Weak<Running>, idle: Duration) -> Option<Instant> {
    let slot = slot.upgrade()?;
    let mut state = slot.state();
    let Life::Alive(generation) = &state.life else {
        return None;
    };
    if !std::ptr::eq(Arc::as_ptr(&generation.running), life.as_ptr()) {
        return None;
    }
    if Arc::strong_count(&generation.running) > 1 {
        // Held at the moment, by a fetch or by someone who only looks: whether it was used shows when that is over.
        return Some(Instant::now() + idle.min(HELD));
    }
    let due = generation.running.last_used() + idle;
    if due > Instant::now() {
        return Some(due);
    }
    tracing::debug!(session = %slot.id, ?idle, "session is idle and rests");
    slot.begin_stop(&mut state, Then::Rest);
    None
}
