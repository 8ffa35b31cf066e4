//! Busy times that nobody's record explains, kept as rows of the mirror so that they are merged like any record.
//!
//! Such a row is never written to its platform: there is no record that could be.

use std::collections::BTreeMap;

use jiff::Timestamp;
use slotbridge_core::model::{
    Client, Kind, Private, RemoteId, ResourceKey, ResourceName, Slot, Status,
};
use slotbridge_core::occupancy;
use slotbridge_core::record::{Record, RecordState, Support};
use slotbridge_store::{Change, MirrorRow, Store};

use crate::EngineError;
use crate::bridge::{Bridge, Member};
use crate::sights::Observed;
use crate::view::{Known, own_slot};

const PREFIX: &str = "busy:";

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

/// Turns the grids of one platform into block rows and stores them, with the sightings that they rest on.
pub(crate) async fn refresh(
    store: &Store,
    bridge: &Bridge,
    member: &Member,
    observed: &mut Observed,
    bookings: &BTreeMap<slotbridge_core::model::BookingId, Known>,
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
        let standing = standing(&rows, &grid.resource);
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

/// The slots of the blocks of a resource that stand, in order.
fn standing(rows: &[MirrorRow], resource: &ResourceKey) -> Vec<Slot> {
    let mut slots: Vec<Slot> = rows
        .iter()
        .map(|row| &row.record)
        .filter(|record| is_block_id(&record.id) && record.resource == *resource)
        .filter(|record| record.state == RecordState::Live)
        .filter_map(|record| Slot::new(record.start, record.end?).ok())
        .collect();
    slots.sort_unstable();
    slots
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
    bookings: &BTreeMap<slotbridge_core::model::BookingId, Known>,
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
