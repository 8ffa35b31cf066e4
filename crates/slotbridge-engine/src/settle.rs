//! Settling what an earlier run left open: operations that were begun and whose outcome nobody knows.
//!
//! # Guarantees
//! Nothing is repeated before it was looked for. A create that landed is linked; one that certainly did not is
//! abandoned and may be planned again; one that cannot be told stays open and blocks a second one.
//!
//! # Assumptions
//! A request that was cut off has landed, or never will, within [`GRACE`]. One that an earlier process left without an
//! outcome was cut off when that process ended, which may have been a moment ago, however long it was under way.

pub(crate) mod comments;
pub(crate) mod late;

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use slotbridge_core::mapping;
use slotbridge_core::matching::{SameClient, same_client};
use slotbridge_core::merge::{Presence, Shadow, Shown};
use slotbridge_core::model::{
    Booking, Client, Field, FieldValue, Kind, Private, RemoteId, ResourceName,
};
use slotbridge_core::occupancy::SlotView;
use slotbridge_core::plan::{Action, Operation};
use slotbridge_core::projection::same_value;
use slotbridge_core::record::{Coverage, RecordState, Support};
use slotbridge_platform::capabilities::{CreateSettled, Updates};
use slotbridge_platform::seam::Seam;
use slotbridge_store::{Change, JournalRow, Outcome};

use crate::presume;
use crate::scope;
use crate::view::{MemberView, Row, View};

/// How long after a cut-off request the platform is given to finish it before its absence counts.
pub(crate) const GRACE: SignedDuration = SignedDuration::from_secs(2);

/// A record that changed no later than this after we made it is taken as we made it, rewritten by the platform only.
const REWRITTEN_WITHIN: SignedDuration = SignedDuration::from_secs(5);

/// Waits until the youngest open operation is old enough to be looked for.
pub(crate) async fn wait_for_grace(seam: &dyn Seam, open: &[JournalRow]) {
    let begun = begun(seam);
    let youngest = open.iter().map(|row| cut_off(row, begun)).max();
    let Some(ready) = youngest.and_then(|at| at.checked_add(GRACE).ok()) else {
        return;
    };
    // A clock that went back must not make us wait for hours.
    let wait = ready.duration_since(seam.now()).min(GRACE);
    if let Ok(wait) = Duration::try_from(wait) {
        seam.sleep(wait).await;
    }
}

/// When this process began, by the wall clock of now.
pub(crate) fn begun(seam: &dyn Seam) -> Timestamp {
    let now = seam.now();
    now.checked_sub(seam.elapsed()).unwrap_or(now)
}

/// The latest moment at which the request can have been cut off.
fn cut_off(row: &JournalRow, begun: Timestamp) -> Timestamp {
    row.outcome_at.unwrap_or_else(|| row.at.max(begun))
}

/// Decides each open operation by what the platforms show now. What stays open goes into [`View::unsettled`].
/// `begun` is when this process began.
pub(crate) fn settle(view: &mut View<'_>, open: &[JournalRow], begun: Timestamp) -> Vec<Change> {
    let mut changes = Vec::new();
    for row in open {
        let Some(member) = view.member(&row.operation.platform) else {
            continue;
        };
        let since = cut_off(row, begun)
            .checked_add(GRACE)
            .unwrap_or(Timestamp::MAX);
        let verdict = match &row.operation.action {
            Action::Create { desired } => settle_create(view, member, row, desired, since),
            Action::Update {
                remote_id,
                desired,
                fields,
                ..
            } => settle_update(
                view,
                member,
                &row.operation,
                remote_id,
                desired,
                fields,
                since,
            ),
            Action::Remove { remote_id, .. } => {
                settle_remove(view, member, &row.operation, remote_id, since)
            }
        };
        let create = (row.operation.booking, row.operation.platform.clone());
        match verdict {
            Verdict::Open => {
                if let Some(place) = scope::may_have_taken(row) {
                    view.unsettled.insert(create, place);
                }
            }
            Verdict::Landed { remote_id, shadow } => {
                note(
                    view,
                    &mut changes,
                    row,
                    Outcome::SettledApplied,
                    Some((Some(remote_id), shadow)),
                );
            }
            Verdict::Presumed { shadow } => {
                note(
                    view,
                    &mut changes,
                    row,
                    Outcome::SettledPresumed,
                    Some((None, shadow)),
                );
            }
            Verdict::Cancelled(remote_id) => {
                if let Some(place) = scope::may_have_taken(row) {
                    view.unsettled.insert(create.clone(), place);
                    view.cancelled_copies.insert(create, remote_id);
                }
            }
            Verdict::PartlyLanded { remote_id, shadow } => {
                note(
                    view,
                    &mut changes,
                    row,
                    Outcome::Abandoned,
                    Some((Some(remote_id), shadow)),
                );
            }
            Verdict::NotLanded => note(view, &mut changes, row, Outcome::Abandoned, None),
        }
    }
    changes
}

