//! Challenges of the test site: passed without a window, refused in time, and cleared for HTTP too.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use silkroute_core::{CookieJar, Error, Fetch, FetchErrorKind, RequestExt as _, Result, Session, async_trait};
use silkroute_session_http::HttpSession;
use silkroute_session_stealth::{
    ChallengeOutcome, ChallengePage, ChallengeSolver, OnChallenge, StealthOptions, StealthSession,
};
use silkroute_testkit::site::{TestSite, known};
use support::{LONG, fetched, started};

fn challenge(site: &TestSite, kind: &str) -> Fetch {
    Fetch::get(site.http_url(&format!("/challenge/{kind}")).as_str()).unwrap()
}

fn solving() -> StealthOptions {
    StealthOptions {
        solve_challenge: Some(true),
        ..StealthOptions::default()
    }
}

#[tokio::test]
async fn all_three_kinds_are_passed_without_a_window() {
    let site = TestSite::start().await.unwrap();
    for kind in ["managed", "non-interactive", "embedded"] {
        let Some(mut session) = started(StealthSession::builder().solve_challenge(true)).await else {
            return;
        };
        let request = challenge(&site, kind);
        let request = if kind == "embedded" {
            let wait = StealthOptions {
                wait_selector: Some("#content".into()),
                ..StealthOptions::default()
            };
            request.with(wait).unwrap()
        } else {
            request
        };
        let page = fetched(&session, &request).await;
        let attempts = site.challenges();
        assert!(
            matches!(&page.challenge, ChallengeOutcome::Passed { kind: passed, attempts: 1, .. } if passed == kind),
            "{kind}: {:?}, {attempts:#?}",
            page.challenge
        );
        assert_eq!(page.parts.status, 200, "{kind}");
        let text = page.0.text();
        let expected = if kind == "embedded" {
            "Welcome."
        } else {
            "id=\"protected\""
        };
        assert!(text.contains(expected), "{kind}: {text}");
        // One press, and nothing to say against it.
        assert_eq!(attempts.len(), 1, "{kind}: {attempts:#?}");
        assert!(attempts[0].refused.is_empty());
        session.close().await.unwrap();
        site.clear();
    }
}

#[tokio::test]
async fn one_that_refuses_everyone_is_an_error_within_its_time() {
    let site = TestSite::start().await.unwrap();
    let builder = StealthSession::builder()
        .solve_challenge(true)
        .challenge_attempts(100)
        .challenge_timeout(Duration::from_secs(12));
    let Some(session) = started(builder).await else { return };
    let began = Instant::now();
    let error = session.fetch(&challenge(&site, "refusing")).await.unwrap_err();
    assert!(began.elapsed() < LONG * 2 / 3, "{:?}", began.elapsed());
    let Error::Fetch(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), FetchErrorKind::Challenge, "{error}");
    let told = error.to_string();
    assert!(
        told.contains("refusing") && told.contains("/challenge/refusing") && told.contains("on_challenge"),
        "{told}"
    );
    assert!(!site.challenges().is_empty());

    let kept = StealthOptions {
        on_challenge: Some(OnChallenge::Response),
        ..solving()
    };
    let page = fetched(&session, &challenge(&site, "refusing").with(kept).unwrap()).await;
    assert_eq!(page.parts.status, 403);
    assert_eq!(page.parts.blocked.as_deref(), Some("refusing"));
    assert!(
        matches!(&page.challenge, ChallengeOutcome::Failed { kind, reason } if kind == "refusing" && !reason.is_empty()),
        "{:?}",
        page.challenge
    );
    // The tab is as good as new.
    let next = fetched(&session, &Fetch::get(site.http_url("/shop").as_str()).unwrap()).await;
    assert_eq!(
        (next.parts.status.as_u16(), &next.challenge),
        (200, &ChallengeOutcome::None)
    );
    assert_eq!(next.parts.blocked, None);
}

#[tokio::test]
async fn one_that_reloads_itself_is_never_taken_for_the_page() {
    let site = TestSite::start().await.unwrap();
    let builder = StealthSession::builder()
        .solve_challenge(true)
        .on_challenge(OnChallenge::Response)
        .challenge_attempts(2)
        .challenge_timeout(LONG);
    let Some(session) = started(builder).await else { return };
    // While it is on its way to itself there is nothing of a challenge on the page.
    let page = fetched(&session, &challenge(&site, "reloading")).await;
    assert!(
        matches!(&page.challenge, ChallengeOutcome::Failed { kind, reason }
            if kind == "reloading" && reason.contains("2 attempts")),
        "{:?}",
        page.challenge
    );
    assert_eq!(page.parts.status, 403);
    assert_eq!(site.challenges().len(), 2, "each attempt is a press");
}

