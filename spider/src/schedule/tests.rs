use super::*;
use crate::host_settings::Pace;
use crate::{AutoThrottle, HostSettings, Order};

pub(super) fn schedule(concurrency: usize, host_concurrency: usize, delay_ms: u64) -> Schedule {
    paced(
        concurrency,
        Some(host_concurrency),
        Duration::from_millis(delay_ms),
        &[],
    )
}

pub(super) fn paced(
    concurrency: usize,
    host_concurrency: Option<usize>,
    delay: Duration,
    hosts: &[(String, HostSettings)],
) -> Schedule {
    let others = Pace {
        concurrency: host_concurrency,
        delay,
    };
    Schedule::new(Rules {
        concurrency,
        paces: Paces::new(others, hosts).unwrap(),
        throttle: None,
        robots: false,
    })
}

pub(super) fn offer(schedule: &mut Schedule, host: &str, session: &str, nth: u64, now: Instant) {
    let lane = Arc::from(format!("{session} {host}"));
    let session = schedule.session(session);
    if schedule.ask_limit(session) {
        schedule.limit_session(session, 10);
    }
    let rank = Rank::new(0, nth, Order::BreadthFirst);
    schedule.offer(&Arc::from(host), &lane, session, rank, now);
}

pub(super) fn sent(turn: Turn) -> Option<Place> {
    match turn {
        Turn::Send(place) => Some(place),
        Turn::Robots(_) => panic!("no robots.txt is obeyed here"),
        Turn::Wait => None,
    }
}

#[test]
fn the_oldest_request_of_any_host_goes_first() {
    let (mut schedule, now) = (schedule(10, 10, 0), Instant::now());
    offer(&mut schedule, "b", "s", 2, now);
    offer(&mut schedule, "a", "s", 1, now);
    offer(&mut schedule, "c", "t", 0, now);
    let order: Vec<_> = std::iter::from_fn(|| sent(schedule.take(now)))
        .map(|place| place.host)
        .collect();
    assert_eq!(order.iter().map(|host| &**host).collect::<Vec<_>>(), ["c", "a", "b"]);
}

#[test]
fn a_full_session_holds_up_no_other_on_the_same_host() {
    let (mut schedule, now) = (schedule(10, 10, 0), Instant::now());
    let tabs = schedule.session("browser");
    assert!(schedule.ask_limit(tabs), "it keeps its one place");
    offer(&mut schedule, "a", "browser", 0, now);
    let first = sent(schedule.take(now)).unwrap();
    schedule.leased(&first, Some(Rank::new(0, 1, Order::BreadthFirst)), now);
    offer(&mut schedule, "a", "http", 2, now);
    assert_eq!(&*sent(schedule.take(now)).unwrap().lane, "http a");
    assert!(sent(schedule.take(now)).is_none());
    schedule.free(&first);
    assert_eq!(&*sent(schedule.take(now)).unwrap().lane, "browser a");
}

#[test]
fn a_session_that_rests_holds_up_no_other_and_keeps_what_waits_for_it() {
    let (mut schedule, now) = (schedule(10, 10, 0), Instant::now());
    let second = Duration::from_secs(1);
    offer(&mut schedule, "a", "browser", 0, now);
    offer(&mut schedule, "a", "http", 1, now);
    let browser = schedule.session("browser");
    schedule.rest_session(browser, now + second);
    schedule.rest_session(browser, now);
    assert_eq!(&*sent(schedule.take(now)).unwrap().lane, "http a");
    assert!(sent(schedule.take(now)).is_none() && !schedule.has_more());
    assert_eq!(schedule.next_due(), Some(now + second));
    let late = sent(schedule.take(now + second)).unwrap();
    assert_eq!(&*late.lane, "browser a");
    assert_eq!(schedule.next_due(), None);
}

#[test]
fn what_waits_for_a_closed_session_is_stranded_when_nothing_else_can_go() {
    let (mut schedule, now) = (schedule(10, 10, 0), Instant::now());
    offer(&mut schedule, "a", "browser", 0, now);
    offer(&mut schedule, "a", "http", 1, now);
    assert!(!schedule.is_stranded());
    let browser = schedule.session("browser");
    schedule.close_session(browser);
    schedule.rest_session(browser, now);
    assert!(!schedule.is_stranded(), "there is one for the other");
    let place = sent(schedule.take(now)).unwrap();
    assert!(!schedule.is_stranded(), "more may come of it");
    schedule.free(&place);
    assert!(sent(schedule.take(now)).is_none());
    assert!(schedule.is_stranded());
    schedule.reopen_sessions();
    assert_eq!(&*sent(schedule.take(now)).unwrap().lane, "browser a");
}

