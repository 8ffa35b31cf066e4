//! The life of a booking as plain data: what happened when, how it stands on each platform, and why it waits.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use slotbridge_core::merge::Presence;
use slotbridge_core::model::{Booking, BookingId, BridgeName, PlatformName, RemoteId};
use slotbridge_core::record::RecordState;
use slotbridge_engine::bridge::Bridge;
use slotbridge_engine::outlook::outlook;
use slotbridge_engine::report::{BridgeReport, OperationReport, OutcomeWord};
use slotbridge_platform::seam::Seam;
use slotbridge_store::{LinkRow, MirrorRow, Store};

use super::events::{Event, conflict_events, operation_events, said, sightings, state_word};
use super::find::Found;
use super::waits::{self, Wait, wait};
use crate::cli::database;
use crate::cli::report::Failure;
use crate::render::words;

/// The life of one booking, or of a record that is none.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) bridge: BridgeName,
    /// Its id; `None` for a record that belongs to no booking.
    pub(super) booking: Option<BookingId>,
    /// What it is, or was when it last lived.
    pub(super) content: Option<Booking>,
    /// Whether the bridge wants it to take its time.
    pub(super) live: bool,
    pub(super) places: Vec<Place>,
    pub(super) waits: Vec<Wait>,
    /// What the next run would write, as far as what was last seen tells.
    pub(super) next: Vec<OperationReport>,
    /// In the order in which they happened.
    pub(super) events: Vec<Event>,
}

/// How it stands on one platform.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) platform: PlatformName,
    pub(super) remote_id: Option<RemoteId>,
    /// `live`, `cancelled`, `deleted`, `presumed`, `unknown` or `none`.
    pub(super) state: &'static str,
    pub(super) seen_at: Option<Timestamp>,
    pub(super) content: Option<Booking>,
}

/// Gathers the life of something.
pub(super) async fn of(
    store: &Store,
    database: &Path,
    seam: &dyn Seam,
    bridge: &Bridge,
    found: &Found,
    now: Timestamp,
) -> Result<Life, Failure> {
    match found {
        Found::Booking { booking, .. } => {
            of_booking(store, database, seam, bridge, *booking, now).await
        }
        Found::Record { platform, id, .. } => {
            of_record(store, database, seam, bridge, platform, id).await
        }
    }
}

async fn of_booking(
    store: &Store,
    database: &Path,
    seam: &dyn Seam,
    bridge: &Bridge,
    booking: BookingId,
    now: Timestamp,
) -> Result<Life, Failure> {
    let state = store.bookings(&bridge.name, vec![booking]).await?;
    let row = state.bookings.first();
    let links = &state.links;
    let journal = store.journal_of(&bridge.name, booking).await?;
    let conflicts = store.conflicts_of(&bridge.name, booking).await?;
    let mut events = Vec::new();
    let mut places = Vec::new();
    for member in &bridge.members {
        let name = member.platform.name();
        let link = links.iter().find(|link| link.platform == *name);
        let mirrored = match link.and_then(|link| link.remote_id.clone()) {
            Some(id) => store.mirror_rows(name, vec![id]).await?.into_iter().next(),
            None => None,
        };
        if let Some(mirrored) = &mirrored {
            let ours = journal.iter().any(|entry| {
                entry.operation.action.as_str() == "create"
                    && entry.remote_id.as_ref() == Some(&mirrored.record.id)
            });
            events.extend(sightings(name, mirrored, ours));
        }
        places.push(place(name, link, mirrored.as_ref()));
    }
    if let Some(row) = row {
        events.push(said(
            row.created_at,
            None,
            "known",
            format!("became booking {booking} of bridge {}", bridge.name),
        ));
        if row.changed_at != row.created_at {
            let what = match row.canonical {
                Presence::Live(_) => "was last decided to be as it is now",
                Presence::Gone => "was decided to be gone",
            };
            events.push(said(row.changed_at, None, "decided", what.to_owned()));
        }
    }
    for past in store.past_links(&bridge.name, Timestamp::MIN).await? {
        if past.booking == booking {
            let what = past.remote_id.as_ref().map_or_else(
                || "was presumed there until now".to_owned(),
                |id| {
                    format!(
                        "record {} was its record until now",
                        words::clean(id.as_str())
                    )
                },
            );
            events.push(said(past.until, Some(&past.platform), "unlinked", what));
        }
    }
    events.extend(journal.iter().flat_map(operation_events));
    events.extend(conflicts.into_iter().flat_map(conflict_events));
    events.sort_by_key(|event| event.at);

    let copy = database::copy(database).await?;
    let outlook = outlook(&copy, seam, bridge, [booking].into(), BTreeSet::new()).await?;
    let canonical = row.map(|row| &row.canonical);
    let live = canonical.and_then(Presence::live);
    let content = live.cloned().or_else(|| last_content(links));
    let mut waits = waits::of_booking(bridge, &outlook, booking, content.as_ref(), links);
    waits.extend(
        live.into_iter()
            .flat_map(|live| waits::by_choice(bridge, live, links, now)),
    );
    Ok(Life {
        bridge: bridge.name.clone(),
        booking: Some(booking),
        live: live.is_some(),
        content,
        places,
        waits,
        next: planned(outlook, booking),
        events,
    })
}

