//! Deciding: match → merge → plan for one bridge, as a function of what a run sees.
//!
//! A booking whose client data were erased is left alone until they have come back ([`heal`]).
//!
//! No IO: the view goes in, and out come the facts to store, the operations that are wanted, and what to tell the user.

mod heal;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use slotbridge_core::matching::{self, Candidate, Open};
use slotbridge_core::merge::{
    self, Claim, Conflict, Presence, Shadow, Shown, Side, Stamp, Subject,
};
use slotbridge_core::model::{Booking, BookingId, Field, Kind, PlatformName, RemoteId};
use slotbridge_core::plan::Operation;
use slotbridge_core::projection::same_value;
use slotbridge_core::record::Support;
use slotbridge_store::Change;

use crate::bridge::OnRemoval;
use crate::person;
use crate::presume;
use crate::report::{AmbiguousReport, BridgeReport, ConflictReport, PersonReport, WaitingReport};
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
    adopt(view, report, &mut changes, new_id);
    let merges = merge_all(view, report, &mut changes);
    presume::dissolve(view, report, &mut changes);
    let (operations, not_read) = crate::steps::plan(view, &merges, report, &mut changes);
    Decision {
        changes,
        operations,
        not_read,
    }
}

/// Links records that are one booking, and makes bookings of those that are new.
fn adopt(
    view: &mut View<'_>,
    report: &mut BridgeReport,
    changes: &mut Vec<Change>,
    new_id: &mut dyn FnMut() -> BookingId,
) {
    let candidates = candidates(view);
    let open: Vec<Open> = view
        .bookings
        .iter()
        .filter(|(id, known)| view.focus.has_booking(**id) && !known.is_erased)
        .filter_map(|(id, known)| {
            let canonical = known.canonical.live()?.clone();
            // A record that is gone leaves its place to another of the same client at the same time: people cancel and
            // book again, and platforms give records new ids.
            let has = known
                .links
                .iter()
                .filter(|(platform, link)| {
                    link.remote_id.is_some() && view.shown(platform, link) != Shown::Gone
                })
                .map(|(platform, _)| platform.clone())
                .collect();
            Some(Open {
                booking: *id,
                canonical,
                has,
            })
        })
        .collect();
    let known_ids: BTreeSet<BookingId> = view.bookings.keys().copied().collect();
    let orphans = orphaned_copies(view, &candidates);
    let matching = matching::matching(&candidates, &open, &known_ids);

    for adoption in matching.adopt {
        report.adopted += u64::from(
            adoption.records.len() > 1
                || adoption.booking.is_some_and(|id| known_ids.contains(&id)),
        );
        link_records(
            view,
            adoption.booking,
            &adoption.records,
            report,
            changes,
            new_id,
        );
    }
    for (platform, remote_id) in matching.new {
        let heard = view
            .member(&platform)
            .is_some_and(|member| member.member.direction.heard());
        if !heard {
            continue;
        }
        match orphans.get(&(platform.clone(), remote_id.clone())).copied() {
            Some(marker) if !presume::is_busy_somewhere_else(view, &platform, &remote_id) => {
                tracing::debug!(booking = %marker, %platform, "A copy has lost its original.");
                report.ambiguous.push(AmbiguousReport {
                    platform,
                    remote_id: Some(remote_id),
                    candidates: Vec::new(),
                    why: "slotbridge made this record as a copy, and the original is nowhere to be found; if the \
                          booking is still valid, remove the marker from the record, else delete it"
                        .to_owned(),
                });
            }
            marker => link_records(
                view,
                marker,
                &[(platform, remote_id)],
                report,
                changes,
                new_id,
            ),
        }
    }
    report.ambiguous.extend(
        matching
            .ambiguous
            .into_iter()
            .map(|ambiguous| AmbiguousReport {
                platform: ambiguous.platform,
                remote_id: Some(ambiguous.remote_id),
                candidates: ambiguous.candidates,
                why: ambiguous.why,
            }),
    );
}

