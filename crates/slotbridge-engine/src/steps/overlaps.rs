//! Double bookings: bookings that take one time, and records that keep a time while a person has to decide.

use std::collections::{BTreeMap, BTreeSet};

use slotbridge_core::merge::{Merge, Shown, Subject};
use slotbridge_core::model::{BookingId, Field, PlatformName, ResourceName, Slot};
use slotbridge_core::overlap::{self, Taker};

use crate::report::{BridgeReport, OverlapEntry, OverlapReport};
use crate::view::{Known, View};

/// For each booking the ones that take its time, and whether they were there first.
pub(super) type Rivals = BTreeMap<BookingId, Vec<(BookingId, bool)>>;

/// A time that a record takes until a person has decided, although its booking stands elsewhere, or not at all.
#[derive(Debug)]
pub(super) struct Disputed {
    pub(super) booking: BookingId,
    pub(super) platform: PlatformName,
    pub(super) resource: ResourceName,
    pub(super) slot: Slot,
}

/// Where records stay that are not where their booking is, because a person has to decide where, or whether, it is.
pub(super) fn disputed(view: &View<'_>, merges: &BTreeMap<BookingId, Merge>) -> Vec<Disputed> {
    let about_time = |subject: Subject| {
        matches!(
            subject,
            Subject::Removal | Subject::Field(Field::Slot | Field::Resource)
        )
    };
    let waits = |id: &BookingId| match merges.get(id) {
        Some(outcome) => {
            outcome.held_whole
                || outcome.held.contains(&Field::Slot)
                || outcome.held.contains(&Field::Resource)
        }
        None => view.open_conflicts.get(id).is_some_and(|open| {
            open.iter()
                .any(|row| row.conflict.decided.is_none() && about_time(row.conflict.subject))
        }),
    };
    let mut found = Vec::new();
    for (id, known) in view.bookings.iter().filter(|(id, _)| waits(id)) {
        let place = known.canonical.live().map(|it| (&it.resource, it.slot));
        for (platform, link) in &known.links {
            let Shown::Live(there) = view.shown(platform, link) else {
                continue;
            };
            let elsewhere = place != Some((&there.resource, there.slot));
            if elsewhere && there.slot.end() > view.now {
                found.push(Disputed {
                    booking: *id,
                    platform: platform.clone(),
                    resource: there.resource,
                    slot: there.slot,
                });
            }
        }
    }
    found
}

/// Finds double bookings that are not over, and reports them: bookings of one time, and one whose time is taken by a
/// record of another that waits for a person. Only the former are rivals wherever they are.
pub(super) fn rivals(view: &View<'_>, disputed: &[Disputed], report: &mut BridgeReport) -> Rivals {
    let since = |known: &Known| {
        view.first_seen(known)
            .map_or(known.created_at, |(_, at)| at)
    };
    let takers: Vec<Taker> = view
        .live()
        .filter(|(_, _, slot)| slot.end() > view.now)
        .filter_map(|(id, known, slot)| {
            Some(Taker {
                booking: id,
                resource: known.canonical.live()?.resource.clone(),
                slot,
                since: since(known),
            })
        })
        .collect();
    let mut rivals = Rivals::new();
    for (first, second) in overlap::pairs(&takers) {
        rivals.entry(first).or_default().push((second, false));
        rivals.entry(second).or_default().push((first, true));
        if !view.focus.has_booking(first) && !view.focus.has_booking(second) {
            continue;
        }
        let entries: Vec<OverlapEntry> = [first, second]
            .into_iter()
            .filter_map(|id| entry(view, id))
            .collect();
        let resource = view
            .bookings
            .get(&first)
            .and_then(|known| known.canonical.live())
            .map(|b| b.resource.clone());
        if let Some(resource) = resource {
            report.overlaps.push(OverlapReport {
                resource,
                bookings: entries,
            });
        }
    }
    let mut told: BTreeSet<(BookingId, BookingId)> = BTreeSet::new();
    for one in disputed {
        let met = takers.iter().filter(|taker| {
            taker.booking != one.booking
                && taker.resource == one.resource
                && taker.slot.intersects(one.slot)
                && (view.focus.has_booking(taker.booking) || view.focus.has_booking(one.booking))
        });
        for taker in met {
            let Some(known) = view.bookings.get(&one.booking) else {
                continue;
            };
            let is_told = rivals
                .get(&taker.booking)
                .is_some_and(|rivals| rivals.iter().any(|(rival, _)| *rival == one.booking));
            if is_told || !told.insert((taker.booking, one.booking)) {
                continue;
            }
            let there = OverlapEntry {
                booking: one.booking,
                slot: one.slot,
                platform: one.platform.clone(),
                at: since(known),
            };
            let mut bookings: Vec<OverlapEntry> = entry(view, taker.booking).into_iter().collect();
            bookings.push(there);
            bookings.sort_by_key(|entry| (entry.at, entry.booking));
            report.overlaps.push(OverlapReport {
                resource: one.resource.clone(),
                bookings,
            });
        }
    }
    rivals
}

fn entry(view: &View<'_>, id: BookingId) -> Option<OverlapEntry> {
    let known = view.bookings.get(&id)?;
    let slot = known.canonical.live()?.slot;
    let (platform, at) = view.first_seen(known).or_else(|| {
        known
            .links
            .keys()
            .next()
            .map(|platform| (platform.clone(), known.created_at))
    })?;
    Some(OverlapEntry {
        booking: id,
        slot,
        platform,
        at,
    })
}