#[tokio::test]
async fn what_stands_behind_a_challenge_may_be_another() {
    let site = TestSite::start().await.unwrap();
    let Some(session) = started(StealthSession::builder().solve_challenge(true)).await else {
        return;
    };
    let page = fetched(&session, &challenge(&site, "staged")).await;
    assert!(
        matches!(&page.challenge, ChallengeOutcome::Passed { kind, attempts: 2, .. } if kind == "managed"),
        "{:?}",
        page.challenge
    );
    assert_eq!(page.parts.status, 200);
    assert!(page.0.text().contains("id=\"protected\""));
    let kinds: Vec<_> = site.challenges().into_iter().map(|attempt| attempt.kind).collect();
    assert_eq!(kinds, ["non-interactive", "managed"]);
}

#[tokio::test]
async fn a_header_alone_tells_of_a_challenge() {
    let site = TestSite::start().await.unwrap();
    let Some(session) = started(StealthSession::builder()).await else {
        return;
    };
    let unasked = fetched(&session, &challenge(&site, "unmarked")).await;
    assert!(
        matches!(&unasked.challenge, ChallengeOutcome::Failed { kind, .. } if kind == "managed"),
        "{:?}",
        unasked.challenge
    );
    let page = fetched(&session, &challenge(&site, "unmarked").with(solving()).unwrap()).await;
    assert!(
        matches!(&page.challenge, ChallengeOutcome::Passed { kind, .. } if kind == "managed"),
        "{:?}",
        page.challenge
    );
    assert_eq!(page.parts.status, 200);
}

#[tokio::test]
async fn one_that_wants_nothing_but_time_has_all_that_there_is() {
    let site = TestSite::start().await.unwrap();
    let builder = StealthSession::builder().solve_challenge(true).challenge_attempts(1);
    let Some(session) = started(builder).await else { return };
    // Longer than an attempt is given to show its effect. It begins before the page is looked at.
    let page = fetched(&session, &challenge(&site, "non-interactive?after=11000")).await;
    assert!(
        matches!(&page.challenge, ChallengeOutcome::Passed { took, .. } if *took >= Duration::from_secs(6)),
        "{:?}",
        page.challenge
    );
}

#[tokio::test]
async fn one_that_nobody_asked_to_solve_is_told_of() {
    let site = TestSite::start().await.unwrap();
    let Some(session) = started(StealthSession::builder()).await else {
        return;
    };
    let page = fetched(&session, &challenge(&site, "managed")).await;
    assert_eq!(page.parts.status, 403);
    assert!(
        matches!(&page.challenge, ChallengeOutcome::Failed { reason, .. } if reason.contains("solve_challenge")),
        "{:?}",
        page.challenge
    );
    // Asked to by the request, it does, by either name.
    let named = serde_json::json!({"stealth": {"solve_cloudflare": true}});
    let options: StealthOptions = serde_json::from_value(named["stealth"].clone()).unwrap();
    let page = fetched(&session, &challenge(&site, "managed").with(options).unwrap()).await;
    assert!(
        matches!(page.challenge, ChallengeOutcome::Passed { .. }),
        "{:?}",
        page.challenge
    );
}

#[tokio::test]
async fn an_http_session_goes_on_with_the_clearance() {
    let site = TestSite::start().await.unwrap();
    let jar = CookieJar::new();
    let builder = StealthSession::builder().solve_challenge(true).cookie_jar(jar.clone());
    let Some(browser) = started(builder).await else { return };
    fetched(&browser, &challenge(&site, "managed")).await;
    let clearance = jar
        .cookies()
        .into_iter()
        .find(|cookie| cookie.name == known::CLEARANCE_COOKIE);
    assert!(
        clearance.is_some_and(|cookie| cookie.http_only),
        "the clearance is in the jar"
    );

    let mut plain = HttpSession::builder().cookie_jar(jar.clone()).build().unwrap();
    plain.start().await.unwrap();
    let refused = plain.fetch(&challenge(&site, "managed")).await.unwrap();
    assert_eq!(
        refused.status(),
        403,
        "a clearance is good for the user agent that got it"
    );

    let headers = browser.headers().unwrap();
    let same = headers
        .iter()
        .fold(HttpSession::builder().cookie_jar(jar), |builder, (name, value)| {
            builder.header(name.as_str(), value.to_str().unwrap())
        });
    let mut same = same.build().unwrap();
    same.start().await.unwrap();
    let page = same.fetch(&challenge(&site, "managed")).await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.text().contains("id=\"protected\""));
}

