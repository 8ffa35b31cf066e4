//! Deciding: match → merge → plan for one bridge, as a function of what a run sees.
//!
//! A booking whose client data were erased is left alone until they have come back ([`heal`]).
//!
//! No IO: the view goes in, and out come the facts to store, the operations that are wanted, and what to tell the user.

mod adopt;
mod heal;

use std::collections::{BTreeMap, BTreeSet};

use slotbridge_core::merge::{self, Conflict, Presence, Shown, Side, Subject};
use slotbridge_core::model::{Booking, BookingId, Kind, PlatformName};
use slotbridge_core::plan::Operation;
use slotbridge_core::record::Support;
use slotbridge_store::Change;

use crate::bridge::OnRemoval;
use crate::person;
use crate::presume;
use crate::report::{BridgeReport, ConflictReport, PersonReport, WaitingReport};
use crate::view::{Known, Linked, MemberView, View};

/// What a run wants to do.
#[derive(Debug)]
pub(crate) struct Decision {
    /// Facts to store before anything is written to a platform.
    pub(crate) changes: Vec<Change>,
    /// What is wanted, not yet guarded or ordered.
    pub(crate) operations: Vec<Operation>,
    /// Platforms that are not known well enough for what is wanted there.
    pub(crate) not_read: BTreeSet<PlatformName>,
}

/// Decides one bridge. `new_id` gives an id for every booking that is new.
pub(crate) fn decide(
    view: &mut View<'_>,
    report: &mut BridgeReport,
    new_id: &mut dyn FnMut() -> BookingId,
) -> Decision {
    let mut changes = Vec::new();
    heal::heal(view, &mut changes);
    adopt::adopt(view, report, &mut changes, new_id);
    let merges = merge_all(view, report, &mut changes);
    presume::dissolve(view, report, &mut changes);
    let (operations, not_read) = crate::steps::plan(view, &merges, report, &mut changes);
    Decision {
        changes,
        operations,
        not_read,
    }
}

/// Merges every booking and stores what the merges accepted.
fn merge_all(
    view: &mut View<'_>,
    report: &mut BridgeReport,
    changes: &mut Vec<Change>,
) -> BTreeMap<BookingId, merge::Merge> {
    let ids: Vec<BookingId> = view
        .bookings
        .keys()
        .copied()
        .filter(|id| view.focus.has_booking(*id))
        .collect();
    changes.extend(person::long_over(view));
    let mut merges = BTreeMap::new();
    for id in ids {
        let Some(known) = view.bookings.get(&id).filter(|known| !known.is_erased) else {
            continue;
        };
        let sides = sides(view, known);
        let open = view.open_conflicts.get(&id).map_or(&[][..], Vec::as_slice);
        let said = person::said(open);
        let (mut outcome, fates) = merge::merge_decided(
            &known.canonical,
            &sides,
            &view.bridge.policy,
            &said.decisions,
        );
        let heeded = said.with(fates);
        let booking = known.canonical.live();
        for conflict in &outcome.conflicts {
            if let Some((number, choice)) = heeded.applied(conflict) {
                changes.push(Change::DecisionApplied {
                    conflict: number,
                    choice: choice.clone(),
                    at: view.now,
                });
                let mut shown = conflict_report(id, booking, conflict.clone());
                shown.id = Some(number.to_string());
                shown.person = Some(PersonReport::Applied(choice.clone()));
                report.conflicts.push(shown);
                continue;
            }
            note_conflict(view, id, booking, conflict.clone(), report, changes);
            if let Some(shown) = report.conflicts.last_mut() {
                shown.person = heeded.void(conflict);
            }
        }
        changes.extend(heeded.afterwards(&sides, &outcome, view.now));
        if view.bridge.on_removal == OnRemoval::Hold
            && !heeded.follows(Subject::Removal)
            && outcome.presence == Presence::Gone
            && known.canonical.live().is_some()
        {
            hold_removal(known, id, &sides, report);
            outcome.presence = known.canonical.clone();
            outcome.held_whole = true;
        }
        if !outcome.held_whole {
            accept(view, id, &sides, &outcome, changes);
        }
        merges.insert(id, outcome);
    }
    merges
}

