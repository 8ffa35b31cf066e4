//! Comments of copies that were made and could not be read back. That such a one has arrived is only known once it is
//! seen, so until then the base of the merge has none (it may take a call of its own).
//!
//! Seen later it is our own word still. Taken for a person's it would bring back a booking that was cancelled meanwhile,
//! and win against a comment that a person wrote elsewhere.

use std::collections::BTreeSet;

use slotbridge_core::merge::{Presence, Shown};
use slotbridge_core::model::{Booking, BookingId, Field, PlatformName, RemoteId};
use slotbridge_core::plan::{Action, Operation};
use slotbridge_store::{Change, JournalRow, JournalState, Outcome};

use super::is_respelled;
use crate::view::{Known, Linked, MemberView, View};

/// Bookings with a record that shows a comment where the base of the merge has none.
pub(crate) fn newly_shown(view: &View<'_>) -> Vec<BookingId> {
    let mut found: BTreeSet<BookingId> = BTreeSet::new();
    for member in &view.members {
        found.extend(shown_on(view, member).map(|(id, ..)| id));
    }
    found.into_iter().collect()
}

/// Takes over those of them that came with the record, by what the journal says of these bookings, oldest first.
pub(crate) fn take_over(view: &mut View<'_>, journal: &[JournalRow], changes: &mut Vec<Change>) {
    let mut arrived: Vec<(BookingId, PlatformName, Linked)> = Vec::new();
    for member in &view.members {
        for (id, link, record, shown) in shown_on(view, member) {
            let made = made_as(journal, id, member.name(), record);
            let Some((desired, undoes)) = made.filter(|(desired, _)| {
                is_respelled(&desired.field(Field::Comment), &shown.field(Field::Comment))
            }) else {
                continue;
            };
            let mut link = link.clone();
            if let Presence::Live(kept) = &mut link.shadow.kept {
                kept.take_field(Field::Comment, shown);
            }
            if let (Presence::Live(agreed), false) = (&mut link.shadow.agreed, undoes) {
                agreed.take_field(Field::Comment, desired);
            }
            link.at = view.now;
            arrived.push((id, member.name().clone(), link));
        }
    }
    for (id, platform, link) in arrived {
        changes.push(Change::Link {
            bridge: view.bridge.name.clone(),
            booking: id,
            platform: platform.clone(),
            remote_id: link.remote_id.clone(),
            shadow: link.shadow.clone(),
            at: link.at,
        });
        if let Some(known) = view.bookings.get_mut(&id) {
            known.links.insert(platform, link);
        }
    }
}

/// The linked records of one platform that show a comment where the base of the merge has none.
fn shown_on<'v>(
    view: &'v View<'_>,
    member: &'v MemberView<'_>,
) -> impl Iterator<Item = (BookingId, &'v Linked, &'v RemoteId, &'v Booking)> {
    let is_decided = |id: BookingId, known: &Known| view.focus.has_booking(id) && !known.is_erased;
    view.bookings
        .iter()
        .filter(move |(id, known)| is_decided(**id, known))
        .filter_map(move |(id, known)| {
            let link = known.links.get(member.name())?;
            let record = link.remote_id.as_ref()?;
            let row = member.rows.get(record).filter(|row| !row.is_erased)?;
            match (&row.shown, &link.shadow.kept) {
                (Shown::Live(shown), Presence::Live(kept))
                    if kept.comment.is_blank() && !shown.comment.is_blank() =>
                {
                    Some((*id, link, record, shown))
                }
                _ => None,
            }
        })
}

/// As what the record was made, and whether to take something back, if its comment was not written again since.
fn made_as<'j>(
    journal: &'j [JournalRow],
    booking: BookingId,
    platform: &PlatformName,
    record: &RemoteId,
) -> Option<(&'j Booking, bool)> {
    let last = journal.iter().rev().find(|row| {
        row.operation.booking == booking
            && row.operation.platform == *platform
            && writes_comment(&row.operation)
            && may_have_landed(row.state)
    })?;
    match &last.operation.action {
        Action::Create { desired } if last.remote_id.as_ref() == Some(record) => {
            Some((desired, last.operation.undoes))
        }
        Action::Create { .. } | Action::Update { .. } | Action::Remove { .. } => None,
    }
}

fn writes_comment(operation: &Operation) -> bool {
    match &operation.action {
        Action::Create { .. } => true,
        Action::Update { fields, .. } => fields.contains(&Field::Comment),
        Action::Remove { .. } => false,
    }
}

fn may_have_landed(state: JournalState) -> bool {
    match state {
        JournalState::Intended => true,
        JournalState::Done(outcome) => match outcome {
            Outcome::Applied
            | Outcome::Unknown
            | Outcome::SettledApplied
            | Outcome::SettledPresumed => true,
            Outcome::Refused | Outcome::Failed | Outcome::Abandoned => false,
        },
    }
}
