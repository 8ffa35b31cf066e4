//! Guards from the command line: by share, by number and over a rolling day; what they hold stays held, the rest goes on,
//! and an approval is for exactly what was shown.

use serde_json::Value;
use slotbridge_sim::{Booking, Edit, Hand as _, Inspect as _};

use crate::support::{Stage, at};

/// A bridge with these limits and so many bookings in step.
fn in_step(limits: &str, bookings: i64) -> (Stage, Vec<u64>) {
    let stage = Stage::empty();
    let booked = stage.book_haircuts(bookings);
    stage.settle(4);
    stage.change_config(
        "[[bridge]]\nname = \"main\"\n",
        &format!("[guard]\n{limits}\n[[bridge]]\nname = \"main\"\n"),
    );
    (stage, booked)
}

fn cancel(stage: &Stage, bookings: &[u64]) {
    for booking in bookings {
        stage.world.yclients.cancel(*booking).unwrap();
    }
}

fn edit(stage: &Stage, bookings: &[u64]) {
    let comment = Edit {
        comment: Some("у окна".to_owned()),
        ..Edit::default()
    };
    for booking in bookings {
        stage.world.yclients.edit(*booking, &comment).unwrap();
    }
}

/// Asserts that a pass is held by this guard, and writes nothing; gives the plan's name.
fn assert_held(stage: &Stage, what: &str, limit: i64, planned: i64) -> Value {
    let writes = stage.writes();
    let (code, report) = stage.reconcile(&[]);
    assert_eq!((code, stage.writes()), (3, writes), "{report:#}");
    let guard = &report["bridges"][0]["guard"];
    let shown = (
        &guard["platform"],
        &guard["what"],
        &guard["limit"],
        &guard["planned"],
    );
    let expected = ("site".into(), what.into(), limit.into(), planned.into());
    assert_eq!(
        shown,
        (&expected.0, &expected.1, &expected.2, &expected.3),
        "{report:#}"
    );
    guard["plan"].clone()
}

#[test]
fn every_limit_of_the_config_holds_by_its_own_measure() {
    let shares = in_step("removals_max_percent = 20\n", 12);
    cancel(&shares.0, &shares.1[..3]);
    assert_held(&shares.0, "removals_max_percent", 20, 25);

    let updates = in_step("updates_max_percent = 25\n", 12);
    edit(&updates.0, &updates.1[..4]);
    assert_held(&updates.0, "updates_max_percent", 25, 34);

    // What was done over the day counts, run after run.
    let (stage, booked) = in_step("removals_max_day = 3\n", 5);
    for pair in [&booked[..2], &booked[2..3]] {
        cancel(&stage, pair);
        assert_eq!(stage.reconcile(&[]).0, 0);
    }
    cancel(&stage, &booked[3..4]);
    assert_held(&stage, "removals_max_day", 3, 4);

    // The first four count too.
    let (stage, _) = in_step("creates_max_day = 5\n", 4);
    for day in 10..12 {
        let booking = Booking::new(8886, 331, at(day, 12), 60);
        let phone = format!("+790000030{day}");
        stage
            .world
            .yclients
            .book(&booking.client("Пробная Вера", &phone));
    }
    assert_held(&stage, "creates_max_day", 5, 6);
}

#[test]
fn what_is_held_stays_so_and_everything_else_goes_on() {
    let (stage, booked) = in_step("removals_max = 2\n", 6);
    cancel(&stage, &booked[..3]);
    let plan = assert_held(&stage, "removals_max", 2, 3);
    assert_eq!(assert_held(&stage, "removals_max", 2, 3), plan);
    // A new booking and an edit pass, and so does what comes from the other side.
    edit(&stage, &booked[4..5]);
    let booking = Booking::new(8887, 331, at(9, 12), 60);
    stage
        .world
        .yclients
        .book(&booking.client("Пробный Пётр", "+79000002000"));
    let copy = stage
        .world
        .rubitime
        .live()
        .into_iter()
        .find(|seen| seen.start == at(6, 10))
        .unwrap();
    stage.world.rubitime.move_to(copy.id, at(8, 16)).unwrap();
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 3, "{report:#}");
    assert_eq!(report["bridges"][0]["guard"]["plan"], plan);
    let (create, update) = (&report["totals"]["create"], &report["totals"]["update"]);
    assert_eq!((create, update), (&1.into(), &2.into()), "{report:#}");
    let moved = |seen: &slotbridge_sim::Seen| seen.start == at(8, 16);
    assert!(stage.world.yclients.live().iter().any(moved));
    assert_eq!(stage.world.rubitime.live().len(), 7);
}

#[test]
fn an_approval_is_for_the_plan_that_was_shown_and_for_no_other() {
    let (stage, booked) = in_step("removals_max = 2\n", 6);
    cancel(&stage, &booked[..3]);
    let shown = assert_held(&stage, "removals_max", 2, 3);
    assert_eq!(stage.run(&["approve", "main"]).code, Some(0));
    // One more than was shown: none of them goes.
    cancel(&stage, &booked[3..4]);
    let another = assert_held(&stage, "removals_max", 2, 4);
    assert_ne!(another, shown);
    assert_eq!(stage.run(&["approve", "main"]).code, Some(0));
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(
        (code, &report["totals"]["remove"]),
        (0, &4.into()),
        "{report:#}"
    );
    stage.assert_in_step();
    // And the guard stands again.
    stage.book_haircuts(3);
    stage.settle(4);
    let live: Vec<u64> = stage
        .world
        .yclients
        .live()
        .iter()
        .map(|seen| seen.id)
        .collect();
    cancel(&stage, &live[..3]);
    assert_held(&stage, "removals_max", 2, 3);
    let status = stage.run(&["status"]);
    assert!(
        status.stdout.contains("slotbridge approve main"),
        "{}",
        status.stdout
    );
}
