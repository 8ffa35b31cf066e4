//! Busy times read from grids: case by case, and as laws.

mod laws;
mod slots;

use super::*;
use crate::record::GridCell;
use crate::testing::{at, slot};

const DAY: i64 = 24 * 60;

/// Before the first day's doors open: three in the morning.
const NIGHT: i64 = -6 * 60;

fn moscow() -> TimeZone {
    TimeZone::get("Europe/Moscow").unwrap()
}

fn anna() -> ResourceKey {
    ResourceKey::new("1702")
}

fn mins(mins: i64) -> SignedDuration {
    SignedDuration::from_mins(mins)
}

/// Days from nine o'clock on, a character for each start time: `+` free, `-` not, a space for none.
fn grid(step: i64, length: i64, days: &[&str]) -> Grid {
    let cells = days.iter().zip(0..).flat_map(|(day, number)| {
        let cells = day.chars().zip(0..).filter(|(cell, _)| *cell != ' ');
        cells.map(move |(cell, place)| GridCell {
            start: at(number * DAY + place * step),
            available: cell == '+',
        })
    });
    Grid {
        resource: anna(),
        service_slot: mins(length),
        cells: cells.collect(),
    }
}

fn sweep(grid: &Grid, known: &[Slot], seen: &Sightings, now: i64) -> (Vec<Slot>, Sightings) {
    let (blocks, seen) = blocks(
        grid,
        known,
        seen,
        at(now),
        Some(SignedDuration::ZERO),
        &moscow(),
    );
    assert!(blocks.iter().all(|block| block.resource == anna()));
    (blocks.into_iter().map(|block| block.slot).collect(), seen)
}

/// What two sweeps find in a grid that stays as it is.
fn found(grid: &Grid, known: &[Slot]) -> Vec<Slot> {
    let (first, seen) = sweep(grid, known, &Sightings::new(), NIGHT);
    assert_eq!(first, [], "one sighting is none");
    sweep(grid, known, &seen, NIGHT).0
}

type Spans = &'static [(i64, i64)];

/// Why, the step and length of the starts, the day, what is known, and what is found.
type Case = (&'static str, i64, i64, &'static str, Spans, Spans);

#[rustfmt::skip] // one row a line
const DAYS: [Case; 23] = [
    ("nothing", 60, 60, "++++", &[], &[]),
    ("an hour", 60, 60, "+-++", &[], &[(60, 120)]),
    ("two hours", 60, 60, "+--+", &[], &[(60, 180)]),
    ("two apart", 60, 60, "-+-+", &[], &[(0, 60), (120, 180)]),
    ("an hour seen by halves", 30, 30, "++--++", &[], &[(60, 120)]),
    // Whoever books at half past nine is still there at ten: the cells before it are busy too.
    ("an hour by halves, for an hour", 30, 60, "+---++", &[], &[(60, 120)]),
    ("half an hour, for an hour", 30, 60, "+--+++", &[], &[(60, 90)]),
    ("an hour and a half, for two hours", 30, 120, "++------++", &[], &[(150, 240)]),
    ("short services, far apart", 60, 30, "+-++", &[], &[(60, 120)]),
    ("from the first cell of the day", 30, 60, "---++", &[], &[(0, 90)]),
    ("to the last cell of the day", 30, 60, "++--", &[], &[(90, 150)]),
    ("the whole day", 60, 60, "----", &[], &[(0, 240)]),
    ("explained", 60, 60, "+-++", &[(60, 120)], &[]),
    ("explained by what overlaps", 30, 60, "+---++", &[(60, 120)], &[]),
    ("only partly explained", 60, 60, "+--+", &[(60, 120)], &[(120, 180)]),
    ("after a known one", 30, 60, "+-----++", &[(60, 120)], &[(120, 180)]),
    ("before a known one", 30, 60, "+-----++", &[(120, 180)], &[(60, 120)]),
    ("between two known ones", 30, 30, "++------", &[(60, 90), (180, 240)], &[(90, 180)]),
    ("beside one that ends between the cells", 30, 30, "+---++", &[(30, 45)], &[(45, 120)]),
    ("a known one without length explains nothing", 60, 60, "+-++", &[(60, 60)], &[(60, 120)]),
    ("around a known one that no cell shows", 60, 20, "+--+", &[(90, 100)], &[(60, 90), (100, 180)]),
    ("before a hole in the day", 30, 60, "++-   ++", &[], &[(90, 120)]),
    ("after a hole in the day", 30, 60, "++   -++", &[], &[(150, 180)]),
];

