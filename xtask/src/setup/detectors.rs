//! Programs that tell robots from people, for the tests of the kind `stealth`. They are not ours to hand on: npm fetches
//! them to a folder of build artefacts.

use std::path::PathBuf;

use crate::Stop;
use crate::command::Cmd;
use crate::steps::Steps;
use crate::workspace::root;

/// What is installed, by exact version: another one is another test.
const PACKAGES: [(&str, &str); 2] = [("@fingerprintjs/botd", "2.0.0"), ("fpscanner", "1.0.2")];

/// The variable by which tests find them, and the one that makes tests fail where they are not.
pub(crate) const FOLDER: &str = "SILKROUTE_DETECTORS";
const REQUIRED: &str = "SILKROUTE_REQUIRE_DETECTORS";

/// Where they are installed.
fn folder() -> PathBuf {
    root().join("target/detectors")
}

/// Installs them, and gives their folder. Without them, as on a machine without a network, their tests say that they did
/// not run; they are demanded by `SILKROUTE_REQUIRE_DETECTORS=1`.
pub(crate) fn install(steps: &mut Steps) -> Result<Option<String>, Stop> {
    let folder = folder();
    let shown = folder.display().to_string();
    if PACKAGES
        .iter()
        .all(|(name, version)| installed(name).as_deref() == Some(*version))
    {
        return Ok(Some(shown));
    }
    std::fs::create_dir_all(&folder).map_err(|error| Stop::Failed(format!("making the folder {shown}: {error}")))?;
    match steps.run("set-up: detectors", &command(&shown)) {
        Ok(()) => Ok(Some(shown)),
        Err(stop) if std::env::var(REQUIRED).is_ok_and(|value| value == "1") => Err(stop),
        Err(Stop::Failed(told) | Stop::Usage(told)) => {
            eprintln!("{told}\n\nTHE DETECTORS ARE NOT INSTALLED: the tests that need them will not run");
            Ok(None)
        }
    }
}

fn command(folder: &str) -> Cmd {
    let install = Cmd::new("npm")
        .words("install --no-save --no-audit --no-fund --ignore-scripts")
        // By itself npm waits a quarter of an hour for a registry that does not answer.
        .words("--fetch-timeout 60000 --fetch-retries 1 --prefix");
    PACKAGES.iter().fold(install.arg(folder), |command, (name, version)| {
        command.arg(format!("{name}@{version}"))
    })
}

/// The version of a package that is there.
fn installed(name: &str) -> Option<String> {
    let manifest = std::fs::read_to_string(folder().join("node_modules").join(name).join("package.json")).ok()?;
    let manifest: serde_json::Value = serde_json::from_str(&manifest).ok()?;
    manifest["version"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_exact_and_no_script_of_theirs_runs() {
        let line = command("somewhere").to_string();
        assert!(
            line.contains("--ignore-scripts") && line.contains("--prefix somewhere"),
            "{line}"
        );
        assert!(line.ends_with("@fingerprintjs/botd@2.0.0 fpscanner@1.0.2"), "{line}");
    }
}
