use std::collections::BTreeSet;

use super::*;
use proptest::prelude::*;

fn proxy(number: u8) -> Proxy {
    format!("http://10.0.0.{number}:3128").parse().unwrap()
}

fn roster(places: &[Option<usize>], assign: Assign) -> Roster {
    let slots = places.iter().enumerate().map(|(index, places)| {
        let proxy = Some(proxy(u8::try_from(index % 2).unwrap()));
        let member = Member::new(format!("one-{index}"), index + 1, 1, 0, proxy);
        let hash = hash_of(member.name());
        Slot::new(member, None, None, *places, hash)
    });
    let mut roster = Roster::new(slots.collect(), assign, None, None);
    roster.open();
    roster
}

fn seat(turn: Turn) -> Option<usize> {
    match turn {
        Turn::Seat(index) => Some(index),
        _ => None,
    }
}

#[test]
fn those_that_wait_are_served_in_the_order_they_came_whatever_they_wait_for() {
    let mut roster = roster(&[Some(1), Some(1)], Assign::Spread);
    let now = Instant::now();
    let any = Want::default();
    let first = Want {
        only: Some(0),
        ..Want::default()
    };
    assert_eq!(seat(roster.take(&any, None, now)), Some(0));
    assert_eq!(seat(roster.take(&any, None, now)), Some(1));
    let mut waits = [&first, &any, &first, &any].map(|want| match roster.take(want, None, now) {
        Turn::Wait(wait) => wait,
        _ => panic!("both are busy"),
    });
    let mut served = Vec::new();
    for released in [1, 0, 0, 0] {
        roster.release(released, now);
        for (number, wait) in waits.iter_mut().enumerate() {
            if let Ok(told) = wait.told.try_recv() {
                assert_eq!(told, Told::Seat(released));
                served.push(number);
            }
        }
    }
    assert_eq!(served, [1, 0, 2, 3]);
}

#[test]
fn a_key_goes_back_to_the_slot_that_was_resting() {
    let mut roster = roster(&[None; 6], Assign::Spread);
    let now = Instant::now();
    let want = Want {
        key: Some(hash_of("shop.test")),
        ..Want::default()
    };
    let home = seat(roster.take(&want, None, now)).unwrap();
    roster.rest(home, now + Duration::from_secs(10), Why::New);
    let other = seat(roster.take(&want, None, now)).unwrap();
    assert_ne!(other, home);
    assert_eq!(
        seat(roster.take(&want, None, now + Duration::from_secs(10))),
        Some(home)
    );
}

#[test]
fn a_text_is_the_number_that_it_was_with_every_version() {
    // The beginning of what `printf %s TEXT | sha256sum` says.
    assert_eq!(hash_of(""), 0xe3b0_c442_98fc_1c14);
    assert_eq!(hash_of("shop.test"), 0x54ec_2ffb_ae26_bbf4);
    assert_eq!(hash_of("identity-001"), 0xf4b3_f3eb_1302_49c4);
}

#[test]
fn a_key_has_the_identity_that_it_had_with_every_version() {
    let mut roster = roster(&[None; 6], Assign::Spread);
    let now = Instant::now();
    let mut home = |key: &str| {
        let key = Some(hash_of(key));
        seat(roster.take(&Want { key, ..Want::default() }, None, now)).unwrap()
    };
    let keys = [
        "shop.test",
        "www.shop.test",
        "127.0.0.1",
        "customer 7",
        "customer 8",
        "",
    ];
    assert_eq!(keys.map(&mut home), [1, 2, 5, 3, 4, 1]);
}

#[test]
fn a_key_that_is_called_like_an_identity_is_a_key_like_any() {
    let own = (0..1_000).map(|number| hash_of(&format!("account-{number}")));
    let bids: BTreeSet<_> = own.map(|hash| bid(hash, hash)).collect();
    assert_eq!(bids.len(), 1_000);
    let high = bids.iter().filter(|&&bid| bid > u64::MAX / 2).count();
    assert!((400..600).contains(&high), "{high} of 1000 bid more than half");
}