/// The gate of a page of the test site: its button must be pressed before its list is there.
#[derive(Debug, Default)]
struct Gate {
    attempts: std::sync::Arc<AtomicU32>,
    opens_at: u32,
}

#[async_trait]
impl ChallengeSolver for Gate {
    fn name(&self) -> &str {
        "gate"
    }

    async fn detect(&self, page: &ChallengePage<'_>) -> Result<Option<String>> {
        let closed: bool = page
            .evaluate("!!document.querySelector('#more') && !document.querySelector('#log li')")
            .await?;
        Ok(closed.then(|| "button".to_owned()))
    }

    async fn attempt(&self, page: &ChallengePage<'_>, kind: &str) -> Result<()> {
        assert_eq!(kind, "button");
        let attempt = self.attempts.fetch_add(1, Ordering::SeqCst) + 1;
        if attempt < self.opens_at {
            return Err(Error::invalid("the gate", "it is not time yet"));
        }
        page.click("#more").await
    }
}

#[tokio::test]
async fn a_solver_of_ones_own_is_asked_first_and_bounded_too() {
    let site = TestSite::start().await.unwrap();
    let click = || Fetch::get(site.http_url("/js/click").as_str()).unwrap();
    let attempts = std::sync::Arc::new(AtomicU32::new(0));
    let gate = Gate {
        attempts: attempts.clone(),
        opens_at: 2,
    };
    let builder = StealthSession::builder().challenge_solver(gate).solve_challenge(true);
    let Some(session) = started(builder).await else { return };
    let page = fetched(&session, &click()).await;
    assert!(
        matches!(&page.challenge, ChallengeOutcome::Passed { kind, attempts: 2, .. } if kind == "button"),
        "{:?}",
        page.challenge
    );
    assert!(page.0.text().contains("click trusted=true"));

    let never = Gate {
        attempts: attempts.clone(),
        opens_at: u32::MAX,
    };
    attempts.store(0, Ordering::SeqCst);
    let builder = StealthSession::builder()
        .challenge_solver(never)
        .challenge_attempts(2)
        .challenge_timeout(Duration::from_secs(30))
        .solve_challenge(true);
    let Some(session) = started(builder).await else { return };
    let error = session.fetch(&click()).await.unwrap_err();
    assert!(error.to_string().contains("not time yet"), "{error}");
    assert_eq!(attempts.load(Ordering::SeqCst), 2);
}

/// Never done with a page.
#[derive(Debug, Default)]
struct Patient(std::sync::Arc<tokio::sync::Notify>);

#[async_trait]
impl ChallengeSolver for Patient {
    fn name(&self) -> &str {
        "patient"
    }

    async fn detect(&self, page: &ChallengePage<'_>) -> Result<Option<String>> {
        let shown: bool = page.evaluate("!!document.querySelector('#more')").await?;
        Ok(shown.then(|| "button".to_owned()))
    }

    async fn attempt(&self, page: &ChallengePage<'_>, kind: &str) -> Result<()> {
        self.0.notify_one();
        // An error is a page on its way elsewhere.
        while self.detect(page).await.map_or(true, |now| now.as_deref() == Some(kind)) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_browser_that_dies_meanwhile_is_told_of_at_once() {
    let site = TestSite::start().await.unwrap();
    let begun = std::sync::Arc::<tokio::sync::Notify>::default();
    let builder = StealthSession::builder()
        .challenge_solver(Patient(begun.clone()))
        .challenge_timeout(LONG)
        .solve_challenge(true);
    let Some(session) = started(builder).await else { return };
    let request = Fetch::get(site.http_url("/js/click").as_str()).unwrap();
    let killing = async {
        begun.notified().await;
        let pid = session.browser().unwrap().pid().unwrap().to_string();
        let killed = std::process::Command::new("kill").args(["-9", &pid]).status();
        assert!(killed.unwrap().success());
        Instant::now()
    };
    let (result, killed) = tokio::join!(session.fetch(&request), killing);
    let took = killed.elapsed();
    let error = result.unwrap_err();
    assert!(took < LONG / 4, "{took:?}: {error}");
    assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::SessionDied, "{error}");
}
