//! What comes, written down by the reader of the connection for the task that looks after it: it must not wait.

use std::sync::{Arc, Weak};

use serde::Deserialize;
use tokio::sync::mpsc;

use super::{Job, Shared};
use crate::CloseReason;
use crate::cdp::{CdpSession, Connection, Event, Observer};
use crate::tab::TabState;

/// Ends the connection when the queue overflows. Weakly held, as observers belong to the connection.
struct Overflow(Box<dyn Fn() + Send + Sync>);

impl Overflow {
    fn of(connection: &Connection) -> Self {
        let connection = connection.downgrade();
        Self(Box::new(move || {
            if let Some(connection) = connection.upgrade() {
                connection.close(&CloseReason::Lost(
                    "more targets came than can be looked after".to_owned(),
                ));
            }
        }))
    }
}

/// Writes down what attaches, for the task to look at.
struct Attaching {
    jobs: mpsc::Sender<Job>,
    tab: Option<Weak<TabState>>,
    connection: Overflow,
}

impl Observer for Attaching {
    fn wants(&self, method: &str) -> bool {
        method == "Target.attachedToTarget"
    }

    fn on_event(&self, event: &Event) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Attached {
            session_id: Box<str>,
        }
        let Ok(attached) = event.read::<Attached>() else { return };
        let job = Job::Attached {
            session: attached.session_id,
            tab: self.tab.clone(),
        };
        if let Err(mpsc::error::TrySendError::Full(_)) = self.jobs.try_send(job) {
            (self.connection.0)();
        }
    }
}

/// Answers dialogs: what asks whether to leave may leave, everything else is dismissed.
struct Dialogs {
    jobs: mpsc::Sender<Job>,
    tab: Weak<TabState>,
}

impl Observer for Dialogs {
    fn wants(&self, method: &str) -> bool {
        method == "Page.javascriptDialogOpening"
    }

    fn on_event(&self, event: &Event) {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Opening {
            r#type: String,
        }
        let kind = event.read::<Opening>().unwrap_or_default().r#type;
        let Some(tab) = self.tab.upgrade() else { return };
        tab.note_dialog(&kind);
        let job = Job::Dialog {
            session: tab.session.clone(),
            accept: kind == "beforeunload",
        };
        if self.jobs.try_send(job).is_err() {
            tracing::debug!("a dialog stays open: too much else to do");
        }
    }
}

/// Has what attaches below the browser itself written down.
pub(super) fn notice_all(shared: &Shared, connection: &Connection) {
    connection.root().observe(Arc::new(Attaching {
        jobs: shared.jobs.clone(),
        tab: None,
        connection: Overflow::of(connection),
    }));
}

/// Has what attaches below a session of a tab written down as the tab's, and the tab's dialogs.
pub(super) fn adopt(shared: &Shared, connection: &Connection, session: &CdpSession, tab: Weak<TabState>) {
    session.observe(Arc::new(Attaching {
        jobs: shared.jobs.clone(),
        tab: Some(tab.clone()),
        connection: Overflow::of(connection),
    }));
    session.observe(Arc::new(Dialogs {
        jobs: shared.jobs.clone(),
        tab,
    }));
}