enum Verdict {
    Landed {
        remote_id: RemoteId,
        shadow: Shadow,
    },
    Presumed {
        shadow: Shadow,
    },
    NotLanded,
    /// The record shows a part of what was sent: the rest did not arrive, or somebody has changed it since.
    PartlyLanded {
        remote_id: RemoteId,
        shadow: Shadow,
    },
    /// A record that does not stand may be the one that was made: a person must say what became of the booking.
    Cancelled(RemoteId),
    Open,
}

fn note(
    view: &mut View<'_>,
    changes: &mut Vec<Change>,
    row: &JournalRow,
    outcome: Outcome,
    link: Option<(Option<RemoteId>, Shadow)>,
) {
    let remote_id = link.as_ref().and_then(|(id, _)| id.clone());
    changes.push(Change::Outcome {
        op: row.op,
        outcome,
        remote_id,
        error: None,
        at: view.now,
    });
    let Some((remote_id, shadow)) = link else {
        return;
    };
    changes.push(Change::Link {
        bridge: view.bridge.name.clone(),
        booking: row.operation.booking,
        platform: row.operation.platform.clone(),
        remote_id: remote_id.clone(),
        shadow: shadow.clone(),
        at: view.now,
    });
    let at = view.now;
    if let Some(known) = view.bookings.get_mut(&row.operation.booking) {
        known.links.insert(
            row.operation.platform.clone(),
            crate::view::Linked {
                remote_id,
                shadow,
                at,
            },
        );
    }
}

/// Whether the platform was looked at late enough.
fn looked_since(view: &View<'_>, member: &MemberView<'_>, since: Timestamp) -> bool {
    member
        .observed
        .looked_at
        .is_some_and(|at| view.looks_waited || is_since(view, at, since))
}

/// Whether something was seen since then. A stamp that lies ahead says nothing: then the clock was set back, and it may have
/// been seen long before.
fn is_since(view: &View<'_>, at: Timestamp, since: Timestamp) -> bool {
    (since..=view.now).contains(&at)
}

/// Whether the grid of a resource was read late enough.
fn grid_read_since(
    view: &View<'_>,
    member: &MemberView<'_>,
    resource: &ResourceName,
    since: Timestamp,
) -> bool {
    let read_at = member.observed.grids_read_at.get(resource);
    read_at.is_some_and(|at| view.looks_waited || is_since(view, *at, since))
}

/// A record, if it was seen late enough to tell what became of a write to it.
fn seen_since<'v>(
    view: &View<'_>,
    member: &'v MemberView<'_>,
    id: &RemoteId,
    since: Timestamp,
) -> Option<&'v Row> {
    let row = member.rows.get(id)?;
    let just_seen = looked_since(view, member, since) && member.observed.seen.has(&row.record);
    (just_seen || is_since(view, row.seen_at, since)).then_some(row)
}