async fn of_record(
    store: &Store,
    database: &Path,
    seam: &dyn Seam,
    bridge: &Bridge,
    platform: &PlatformName,
    id: &RemoteId,
) -> Result<Life, Failure> {
    let mirrored = store
        .mirror_rows(platform, vec![id.clone()])
        .await?
        .into_iter()
        .next();
    let mut events: Vec<Event> = mirrored
        .iter()
        .flat_map(|row| sightings(platform, row, false))
        .collect();
    let mut waits = Vec::new();
    for row in store.unreadable(platform).await? {
        if row.id.as_ref() == Some(id) {
            events.push(said(
                row.first_at,
                Some(platform),
                "unreadable",
                format!("could not be read: {}", words::clean(&row.why)),
            ));
            waits.push(wait(
                Some(platform),
                format!("it cannot be read: {}", words::clean(&row.why)),
                true,
            ));
        }
    }
    events.sort_by_key(|event| event.at);
    let copy = database::copy(database).await?;
    let records = [(platform.clone(), id.clone())].into();
    let outlook = outlook(&copy, seam, bridge, BTreeSet::new(), records).await?;
    waits.extend(waits::of_record(&outlook, platform, id));
    if waits.is_empty() {
        waits.push(wait(
            Some(platform),
            "it is no booking of the bridge yet; the next run looks at it".to_owned(),
            false,
        ));
    }
    Ok(Life {
        bridge: bridge.name.clone(),
        booking: None,
        content: None,
        live: mirrored
            .as_ref()
            .is_some_and(|row| row.record.state == RecordState::Live),
        places: vec![Place {
            platform: platform.clone(),
            remote_id: Some(id.clone()),
            state: mirrored
                .as_ref()
                .map_or("unknown", |row| state_word(row.record.state)),
            seen_at: mirrored.as_ref().map(|row| row.seen_at),
            content: None,
        }],
        waits,
        next: Vec::new(),
        events,
    })
}

fn place(name: &PlatformName, link: Option<&LinkRow>, mirrored: Option<&MirrorRow>) -> Place {
    let remote_id = link.and_then(|link| link.remote_id.clone());
    let state = match (link, mirrored) {
        (None, _) => "none",
        (Some(_), Some(row)) => state_word(row.record.state),
        (Some(link), None) if link.remote_id.is_none() => "presumed",
        (Some(_), None) => "unknown",
    };
    Place {
        platform: name.clone(),
        remote_id,
        state,
        seen_at: mirrored.map(|row| row.seen_at),
        content: link.and_then(|link| link.shadow.kept.live().cloned()),
    }
}

/// Of a booking that is gone only its links still know what it was.
fn last_content(links: &[LinkRow]) -> Option<Booking> {
    links
        .iter()
        .flat_map(|link| [&link.shadow.agreed, &link.shadow.kept])
        .find_map(|presence| presence.live().cloned())
}

/// What the next run would write.
fn planned(outlook: BridgeReport, booking: BookingId) -> Vec<OperationReport> {
    let operations = outlook.operations.into_iter();
    operations
        .filter(|one| one.booking == booking && one.outcome == OutcomeWord::Planned && !one.held)
        .collect()
}
