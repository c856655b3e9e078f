//! The tasks themselves.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::Stop;
use crate::checks;
use crate::command::Cmd;
use crate::setup::{self, Purpose};
use crate::steps::Steps;
use crate::workspace::{Workspace, examples, root};

/// The time that an example may take. It fetches from this machine: seconds are plenty.
const LONGEST_EXAMPLE: Duration = Duration::from_secs(120);

/// Every package with every feature: one set, so that nothing is built twice.
const ALL: &str = "--workspace --all-features";

/// Builds and runs the crawl of the test site's shop, with all sessions there are.
pub(crate) fn demo() -> Result<(), Stop> {
    let mut steps = Steps::begin();
    setup::run(&mut steps, Purpose::Run)?;
    // What it runs and no more; all of it with the same features, so that nothing is built twice.
    let demo = "--package silkroute --example demo --features spider,progress,stealth";
    steps.run("build", &Cmd::cargo().words("build").words(demo))?;
    steps.run("the demo", &Cmd::cargo().words("run --quiet").words(demo))?;
    println!("{}\n\ndemo ok", steps.table());
    Ok(())
}

/// Runs the benchmarks, or one.
pub(crate) fn bench(name: Option<&str>) -> Result<(), Stop> {
    let mut steps = Steps::begin();
    setup::run(&mut steps, Purpose::Run)?;
    let mut command = Cmd::cargo().words("bench --package silkroute-benches");
    if let Some(name) = name {
        command = command.words("--bench").arg(name);
    }
    steps.run("bench", &command)?;
    println!("{}\n\nbench ok", steps.table());
    Ok(())
}

/// Runs every check, the quick ones first. From the clippy step on, all steps share one profile and, but for the single
/// features, one set of features: BoringSSL and the dependencies are built once.
pub(crate) fn test() -> Result<(), Stop> {
    let mut steps = Steps::begin();
    setup::run(&mut steps, Purpose::Test)?;
    let detectors = setup::detectors(&mut steps)?;
    steps.run("format", &Cmd::cargo().words("fmt --all --check"))?;
    steps.step("hygiene", "cargo xtask test", checks::hygiene)?;
    let workspace = steps.step(
        "workspace",
        "cargo metadata --format-version 1 --no-deps",
        Workspace::read,
    )?;
    steps.step("dependencies", "cargo xtask test", || checks::arrows(&workspace))?;
    let lint = |which: &str| Cmd::cargo().words("clippy").words(which).words("-- -D warnings");
    steps.run("clippy", &lint(&format!("{ALL} --all-targets")))?;
    for (name, flags) in single_features(&workspace) {
        steps.run(&name, &lint(&flags))?;
    }
    steps.run("tests", &tests(detectors))?;
    steps.run("doctests", &Cmd::cargo().words("test --doc").words(ALL))?;
    let documentation = Cmd::cargo().words("doc --no-deps").words(ALL);
    steps.run("documentation", &documentation.env("RUSTDOCFLAGS", "-D warnings"))?;
    run_examples(&mut steps)?;
    println!("{}\n\ntest run ok", steps.table());
    Ok(())
}

/// Every package that has features, with none of them and with each alone: what to call the step, and cargo's flags. Read
/// from the manifests, so that a new feature joins by itself.
fn single_features(workspace: &Workspace) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for package in workspace.packages.iter().filter(|package| !package.features.is_empty()) {
        let bare = format!("--package {} --no-default-features", package.name);
        all.push((format!("{}: no features", package.name), bare.clone()));
        for feature in &package.features {
            all.push((
                format!("{}: {feature} alone", package.name),
                format!("{bare} --features {feature}"),
            ));
        }
    }
    all
}

/// All tests of libraries, programs and test files, with a browser and with the detectors where there are any. Benchmarks
/// have been compiled by clippy; examples run later.
fn tests(detectors: Option<String>) -> Cmd {
    let targets = format!("{ALL} --no-fail-fast --lib --bins --tests");
    let command = if Cmd::cargo().words("nextest --version").ask().is_some() {
        // Many tests wait for most of their time. Those with browsers have a limit of their own.
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let threads = format!("--test-threads {}", cores + 1);
        Cmd::cargo().words("nextest run").words(&targets).words(&threads)
    } else {
        // Without nextest's groups: no more browsers at once than the machine can run.
        Cmd::cargo().words("test").words(&targets).words("-- --test-threads 2")
    };
    let command = command.env("SILKROUTE_REQUIRE_BROWSER", "1").env(
        "SILKROUTE_REQUIRE_HEADLESS_SHELL",
        if setup::has_headless_shell() { "1" } else { "0" },
    );
    let vectors = root().join("../shared/conformance").is_dir();
    let command = command.env("SILKROUTE_REQUIRE_VECTORS", if vectors { "1" } else { "0" });
    match detectors {
        Some(folder) => command
            .env(setup::DETECTORS, folder)
            .env("SILKROUTE_REQUIRE_DETECTORS", "1"),
        None => command,
    }
}

/// Builds all examples, and runs those of the facade and of the crates under `examples/` to a good end. Others may be
/// programs that do not end.
fn run_examples(steps: &mut Steps) -> Result<(), Stop> {
    let build = Cmd::cargo()
        .words("build --examples --message-format json-render-diagnostics")
        .words(ALL);
    let repeat = format!("cargo build --examples {ALL}");
    let built = steps.step("examples: build", &repeat, || {
        build.read().map(|messages| examples(&messages))
    })?;
    let ours = built
        .iter()
        .filter(|example| example.folder == root() || example.folder.starts_with(root().join("examples")));
    for example in ours {
        let program = Cmd::new(&example.program).limit(LONGEST_EXAMPLE);
        let repeat = format!(
            "cargo run --all-features --manifest-path {} --example {}",
            manifest(example),
            example.name
        );
        steps.step(&format!("example: {}", example.name), &repeat, || program.run())?;
    }
    Ok(())
}

fn manifest(example: &crate::workspace::Built) -> String {
    let manifest = example.folder.join("Cargo.toml");
    manifest.strip_prefix(root()).unwrap_or(&manifest).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_feature_is_checked_alone_and_so_is_none() {
        let workspace = Workspace::parse(
            r#"{"packages": [
                {"name": "a", "features": {"default": ["y"], "y": [], "x": []}},
                {"name": "b", "features": {}}
            ]}"#,
        )
        .unwrap();
        let flags: Vec<_> = single_features(&workspace)
            .into_iter()
            .map(|(_, flags)| flags)
            .collect();
        assert_eq!(
            flags,
            [
                "--package a --no-default-features",
                "--package a --no-default-features --features x",
                "--package a --no-default-features --features y",
            ]
        );
    }
}
