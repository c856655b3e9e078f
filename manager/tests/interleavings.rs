//! Random orders of everything that can happen to a manager, at random times of a clock that the test owns.
//!
//! Whatever the order, every call must come back, and once the manager is dropped, closed before or not, no session may
//! hold anything, none may have been dropped unclosed, no fetch may run, and no task may be left.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use silkroute_core::{Error, RequestExt};
use silkroute_manager::{Limits, SessionExt, SessionManager, SessionState, SessionStats};
use support::{Fake, Probe, Step, request, until};
use tokio::task::JoinSet;

/// What can happen.
#[derive(Clone, Debug)]
enum Event {
    Add {
        id: u8,
        session: Behaviour,
        lazy: bool,
        default: bool,
        idle: Option<u8>,
        recycle: Option<u8>,
    },
    Fetch {
        id: Option<u8>,
        timeout: u16,
        cancel_after: Option<u16>,
    },
    Start {
        cancel_after: Option<u16>,
    },
    Close {
        cancel_after: Option<u16>,
    },
    Pop {
        id: u8,
        cancel_after: Option<u16>,
    },
    Remove {
        id: u8,
        cancel_after: Option<u16>,
    },
    Restart {
        id: u8,
    },
    Lease {
        id: u8,
        hold: u16,
    },
    Kill {
        id: u8,
    },
    /// Polls a fetch once, then holds it for a while before dropping it.
    Forget {
        id: u8,
        hold: u16,
    },
}

#[derive(Clone, Debug)]
struct Behaviour {
    start: Vec<Step>,
    fetch: Step,
    close: Step,
    places: Option<usize>,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => Just(Step::Now),
        5 => (1_u64..3_000).prop_map(|millis| Step::After(Duration::from_millis(millis))),
        1 => Just(Step::Never),
        1 => Just(Step::Fail("as told")),
        1 => Just(Step::Panic),
    ]
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    let places = proptest::option::of(1_usize..3);
    (prop::collection::vec(step(), 1..4), step(), step(), places).prop_map(|(start, fetch, close, places)| Behaviour {
        start,
        fetch,
        close,
        places,
    })
}

fn cancel() -> impl Strategy<Value = Option<u16>> {
    proptest::option::weighted(0.3, 0_u16..2_000)
}

fn event() -> impl Strategy<Value = Event> {
    let id = 0_u8..3;
    let few = proptest::option::weighted(0.2, 1_u8..4);
    prop_oneof![
        4 => (id.clone(), behaviour(), any::<bool>(), any::<bool>(), few.clone(), few).prop_map(
            |(id, session, lazy, default, idle, recycle)| Event::Add { id, session, lazy, default, idle, recycle }
        ),
        8 => (proptest::option::of(id.clone()), 1_u16..5_000, cancel())
            .prop_map(|(id, timeout, cancel_after)| Event::Fetch { id, timeout, cancel_after }),
        2 => cancel().prop_map(|cancel_after| Event::Start { cancel_after }),
        1 => cancel().prop_map(|cancel_after| Event::Close { cancel_after }),
        2 => (id.clone(), cancel()).prop_map(|(id, cancel_after)| Event::Pop { id, cancel_after }),
        2 => (id.clone(), cancel()).prop_map(|(id, cancel_after)| Event::Remove { id, cancel_after }),
        1 => id.clone().prop_map(|id| Event::Restart { id }),
        1 => (id.clone(), 1_u16..4_000).prop_map(|(id, hold)| Event::Lease { id, hold }),
        2 => id.clone().prop_map(|id| Event::Kill { id }),
        1 => (id, 1_u16..4_000).prop_map(|(id, hold)| Event::Forget { id, hold }),
    ]
}

type Probes = Arc<Mutex<Vec<(u8, Arc<Probe>)>>>;

fn millis(count: u16) -> Duration {
    Duration::from_millis(count.into())
}

/// Does it, and gives up on it when told to.
async fn unless_cancelled<T>(after: Option<u16>, call: impl Future<Output = T>) -> Option<T> {
    match after {
        Some(after) => tokio::time::timeout(millis(after), call).await.ok(),
        None => Some(call.await),
    }
}

