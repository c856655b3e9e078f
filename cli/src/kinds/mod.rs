//! `silkroute kinds`: what the registry knows.

mod schema;

use std::fmt::Write as _;

use serde::Serialize;
use silkroute::core::Registration;

use crate::args::KindsArgs;
use crate::failure::Failure;
use crate::output;

pub(crate) use schema::{Field, fields};

/// A session kind, as it is printed.
#[derive(Serialize)]
struct Kind {
    kind: &'static str,
    package: &'static str,
    version: &'static str,
    summary: &'static str,
    config: Vec<Field>,
    options: Vec<Field>,
}

impl From<&Registration> for Kind {
    fn from(registration: &Registration) -> Self {
        Self {
            kind: registration.kind(),
            package: registration.package(),
            version: registration.version(),
            summary: registration.summary(),
            config: fields(&registration.config_schema()),
            options: fields(&registration.options_schema()),
        }
    }
}

/// Lists the kinds.
pub(crate) fn run(args: &KindsArgs) -> Result<(), Failure> {
    let registry = silkroute::registry()?;
    let kinds: Vec<_> = registry.kinds().map(Kind::from).collect();
    if args.json {
        return output::print_json(&kinds);
    }
    if kinds.is_empty() {
        return output::print(b"no session kinds: this program was built without any (cargo features, such as http)\n");
    }
    let described: Vec<_> = kinds.iter().map(describe).collect();
    output::print(described.join("\n").as_bytes())
}

fn describe(kind: &Kind) -> String {
    let mut text = format!(
        "{}: {}\n    {} {}\n",
        kind.kind, kind.summary, kind.package, kind.version
    );
    section(
        &mut text,
        "Configuration, in a file under [sessions.NAME]:",
        "",
        &kind.config,
    );
    section(
        &mut text,
        "Options of a request, on the command line as -O:",
        &format!("{}.", kind.kind),
        &kind.options,
    );
    text
}

fn section(text: &mut String, title: &str, prefix: &str, fields: &[Field]) {
    if fields.is_empty() {
        return;
    }
    // Writing to a String cannot fail.
    let _ = write!(text, "\n  {title}\n");
    for field in fields {
        let _ = write!(text, "\n    {prefix}{}: {}", field.name, field.type_name);
        if !field.default.is_null() {
            let _ = write!(text, " = {}", field.default);
        }
        let _ = writeln!(text);
        if !field.help.is_empty() {
            let _ = writeln!(text, "        {}", field.help);
        }
    }
}
