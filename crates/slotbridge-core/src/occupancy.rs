//! What a grid of free and busy start times says about bookings that no record shows.
//!
//! A platform without a list endpoint still shows at which times a client could book. A start time is unavailable when
//! a booking made there would meet something busy; what is busy then can be worked out, though not whose it is.
//!
//! # Guarantees
//! - A block never meets a slot that is known.
//! - A time becomes a block only after it was seen busy in two sweeps, and stays one while it is.
//! - No block comes of times that clients cannot book anyway: past ones, too soon ones, breaks of every day, and what
//!   lies beyond how far ahead clients may book.
//!
//! # Caveats
//! - Where the grid leaves open where a busy time begins or ends, the block covers all of what it may be.
//! - Unknown bookings back to back are one block.

mod cells;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::model::{ResourceKey, Slot};
use crate::record::Grid;
use cells::{Cell, Cells, Known, State, Why};

/// How often start times have been seen busy without a record that explains it.
pub type Sightings = BTreeMap<(ResourceKey, Timestamp), u32>;

/// How often a time must have been seen busy before it counts.
pub(crate) const CONFIRMED: u32 = 2;

/// A busy time that no record explains.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    /// Whose time.
    pub resource: ResourceKey,
    /// When.
    pub slot: Slot,
}

/// How a slot looks on a grid, apart from what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SlotView {
    /// Nothing unknown takes it.
    Free,
    /// All of it is taken by something unknown.
    Busy,
    /// Part of it is taken by something unknown.
    PartlyBusy,
    /// Clients could not book it in any case: it is past, too soon, or lies in a break of every day.
    Closed,
    /// The grid does not say.
    NotOnGrid,
}

/// What a grid says apart from what is known to take its times.
#[derive(Debug)]
pub struct FreeTimes(Cells);

impl FreeTimes {
    /// Reads a grid. `known` are the slots of its resource that known records take.
    ///
    /// `lead_time` is how long before its start a time can no longer be booked; without it, what is unavailable from now
    /// on without a gap, for a day at most, is taken for too soon.
    pub fn new(
        grid: &Grid,
        known: &[Slot],
        now: Timestamp,
        lead_time: Option<SignedDuration>,
        zone: &TimeZone,
    ) -> Self {
        Self(Cells::new(
            grid,
            &Known::new(known),
            &Sightings::new(),
            now,
            lead_time,
            zone,
        ))
    }

    /// How a slot of the resource looks.
    pub fn look(&self, slot: Slot) -> SlotView {
        let Self(cells) = self;
        if covers(cells, slot) {
            return SlotView::Free;
        }
        let inside: Vec<State> = cells
            .all()
            .iter()
            .filter(|cell| slot.start() <= cell.start && cell.start < slot.end())
            .map(|cell| cell.state)
            .collect();
        let any = |wanted: fn(&State) -> bool| inside.iter().any(wanted);
        let free = any(|state| matches!(state, State::Available));
        let busy = any(|state| matches!(state, State::Busy | State::Pending));
        let closed = any(|state| matches!(state, State::Closed(_)));
        match (busy, free, closed) {
            (true, false, _) => SlotView::Busy,
            (true, true, _) => SlotView::PartlyBusy,
            (false, true, _) => SlotView::Free,
            (false, false, true) => SlotView::Closed,
            (false, false, false) => SlotView::NotOnGrid,
        }
    }
}

/// How `slot` looks on the grid of its resource.
#[cfg(test)]
fn presumed(
    slot: Slot,
    grid: &Grid,
    known: &[Slot],
    now: Timestamp,
    lead_time: Option<SignedDuration>,
    zone: &TimeZone,
) -> SlotView {
    FreeTimes::new(grid, known, now, lead_time, zone).look(slot)
}

