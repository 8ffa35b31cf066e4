//! The life of a booking as plain data: what happened when, how it stands on each platform, and why it waits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use jiff::Timestamp;
use slotbridge_core::merge::Presence;
use slotbridge_core::model::{Booking, BookingId, BridgeName, PlatformName, RemoteId};
use slotbridge_core::plan::Operation;
use slotbridge_core::record::RecordState;
use slotbridge_engine::bridge::Bridge;
use slotbridge_engine::outlook::outlook;
use slotbridge_engine::report::{BridgeReport, OperationReport, OutcomeWord};
use slotbridge_platform::seam::Seam;
use slotbridge_store::{
    ConflictRow, Decider, DecisionState, JournalRow, LinkRow, MirrorRow, Store,
};

use super::find::Found;
use crate::cli::hand;
use crate::cli::report::Failure;
use crate::render::sections::choice_words;
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

/// Why something is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) platform: Option<PlatformName>,
    pub(super) why: String,
    pub(super) needs_person: bool,
}

/// Something that happened.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) at: Timestamp,
    pub(super) platform: Option<PlatformName>,
    pub(super) what: What,
}

/// What happened.
#[derive(Debug)]
pub(super) enum What {
    /// In words without a client's data, under a key for programs.
    Said(&'static str, String),
    /// Something was sent.
    Sent(Operation),
    /// What came of it.
    Answered {
        outcome: &'static str,
        error: Option<String>,
    },
    /// Platforms disagreed.
    Conflict(ConflictRow),
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

    let copy = hand::copy(database).await?;
    let outlook = outlook(&copy, seam, bridge, [booking].into(), BTreeSet::new()).await?;
    let canonical = row.map(|row| &row.canonical);
    let live = canonical.and_then(Presence::live);
    let content = live.cloned().or_else(|| last_content(links));
    let mut waits = waits(&outlook, booking, content.as_ref(), links);
    waits.extend(
        live.into_iter()
            .flat_map(|live| by_choice(bridge, live, links, now)),
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
    let copy = hand::copy(database).await?;
    let records = [(platform.clone(), id.clone())].into();
    let outlook = outlook(&copy, seam, bridge, BTreeSet::new(), records).await?;
    let ours = |other: &PlatformName, other_id: &Option<RemoteId>| {
        other == platform && other_id.as_ref() == Some(id)
    };
    for unmapped in outlook
        .unmapped
        .iter()
        .filter(|one| ours(&one.platform, &one.remote_id))
    {
        waits.push(wait(
            Some(platform),
            unmapped_words(unmapped.what, &unmapped.id),
            true,
        ));
    }
    for one in outlook
        .ambiguous
        .iter()
        .filter(|one| ours(&one.platform, &one.remote_id))
    {
        waits.push(wait(Some(platform), words::clean(&one.why), true));
    }
    for one in outlook
        .unsupported
        .iter()
        .filter(|one| ours(&one.platform, &one.remote_id))
    {
        waits.push(wait(
            Some(platform),
            format!("it is left as it is: {}", words::clean(&one.why)),
            false,
        ));
    }
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

fn said(at: Timestamp, platform: Option<&PlatformName>, key: &'static str, text: String) -> Event {
    Event {
        at,
        platform: platform.cloned(),
        what: What::Said(key, text),
    }
}

fn wait(platform: Option<&PlatformName>, why: String, needs_person: bool) -> Wait {
    Wait {
        platform: platform.cloned(),
        why,
        needs_person,
    }
}

fn state_word(state: RecordState) -> &'static str {
    match state {
        RecordState::Live => "live",
        RecordState::Cancelled => "cancelled",
        RecordState::Deleted => "deleted",
    }
}

/// When a record was made, first seen, last changed and last seen. `ours` says that slotbridge made it.
fn sightings(platform: &PlatformName, row: &MirrorRow, ours: bool) -> Vec<Event> {
    let record = &row.record;
    let id = words::clean(record.id.as_str());
    let mut events = Vec::new();
    if let Some(at) = record.created_at {
        let by = if ours { " by slotbridge" } else { "" };
        events.push(said(
            at,
            Some(platform),
            "made",
            format!("record {id} was made{by}, by the platform's own word"),
        ));
    }
    events.push(said(
        row.first_seen_at,
        Some(platform),
        "first_seen",
        format!("record {id} was first seen"),
    ));
    if let Some(at) = record
        .changed_at
        .filter(|at| Some(*at) != record.created_at)
    {
        events.push(said(
            at,
            Some(platform),
            "changed",
            format!("record {id} was last changed, by the platform's own word"),
        ));
    }
    if row.noticed_at != row.first_seen_at {
        events.push(said(
            row.noticed_at,
            Some(platform),
            "noticed",
            format!(
                "record {id} was first seen as it is now: {}",
                state_word(record.state)
            ),
        ));
    }
    events.push(said(
        row.seen_at,
        Some(platform),
        "seen",
        format!("record {id} was last seen: {}", state_word(record.state)),
    ));
    if let Some(why) = &row.unreadable {
        events.push(said(
            row.seen_at,
            Some(platform),
            "unreadable",
            format!("record {id} cannot be read since: {}", words::clean(why)),
        ));
    }
    events
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

/// What was found, what a person said, and how it ended.
fn conflict_events(row: ConflictRow) -> Vec<Event> {
    let id = row.id;
    let mut events = Vec::new();
    if let Some(decision) = &row.decision {
        let choice = choice_words(&decision.choice);
        events.push(said(
            decision.at,
            None,
            "decision",
            format!("you decided conflict {id}: {choice}"),
        ));
        if decision.state == DecisionState::Void {
            let what =
                format!("your decision of conflict {id} became void: the values had changed");
            events.push(said(decision.state_at, None, "void", what));
        }
    }
    let winner = row.conflict.decided.as_ref().map(ToString::to_string);
    let ended = match (row.decided_by, winner) {
        (Some(Decider::Policy), Some(winner)) => Some(format!(
            "conflict {id} ended: {winner} won by the bridge's policy"
        )),
        (Some(_), _) => Some(format!("conflict {id} ended as you decided")),
        (None, _) => None,
    };
    events.extend(ended.map(|text| said(row.changed_at, None, "ended", text)));
    events.insert(
        0,
        Event {
            at: row.at,
            platform: None,
            what: What::Conflict(row),
        },
    );
    events
}

fn operation_events(row: &JournalRow) -> Vec<Event> {
    let platform = Some(row.operation.platform.clone());
    let mut events = vec![Event {
        at: row.at,
        platform: platform.clone(),
        what: What::Sent(row.operation.clone()),
    }];
    events.extend(row.outcome_at.map(|at| Event {
        at,
        platform,
        what: What::Answered {
            outcome: state_of(row),
            error: row.error.as_deref().map(words::clean),
        },
    }));
    events
}

/// Where a journal entry stands, as a word.
fn state_of(row: &JournalRow) -> &'static str {
    use slotbridge_store::{JournalState, Outcome};
    match row.state {
        JournalState::Intended => "intended",
        JournalState::Done(Outcome::Applied) => "applied",
        JournalState::Done(Outcome::Refused) => "refused",
        JournalState::Done(Outcome::Failed) => "failed",
        JournalState::Done(Outcome::Unknown) => "unknown",
        JournalState::Done(Outcome::Abandoned) => "did not happen",
        JournalState::Done(Outcome::SettledApplied) => "found applied",
        JournalState::Done(Outcome::SettledPresumed) => "presumed applied",
    }
}

fn unmapped_words(what: &str, id: &str) -> String {
    format!(
        "{what} {} is not mapped: add it to the bridge in the config",
        words::clean(id)
    )
}

/// Why a booking waits, by what a run would say.
fn waits(
    outlook: &BridgeReport,
    booking: BookingId,
    content: Option<&Booking>,
    links: &[LinkRow],
) -> Vec<Wait> {
    let mut waits: Vec<Wait> = outlook
        .waiting
        .iter()
        .filter(|one| one.booking == booking)
        .map(|one| wait(Some(&one.platform), one.why.clone(), one.needs_person))
        .collect();
    let mine = || {
        outlook
            .operations
            .iter()
            .filter(|one| one.booking == booking)
    };
    for one in mine() {
        match one.outcome {
            OutcomeWord::Refused | OutcomeWord::Unknown | OutcomeWord::Failed => {
                let why = one.error.clone().unwrap_or_default();
                let why = format!(
                    "{} is {}: {}",
                    one.op,
                    one.outcome.as_str(),
                    words::clean(&why)
                );
                waits.push(wait(
                    Some(&one.platform),
                    why,
                    one.outcome == OutcomeWord::Refused,
                ));
            }
            OutcomeWord::Planned | OutcomeWord::Applied => {}
        }
        if one.held {
            for guard in &outlook.guards {
                let what = words::guard(&guard.what, guard.limit, guard.planned);
                waits.push(wait(
                    Some(&guard.platform),
                    format!(
                        "a guard holds the {}: {what}; `slotbridge approve {}` lets it through",
                        one.op, outlook.name
                    ),
                    true,
                ));
            }
        }
    }
    for one in outlook
        .conflicts
        .iter()
        .filter(|one| one.booking == booking && one.is_open())
    {
        let id = one.id.as_deref().unwrap_or("?");
        let about = one.conflict.subject.as_str();
        waits.push(wait(
            None,
            format!("conflict {id} about {about} waits for you: `slotbridge conflicts`"),
            true,
        ));
    }
    for overlap in &outlook.overlaps {
        if let Some(rival) = overlap
            .bookings
            .iter()
            .find(|entry| entry.booking != booking)
            && overlap
                .bookings
                .iter()
                .any(|entry| entry.booking == booking)
        {
            let first = overlap
                .bookings
                .first()
                .is_some_and(|entry| entry.booking == booking);
            let order = if first {
                "was seen first"
            } else {
                "came later and is held back where it would double-book"
            };
            waits.push(wait(
                None,
                format!(
                    "{} is booked twice: it {order}; the other one is booking {}",
                    overlap.resource, rival.booking
                ),
                true,
            ));
        }
    }
    for unmapped in &outlook.unmapped {
        let of_record = unmapped.remote_id.as_ref().is_some_and(|id| {
            links.iter().any(|link| {
                link.platform == unmapped.platform && link.remote_id.as_ref() == Some(id)
            })
        });
        let of_booking = unmapped.remote_id.is_none()
            && content.is_some_and(|booking| {
                booking.resource.as_str() == unmapped.id
                    || booking
                        .services
                        .iter()
                        .any(|service| service.as_str() == unmapped.id)
            });
        if of_record || of_booking {
            waits.push(wait(
                Some(&unmapped.platform),
                unmapped_words(unmapped.what, &unmapped.id),
                true,
            ));
        }
    }
    let mut seen: Vec<Wait> = Vec::new();
    waits.retain(|one| {
        let new = !seen.contains(one);
        if new {
            seen.push(one.clone());
        }
        new
    });
    waits
}

/// Why a live booking has no record somewhere by the owner's own choice.
fn by_choice(bridge: &Bridge, live: &Booking, links: &[LinkRow], now: Timestamp) -> Vec<Wait> {
    let mut waits = Vec::new();
    let linked: BTreeMap<&PlatformName, &LinkRow> =
        links.iter().map(|link| (&link.platform, link)).collect();
    let until = now
        .checked_add(bridge.window_future)
        .unwrap_or(Timestamp::MAX);
    for member in &bridge.members {
        let name = member.platform.name();
        if linked.contains_key(name) {
            continue;
        }
        if !member.direction.written() {
            waits.push(wait(
                Some(name),
                "the bridge only reads this platform".to_owned(),
                false,
            ));
        } else if live.slot.end() <= now {
            waits.push(wait(
                Some(name),
                "it is over, so that no record is made any more".to_owned(),
                false,
            ));
        } else if live.slot.start() >= until {
            waits.push(wait(
                Some(name),
                "it starts beyond the bridge's window_future, and is written when that reaches it"
                    .to_owned(),
                false,
            ));
        }
    }
    waits
}

/// What the next run would write.
fn planned(outlook: BridgeReport, booking: BookingId) -> Vec<OperationReport> {
    let operations = outlook.operations.into_iter();
    operations
        .filter(|one| one.booking == booking && one.outcome == OutcomeWord::Planned && !one.held)
        .collect()
}
