//! What the sessions and the crawl warn of while they run.

use std::fmt::{Debug, Write as _};

use silkroute::spider::count_logs;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry;

use crate::failure::{one_line, say};

/// Prints warnings, as all others are printed.
struct Warnings;

/// The text of an event, and its fields behind it.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

/// A subscriber for the crawl, which prints warnings, and counts all of them and all errors. Errors are not printed: they end the crawl, and are told then. Nor is what failed of the crawl:
/// the spider tells it.
pub(super) fn printed() -> impl Subscriber {
    let wanted = filter_fn(|event| {
        *event.level() == Level::WARN
            && event.is_event()
            && event.target().starts_with("silkroute")
            && event.fields().field("failure").is_none()
    });
    registry()
        .with(Warnings.with_filter(wanted))
        .with(count_logs(Level::WARN))
}

impl<S: Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        say("warning", &text.line());
    }
}

impl Text {
    fn line(&self) -> String {
        one_line(&match self.fields.strip_prefix(", ") {
            Some(fields) => format!("{} ({fields})", self.message),
            None => self.message.clone(),
        })
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a `String` cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, ", {name}: {value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}