#[test]
fn busy_cells_give_away_what_makes_them_busy() {
    let hours = |hours: &[(i64, i64)]| {
        hours
            .iter()
            .map(|(from, to)| slot(*from, *to))
            .collect::<Vec<_>>()
    };
    for (why, step, length, day, known, expected) in DAYS {
        assert_eq!(
            found(&grid(step, length, &[day]), &hours(known)),
            hours(expected),
            "{why}"
        );
    }
}

#[test]
fn what_no_booking_could_look_like_is_no_block() {
    // A booking, however short, would take two starts at least from those who want an hour.
    assert_eq!(found(&grid(30, 60, &["++-+++"]), &[]), []);
}

#[test]
fn blocks_end_with_the_day() {
    let days = grid(60, 60, &["++-", "-++"]);
    assert_eq!(found(&days, &[]), [slot(120, 180), slot(DAY, DAY + 60)]);
}

#[test]
fn a_block_needs_two_sightings_and_goes_with_the_first_free_one() {
    let (busy, free) = (grid(60, 60, &["+-++"]), grid(60, 60, &["++++"]));
    let cut = grid(60, 60, &["", "++++"]);
    let hour = slot(60, 120);
    for (why, sweeps, expected) in [
        ("once", vec![(&busy, vec![])], vec![]),
        ("twice", vec![(&busy, vec![]), (&busy, vec![])], vec![hour]),
        (
            "free in between",
            vec![(&busy, vec![]), (&free, vec![]), (&busy, vec![])],
            vec![],
        ),
        (
            "not shown in between",
            vec![(&busy, vec![]), (&cut, vec![]), (&busy, vec![])],
            vec![hour],
        ),
        (
            "free at last",
            vec![(&busy, vec![]), (&busy, vec![]), (&free, vec![])],
            vec![],
        ),
        (
            "explained at last",
            vec![(&busy, vec![]), (&busy, vec![]), (&busy, vec![hour])],
            vec![],
        ),
        (
            "explained in between",
            vec![(&busy, vec![]), (&busy, vec![hour]), (&busy, vec![])],
            vec![],
        ),
        (
            "long there",
            vec![(&busy, vec![]), (&busy, vec![]), (&busy, vec![])],
            vec![hour],
        ),
    ] {
        let mut seen = Sightings::new();
        let mut blocks = Vec::new();
        for (grid, known) in sweeps {
            (blocks, seen) = sweep(grid, &known, &seen, NIGHT);
        }
        assert_eq!(blocks, expected, "{why}");
        let cells: Vec<u32> = seen.into_values().collect();
        assert_eq!(
            cells.iter().any(|times| *times >= 2),
            !expected.is_empty(),
            "{why}"
        );
    }
}

#[test]
fn a_grid_speaks_of_what_a_booking_at_one_of_its_starts_would_meet() {
    let day = grid(30, 60, &["", "+-+-"]);
    for (from, to, expected) in [
        (-60, 0, false),
        (DAY - 60, DAY, false),
        (DAY - 30, DAY + 30, true),
        (DAY + 30, DAY + 60, true),
        (DAY + 120, DAY + 180, true),
        (DAY + 150, DAY + 210, false),
    ] {
        assert_eq!(speaks_of(&day, slot(from, to)), expected, "{from} {to}");
    }
}

#[test]
fn sightings_of_others_are_kept_and_of_times_that_are_over_forgotten() {
    let other = (ResourceKey::new("9"), at(0));
    let seen = Sightings::from([
        (other.clone(), 7),
        ((anna(), at(-DAY)), 5),
        ((anna(), at(60)), 1),
    ]);
    let (_, kept) = sweep(&grid(60, 60, &["+-++"]), &[], &seen, NIGHT);
    assert_eq!(kept, Sightings::from([(other, 7), ((anna(), at(60)), 2)]));
}