fn hold_removal(known: &Known, id: BookingId, sides: &[Side], report: &mut BridgeReport) {
    for side in sides.iter().filter(|side| side.shown == Shown::Gone) {
        report.waiting.push(WaitingReport {
            platform: side.platform.clone(),
            booking: id,
            place: known
                .canonical
                .live()
                .map(|booking| (booking.resource.clone(), booking.slot)),
            why: "it was removed here, and the bridge only lists removals (removals = \"hold\")"
                .to_owned(),
            needs_person: true,
        });
    }
}

/// The linked platforms of one booking, in the bridge's order.
pub(crate) fn sides(view: &View<'_>, known: &Known) -> Vec<Side> {
    let kind = known.canonical.live().map(|booking| booking.kind);
    view.members
        .iter()
        .filter_map(|member| {
            let link = known.links.get(member.name())?;
            let row = link.remote_id.as_ref().and_then(|id| member.rows.get(id));
            let kind = kind
                .or_else(|| link.shadow.kept.live().map(|kept| kept.kind))
                .unwrap_or(Kind::Appointment);
            Some(Side {
                platform: member.name().clone(),
                shown: presume::shown(view, member, known, link),
                shadow: link.shadow.clone(),
                projection: member.projection(view.bridge, kind, link.remote_id.as_ref()),
                heard: is_heard(member, kind, link),
                changed_at: row.and_then(|row| row.record.changed_at),
                noticed_at: row.map_or(view.now, |row| row.noticed_at),
            })
        })
        .collect()
}

/// Whether changes of this record are taken over. Of an anonymous block only the platform that it comes from can say
/// anything; a person who deletes or moves a copy of it has the last word there, and nowhere else.
pub(crate) fn is_heard(member: &MemberView<'_>, kind: Kind, link: &Linked) -> bool {
    let row = link.remote_id.as_ref().and_then(|id| member.rows.get(id));
    let is_source = row.is_some_and(|row| matches!(row.record.support, Support::Occupancy { .. }));
    member.member.direction.heard()
        && (kind == Kind::Appointment || is_source || link.remote_id.is_none())
}

/// Stores what a merge accepted: the booking, and that each platform's change has been taken in. A change that lost is
/// taken in too, so that it cannot win a later run merely because the winner has been quiet since.
fn accept(
    view: &mut View<'_>,
    id: BookingId,
    sides: &[Side],
    merged: &merge::Merge,
    changes: &mut Vec<Change>,
) {
    let (bridge, at) = (view.bridge.name.clone(), view.now);
    let Some(known) = view.bookings.get_mut(&id) else {
        return;
    };
    if known.canonical != merged.presence {
        changes.push(Change::Booking {
            bridge: bridge.clone(),
            id,
            canonical: merged.presence.clone(),
            at,
        });
        known.canonical = merged.presence.clone();
    }
    for side in sides {
        let Some(link) = known.links.get_mut(&side.platform) else {
            continue;
        };
        let shadow = merge::accepted(side, merged);
        if shadow != link.shadow {
            changes.push(Change::Link {
                bridge: bridge.clone(),
                booking: id,
                platform: side.platform.clone(),
                remote_id: link.remote_id.clone(),
                shadow: shadow.clone(),
                at,
            });
            link.shadow = shadow;
            link.at = at;
        }
    }
}

fn note_conflict(
    view: &View<'_>,
    id: BookingId,
    booking: Option<&Booking>,
    conflict: Conflict,
    report: &mut BridgeReport,
    changes: &mut Vec<Change>,
) {
    changes.push(Change::Conflict {
        bridge: view.bridge.name.clone(),
        booking: id,
        conflict: conflict.clone(),
        at: view.now,
    });
    report
        .conflicts
        .push(conflict_report(id, booking, conflict));
}

fn conflict_report(id: BookingId, booking: Option<&Booking>, conflict: Conflict) -> ConflictReport {
    ConflictReport {
        id: None,
        booking: id,
        place: booking.map(|booking| (booking.resource.clone(), booking.slot)),
        conflict,
        person: None,
    }
}
