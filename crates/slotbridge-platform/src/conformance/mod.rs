//! One suite that every adapter must pass, whatever it talks to.
//!
//! # Use
//! Implement [`Subject`] and [`Bench`] in the adapter's tests, over the simulated platform that speaks its API, and ask
//! for the report:
//!
//! ```ignore
//! #[tokio::test]
//! async fn the_adapter_conforms() {
//!     let report = slotbridge_platform::conformance::run(&YclientsSubject).await;
//!     println!("{report}");
//!     assert!(report.is_good(), "{report}");
//! }
//! ```
//!
//! - [`Subject::bench`] gives a fresh, empty server with a fresh platform each time; a case uses one and drops it.
//!   With a zone it is asked for an account that lives there.
//! - [`Bench::arm`] turns a neutral [`Fault`] on a neutral [`Target`] into the server's own fault rule. For
//!   [`Target::Create`], [`Target::Update`] and [`Target::Remove`] only the writing call is meant: an adapter may read
//!   first. [`Bench::struck`] must count, or the suite could not tell a survived fault from one that never happened.
//! - The hand of a person and the view of the records go past the adapter, straight into the server's state.
//! - Whatever the server cannot do (`false` from [`Bench::arm`], [`Bench::set_extras`], [`Bench::spoil`]; no second
//!   resource; no zone) skips the cases that need it; skips are shown and counted, and a report in which nothing ran is
//!   not good.
//! - A deviation goes into [`Subject::profile`] with its reason, not into an `if`. A listed case that passes makes the
//!   report bad, so that the list cannot go stale.
//!
//! The server may run in process under tokio's paused clock ([`crate::testing::VirtualSeam`], and a
//! [`crate::transport::Transport`] that calls the simulated platform's router) or on a loopback socket in real time.
//! The suite waits for nothing itself, but retries and throttles do: in real time it takes minutes.
//!
//! This module judges an adapter through the [`crate::Platform`] trait alone. It knows no adapter and no simulator.

mod faults;
mod listing;
mod pure;
mod refusals;
mod report;
mod stage;
mod subject;
#[cfg(test)]
mod tests;
mod updates;
mod writes;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::time::Duration;

pub use report::{CaseResult, Outcome, Report};
use stage::Stop;
pub use subject::{Bench, Deviation, Fault, Samples, Seen, Strikes, Subject, Target};

/// A case that takes longer hangs.
const CASE_MAX: Duration = Duration::from_mins(10);

