//! What holds for every grid that real bookings make.

use proptest::prelude::*;

use super::*;

/// Hours from nine to seven, three days.
const OPEN_MINS: i64 = 600;

#[derive(Debug, Clone)]
struct Calendar {
    step: i64,
    length: i64,
    known: Vec<Slot>,
    unknown: Vec<Slot>,
}

impl Calendar {
    fn grid(&self) -> Grid {
        let busy: Vec<Slot> = self.known.iter().chain(&self.unknown).copied().collect();
        let starts = (0..3).flat_map(|day| {
            let last = OPEN_MINS - self.length;
            (0..=last / self.step).map(move |place| day * DAY + place * self.step)
        });
        let cells = starts.map(|start| {
            let taken = slot(start, start + self.length);
            GridCell {
                start: at(start),
                available: !busy.iter().any(|busy| busy.intersects(taken)),
            }
        });
        Grid {
            resource: anna(),
            service_slot: mins(self.length),
            cells: cells.collect(),
        }
    }
}

/// Bookings in units of `unit` minutes, none on top of another, each known or not.
fn any_calendar(aligned: bool) -> impl Strategy<Value = Calendar> {
    let bookings = prop::collection::vec((0..3_i64, 0..40_i64, 1..8_i64, any::<bool>()), 0..14);
    (
        prop::sample::select(vec![15_i64, 30, 60]),
        1..=4_i64,
        bookings,
    )
        .prop_map(move |(step, cells, bookings)| {
            let length = step * cells;
            let unit = if aligned { step } else { 5 };
            let mut calendar = Calendar {
                step,
                length,
                known: vec![],
                unknown: vec![],
            };
            for (day, start, units, is_known) in bookings {
                let from = start * unit % OPEN_MINS;
                let to = (from + units * unit).min(OPEN_MINS);
                let booked = slot(day * DAY + from, day * DAY + to);
                if calendar
                    .known
                    .iter()
                    .chain(&calendar.unknown)
                    .all(|other| !other.intersects(booked))
                {
                    let of_kind = if is_known {
                        &mut calendar.known
                    } else {
                        &mut calendar.unknown
                    };
                    of_kind.push(booked);
                }
            }
            calendar
        })
}

fn is_covered(slot: Slot, by: &[Slot]) -> bool {
    by.iter()
        .any(|block| block.start() <= slot.start() && slot.end() <= block.end())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn an_unknown_booking_as_long_as_the_service_is_covered(calendar in any_calendar(true)) {
        let blocks = found(&calendar.grid(), &calendar.known);
        for unknown in &calendar.unknown {
            let long = unknown.end().duration_since(unknown.start()) >= mins(calendar.length);
            prop_assert!(!long || is_covered(*unknown, &blocks), "{:?} by {:?}", unknown, blocks);
        }
    }

    #[test]
    fn a_block_takes_nothing_that_is_known_or_could_be_booked(calendar in any_calendar(false)) {
        let grid = calendar.grid();
        let blocks = found(&grid, &calendar.known);
        for block in &blocks {
            prop_assert!(block.start() < block.end());
            prop_assert!(calendar.known.iter().all(|known| !known.intersects(*block)));
            for cell in grid.cells.iter().filter(|cell| cell.available) {
                let free = Slot::new(cell.start, cell.start + mins(calendar.length)).unwrap();
                prop_assert!(!free.intersects(*block), "{:?} is free in {:?}", free, block);
            }
        }
        prop_assert!(blocks.is_sorted());
        prop_assert!(blocks.windows(2).all(|pair| pair[0].end() < pair[1].start()), "neighbours are one block");
    }

    #[test]
    fn where_everything_is_known_there_are_no_blocks(mut calendar in any_calendar(false)) {
        let unknown = std::mem::take(&mut calendar.unknown);
        calendar.known.extend(unknown);
        prop_assert_eq!(found(&calendar.grid(), &calendar.known), []);
    }

    #[test]
    fn a_slot_as_long_as_the_service_is_seen_as_it_is(mut calendar in any_calendar(true), place in 0..200_i64) {
        calendar.known.clear();
        let from = place * calendar.step % (OPEN_MINS - calendar.length + 1) / calendar.step * calendar.step;
        let wanted = slot(from, from + calendar.length);
        let view = presumed(wanted, &calendar.grid(), &[], at(NIGHT), Some(SignedDuration::ZERO), &moscow());
        let taken = calendar.unknown.iter().any(|unknown| unknown.intersects(wanted));
        prop_assert_eq!(view == SlotView::Free, !taken);
        if is_covered(wanted, &calendar.unknown) {
            prop_assert_eq!(view, SlotView::Busy);
        }
    }

    #[test]
    fn blocks_stay_as_they_are_while_nothing_changes(calendar in any_calendar(false), later in 0..OPEN_MINS) {
        let grid = calendar.grid();
        let (_, seen) = sweep(&grid, &calendar.known, &Sightings::new(), NIGHT);
        let (blocks, seen) = sweep(&grid, &calendar.known, &seen, NIGHT);
        // Later the same day: what was confirmed counts on although its time has come.
        let (again, _) = sweep(&grid, &calendar.known, &seen, later);
        prop_assert_eq!(again, blocks);
    }
}
