//! The browser process: started over a pipe, watched, and ended with all its children and its profile.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use command_fds::{CommandFdExt, FdMapping};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::{oneshot, watch};

use super::GRACE;
use super::options::LaunchOptions;
use super::profile::Profile;
use super::tree;
use crate::cdp::Connection;
use crate::cdp::transport::{PipeReader, PipeWriter, Reader, Writer};
use crate::{CloseReason, Deadline, Error, Result};

/// What is kept of the error stream.
const STDERR: usize = 4 << 10;
/// How long its end may take to come, once all that wrote to it were killed.
const LAST_WORDS: Duration = Duration::from_millis(250);
/// How long all that were killed may take to end. Each does as soon as it has a turn, and a browser is a dozen of them.
const LAST_TURN: Duration = Duration::from_secs(3);

type Tail = Arc<Mutex<VecDeque<u8>>>;

/// A running browser. Dropping it kills the browser.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    executable: PathBuf,
    temp: Option<PathBuf>,
    /// Dropped or used: the watch kills.
    stop: Option<oneshot::Sender<()>>,
    gone: watch::Receiver<bool>,
    stderr: Tail,
}

impl Process {
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The folder of its temporary files, where it goes with its profile.
    pub(crate) fn temp(&self) -> Option<PathBuf> {
        self.temp.clone()
    }

    /// All its processes, where the system tells.
    pub(crate) fn processes(&self) -> Vec<u32> {
        tree::processes(self.pid)
    }

    /// Kills it and all its children.
    pub(crate) fn kill(&mut self) {
        self.stop = None;
    }

    /// What tells that nothing of it is left.
    pub(crate) fn gone(&self) -> Gone {
        Gone(self.gone.clone())
    }

    /// Ends what did not start, and says why, in its own words too: they are all there when it has gone.
    pub(crate) async fn launch_error(mut self, reason: impl ToString) -> Error {
        self.kill();
        if let Err(error) = self.gone().wait(Deadline::after(GRACE)).await {
            tracing::warn!(%error, "something is left over of a browser that did not start");
        }
        let tail = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let stderr = String::from_utf8_lossy(&tail.iter().copied().collect::<Vec<_>>())
            .trim()
            .to_owned();
        Error::Launch {
            executable: self.executable.clone(),
            reason: reason.to_string(),
            stderr,
        }
    }
}

/// Tells when no process and no fresh profile folder is left.
pub(crate) struct Gone(watch::Receiver<bool>);

impl Gone {
    pub(crate) async fn wait(&self, deadline: Deadline) -> Result<()> {
        let mut gone = self.0.clone();
        // An error means that the watch itself is gone, and it takes all with it.
        deadline
            .run("the end of the browser", gone.wait_for(|gone| *gone))
            .await
            .map(drop)
    }
}

/// What must not survive us. Dropped with the runtime, it still kills and removes.
struct Owned {
    child: Child,
    pid: u32,
    profile: Profile,
}

impl Drop for Owned {
    fn drop(&mut self) {
        if self.child.id().is_some() {
            tree::kill(self.pid, &tree::processes(self.pid));
        }
    }
}

pub(super) fn spawn(
    executable: PathBuf,
    arguments: &[String],
    options: &LaunchOptions,
    profile: Profile,
) -> Result<(Connection, Process)> {
    let started = (|| -> io::Result<_> {
        // The browser reads 3 and writes 4.
        let (to_browser, browser_reads) = pipe::pipe()?;
        let (browser_writes, from_browser) = pipe::pipe()?;
        let mut command = Command::new(&executable);
        command
            .args(arguments)
            .envs(options.env.iter().map(|(name, value)| (name, value)));
        if let Some(temp) = profile.temp() {
            command.env("TMPDIR", temp);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mapping = |fd: OwnedFd, child_fd| FdMapping {
            parent_fd: fd,
            child_fd,
        };
        let mappings = vec![
            mapping(browser_reads.into_blocking_fd()?, 3),
            mapping(browser_writes.into_blocking_fd()?, 4),
        ];
        command.fd_mappings(mappings).map_err(io::Error::other)?;
        // The command holds the browser's ends of the pipes, and is dropped here: else we would not see their end.
        Ok((command.spawn()?, to_browser, from_browser))
    })();
    let failed = |error: io::Error| Error::Launch {
        executable: executable.clone(),
        reason: error.to_string(),
        stderr: String::new(),
    };
    let (mut child, to_browser, from_browser) = started.map_err(failed)?;
    let pid = child.id().ok_or_else(|| failed(io::Error::other("it ended at once")))?;
    let stderr = Tail::default();
    let said = child.stderr.take();
    let connection = Connection::new(
        Reader::Pipe(PipeReader::new(from_browser)),
        Writer::Pipe(PipeWriter::new(to_browser)),
    );
    let temp = profile.temp();
    let (stop, stopped) = oneshot::channel();
    let (all_gone, gone) = watch::channel(false);
    let owned = Owned { child, pid, profile };
    tokio::spawn(watch_over(
        owned,
        said,
        Arc::clone(&stderr),
        stopped,
        connection.clone(),
        all_gone,
    ));
    Ok((
        connection,
        Process {
            pid,
            executable,
            temp,
            stop: Some(stop),
            gone,
            stderr,
        },
    ))
}

/// Lives as long as the browser. Ends it when told, and tidies up however it ended.
async fn watch_over(
    mut owned: Owned,
    mut said: Option<ChildStderr>,
    tail: Tail,
    mut stopped: oneshot::Receiver<()>,
    connection: Connection,
    all_gone: watch::Sender<bool>,
) {
    let ending = async {
        tokio::select! {
            status = owned.child.wait() => status,
            _ = &mut stopped => {
                tree::kill(owned.pid, &tree::processes(owned.pid));
                owned.child.wait().await
            }
        }
    };
    let status = {
        let mut ending = std::pin::pin!(ending);
        tokio::select! {
            status = &mut ending => status,
            () = listen(&mut said, &tail) => ending.await,
        }
    };
    let why = status.map_or_else(
        |error| error.to_string(),
        |status| format!("the browser ended ({status})"),
    );
    connection.close(&CloseReason::Lost(why));
    // Children may outlive it for a moment, and for good where it crashed.
    tree::kill(owned.pid, &tree::processes(owned.pid));
    if tokio::time::timeout(LAST_WORDS, listen(&mut said, &tail))
        .await
        .is_err()
    {
        tracing::debug!("somebody still has the error stream of a browser that has ended");
    }
    if tokio::time::timeout(LAST_TURN, ended(owned.pid)).await.is_err() {
        tracing::warn!("processes of a browser that has ended were killed and do not end");
    }
    let removed = tokio::task::spawn_blocking(move || owned.profile.remove()).await;
    if let Err(error) = removed {
        tracing::warn!(%error, "a profile folder may be left over");
    }
    let _ = all_gone.send(true);
}

/// Waits until no process is left, where the system tells; it tells nobody of the end of others' children.
async fn ended(leader: u32) {
    const STEP: Duration = Duration::from_millis(10);
    while !tree::processes(leader).is_empty() {
        tokio::time::sleep(STEP).await;
    }
}

/// Reads to the end. Dropped, it has lost nothing, and can go on.
async fn listen(stderr: &mut Option<ChildStderr>, tail: &Tail) {
    let Some(stderr) = stderr else { return };
    let mut buffer = [0; 1 << 10];
    while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(&buffer[..read]);
        let excess = tail.len().saturating_sub(STDERR);
        tail.drain(..excess);
    }
}
