//! Programs that are run, and how to repeat that by hand.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::workspace;

/// How often a program with a time limit is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// A program to run in the root of the workspace.
#[derive(Clone, Debug)]
pub(crate) struct Cmd {
    program: OsString,
    shown: String,
    arguments: Vec<String>,
    environment: Vec<(&'static str, String)>,
    limit: Option<Duration>,
}

impl Cmd {
    /// A program by name or path.
    pub(crate) fn new(program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        Self {
            shown: program.display().to_string(),
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            limit: None,
        }
    }

    /// The cargo that runs this program.
    pub(crate) fn cargo() -> Self {
        Self {
            program: std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()),
            ..Self::new("cargo")
        }
    }

    /// Adds arguments that are separated by spaces.
    pub(crate) fn words(self, words: &str) -> Self {
        words.split_whitespace().fold(self, Self::arg)
    }

    /// Adds one argument.
    pub(crate) fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    /// Ends it after this time.
    pub(crate) fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Runs it with the terminal as its own.
    pub(crate) fn run(&self) -> Result<(), String> {
        let mut command = self.command();
        let Some(limit) = self.limit else {
            return ended(command.status().map_err(|error| self.unstartable(&error))?);
        };
        let mut child = command.spawn().map_err(|error| self.unstartable(&error))?;
        let begun = Instant::now();
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return ended(status),
                Ok(None) if begun.elapsed() < limit => std::thread::sleep(GLANCE),
                Ok(None) => {
                    // It may have ended in this moment; then there is nothing to kill.
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(format!("did not end within {} s", limit.as_secs()));
                }
                Err(error) => return Err(format!("waiting for it: {error}")),
            }
        }
    }

    /// Runs it and gives what it printed. Its errors go to the terminal.
    pub(crate) fn read(&self) -> Result<String, String> {
        let output = self
            .command()
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| self.unstartable(&error))?;
        ended(output.status)?;
        String::from_utf8(output.stdout).map_err(|_| "printed something that is not UTF-8".to_owned())
    }

    /// Runs it without a sound and gives what it printed, if all went well.
    pub(crate) fn ask(&self) -> Option<String> {
        let output = self.command().stdin(Stdio::null()).output().ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(workspace::root());
        command
    }

    fn unstartable(&self, error: &std::io::Error) -> String {
        format!("`{}` cannot be run: {error}", self.shown)
    }
}

fn ended(status: std::process::ExitStatus) -> Result<(), String> {
    if status.success() {
        Ok(())
    } else {
        Err(format!("ended with {status}"))
    }
}

/// The line that a shell takes.
impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str(&quoted(&self.shown))?;
        self.arguments
            .iter()
            .try_for_each(|argument| write!(f, " {}", quoted(argument)))
    }
}

fn quoted(word: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_=+,./:@{}".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_shown_as_a_shell_takes_it() {
        let command = Cmd::cargo()
            .words("doc  --no-deps")
            .arg("it's")
            .env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(
            command.to_string(),
            r"RUSTDOCFLAGS='-D warnings' cargo doc --no-deps 'it'\''s'"
        );
    }

    #[test]
    fn a_program_that_does_not_end_is_ended() {
        let error = Cmd::cargo().words("--version").limit(Duration::from_secs(60)).run();
        assert_eq!(error, Ok(()));
        if cfg!(unix) {
            let begun = Instant::now();
            let error = Cmd::new("sleep").arg("60").limit(Duration::from_millis(50)).run();
            assert!(error.is_err_and(|told| told.contains("did not end")));
            assert!(begun.elapsed() < Duration::from_secs(30));
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = Cmd::new("no-such-program").run().unwrap_err();
        assert!(error.contains("`no-such-program`"), "{error}");
        assert_eq!(Cmd::new("no-such-program").ask(), None);
    }
}