fn settle_create(
    view: &View<'_>,
    member: &MemberView<'_>,
    row: &JournalRow,
    desired: &Booking,
    since: Timestamp,
) -> Verdict {
    let linked = |id: &RemoteId| {
        view.bookings.values().any(|known| {
            known
                .links
                .get(member.name())
                .and_then(|link| link.remote_id.as_ref())
                == Some(id)
        })
    };
    let unlinked = || {
        member
            .rows
            .values()
            .filter(|found| !linked(&found.record.id))
    };
    let found = unlinked()
        .filter(|found| found.record.marker == Some(row.operation.booking))
        .min_by_key(|found| (found.record.created_at, found.record.id.clone()))
        .or_else(|| {
            only(unlinked().filter(|found| match &found.shown {
                Shown::Live(shown) => is_unmarked_copy(found, shown, row.at, since, desired),
                Shown::Gone | Shown::Unseen => false,
            }))
        });
    if let Some(found) = found {
        let kept = as_made(found, row.at, desired);
        return Verdict::Landed {
            remote_id: found.record.id.clone(),
            shadow: shadow_after_create(
                shadow_before(view, member, &row.operation),
                &row.operation,
                &kept,
                desired,
            ),
        };
    }
    // Once its time is over and nothing else is wanted, it does not matter any more whether it is there.
    if is_over(view, &row.operation, desired) {
        return Verdict::NotLanded;
    }
    // One that does not stand says no more: a person may have cancelled it, or the platform lets it wait for something.
    // Made once more it would bring back what was cancelled.
    let cancelled = unlinked().find(|found| {
        found.shown == Shown::Gone
            && mapping::to_booking(&found.record, &member.member.mapping)
                .is_ok_and(|shown| is_unmarked_copy(found, &shown, row.at, since, desired))
    });
    if let Some(found) = cancelled.filter(|_| is_wanted(view, &row.operation)) {
        return Verdict::Cancelled(found.record.id.clone());
    }
    // That it is not there can only be told by looking after it may have landed.
    if !looked_since(view, member, since) {
        return Verdict::Open;
    }
    let looked = match member.member.platform.capabilities().create_settled {
        CreateSettled::ByMarkerInListing => match &member.observed.coverage {
            // A row that could not be read and that nobody knows may be the very one.
            Coverage::Complete(_)
                if member
                    .observed
                    .unreadable
                    .iter()
                    .any(|row| row.id.as_ref().is_none_or(|id| !linked(id))) =>
            {
                return Verdict::Open;
            }
            Coverage::Complete(window) if window.contains(desired.slot.start()) => SlotView::Free,
            Coverage::Complete(_)
            | Coverage::Partial { .. }
            | Coverage::Incremental
            | Coverage::None => {
                return Verdict::Open;
            }
        },
        // Grids are read one by one: that another one was looked at says nothing of this one.
        CreateSettled::ByOccupancy => {
            if !grid_read_since(view, member, &desired.resource, since) {
                return Verdict::Open;
            }
            match presume::look(member, &desired.resource, desired.slot) {
                Some(looked) => looked,
                None => return Verdict::Open,
            }
        }
    };
    match looked {
        SlotView::Free => Verdict::NotLanded,
        SlotView::Busy => Verdict::Presumed {
            shadow: Shadow {
                kept: Presence::Live(desired.clone()),
                agreed: Presence::Live(desired.clone()),
            },
        },
        SlotView::PartlyBusy | SlotView::Closed | SlotView::NotOnGrid => Verdict::Open,
    }
}

/// The one item, if there is exactly one.
fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

/// Whether a record without a marker is what a create was to make: where the marker takes a call of its own, we may have
/// died before it. It was not there before, and shows the same client at the same time, or nobody as it was to do.
///
/// Contacts or a length that a person has changed since do not hide it, where the platform tells that it came about while
/// the create was on its way, from `made_at` to `until`.
fn is_unmarked_copy(
    found: &Row,
    shown: &Booking,
    made_at: Timestamp,
    until: Timestamp,
    desired: &Booking,
) -> bool {
    let same_name =
        !desired.client.name.is_blank() && same_value(Field::ClientName, shown, desired);
    let made_then = found.record.created_at.is_some_and(|created| {
        // Stamps of whole seconds are rounded down.
        created.as_second() >= made_at.as_second() && created <= until
    });
    let same_start =
        shown.resource == desired.resource && shown.slot.start() == desired.slot.start();
    let same_end = shown.slot.end() == desired.slot.end();
    found.record.marker.is_none()
        && found.first_seen_at >= made_at
        && found.record.support == Support::Full
        && same_start
        && (same_end || made_then)
        && (same_client(&shown.client, &desired.client) == SameClient::Yes
            || same_name && made_then
            || is_nobody(&shown.client) && is_nobody(&desired.client))
}