#[test]
fn a_block_that_grows_or_shrinks_keeps_its_other_end() {
    let (_, seen) = sweep(&grid(30, 60, &["++---+++"]), &[], &Sightings::new(), NIGHT);
    let (blocks, seen) = sweep(&grid(30, 60, &["++---+++"]), &[], &seen, NIGHT);
    assert_eq!(blocks, [slot(90, 150)]);
    let (blocks, seen) = sweep(&grid(30, 60, &["------++"]), &[], &seen, NIGHT);
    // The new part was seen once only.
    assert_eq!(blocks, [slot(90, 150)]);
    let (blocks, _) = sweep(&grid(30, 60, &["------++"]), &[], &seen, NIGHT);
    assert_eq!(blocks, [slot(0, 180)]);
}

fn with_lead(
    days: &[&str],
    seen: &Sightings,
    now: i64,
    lead: Option<i64>,
) -> (Vec<Slot>, Sightings) {
    let grid = grid(60, 60, days);
    let (blocks, seen) = blocks(&grid, &[], seen, at(now), lead.map(mins), &moscow());
    (blocks.into_iter().map(|block| block.slot).collect(), seen)
}

#[test]
fn times_that_cannot_be_booked_any_more_are_no_blocks() {
    for (why, day, now, lead, expected) in [
        ("past", "--+-+", 61, Some(0), vec![(180, 240)]),
        ("past and now", "---+", 120, Some(0), vec![(120, 180)]),
        (
            "within the lead time",
            "---+-+",
            -60,
            Some(180),
            vec![(120, 180), (240, 300)],
        ),
        (
            "a lead time that cannot be",
            "-+",
            -60,
            Some(-500),
            vec![(0, 60)],
        ),
        (
            "without a known lead time, up to the first free time",
            "---+-+",
            -60,
            None,
            vec![(240, 300)],
        ),
        (
            "also when the past was not listed as busy",
            "+--+-+",
            50,
            None,
            vec![(240, 300)],
        ),
        (
            "no prefix where the next time is free",
            "+-+",
            -60,
            None,
            vec![(60, 120)],
        ),
    ] {
        let (_, seen) = with_lead(&[day], &Sightings::new(), now, lead);
        let (blocks, _) = with_lead(&[day], &seen, now, lead);
        let expected: Vec<Slot> = expected
            .into_iter()
            .map(|(from, to)| slot(from, to))
            .collect();
        assert_eq!(blocks, expected, "{why}");
    }
}

#[test]
fn no_lead_time_is_longer_than_a_day() {
    let days = ["----", "----", "--++"];
    let (_, seen) = with_lead(&days, &Sightings::new(), 0, None);
    let (blocks, _) = with_lead(&days, &seen, 0, None);
    // From the same time tomorrow on it counts, though nothing was free yet.
    assert_eq!(blocks, [slot(DAY, DAY + 240), slot(2 * DAY, 2 * DAY + 120)]);
}

#[test]
fn a_confirmed_block_stays_when_its_time_comes() {
    for lead in [Some(90), None] {
        let day = ["+--++"];
        let (_, seen) = with_lead(&day, &Sightings::new(), NIGHT, lead);
        let (blocks, mut seen) = with_lead(&day, &seen, NIGHT, lead);
        assert_eq!(blocks, [slot(60, 180)]);
        // The past is not available any more either.
        for (now, day) in [
            (-20, "---++"),
            (50, "---++"),
            (70, "---++"),
            (130, "----+"),
            (170, "----+"),
        ] {
            let (blocks, next) = with_lead(&[day], &seen, now, lead);
            assert_eq!(blocks, [slot(60, 180)], "at {now}");
            seen = next;
        }
    }
}

