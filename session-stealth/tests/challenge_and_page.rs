//! Challenges that stand where a page was waited for, or behind it, or that no solver could look at.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test states its invariants by failing"
)]

mod support;

use std::time::{Duration, Instant};

use silkroute_core::{Error, Fetch, FetchErrorKind, RequestExt as _, Result, Session, async_trait};
use silkroute_session_stealth::{
    ChallengeOutcome, ChallengePage, ChallengeSolver, OnChallenge, StealthOptions, StealthSession,
    StealthSessionBuilder, StepOutcome,
};
use silkroute_testkit::site::TestSite;
use support::{LONG, fetched, started};

/// Waits for what is behind a challenge, and counts how often its action came to a page.
fn waiting(site: &TestSite) -> StealthSessionBuilder {
    let noted = site.http_url("/echo/action").to_string();
    StealthSession::builder()
        .page_action("note", move |page| {
            let note = format!("navigator.sendBeacon({noted:?})");
            Box::pin(async move { page.evaluate::<bool>(&note).await.map(drop) })
        })
        .wait_selector("#protected")
}

fn noting() -> StealthOptions {
    StealthOptions {
        page_action: Some("note".into()),
        ..StealthOptions::default()
    }
}

#[tokio::test]
async fn a_wait_for_the_page_behind_a_challenge_ends_with_the_challenge() {
    let site = TestSite::start().await.unwrap();
    let builder = waiting(&site)
        .solve_challenge(true)
        .on_challenge(OnChallenge::Response)
        .challenge_timeout(Duration::from_secs(3));
    let Some(session) = started(builder).await else { return };
    let refusing = Fetch::get(site.http_url("/challenge/refusing").as_str()).unwrap();
    let unasked = StealthOptions {
        solve_challenge: Some(false),
        ..noting()
    };
    for options in [noting(), unasked] {
        let began = Instant::now();
        let page = fetched(&session, &refusing.clone().with(options).unwrap()).await;
        assert!(began.elapsed() < LONG / 2, "{:?}", began.elapsed());
        assert_eq!(page.parts.status, 403);
        assert!(
            matches!(&page.challenge, ChallengeOutcome::Failed { kind, .. } if kind == "refusing"),
            "{:?}",
            page.challenge
        );
        let steps: Vec<_> = page.steps.iter().map(|step| (step.name, step.outcome)).collect();
        let none = StepOutcome::NoPage;
        assert_eq!(steps, [("page_action", none), ("wait_selector", none)]);
    }
    assert!(
        site.requests_to("/echo/action").is_empty(),
        "a challenge is no page to act on"
    );
    // Behind one that lets it through there is a page.
    let managed = Fetch::get(site.http_url("/challenge/managed").as_str()).unwrap();
    let longer = StealthSession::builder()
        .solve_challenge(true)
        .wait_selector("#protected");
    let Some(session) = started(longer).await else { return };
    let page = fetched(&session, &managed).await;
    assert!(matches!(page.challenge, ChallengeOutcome::Passed { .. }));
    assert_eq!(page.step("wait_selector").unwrap().outcome, StepOutcome::Done);
}

/// An action that leads to a challenge, at once or a moment later.
fn leading(site: &TestSite, kind: &str, later: bool) -> StealthSessionBuilder {
    let url = site.http_url(&format!("/challenge/{kind}"));
    let go = match later {
        true => format!("setTimeout(() => location.href = '{url}', 300), true"),
        false => format!("location.href = '{url}', true"),
    };
    StealthSession::builder().page_action("go", move |page| {
        let go = go.clone();
        Box::pin(async move { page.evaluate_in_page::<bool>(&go).await.map(drop) })
    })
}

