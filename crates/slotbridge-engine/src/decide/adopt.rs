//! Adopting: which records are one booking, and what is taken as agreed on of those that are linked.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use slotbridge_core::matching::{self, Candidate, Open};
use slotbridge_core::merge::{Claim, Conflict, Presence, Shadow, Shown, Stamp, Subject};
use slotbridge_core::model::{Booking, BookingId, Field, Kind, PlatformName, RemoteId};
use slotbridge_core::projection::same_value;
use slotbridge_store::Change;

use super::note_conflict;
use crate::presume;
use crate::report::{AmbiguousReport, BridgeReport};
use crate::settle::late::{self, LeftBehind};
use crate::view::{Known, Linked, View};

/// Links records that are one booking, and makes bookings of those that are new.
pub(super) fn adopt(
    view: &mut View<'_>,
    report: &mut BridgeReport,
    changes: &mut Vec<Change>,
    new_id: &mut dyn FnMut() -> BookingId,
) {
    let mut candidates = candidates(view);
    take_late(view, &mut candidates, report, changes, new_id);
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

/// Links what turns up late to its booking, so that it goes where the booking went, or a person's edit of it is weighed
/// against that.
fn take_late(
    view: &mut View<'_>,
    candidates: &mut Vec<Candidate>,
    report: &mut BridgeReport,
    changes: &mut Vec<Change>,
    new_id: &mut dyn FnMut() -> BookingId,
) {
    if candidates.is_empty() {
        return;
    }
    let left_behind = LeftBehind::of(view);
    candidates.retain(|candidate| {
        let (platform, record) = (&candidate.platform, &candidate.remote_id);
        let Some(id) = late::belongs_to(view, &left_behind, platform, record) else {
            return true;
        };
        // Of two that carry one marker the first is taken; a person has to look at the other.
        if !late::lacks_record(view, id, platform) {
            return true;
        }
        report.adopted += 1;
        let record = (platform.clone(), record.clone());
        link_records(view, Some(id), &[record], report, changes, new_id);
        false
    });
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
        let late = member
            .rows
            .get(&remote_id)
            .and_then(|row| late::base(view, id, &platform, row));
        // Adopting never writes: differences that stood before we came stay until somebody changes something. Only
        // what is known to have been in step is brought back into step, and what turns up late.
        let agreed = if rebuilt {
            booking.clone()
        } else {
            projection.project(&canonical)
        };
        let shadow = late.unwrap_or(Shadow {
            kept: Presence::Live(booking),
            agreed: Presence::Live(agreed),
        });
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

pub(super) fn fill_blanks(canonical: &mut Booking, other: &Booking) {
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
