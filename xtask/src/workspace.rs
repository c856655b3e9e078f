//! What `cargo metadata` says of this workspace.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::command::Cmd;

/// The root of the workspace.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The packages of the workspace.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// In the order that cargo lists them.
    pub(crate) packages: Vec<Package>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its features, sorted, without `default`.
    pub(crate) features: BTreeSet<String>,
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn read() -> Result<Self, String> {
        Self::parse(&Cmd::cargo().words("metadata --format-version 1 --no-deps").read()?)
    }

    /// Reads what cargo answers.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let metadata: Value =
            serde_json::from_str(text).map_err(|error| format!("reading cargo's metadata: {error}"))?;
        let packages = metadata["packages"]
            .as_array()
            .ok_or("cargo's metadata lists no packages")?
            .iter()
            .filter_map(package)
            .collect();
        Ok(Self { packages })
    }
}

fn package(described: &Value) -> Option<Package> {
    let features = described["features"].as_object()?.keys();
    Some(Package {
        name: described["name"].as_str()?.to_owned(),
        features: features.filter(|feature| *feature != "default").cloned().collect(),
    })
}

/// A program that cargo has built.
#[derive(Debug, PartialEq)]
pub(crate) struct Built {
    /// The name of the target.
    pub(crate) name: String,
    /// The program.
    pub(crate) program: PathBuf,
    /// The folder of the package that it belongs to.
    pub(crate) folder: PathBuf,
}

/// The examples in what `cargo build --message-format json` prints, sorted by name.
pub(crate) fn examples(messages: &str) -> Vec<Built> {
    let mut built: Vec<_> = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["reason"] == "compiler-artifact" && is_kind(&message["target"], "example"))
        .filter_map(|message| {
            Some(Built {
                name: message["target"]["name"].as_str()?.to_owned(),
                program: message["executable"].as_str()?.into(),
                folder: Path::new(message["manifest_path"].as_str()?).parent()?.to_owned(),
            })
        })
        .collect();
    built.sort_by(|one, other| one.name.cmp(&other.name));
    built
}

fn is_kind(target: &Value, kind: &str) -> bool {
    let kinds = target["kind"].as_array();
    kinds.is_some_and(|kinds| kinds.iter().any(|known| known == kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_found_without_the_default() {
        let text = r#"{"packages": [{"name": "silkroute", "features": {"default": ["http"], "stealth": [], "http": ["dep:x"]}}]}"#;
        let workspace = Workspace::parse(text).unwrap();
        let package = &workspace.packages[0];
        assert_eq!(package.name, "silkroute");
        assert_eq!(
            package.features.iter().map(String::as_str).collect::<Vec<_>>(),
            ["http", "stealth"]
        );
        assert!(Workspace::parse("{}").is_err());
    }

    #[test]
    fn examples_are_found_among_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","manifest_path":"/w/Cargo.toml","target":{"kind":["lib"],"name":"a"},"executable":null}"#,
            "\nnot json\n",
            r#"{"reason":"compiler-artifact","manifest_path":"/w/Cargo.toml","target":{"kind":["example"],"name":"z"},"executable":"/t/z"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","manifest_path":"/w/e/Cargo.toml","target":{"kind":["example"],"name":"b"},"executable":"/t/b"}"#,
        );
        let names: Vec<_> = examples(messages).into_iter().map(|built| built.name).collect();
        assert_eq!(names, ["b", "z"]);
    }

    #[test]
    fn this_workspace_can_be_read() {
        let workspace = Workspace::read().unwrap();
        assert!(
            workspace
                .packages
                .iter()
                .any(|package| package.name == "silkroute-core")
        );
        let facade = workspace
            .packages
            .iter()
            .find(|package| package.name == "silkroute")
            .unwrap();
        assert!(facade.features.contains("http"));
    }
}
