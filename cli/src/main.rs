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
#[cfg(feature = "spider")]
mod crawl;
mod failure;
mod fetch;
mod kinds;
mod output;
mod session;
mod signals;

use std::process::ExitCode;

use args::{Cli, Command};

fn main() -> ExitCode {
    let done = Cli::read().and_then(|command| match command {
        Command::Kinds(args) => kinds::run(&args),
        Command::Fetch(args) => fetch::run(&args),
        #[cfg(feature = "spider")]
        Command::Crawl(args) => crawl::run(&args),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