type CaseFuture<'a> = Pin<Box<dyn Future<Output = stage::Case> + Send + 'a>>;
type CaseEntry = (&'static str, for<'a> fn(&'a dyn Subject) -> CaseFuture<'a>);

macro_rules! cases {
    ($($module:ident: $($case:ident)+;)+) => {
        const CASES: &[CaseEntry] = &[$($((stringify!($case), |subject| Box::pin($module::$case(subject))),)+)+];
    };
}

cases! {
    pure:
        the_projection_applied_twice_changes_nothing_more
        the_webhook_parser_is_total
        webhooks_point_at_their_records;
    refusals:
        check_finds_no_problem_with_a_sound_account
        the_catalogue_names_what_can_be_booked
        what_the_platform_cannot_is_unsupported
        a_booked_start_shows_as_taken
        a_busy_slot_is_refused_and_a_forced_one_is_not
        local_times_come_back_across_a_clock_change
        the_second_of_a_doubled_hour_is_kept_or_refused;
    writes:
        a_created_record_shows_its_draft
        every_status_comes_back_as_projected
        reading_twice_shows_the_same_as_the_write_returned
        a_removed_record_is_gone
        removing_twice_succeeds
        an_unknown_id_is_missing
        the_marker_survives_create_and_update
        a_block_carries_no_client
        a_persons_record_is_read_without_marker
        clients_are_told_nothing;
    updates:
        an_update_of_one_field_leaves_all_others
        an_update_leaves_what_only_the_owner_sets
        an_update_to_the_same_state_changes_nothing
        a_persons_move_survives_an_update_planned_before_it;
    listing:
        a_listing_shows_all_and_proves_it
        a_listing_of_several_pages_is_whole
        a_listing_never_shows_what_is_gone_as_live
        a_listing_that_fails_midway_is_partial
        a_cut_listing_is_never_complete
        a_truncated_listing_is_never_complete
        a_listing_of_garbage_is_never_complete
        a_page_for_people_is_never_a_complete_listing
        an_empty_listing_invents_nothing
        one_unreadable_row_is_quarantined_alone
        an_incremental_listing_shows_edits_moves_and_removals
        a_watched_listing_shows_what_is_new_moved_or_gone;
    faults:
        a_create_whose_reply_is_lost_lands_once_and_says_that_it_may_have
        an_update_whose_reply_is_lost_lands_once_and_says_that_it_may_have
        a_removal_whose_reply_is_lost_lands_once_and_says_that_it_may_have
        a_create_that_ends_in_a_server_error_is_not_repeated
        an_update_that_ends_in_a_server_error_is_not_repeated
        a_removal_that_ends_in_a_server_error_is_not_repeated
        a_server_error_before_a_create_is_not_repeated_either
        a_create_answered_with_garbage_may_have_landed
        a_create_answered_with_half_a_reply_may_have_landed
        a_throttled_create_is_waited_out_and_lands_once
        a_throttled_update_is_waited_out_and_lands_once
        a_throttled_read_is_waited_out
        a_read_survives_a_server_error_and_a_lost_reply
        an_unreadable_reply_never_reads_as_missing
        an_expired_token_is_renewed_or_told;
}

/// The names of all cases, in order.
pub fn case_names() -> impl Iterator<Item = &'static str> {
    CASES.iter().map(|(name, _)| *name)
}

/// Plays every case.
pub async fn run(subject: &dyn Subject) -> Report {
    run_some(subject, |_| true).await
}

/// Plays the cases whose names are wanted; for looking at one closely.
pub async fn run_some(subject: &dyn Subject, wanted: impl Fn(&str) -> bool) -> Report {
    let profile = subject.profile();
    let reason = |name: &str| {
        profile
            .iter()
            .find(|entry| entry.case == name)
            .map(|entry| entry.reason.clone())
    };
    let mut cases = Vec::new();
    for (name, case) in CASES.iter().filter(|(name, _)| wanted(name)) {
        let outcome = match (play(case(subject)).await, reason(name)) {
            (Ok(()), None) => Outcome::Passed,
            (Err(Stop::Failed(why)), None) => Outcome::Failed(why),
            (Err(Stop::Skipped(why)), None) => Outcome::Skipped(why),
            (Err(Stop::Failed(why)), Some(reason)) => Outcome::Deviates { why, reason },
            (Ok(()) | Err(Stop::Skipped(_)), Some(reason)) => Outcome::Recovered { reason },
        };
        cases.push(CaseResult { name, outcome });
    }
    let is_unknown = |name: &&str| !CASES.iter().any(|(case, _)| case == name);
    let unknown_deviations = profile
        .iter()
        .map(|entry| entry.case.as_str())
        .filter(is_unknown)
        .map(str::to_owned)
        .collect();
    Report {
        subject: subject.name().to_owned(),
        cases,
        unknown_deviations,
    }
}

/// Runs one case to its end; a panic and a hang are failures of this case alone.
async fn play(mut case: CaseFuture<'_>) -> stage::Case {
    let caught = std::future::poll_fn(|context| {
        match std::panic::catch_unwind(AssertUnwindSafe(|| case.as_mut().poll(context))) {
            Ok(poll) => poll,
            Err(panic) => std::task::Poll::Ready(stage::failed(format!(
                "panicked: {}",
                panic_text(panic.as_ref())
            ))),
        }
    });
    match tokio::time::timeout(CASE_MAX, caught).await {
        Ok(outcome) => outcome,
        Err(_elapsed) => stage::failed(format!("did not end within {} s", CASE_MAX.as_secs())),
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without words")
}