/// Whether the times that clients could book there reach over the whole slot.
fn covers(cells: &Cells, slot: Slot) -> bool {
    let mut covered = slot.start();
    for cell in cells
        .all()
        .iter()
        .filter(|cell| cell.state == State::Available)
    {
        if cell.start <= covered {
            covered = covered.max(cells.end_of(cell));
        }
    }
    slot.start() < slot.end() && covered >= slot.end()
}

/// The busy times of one resource that no known slot explains, and the sightings to keep for the next sweep.
///
/// `known` are the slots that known records take. Sightings of other resources come back as they were, and so do those of
/// times to come that the grid does not show: an answer that stops in the middle says nothing of the rest.
/// For `lead_time` see [`FreeTimes::new`]; a time that was confirmed before it became too soon, or past, stays a block.
pub fn blocks(
    grid: &Grid,
    known: &[Slot],
    sightings: &Sightings,
    now: Timestamp,
    lead_time: Option<SignedDuration>,
    zone: &TimeZone,
) -> (Vec<Block>, Sightings) {
    let known = Known::new(known);
    let cells = Cells::new(grid, &known, sightings, now, lead_time, zone);
    let mut kept: Sightings = sightings
        .iter()
        .filter(|((resource, start), _)| {
            *resource != grid.resource || (*start > now && !cells.shows(*start))
        })
        .map(|(key, n)| (key.clone(), *n))
        .collect();
    for cell in cells.all().iter().filter(|cell| cell.sightings > 0) {
        kept.insert((grid.resource.clone(), cell.start), cell.sightings);
    }
    let mut found: Vec<Slot> = Vec::new();
    for run in cells.all().chunk_by(|one, next| {
        one.state == State::Busy && next.state == State::Busy && !cells.apart(one, next)
    }) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        if first.state != State::Busy {
            continue;
        }
        let slot = Slot::new(begin(&cells, &known, first), end(&cells, &known, last));
        let Ok(slot) = slot else { continue };
        for slot in known.cut_out_of(slot) {
            match found.last_mut() {
                Some(before) if before.end() >= slot.start() => {
                    *before =
                        Slot::new(before.start(), before.end().max(slot.end())).unwrap_or(*before);
                }
                _ => found.push(slot),
            }
        }
    }
    let blocks = found
        .into_iter()
        .map(|slot| Block {
            resource: grid.resource.clone(),
            slot,
        })
        .collect();
    (blocks, kept)
}

/// Whether a grid says anything of a slot: it shows a start from which a booking would meet it.
pub fn speaks_of(grid: &Grid, slot: Slot) -> bool {
    grid.cells.iter().any(|cell| {
        let end = cell.start.checked_add(grid.service_slot);
        cell.start < slot.end() && end.is_ok_and(|end| end > slot.start())
    })
}

/// The earliest start of what makes a run of cells busy.
fn begin(cells: &Cells, known: &Known, first: &Cell) -> Timestamp {
    let Some(previous) = cells.before(first) else {
        return first.start;
    };
    match previous.state {
        // Whoever books there is through before it begins.
        State::Available | State::Pending => first.start.max(cells.end_of(previous)),
        // It may begin as soon as the known booking ends.
        State::Explained => known
            .last_end_by(first.start)
            .unwrap_or(first.start)
            .max(previous.start),
        State::Busy | State::Closed(_) => first.start,
    }
}

/// The latest end of what makes a run of cells busy.
fn end(cells: &Cells, known: &Known, last: &Cell) -> Timestamp {
    let own_end = cells.end_of(last);
    let Some(next) = cells.after(last) else {
        return own_end;
    };
    if cells.apart(last, next) {
        return own_end.min(next.start);
    }
    match next.state {
        State::Available | State::Pending | State::Closed(Why::TooSoon | Why::Beyond) => next.start,
        // It may last until the known booking begins.
        State::Explained => known.next_start_from(own_end).unwrap_or(next.start),
        State::Busy | State::Closed(Why::Break) => own_end.max(next.start),
    }
}
