//! Records that we cannot see: on a platform without a listing, a busy time that fits a booking exactly is presumed to
//! be that booking. A second record may not appear, a link may stay missing.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use slotbridge_core::matching::{SameClient, same_client};
use slotbridge_core::merge::{Presence, Shown};
use slotbridge_core::model::{
    Booking, BookingId, Kind, PlatformName, RemoteId, ResourceKey, ResourceName, Slot,
};
use slotbridge_core::occupancy::{FreeTimes, SlotView};
use slotbridge_core::record::Record;
use slotbridge_store::Change;

use crate::bridge::Member;
use crate::report::{BridgeReport, WaitingReport};
use crate::settle::late::same_place;
use crate::sights::Observed;
use crate::view::{Known, Linked, MemberView, Row, View, own_slot};

/// The platform's own live records, without our busy times, and the slots that they take.
pub(crate) fn own_records<'a>(
    member: &'a MemberView<'_>,
) -> impl Iterator<Item = (&'a Record, Slot)> {
    member
        .rows
        .values()
        .filter_map(|row| Some((&row.record, own_slot(member.member, &row.record)?)))
}

/// How a slot looks on a platform's grid, apart from the platform's own known records; `None` without a grid, and where
/// one that shows it as taken may not know yet that a record has left it.
pub(crate) fn look(
    member: &MemberView<'_>,
    resource: &ResourceName,
    slot: Slot,
) -> Option<SlotView> {
    let looks = member.free_times.get(resource)?.look(slot);
    let taken = matches!(looks, SlotView::Busy | SlotView::PartlyBusy);
    Some(looks).filter(|_| !(taken && has_been_left(member, resource, slot)))
}

/// Whether a record has left this time, or part of it, perhaps since the grid was read.
fn has_been_left(member: &MemberView<'_>, resource: &ResourceName, slot: Slot) -> bool {
    let (member, left) = (member.member, &member.observed.left);
    left.iter().any(|record| {
        member.mapping.resource_key(resource) == Some(&record.resource)
            && own_slot(member, record).is_some_and(|there| there.intersects(slot))
    })
}

/// What each grid of a platform says apart from the platform's own known records, and from times that the grid shows as
/// taken by records that have left them since it was read.
pub(crate) fn free_times(
    member: &Member,
    observed: &Observed,
    rows: &BTreeMap<RemoteId, Row>,
    now: Timestamp,
) -> BTreeMap<ResourceName, FreeTimes> {
    if observed.grids.is_empty() {
        return BTreeMap::new();
    }
    let mut taken: BTreeMap<&ResourceKey, Vec<Slot>> = BTreeMap::new();
    for row in rows.values() {
        if let Some(slot) = own_slot(member, &row.record) {
            taken.entry(&row.record.resource).or_default().push(slot);
        }
    }
    for (key, slot) in &observed.vacated {
        taken.entry(key).or_default().push(*slot);
    }
    let times = observed.grids.iter().map(|(resource, grid)| {
        let own = taken
            .get(&grid.resource)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let times = FreeTimes::new(grid, own, now, member.lead_time, &member.time_zone);
        (resource.clone(), times)
    });
    times.collect()
}

/// What a linked record shows; for a presumed one, what can be told from the grid.
pub(crate) fn shown(
    view: &View<'_>,
    member: &MemberView<'_>,
    known: &Known,
    link: &Linked,
) -> Shown {
    if link.remote_id.is_some() {
        return view.shown(member.name(), link);
    }
    let (Presence::Live(booking), Presence::Live(kept)) = (&known.canonical, &link.shadow.kept)
    else {
        return Shown::Unseen;
    };
    // A block stands for nothing but the busy time: when that ends, so does the block.
    let free = booking.kind == Kind::Block
        && look(member, &kept.resource, kept.slot) == Some(SlotView::Free);
    if free { Shown::Gone } else { Shown::Unseen }
}

/// Presumed records whose whole time is taken by known ones that were there, and as they are now, when it was presumed:
/// had they been known then, nothing would have been presumed. One of the same client is the presumed record itself.
pub(crate) fn explained(view: &View<'_>) -> Vec<(BookingId, PlatformName)> {
    let mut explained = Vec::new();
    for (id, known) in &view.bookings {
        if !view.focus.has_booking(*id) || known.canonical.live().is_none() {
            continue;
        }
        for (platform, link) in &known.links {
            let (None, Some(member), Presence::Live(kept)) =
                (&link.remote_id, view.member(platform), &link.shadow.kept)
            else {
                continue;
            };
            if kept.slot.end() > view.now
                && is_explained(member, kept, link.at)
                && !is_known(member, kept)
            {
                explained.push((*id, platform.clone()));
            }
        }
    }
    explained
}

