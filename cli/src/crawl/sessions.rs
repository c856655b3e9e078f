//! Which sessions a crawl fetches through.

use silkroute::core::Registry;
use silkroute::manager::{Limits, SessionManager};
use silkroute::{CookieJar, Options};

use super::CrawlArgs;
use crate::failure::{Failure, with_causes};
use crate::session::{KnownSessions, Target, read_headers, read_options};

/// The sessions of a crawl.
pub(super) struct Sessions {
    /// Those that are used, and no other: none is started in vain.
    pub(super) manager: SessionManager,
    /// Their names, in the order in which a page that is blocked tries them: the rungs of a ladder.
    pub(super) order: Vec<String>,
    /// What the command line asks of their kinds.
    pub(super) options: Options,
}

impl Sessions {
    /// Builds what the command line names, all with this jar if there is one.
    pub(super) fn find(args: &CrawlArgs, registry: &Registry, jar: Option<&CookieJar>) -> Result<Self, Failure> {
        let known = KnownSessions::read(registry, &args.via)?;
        let headers = read_headers(&args.via.headers)?;
        let manager = SessionManager::with_limits(known.limits(Limits::default()));
        let mut order = Vec::new();
        let mut kinds = Vec::new();
        for target in targets(args, &known)? {
            let target = target.with_headers(&headers)?;
            let entry = target.entry(registry, jar)?;
            // One that the command line makes starts when it is needed; the first is needed in any case.
            let entry = if target.is_of_file() || order.is_empty() {
                entry
            } else {
                entry.lazy()
            };
            manager
                .add(&target.id, entry)
                .map_err(|error| Failure::Usage(format!("--session {}: {}", target.id, with_causes(&error))))?;
            kinds.push(target.kind);
            order.push(target.id);
        }
        manager.set_default(&order[0])?;
        Ok(Self {
            manager,
            order,
            options: read_options(&args.via.options, &kinds, registry)?,
        })
    }
}

/// Those that are named, else the default.
fn targets(args: &CrawlArgs, known: &KnownSessions<'_>) -> Result<Vec<Target>, Failure> {
    let mut targets: Vec<Target> = Vec::new();
    for text in &args.sessions {
        let target = match text.split_once('=') {
            None => known.named(text)?,
            Some((id, kind)) => known.new_one(id, kind)?,
        };
        if targets.iter().any(|other| other.id == target.id) {
            return Err(Failure::Usage(format!(
                "--session {text}: the session `{}` is given twice; name each once, the cheapest first",
                target.id
            )));
        }
        targets.push(target);
    }
    if targets.is_empty() {
        targets.push(known.default()?);
    }
    Ok(targets)
}
