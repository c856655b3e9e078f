use super::*;
use proptest::prelude::*;

fn proxy(index: usize) -> Proxy {
    format!("http://10.0.0.{index}:3128").parse().unwrap()
}

fn pool(size: usize) -> ProxyPool {
    ProxyPool::new((0..size).map(proxy)).unwrap()
}

fn sticky(proxies: &[&str]) -> ProxyPool {
    let proxies = proxies.iter().map(|text| text.parse().unwrap());
    ProxyPool::new(proxies).unwrap().rotation(Rotation::Sticky)
}

fn fail(pool: &ProxyPool, index: usize, times: u32, now: Instant) {
    for _ in 0..times {
        pool.report_at(&proxy(index), Outcome::Failed, now);
    }
}

#[test]
fn an_empty_pool_and_a_proxy_given_twice_are_refused() {
    let empty = ProxyPool::new([]).unwrap_err().to_string();
    assert!(empty.contains("empty"), "{empty}");
    let twice = ["http://u:hush@h:1", "http://u:hush@h:1"].map(|text| text.parse().unwrap());
    let told = ProxyPool::new(twice).unwrap_err().to_string();
    assert!(told.contains("http://h:1") && !told.contains("hush"), "{told}");
    let users = ["http://a:x@h:1", "http://b:x@h:1"].map(|text| text.parse().unwrap());
    assert_eq!(ProxyPool::new(users).unwrap().len(), 2, "another user is another proxy");
}

#[test]
fn a_proxy_that_is_left_out_says_for_how_long() {
    let pool = pool(2);
    assert_eq!(pool.cooling_for(&proxy(0)), None);
    fail(&pool, 0, 3, Instant::now());
    let left = pool.cooling_for(&proxy(0)).unwrap();
    assert!(
        left > Duration::from_secs(5) && left <= Duration::from_secs(10),
        "{left:?}"
    );
    assert_eq!(pool.cooling_for(&proxy(1)), None);
    assert_eq!(pool.cooling_for(&proxy(9)), None, "of another pool");
    pool.report(&proxy(0), true);
    assert_eq!(pool.cooling_for(&proxy(0)), None);
}

#[test]
fn a_proxy_may_be_left_out_for_good() {
    let pool = pool(2).cooldown(Duration::MAX, Duration::MAX);
    fail(&pool, 0, 3, Instant::now());
    assert!(pool.cooling_for(&proxy(0)).is_some());
    assert_eq!([pool.pick(None), pool.pick(None)], [proxy(1), proxy(1)]);
}

#[test]
fn a_failing_proxy_is_left_out_and_comes_back() {
    let pool = pool(2).cooldown(Duration::from_secs(10), Duration::from_secs(60));
    let start = Instant::now();
    fail(&pool, 0, 2, start);
    assert_eq!(pool.pick_at(None, start), proxy(0), "two failures are not enough");
    fail(&pool, 0, 1, start);
    for _ in 0..5 {
        assert_eq!(pool.pick_at(None, start + Duration::from_secs(9)), proxy(1));
    }
    let back = start + Duration::from_secs(10);
    let picked = [pool.pick_at(None, back), pool.pick_at(None, back)];
    assert!(picked.contains(&proxy(0)), "{picked:?}");
    fail(&pool, 0, 1, back);
    assert_eq!(
        pool.pick_at(None, back + Duration::from_secs(19)),
        proxy(1),
        "the second time costs twice as much"
    );
    pool.report_at(&proxy(0), Outcome::Worked, back);
    let health = pool.health();
    assert_eq!(
        (health[0].successes, health[0].failures, health[0].consecutive_failures),
        (1, 4, 0)
    );
    assert_eq!(health[0].cooling_for, None);
}

#[test]
fn a_burst_of_failures_is_one() {
    let pool = pool(2).cooldown(Duration::from_secs(10), Duration::from_secs(3_600));
    let start = Instant::now();
    fail(&pool, 0, 50, start);
    let back = start + Duration::from_secs(10);
    assert!([pool.pick_at(None, back), pool.pick_at(None, back)].contains(&proxy(0)));
    assert_eq!(pool.health()[0].failures, 50);
}

#[test]
fn when_all_are_left_out_it_is_the_one_that_comes_back_first() {
    let start = Instant::now();
    for rotation in [Rotation::Cyclic, Rotation::Random, Rotation::Sticky] {
        let pool = pool(3).rotation(rotation);
        for (index, after) in [(0, 3), (1, 1), (2, 2)] {
            fail(&pool, index, 3, start + Duration::from_secs(after));
        }
        assert_eq!(
            pool.pick_at(Some("h"), start + Duration::from_secs(4)),
            proxy(1),
            "{rotation:?}"
        );
    }
}

