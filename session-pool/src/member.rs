//! Who a session of the pool is.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use silkroute_core::Proxy;

/// Who a session of the pool is: what the closure that makes the session goes by.
///
/// One place in the pool has one name for good. When its identity is retired, the next one in that place has the same name
/// and number, a new [`generation`](Self::generation), and with it other choices of [`pick`](Self::pick) and perhaps another proxy.
pub struct Member {
    name: String,
    number: usize,
    generation: u32,
    seed: u64,
    proxy: Option<Proxy>,
    /// Whether anybody has asked for the proxy: who builds a session and does not would build one that goes out without.
    asked: AtomicBool,
}

impl Member {
    pub(crate) fn new(name: String, number: usize, generation: u32, seed: u64, proxy: Option<Proxy>) -> Self {
        Self {
            name,
            number,
            generation,
            seed,
            proxy,
            asked: AtomicBool::new(false),
        }
    }

    /// Its name: the one it was given, or `identity-001` and so on.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its place in the pool, from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// How many identities had this place before, and this one: the first is 1.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The proxy that all its requests go through, if the pool has proxies. Whoever makes its session hands it to the
    /// session's builder; a pool with proxies refuses a session whose maker has not asked for it, and an identity whose responses
    /// did not come through it sends nothing more.
    pub fn proxy(&self) -> Option<&Proxy> {
        self.asked.store(true, Ordering::Relaxed);
        self.proxy.as_ref()
    }

    /// One of these, at random, and the same one whenever this identity is made anew: after a crash, and tomorrow, where the pool
    /// has a directory. For whatever tells identities apart: `member.pick(["chrome", "firefox", "safari"])`.
    ///
    /// Which one it is depends on how many there are and on their order, and on nothing else.
    #[expect(
        clippy::expect_used,
        reason = "the remainder of a division is smaller than the divisor"
    )]
    pub fn pick<T, const N: usize>(&self, from: [T; N]) -> T {
        const { assert!(N > 0, "there must be something to pick from") };
        let index = self.index(N, 0);
        from.into_iter().nth(index).expect("an index below the length")
    }

    /// An index below `len`, which is not 0; `salt` tells several choices of one identity apart.
    pub(crate) fn index(&self, len: usize, salt: u64) -> usize {
        let bits = mixed(self.seed ^ mixed(salt));
        usize::try_from(bits % u64::try_from(len.max(1)).unwrap_or(u64::MAX)).unwrap_or(0)
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// The proxy, without it counting as asked for.
    pub(crate) fn bound_to(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// Whether a session made for it can go through its proxy, as far as one can tell.
    pub(crate) fn proxy_was_asked_for(&self) -> bool {
        self.proxy.is_none() || self.asked.load(Ordering::Relaxed)
    }

    /// As `name`, or `name (generation 3)`.
    pub(crate) fn label(&self) -> String {
        match self.generation {
            1 => self.name.clone(),
            later => format!("{} (generation {later})", self.name),
        }
    }
}

/// Shows the proxy without credentials.
impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("name", &self.name)
            .field("generation", &self.generation)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}

/// The finish of SplitMix64, <https://prng.di.unimi.it/splitmix64.c>: every bit of the input moves every bit of the output.
pub(crate) fn mixed(bits: u64) -> u64 {
    let bits = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(seed: u64) -> Member {
        Member::new("a".into(), 1, 1, seed, None)
    }

    #[test]
    fn a_choice_stays_and_all_are_chosen() {
        let browsers = ["chrome", "firefox", "safari"];
        for seed in 0..50 {
            assert_eq!(member(seed).pick(browsers), member(seed).pick(browsers));
        }
        for browser in browsers {
            assert!((0..50).any(|seed| member(seed).pick(browsers) == browser), "{browser}");
        }
    }

    #[test]
    fn a_choice_is_what_it_was_with_every_version() {
        // What SplitMix64 begins with after the seed 0.
        assert_eq!(mixed(0), 0xe220_a839_7b1d_cdaf);
        let picked = [0, 1, 2, 3, u64::MAX].map(|seed| member(seed).pick(["chrome", "firefox", "safari"]));
        assert_eq!(picked, ["chrome", "firefox", "firefox", "safari", "safari"]);
        assert_eq!(
            [0, 1, 2, 3].map(|salt| member(4711).index(1_000, salt)),
            [921, 217, 952, 908]
        );
    }

    #[test]
    fn several_choices_of_one_identity_do_not_go_together() {
        let same = (0..1_000)
            .filter(|&seed| member(seed).index(2, 1) == member(seed).index(2, 2))
            .count();
        assert!((400..600).contains(&same), "{same}");
    }

    #[test]
    fn a_proxy_that_nobody_asked_for_is_noticed() {
        let bound = Member::new("a".into(), 1, 1, 0, Some("http://u:hush@h:1".parse().unwrap()));
        assert!(!bound.proxy_was_asked_for());
        assert!(!format!("{bound:?}").contains("hush"));
        assert!(bound.proxy().is_some() && bound.proxy_was_asked_for());
    }
}
