//! A check is worth something only if it fails when its rule is broken.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use silkroute_testkit::conformance::{CHECKS, Check, run};

use crate::model_subject::Saboteur;
use crate::sabotage::Sabotage;

/// How many checks run at once: they mostly wait.
const AT_ONCE: usize = 16;

/// The checks that a saboteur does not pass, in the order of the suite.
fn failures(sabotage: Sabotage, modest: bool, expected: &[&str]) -> Vec<String> {
    let fails = |check: &Check| {
        let subject = Saboteur { sabotage, modest };
        catch_unwind(AssertUnwindSafe(|| run(subject, check.check))).is_err()
    };
    let next = AtomicUsize::new(0);
    let suspects = Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        for _ in 0..AT_ONCE {
            threads.spawn(|| {
                while let Some(check) = CHECKS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if fails(check) {
                        suspects.lock().unwrap().push(check.name);
                    }
                }
            });
        }
    });
    let suspects = suspects.into_inner().unwrap();
    // A saboteur breaks its rule every time; what nobody expected and fails once only, in the crowd, was short of time.
    let guilty = CHECKS.iter().filter(|check| suspects.contains(&check.name));
    let guilty = guilty.map(|check| (check, format!("{}::{}", check.room, check.name)));
    let guilty = guilty.filter(|(check, name)| expected.contains(&name.as_str()) || fails(check));
    guilty.map(|(_, name)| name).collect()
}

macro_rules! saboteurs {
    ($($name:ident: $sabotage:ident $(($modest:ident))? fails [$($check:literal),* $(,)?])*) => {$(
        #[test]
        fn $name() {
            let modest = [$(stringify!($modest))?].contains(&"modest");
            let expected: &[&str] = &[$($check),*];
            assert_eq!(failures(Sabotage::$sabotage, modest, expected), expected);
        }
    )*};
}