#[test]
fn a_delay_closes_its_host_until_it_is_due() {
    let (mut schedule, now) = (schedule(10, 10, 100), Instant::now());
    offer(&mut schedule, "a", "s", 0, now);
    let first = sent(schedule.take(now)).unwrap();
    schedule.leased(&first, Some(Rank::new(0, 1, Order::BreadthFirst)), now);
    assert!(sent(schedule.take(now)).is_none());
    assert_eq!(schedule.next_due(), Some(now + Duration::from_millis(100)));
    schedule.free(&first);
    assert!(sent(schedule.take(now + Duration::from_millis(99))).is_none());
    assert!(sent(schedule.take(now + Duration::from_millis(100))).is_some());
}

#[test]
fn a_delay_without_end_holds_up_its_host_alone() {
    let mut schedule = paced(10, Some(10), Duration::MAX, &[]);
    let (now, years) = (Instant::now(), Duration::from_secs(365 * 24 * 60 * 60));
    offer(&mut schedule, "a", "s", 0, now);
    let first = sent(schedule.take(now)).unwrap();
    schedule.leased(&first, Some(Rank::new(0, 1, Order::BreadthFirst)), now);
    schedule.free(&first);
    assert!(sent(schedule.take(now + 20 * years)).is_none());
    offer(&mut schedule, "b", "s", 2, now);
    assert_eq!(&*sent(schedule.take(now)).unwrap().host, "b");
    schedule.hold("b", after(now, Duration::MAX));
    assert_eq!(schedule.save(now).len(), 2);
}

#[test]
fn what_is_not_sent_takes_its_delay_back_and_no_other() {
    let (mut schedule, now) = (schedule(10, 10, 100), Instant::now());
    let ms = |ms| now + Duration::from_millis(ms);
    let next = |nth| Some(Rank::new(0, nth, Order::BreadthFirst));
    offer(&mut schedule, "a", "s", 0, now);
    let first = sent(schedule.take(now)).unwrap();
    schedule.leased(&first, next(1), now);
    assert!(sent(schedule.take(ms(1))).is_none(), "it is closed, by a timer");
    schedule.unsent(&first);
    let second = sent(schedule.take(ms(1))).unwrap();
    schedule.leased(&second, next(2), ms(1));
    schedule.free(&second);
    assert!(sent(schedule.take(ms(100))).is_none(), "the second was sent");
    let third = sent(schedule.take(ms(101))).unwrap();
    schedule.hold("a", ms(500));
    schedule.leased(&third, next(3), ms(101));
    schedule.unsent(&third);
    assert!(sent(schedule.take(ms(499))).is_none(), "the host asked for more");
    assert!(sent(schedule.take(ms(500))).is_some());
}

#[test]
fn the_timer_of_what_is_not_sent_holds_up_nothing_longer_than_the_delay() {
    for host_concurrency in [1, 10] {
        let throttle = AutoThrottle::default().start_delay(Duration::from_millis(100));
        let mut schedule = Schedule::new(Rules {
            throttle: Some(throttle.settle().unwrap()),
            ..schedule(10, 10, 0).rules
        });
        let now = Instant::now();
        let ms = |ms| now + Duration::from_millis(ms);
        let next = |nth| Some(Rank::new(0, nth, Order::BreadthFirst));
        offer(&mut schedule, "a", "s", 0, now);
        let first = sent(schedule.take(now)).unwrap();
        schedule.leased(&first, next(1), now);
        assert!(sent(schedule.take(ms(1))).is_none(), "a timer opens it in 100 ms");
        schedule.unsent(&first);
        schedule.hosts.get_mut("a").unwrap().pace.concurrency = Some(host_concurrency);
        // It answers at once: the delay goes down to 12.5 ms.
        for _ in 0..3 {
            let seen = Observation {
                latency: Duration::ZERO,
                ok: true,
                retry_after: None,
            };
            schedule.observe("a", seen);
        }
        let second = sent(schedule.take(ms(1))).unwrap();
        schedule.leased(&second, next(2), ms(1));
        assert!(sent(schedule.take(ms(2))).is_none());
        schedule.free(&second);
        assert!(sent(schedule.take(ms(13))).is_none());
        let third = sent(schedule.take(ms(14))).unwrap();
        schedule.leased(&third, next(3), ms(14));
        assert!(sent(schedule.take(ms(15))).is_none());
        schedule.free(&third);
        // The first timer comes at a time when another is armed.
        schedule.hold("a", ms(200));
        assert!(sent(schedule.take(ms(150))).is_none());
        assert!(sent(schedule.take(ms(200))).is_some());
        assert_eq!(schedule.next_due(), None);
    }
}

#[test]
fn rules_that_expire_hold_for_what_was_taken_before() {
    let now = Instant::now();
    let mut schedule = Schedule::new(Rules {
        robots: true,
        ..schedule(10, 10, 0).rules
    });
    offer(&mut schedule, "a", "s", 0, now);
    let Turn::Robots(asked) = schedule.take(now) else {
        panic!("it asks first");
    };
    let rules = Arc::new(RobotsRules::disallow_all());
    schedule.robots_known(&asked, rules, now + Duration::from_secs(1));
    let Turn::Send(place) = schedule.take(now) else {
        panic!("it is its turn");
    };
    schedule.leased(&place, Some(Rank::new(0, 1, Order::BreadthFirst)), now);
    assert!(matches!(schedule.take(now + Duration::from_secs(2)), Turn::Robots(_)));
    assert!(!place.robots.unwrap().allows("/"));
}