/// Whether a record shows just what was presumed: this client at this time.
fn is_known(member: &MemberView<'_>, kept: &Booking) -> bool {
    member.rows.values().any(|row| match &row.shown {
        Shown::Live(shown) => {
            same_place(shown, kept) && same_client(&shown.client, &kept.client) == SameClient::Yes
        }
        Shown::Gone | Shown::Unseen => false,
    })
}

/// Whether known records that have not changed since `presumed_at` take all of a booking's time.
fn is_explained(member: &MemberView<'_>, kept: &Booking, presumed_at: Timestamp) -> bool {
    let Some(key) = member.member.mapping.resource_key(&kept.resource) else {
        return false;
    };
    // Stamps of whole seconds are rounded down.
    let is_before = |at: Timestamp| presumed_at.duration_since(at) >= SignedDuration::from_secs(1);
    let mut taken: Vec<Slot> = own_records(member)
        .filter(|(record, slot)| {
            record.resource == *key
                && slot.intersects(kept.slot)
                && record.created_at.is_some_and(is_before)
                && record.changed_at.is_none_or(is_before)
        })
        .map(|(_, slot)| slot)
        .collect();
    taken.sort_unstable();
    let mut until = kept.slot.start();
    for slot in taken {
        if slot.start() > until {
            return false;
        }
        until = until.max(slot.end());
    }
    until >= kept.slot.end()
}

/// Takes presumed links back.
pub(crate) fn take_back(
    view: &mut View<'_>,
    links: Vec<(BookingId, PlatformName)>,
    changes: &mut Vec<Change>,
) {
    for (id, platform) in links {
        if let Some(known) = view.bookings.get_mut(&id) {
            known.links.remove(&platform);
        }
        changes.push(Change::Unlink {
            bridge: view.bridge.name.clone(),
            booking: id,
            platform,
            at: view.now,
        });
    }
}

/// Drops presumed links that turned out to have no record behind them.
pub(crate) fn dissolve(view: &mut View<'_>, report: &mut BridgeReport, changes: &mut Vec<Change>) {
    let mut dropped: Vec<(BookingId, PlatformName)> = Vec::new();
    for (id, known) in &view.bookings {
        if !view.focus.has_booking(*id) {
            continue;
        }
        for (platform, link) in known
            .links
            .iter()
            .filter(|(_, link)| link.remote_id.is_none())
        {
            let (Some(member), Presence::Live(kept)) = (view.member(platform), &link.shadow.kept)
            else {
                continue;
            };
            if kept.slot.end() <= view.now {
                continue;
            }
            let Some(then) = look(member, &kept.resource, kept.slot) else {
                continue;
            };
            let stays = known
                .canonical
                .live()
                .is_some_and(|now| now.slot == kept.slot && now.resource == kept.resource);
            match (stays, then == SlotView::Free, &known.canonical) {
                (true, true, Presence::Live(booking)) if booking.kind == Kind::Appointment => {
                    report.waiting.push(waiting(platform, *id, booking, FREED));
                }
                (false, false, Presence::Live(booking)) => {
                    report.waiting.push(waiting(platform, *id, booking, MOVED));
                }
                (false, false, Presence::Gone) => {
                    report.waiting.push(waiting(platform, *id, kept, CANCELLED));
                }
                (true, ..) => {}
                (false, true, _) => dropped.push((*id, platform.clone())),
            }
        }
    }
    take_back(view, dropped, changes);
}

const FREED: &str = "its time was busy here and is free now, so it was probably cancelled here, in a record that slotbridge \
                     cannot read; cancel it on the other platforms, or book it here again";
const MOVED: &str = "it was moved elsewhere, but its record here is not known to slotbridge; move it here by hand, or add \
                     the record's id to known_records";
const CANCELLED: &str = "it was cancelled elsewhere, but its record here is not known to slotbridge; cancel it here by \
                         hand, or add the record's id to known_records";

fn waiting(platform: &PlatformName, id: BookingId, booking: &Booking, why: &str) -> WaitingReport {
    WaitingReport {
        platform: platform.clone(),
        booking: id,
        place: Some((booking.resource.clone(), booking.slot)),
        why: why.to_owned(),
        needs_person: true,
    }
}

/// Whether another platform's grid shows the time of this record as busy, without a record that explains it: then the
/// record's original is behind that.
pub(crate) fn is_busy_somewhere_else(
    view: &View<'_>,
    platform: &PlatformName,
    remote_id: &RemoteId,
) -> bool {
    let Some(Shown::Live(booking)) = view
        .member(platform)
        .and_then(|member| member.rows.get(remote_id))
        .map(|row| &row.shown)
    else {
        return false;
    };
    view.members
        .iter()
        .filter(|member| member.name() != platform)
        .any(|member| look(member, &booking.resource, booking.slot) == Some(SlotView::Busy))
}
