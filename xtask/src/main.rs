//! The tasks of this workspace: `cargo xtask demo | test | bench`.
//!
//! It needs rustup and a C compiler. What else the build takes, the set-up installs or names.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        reason = "a test states its invariants by failing"
    )
)]

mod checks;
mod command;
mod setup;
mod steps;
mod tasks;
mod workspace;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask TASK

  demo          sets the machine up, builds, opens a shop on this machine and crawls it
  test          sets the machine up, then runs every check there is
  bench [NAME]  sets the machine up, then measures: all benchmarks, or the one of this name

The set-up installs what is needed on Debian and Ubuntu, as root or through sudo; elsewhere it says what to install. For the
build: cmake, libclang, a C++ compiler, git. For sessions with a browser: Chromium, or set CHROME to the program. For the
tests also Xvfb, npm and the headless shell.";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let done = match arguments.as_slice() {
        ["demo"] => tasks::demo(),
        ["test"] => tasks::test(),
        ["bench"] => tasks::bench(None),
        ["bench", name] => tasks::bench(Some(name)),
        ["help" | "-h" | "--help"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => Err(Stop::Usage(USAGE.to_owned())),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Usage(text)) => {
            eprintln!("{text}");
            ExitCode::from(2)
        }
        Err(Stop::Failed(text)) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// Why a task ends early.
#[derive(Debug)]
enum Stop {
    /// The command line, or the machine, is not what it takes: exit status 2.
    Usage(String),
    /// A step failed: exit status 1.
    Failed(String),
}