fn tell(pool: &ProxyPool, index: usize, outcomes: impl IntoIterator<Item = Outcome>, now: Instant) {
    for outcome in outcomes {
        pool.report_at(&proxy(index), outcome, now);
    }
}

/// Until when a proxy is left out.
fn until(pool: &ProxyPool, index: usize) -> Option<Instant> {
    pool.state().health[index].until()
}

#[test]
fn a_proxy_that_fails_most_of_the_time_is_left_out_with_no_row_of_failures() {
    let often = [Outcome::Failed, Outcome::Failed, Outcome::Worked];
    let seldom = [Outcome::Failed, Outcome::Worked, Outcome::Worked];
    let start = Instant::now();
    let pool = pool(3);
    tell(&pool, 0, often.into_iter().cycle().take(30), start);
    tell(&pool, 1, seldom.into_iter().cycle().take(3_000), start);
    assert_eq!(until(&pool, 0), Some(start + Duration::from_secs(10)));
    assert_eq!(until(&pool, 1), None, "one that works most of the time stays");
    assert!(pool.health()[0].consecutive_failures < 3);
    assert_ne!(pool.pick_at(None, start), proxy(0));
}

#[test]
fn one_that_fails_most_of_the_time_comes_back_for_good_when_it_works_most_of_the_time() {
    let pool = pool(1);
    let start = Instant::now();
    // What was under way when it was left out does not bring it back.
    tell(
        &pool,
        0,
        [Outcome::Failed, Outcome::Failed, Outcome::Worked]
            .into_iter()
            .cycle()
            .take(60),
        start,
    );
    assert_eq!(until(&pool, 0), Some(start + Duration::from_secs(10)));
    let mut back = start + Duration::from_secs(10);
    for (outcomes, seconds) in [(&[Outcome::Failed][..], 20), (&[Outcome::Worked, Outcome::Failed], 40)] {
        tell(&pool, 0, outcomes.iter().copied(), back);
        let later = back + Duration::from_secs(seconds);
        assert_eq!(until(&pool, 0), Some(later), "twice as long, one success or not");
        back = later;
    }
    tell(&pool, 0, [Outcome::Worked; 10], back);
    assert_eq!(until(&pool, 0), None);
    fail(&pool, 0, 2, back);
    assert_eq!(until(&pool, 0), None, "it has to fail in a row again");
    fail(&pool, 0, 1, back);
    assert_eq!(until(&pool, 0), Some(back + Duration::from_secs(10)));
}

#[test]
fn a_row_that_is_allowed_is_not_most_of_the_time() {
    for allowed in [2_u32, 5, 6, 7, 20, 1_000] {
        let pool = pool(1).max_failures(allowed.try_into().unwrap());
        let now = Instant::now();
        tell(&pool, 0, [Outcome::Worked; 3], now);
        fail(&pool, 0, allowed - 1, now);
        assert_eq!(until(&pool, 0), None, "{allowed}");
        fail(&pool, 0, 1, now);
        assert!(until(&pool, 0).is_some(), "{allowed}");
    }
}

#[test]
fn blocks_cost_score_and_work_and_never_all_of_it() {
    let now = Instant::now();
    for rotation in [Rotation::Cyclic, Rotation::Random] {
        let pool = pool(4).rotation(rotation);
        fail(&pool, 2, 2, now);
        tell(&pool, 2, [Outcome::Blocked; 500], now);
        let health = pool.health().remove(2);
        assert_eq!((health.blocks, health.failures, health.successes), (500, 2, 0));
        assert_eq!(
            (health.consecutive_failures, health.cooling_for),
            (0, None),
            "a block is no failure"
        );
        assert!(health.score < 0.01, "{health:?}");
        let picked: Vec<_> = (0..3_100).map(|_| pool.pick_at(None, now)).collect();
        let share = |index| picked.iter().filter(|picked| **picked == proxy(index)).count();
        // A tenth of what each of the others gets; at random less six standard deviations.
        let (least, most) = if rotation == Rotation::Random {
            (40, 160)
        } else {
            (99, 101)
        };
        assert!((least..=most).contains(&share(2)), "{rotation:?}: {}", share(2));
        tell(&pool, 2, [Outcome::Worked; 200], now);
        assert!(pool.health()[2].score > 0.999);
    }
    let all_blocked = pool(2);
    for index in 0..2 {
        tell(&all_blocked, index, [Outcome::Blocked; 20_000], now);
    }
    let picked: [Proxy; 4] = std::array::from_fn(|_| all_blocked.pick_at(None, now));
    assert_eq!(picked, [0, 1, 0, 1].map(proxy), "who blocks everybody prefers nobody");
}

