//! What the build, the tests and the demo take besides Rust: found, installed, or named.
//!
//! BoringSSL, under the `http` kind, is built with cmake and a C++ compiler, patched with git, and bound with libclang. The
//! browser kinds run Chromium; their tests compare it with one that has a window, on a display of Xvfb's, and show it the
//! detectors that npm has.

mod browser;
mod detectors;
mod install;
mod libclang;

pub(crate) use detectors::{FOLDER as DETECTORS, install as detectors};

use crate::Stop;
use crate::command::Cmd;
use crate::steps::Steps;

/// The oldest cmake that BoringSSL takes.
const OLDEST_CMAKE: (u32, u32) = (3, 22);

/// Something that is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    Compiler,
    Cmake,
    Git,
    Libclang,
    Browser,
    Display,
    Npm,
}

const BUILD: &[Need] = &[Need::Compiler, Need::Cmake, Need::Git, Need::Libclang];
const TEST: &[Need] = &[
    Need::Compiler,
    Need::Cmake,
    Need::Git,
    Need::Libclang,
    Need::Browser,
    Need::Display,
    Need::Npm,
];

/// What the machine is set up for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To build, and to run what there is: without a browser that is a part of it.
    Run,
    /// To run all tests.
    Test,
}

impl Need {
    /// What it is.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Compiler => "a C and C++ compiler with make",
            Self::Cmake => "cmake 3.22 or newer",
            Self::Git => "git",
            Self::Libclang => "libclang",
            Self::Browser => "Chromium",
            Self::Display => "Xvfb",
            Self::Npm => "npm",
        }
    }

    /// What there is of it.
    fn found(self) -> Option<String> {
        match self {
            Self::Compiler => {
                let compiler = |variable: &str, usual: &[&str]| {
                    let named = std::env::var(variable).ok();
                    let candidates = named.as_deref().into_iter().chain(usual.iter().copied());
                    candidates.filter_map(version).next()
                };
                compiler("CC", &["cc", "gcc", "clang"])?;
                ["make", "gmake", "ninja"].into_iter().find_map(version)?;
                compiler("CXX", &["c++", "g++", "clang++"])
            }
            Self::Cmake => {
                let told = version(&std::env::var("CMAKE").unwrap_or_else(|_| "cmake".to_owned()))?;
                (cmake_version(&told)? >= OLDEST_CMAKE).then_some(told)
            }
            Self::Git => version("git"),
            Self::Libclang => libclang::find().map(|path| path.display().to_string()),
            Self::Browser => browser::find(),
            // It knows no `--version`.
            Self::Display if cfg!(target_os = "linux") => browser::on_path(&["Xvfb"]),
            Self::Display => Some("not needed here".to_owned()),
            Self::Npm => version("npm"),
        }
    }
}

/// Finds what is needed; installs what is missing where that can be done.
pub(crate) fn run(steps: &mut Steps, purpose: Purpose) -> Result<(), Stop> {
    // The browser comes along even where nothing must have it.
    let (wanted, demanded) = match purpose {
        Purpose::Run => ([BUILD, &[Need::Browser]].concat(), BUILD),
        Purpose::Test => (TEST.to_vec(), TEST),
    };
    let mut missing = steps.step("set-up: look", "cargo xtask demo", || Ok(look(&wanted)))?;
    if missing.is_empty() {
        return match purpose {
            Purpose::Run => Ok(()),
            Purpose::Test => headless_shell(steps, false),
        };
    }
    if let Some(rights) = install::rights() {
        update(steps, rights)?;
        if let Err(Stop::Failed(told)) = steps.run("set-up: install", &install::install(rights, &missing)) {
            eprintln!("{told}");
        }
        missing = steps.step("set-up: look again", "cargo xtask demo", || Ok(look(&wanted)))?;
    }
    if purpose == Purpose::Test {
        headless_shell(steps, true)?;
    }
    let (lacking, spared): (Vec<_>, Vec<_>) = missing.into_iter().partition(|need| demanded.contains(need));
    if !lacking.is_empty() {
        return Err(Stop::Usage(install::by_hand(&lacking)));
    }
    if !spared.is_empty() {
        println!(
            "{}\n\ngoing on without: sessions with a browser cannot start",
            install::by_hand(&spared)
        );
    }
    Ok(())
}

/// Whether the headless shell is there, which one test runs and not every system has as a package.
pub(crate) fn has_headless_shell() -> bool {
    browser::on_path(&[install::HEADLESS_SHELL]).is_some()
}

/// Installs the headless shell where that can be done; without it its test says that it did not run.
fn headless_shell(steps: &mut Steps, updated: bool) -> Result<(), Stop> {
    let Some(rights) = install::rights().filter(|_| !has_headless_shell()) else {
        return Ok(());
    };
    if !updated {
        update(steps, rights)?;
    }
    if !install::has_package(install::HEADLESS_SHELL) {
        println!(
            "\n==> set-up: headless shell\n<== skipped: there is no package of it here, and its test will not run"
        );
        return Ok(());
    }
    match steps.run("set-up: headless shell", &install::headless_shell(rights)) {
        Err(Stop::Failed(told)) => {
            eprintln!("{told}\ngoing on without: its test will not run");
            Ok(())
        }
        done => done,
    }
}

/// One broken source of packages among several is no reason to stop: what cannot be installed tells.
fn update(steps: &mut Steps, rights: install::Rights) -> Result<(), Stop> {
    match steps.run("set-up: update the package lists", &install::update(rights)) {
        Err(Stop::Failed(told)) => {
            eprintln!("{told}\ngoing on with the lists there are");
            Ok(())
        }
        done => done,
    }
}

fn look(needs: &[Need]) -> Vec<Need> {
    let mut missing = Vec::new();
    for need in needs {
        match need.found() {
            Some(told) => println!("    {}: {told}", need.name()),
            None => {
                println!("    {}: missing", need.name());
                missing.push(*need);
            }
        }
    }
    missing
}

/// The first line that a program says of its version.
fn version(program: &str) -> Option<String> {
    let told = Cmd::new(program).arg("--version").ask()?;
    Some(told.lines().next().unwrap_or_default().trim().to_owned())
}

/// Reads `cmake version 3.25.1`.
fn cmake_version(told: &str) -> Option<(u32, u32)> {
    let numbers = told
        .split_whitespace()
        .find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    let mut parts = numbers.split(|character: char| !character.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_cmake_are_compared_as_numbers() {
        assert_eq!(cmake_version("cmake version 3.25.1"), Some((3, 25)));
        assert_eq!(cmake_version("cmake version 4.0.0-rc1"), Some((4, 0)));
        assert_eq!(cmake_version("cmake"), None);
        assert!(cmake_version("cmake version 3.9.2").unwrap() < OLDEST_CMAKE);
    }
}
