//! The cells of a grid, each with what it says.

use std::collections::BTreeMap;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{CONFIRMED, Sightings};
use crate::model::Slot;
use crate::record::Grid;

/// The longest stretch from now on that is taken for a lead time where none is given.
const LEAD_TIME_MAX: SignedDuration = SignedDuration::from_hours(24);

/// On how many days a time must be unavailable, and on none available, to be a break.
const BREAK_DAYS_MIN: usize = 5;

/// What a cell says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// A client could book there.
    Available,
    /// Not available, because of something known.
    Explained,
    /// Not available because of something unknown, as seen in two sweeps.
    Busy,
    /// Not available because of something unknown, as seen once.
    Pending,
    /// Not available, which says nothing.
    Closed(Why),
}

/// Why the unavailability of a cell says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// It is past, or too soon to be booked.
    TooSoon,
    /// It is unavailable on every day.
    Break,
    /// It lies farther ahead than clients may book.
    Beyond,
}

/// A start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) start: Timestamp,
    pub(super) state: State,
    /// How often it has been seen busy by now; 0 where it is not.
    pub(super) sightings: u32,
    day: Date,
    time: Time,
    index: usize,
}

/// The cells of one grid, ascending.
#[derive(Debug)]
pub(super) struct Cells {
    all: Vec<Cell>,
    length: SignedDuration,
    /// How far apart the start times of a day are.
    step: SignedDuration,
}

impl Cells {
    pub(super) fn new(
        grid: &Grid,
        known: &Known,
        sightings: &Sightings,
        now: Timestamp,
        lead_time: Option<SignedDuration>,
        zone: &TimeZone,
    ) -> Self {
        let length = grid.service_slot.max(SignedDuration::ZERO);
        let mut available: BTreeMap<Timestamp, bool> = BTreeMap::new();
        for cell in &grid.cells {
            // Where a start is listed twice, both must be free.
            *available.entry(cell.start).or_insert(true) &= cell.available;
        }
        let seen = |start| {
            sightings
                .get(&(grid.resource.clone(), start))
                .copied()
                .unwrap_or(0)
        };
        let cells: Vec<Cell> = available
            .into_iter()
            .enumerate()
            .map(|(index, (start, available))| {
                let state = match available {
                    true => State::Available,
                    false if known.meets(start, add(start, length)) => State::Explained,
                    false => State::Pending,
                };
                let wall = zone.to_datetime(start);
                let sightings = if state == State::Pending {
                    seen(start)
                } else {
                    0
                };
                Cell {
                    start,
                    state,
                    sightings,
                    day: wall.date(),
                    time: wall.time(),
                    index,
                }
            })
            .collect();
        let mut cells = Self {
            step: step(&cells, length),
            all: cells,
            length,
        };
        cells.close_what_is_too_soon(now, lead_time);
        cells.close_what_is_beyond(zone.to_datetime(now).time());
        cells.close_breaks();
        cells.count();
        cells
    }

    /// Whether the grid shows this start time.
    pub(super) fn shows(&self, start: Timestamp) -> bool {
        self.all
            .binary_search_by_key(&start, |cell| cell.start)
            .is_ok()
    }

    pub(super) fn all(&self) -> &[Cell] {
        &self.all
    }

    /// When a booking that starts in the cell would end.
    pub(super) fn end_of(&self, cell: &Cell) -> Timestamp {
        add(cell.start, self.length)
    }

    /// The cell before on the same day.
    pub(super) fn before(&self, cell: &Cell) -> Option<&Cell> {
        self.all
            .get(cell.index.checked_sub(1)?)
            .filter(|before| before.day == cell.day)
    }

    /// The cell after on the same day.
    pub(super) fn after(&self, cell: &Cell) -> Option<&Cell> {
        self.all
            .get(cell.index.checked_add(1)?)
            .filter(|after| after.day == cell.day)
    }

    /// Whether two neighbours have a hole of the grid, or a night, between them.
    pub(super) fn apart(&self, one: &Cell, next: &Cell) -> bool {
        one.day != next.day || next.start.duration_since(one.start) > self.step
    }

    /// Past times and those within the lead time say nothing; without a known lead time, neither does what is
    /// unavailable from now on without a gap. What was confirmed before goes on counting.
    fn close_what_is_too_soon(&mut self, now: Timestamp, lead_time: Option<SignedDuration>) {
        let soonest = add(
            now,
            lead_time
                .unwrap_or(SignedDuration::ZERO)
                .max(SignedDuration::ZERO),
        );
        let latest = add(now, LEAD_TIME_MAX);
        let mut gapless = lead_time.is_none();
        for cell in &mut self.all {
            gapless = gapless
                && (cell.start < now || (cell.state != State::Available && cell.start < latest));
            let too_soon = cell.start < soonest || gapless;
            if too_soon && cell.state == State::Pending && cell.sightings < CONFIRMED {
                cell.state = State::Closed(Why::TooSoon);
            }
        }
    }

