//! Busy times that nobody's record explains, kept as rows of the mirror so that they are merged like any record.
//!
//! Such a row is never written to its platform: there is no record that could be.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use slotbridge_core::model::{
    BookingId, Client, Kind, PlatformName, Private, RemoteId, ResourceKey, ResourceName, Slot,
    Status,
};
use slotbridge_core::occupancy;
use slotbridge_core::record::{Grid, Record, RecordState, Support};
use slotbridge_store::{Change, JournalRow, MirrorRow, Store};

use crate::EngineError;
use crate::bridge::{Bridge, Member};
use crate::sights::Observed;
use crate::view::{Known, own_slot};

const PREFIX: &str = "busy:";

/// In how many parts a refused block is made at a time: few records where little is refused, and the half hours of a
/// whole day are reached in three looks.
const PARTS: usize = 4;

/// Why such a row is never edited; shown in reports.
pub(crate) const UNKNOWN_ORIGIN: &str = "busy time that no known record explains";

/// Whether the id is one of ours for a busy time, not the platform's.
pub(crate) fn is_block_id(id: &RemoteId) -> bool {
    id.as_str().starts_with(PREFIX)
}

fn block_record(resource: &ResourceKey, slot: Slot) -> Record {
    Record {
        id: RemoteId::new(format!("{PREFIX}{resource}:{}", slot.start().as_second())),
        state: RecordState::Live,
        resource: resource.clone(),
        services: Vec::new(),
        start: slot.start(),
        end: Some(slot.end()),
        client: Client::default(),
        status: Status::Booked,
        comment: Private::default(),
        marker: None,
        is_block: false,
        changed_at: None,
        created_at: None,
        resource_title: None,
        service_title: None,
        group: None,
        support: Support::Occupancy {
            why: UNKNOWN_ORIGIN,
        },
    }
}

/// Which blocks a platform has refused, with the slot that it refused.
#[derive(Debug)]
pub(crate) struct Refused(BTreeSet<(BookingId, Slot)>);

impl Refused {
    /// Of the last answers that were refusals.
    pub(crate) fn of(refusals: &[JournalRow]) -> Self {
        let creates = refusals.iter().filter_map(|row| {
            let refused = row.operation.action.after()?;
            let is_create = row.operation.action.remote_id().is_none();
            (is_create && refused.kind == Kind::Block)
                .then_some((row.operation.booking, refused.slot))
        });
        Self(creates.collect())
    }

    /// Whether a platform has refused the block that this row of `platform` stands for, as it is.
    fn has(
        &self,
        id: &RemoteId,
        slot: Slot,
        platform: &PlatformName,
        bookings: &BTreeMap<BookingId, Known>,
    ) -> bool {
        self.0.iter().any(|(booking, refused)| {
            let link = bookings
                .get(booking)
                .and_then(|known| known.links.get(platform));
            *refused == slot && link.is_some_and(|link| link.remote_id.as_ref() == Some(id))
        })
    }
}

/// Turns the grids of one platform into block rows and stores them, with the sightings that they rest on.
pub(crate) async fn refresh(
    store: &Store,
    bridge: &Bridge,
    member: &Member,
    observed: &mut Observed,
    bookings: &BTreeMap<BookingId, Known>,
    refused: &Refused,
    now: Timestamp,
) -> Result<(), EngineError> {
    if observed.grids_are_new.is_empty() {
        return Ok(());
    }
    let name = member.platform.name();
    let rows = store
        .mirror(name, now.saturating_sub(bridge.window_past).unwrap_or(now))
        .await?;
    let sightings = store.sightings(name).await?;
    let mut changes = Vec::new();
    for (resource, grid) in observed
        .grids
        .iter()
        .filter(|(resource, _)| observed.grids_are_new.contains(*resource))
    {
        let known = explained(member, resource, &grid.resource, &rows, bookings);
        let (blocks, seen) = occupancy::blocks(
            grid,
            &known,
            &sightings,
            now,
            member.lead_time,
            &member.time_zone,
        );
        let standing = standing(&rows, &grid.resource, |id, slot| {
            if refused.has(id, slot, name, bookings) {
                parts(slot, grid)
            } else {
                vec![slot]
            }
        });
        let mut kept = Vec::with_capacity(blocks.len());
        for slot in blocks.iter().flat_map(|block| apart(block.slot, &standing)) {
            let record = block_record(&grid.resource, slot);
            observed.seen.insert(record.id.clone());
            kept.push(record.id.clone());
            changes.push(Change::MirrorSeen {
                platform: name.clone(),
                record,
                at: now,
            });
        }
        for row in rows
            .iter()
            .filter(|row| is_block_id(&row.record.id) && row.record.resource == grid.resource)
        {
            let stands = row.record.state == RecordState::Live;
            let over = row.record.end.is_some_and(|end| end <= now);
            if !stands || over || kept.contains(&row.record.id) {
                continue;
            }
            observed.seen.insert(row.record.id.clone());
            // Of a time that lies beyond an answer that was cut short, the grid says nothing.
            let slot = row.record.slot(None);
            if slot.is_none_or(|slot| occupancy::speaks_of(grid, slot)) {
                changes.push(Change::MirrorMissing {
                    platform: name.clone(),
                    id: row.record.id.clone(),
                    at: now,
                });
            }
        }
        let cells = seen
            .into_iter()
            .filter(|((key, _), _)| *key == grid.resource)
            .map(|((_, start), times)| (start, times))
            .collect();
        changes.push(Change::Sightings {
            platform: name.clone(),
            resource: grid.resource.clone(),
            cells,
        });
    }
    store.apply(changes).await?;
    Ok(())
}