/// Whether nothing tells who a client is, as with that of a block.
fn is_nobody(client: &Client) -> bool {
    client.name.is_blank() && client.phone.is_none() && client.email.is_none()
}

/// Whether the booking of a create still lives, as far as the bridge knows.
fn is_wanted(view: &View<'_>, operation: &Operation) -> bool {
    view.bookings
        .get(&operation.booking)
        .is_some_and(|known| known.canonical.live().is_some())
}

/// Whether the time of a create is over, and so is the time at which its booking is wanted now, if it still is.
fn is_over(view: &View<'_>, operation: &Operation, desired: &Booking) -> bool {
    let wanted = view
        .bookings
        .get(&operation.booking)
        .and_then(|known| known.canonical.live());
    desired.slot.end() <= view.now && wanted.is_none_or(|wanted| wanted.slot.end() <= view.now)
}

/// What the platform kept of a record that we made and whose reply we lost: what was sent, with the texts that it shows
/// in a spelling of its own. Anything else that differs was changed by somebody since, and is merged as a change.
///
/// The comment may take a call of its own, so that it arrived is only known where it is seen. Whoever wrote another one
/// may never have seen it.
fn as_made(found: &Row, made_at: Timestamp, desired: &Booking) -> Booking {
    let untouched = found.record.changed_at.is_none_or(|changed| {
        let born = found.record.created_at.unwrap_or(made_at);
        changed.duration_since(born) <= REWRITTEN_WITHIN
    });
    let mut kept = desired.clone();
    if let (Shown::Live(shown), Kind::Block) = (&found.shown, desired.kind) {
        // A block is nothing but its time; whatever else the platform shows is its own.
        kept.services.clone_from(&shown.services);
    }
    let is_kept = |field, shown: &Booking| is_respelled(&desired.field(field), &shown.field(field));
    if let (Shown::Live(shown), true) = (&found.shown, untouched) {
        for field in Field::ALL {
            if is_kept(field, shown) {
                kept.take_field(field, shown);
            }
        }
    }
    let has_comment = match &found.shown {
        Shown::Live(shown) => !shown.comment.is_blank() && is_kept(Field::Comment, shown),
        Shown::Unseen => false,
        // Nothing is merged with what does not stand.
        Shown::Gone => true,
    };
    if !has_comment {
        kept.comment = Private::default();
    }
    kept
}

/// Whether a platform could have made the one text of the other by trimming, cutting, or changing case and punctuation.
pub(crate) fn is_respelled(sent: &FieldValue, shown: &FieldValue) -> bool {
    let fold = |text: &Option<Private>| -> String {
        let text = text.as_ref().map(Private::expose).unwrap_or_default();
        text.chars()
            .filter(|c| c.is_alphanumeric())
            .flat_map(char::to_lowercase)
            .collect()
    };
    match (sent, shown) {
        (FieldValue::Text(sent), FieldValue::Text(shown)) => fold(sent).starts_with(&fold(shown)),
        _ => false,
    }
}

fn settle_update(
    view: &View<'_>,
    member: &MemberView<'_>,
    operation: &Operation,
    remote_id: &RemoteId,
    desired: &Booking,
    fields: &BTreeSet<Field>,
    since: Timestamp,
) -> Verdict {
    let Some(row) = seen_since(view, member, remote_id, since) else {
        return Verdict::Open;
    };
    match &row.shown {
        Shown::Live(shown) => {
            let mut landed = fields.clone();
            landed.retain(|field| same_value(*field, shown, desired));
            let Some(before) =
                shadow_before(view, member, operation).filter(|_| !landed.is_empty())
            else {
                return Verdict::NotLanded;
            };
            // What arrived is our own word, even where the booking is gone by now. Whatever else the record shows is
            // merged like any other change.
            let remote_id = remote_id.clone();
            let shadow = shadow_after_fields(before, operation, &landed, shown);
            if landed == *fields {
                Verdict::Landed { remote_id, shadow }
            } else {
                Verdict::PartlyLanded { remote_id, shadow }
            }
        }
        // Where a change means cancelling and booking again, the cancelling was ours: no person removed anything, and the
        // booking still wants a record.
        Shown::Gone
            if member.member.platform.capabilities().updates == Updates::CancelAndRebook =>
        {
            Verdict::Landed {
                remote_id: remote_id.clone(),
                shadow: Shadow::GONE,
            }
        }
        // Merged like any other change.
        Shown::Gone => Verdict::NotLanded,
        Shown::Unseen => Verdict::Open,
    }
}

