//! What stands in a bridge by what is stored, without a run: double bookings that are not over.

use std::collections::BTreeMap;

use jiff::Timestamp;
use slotbridge_core::merge::Subject;
use slotbridge_core::model::{
    BookingId, BridgeName, Field, FieldValue, PlatformName, RemoteId, ResourceName, Slot,
};
use slotbridge_core::overlap::{self, Taker};
use slotbridge_store::{ConflictRow, LinkRow, Store, StoreError};

/// Two live bookings of one resource whose slots meet, the one that was seen first first; or a booking and a record of
/// another one that stays there until a person has decided where, or whether, that one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// Whose time.
    pub resource: ResourceName,
    /// The bookings.
    pub bookings: [Taking; 2],
}

/// One of two bookings that take the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taking {
    /// Which booking.
    pub booking: BookingId,
    /// When; of a record that has left its booking's time, when the record is.
    pub slot: Slot,
    /// Where it was first seen, and as which record, if that is still known.
    pub first_seen: Option<(PlatformName, RemoteId)>,
    /// When it was first seen.
    pub at: Timestamp,
    /// Every platform that has a record of it there.
    pub on: Vec<PlatformName>,
}

/// The double bookings of a bridge that are not over, in the order of the calendar.
///
/// # Errors
/// Trouble with the database.
pub async fn overlaps(
    store: &Store,
    bridge: &BridgeName,
    now: Timestamp,
) -> Result<Vec<Overlap>, StoreError> {
    let state = store.bridge(bridge, now).await?;
    let mut links: BTreeMap<BookingId, Vec<LinkRow>> = BTreeMap::new();
    for link in state.links {
        links.entry(link.booking).or_default().push(link);
    }
    let made: BTreeMap<BookingId, Timestamp> = state
        .bookings
        .iter()
        .map(|row| (row.id, row.created_at))
        .collect();
    let live: BTreeMap<BookingId, (ResourceName, Slot, Timestamp)> = state
        .bookings
        .into_iter()
        .filter_map(|row| {
            let booking = row.canonical.live()?;
            let known = (booking.resource.clone(), booking.slot, row.created_at);
            (booking.slot.end() > now).then_some((row.id, known))
        })
        .collect();
    // Most bookings overlap nothing: only of those that do, the records are looked up.
    let mut crowded: BTreeMap<BookingId, Taking> = BTreeMap::new();
    for (first, second) in overlap::pairs(&takers(&live, &BTreeMap::new())) {
        for id in [first, second] {
            if let Some((_, slot, created_at)) = live.get(&id) {
                let links = links.get(&id).map_or(&[][..], Vec::as_slice);
                let taking = taking(store, id, *slot, *created_at, links).await?;
                crowded.insert(id, taking);
            }
        }
    }
    let mut found: Vec<Overlap> = overlap::pairs(&takers(&live, &crowded))
        .into_iter()
        .filter_map(|(first, second)| {
            Some(Overlap {
                resource: live.get(&first)?.0.clone(),
                bookings: [crowded.get(&first)?.clone(), crowded.get(&second)?.clone()],
            })
        })
        .collect();
    for one in disputed(&store.conflicts(Some(bridge)).await?, &links, &live) {
        let Some(made_at) = made.get(&one.booking) else {
            continue;
        };
        for (id, (resource, slot, created_at)) in &live {
            let meets =
                *id != one.booking && *resource == one.resource && slot.intersects(one.slot);
            let is_found = found.iter().any(|overlap| {
                let ids = overlap.bookings.each_ref().map(|taking| taking.booking);
                ids.contains(id) && ids.contains(&one.booking)
            });
            if !meets || is_found || one.slot.end() <= now {
                continue;
            }
            let of = |id: &BookingId| links.get(id).map_or(&[][..], Vec::as_slice);
            let there = taking(store, one.booking, one.slot, *made_at, of(&one.booking)).await?;
            let there = Taking {
                on: vec![one.platform.clone()],
                ..there
            };
            let mut bookings = [taking(store, *id, *slot, *created_at, of(id)).await?, there];
            bookings.sort_by_key(|taking| (taking.at, taking.booking));
            found.push(Overlap {
                resource: one.resource.clone(),
                bookings,
            });
        }
    }
    found.sort_by_key(|overlap| {
        overlap
            .bookings
            .each_ref()
            .map(|one| (one.slot, one.booking))
    });
    Ok(found)
}

