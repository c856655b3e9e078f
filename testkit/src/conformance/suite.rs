//! The list of all checks, and the macro that makes tests of them.

use std::future::Future;
use std::pin::Pin;

use super::Bench;

/// One rule of the contract, as a function that panics if a session does not keep it.
pub type CheckFn = for<'a> fn(&'a Bench) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A check by its name.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The room it stands in, such as `lifecycle`.
    pub room: &'static str,
    /// Its name, such as `starts_again_after_close`.
    pub name: &'static str,
    /// What [`run`](super::run) takes.
    pub check: CheckFn,
}

/// Makes a test of every check of [`conformance`](mod@crate::conformance), for the [`Subject`](crate::conformance::Subject) that
/// the expression gives. It makes a module for each room; use it once in a module of its own or in a file of `tests/`.
#[macro_export]
macro_rules! conformance {
    ($subject:expr) => {
        $crate::__conformance_checks! { ($crate::__conformance_tests) ($subject) }
    };
}

/// The list. Everything else is made from it.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_checks {
    (($($make:tt)*) ($subject:expr)) => {
        $($make)*! {
            ($subject)
            lifecycle {
                is_built_idle,
                refuses_to_fetch_before_it_starts,
                is_alive_once_started,
                start_on_a_live_session_changes_nothing,
                is_not_alive_once_closed,
                refuses_to_fetch_once_closed,
                close_is_safe_at_any_time,
                starts_again_after_close,
                close_releases_connections,
                a_drop_without_close_does_not_block,
                a_cancelled_start_can_be_closed_and_repeated,
                its_kind_never_changes,
                its_limits_do_not_change_with_the_start,
            }
            fetching {
                brings_back_what_the_server_sent,
                any_status_is_a_response,
                bodies_arrive_whole,
                a_head_has_no_body,
                redirects_are_followed_and_noted,
                serves_many_fetches_at_the_same_time,
                text_is_decoded,
                binary_bodies_are_left_alone,
                attempts_and_timing_are_noted,
                any_type_of_request_is_taken_and_left_as_it_is,
                https_is_fetched,
                fetches_run_on_any_thread,
            }
            sending {
                methods_are_sent_or_refused,
                the_url_is_sent_as_it_is,
                request_headers_win_whatever_their_case,
                json_arrives,
                a_form_arrives,
                bytes_arrive,
                a_multipart_arrives,
                request_cookies_are_sent_and_not_kept,
                credentials_stay_with_their_origin,
                cookies_are_kept,
                its_state_moves_to_another_session,
                a_request_goes_through_its_proxy,
                a_dead_proxy_is_never_bypassed,
            }
            identity {
                it_is_who_it_was_expected_to_be,
                a_request_looks_like_its_identity_or_is_refused,
            }
            failing {
                errors_name_the_request,
                a_refused_connection_is_worth_a_retry,
                a_response_that_breaks_off_is_an_error,
                redirects_without_end_are_an_error,
                other_schemes_are_refused,
            }
            limits {
                a_requests_timeout_is_kept,
                a_timeout_covers_the_body,
                a_timeout_is_for_all_of_a_fetch,
                the_sessions_timeout_is_kept,
                a_requests_timeout_wins,
                a_cancelled_fetch_releases_its_connection,
                a_fetch_cancelled_in_its_body_releases_its_connection,
                cancelled_fetches_leave_their_places_free,
                a_fetch_that_was_never_polled_does_nothing,
            }
            options {
                an_unknown_option_is_refused,
                options_of_other_kinds_are_ignored,
                the_kind_is_registered,
                unknown_fields_are_refused_when_read,
                no_option_is_needed,
                every_field_is_documented,
            }
            secrets {
                a_session_shows_no_secret,
                a_session_that_fetched_shows_no_secret,
                a_response_shows_no_secret,
                an_error_shows_no_secret,
                a_refusal_shows_no_secret,
                a_proxy_error_shows_no_secret,
            }
            manager {
                the_first_fetch_starts_a_lazy_session,
                many_requests_at_once_share_one_start,
                close_lets_a_running_fetch_finish,
                pop_hands_over_a_live_session,
                a_manager_can_close_and_start_again,
                meta_and_request_come_back_on_the_response,
                a_timeout_through_a_manager_frees_its_place,
                refusals_come_through_unchanged,
                close_leaves_no_connection,
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_tests {
    (($subject:expr) $($room:ident { $($name:ident,)* })*) => {
        $crate::__conformance_rooms! { ($subject) $([$room $($name)*])* }
    };
}

// One at a time: the subject cannot be repeated together with the rooms.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_rooms {
    (($subject:expr)) => {};
    (($subject:expr) [$room:ident $($name:ident)*] $($rest:tt)*) => {
        $crate::__conformance_room! { ($subject) $room $($name)* }
        $crate::__conformance_rooms! { ($subject) $($rest)* }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_room {
    (($subject:expr) $room:ident $($name:ident)*) => {
        mod $room {
            #[allow(unused_imports, reason = "the subject may stand in any module")]
            use super::*;

            $crate::__conformance_test! { ($subject) $room $($name)* }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_test {
    (($subject:expr) $room:ident) => {};
    (($subject:expr) $room:ident $name:ident $($rest:ident)*) => {
        #[test]
        fn $name() {
            $crate::conformance::run($subject, |bench| {
                ::std::boxed::Box::pin($crate::conformance::$room::$name(bench))
            });
        }

        $crate::__conformance_test! { ($subject) $room $($rest)* }
    };
}

macro_rules! list {
    (($subject:expr) $($room:ident { $($name:ident,)* })*) => {
        /// All checks, in the order of the contract. [`conformance!`](crate::conformance!) makes a test of each.
        pub static CHECKS: &[Check] = &[$($(Check {
            room: stringify!($room),
            name: stringify!($name),
            check: |bench| Box::pin(super::$room::$name(bench)),
        },)*)*];
    };
}

__conformance_checks! { (list) (()) }