#[test]
fn a_break_of_every_day_is_no_block() {
    let usual = "++-++-";
    for (why, days, known, expected) in [
        ("five days", vec![usual; 5], vec![], vec![]),
        (
            "four days say too little",
            vec![usual; 4],
            vec![],
            vec![0, 1, 2, 3],
        ),
        (
            "one day without it",
            vec![usual, usual, usual, usual, usual, "+++++-"],
            vec![],
            vec![0, 1, 2, 3, 4],
        ),
        (
            "a day that does not open so long",
            vec![usual, usual, "++", usual, usual, usual],
            vec![],
            vec![],
        ),
        (
            "only days that nothing explains count",
            vec![usual; 5],
            vec![3],
            vec![0, 1, 2, 4],
        ),
    ] {
        let known: Vec<Slot> = known
            .iter()
            .map(|day| slot(day * DAY + 120, day * DAY + 180))
            .collect();
        let blocks = found(&grid(60, 60, &days), &known);
        let at_eleven: Vec<Slot> = blocks
            .into_iter()
            .filter(|block| (block.start().duration_since(at(0)).as_mins()) % DAY == 120)
            .collect();
        let expected: Vec<Slot> = expected
            .iter()
            .map(|day| slot(day * DAY + 120, day * DAY + 180))
            .collect();
        assert_eq!(at_eleven, expected, "{why}");
    }
}

#[test]
fn a_block_beside_a_break_reaches_up_to_it() {
    // The break is from one to two; whoever wants an hour cannot start half past twelve on any day.
    let usual = "+++++++---++";
    let booked = "++++-----".to_owned() + "-++";
    let days = [usual, usual, usual, usual, usual, booked.as_str()];
    assert_eq!(
        found(&grid(30, 60, &days), &[]),
        [slot(5 * DAY + 150, 5 * DAY + 240)]
    );
}

#[test]
fn a_break_is_told_by_the_clock_on_the_wall() {
    // Berlin's clocks go back between the third and the fourth of these days.
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let days = [
        "2026-10-22",
        "2026-10-23",
        "2026-10-24",
        "2026-10-25",
        "2026-10-26",
    ];
    let cells = days.into_iter().flat_map(|day| {
        let date: jiff::civil::Date = day.parse().unwrap();
        (9..16).map({
            let berlin = berlin.clone();
            move |hour| GridCell {
                start: crate::zone::to_instant(date.at(hour, 0, 0, 0), &berlin).unwrap(),
                available: hour != 12,
            }
        })
    });
    let grid = Grid {
        resource: anna(),
        service_slot: mins(60),
        cells: cells.collect(),
    };
    let now: Timestamp = "2026-10-22T00:00:00Z".parse().unwrap();
    for (zone, expected) in [(&berlin, 0), (&TimeZone::UTC, 5)] {
        let sweep =
            |seen: &Sightings| blocks(&grid, &[], seen, now, Some(SignedDuration::ZERO), zone);
        let (_, seen) = sweep(&Sightings::new());
        assert_eq!(sweep(&seen).0.len(), expected);
    }
}

#[test]
fn what_lies_beyond_the_horizon_is_no_block() {
    // Clients may book so many days ahead, to the hour: at noon the last day is open up to noon.
    let days = ["++++++", "++++--"];
    for (now, expected) in [
        (3 * 60 - 5, vec![slot(DAY + 240, DAY + 360)]),
        (3 * 60, vec![]),
        (3 * 60 + 20, vec![]),
        (4 * 60, vec![]),
        (4 * 60 + 5, vec![slot(DAY + 240, DAY + 360)]),
    ] {
        let grid = grid(60, 60, &days);
        let (_, seen) = sweep(&grid, &[], &Sightings::new(), now);
        assert_eq!(sweep(&grid, &[], &seen, now).0, expected, "at {now}");
    }
}

#[test]
fn a_grid_without_sense_gives_no_blocks() {
    let empty = Grid {
        resource: anna(),
        service_slot: mins(60),
        cells: vec![],
    };
    assert_eq!(found(&empty, &[]), []);
    // A time listed twice is free only when both say so; the order of the cells does not matter.
    let mut twice = grid(60, 60, &["++++"]);
    twice.cells.push(GridCell {
        start: at(60),
        available: false,
    });
    twice.cells.reverse();
    assert_eq!(found(&twice, &[]), [slot(60, 120)]);
    for length in [0, -60] {
        assert_eq!(found(&grid(60, length, &["+-++"]), &[]), [slot(60, 120)]);
    }
}