#[test]
fn a_wait_for_resting_slots_knows_when_the_first_is_back() {
    let mut roster = roster(&[None; 2], Assign::Spread);
    let now = Instant::now();
    roster.rest(0, now + Duration::from_secs(9), Why::New);
    roster.rest(1, now + Duration::from_secs(4), Why::New);
    let Turn::Wait(wait) = roster.take(&Want::default(), None, now) else {
        panic!("all rest")
    };
    assert_eq!((wait.back, wait.all_rest), (Some(now + Duration::from_secs(4)), true));
}

#[test]
fn one_that_waits_with_its_key_for_a_proxy_asks_again_when_the_slot_is_bound_to_another() {
    let mut roster = roster(&[Some(1), Some(1)], Assign::Spread);
    let now = Instant::now();
    let want = Want {
        only: None,
        proxy: Some(proxy(0)),
        key: Some(7),
    };
    assert_eq!(seat(roster.take(&want, None, now)), Some(0));
    let Turn::Wait(mut wait) = roster.take(&want, None, now) else {
        panic!("it is busy")
    };
    roster.end(0, Ending::Retire(Cause::Asked));
    roster.release(0, now);
    roster.succeed(0, Member::new("one-0".into(), 1, 2, 0, Some(proxy(1))));
    roster.grant(0, now);
    assert_eq!(wait.told.try_recv(), Ok(Told::Again));
    assert!(matches!(roster.take(&want, Some(wait.ticket), now), Turn::Never));
}

/// What can happen to a roster.
#[derive(Clone, Debug)]
enum Step {
    /// Somebody asks: for any slot, for one, for one by its key, for one by its proxy.
    Ask {
        only: Option<usize>,
        key: Option<u64>,
        proxy: Option<u8>,
    },
    /// The n-th of those that have a place gives it back.
    Return(usize),
    /// The n-th of those that wait gives up.
    GiveUp(usize),
    /// A slot rests for so many seconds.
    Rest(usize, u64),
    /// Seconds pass, and those whose wait for somebody's return is over ask again.
    Pass(u64),
    /// A slot is retired, and another identity, bound to this proxy, takes its place.
    Retire(usize, u8),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (prop::option::weighted(0.2, 0..4_usize), prop::option::weighted(0.3, 0..9_u64), prop::option::weighted(0.2, 0..2_u8))
            .prop_map(|(only, key, proxy)| Step::Ask { only, key: key.filter(|_| only.is_none()), proxy }),
        4 => (0..20_usize).prop_map(Step::Return),
        2 => (0..20_usize).prop_map(Step::GiveUp),
        1 => (0..4_usize, 1..5_u64).prop_map(|(slot, seconds)| Step::Rest(slot, seconds)),
        1 => (1..5_u64).prop_map(Step::Pass),
        1 => (0..4_usize, 0..2_u8).prop_map(|(slot, proxy)| Step::Retire(slot, proxy)),
    ]
}

/// A request, as the roster's user sees it.
struct Asker {
    want: Want,
    wait: Wait,
}

struct Play {
    roster: Roster,
    now: Instant,
    seated: Vec<usize>,
    askers: Vec<Asker>,
    /// What the next identity of a slot is bound to.
    next_proxy: [u8; 4],
}

impl Play {
    fn ask(&mut self, want: Want, ticket: Option<u64>) {
        match self.roster.take(&want, ticket, self.now) {
            Turn::Seat(index) => self.sit(&want, index),
            Turn::Wait(wait) => self.askers.push(Asker { want, wait }),
            Turn::Never => {}
        }
    }

    fn sit(&mut self, want: &Want, index: usize) {
        assert!(
            want.admits(index, &self.roster.slots[index]),
            "slot {index} is not what was asked for: {want:?}"
        );
        self.seated.push(index);
    }

