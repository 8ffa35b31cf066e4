//! How single slots look.

use super::*;
use SlotView::{Busy, Closed, Free, NotOnGrid, PartlyBusy};

fn look(step: i64, length: i64, day: &str, known: &[(i64, i64)], wanted: (i64, i64)) -> SlotView {
    let known: Vec<Slot> = known.iter().map(|(from, to)| slot(*from, *to)).collect();
    let wanted = slot(wanted.0, wanted.1);
    presumed(
        wanted,
        &grid(step, length, &[day]),
        &known,
        at(NIGHT),
        Some(SignedDuration::ZERO),
        &moscow(),
    )
}

/// Why, the step and length of the starts, the day, what is known, the slot, and how it looks.
type Case = (
    &'static str,
    i64,
    i64,
    &'static str,
    &'static [(i64, i64)],
    (i64, i64),
    SlotView,
);

#[rustfmt::skip] // one row a line
const SLOTS: [Case; 19] = [
    ("free", 60, 60, "++++", &[], (60, 120), Free),
    ("taken", 60, 60, "+-++", &[], (60, 120), Busy),
    ("taken, seen by halves", 30, 30, "++--++", &[], (60, 120), Busy),
    ("half of it taken", 30, 30, "++-+++", &[], (60, 120), PartlyBusy),
    ("the end of it taken", 30, 30, "+++-++", &[], (60, 120), PartlyBusy),
    // The cell at half past ten is busy because of eleven o'clock; ten o'clock tells that the hour is free.
    ("free, with something after it", 30, 60, "+++--+", &[], (60, 120), Free),
    ("free, with something before it", 30, 60, "--++++", &[], (60, 120), Free),
    ("taken, with something known after it", 30, 60, "+------+", &[(120, 180)], (60, 120), Busy),
    ("taken, with something known before it", 30, 60, "-----+", &[(0, 60)], (60, 120), Busy),
    ("free, with something known after it", 30, 60, "+++---+", &[(120, 180)], (60, 120), Free),
    ("free, between the usual start times", 60, 60, "++++", &[], (70, 110), Free),
    ("longer than the service", 60, 60, "++++", &[], (60, 180), Free),
    ("longer, and half of it taken", 60, 60, "++-+", &[], (60, 180), PartlyBusy),
    ("longer, with a cell that reaches beyond it", 30, 60, "+++++-", &[], (60, 180), Free),
    ("its own known record takes it", 60, 60, "+-++", &[(60, 120)], (60, 120), NotOnGrid),
    ("too short a gap to be seen", 30, 60, "------", &[(0, 60), (90, 180)], (60, 90), NotOnGrid),
    ("another day", 60, 60, "++++", &[], (DAY, DAY + 60), NotOnGrid),
    ("after the last start", 60, 60, "++++", &[], (240, 300), NotOnGrid),
    ("no length at all, beside free cells", 60, 60, "++++", &[], (60, 60), NotOnGrid),
];

#[test]
fn a_slot_is_free_or_taken_by_something_unknown() {
    for (why, step, length, day, known, wanted, expected) in SLOTS {
        assert_eq!(look(step, length, day, known, wanted), expected, "{why}");
    }
}

#[test]
fn a_slot_that_clients_could_not_book_is_closed() {
    let usual = "++-+++";
    let days = grid(60, 60, &["----++", usual, usual, usual, usual, usual]);
    let look = |from: i64, to: i64, now: i64, lead: Option<i64>| {
        presumed(
            slot(from, to),
            &days,
            &[],
            at(now),
            lead.map(mins),
            &moscow(),
        )
    };
    for (why, from, to, now, lead, expected) in [
        ("past", 0, 60, 61, Some(0), Closed),
        ("running", 60, 120, 61, Some(0), Closed),
        ("to come", 180, 240, 61, Some(0), Busy),
        ("within the lead time", 180, 240, 61, Some(120), Closed),
        ("no lead time is known", 180, 240, 61, None, Closed),
        ("in the break", DAY + 120, DAY + 180, NIGHT, Some(0), Closed),
        ("into the break", DAY + 60, DAY + 180, NIGHT, Some(0), Free),
        (
            "before the break",
            DAY + 60,
            DAY + 120,
            NIGHT,
            Some(0),
            Free,
        ),
    ] {
        assert_eq!(look(from, to, now, lead), expected, "{why}");
    }
}
