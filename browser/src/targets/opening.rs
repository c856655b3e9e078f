//! Opening a page, so that none is left where nobody waits for it any more.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::oneshot;

use super::{Parting, Shared};
use crate::cdp::{CdpSession, RawCommand};
use crate::tab::close_page;
use crate::{CloseReason, Deadline, Error, Result};

/// A page of ours that is closed unless it is [kept](Self::keep).
pub(crate) struct NewPage {
    root: CdpSession,
    target: String,
    /// Once it is attached to.
    session: Option<CdpSession>,
    /// `None`: kept.
    shared: Option<Arc<Shared>>,
}

impl NewPage {
    fn new(shared: &Arc<Shared>, root: &CdpSession, target: String) -> Self {
        shared.book().ours.insert(target.clone());
        Self {
            root: root.clone(),
            target,
            session: None,
            shared: Some(Arc::clone(shared)),
        }
    }

    /// From now on it is closed by whoever has it.
    pub(crate) fn keep(mut self) {
        self.shared = None;
    }
}

impl Drop for NewPage {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        let target = std::mem::take(&mut self.target);
        let (root, session) = (self.root.clone(), self.session.take());
        let parting = Parting { shared, target };
        let runtime = root.runtime().clone();
        // Ends by itself, within five seconds.
        runtime.spawn(async move {
            match session {
                Some(session) => close_page(&root, &session).await,
                None => close_target(&root, &parting.target).await,
            }
            drop(parting);
        });
    }
}

/// Closes a page that is not attached to: it is asked until it is gone.
async fn close_target(root: &CdpSession, target: &str) {
    const STEP: Duration = Duration::from_millis(250);
    let Ok(close) = RawCommand::new("Target.closeTarget", serde_json::json!({"targetId": target})) else {
        return;
    };
    for _ in 0..10 {
        match root.send(close.clone(), Deadline::after(STEP)).await {
            Ok(_) => tokio::time::sleep(STEP).await,
            Err(Error::Timeout { .. }) => {}
            // It has gone, or the browser has.
            Err(_) => break,
        }
    }
}

/// Counts a page as being opened until it is dropped, whatever becomes of it.
pub(super) struct Creating(Arc<Shared>);

impl Creating {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        shared.book().creating += 1;
        Self(Arc::clone(shared))
    }
}

impl Drop for Creating {
    fn drop(&mut self) {
        let settled = {
            let mut book = self.0.book();
            book.creating -= 1;
            book.creating == 0 && !book.unclaimed.is_empty()
        };
        if settled {
            // A full queue is one that will come to the same books anyway.
            let _ = self.0.jobs.try_send(super::Job::Settle);
        }
    }
}

/// Has the page created and waits until it is attached to, for as long as somebody waits for it.
pub(super) async fn open(
    creating: Creating,
    root: CdpSession,
    create: RawCommand,
    mut asked: oneshot::Sender<Result<(NewPage, CdpSession)>>,
    deadline: Deadline,
) {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Created {
        target_id: String,
    }
    let shared = &creating.0;
    let target = match root.send_as::<Created>(create, deadline).await {
        Ok(Created { target_id }) => target_id,
        Err(error) => {
            let _ = asked.send(Err(error));
            return;
        }
    };
    let mut page = NewPage::new(shared, &root, target.clone());
    let attached = {
        let mut book = shared.book();
        match book.unclaimed.remove(&target) {
            Some(session) => Ok(session),
            None => {
                let (sender, attached) = oneshot::channel();
                book.awaited.insert(target.clone(), sender);
                Err(attached)
            }
        }
    };
    let session = match attached {
        Ok(session) => Ok(session),
        Err(mut attached) => {
            let session = attach(&mut attached, &root, &mut asked, deadline).await;
            shared.book().awaited.remove(&target);
            session.or_else(|error| attached.try_recv().map_err(|_| error))
        }
    };
    // Where nobody takes it, the page is closed.
    let _ = asked.send(session.map(|session| {
        page.session = Some(session.clone());
        (page, session)
    }));
}

