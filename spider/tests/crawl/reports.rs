//! What a crawl reports through `tracing` and `metrics`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder};
use silkroute_spider::Spider as _;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use tracing_core::span::Current;

use crate::support::{Answer, Tester, Web};

/// Every span that was made, with the one around it and its fields.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    all: Vec<String>,
    entered: Vec<(Id, &'static Metadata<'static>)>,
    kinds: Vec<&'static Metadata<'static>>,
}

/// Spans are numbered from 1.
fn index(id: &Id) -> usize {
    id.into_u64() as usize - 1
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

impl Subscriber for Spans {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut seen = self.0.lock().unwrap();
        let around = seen.entered.last().map(|(id, _)| &*seen.all[index(id)]);
        let around = around.and_then(|text| text.split(' ').next()).unwrap_or_default();
        let mut text = Text(format!("{around}>{}", span.metadata().name()));
        span.record(&mut text);
        seen.all.push(text.0);
        seen.kinds.push(span.metadata());
        Id::from_u64(seen.all.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, id: &Id) {
        let mut seen = self.0.lock().unwrap();
        let kind = seen.kinds[index(id)];
        seen.entered.push((id.clone(), kind));
    }

    fn current_span(&self) -> Current {
        let seen = self.0.lock().unwrap();
        seen.entered
            .last()
            .map_or_else(Current::none, |(id, kind)| Current::new(id.clone(), kind))
    }

    fn exit(&self, _: &Id) {
        self.0.lock().unwrap().entered.pop();
    }
}

fn site() -> Web {
    Web::of(&[
        ("http://a.test/", Answer::page(&["/1", "/refused", "/blocked"])),
        ("http://a.test/1", Answer::page(&[])),
        ("http://a.test/refused", Answer::refused()),
        ("http://a.test/blocked", Answer::status(403)),
    ])
}

#[tokio::test(start_paused = true)]
async fn fetches_and_parses_stand_in_the_span_of_their_crawl() {
    let spans = Spans::default();
    let _guard = tracing::subscriber::set_default(spans.clone());
    Tester::new(&site(), &["http://a.test/"]).crawl().run().await.unwrap();
    let seen = spans.0.lock().unwrap();
    let count = |name: &str| seen.all.iter().filter(|span| span.starts_with(name)).count();
    assert_eq!(count(">crawl spider=\"tester\""), 1, "{:?}", seen.all);
    assert_eq!(
        count(">crawl>parse url=\"http://a.test/\" depth=0"),
        1,
        "{:?}",
        seen.all
    );
    assert_eq!(count(">crawl>parse"), 2);
    assert_eq!(count(">crawl>fetch"), 2 + 3 + 4, "each attempt of the crawl");
}

#[tokio::test(start_paused = true)]
async fn pages_items_retries_blocks_and_failures_are_counted_by_spider() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    Tester::new(&site(), &["http://a.test/"]).crawl().run().await.unwrap();
    let counted: BTreeMap<_, _> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| {
            key.key()
                .labels()
                .any(|label| label.key() == "spider" && label.value() == "tester")
        })
        .filter_map(|(key, _, _, value)| match value {
            DebugValue::Counter(count) => Some((key.key().name().to_owned(), count)),
            _ => None,
        })
        .collect();
    let expected = [
        ("pages", 2),
        ("items", 2),
        ("retries", 2 + 3),
        ("blocked", 4),
        ("failed", 2),
    ];
    for (name, count) in expected {
        assert_eq!(counted[&format!("silkroute_crawl_{name}_total")], count, "{counted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_statistics_of_a_handle_stay_when_the_crawl_is_over() {
    let web = Web::of(&[("http://a.test/", Answer::page(&[]).after(3_000))]);
    let (handle, crawl) = Tester::new(&web, &["http://a.test/"]).crawl().with_handle().unwrap();
    let crawl = crawl.await.unwrap();
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(crawl.stats.elapsed.as_secs(), 3);
    assert_eq!(handle.stats().elapsed, crawl.stats.elapsed);
}
