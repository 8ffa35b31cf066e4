//! Platforms that are down or answer nonsense: they are reported, and nothing is removed because of them.

use slotbridge_sim::{Fault, Hand as _, Inspect as _, Which};

use crate::support::Stage;

/// A week of bookings in step.
fn settled() -> Stage {
    let stage = Stage::week();
    stage.settle(5);
    stage
}

/// Asserts that a pass exits with this code, names the platform with an error, and removes nothing anywhere.
fn assert_reported(stage: &Stage, platform: usize, expected: i32) -> serde_json::Value {
    let live = |stage: &Stage| {
        (
            stage.world.yclients.live().len(),
            stage.world.rubitime.live().len(),
        )
    };
    let before = live(stage);
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, expected, "{report:#}");
    let row = &report["bridges"][0]["platforms"][platform];
    assert!(row["error"].is_string(), "{report:#}");
    assert_eq!(report["totals"]["remove"], 0, "{report:#}");
    assert_eq!(live(stage), before);
    report
}

// R1
#[test]
fn nonsense_in_a_listing_removes_nothing() {
    let faults = [
        ("garbage", Fault::Garbage),
        ("html", Fault::HtmlError { status: 200 }),
        ("down", Fault::HtmlError { status: 503 }),
        ("truncated", Fault::Truncated),
        ("cut", Fault::ListingCut { keep: 2 }),
        ("empty", Fault::EmptyListing),
        ("expired", Fault::ExpiredToken),
    ];
    // Side by side: a pass over a platform in trouble mostly waits between its attempts.
    std::thread::scope(|scope| {
        for (name, fault) in faults {
            scope.spawn(move || {
                let stage = settled();
                stage
                    .world
                    .yclients
                    .faults()
                    .add(name, "records.list", Which::Every, fault);
                // That nothing is left at all is for a person to say.
                assert_reported(&stage, 0, if name == "empty" { 3 } else { 1 });
                assert!(
                    stage.world.yclients.faults().fired(name) > Some(0),
                    "{name} never struck"
                );
            });
        }
    });
}

// R1
#[test]
fn nonsense_about_known_records_removes_nothing() {
    let faults = [
        ("garbage", Fault::Garbage),
        ("html", Fault::HtmlError { status: 502 }),
        ("expired", Fault::ExpiredToken),
    ];
    std::thread::scope(|scope| {
        for (name, fault) in faults {
            scope.spawn(move || {
                let stage = settled();
                stage
                    .world
                    .rubitime
                    .faults()
                    .add(name, "get-record", Which::Every, fault);
                assert_reported(&stage, 1, 1);
                assert!(
                    stage.world.rubitime.faults().fired(name) > Some(0),
                    "{name} never struck"
                );
            });
        }
    });
}

#[test]
fn a_platform_that_is_down_does_not_stop_the_other_from_being_read_and_loses_nothing() {
    let mut stage = settled();
    let gone = stage.world.only_yclients[0];
    stage.world.yclients.cancel(gone).unwrap();
    // Closed for good: connections are refused.
    stage.site = None;
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 1, "{report:#}");
    let platforms = &report["bridges"][0]["platforms"];
    assert!(
        platforms[0]["error"].is_null() && platforms[1]["error"].is_string(),
        "{report:#}"
    );
    assert_eq!(platforms[0]["coverage"], "complete");
    let text = stage.run(&["--reconcile"]);
    assert_eq!(text.code, Some(1));
    assert!(text.stdout.contains("site"), "{}", text.stdout);
}

#[test]
fn a_lost_reply_to_a_create_makes_no_twin() {
    let stage = Stage::week();
    stage
        .world
        .yclients
        .faults()
        .add("lost", "records.create", Which::Nth(2), Fault::ReplyLost);
    stage
        .world
        .rubitime
        .faults()
        .add("lost", "create-record", Which::Nth(2), Fault::ReplyLost);
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(
        (code, &report["totals"]["unknown"]),
        (1, &2.into()),
        "{report:#}"
    );
    stage.settle(6);
    stage.assert_in_step();
    assert_eq!(stage.world.yclients.faults().fired("lost"), Some(1));
    assert_eq!(stage.world.rubitime.faults().fired("lost"), Some(1));
}
