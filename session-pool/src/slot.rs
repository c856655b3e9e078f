//! One place of the pool: the identity that has it now, and its session.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use silkroute_core::{Error, Result, Session};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::Member;
use crate::settings::STABLE_AFTER;

/// Makes the session of a member.
pub(crate) type Maker = Arc<dyn Fn(&Member) -> Result<Box<dyn Session>> + Send + Sync>;
/// A live session, shared by the fetches that run on it. Only leases hold clones, so that whoever finds no lease can have it whole.
pub(crate) type Live = Arc<Box<dyn Session>>;
/// How a start came out, once it has.
pub(crate) type Outcome = watch::Receiver<Option<Result<()>>>;

/// Where a slot's session is.
pub(crate) enum Phase {
    /// Not started; there, or to be made.
    Idle(Option<Box<dyn Session>>),
    /// With the task that starts it.
    Starting(Outcome),
    /// Ready.
    Alive(Live),
    /// With the task that ends it.
    Ending,
    /// Gone for good, and so is the slot.
    Gone(Cause),
}

/// What becomes of a slot when its last fetch has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The session died: the same identity starts again.
    Revive,
    /// The identity is done with: another takes the place, if there is a maker.
    Retire(Cause),
}

/// Why an identity is retired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    Blocked,
    Usage,
    Age,
    Starts,
    Asked,
    Astray,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blocked => "it was blocked too often in a row",
            Self::Usage => "it has sent as many requests as it may",
            Self::Age => "it has come of age",
            Self::Starts => "it did not start, several times in a row",
            Self::Asked => "it was asked to",
            Self::Astray => "it did not go through its proxy",
        })
    }
}

/// Why an identity sends nothing for now, and until when.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    pub(crate) until: Instant,
    pub(crate) why: Why,
}

#[derive(Clone, Debug)]
pub(crate) enum Why {
    /// Its proxy is left out.
    Proxy,
    /// It did not start.
    Start(Error),
    /// It is new, and the pool lets new ones rest first.
    New,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proxy => f.write_str("its proxy failed"),
            Self::Start(error) => write!(f, "it did not start: {error}"),
            Self::New => f.write_str("it took the place of one that was retired"),
        }
    }
}

/// One place of the pool.
pub(crate) struct Slot {
    pub(crate) member: Arc<Member>,
    /// `None`: the slot has the one session that it was given.
    pub(crate) maker: Option<Maker>,
    pub(crate) phase: Phase,
    pub(crate) ending: Option<Ending>,
    pub(crate) rest: Option<Rest>,
    /// How many fetches it serves at once; `None`: any number.
    pub(crate) places: Option<usize>,
    /// How many places are taken.
    pub(crate) in_flight: usize,
    /// How many others, who save its state, hold its session.
    pub(crate) held: usize,
    /// How many requests this identity was given.
    pub(crate) taken: u64,
    pub(crate) blocked: u64,
    pub(crate) blocked_in_a_row: u32,
    pub(crate) failed_starts: u32,
    /// How many starts in a row, but for those that failed before they could tell, ended in that it is not valid.
    pub(crate) invalid_starts: u32,
    /// When its session was last ready.
    pub(crate) ready: Option<Instant>,
    pub(crate) born: SystemTime,
    /// When it last got a request, counted in requests.
    pub(crate) last_turn: u64,
    /// When its state was last on its way to disk, if that is not now.
    pub(crate) saved: Option<Instant>,
    /// Whether anything of it is on disk.
    pub(crate) kept: bool,
    /// Whether its state on disk, or that there is none, has been looked at.
    pub(crate) restored: bool,
    /// Its name as a number, which bids for keys.
    pub(crate) hash: u64,
}

impl Slot {
    pub(crate) fn new(
        member: Member,
        maker: Option<Maker>,
        session: Option<Box<dyn Session>>,
        places: Option<usize>,
        hash: u64,
    ) -> Self {
        Self {
            member: Arc::new(member),
            maker,
            phase: Phase::Idle(session),
            ending: None,
            rest: None,
            places,
            in_flight: 0,
            held: 0,
            taken: 0,
            blocked: 0,
            blocked_in_a_row: 0,
            failed_starts: 0,
            invalid_starts: 0,
            ready: None,
            born: SystemTime::now(),
            last_turn: 0,
            saved: None,
            kept: false,
            restored: false,
            hash,
        }
    }

    /// Another identity takes the place.
    pub(crate) fn succeed(&mut self, next: Member) {
        self.member = Arc::new(next);
        self.phase = Phase::Idle(None);
        self.ending = None;
        self.rest = None;
        self.taken = 0;
        self.blocked = 0;
        self.blocked_in_a_row = 0;
        self.failed_starts = 0;
        self.invalid_starts = 0;
        self.kept = false;
        self.ready = None;
        self.born = SystemTime::now();
        self.saved = None;
    }

    /// Takes the end of its session down: whether it came so soon that the start counts as failed.
    pub(crate) fn died(&mut self, now: Instant) -> bool {
        let soon = self.ready.take().is_some_and(|ready| now < ready + STABLE_AFTER);
        if !soon {
            self.failed_starts = 0;
        }
        soon
    }

    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.phase, Phase::Gone(_))
    }

    pub(crate) fn is_resting(&self, now: Instant) -> bool {
        self.rest.as_ref().is_some_and(|rest| now < rest.until)
    }

    /// Whether a request could have a place in it now.
    pub(crate) fn is_free(&self, now: Instant) -> bool {
        let working = matches!(self.phase, Phase::Idle(_) | Phase::Starting(_) | Phase::Alive(_));
        working
            && self.ending.is_none()
            && !self.is_resting(now)
            && self.places.is_none_or(|places| self.in_flight < places)
    }
}