#[test]
fn a_low_score_moves_no_key() {
    let pool = pool(5).rotation(Rotation::Sticky);
    let now = Instant::now();
    let keys: Vec<_> = (0..100).map(|index| format!("host-{index}.test")).collect();
    let homes = || -> Vec<_> { keys.iter().map(|key| pool.pick_at(Some(key), now)).collect() };
    let before = homes();
    tell(&pool, 2, [Outcome::Blocked; 100], now);
    assert_eq!(homes(), before);
}

#[test]
fn the_others_keep_their_order_where_one_passes_turns_on() {
    let pool = pool(4);
    let now = Instant::now();
    tell(&pool, 1, [Outcome::Blocked; 9], now);
    let picked: Vec<_> = (0..400).map(|_| pool.pick_at(None, now)).collect();
    let weak = picked.iter().filter(|picked| **picked == proxy(1)).count();
    assert!((40..70).contains(&weak), "{weak} of 400");
    let others: Vec<_> = picked.into_iter().filter(|picked| *picked != proxy(1)).collect();
    let in_turn = [0, 2, 3].map(proxy).into_iter().cycle();
    assert!(others.into_iter().zip(in_turn).all(|(picked, due)| picked == due));
}

#[test]
fn health_is_shared_by_clones() {
    let one = pool(2);
    let other = one.clone().rotation(Rotation::Random);
    fail(&one, 1, 3, Instant::now());
    assert!(other.health()[1].cooling_for.is_some());
    other.report(&"http://elsewhere.test:1".parse().unwrap(), false);
}

#[test]
fn when_a_proxy_is_out_only_its_keys_move() {
    let pool = pool(5).rotation(Rotation::Sticky);
    let start = Instant::now();
    let keys: Vec<_> = (0..500).map(|index| format!("host-{index}.test")).collect();
    let before: Vec<_> = keys.iter().map(|key| pool.pick_at(Some(key), start)).collect();
    fail(&pool, 2, 3, start);
    for (key, before) in keys.iter().zip(&before) {
        let after = pool.pick_at(Some(key), start);
        assert!(
            after == *before || *before == proxy(2),
            "{key} moved from {before} to {after}"
        );
        assert_ne!(after, proxy(2));
        assert_eq!(
            pool.pick_at(Some(key), start + Duration::from_secs(10)),
            *before,
            "{key} comes home"
        );
    }
    for index in 0..5 {
        let share = before.iter().filter(|picked| **picked == proxy(index)).count();
        assert!((60..140).contains(&share), "proxy {index} has {share} of 500 keys");
    }
}

#[test]
fn a_text_is_the_number_that_it_was_with_every_version() {
    // The beginning of what `printf %s TEXT | sha1sum` says.
    assert_eq!(hash_of(""), 0xda39_a3ee_5e6b_4b0d);
    assert_eq!(hash_of("shop.test"), 0x3207_979f_0fc3_32d8);
}

#[test]
fn a_key_has_the_proxy_that_it_had_with_every_version() {
    let proxies = [
        "http://10.0.0.1:3128",
        "https://user:secret@10.0.0.1",
        "socks5://other:secret@[::1]",
        "socks5h://proxy.test:9050",
    ];
    let pool = sticky(&proxies);
    let keys = [
        "shop.test",
        "www.shop.test",
        "127.0.0.1",
        "xn--bcher-kva.test",
        "[::1]",
        "customer 7",
    ];
    let homes = keys.map(|key| pool.proxies().position(|proxy| *proxy == pool.pick(Some(key))));
    assert_eq!(homes, [1, 1, 3, 2, 1, 3].map(Some));
}

#[test]
fn a_new_password_moves_no_key_and_proxies_that_only_it_tells_apart_share_them() {
    let keys: Vec<_> = (0..500).map(|index| format!("host-{index}.test")).collect();
    let homes = |pool: &ProxyPool| -> Vec<_> {
        let home = |key: &String| pool.proxies().position(|proxy| *proxy == pool.pick(Some(key)));
        keys.iter().filter_map(home).collect()
    };
    let old = [
        "http://a:old@h:1",
        "http://b:old@h:1",
        "http://a:fr@i:1",
        "http://a:de@i:1",
        "http://i:1",
    ];
    let before = homes(&sticky(&old));
    let new = [
        "http://a:new@h:1",
        "http://b@h:1",
        "http://a:fr@i:1",
        "http://a:it@i:1",
        "http://:p@i:1",
    ];
    assert_eq!(homes(&sticky(&new)), before);
    for (index, proxy) in old.iter().enumerate() {
        let share = before.iter().filter(|&&home| home == index).count();
        assert!((60..140).contains(&share), "{proxy} has {share} of 500 keys");
    }
}

