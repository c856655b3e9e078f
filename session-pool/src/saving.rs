//! How what an identity keeps comes to be on disk.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use silkroute_core::Session;
use silkroute_core::cookies::StorageState;
use tokio::time::{Instant, timeout};

use crate::Member;
use crate::life::unpanicked;
use crate::shared::Shared;
use crate::slot::{Live, Phase};
use crate::store::Note;

/// Saves what the session of a slot keeps, if it is due, in a task of its own.
pub(crate) fn save_if_due(shared: &Arc<Shared>, index: usize) {
    if shared.settings.store.is_none() {
        return;
    }
    let held = {
        let mut roster = shared.roster();
        let slot = &mut roster.slots[index];
        let now = Instant::now();
        let is_due = slot.held == 0
            && slot
                .saved
                .is_none_or(|saved| now.duration_since(saved) >= shared.settings.save_every);
        match &slot.phase {
            Phase::Alive(live) if is_due => {
                let held = Held {
                    shared: Arc::clone(shared),
                    index,
                    session: Some(Arc::clone(live)),
                };
                let member = Arc::clone(&slot.member);
                slot.held += 1;
                slot.saved = Some(now);
                Some((held, member))
            }
            _ => None,
        }
    };
    if let Some((held, member)) = held {
        let of_task = Arc::clone(shared);
        shared.spawn(|_| async move {
            if let Some(session) = &held.session {
                save(&of_task, &member, &***session, of_task.settings.close_timeout).await;
            }
        });
    }
}

/// A session that is held by something that is no request.
struct Held {
    shared: Arc<Shared>,
    index: usize,
    session: Option<Live>,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.session = None;
        self.shared.with(|roster| {
            let slot = &mut roster.slots[self.index];
            slot.held = slot.held.saturating_sub(1);
            roster.settle(self.index);
        });
    }
}

/// Saves what a session keeps. That it cannot be saved is told and ends nothing: it is tried again. Whether it is saved.
pub(crate) async fn save(shared: &Shared, member: &Member, session: &dyn Session, limit: Duration) -> bool {
    let Some(store) = &shared.settings.store else {
        return false;
    };
    let saved = async {
        let state: StorageState = session.storage_state().await?;
        store.write(member.name(), state, shared.note(member)).await
    };
    match timeout(limit, unpanicked(saved)).await {
        Ok(Ok(())) => {
            shared.roster().slots[member.number() - 1].kept = true;
            return true;
        }
        Ok(Err(error)) => tracing::warn!(identity = %member.label(), %error, "an identity's state was not saved"),
        Err(_) => tracing::warn!(identity = %member.label(), "saving an identity's state took too long"),
    }
    false
}

impl Shared {
    /// What is written beside an identity's state.
    pub(crate) fn note(&self, member: &Member) -> Note {
        let roster = self.roster();
        let slot = roster.slots.get(member.number() - 1);
        Note::of(
            member,
            slot.map_or(0, |slot| slot.taken),
            slot.map_or_else(SystemTime::now, |slot| slot.born),
        )
    }
}