/// The slots of the blocks of a resource that stand, in order, each in the parts in which it is to go on.
fn standing(
    rows: &[MirrorRow],
    resource: &ResourceKey,
    in_parts: impl Fn(&RemoteId, Slot) -> Vec<Slot>,
) -> Vec<Slot> {
    let mut slots: Vec<Slot> = rows
        .iter()
        .map(|row| &row.record)
        .filter(|record| is_block_id(&record.id) && record.resource == *resource)
        .filter(|record| record.state == RecordState::Live)
        .filter_map(|record| Some((record, Slot::new(record.start, record.end?).ok()?)))
        .flat_map(|(record, slot)| in_parts(&record.id, slot))
        .collect();
    slots.sort_unstable();
    slots
}

/// What a refused block is made in, so that a platform that has no room for all of it, because it ends its day earlier,
/// protects what it can. Parts begin where the grid has a start; a block within one of them stays whole.
fn parts(slot: Slot, grid: &Grid) -> Vec<Slot> {
    let inside = |start: &Timestamp| slot.start() < *start && *start < slot.end();
    let starts: BTreeSet<Timestamp> = grid
        .cells
        .iter()
        .map(|cell| cell.start)
        .filter(inside)
        .collect();
    let starts: Vec<Timestamp> = starts.into_iter().collect();
    let cells = starts.len().saturating_add(1);
    let wanted = cells.min(PARTS);
    let cuts = (1..wanted).filter_map(|part| starts.get((part * cells / wanted).checked_sub(1)?));
    let mut found = Vec::with_capacity(wanted);
    let mut from = slot.start();
    for to in cuts.copied().chain([slot.end()]) {
        found.extend(Slot::new(from, to));
        from = to;
    }
    found
}

/// The blocks of one busy stretch. One that stands stays as it is while all of its time is busy, and what has become busy
/// beside it is another one: its copies need not be taken away and made anew, and what a platform refuses of the one says
/// nothing of the other.
fn apart(stretch: Slot, standing: &[Slot]) -> Vec<Slot> {
    let mut parts = Vec::new();
    let mut from = stretch.start();
    let between = |from, to| Slot::new(from, to).ok().filter(|_| from < to);
    for stands in standing {
        if stands.start() < from || stands.end() > stretch.end() {
            continue;
        }
        parts.extend(between(from, stands.start()));
        parts.push(*stands);
        from = stands.end();
    }
    parts.extend(between(from, stretch.end()));
    parts
}

/// The times that need no block: known records of the platform, and bookings that are known elsewhere (their time is
/// protected already, whether or not this platform's record of them is known).
fn explained(
    member: &Member,
    resource: &ResourceName,
    key: &ResourceKey,
    rows: &[MirrorRow],
    bookings: &BTreeMap<BookingId, Known>,
) -> Vec<Slot> {
    let own = rows
        .iter()
        .filter(|row| row.record.resource == *key)
        .filter_map(|row| own_slot(member, &row.record));
    let elsewhere = bookings.values().filter_map(|known| {
        let booking = known.canonical.live()?;
        let from_here = booking.kind == Kind::Block
            && known
                .links
                .get(member.platform.name())
                .and_then(|link| link.remote_id.as_ref())
                .is_some_and(is_block_id);
        (booking.resource == *resource && !from_here).then_some(booking.slot)
    });
    own.chain(elsewhere).collect()
}