/// The shadow after an update that the platform shows as `kept`.
pub(crate) fn shadow_after_update(
    before: &Shadow,
    operation: &Operation,
    kept: &Booking,
) -> Shadow {
    match &operation.action {
        Action::Update { fields, .. } => shadow_after_fields(before, operation, fields, kept),
        Action::Create { .. } | Action::Remove { .. } => before.clone(),
    }
}

/// The same where only these fields of the update took effect.
fn shadow_after_fields(
    before: &Shadow,
    operation: &Operation,
    fields: &BTreeSet<Field>,
    kept: &Booking,
) -> Shadow {
    let Action::Update { desired, shown, .. } = &operation.action else {
        return before.clone();
    };
    let agreed = if operation.undoes {
        before.agreed.clone()
    } else {
        let mut agreed = before.agreed.live().unwrap_or(shown).clone();
        for field in fields {
            agreed.take_field(*field, desired);
        }
        Presence::Live(agreed)
    };
    // What was not written keeps its base: a person's change that came with the reply is still a change.
    let mut base = before.kept.live().unwrap_or(shown).clone();
    for field in fields {
        base.take_field(*field, kept);
    }
    Shadow {
        kept: Presence::Live(base),
        agreed,
    }
}

/// The base of the merge as it was before an operation.
fn shadow_before<'v>(
    view: &'v View<'_>,
    member: &MemberView<'_>,
    operation: &Operation,
) -> Option<&'v Shadow> {
    let known = view.bookings.get(&operation.booking)?;
    Some(&known.links.get(member.name())?.shadow)
}

/// The shadow after a create of `desired` that the platform shows as `kept`.
///
/// An operation that takes something back changes what the platform keeps, and not what was agreed on.
pub(crate) fn shadow_after_create(
    before: Option<&Shadow>,
    operation: &Operation,
    kept: &Booking,
    desired: &Booking,
) -> Shadow {
    let agreed = match before {
        Some(before) if operation.undoes => before.agreed.clone(),
        _ => {
            let mut agreed = desired.clone();
            // A new record without the comment that it was to have is not how the platform keeps comments, but a comment
            // that did not arrive, as where it takes a call of its own: it is written once more.
            if kept.comment.is_blank() && !desired.comment.is_blank() {
                agreed.take_field(Field::Comment, kept);
            }
            Presence::Live(agreed)
        }
    };
    Shadow {
        kept: Presence::Live(kept.clone()),
        agreed,
    }
}

/// The shadow after a removal.
pub(crate) fn shadow_after_remove(before: Option<&Shadow>, operation: &Operation) -> Shadow {
    match before {
        Some(before) if operation.undoes => Shadow {
            kept: Presence::Gone,
            agreed: before.agreed.clone(),
        },
        _ => Shadow::GONE,
    }
}

fn settle_remove(
    view: &View<'_>,
    member: &MemberView<'_>,
    operation: &Operation,
    remote_id: &RemoteId,
    since: Timestamp,
) -> Verdict {
    let Some(row) = seen_since(view, member, remote_id, since) else {
        return Verdict::Open;
    };
    match (&row.shown, row.record.state) {
        (Shown::Gone, _) | (_, RecordState::Cancelled | RecordState::Deleted) => Verdict::Landed {
            remote_id: remote_id.clone(),
            shadow: shadow_after_remove(shadow_before(view, member, operation), operation),
        },
        (Shown::Live(_), RecordState::Live) => Verdict::NotLanded,
        (Shown::Unseen, RecordState::Live) => Verdict::Open,
    }
}
