//! Which sessions a crawl fetches through.

use serde_json::json;
use silkroute::Entry;
use silkroute::core::{Registration, Registry};
use silkroute::manager::{ManagerConfig, SessionManager};

use super::CrawlArgs;
use crate::failure::{Failure, with_causes};

/// The kind that fetches when nothing is said.
const DEFAULT_KIND: &str = "http";

/// The sessions of a crawl.
pub(super) struct Sessions {
    /// Those that are used, and no other: none is started in vain.
    pub(super) manager: SessionManager,
    /// Their names, in the order in which a page that is blocked tries them: the rungs of a ladder.
    pub(super) order: Vec<String>,
}

impl Sessions {
    /// Builds what the command line names.
    pub(super) fn find(args: &CrawlArgs, registry: &Registry) -> Result<Self, Failure> {
        let described = match &args.config {
            None => SessionManager::new(),
            Some(file) => ManagerConfig::read(file)
                .and_then(|config| SessionManager::from_config(&config, registry))
                .map_err(|error| Failure::Usage(format!("reading `{}`: {}", file.display(), with_causes(&error))))?,
        };
        let mut order = Vec::new();
        for text in &args.sessions {
            let id = text.split_once('=').map_or(text.as_str(), |(id, _)| id);
            if order.iter().any(|known| known == id) {
                return Err(Failure::Usage(format!(
                    "--session {text}: the session `{id}` is given twice; name each once, the cheapest first"
                )));
            }
            order.push(add(text, &described, registry, order.is_empty())?);
        }
        if order.is_empty() {
            if described.is_empty() {
                described.add(DEFAULT_KIND, Entry::boxed(registry.build(DEFAULT_KIND, json!({}))?))?;
            }
            order.push(described.default_session_id()?);
        }
        described.set_default(&order[0])?;
        Ok(Self {
            manager: described,
            order,
        })
    }

    /// Takes out those of the file that the crawl has no use for.
    pub(super) async fn keep_what_is_used(&self) -> Result<(), Failure> {
        for id in self.manager.session_ids() {
            if !self.order.contains(&id) {
                self.manager.remove(&id).await?;
            }
        }
        Ok(())
    }
}

/// Adds `id=kind`, or a kind by its own name, unless the file has a session of that name. Gives the name. All but the first
/// start when they are needed.
fn add(text: &str, manager: &SessionManager, registry: &Registry, first: bool) -> Result<String, Failure> {
    let (id, kind) = match text.split_once('=') {
        Some(pair) => pair,
        None if manager.contains(text) => return Ok(text.to_owned()),
        None => (text, text),
    };
    let session = registry.build(kind, json!({})).map_err(|error| {
        let known: Vec<_> = registry.kinds().map(Registration::kind).collect();
        Failure::Usage(match manager.session_ids() {
            ids if ids.is_empty() || text.contains('=') => format!("--session {text}: {}", with_causes(&error)),
            ids => format!(
                "--session {text}: '{text}' is neither a session (there are: {}) nor a session kind (there are: {})",
                ids.join(", "),
                known.join(", ")
            ),
        })
    })?;
    let entry = Entry::boxed(session);
    let entry = if first { entry } else { entry.lazy() };
    manager
        .add(id, entry)
        .map_err(|error| Failure::Usage(format!("--session {text}: {}", with_causes(&error))))?;
    Ok(id.to_owned())
}
