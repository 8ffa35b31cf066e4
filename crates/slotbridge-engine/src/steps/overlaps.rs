//! Double bookings: bookings that take one time, and records that keep a time while a person has to decide.

use std::collections::{BTreeMap, BTreeSet};

use slotbridge_core::merge::{Merge, Shown};
use slotbridge_core::model::{BookingId, Field, PlatformName, ResourceName, Slot};
use slotbridge_core::overlap::{self, Taker};

use crate::report::{BridgeReport, OverlapEntry, OverlapReport};
use crate::standing::is_about_place;
use crate::view::View;

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

impl Disputed {
    /// Whether that time meets the time of another booking.
    pub(super) fn meets(&self, id: BookingId, resource: &ResourceName, slot: Slot) -> bool {
        self.booking != id && self.resource == *resource && self.slot.intersects(slot)
    }
}

/// Where records stay that are not where their booking is, because a person has to decide where, or whether, it is.
pub(super) fn disputed(view: &View<'_>, merges: &BTreeMap<BookingId, Merge>) -> Vec<Disputed> {
    let waits = |id: &BookingId| match merges.get(id) {
        Some(outcome) => {
            outcome.held_whole
                || outcome.held.contains(&Field::Slot)
                || outcome.held.contains(&Field::Resource)
        }
        None => view.open_conflicts.get(id).is_some_and(|open| {
            open.iter()
                .any(|row| row.conflict.decided.is_none() && is_about_place(row.conflict.subject))
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
    let takers: Vec<Taker> = view
        .live()
        .filter(|(_, _, slot)| slot.end() > view.now)
        .filter_map(|(id, known, slot)| {
            let since = view
                .first_seen(known)
                .map_or(known.created_at, |(_, at)| at);
            Some(Taker {
                booking: id,
                resource: known.canonical.live()?.resource.clone(),
                slot,
                since,
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
        let live = |id| view.bookings.get(&id)?.canonical.live();
        let entries: Vec<OverlapEntry> = [first, second]
            .into_iter()
            .filter_map(|id| entry(view, id, live(id)?.slot))
            .collect();
        if let Some(booking) = live(first) {
            report.overlaps.push(OverlapReport {
                resource: booking.resource.clone(),
                bookings: entries,
            });
        }
    }
    let mut told: BTreeSet<(BookingId, BookingId)> = BTreeSet::new();
    for one in disputed {
        let met = takers.iter().filter(|taker| {
            one.meets(taker.booking, &taker.resource, taker.slot)
                && (view.focus.has_booking(taker.booking) || view.focus.has_booking(one.booking))
        });
        for taker in met {
            let is_told = rivals
                .get(&taker.booking)
                .is_some_and(|rivals| rivals.iter().any(|(rival, _)| *rival == one.booking));
            if is_told || !told.insert((taker.booking, one.booking)) {
                continue;
            }
            let mut bookings: Vec<OverlapEntry> =
                [(taker.booking, taker.slot), (one.booking, one.slot)]
                    .into_iter()
                    .filter_map(|(id, slot)| entry(view, id, slot))
                    .collect();
            bookings.sort_by_key(|entry| (entry.at, entry.booking));
            report.overlaps.push(OverlapReport {
                resource: one.resource.clone(),
                bookings,
            });
        }
    }
    rivals
}

/// A booking that takes this time, or has a record that does.
fn entry(view: &View<'_>, id: BookingId, slot: Slot) -> Option<OverlapEntry> {
    let known = view.bookings.get(&id)?;
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
