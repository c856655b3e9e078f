//! Who fetches robots.txt, and what comes of it.

use std::sync::{Arc, MutexGuard};
use std::time::{Duration, SystemTime};

use silkroute_core::{Fetch, Request as _, RequestExt as _, Response, redact_url, retry_after};
use silkroute_manager::{SessionState, SessionStats};
use tokio::time::Instant;
use url::Url;

use super::Engine;
use super::control::State;
use crate::robots::{READ_AT_MOST, product_of};
use crate::schedule::{Place, after};
use crate::{RobotsPolicy, RobotsRules, Spider};

/// What could not be had is asked for again after this long, or when the rules expire if that is sooner.
const ASK_AGAIN: Duration = Duration::from_secs(600);
/// How long a host waits, each time, for a robots.txt that no attempt is left for: a site that is being restarted is back by
/// then, and what was queued for it need not fail.
const OUTAGE: [Duration; 3] = [
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(120),
];

impl<S: Spider> Engine<S> {
    /// Fetches the robots.txt of a host, while all requests for it wait.
    pub(super) async fn fetch_robots(&self, place: &Place, policy: &RobotsPolicy) {
        let asked = self.ask_for_robots(place, policy).await;
        if let Err(error) = &asked
            && let Some(again) = self.robots_wait(place, error)
        {
            let mut state = self.control.lock();
            state.schedule.robots_put_off(place, again);
            return self.robots_turn_over(state);
        }
        match asked {
            Ok((response, agent)) if !response.status().is_server_error() => {
                let rules = read(response.as_ref(), &agent);
                self.robots_are(place, Arc::new(rules), policy.expires_after);
            }
            Ok((response, _)) => {
                let asked = retry_after(response.headers(), SystemTime::now());
                let asked = asked.filter(|asked| *asked <= self.settings.max_retry_after);
                let reason = format!("status {}", response.status());
                self.robots_missing(place, policy, &reason, Some(asked.unwrap_or_default()));
            }
            Err(error) => {
                let may_pass = error.is_retryable().then_some(Duration::ZERO);
                self.robots_missing(place, policy, &error.to_string(), may_pass);
            }
        }
    }

    /// The robots.txt of a host did not come for this reason, which may have passed after this time, if it does. RFC 9309
    /// section 2.4: what was there before holds on; else nothing may be fetched.
    fn robots_missing(&self, place: &Place, policy: &RobotsPolicy, reason: &str, passes: Option<Duration>) {
        let host = &place.host;
        let retry = &self.settings.retry;
        let mut state = self.control.lock();
        let failures = state.schedule.robots_failures(host).saturating_add(1);
        let before = state.schedule.former_robots(host);
        let wait = match failures.checked_sub(retry.max_attempts()) {
            None => Some(retry.delay(failures)),
            Some(_) if before.is_some() || passes.is_none() => None,
            Some(round) => OUTAGE.get(round as usize).copied(),
        };
        if let Some(wait) = wait {
            let wait = wait.max(passes.unwrap_or_default());
            tracing::debug!(%host, reason, ?wait, "no robots.txt: it is asked for again");
            state.schedule.robots_failed(place, after(Instant::now(), wait));
            return self.robots_turn_over(state);
        }
        drop(state);
        let rules = before.unwrap_or_else(|| {
            let why = format!(
                "the robots.txt of {host} could not be had, {failures} times, the last for: {reason}; nothing may be fetched then (RFC 9309)"
            );
            Arc::new(RobotsRules::unavailable(why))
        });
        match rules.why_unavailable() {
            Some(_) => tracing::warn!(%host, reason, "no robots.txt: nothing is fetched from this host"),
            None => tracing::warn!(%host, reason, "no robots.txt: the one from before holds"),
        }
        self.robots_are(place, rules, ASK_AGAIN.min(policy.expires_after));
    }

    fn robots_are(&self, place: &Place, rules: Arc<RobotsRules>, kept: Duration) {
        let until = after(Instant::now(), kept);
        let mut state = self.control.lock();
        state.schedule.robots_known(place, rules, until);
        self.robots_turn_over(state);
    }

    /// Ends a turn that was for a robots.txt.
    fn robots_turn_over(&self, mut state: MutexGuard<'_, State>) {
        state.active -= 1;
        self.control.end_if_done(&mut state);
        drop(state);
        self.control.work.notify_one();
    }

    /// Gives the agent to read it for as well.
    async fn ask_for_robots(
        &self,
        place: &Place,
        policy: &RobotsPolicy,
    ) -> silkroute_core::Result<(Box<dyn Response>, String)> {
        let waiting = self.control.lock().schedule.session_name(place.session);
        let url = format!("{}/robots.txt", place.host);
        let session = match &policy.session {
            Some(named) => named.clone(),
            None => self.session_for_robots(&waiting),
        };
        let agent = match &policy.agent {
            Some(agent) => agent.clone(),
            None => {
                let user_agent = self.sessions.get(&session)?.lease().await?.user_agent();
                user_agent.as_deref().map_or("", product_of).to_owned()
            }
        };
        let identity = self.guise(&place.host, &session).await;
        let mut request = Fetch::get(&url)?.session(session);
        request.parts_mut().identity = identity;
        request.parts_mut().timeout = Some(Duration::from_secs(30));
        Ok((self.sessions.fetch(request).await?, agent))
    }

    /// The session of the request that waits for it, or in the place of a browser that has not started one that the host would
    /// see anyway: the lowest on its ladder, or the crawl's default where that is of the kind `http`. Any other may have another
    /// proxy on purpose.
    fn session_for_robots(&self, waiting: &str) -> String {
        let stats = self.sessions.stats();
        let is =
            |id: &str, test: fn(&SessionStats) -> bool| stats.iter().any(|session| session.id == id && test(session));
        let http = |session: &SessionStats| session.kind == "http";
        if is(waiting, |session| session.state == SessionState::Alive) || is(waiting, http) {
            return waiting.to_owned();
        }
        let ladder = self.climber.as_ref().map(|climber| &climber.ladder);
        let rung = ladder.and_then(|ladder| ladder.rung(waiting).and_then(|_| ladder.ladder.first()));
        let default = || is(&self.default_session, http).then(|| (*self.default_session).to_owned());
        rung.cloned().or_else(default).unwrap_or_else(|| waiting.to_owned())
    }

    /// Whether the robots.txt of the host that a place is for allows a URL of it. What it does not is counted.
    pub(super) fn robots_allow(&self, place: &Place, url: &Url) -> bool {
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let allowed = place.robots.as_ref().is_none_or(|rules| rules.allows(path));
        if !allowed {
            self.control.lock().stats.robots_disallowed += 1;
        }
        allowed
    }
}

/// RFC 9309 section 2.3.1: what does not exist allows everything.
fn read(response: &dyn Response, agent: &str) -> RobotsRules {
    if !response.status().is_success() {
        return RobotsRules::allow_all();
    }
    let body = response.body();
    let rules = RobotsRules::parse(&body[..body.len().min(READ_AT_MOST)], agent);
    if rules.asks_for_too_long() {
        let (url, waited) = (redact_url(response.url()), RobotsRules::LONGEST_DELAY);
        tracing::warn!(%url, ?waited, "its Crawl-delay is longer than is waited");
    }
    rules
}