/// Has one page open another and waits until that is attached to, for as long as somebody waits for it.
pub(super) async fn open_from(
    creating: Creating,
    root: CdpSession,
    opener: CdpSession,
    act: Vec<RawCommand>,
    mut asked: oneshot::Sender<Result<(NewPage, CdpSession)>>,
    deadline: Deadline,
) {
    let shared = &creating.0;
    let from = &opener.target().target_id;
    let (sender, mut attached) = oneshot::channel();
    shared.book().openers.insert(from.clone(), sender);
    for command in act {
        opener.post(command, deadline.remaining()).await;
    }
    let session = attach(&mut attached, &opener, &mut asked, deadline).await;
    // A page that comes later is nobody's, and closed. One that came as the wait ended is there by now, and ours to close.
    shared.book().openers.remove(from);
    let session = session.or_else(|error| attached.try_recv().map_err(|_| error));
    let _ = asked.send(session.map(|session| {
        let mut page = NewPage::new(shared, &root, session.target().target_id.clone());
        page.session = Some(session.clone());
        (page, session)
    }));
}

/// Waits until a new page is attached to, unless `with` goes, or nobody waits for it any more.
async fn attach(
    attached: &mut oneshot::Receiver<CdpSession>,
    with: &CdpSession,
    asked: &mut oneshot::Sender<Result<(NewPage, CdpSession)>>,
    deadline: Deadline,
) -> Result<CdpSession> {
    tokio::select! {
        session = deadline.run("attaching to a new tab", attached) => session?.map_err(|_| gone(CloseReason::Detached)),
        reason = with.closed() => Err(gone(reason)),
        () = asked.closed() => Err(gone(CloseReason::Closed)),
    }
}

pub(super) fn gone(reason: CloseReason) -> Error {
    Error::Gone {
        what: "opening a tab".to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde_json::json;
    use tokio::io::{AsyncWriteExt, duplex, split};
    use tokio::sync::mpsc;

    use super::super::Book;
    use super::*;
    use crate::cdp::Connection;

    #[tokio::test]
    async fn a_page_that_comes_as_its_asker_leaves_is_closed() {
        let (ours, theirs) = duplex(1 << 20);
        let (read, write) = split(ours);
        let connection = Connection::over_streams(read, write);
        let (_heard, mut say) = split(theirs);
        for name in ["from", "page"] {
            let event = json!({"method": "Target.attachedToTarget", "params": {
                "sessionId": name, "targetInfo": {"targetId": name, "type": "page"}}});
            say.write_all(format!("{event}\0").as_bytes()).await.unwrap();
        }
        let attached = async {
            while connection.session("page").is_none() {
                tokio::task::yield_now().await;
            }
        };
        let soon = Deadline::after(Duration::from_secs(10));
        soon.run("two pages", attached).await.unwrap();
        let session = |name| connection.session(name).unwrap();
        let (jobs, _queue) = mpsc::channel(1);
        let shared = Arc::new(Shared {
            book: Mutex::<Book>::default(),
            jobs,
            launched: true,
        });
        // Which of two things that happened is looked at first is a matter of chance.
        for _ in 0..32 {
            let (asked, asking) = oneshot::channel();
            let creating = Creating::new(&shared);
            let opening = open_from(creating, connection.root(), session("from"), Vec::new(), asked, soon);
            let opening = tokio::spawn(opening);
            let comes = loop {
                if let Some(comes) = shared.book().openers.remove("from") {
                    break comes;
                }
                tokio::task::yield_now().await;
            };
            comes.send(session("page")).unwrap();
            drop(asking);
            opening.await.unwrap();
            // So it is for as long as it takes to close it.
            assert!(shared.book().ours.remove("page"), "a page that nobody has");
        }
    }
}
