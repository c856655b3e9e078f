//! Threads for work that a disk may hold up for ever.
//!
//! A runtime that ends waits for the blocking work that it was given itself, however long that takes. It does not wait for
//! these.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::BoxError;
use crate::error::panicked;

type Job = Box<dyn FnOnce() + Send>;

/// A thread that begins with its first work, and ends when this is dropped and its last work is done.
#[derive(Debug, Default)]
pub(crate) struct Aside {
    /// As long as those who wait for what they gave: each waits for one.
    jobs: Mutex<Option<Sender<Job>>>,
}

impl Aside {
    /// Does this after what it was given before. Who does not wait for it any more leaves it to be done.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, BoxError> {
        let (answer, answered) = oneshot::channel();
        let job = move || {
            // Who asked may have gone.
            let _ = answer.send(catch_unwind(AssertUnwindSafe(work)));
        };
        self.give(Box::new(job))?;
        let done = answered.await.map_err(|_| "the thread that works on files has ended")?;
        done.map_err(|panic| panicked("the thread that works on files", &*panic))
    }

    fn give(&self, job: Job) -> io::Result<()> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let jobs = match &mut *jobs {
            Some(jobs) => jobs,
            none => {
                let (sender, inbox) = channel::<Job>();
                std::thread::Builder::new()
                    .name("silkroute-files".to_owned())
                    .spawn(move || inbox.into_iter().for_each(|job| job()))?;
                none.insert(sender)
            }
        };
        jobs.send(job)
            .map_err(|_| io::Error::other("the thread that works on files has ended"))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_hangs_holds_no_runtime_up_and_what_panics_says_so() {
        let aside = Aside::default();
        let (release, hangs) = channel::<()>();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let panics = aside.run(|| panic!("no such disk")).await;
            let told = panics.map(|(): ()| ()).unwrap_err().to_string();
            assert!(told.contains("no such disk"), "{told}");
            assert_eq!(aside.run(|| 1).await.unwrap(), 1, "it goes on");
            let hung = aside.run(move || hangs.recv());
            let late = tokio::time::timeout(Duration::from_millis(50), hung).await;
            assert!(late.is_err());
        });
        drop(runtime);
        drop(release);
    }
}
