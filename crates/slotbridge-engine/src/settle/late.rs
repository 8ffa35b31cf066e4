//! Records that turn up late: copies of ours whose create was taken for not landed, which are known by their marker, and
//! records that were presumed behind a busy time, which are known by who is booked there.
//!
//! A copy shows what the create sent, and what people have changed since. Taken as agreed on, a change of the booking in
//! between would never arrive there, and nobody would be told. Taken for another booking, such a record would bring back
//! one that was cancelled in between, or double one that was moved.

use std::collections::BTreeMap;

use jiff::Timestamp;
use slotbridge_core::matching::{SameClient, same_client};
use slotbridge_core::merge::{Presence, Shadow, Shown};
use slotbridge_core::model::{Booking, BookingId, Kind, PlatformName, RemoteId, ResourceName};
use slotbridge_core::plan::Action;
use slotbridge_store::{JournalRow, JournalState, Outcome};

use super::{as_made, shadow_after_create};
use crate::view::{Known, Linked, Row, View};

/// Bookings that are named by a live record without a link, on a platform where they have none.
pub(crate) fn turned_up(view: &View<'_>) -> Vec<BookingId> {
    let mut found: Vec<BookingId> = Vec::new();
    for member in &view.members {
        for row in member.rows.values() {
            let (Some(id), Shown::Live(_)) = (row.record.marker, &row.shown) else {
                continue;
            };
            if lacks_record(view, id, member.name()) {
                found.push(id);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether a booking that is known has no record of which anybody knows on a platform.
pub(crate) fn lacks_record(view: &View<'_>, id: BookingId, platform: &PlatformName) -> bool {
    view.bookings.get(&id).is_some_and(|known| {
        let link = known.links.get(platform);
        !known.is_erased && link.is_none_or(|link| link.remote_id.is_none())
    })
}

/// Where records are presumed whose bookings have left their place since, or are gone.
#[derive(Debug, Default)]
pub(crate) struct LeftBehind(BTreeMap<(PlatformName, ResourceName, Timestamp), Vec<BookingId>>);

impl LeftBehind {
    /// All of them.
    pub(crate) fn of(view: &View<'_>) -> Self {
        let mut places: BTreeMap<_, Vec<BookingId>> = BTreeMap::new();
        for (id, known) in &view.bookings {
            for platform in known.links.keys() {
                if let Some((_, kept)) = left_behind(known, platform) {
                    let start = kept.slot.start();
                    let place = (platform.clone(), kept.resource.clone(), start);
                    places.entry(place).or_default().push(*id);
                }
            }
        }
        Self(places)
    }

    /// The booking whose presumed record this one is: the same client, at the place where it was presumed, since before it
    /// was.
    fn behind(
        &self,
        view: &View<'_>,
        platform: &PlatformName,
        found: &Row,
        shown: &Booking,
    ) -> Option<BookingId> {
        let place = (platform.clone(), shown.resource.clone(), shown.slot.start());
        let mut presumed = self.0.get(&place)?.iter().filter(|id| {
            let known = view.bookings.get(id);
            let behind = known.and_then(|known| left_behind(known, platform));
            behind.is_some_and(|(link, kept)| {
                same_place(kept, shown)
                    && same_client(&kept.client, &shown.client) == SameClient::Yes
                    && found.record.created_at.is_some_and(|at| at <= link.at)
            })
        });
        let one = presumed.next()?;
        presumed.next().is_none().then_some(*one)
    }
}

/// A presumed record whose booking is gone, or elsewhere by now, and what it was presumed to show.
fn left_behind<'k>(known: &'k Known, platform: &PlatformName) -> Option<(&'k Linked, &'k Booking)> {
    let link = known.links.get(platform)?;
    let kept = link.shadow.kept.live()?;
    let stays = known
        .canonical
        .live()
        .is_some_and(|booking| same_place(booking, kept));
    let is_presumed = link.remote_id.is_none() && kept.kind == Kind::Appointment;
    (is_presumed && !stays && !known.is_erased).then_some((link, kept))
}

/// The booking that a record without a link belongs to, if it turns up late and nothing but that tells whose it is. Of what
/// carries the marker of a booking that stands, the match tells.
pub(crate) fn belongs_to(
    view: &View<'_>,
    left_behind: &LeftBehind,
    platform: &PlatformName,
    record: &RemoteId,
) -> Option<BookingId> {
    let row = view.member(platform)?.rows.get(record)?;
    let Shown::Live(shown) = &row.shown else {
        return None;
    };
    let Some(id) = row.record.marker else {
        return left_behind.behind(view, platform, row, shown);
    };
    let is_gone = view.bookings.get(&id)?.canonical == Presence::Gone;
    let is_its = is_gone
        && lacks_record(view, id, platform)
        && is_surely_ours(&view.sent, id, platform, row);
    is_its.then_some(id)
}

/// The base of the merge for a record that is to be linked to a booking: what the create sent that made it, or what it was
/// presumed to show. `None` where it is neither our copy nor presumed.
pub(crate) fn base(
    view: &View<'_>,
    booking: BookingId,
    platform: &PlatformName,
    found: &Row,
) -> Option<Shadow> {
    if found.record.marker == Some(booking) {
        let (row, desired) = made_by(&view.sent, booking, platform, found)?;
        let kept = as_made(found, row.at, desired);
        return Some(shadow_after_create(None, &row.operation, &kept, desired));
    }
    let Shown::Live(shown) = &found.shown else {
        return None;
    };
    let (link, kept) = left_behind(view.bookings.get(&booking)?, platform)?;
    same_place(kept, shown).then(|| Shadow {
        kept: Presence::Live(as_made(found, link.at, kept)),
        agreed: link.shadow.agreed.clone(),
    })
}

/// Whether it is certain enough to remove it that a create of ours made this record, and not a person who copied one with
/// its marker: it shows who and when was sent, or it came about before we made up our minds about that create.
fn is_surely_ours(
    journal: &[JournalRow],
    booking: BookingId,
    platform: &PlatformName,
    found: &Row,
) -> bool {
    let Some((row, desired)) = made_by(journal, booking, platform, found) else {
        return false;
    };
    let shows_it = match &found.shown {
        Shown::Live(shown) => {
            same_place(shown, desired)
                && same_client(&shown.client, &desired.client) == SameClient::Yes
        }
        Shown::Gone | Shown::Unseen => false,
    };
    let made_then = found.record.created_at.is_some_and(|created| {
        // Stamps of whole seconds are rounded down.
        created.as_second() >= row.at.as_second()
            && row.outcome_at.is_none_or(|settled| created <= settled)
    });
    shows_it || made_then
}

/// The create that made a record, by what the journal says of the booking, oldest first, and what it sent.
fn made_by<'j>(
    journal: &'j [JournalRow],
    booking: BookingId,
    platform: &PlatformName,
    found: &Row,
) -> Option<(&'j JournalRow, &'j Booking)> {
    let Shown::Live(shown) = &found.shown else {
        return None;
    };
    let creates = || {
        journal.iter().rev().filter_map(|row| {
            let operation = &row.operation;
            let same = operation.booking == booking && operation.platform == *platform;
            match &operation.action {
                Action::Create { desired } if same && may_have_made(row, &found.record.id) => {
                    Some((row, desired))
                }
                Action::Create { .. } | Action::Update { .. } | Action::Remove { .. } => None,
            }
        })
    };
    // Of several that had no answer the one that fits, else the last.
    creates()
        .find(|(_, desired)| same_place(shown, desired))
        .or_else(|| creates().next())
}

/// Whether two bookings take the same time of the same resource.
pub(crate) fn same_place(one: &Booking, other: &Booking) -> bool {
    one.slot == other.slot && one.resource == other.resource
}

/// Whether a create can have made this record: that it was given up says only that the record was not seen then.
fn may_have_made(row: &JournalRow, record: &RemoteId) -> bool {
    let landed = match row.state {
        JournalState::Intended => true,
        JournalState::Done(outcome) => match outcome {
            Outcome::Applied
            | Outcome::Unknown
            | Outcome::Abandoned
            | Outcome::SettledApplied
            | Outcome::SettledPresumed => true,
            Outcome::Refused | Outcome::Failed => false,
        },
    };
    landed && row.remote_id.as_ref().is_none_or(|id| id == record)
}
