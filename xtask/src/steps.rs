//! Steps that are told, timed and summed up.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::Stop;
use crate::command::Cmd;

/// The steps of a task so far.
#[derive(Debug)]
pub(crate) struct Steps {
    begun: Instant,
    done: Vec<(String, Duration)>,
}

impl Steps {
    /// None yet.
    pub(crate) fn begin() -> Self {
        Self {
            begun: Instant::now(),
            done: Vec::new(),
        }
    }

    /// Runs a program as a step.
    pub(crate) fn run(&mut self, name: &str, command: &Cmd) -> Result<(), Stop> {
        self.step(name, &command.to_string(), || command.run())
    }

    /// Does something as a step, which can be repeated by this command line.
    pub(crate) fn step<T>(
        &mut self,
        name: &str,
        repeat: &str,
        work: impl FnOnce() -> Result<T, String>,
    ) -> Result<T, Stop> {
        println!("\n==> {name}\n    {repeat}");
        let begun = Instant::now();
        let result = work();
        let took = begun.elapsed();
        match result {
            Ok(value) => {
                println!("<== {name}: ok in {}", seconds(took));
                self.done.push((name.to_owned(), took));
                Ok(value)
            }
            Err(reason) => {
                self.done.push((format!("{name}  FAILED"), took));
                Err(Stop::Failed(format!(
                    "{}\n\nerror: {name}: {reason}\nto repeat this step: {repeat}",
                    self.table()
                )))
            }
        }
    }

    /// All steps with their times.
    pub(crate) fn table(&self) -> String {
        let width = self
            .done
            .iter()
            .map(|(name, _)| name.chars().count())
            .max()
            .unwrap_or(0)
            .max(5);
        let mut text = String::new();
        for (name, took) in &self.done {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n  {name:width$}  {:>9}", seconds(*took));
        }
        let _ = write!(text, "\n  {:width$}  {:>9}", "total", seconds(self.begun.elapsed()));
        text
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_step_says_how_to_repeat_it_and_what_went_before() {
        let mut steps = Steps::begin();
        steps.step("first", "do first", || Ok(())).unwrap();
        let Err(Stop::Failed(told)) = steps.step("second", "do second", || Err::<(), _>("broke".to_owned())) else {
            panic!("the step did not fail");
        };
        assert!(told.contains("\n  first "), "{told}");
        assert!(told.contains("second  FAILED"), "{told}");
        assert!(
            told.ends_with("error: second: broke\nto repeat this step: do second"),
            "{told}"
        );
    }
}
