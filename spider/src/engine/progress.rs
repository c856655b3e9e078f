//! How the crawl goes, on a terminal.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::Engine;
use crate::Spider;

const EVERY: Duration = Duration::from_millis(200);

impl<S: Spider> Engine<S> {
    /// Draws a line on standard error until the crawl is over. Where that is no terminal, does nothing.
    pub(super) async fn show_progress(self: Arc<Self>) {
        let bar = ProgressBar::new_spinner();
        if !self.settings.progress || bar.is_hidden() {
            return;
        }
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} [{elapsed_precise}] {msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(self.spider.name().to_owned());
        while !self.control.over.is_cancelled() {
            bar.set_message(self.control.lock().progress());
            bar.tick();
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                () = self.control.over.cancelled() => {}
            }
        }
        bar.finish_with_message(self.control.lock().progress());
    }
}

impl super::control::State {
    fn progress(&self) -> String {
        let stats = &self.stats;
        let seconds = self.begun.elapsed().as_secs_f64().max(0.001);
        let mut line = format!(
            "{} pages ({:.0}/s), {} items, {} queued, {} under way, {} blocked, {} failed",
            stats.pages,
            stats.pages as f64 / seconds,
            stats.items,
            self.pending.max(0) + self.delayed.len() as i64,
            self.active,
            stats.blocked,
            stats.failed,
        );
        for (name, tally) in stats.sessions.iter().take(4) {
            // Writing to a `String` cannot fail.
            let _ = write!(line, "; {name} {}", tally.requests);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::super::control::Control;
    use crate::Stats;
    use crate::schedule::{Rules, Schedule};
    use crate::stats::Way;

    #[test]
    fn the_line_names_what_counts() {
        let (_, paces, _) = crate::Settings::default().settle().unwrap();
        let schedule = Schedule::new(Rules {
            concurrency: 1,
            paces,
            throttle: None,
            robots: false,
        });
        let mut stats = Stats::default();
        let way = Way {
            session: "http",
            host: "h",
            proxy: None,
        };
        stats.fetched(way, None);
        let control = Control::new(schedule, stats, None);
        let line = control.lock().progress();
        assert!(
            line.starts_with("0 pages (0/s), 0 items, 0 queued, 0 under way"),
            "{line}"
        );
        assert!(line.ends_with("; http 1"), "{line}");
    }
}