#[test]
fn every_form_at_rest_is_read() {
    let list: ProxyPool = serde_json::from_str(r#"["http://a:1", {"server": "b:2"}]"#).unwrap();
    assert_eq!(list.len(), 2);
    let text = r#"{"proxies": ["http://a:1"], "rotation": "sticky", "cooldown": "1s", "max_cooldown": "1m", "max_failures": 5}"#;
    let object: ProxyPool = serde_json::from_str(text).unwrap();
    assert_eq!((object.rotation, object.max_failures.get()), (Rotation::Sticky, 5));
    assert_eq!(
        (object.base, object.max),
        (Duration::from_secs(1), Duration::from_secs(60))
    );
    let again: ProxyPool = toml::from_str(&toml::to_string(&object).unwrap()).unwrap();
    assert_eq!(again.rotation, Rotation::Sticky);
    let refusal = |text: &str| serde_json::from_str::<ProxyPool>(text).unwrap_err().to_string();
    assert!(refusal("[]").contains("empty"));
    assert!(refusal(r#"{"proxies": ["http://a:1"], "rotate": 1}"#).contains("`rotation`"));
    assert!(refusal(r#"{"proxies": ["http://a:1"], "max_failures": 0}"#).contains("nonzero"));
    assert!(refusal("3").contains("list of proxies"));
}

#[test]
fn debug_shows_no_credentials() {
    let pool = ProxyPool::new(["http://user:hush@h:1".parse().unwrap()]).unwrap();
    let shown = format!("{pool:?} {:?}", pool.health());
    assert!(shown.contains("http://h:1") && !shown.contains("hush"), "{shown}");
}

proptest! {
    #[test]
    fn the_healthy_ones_share_the_work_evenly(
        mut health in prop::collection::vec(any::<bool>(), 1..8),
        lucky in any::<prop::sample::Index>(),
        random in any::<bool>(),
    ) {
        *lucky.get_mut(&mut health) = true;
        let rotation = if random { Rotation::Random } else { Rotation::Cyclic };
        let pool = pool(health.len()).rotation(rotation);
        let now = Instant::now();
        let healthy: Vec<_> = (0..health.len()).filter(|&index| health[index]).collect();
        for index in (0..health.len()).filter(|&index| !health[index]) {
            fail(&pool, index, 3, now);
        }
        let rounds = 400;
        let mut counts = HashMap::new();
        for _ in 0..rounds * healthy.len() {
            *counts.entry(pool.pick_at(Some("key"), now)).or_insert(0_usize) += 1;
        }
        prop_assert_eq!(counts.len(), healthy.len());
        for index in healthy {
            let count = counts[&proxy(index)];
            // Six standard deviations of a fair choice are 120 of 400.
            prop_assert!(count.abs_diff(rounds) <= if random { 120 } else { 0 }, "{count} of {rounds}");
        }
    }

    #[test]
    fn whatever_is_told_of_it_a_proxy_has_a_score_from_0_to_1_and_one_is_picked(
        told in prop::collection::vec((0..3_usize, 0..3_u8, 0..30_u64), 0..300),
        rotation in 0..3_u8,
    ) {
        let rotation = [Rotation::Cyclic, Rotation::Random, Rotation::Sticky][usize::from(rotation)];
        let pool = pool(3).rotation(rotation);
        let mut now = Instant::now();
        for (index, outcome, later) in told {
            now += Duration::from_secs(later);
            let outcome = [Outcome::Worked, Outcome::Blocked, Outcome::Failed][usize::from(outcome)];
            pool.report_at(&proxy(index), outcome, now);
            for health in pool.health() {
                prop_assert!((0.0..=1.0).contains(&health.score), "{health:?}");
            }
            let cooling = |index: usize| pool.state().health[index].is_cooling(now);
            let left_out = [0, 1, 2].map(cooling);
            if left_out.contains(&false) {
                let picked = pool.pick_at(None, now);
                let index = (0..3).find(|&index| proxy(index) == picked);
                prop_assert!(index.is_some_and(|index| !left_out[index]), "{picked} of {left_out:?}");
            }
        }
    }
}
