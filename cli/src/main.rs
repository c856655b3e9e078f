//! The `silkroute` command.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        reason = "a test states its invariants by failing"
    )
)]

mod args;
mod failure;
mod fetch;
mod kinds;
mod output;

use std::process::ExitCode;

use args::{Cli, Command};

fn main() -> ExitCode {
    let done = Cli::read().and_then(|command| match command {
        Command::Kinds(args) => kinds::run(&args),
        Command::Fetch(args) => fetch::run(&args),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
