//! `silkroute fetch`: one request through one session.

mod report;
mod request;

use std::path::Path;
use std::time::{Duration, Instant};

use silkroute::manager::{Limits, SessionManager};
use silkroute::{Error, Fetch, Request as _, Response};

use crate::args::FetchArgs;
use crate::failure::{Failure, say, with_causes};
use crate::output;
use crate::session::{CookieFile, KnownSessions, read_options};
use crate::signals::Signals;

/// How long a session may take to close, where there is no file: the response is there already, and somebody waits for it. With
/// a file it is the file's `close_timeout`, or the manager's default.
const LONGEST_CLOSE: Duration = Duration::from_secs(5);

/// Fetches and prints.
pub(crate) fn run(args: &FetchArgs) -> Result<(), Failure> {
    let registry = silkroute::registry()?;
    let known = KnownSessions::read(&registry, &args.via)?;
    let target = match &args.session {
        None => known.default()?,
        Some(name) => known.named(name)?,
    };
    let mut request = request::build(args, &target.id)?;
    request.parts_mut().options = read_options(&args.via.options, &[target.kind], &registry)?;
    let cookies = args.via.cookies.as_deref().map(CookieFile::open).transpose()?;
    let entry = target.entry(&registry, cookies.as_ref().map(CookieFile::jar))?;

    let manager = SessionManager::with_limits(known.limits(Limits::default().close_timeout(LONGEST_CLOSE)));
    manager.add(&target.id, entry)?;

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::Failed(format!(
                "starting to wait for input and output: {}",
                with_causes(&error)
            ))
        })?;
    let fetched = runtime.block_on(fetch(&manager, request));
    // A name that is still being looked up must not keep the program.
    runtime.shutdown_background();

    // Cookies that a redirect set on the way to a failure count as well; after a signal nothing is certain.
    let saved = match (&cookies, &fetched) {
        (None, _) | (_, Err(Failure::Interrupted(_))) => Ok(()),
        (Some(cookies), _) => cookies.save(),
    };
    let shown = fetched.and_then(|fetched| present(args, &fetched));
    if let (Err(_), Err(failure)) = (&shown, &saved) {
        failure.tell();
    }
    shown.and(saved)
}

/// A response, and how long all of it took.
struct Fetched {
    response: Box<dyn Response>,
    elapsed: Duration,
}

async fn fetch(manager: &SessionManager, request: Fetch) -> Result<Fetched, Failure> {
    let begun = Instant::now();
    let mut signals = Signals::listen().map_err(|error| Failure::failed(&error))?;
    let outcome = tokio::select! {
        outcome = manager.fetch(request) => outcome.map_err(Failure::from),
        signal = signals.next() => Err(Failure::Interrupted(signal)),
    };
    let elapsed = begun.elapsed();
    if let Err(error) = manager.close().await {
        warn_of(&error);
    }
    outcome.map(|response| Fetched { response, elapsed })
}

/// The response came all the same.
fn warn_of(error: &Error) {
    say("warning", &with_causes(error));
}

fn present(args: &FetchArgs, fetched: &Fetched) -> Result<(), Failure> {
    let body = fetched.response.body();
    let file = args.output.as_deref();
    if let Some(file) = file {
        write_file(file, body)?;
    }
    if args.json {
        output::print_json(&report::of(fetched, file))
    } else if file.is_none() {
        output::print(body)
    } else {
        Ok(())
    }
}

fn write_file(file: &Path, body: &[u8]) -> Result<(), Failure> {
    std::fs::write(file, body)
        .map_err(|error| Failure::Failed(format!("writing the body to `{}`: {error}", file.display())))
}
