//! The tasks of a server: none outlives it.

use std::future::Future;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Spawns tasks that end when the owner is closed or dropped.
#[derive(Debug, Clone)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    token: CancellationToken,
}

/// The owner's end of [`Tasks`]: dropping it tells all of them to end.
#[derive(Debug)]
pub(crate) struct TaskOwner {
    tasks: Tasks,
}

impl TaskOwner {
    pub(crate) fn new() -> Self {
        Self {
            tasks: Tasks {
                tracker: TaskTracker::new(),
                token: CancellationToken::new(),
            },
        }
    }

    pub(crate) fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Ends all tasks, and returns when all are gone.
    pub(crate) async fn close(&self) {
        self.tasks.token.cancel();
        self.tasks.tracker.close();
        self.tasks.tracker.wait().await;
    }
}

impl Drop for TaskOwner {
    fn drop(&mut self) {
        self.tasks.token.cancel();
    }
}

impl Tasks {
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let token = self.token.clone();
        self.tracker.spawn(async move {
            // `None` says that the owner is gone, which is how most tasks end.
            let _ = token.run_until_cancelled(task).await;
        });
    }

    /// A token that is cancelled with the tasks, or by itself.
    pub(crate) fn child_token(&self) -> CancellationToken {
        self.token.child_token()
    }
}

/// HTTP/2 answers each request in a task of its own.
impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        self.spawn(task);
    }
}
