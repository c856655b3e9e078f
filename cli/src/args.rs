//! What the command line may say.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand};

use crate::failure::{Failure, one_line};
use crate::output;
use crate::session::SessionArgs;

/// Fetch the web through sessions
#[derive(Parser)]
#[command(name = "silkroute", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What it can be told to do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the session kinds there are, with what each can be configured with and what a request may ask of it
    Kinds(KindsArgs),
    /// Fetch a URL and print the body
    #[command(after_help = EXIT_STATUS)]
    Fetch(Box<FetchArgs>),
    /// Crawl a site: follow its links and take an item from each page
    #[cfg(feature = "spider")]
    #[command(after_help = CRAWL_EXIT_STATUS)]
    Crawl(Box<crate::crawl::CrawlArgs>),
}

const EXIT_STATUS: &str = "Exit status: 0 for a response of any status, 1 when no response came, 2 for bad usage.";

#[cfg(feature = "spider")]
const CRAWL_EXIT_STATUS: &str = "Exit status: 0 when the crawl ended by itself or at a limit, 1 when nothing could be \
    fetched, 2 for bad usage, 3 when it was paused with work left (--frontier). The last line on standard error is the statistics, as one JSON object.";

/// `silkroute kinds`.
#[derive(Args)]
pub(crate) struct KindsArgs {
    /// Print a JSON array
    #[arg(long)]
    pub(crate) json: bool,
}

/// `silkroute fetch`.
#[derive(Args)]
pub(crate) struct FetchArgs {
    /// What to fetch, with its scheme
    pub(crate) url: String,
    /// A session of the config file, or a kind to make one of with its defaults [default: the file's default, or http]
    #[arg(long, value_name = "NAME")]
    pub(crate) session: Option<String>,
    /// The method [default: GET, or POST with -d]
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// The body: text, or @FILE, or @- for standard input
    #[arg(short = 'd', long = "data", value_name = "BODY", allow_hyphen_values = true)]
    pub(crate) data: Option<String>,
    #[command(flatten)]
    pub(crate) via: SessionArgs,
    /// Write the body to this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Print one JSON object: status, headers, history, cookies, body and more
    #[arg(long)]
    pub(crate) json: bool,
}

impl Cli {
    /// Reads the command line. Help and version are printed here and end the program.
    pub(crate) fn read() -> Result<Command, Failure> {
        match Self::try_parse() {
            Ok(cli) => Ok(cli.command),
            Err(error) => Err(answer(&error)),
        }
    }
}

/// clap's errors have several lines; ours have one.
fn answer(error: &clap::Error) -> Failure {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match output::print(text.as_bytes()) {
            Ok(()) => Failure::Told(0),
            Err(failure) => failure,
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Failure::Usage(format!("no command was given\n\n{}", text.trim_end()))
        }
        _ => Failure::Usage(format!("{}; see --help", shortened(&text))),
    }
}

fn shortened(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let end = ["\n\nUsage:", "\n\nFor more information"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min()
        .unwrap_or(text.len());
    one_line(&text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn errors_of_the_parser_become_one_line() {
        let Err(error) = Cli::try_parse_from(["silkroute", "fetch", "http://h/", "--jsno"]) else {
            panic!("a misspelt flag was taken");
        };
        let Failure::Usage(text) = answer(&error) else {
            panic!("not bad usage");
        };
        assert!(!text.contains('\n'), "{text}");
        assert!(text.contains("'--jsno'") && text.contains("'--json'"), "{text}");
    }
}