#[tokio::test]
async fn a_challenge_that_an_action_led_to_is_one_like_any_other() {
    let site = TestSite::start().await.unwrap();
    let request = |selector: Option<&str>| {
        let options = StealthOptions {
            page_action: Some("go".into()),
            wait_selector: selector.map(str::to_owned),
            ..StealthOptions::default()
        };
        let shop = Fetch::get(site.http_url("/shop").as_str()).unwrap();
        shop.with(options).unwrap()
    };
    let builder = leading(&site, "managed", false).solve_challenge(true);
    let Some(session) = started(builder).await else { return };
    let page = fetched(&session, &request(Some("#protected"))).await;
    assert!(
        matches!(&page.challenge, ChallengeOutcome::Passed { kind, .. } if kind == "managed"),
        "{:?}",
        page.challenge
    );
    assert_eq!(page.parts.status, 200);
    assert_eq!(page.step("wait_selector").unwrap().outcome, StepOutcome::Done);

    // A link that is clicked leads on once the click is done.
    let builder = StealthSession::builder()
        .solve_challenge(true)
        .page_action("go", |page| {
            Box::pin(async move { page.click("a[href='/challenge/managed']").await })
        });
    let Some(session) = started(builder).await else { return };
    let options = StealthOptions {
        page_action: Some("go".into()),
        wait_selector: Some("#protected".into()),
        ..StealthOptions::default()
    };
    let index = Fetch::get(site.http_url("/").as_str()).unwrap();
    let page = fetched(&session, &index.with(options).unwrap()).await;
    assert!(
        matches!(page.challenge, ChallengeOutcome::Passed { .. }),
        "{:?}",
        page.challenge
    );

    // Seen once it is waited for, it is looked at then.
    let builder = leading(&site, "refusing", true)
        .solve_challenge(true)
        .wait_selector("#stage")
        .challenge_timeout(Duration::from_secs(3));
    let Some(session) = started(builder).await else { return };
    let error = session.fetch(&request(None)).await.unwrap_err();
    assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::Challenge, "{error}");
    let kept = request(None)
        .with(StealthOptions {
            page_action: Some("go".into()),
            on_challenge: Some(OnChallenge::Response),
            ..StealthOptions::default()
        })
        .unwrap();
    let page = fetched(&session, &kept).await;
    assert_eq!(page.parts.status, 403);
    assert!(matches!(page.challenge, ChallengeOutcome::Failed { .. }));
}

/// Never knows.
#[derive(Debug)]
struct Blind;

#[async_trait]
impl ChallengeSolver for Blind {
    fn name(&self) -> &str {
        "blind"
    }

    async fn detect(&self, _: &ChallengePage<'_>) -> Result<Option<String>> {
        Err(Error::invalid("the page", "too dark to see"))
    }

    async fn attempt(&self, _: &ChallengePage<'_>, _: &str) -> Result<()> {
        Err(Error::invalid("the page", "too dark to see"))
    }
}

#[tokio::test]
async fn a_page_that_no_solver_could_look_at_is_not_passed_off_as_a_page() {
    let site = TestSite::start().await.unwrap();
    let builder = StealthSession::builder().challenge_solver(Blind).solve_challenge(true);
    let Some(session) = started(builder).await else { return };
    let shop = Fetch::get(site.http_url("/shop").as_str()).unwrap();
    let error = session.fetch(&shop).await.unwrap_err();
    assert_eq!(error.as_fetch().unwrap().kind(), FetchErrorKind::Challenge, "{error}");
    let told = error.to_string();
    assert!(told.contains("the solver blind") && told.contains("too dark"), "{told}");
    let kept = StealthOptions {
        on_challenge: Some(OnChallenge::Response),
        ..StealthOptions::default()
    };
    let page = fetched(&session, &shop.clone().with(kept).unwrap()).await;
    assert_eq!(page.parts.status, 200, "the outcome alone tells of it");
    assert!(
        matches!(&page.challenge, ChallengeOutcome::Failed { kind, .. } if kind == "unknown"),
        "{:?}",
        page.challenge
    );
    // Where nothing is to be solved, pages that are fine are not looked at.
    let unasked = StealthOptions {
        solve_challenge: Some(false),
        ..StealthOptions::default()
    };
    let page = fetched(&session, &shop.with(unasked).unwrap()).await;
    assert_eq!(page.challenge, ChallengeOutcome::None);
}