#[test]
fn idle_hosts_are_forgotten_beyond_a_number() {
    let (mut schedule, now) = (schedule(10, 10, 0), Instant::now());
    for host in 0..IDLE_HOSTS as u64 + 500 {
        offer(&mut schedule, &host.to_string(), "s", host, now);
        let place = sent(schedule.take(now)).unwrap();
        schedule.free(&place);
    }
    assert!(schedule.hosts.len() <= IDLE_HOSTS + 1, "{}", schedule.hosts.len());
    for nth in 0..100 {
        offer(&mut schedule, "the same", "s", nth, now);
        let place = sent(schedule.take(now)).unwrap();
        schedule.free(&place);
    }
    assert!(
        schedule.idle.len() <= IDLE_HOSTS + 2,
        "one that comes and goes is listed once"
    );
}

/// A host with two requests below, and one that climbs from the first.
fn one_ahead(now: Instant) -> (Schedule, Place, Arc<str>) {
    let mut schedule = schedule(10, 10, 0);
    for nth in 0..2 {
        offer(&mut schedule, "a", "http", nth, now);
    }
    let first = sent(schedule.take(now)).unwrap();
    offer(&mut schedule, "a", "http", 1, now);
    offer(&mut schedule, "b", "http", 2, now);
    let (http, browser) = (schedule.session("http"), schedule.session("browser"));
    schedule.free(&first);
    let host = Arc::from("a");
    schedule.send_ahead(&host, &[http], browser, now);
    offer(&mut schedule, "a", "browser", 3, now);
    (schedule, first, host)
}

fn all_sent(schedule: &mut Schedule, now: Instant) -> Vec<(String, String)> {
    let mut all = Vec::new();
    while let Some(place) = sent(schedule.take(now)) {
        let session = schedule.session_name(place.session);
        all.push((place.host.to_string(), session.to_string()));
    }
    all
}

fn names(sent: &[(String, String)]) -> Vec<(&str, &str)> {
    sent.iter().map(|(host, session)| (&**host, &**session)).collect()
}

#[test]
fn those_of_a_host_wait_for_the_first_that_climbs_and_those_of_others_do_not() {
    let now = Instant::now();
    let (mut schedule, _, host) = one_ahead(now);
    assert_eq!(names(&all_sent(&mut schedule, now)), [("b", "http"), ("a", "browser")]);
    assert!(!schedule.is_stranded());
    schedule.came_back(&host);
    assert_eq!(names(&all_sent(&mut schedule, now)), [("a", "http")]);
    assert_eq!(schedule.next_due(), None);
    // From then on each goes for itself.
    let (http, browser) = (schedule.session("http"), schedule.session("browser"));
    schedule.send_ahead(&host, &[http], browser, now);
    offer(&mut schedule, "a", "http", 4, now);
    assert_eq!(names(&all_sent(&mut schedule, now)), [("a", "http")]);
}

#[test]
fn nobody_waits_for_ever_for_one_that_went_ahead() {
    let now = Instant::now();
    let (mut schedule, ..) = one_ahead(now);
    all_sent(&mut schedule, now);
    let due = schedule.next_due().unwrap();
    assert_eq!(due - now, Duration::from_secs(30));
    assert!(all_sent(&mut schedule, due - Duration::from_millis(1)).is_empty());
    assert_eq!(names(&all_sent(&mut schedule, due)), [("a", "http")]);

    // Nor for one whose session does not start.
    let (mut schedule, ..) = one_ahead(now);
    let browser = schedule.session("browser");
    schedule.rest_session(browser, now + Duration::from_secs(3600));
    assert_eq!(names(&all_sent(&mut schedule, now)), [("a", "http"), ("b", "http")]);
    let (host, http) = (Arc::from("b"), schedule.session("http"));
    offer(&mut schedule, "b", "http", 5, now);
    schedule.send_ahead(&host, &[http], browser, now);
    assert_eq!(names(&all_sent(&mut schedule, now)), [("b", "http")]);
}

#[test]
fn a_host_that_closes_and_opens_keeps_those_waiting_that_wait_for_one_ahead() {
    let now = Instant::now();
    let (mut schedule, _, host) = one_ahead(now);
    schedule.hold("a", now + Duration::from_secs(1));
    assert_eq!(names(&all_sent(&mut schedule, now)), [("b", "http")]);
    let later = now + Duration::from_secs(2);
    assert_eq!(names(&all_sent(&mut schedule, later)), [("a", "browser")]);
    schedule.came_back(&host);
    assert_eq!(names(&all_sent(&mut schedule, later)), [("a", "http")]);
}