/// A record that is not where its booking is, because a person has to decide.
struct Disputed {
    booking: BookingId,
    platform: PlatformName,
    resource: ResourceName,
    slot: Slot,
}

/// Where the records of these conflicts are, by what their platforms said.
fn disputed(
    open: &[ConflictRow],
    links: &BTreeMap<BookingId, Vec<LinkRow>>,
    live: &BTreeMap<BookingId, (ResourceName, Slot, Timestamp)>,
) -> Vec<Disputed> {
    let mut places: BTreeMap<(BookingId, &PlatformName), Disputed> = BTreeMap::new();
    for row in open
        .iter()
        .filter(|row| is_about_place(row.conflict.subject))
    {
        for claim in &row.conflict.claims {
            let mut links = links.get(&row.booking).into_iter().flatten();
            let link = links.find(|link| link.platform == claim.platform);
            let Some(kept) = link.and_then(|link| link.shadow.kept.live()) else {
                continue;
            };
            let place = || Disputed {
                booking: row.booking,
                platform: claim.platform.clone(),
                resource: kept.resource.clone(),
                slot: kept.slot,
            };
            let key = (row.booking, &claim.platform);
            let Some(value) = &claim.value else {
                continue;
            };
            let place = places.entry(key).or_insert_with(place);
            match value {
                FieldValue::Slot(slot) => place.slot = *slot,
                FieldValue::Resource(resource) => place.resource = resource.clone(),
                // What was removed elsewhere is where it was, whatever else of it was edited.
                FieldValue::Services(_) | FieldValue::Text(_) | FieldValue::Status(_) => {}
            }
        }
    }
    let is_elsewhere = |one: &Disputed| {
        live.get(&one.booking)
            .is_none_or(|(resource, slot, _)| (resource, slot) != (&one.resource, &one.slot))
    };
    places.into_values().filter(is_elsewhere).collect()
}

/// Whether a conflict leaves open where, or whether, a booking takes time.
pub(crate) fn is_about_place(subject: Subject) -> bool {
    matches!(
        subject,
        Subject::Removal | Subject::Field(Field::Slot | Field::Resource)
    )
}

fn takers(
    live: &BTreeMap<BookingId, (ResourceName, Slot, Timestamp)>,
    seen: &BTreeMap<BookingId, Taking>,
) -> Vec<Taker> {
    live.iter()
        .map(|(id, (resource, slot, created_at))| Taker {
            booking: *id,
            resource: resource.clone(),
            slot: *slot,
            since: seen.get(id).map_or(*created_at, |taking| taking.at),
        })
        .collect()
}

async fn taking(
    store: &Store,
    booking: BookingId,
    slot: Slot,
    created_at: Timestamp,
    links: &[LinkRow],
) -> Result<Taking, StoreError> {
    let mut first: Option<(Timestamp, PlatformName, RemoteId)> = None;
    for link in links {
        let Some(id) = &link.remote_id else { continue };
        for row in store.mirror_rows(&link.platform, vec![id.clone()]).await? {
            // A copy that we made is no sign of when the client came.
            if row.record.marker.is_some() {
                continue;
            }
            let at = row.record.created_at.unwrap_or(row.first_seen_at);
            let seen = (at, link.platform.clone(), id.clone());
            first = match first {
                Some(first) => Some(first.min(seen)),
                None => Some(seen),
            };
        }
    }
    let at = first.as_ref().map_or(created_at, |(at, _, _)| *at);
    Ok(Taking {
        booking,
        slot,
        first_seen: first.map(|(_, platform, id)| (platform, id)),
        at,
        on: links.iter().map(|link| link.platform.clone()).collect(),
    })
}
