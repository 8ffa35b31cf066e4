//! The suite judged by itself: a sound fake passes, and every flaw is caught by the case that is there for it.

mod calls;
mod fake;
mod flaw;
mod platform;

use std::collections::BTreeSet;

use fake::{Fake, Shape};
use flaw::Flaw;

use super::{Deviation, Outcome, Report, case_names, run, run_some};

fn shape_for(case: &str) -> Shape {
    if case == "a_booked_start_shows_as_taken" {
        Shape::Reader
    } else {
        Shape::Lister
    }
}

fn skipped(report: &Report) -> BTreeSet<&'static str> {
    report
        .cases
        .iter()
        .filter(|case| matches!(case.outcome, Outcome::Skipped(_)))
        .map(|case| case.name)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_sound_platform_with_a_listing_passes_all_but_what_it_lacks() {
    let report = run(&Fake::new(Shape::Lister, None)).await;
    assert!(report.is_good(), "{report}");
    assert_eq!(
        skipped(&report),
        BTreeSet::from(["a_booked_start_shows_as_taken"])
    );
}

#[tokio::test(start_paused = true)]
async fn a_sound_platform_without_a_listing_passes_all_but_the_listings() {
    let report = run(&Fake::new(Shape::Reader, None)).await;
    assert!(report.is_good(), "{report}");
    assert!(
        skipped(&report).iter().all(|case| case.contains("listing")),
        "{report}"
    );
    assert_eq!(
        report.outcome("a_booked_start_shows_as_taken"),
        Some(&Outcome::Passed)
    );
}

#[tokio::test(start_paused = true)]
async fn every_flaw_is_caught_by_its_case() {
    let mut missed = Vec::new();
    for (flaw, case) in Flaw::ALL {
        let report = run_some(&Fake::new(shape_for(case), Some(flaw)), |name| name == case).await;
        if report.failed() != [case] {
            missed.push(format!("{flaw:?} is not caught: {report}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn every_case_has_a_flaw_that_it_catches() {
    let caught: BTreeSet<&str> = Flaw::ALL.iter().map(|(_, case)| *case).collect();
    let without: Vec<&str> = case_names().filter(|name| !caught.contains(name)).collect();
    assert!(
        without.is_empty(),
        "nothing shows that these can fail: {without:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_known_deviation_is_no_failure_and_a_stale_one_is() {
    let deviation = |case: &str| Deviation {
        case: case.to_owned(),
        reason: "the platform trims".to_owned(),
    };
    let mut flawed = Fake::new(Shape::Lister, Some(Flaw::CommentIsLost));
    flawed.profile = vec![deviation("a_created_record_shows_its_draft")];
    let report = run_some(&flawed, |name| name == "a_created_record_shows_its_draft").await;
    assert!(report.is_good(), "{report}");
    assert!(
        report.to_string().contains("known: the platform trims"),
        "{report}"
    );

    flawed.flaw = None;
    let report = run_some(&flawed, |name| name == "a_created_record_shows_its_draft").await;
    assert!(!report.is_good(), "{report}");

    flawed.profile = vec![deviation("no_such_case")];
    let report = run_some(&flawed, |name| name == "a_created_record_shows_its_draft").await;
    assert!(!report.is_good(), "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_report_in_which_nothing_ran_is_not_good() {
    let report = run_some(&Fake::new(Shape::Reader, None), |name| {
        name == "a_listing_shows_all_and_proves_it"
    })
    .await;
    assert_eq!((report.ran(), report.cases.len()), (0, 1));
    assert!(!report.is_good(), "{report}");
}