    /// Hears what those that wait have been told, until nobody is told anything any more.
    fn listen(&mut self) {
        loop {
            let heard = self
                .askers
                .iter_mut()
                .enumerate()
                .find_map(|(at, asker)| Some((at, asker.wait.told.try_recv().ok()?)));
            let Some((at, told)) = heard else { return };
            let asker = self.askers.remove(at);
            match told {
                Told::Seat(index) => self.sit(&asker.want, index),
                Told::Again => self.ask(asker.want, Some(asker.wait.ticket)),
            }
        }
    }

    /// What a task of the pool would do.
    fn end_what_is_due(&mut self) {
        for due in std::mem::take(&mut self.roster.due) {
            let member = Arc::clone(&self.roster.slots[due.index].member);
            let next = Member::new(
                member.name().to_owned(),
                due.index + 1,
                member.generation() + 1,
                0,
                Some(proxy(self.next_proxy[due.index])),
            );
            self.roster.succeed(due.index, next);
            self.roster.grant(due.index, self.now);
        }
    }

    fn check(&self) {
        for (index, slot) in self.roster.slots.iter().enumerate() {
            let seated = self.seated.iter().filter(|&&seat| seat == index).count();
            assert_eq!(
                slot.in_flight, seated,
                "slot {index} has as many places taken as there are requests in it"
            );
            assert!(
                slot.places.is_none_or(|places| seated <= places),
                "slot {index} is overfull"
            );
        }
        assert_eq!(
            self.roster.queue(),
            self.askers.len(),
            "those that wait are those in the queue"
        );
        for asker in &self.askers {
            let could = self.roster.slots.iter().enumerate().any(|(index, slot)| {
                asker.want.key.is_none() && asker.want.admits(index, slot) && slot.is_free(self.now)
            });
            assert!(!could, "nobody waits while there is a place for it: {:?}", asker.want);
        }
    }
}

proptest! {
    /// Whatever happens, no place is lost or given twice, and nobody waits in vain.
    #[test]
    fn no_place_is_lost(steps in prop::collection::vec(step(), 1..200)) {
        let places = [Some(1), Some(2), Some(3), Some(1)];
        let mut play = Play { roster: roster(&places, Assign::Spread), now: Instant::now(), seated: Vec::new(), askers: Vec::new(), next_proxy: [0; 4] };
        for step in steps {
            match step {
                Step::Ask { only, key, proxy } => {
                    play.ask(Want { only, proxy: proxy.map(super::tests::proxy), key }, None);
                }
                Step::Return(nth) if !play.seated.is_empty() => {
                    let index = play.seated.swap_remove(nth % play.seated.len());
                    play.roster.release(index, play.now);
                }
                Step::GiveUp(nth) if !play.askers.is_empty() => {
                    let mut asker = play.askers.swap_remove(nth % play.askers.len());
                    play.roster.forget(asker.wait.ticket, &mut asker.wait.told, play.now);
                }
                Step::Rest(index, seconds) => play.roster.rest(index, play.now + Duration::from_secs(seconds), Why::New),
                Step::Pass(seconds) => {
                    play.now += Duration::from_secs(seconds);
                    let back = |asker: &Asker, now| asker.wait.back.is_some_and(|back| back <= now);
                    while let Some(at) = play.askers.iter().position(|asker| back(asker, play.now)) {
                        let mut asker = play.askers.remove(at);
                        play.roster.forget(asker.wait.ticket, &mut asker.wait.told, play.now);
                        play.ask(asker.want, Some(asker.wait.ticket));
                    }
                }
                Step::Retire(index, proxy) => {
                    play.next_proxy[index] = proxy;
                    play.roster.end(index, Ending::Retire(Cause::Asked));
                }
                Step::Return(_) | Step::GiveUp(_) => {}
            }
            play.end_what_is_due();
            play.listen();
            play.check();
        }
        // All go: every place is free again, and all that waited are served or told.
        play.now += Duration::from_secs(60);
        for _ in 0..1_000 {
            let Some(index) = play.seated.pop() else { break };
            play.roster.release(index, play.now);
            play.end_what_is_due();
            play.listen();
        }
        prop_assert!(play.roster.slots.iter().all(|slot| slot.in_flight == 0));
    }
}