saboteurs! {
    always_gets: AlwaysGets fails [
        "fetching::a_head_has_no_body",
        "sending::methods_are_sent_or_refused",
    ]
    becomes_another: BecomesAnother fails [
        "identity::it_is_who_it_was_expected_to_be",
    ]
    blocks_when_dropped: BlocksWhenDropped fails [
        "lifecycle::a_drop_without_close_does_not_block",
    ]
    bypasses_the_proxy: BypassesTheProxy fails [
        "sending::a_request_goes_through_its_proxy",
        "sending::a_dead_proxy_is_never_bypassed",
    ]
    calls_nothing_retryable: CallsNothingRetryable fails [
        "failing::a_refused_connection_is_worth_a_retry",
    ]
    cannot_close_twice: CannotCloseTwice fails [
        "lifecycle::close_is_safe_at_any_time",
    ]
    cannot_start_again: CannotStartAgain fails [
        "lifecycle::close_is_safe_at_any_time",
        "lifecycle::starts_again_after_close",
        "lifecycle::a_cancelled_start_can_be_closed_and_repeated",
        "manager::a_manager_can_close_and_start_again",
    ]
    cannot_start_twice: CannotStartTwice fails [
        "lifecycle::start_on_a_live_session_changes_nothing",
    ]
    carries_credentials_along: CarriesCredentialsAlong fails [
        "sending::credentials_stay_with_their_origin",
    ]
    changes_its_kind: ChangesItsKind fails [
        "lifecycle::its_kind_never_changes",
        "options::an_unknown_option_is_refused",
    ]
    changes_its_limits: ChangesItsLimits fails [
        "lifecycle::its_limits_do_not_change_with_the_start",
    ]
    changes_the_agent_alone: ChangesTheAgentAlone fails [
        "identity::a_request_looks_like_its_identity_or_is_refused",
    ]
    comes_alive_when_asked: ComesAliveWhenAsked fails [
        "identity::it_is_who_it_was_expected_to_be",
    ]
    counts_no_attempt: CountsNoAttempt fails [
        "fetching::attempts_and_timing_are_noted",
    ]
    fetches_without_a_start: FetchesWithoutAStart fails [
        "lifecycle::refuses_to_fetch_before_it_starts",
        "lifecycle::refuses_to_fetch_once_closed",
    ]
    forgets_the_history: ForgetsTheHistory fails [
        "fetching::redirects_are_followed_and_noted",
    ]
    goes_on_when_cancelled: GoesOnWhenCancelled fails [
        "limits::a_cancelled_fetch_releases_its_connection",
        "limits::a_fetch_cancelled_in_its_body_releases_its_connection",
    ]
    hides_the_proxy: HidesTheProxy fails [
        "sending::a_request_goes_through_its_proxy",
    ]
    ignores_timeouts: IgnoresTimeouts fails [
        "limits::a_requests_timeout_is_kept",
        "limits::a_timeout_covers_the_body",
        "limits::a_timeout_is_for_all_of_a_fetch",
        "limits::the_sessions_timeout_is_kept",
        "secrets::an_error_shows_no_secret",
    ]
    ignores_what_it_cannot: IgnoresWhatItCannot (modest) fails [
        "fetching::a_head_has_no_body",
        "sending::methods_are_sent_or_refused",
        "sending::request_headers_win_whatever_their_case",
        "sending::json_arrives",
        "sending::a_form_arrives",
        "sending::bytes_arrive",
        "sending::a_multipart_arrives",
        "sending::request_cookies_are_sent_and_not_kept",
        "sending::a_request_goes_through_its_proxy",
        "secrets::a_refusal_shows_no_secret",
    ]
    is_born_alive: IsBornAlive fails [
        "lifecycle::is_built_idle",
        "lifecycle::starts_again_after_close",
        "manager::the_first_fetch_starts_a_lazy_session",
        "manager::many_requests_at_once_share_one_start",
        "manager::close_lets_a_running_fetch_finish",
        "manager::pop_hands_over_a_live_session",
        "manager::a_manager_can_close_and_start_again",
        "manager::meta_and_request_come_back_on_the_response",
        "manager::a_timeout_through_a_manager_frees_its_place",
        "manager::refusals_come_through_unchanged",
        "manager::close_leaves_no_connection",
    ]
    keeps_request_cookies: KeepsRequestCookies fails [
        "sending::request_cookies_are_sent_and_not_kept",
        "sending::credentials_stay_with_their_origin",
    ]
    leaves_connections_open: LeavesConnectionsOpen fails [
        "lifecycle::close_releases_connections",
        "manager::close_leaves_no_connection",
    ]
    leaves_out_bodies: LeavesOutBodies fails [
        "sending::json_arrives",
        "sending::a_form_arrives",
        "sending::bytes_arrive",
        "sending::a_multipart_arrives",
    ]
    looks_like_itself: LooksLikeItself fails [
        "identity::a_request_looks_like_its_identity_or_is_refused",
    ]
    loses_places_of_cancelled: LosesPlacesOfCancelled fails [
        "limits::cancelled_fetches_leave_their_places_free",
    ]
    names_no_request: NamesNoRequest fails [
        "failing::errors_name_the_request",
    ]
    never_says_who: NeverSaysWho fails [
        "identity::it_is_who_it_was_expected_to_be",
    ]
    refuses_foreign_options: RefusesForeignOptions fails [
        "options::options_of_other_kinds_are_ignored",
    ]
    says_alive_when_closed: SaysAliveWhenClosed fails [
        "lifecycle::is_not_alive_once_closed",
        "lifecycle::close_is_safe_at_any_time",
        "lifecycle::a_cancelled_start_can_be_closed_and_repeated",
        "manager::a_manager_can_close_and_start_again",
    ]
    sends_headers_twice: SendsHeadersTwice fails [
        "sending::request_headers_win_whatever_their_case",
        "sending::json_arrives",
    ]
    shows_bodies: ShowsBodies fails [
        "secrets::a_response_shows_no_secret",
    ]
    shows_cookies: ShowsCookies fails [
        "secrets::a_session_that_fetched_shows_no_secret",
    ]
    shows_headers: ShowsHeaders fails [
        "secrets::a_session_shows_no_secret",
    ]
    shows_passwords_in_errors: ShowsPasswordsInErrors fails [
        "secrets::an_error_shows_no_secret",
    ]
    swallows_unknown_options: SwallowsUnknownOptions fails [
        "options::an_unknown_option_is_refused",
        "manager::refusals_come_through_unchanged",
    ]
    takes_a_status_for_an_error: TakesAStatusForAnError fails [
        "fetching::any_status_is_a_response",
    ]
    takes_half_a_body: TakesHalfABody fails [
        "failing::a_response_that_breaks_off_is_an_error",
    ]
    takes_one_type_of_request: TakesOneTypeOfRequest fails [
        "fetching::any_type_of_request_is_taken_and_left_as_it_is",
    ]
    truncates_bodies: TruncatesBodies fails [
        "fetching::bodies_arrive_whole",
    ]
}
