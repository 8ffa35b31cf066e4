//! Bookings whose client data were erased and came back, because they are still to come and the platforms hold them.
//!
//! What comes back is no change: the bridge had agreed to it before it was erased. So it is taken over as it is, without a
//! write, like the records of a booking that is linked for the first time. A booking that is over does not come back, and
//! is left alone from then on.

use slotbridge_core::merge::{Presence, Shadow, Shown};
use slotbridge_core::model::{Booking, BookingId, Field, PlatformName};
use slotbridge_core::record::RecordState;
use slotbridge_store::Change;

use super::adopt::fill_blanks;
use crate::view::{Known, View};

/// Takes over what came back. The rest stays marked.
pub(super) fn heal(view: &mut View<'_>, changes: &mut Vec<Change>) {
    let erased: Vec<BookingId> = view
        .bookings
        .iter()
        .filter(|(id, known)| known.is_erased && view.focus.has_booking(**id))
        .map(|(id, _)| *id)
        .collect();
    for id in erased {
        let healed = view.bookings.get(&id).and_then(|known| healed(view, known));
        let Some(healed) = healed else { continue };
        changes.push(Change::Booking {
            bridge: view.bridge.name.clone(),
            id,
            canonical: healed.canonical.clone(),
            at: view.now,
        });
        changes.extend(healed.links.iter().map(|(platform, link)| Change::Link {
            bridge: view.bridge.name.clone(),
            booking: id,
            platform: platform.clone(),
            remote_id: link.remote_id.clone(),
            shadow: link.shadow.clone(),
            at: view.now,
        }));
        view.bookings.insert(id, healed);
    }
}

fn healed(view: &View<'_>, known: &Known) -> Option<Known> {
    let mut back: Vec<(&PlatformName, &Booking)> = Vec::new();
    let mut still_erased = false;
    for member in &view.members {
        let row = known
            .links
            .get(member.name())
            .and_then(|link| member.rows.get(link.remote_id.as_ref()?));
        let Some(row) = row.filter(|row| row.record.state == RecordState::Live) else {
            continue;
        };
        match &row.shown {
            Shown::Live(shown) if !row.is_erased => back.push((member.name(), shown)),
            Shown::Live(_) | Shown::Gone | Shown::Unseen => still_erased = true,
        }
    }
    // Where no record lives any more, nothing can come back, and nothing of the client matters.
    if back.is_empty() && still_erased {
        return None;
    }
    let mut healed = known.clone();
    healed.is_erased = false;
    if let Presence::Live(canonical) = &mut healed.canonical {
        if let Some((_, first)) = back.first() {
            take_client(canonical, first);
        }
        for (_, other) in &back {
            fill_blanks(canonical, other);
        }
    }
    let canonical = healed.canonical.live().cloned();
    for member in &view.members {
        let Some(link) = healed.links.get_mut(member.name()) else {
            continue;
        };
        let record = link.remote_id.clone();
        let Shadow { kept, agreed } = &mut link.shadow;
        let shown = back.iter().find(|(platform, _)| *platform == member.name());
        if let (Presence::Live(kept), Some((_, shown))) = (kept, shown) {
            take_client(kept, shown);
        }
        if let (Presence::Live(agreed), Some(canonical)) = (agreed, &canonical) {
            let projection = member.projection(view.bridge, canonical.kind, record.as_ref());
            take_client(agreed, &projection.project(canonical));
        }
    }
    Some(healed)
}

fn take_client(booking: &mut Booking, from: &Booking) {
    for field in Field::ALL
        .into_iter()
        .filter(|field| field.is_client_data())
    {
        booking.take_field(field, from);
    }
}