fn candidates(view: &View<'_>) -> Vec<Candidate> {
    let linked: BTreeSet<(&PlatformName, &RemoteId)> = view
        .bookings
        .values()
        .flat_map(|known| &known.links)
        .filter_map(|(platform, link)| Some((platform, link.remote_id.as_ref()?)))
        .collect();
    let from = view
        .now
        .checked_sub(view.bridge.window_past)
        .unwrap_or(Timestamp::MIN);
    let mut candidates = Vec::new();
    // Where no known id is left, the records may be the known ones under other ids: nothing is made of them before the
    // known ones were looked for one by one.
    for member in view
        .members
        .iter()
        .filter(|member| !member.observed.ids_all_new)
    {
        for row in member.rows.values() {
            let Shown::Live(booking) = &row.shown else {
                continue;
            };
            if booking.slot.end() < from
                || row.is_erased
                || linked.contains(&(member.name(), &row.record.id))
                || !view.focus.has_record(member.name(), &row.record.id)
            {
                continue;
            }
            candidates.push(Candidate {
                platform: member.name().clone(),
                remote_id: row.record.id.clone(),
                booking: booking.clone(),
                marker: row.record.marker,
                created_at: row.record.created_at,
                first_seen: row.first_seen_at,
            });
        }
    }
    candidates
}

/// Records that we once made as copies of bookings that nobody knows any more: the database was lost, and what they were
/// copied from did not turn up. Making bookings of them would bring back what may have been cancelled.
fn orphaned_copies(
    view: &View<'_>,
    candidates: &[Candidate],
) -> BTreeMap<(PlatformName, RemoteId), BookingId> {
    candidates
        .iter()
        .filter_map(|candidate| {
            let marker = candidate.marker?;
            let record = (candidate.platform.clone(), candidate.remote_id.clone());
            (!view.bookings.contains_key(&marker)).then_some((record, marker))
        })
        .collect()
}

/// Makes one booking of these records, or adds them to one that is known.
fn link_records(
    view: &mut View<'_>,
    booking: Option<BookingId>,
    records: &[(PlatformName, RemoteId)],
    report: &mut BridgeReport,
    changes: &mut Vec<Change>,
    new_id: &mut dyn FnMut() -> BookingId,
) {
    let shown: Vec<(PlatformName, RemoteId, Booking)> = view
        .members
        .iter()
        .filter_map(|member| {
            let (platform, id) = records
                .iter()
                .find(|(platform, _)| platform == member.name())?;
            match &member.rows.get(id)?.shown {
                Shown::Live(booking) => Some((platform.clone(), id.clone(), booking.clone())),
                Shown::Gone | Shown::Unseen => None,
            }
        })
        .collect();
    // What a person booked says more than the anonymous block that we made of it.
    let appointment = shown
        .iter()
        .find(|(_, _, booking)| booking.kind == Kind::Appointment);
    let Some((_, _, first)) = appointment.or_else(|| shown.first()) else {
        return;
    };
    let known = booking.and_then(|id| view.bookings.get(&id));
    // Records that carry one marker were in step once: where they differ now, a person changed one of them meanwhile.
    let rebuilt = booking.is_some() && known.is_none();
    let mut canonical = known
        .and_then(|known| known.canonical.live())
        .unwrap_or(first)
        .clone();
    if known.is_none() {
        for (_, _, other) in &shown {
            fill_blanks(&mut canonical, other);
        }
    }
    let id = booking.unwrap_or_else(new_id);
    if rebuilt {
        newest_of_rebuilt(view, id, &shown, &mut canonical, report, changes);
    }
    let (bridge, at) = (view.bridge.name.clone(), view.now);
    if known.is_none() {
        changes.push(Change::Booking {
            bridge: bridge.clone(),
            id,
            canonical: Presence::Live(canonical.clone()),
            at,
        });
    }
    let mut links = Vec::new();
    for (platform, remote_id, booking) in shown {
        let Some(member) = view.member(&platform) else {
            continue;
        };
        let projection = member.projection(view.bridge, canonical.kind, Some(&remote_id));
        // Adopting never writes: differences that stood before we came stay until somebody changes something. Only
        // what is known to have been in step is brought back into step.
        let agreed = if rebuilt {
            booking.clone()
        } else {
            projection.project(&canonical)
        };
        let shadow = Shadow {
            kept: Presence::Live(booking),
            agreed: Presence::Live(agreed),
        };
        changes.push(Change::Link {
            bridge: bridge.clone(),
            booking: id,
            platform: platform.clone(),
            remote_id: Some(remote_id.clone()),
            shadow: shadow.clone(),
            at,
        });
        links.push((
            platform,
            Linked {
                remote_id: Some(remote_id),
                shadow,
                at,
            },
        ));
    }
    let known = view.bookings.entry(id).or_insert_with(|| Known {
        canonical: Presence::Live(canonical),
        created_at: at,
        links: BTreeMap::new(),
        is_erased: false,
    });
    known.links.extend(links);
    view.focus.add(id);
}