async fn happen(event: Event, manager: SessionManager, probes: Probes) {
    match event {
        Event::Add {
            id,
            session,
            lazy,
            default,
            idle,
            recycle,
        } => {
            let (mut fake, probe) = Fake::new();
            fake = fake
                .starting(session.start)
                .fetching(session.fetch)
                .closing(session.close);
            fake.places = session.places;
            let mut entry = if default {
                fake.as_default()
            } else {
                fake.recycle_after(std::num::NonZeroU64::MAX)
            };
            if lazy {
                entry = entry.lazy();
            }
            if let Some(idle) = idle {
                entry = entry.stop_when_idle(Duration::from_millis(300) * idle.into());
            }
            if let Some(recycle) = recycle {
                entry = entry.recycle_after(std::num::NonZeroU64::new(recycle.into()).unwrap());
            }
            probes.lock().unwrap().push((id, probe));
            drop(manager.add(&id.to_string(), entry));
        }
        Event::Fetch {
            id,
            timeout,
            cancel_after,
        } => {
            let mut fetch = request().timeout(millis(timeout));
            if let Some(id) = id {
                fetch = fetch.session(id.to_string());
            }
            drop(unless_cancelled(cancel_after, manager.fetch(fetch)).await);
        }
        Event::Start { cancel_after } => drop(unless_cancelled(cancel_after, manager.start()).await),
        Event::Close { cancel_after } => drop(unless_cancelled(cancel_after, manager.close()).await),
        Event::Pop { id, cancel_after } => {
            if let Some(Ok(mut session)) = unless_cancelled(cancel_after, manager.pop(&id.to_string())).await {
                let closing =
                    std::panic::AssertUnwindSafe(tokio::time::timeout(Duration::from_secs(5), session.close()));
                drop(futures_util::FutureExt::catch_unwind(closing).await);
            }
        }
        Event::Remove { id, cancel_after } => {
            drop(unless_cancelled(cancel_after, manager.remove(&id.to_string())).await)
        }
        Event::Restart { id } => {
            if let Ok(handle) = manager.get(&id.to_string()) {
                drop(handle.restart().await);
            }
        }
        Event::Lease { id, hold } => {
            if let Ok(handle) = manager.get(&id.to_string())
                && let Ok(_lease) = handle.lease().await
            {
                tokio::time::sleep(millis(hold)).await;
            }
        }
        Event::Kill { id } => {
            for (of, probe) in probes.lock().unwrap().iter() {
                if *of == id {
                    probe.kill();
                }
            }
        }
        Event::Forget { id, hold } => {
            let mut fetch = Box::pin(manager.fetch(request().session(id.to_string())));
            drop(futures_util::poll!(&mut fetch));
            tokio::time::sleep(millis(hold)).await;
        }
    }
}

async fn play(events: Vec<(u16, Event)>, close: bool) {
    let limits = Limits::default()
        .start_timeout(Duration::from_secs(4))
        .drain_timeout(Duration::from_secs(2))
        .close_timeout(Duration::from_secs(3))
        .backoff(Duration::from_millis(500), Duration::from_secs(2))
        .stable_after(Duration::from_secs(2));
    let manager = SessionManager::with_limits(limits);
    let probes = Probes::default();
    let mut calls = JoinSet::new();
    for (at, event) in events {
        let (manager, probes) = (manager.clone(), Arc::clone(&probes));
        calls.spawn(async move {
            tokio::time::sleep(millis(at)).await;
            happen(event, manager, probes).await;
        });
    }
    let all = async { while calls.join_next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(300), all)
        .await
        .expect("a call never came back");

    if close {
        let closing = tokio::time::timeout(Duration::from_secs(60), manager.close());
        let unclean = match closing.await.expect("close never came back") {
            Err(Error::Close { failures }) => failures.into_iter().map(|(id, _)| id).collect(),
            other => other.map(|()| Vec::new()).unwrap(),
        };
        let rests = |stats: &SessionStats| matches!(stats.state, SessionState::Idle | SessionState::Failed);
        for stats in manager.stats() {
            assert!(rests(&stats) || unclean.contains(&stats.id), "{stats:?}");
        }
        // What somebody held until just now closes itself.
        until("every session to rest", || manager.stats().iter().all(rests)).await;
    }
    for stats in manager.stats() {
        assert_eq!((stats.in_flight, stats.waiting), (0, 0), "{stats:?}");
    }
    drop(manager);
    until("every session to let go", || {
        probes
            .lock()
            .unwrap()
            .iter()
            .all(|(_, probe)| probe.live() == 0 && probe.in_flight() == 0)
    })
    .await;
    let metrics = tokio::runtime::Handle::current().metrics();
    until("every task to end", || metrics.num_alive_tasks() == 0).await;
    let abandoned: usize = probes
        .lock()
        .unwrap()
        .iter()
        .map(|(_, probe)| probe.abandoned.load(SeqCst))
        .sum();
    assert_eq!(abandoned, 0, "sessions were dropped that nobody closed");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_events_leaves_a_session_running_or_a_caller_waiting(
        events in prop::collection::vec((0_u16..6_000, event()), 1..40),
        close in any::<bool>(),
    ) {
        // Panics of the fake sessions are part of the play; their traces are not.
        std::panic::set_hook(Box::new(|info| {
            let told = info.payload().downcast_ref::<&str>().is_some_and(|text| *text == "as told");
            if !told {
                eprintln!("{info}");
            }
        }));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(play(events, close));
    }
}