    /// Clients may book so many days ahead, counted from this moment: what follows that time of day on the last day
    /// without a gap lies beyond. It was never seen free, so nothing is known of it.
    fn close_what_is_beyond(&mut self, now: Time) {
        let Some(last_day) = self.all.last().map(|cell| cell.day) else {
            return;
        };
        let first_of_run = self
            .all
            .iter()
            .rposition(|cell| {
                cell.state != State::Pending || cell.sightings >= CONFIRMED || cell.day != last_day
            })
            .map_or(0, |before| before + 1);
        let Some(first) = self.all.get(first_of_run).copied() else {
            return;
        };
        let ends_there =
            self.before(&first).is_some_and(|before| before.time <= now) && now <= first.time;
        if ends_there {
            for cell in self.all.iter_mut().skip(first_of_run) {
                cell.state = State::Closed(Why::Beyond);
            }
        }
    }

    /// A time that nothing explains, on every one of several days, is a break.
    fn close_breaks(&mut self) {
        let mut days: BTreeMap<Time, Option<usize>> = BTreeMap::new();
        for cell in &self.all {
            let unexplained = days.entry(cell.time).or_insert(Some(0));
            match cell.state {
                State::Available => *unexplained = None,
                State::Pending => *unexplained = unexplained.map(|days| days + 1),
                State::Busy | State::Explained | State::Closed(_) => {}
            }
        }
        for cell in self
            .all
            .iter_mut()
            .filter(|cell| cell.state == State::Pending)
        {
            if days
                .get(&cell.time)
                .copied()
                .flatten()
                .is_some_and(|days| days >= BREAK_DAYS_MIN)
            {
                cell.state = State::Closed(Why::Break);
            }
        }
    }

    /// Counts this sighting, and forgets those of what is not busy after all.
    fn count(&mut self) {
        for cell in &mut self.all {
            cell.sightings = match cell.state {
                State::Pending => cell.sightings.saturating_add(1),
                State::Closed(Why::TooSoon) => cell.sightings,
                State::Available
                | State::Explained
                | State::Busy
                | State::Closed(Why::Break | Why::Beyond) => 0,
            };
            if cell.state == State::Pending && cell.sightings >= CONFIRMED {
                cell.state = State::Busy;
            }
        }
    }
}

fn step(cells: &[Cell], length: SignedDuration) -> SignedDuration {
    let within_day = cells.windows(2).filter_map(|pair| match pair {
        [one, next] if one.day == next.day => Some(next.start.duration_since(one.start)),
        _ => None,
    });
    within_day.min().unwrap_or(length)
}

fn add(at: Timestamp, length: SignedDuration) -> Timestamp {
    at.checked_add(length).unwrap_or(Timestamp::MAX)
}

/// Known slots of one resource, for quick questions.
#[derive(Debug)]
pub(super) struct Known {
    /// INVARIANT: ascending, none meets or touches another.
    taken: Vec<Slot>,
}

impl Known {
    pub(super) fn new(slots: &[Slot]) -> Self {
        let mut slots: Vec<Slot> = slots
            .iter()
            .copied()
            .filter(|slot| slot.start() < slot.end())
            .collect();
        slots.sort_unstable();
        let mut taken: Vec<Slot> = Vec::with_capacity(slots.len());
        for slot in slots {
            match taken.last_mut() {
                Some(before) if before.end() >= slot.start() => {
                    *before =
                        Slot::new(before.start(), before.end().max(slot.end())).unwrap_or(*before);
                }
                _ => taken.push(slot),
            }
        }
        Self { taken }
    }

    /// Whether anything known takes part of the time.
    pub(super) fn meets(&self, from: Timestamp, to: Timestamp) -> bool {
        let after = self.taken.partition_point(|slot| slot.end() <= from);
        self.taken.get(after).is_some_and(|slot| slot.start() < to)
    }

    /// When the last known time that is over by then ends.
    pub(super) fn last_end_by(&self, at: Timestamp) -> Option<Timestamp> {
        let over = self.taken.partition_point(|slot| slot.end() <= at);
        self.taken.get(over.checked_sub(1)?).map(|slot| slot.end())
    }

    /// When the first known time that begins then or later begins.
    pub(super) fn next_start_from(&self, at: Timestamp) -> Option<Timestamp> {
        let begun = self.taken.partition_point(|slot| slot.start() < at);
        self.taken.get(begun).map(|slot| slot.start())
    }

    /// What is left of a slot without everything known.
    pub(super) fn cut_out_of(&self, slot: Slot) -> Vec<Slot> {
        let mut left = Vec::new();
        let mut start = slot.start();
        let first = self
            .taken
            .partition_point(|known| known.end() <= slot.start());
        for known in self
            .taken
            .iter()
            .skip(first)
            .take_while(|known| known.start() < slot.end())
        {
            left.extend(Slot::new(start, known.start()).ok());
            start = known.end();
        }
        left.extend(Slot::new(start, slot.end()).ok());
        left.retain(|slot| slot.start() < slot.end());
        left
    }
}