fn fill_blanks(canonical: &mut Booking, other: &Booking) {
    for field in Field::ALL {
        if field.empty_means_unknown() && canonical.field(field).is_empty() {
            canonical.take_field(field, other);
        }
    }
}

/// The latest value of every field in which records with one marker differ; the others are kept as a conflict.
fn newest_of_rebuilt(
    view: &View<'_>,
    id: BookingId,
    shown: &[(PlatformName, RemoteId, Booking)],
    canonical: &mut Booking,
    report: &mut BridgeReport,
    changes: &mut Vec<Change>,
) {
    for field in Field::ALL {
        let claims: Vec<(Claim, &Booking)> = shown
            .iter()
            .filter(|(_, _, booking)| {
                let says_it = booking.kind == canonical.kind
                    || matches!(field, Field::Slot | Field::Resource);
                says_it && !(field.empty_means_unknown() && booking.field(field).is_empty())
            })
            .filter_map(|(platform, remote_id, booking)| {
                let row = view.member(platform)?.rows.get(remote_id)?;
                let (changed_at, stamp) = row
                    .record
                    .changed_at
                    .map_or((row.noticed_at, Stamp::FirstSeen), |at| {
                        (at, Stamp::Platform)
                    });
                let value = Some(booking.field(field));
                Some((
                    Claim {
                        platform: platform.clone(),
                        value,
                        changed_at,
                        stamp,
                    },
                    booking,
                ))
            })
            .collect();
        let differ = claims.iter().any(|(claim, booking)| {
            view.member(&claim.platform).is_some_and(|member| {
                claims.iter().any(|(_, other)| {
                    !same_value(
                        field,
                        &member.member.platform.projection().project(other),
                        booking,
                    ) && !other_is_narrower(view, &claims, field, booking, other)
                })
            })
        });
        if !differ {
            continue;
        }
        let Some((winner, value)) = claims
            .iter()
            .rev()
            .max_by_key(|(claim, _)| claim.changed_at)
        else {
            continue;
        };
        canonical.take_field(field, value);
        let conflict = Conflict {
            subject: Subject::Field(field),
            decided: Some(winner.platform.clone()),
            claims: claims.iter().map(|(claim, _)| claim.clone()).collect(),
        };
        note_conflict(view, id, Some(canonical), conflict, report, changes);
    }
}

/// Whether `other` is only what a narrower platform keeps of `booking`.
fn other_is_narrower(
    view: &View<'_>,
    claims: &[(Claim, &Booking)],
    field: Field,
    booking: &Booking,
    other: &Booking,
) -> bool {
    claims
        .iter()
        .filter(|(_, shown)| *shown == other)
        .any(|(claim, _)| {
            view.member(&claim.platform).is_some_and(|member| {
                same_value(
                    field,
                    &member.member.platform.projection().project(booking),
                    other,
                )
            })
        })
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
