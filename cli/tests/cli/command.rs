//! Runs the real command.

use std::ffi::OsStr;
use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tokio::net::TcpSocket;
use url::Url;

/// What a run of the command left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    /// Standard output as text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.stdout).expect("standard output is no text")
    }

    /// Standard output as JSON, of a run that went well.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        assert_eq!(self.status, Some(0), "{}", self.stderr);
        serde_json::from_slice(&self.stdout).expect("standard output is no JSON")
    }

    /// The one line of the error of a run that ended with this status.
    #[track_caller]
    pub(crate) fn error(&self, status: i32) -> &str {
        assert_eq!(self.status, Some(status), "{}", self.stderr);
        let line = self.stderr.strip_suffix('\n').expect("the error does not end its line");
        assert!(!line.contains('\n'), "more than a line: {line}");
        assert!(self.stdout.is_empty(), "output of a failed run: {:?}", self.stdout);
        line.strip_prefix("error: ")
            .expect("the line does not begin with `error: `")
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8(output.stderr).expect("standard error is no text"),
        }
    }
}

/// The command, not run yet.
pub(crate) fn command<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_silkroute"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs it to its end.
pub(crate) fn silkroute<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ran {
    command(arguments).output().expect("the command does not run").into()
}

/// Runs it to its end with something to read.
pub(crate) fn silkroute_reading<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>, input: &[u8]) -> Ran {
    let mut child = command(arguments)
        .stdin(Stdio::piped())
        .spawn()
        .expect("the command does not run");
    let mut stdin = child.stdin.take().expect("there is no standard input");
    stdin.write_all(input).expect("the command does not read");
    drop(stdin);
    child.wait_with_output().expect("the command does not end").into()
}

/// Sends it a signal, such as `TERM`.
#[cfg(unix)]
pub(crate) fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill")
        .args([format!("-{name}"), child.id().to_string()])
        .status();
    assert!(sent.expect("`kill` does not run").success());
}

/// An address where nobody listens, nor can anybody else for as long as the socket is there.
pub(crate) fn refusing() -> (TcpSocket, Url) {
    let socket = TcpSocket::new_v4().expect("there is no socket");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(any).expect("there is no port");
    let address = socket.local_addr().expect("the socket has no address");
    let url = format!("http://{address}/").parse().expect("an address makes no URL");
    (socket, url)
}

/// A file of sessions in this folder, for `--config`.
pub(crate) fn sessions_file(folder: &Path, text: &str) -> String {
    let file = folder.join("sessions.toml");
    fs::write(&file, text).expect("the file of sessions cannot be written");
    file.into_os_string()
        .into_string()
        .expect("a path of the test is no text")
}
