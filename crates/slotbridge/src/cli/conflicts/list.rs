//! What waits for a person, gathered from the database, as text, JSON or markdown.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use slotbridge_core::merge::{Claim, Stamp, Subject};
use slotbridge_core::model::{BookingId, BridgeName, FieldValue, PlatformName, ResourceName, Slot};
use slotbridge_engine::standing::{self, Overlap, Taking};
use slotbridge_store::{ConflictRow, Decider, DecisionRow, DecisionState, Store};

use crate::cli::report::Failure;
use crate::cli::status::age;
use crate::config::Config;
use crate::render::markdown::escape;
use crate::render::sections::choice_words;
use crate::render::text::{mood_style, styled};
use crate::render::view::{Mood, record};
use crate::render::words::{self, clean, put};
use crate::render::{Format, Showing, json};

/// How long ago something may have been decided to be shown with `--all`.
const RECENT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What was found.
#[derive(Debug)]
pub(super) struct Found {
    bridges: Vec<BridgeFound>,
}

#[derive(Debug)]
struct BridgeFound {
    name: BridgeName,
    open: Vec<OneConflict>,
    decided: Vec<OneConflict>,
    overlaps: Vec<Overlap>,
}

/// A conflict, and where it stands in the calendar.
#[derive(Debug)]
struct OneConflict {
    row: ConflictRow,
    place: Option<(ResourceName, Slot)>,
    /// The booking's records, to find them on their platforms.
    records: BTreeMap<PlatformName, String>,
}

impl OneConflict {
    fn waiting(&self) -> Option<&DecisionRow> {
        let decision = self.row.decision.as_ref();
        decision.filter(|decision| decision.state == DecisionState::Waiting)
    }
}

impl Found {
    /// Whether a person has something to decide.
    pub(super) fn waits_for_person(&self) -> bool {
        self.bridges.iter().any(|bridge| {
            !bridge.overlaps.is_empty() || bridge.open.iter().any(|one| one.waiting().is_none())
        })
    }
}

/// Reads what waits in the bridges of the config; with `all`, also what was decided in the last days.
pub(super) async fn gather(
    store: &Store,
    config: &Config,
    all: bool,
    now: Timestamp,
) -> Result<Found, Failure> {
    let mut bridges = Vec::new();
    for bridge in &config.bridges {
        let name = &bridge.name;
        let open = store.conflicts(Some(name)).await?;
        let decided = if all {
            let since = now.saturating_sub(RECENT).unwrap_or(Timestamp::MIN);
            store.conflicts_decided(name, since).await?
        } else {
            Vec::new()
        };
        bridges.push(BridgeFound {
            open: placed(store, name, open).await?,
            decided: placed(store, name, decided).await?,
            overlaps: standing::overlaps(store, name, now).await?,
            name: name.clone(),
        });
    }
    Ok(Found { bridges })
}

async fn placed(
    store: &Store,
    bridge: &BridgeName,
    rows: Vec<ConflictRow>,
) -> Result<Vec<OneConflict>, Failure> {
    let mut ids: Vec<BookingId> = rows.iter().map(|row| row.booking).collect();
    ids.sort_unstable();
    ids.dedup();
    let state = store.bookings(bridge, ids).await?;
    let place = |id: BookingId| {
        let row = state.bookings.iter().find(|row| row.id == id)?;
        // Of a booking that is gone only a link still knows whose it was.
        let of_link = || {
            let links = state.links.iter().filter(|link| link.booking == id);
            links
                .flat_map(|link| [&link.shadow.agreed, &link.shadow.kept])
                .find_map(|presence| presence.live())
        };
        let booking = row.canonical.live().or_else(of_link)?;
        Some((booking.resource.clone(), booking.slot))
    };
    Ok(rows
        .into_iter()
        .map(|row| OneConflict {
            place: place(row.booking),
            records: state
                .links
                .iter()
                .filter(|link| link.booking == row.booking)
                .filter_map(|link| {
                    let id = link.remote_id.as_ref()?;
                    Some((link.platform.clone(), id.to_string()))
                })
                .collect(),
            row,
        })
        .collect())
}

/// Writes what was found.
pub(super) fn render(found: &Found, format: Format, showing: &Showing, now: Timestamp) -> String {
    match format {
        Format::Text => text(found, showing, now),
        Format::Json => json::to_text(&rows(found, showing, now)),
        Format::Markdown => markdown(found, showing, now),
    }
}

/// One finding in words.
struct Told {
    head: String,
    lines: Vec<String>,
    advice: Option<String>,
}

fn conflict_told(one: &OneConflict, clients: bool, zone: &TimeZone, now: Timestamp) -> Told {
    let row = &one.row;
    let place = one.place.as_ref().map_or_else(
        || "a booking without a time".to_owned(),
        |(resource, slot)| slot_words(resource, *slot, zone),
    );
    let about = match row.conflict.subject {
        Subject::Field(field) => field.as_str().to_owned(),
        Subject::Removal => "removed or not".to_owned(),
    };
    let claims = row.conflict.claims.iter();
    let mut lines: Vec<String> = claims
        .map(|claim| claim_words(one, claim, clients, zone))
        .collect();
    lines.push(format!("booking {}", row.booking));
    Told {
        head: format!("{}  {about}: {place}  found {}", row.id, age(now, row.at)),
        lines,
        advice: Some(state_words(one, now)),
    }
}

fn state_words(one: &OneConflict, now: Timestamp) -> String {
    let row = &one.row;
    match (&row.decision, row.decided_by) {
        (Some(decision), Some(Decider::Person)) => format!(
            "you decided {}: {}",
            age(now, decision.at),
            choice_words(&decision.choice)
        ),
        (_, Some(_)) => {
            let platform = row.conflict.decided.as_ref();
            let platform = platform.map_or_else(|| "the bridge".to_owned(), ToString::to_string);
            format!(
                "{platform} won by the bridge's policy {}",
                age(now, row.changed_at)
            )
        }
        (Some(decision), None) if decision.state == DecisionState::Waiting => format!(
            "you decided {}: {}; the next run applies it",
            age(now, decision.at),
            choice_words(&decision.choice)
        ),
        (Some(decision), None) if decision.state == DecisionState::Void => format!(
            "your decision of {} no longer fits: the values have changed since. {}",
            age(now, decision.at),
            ways(one)
        ),
        (_, None) => ways(one),
    }
}

/// What can be done about an open conflict, ready to be typed.
fn ways(one: &OneConflict) -> String {
    let id = one.row.id;
    let takes = one
        .row
        .conflict
        .claims
        .iter()
        .map(|claim| claim.platform.as_str());
    let takes: Vec<&str> = takes.collect();
    let set = match one.row.conflict.subject {
        Subject::Removal => "",
        Subject::Field(_) => ", --set FIELD=VALUE",
    };
    format!(
        "decide: slotbridge conflicts resolve {id} --take {}{set} or --keep",
        takes.join(" | --take ")
    )
}

fn claim_words(one: &OneConflict, claim: &Claim, clients: bool, zone: &TimeZone) -> String {
    let subject = one.row.conflict.subject;
    let value = match (subject, &claim.value) {
        (Subject::Removal, None) => "removed it".to_owned(),
        (Subject::Removal, Some(_)) => "edited it".to_owned(),
        (Subject::Field(_), Some(FieldValue::Slot(slot))) => {
            format!(
                "{} {}",
                words::day(slot.start(), zone),
                words::times(*slot, zone)
            )
        }
        (Subject::Field(_), _) => json::claimed(claim, subject, clients)
            .map_or_else(|| "nothing".to_owned(), |value| clean(&value)),
    };
    let whose = match claim.stamp {
        Stamp::Platform => "by the platform's stamp",
        Stamp::FirstSeen => "first seen so",
    };
    let id = one.records.get(&claim.platform);
    let id = id.map_or_else(String::new, |id| format!(" {}", clean(id)));
    format!(
        "{}{id}: {value}  ({whose} {})",
        claim.platform,
        words::moment(claim.changed_at, zone)
    )
}

fn overlap_told(overlap: &Overlap, zone: &TimeZone) -> Told {
    let mut lines: Vec<String> = Vec::new();
    for (nth, taking) in ["first", "then"].iter().zip(&overlap.bookings) {
        let seen = taking.first_seen.as_ref().map_or_else(
            || "where is not known any more".to_owned(),
            |seen| format!("on {}", record(seen)),
        );
        lines.push(format!(
            "{nth}: {} {}  seen {} {seen}  booking {}",
            words::day(taking.slot.start(), zone),
            words::times(taking.slot, zone),
            words::moment(taking.at, zone),
            taking.booking
        ));
    }
    Told {
        head: format!("{} is booked twice", overlap.resource),
        lines,
        advice: Some(overlap_advice(overlap)),
    }
}

fn overlap_advice(overlap: &Overlap) -> String {
    let [_, later] = &overlap.bookings;
    let whose = later.first_seen.as_ref().map_or_else(
        || "the later one".to_owned(),
        |seen| format!("the later one ({})", record(seen)),
    );
    format!(
        "call the client: move or cancel {whose} on the platform where it was made; it is not written to the others meanwhile"
    )
}

fn slot_words(resource: &ResourceName, slot: Slot, zone: &TimeZone) -> String {
    format!(
        "{} {} {resource}",
        words::day(slot.start(), zone),
        words::times(slot, zone)
    )
}

/// The findings of one bridge under their headings.
fn told(
    bridge: &BridgeFound,
    showing: &Showing,
    now: Timestamp,
) -> Vec<(&'static str, Mood, Vec<Told>)> {
    let zone = showing.zone(&bridge.name);
    let conflicts = |rows: &[OneConflict]| {
        rows.iter()
            .map(|one| conflict_told(one, showing.clients, &zone, now))
            .collect::<Vec<_>>()
    };
    let overlaps = bridge.overlaps.iter();
    let overlaps = overlaps
        .map(|overlap| overlap_told(overlap, &zone))
        .collect();
    let mut sections = vec![
        ("Conflicts", Mood::Open, conflicts(&bridge.open)),
        ("Double bookings", Mood::Bad, overlaps),
        ("Decided lately", Mood::Good, conflicts(&bridge.decided)),
    ];
    sections.retain(|(_, _, told)| !told.is_empty());
    sections
}

fn text(found: &Found, showing: &Showing, now: Timestamp) -> String {
    let mut out = String::new();
    for bridge in &found.bridges {
        let zone = showing.zone(&bridge.name);
        let sections = told(bridge, showing, now);
        if sections.is_empty() {
            put!(&mut out, "Bridge {}: nothing waits for you.\n", bridge.name);
            continue;
        }
        put!(
            &mut out,
            "Bridge {}  times in {}\n",
            bridge.name,
            words::zone_name(&zone)
        );
        for (title, mood, told) in sections {
            let title = format!("{title} ({})", told.len());
            put!(
                &mut out,
                "\n  {}\n",
                styled(mood_style(mood).bold(), &title)
            );
            for one in told {
                put!(&mut out, "    {}\n", one.head);
                for line in one.lines {
                    put!(&mut out, "        {line}\n");
                }
                if let Some(advice) = one.advice {
                    put!(&mut out, "        → {advice}\n");
                }
            }
        }
        out.push('\n');
    }
    out
}

fn markdown(found: &Found, showing: &Showing, now: Timestamp) -> String {
    let mut out = String::new();
    for bridge in &found.bridges {
        let zone = showing.zone(&bridge.name);
        put!(
            &mut out,
            "# Bridge {}\n\nTimes in {}.\n",
            escape(bridge.name.as_str()),
            escape(words::zone_name(&zone))
        );
        let sections = told(bridge, showing, now);
        if sections.is_empty() {
            out.push_str("\nNothing waits for you.\n");
        }
        for (title, _, told) in sections {
            put!(&mut out, "\n## {title}\n\n");
            for one in told {
                put!(&mut out, "- **{}**\n", escape(&one.head));
                for line in one.lines.iter().chain(&one.advice) {
                    put!(&mut out, "  - {}\n", escape(line));
                }
            }
        }
    }
    out
}

#[derive(Debug, Serialize)]
struct FoundRow {
    schema: u32,
    at: String,
    bridges: Vec<BridgeRow>,
}

#[derive(Debug, Serialize)]
struct BridgeRow {
    name: String,
    conflicts: Vec<ConflictJson>,
    overlaps: Vec<OverlapJson>,
}

#[derive(Debug, Serialize)]
struct ConflictJson {
    id: String,
    booking: String,
    resource: Option<String>,
    start: Option<String>,
    end: Option<String>,
    field: &'static str,
    values: Vec<ValueJson>,
    found_at: String,
    decided: Option<DecidedJson>,
    decision: Option<DecisionJson>,
}

#[derive(Debug, Serialize)]
struct ValueJson {
    platform: String,
    remote_id: Option<String>,
    value: Option<String>,
    changed_at: String,
    stamp: &'static str,
}

#[derive(Debug, Serialize)]
struct DecidedJson {
    by: &'static str,
    platform: Option<String>,
    at: String,
}

/// What a person decided last.
#[derive(Debug, Serialize)]
struct DecisionJson {
    choice: &'static str,
    platform: Option<String>,
    value: Option<String>,
    at: String,
    state: &'static str,
}

#[derive(Debug, Serialize)]
struct OverlapJson {
    resource: String,
    bookings: Vec<TakingJson>,
}

#[derive(Debug, Serialize)]
struct TakingJson {
    booking: String,
    start: String,
    end: String,
    first_seen: SeenJson,
    on: Vec<String>,
}

#[derive(Debug, Serialize)]
struct SeenJson {
    platform: Option<String>,
    remote_id: Option<String>,
    at: String,
}

fn rows(found: &Found, showing: &Showing, now: Timestamp) -> FoundRow {
    let bridge = |bridge: &BridgeFound| BridgeRow {
        name: bridge.name.to_string(),
        conflicts: bridge
            .open
            .iter()
            .chain(&bridge.decided)
            .map(|one| conflict_json(one, showing.clients))
            .collect(),
        overlaps: bridge
            .overlaps
            .iter()
            .map(|overlap| OverlapJson {
                resource: overlap.resource.to_string(),
                bookings: overlap.bookings.iter().map(taking_json).collect(),
            })
            .collect(),
    };
    FoundRow {
        schema: 1,
        at: now.to_string(),
        bridges: found.bridges.iter().map(bridge).collect(),
    }
}

fn conflict_json(one: &OneConflict, clients: bool) -> ConflictJson {
    let row = &one.row;
    let subject = row.conflict.subject;
    let place = one.place.as_ref();
    ConflictJson {
        id: row.id.to_string(),
        booking: row.booking.to_string(),
        resource: place.map(|(resource, _)| resource.to_string()),
        start: place.map(|(_, slot)| slot.start().to_string()),
        end: place.map(|(_, slot)| slot.end().to_string()),
        field: subject.as_str(),
        values: row
            .conflict
            .claims
            .iter()
            .map(|claim| ValueJson {
                platform: claim.platform.to_string(),
                remote_id: one.records.get(&claim.platform).cloned(),
                value: json::claimed(claim, subject, clients),
                changed_at: claim.changed_at.to_string(),
                stamp: json::stamp(claim),
            })
            .collect(),
        found_at: row.at.to_string(),
        decided: row.decided_by.map(|by| DecidedJson {
            by: match by {
                Decider::Policy => "policy",
                Decider::Person => "person",
            },
            platform: row.conflict.decided.as_ref().map(ToString::to_string),
            at: row.changed_at.to_string(),
        }),
        decision: row
            .decision
            .as_ref()
            .map(|decision| decision_json(decision, clients)),
    }
}

fn decision_json(decision: &DecisionRow, clients: bool) -> DecisionJson {
    let value = match &decision.choice {
        slotbridge_core::merge::Choice::Set(value) => {
            words::value(value, matches!(value, FieldValue::Text(_)), clients)
        }
        _ => None,
    };
    DecisionJson {
        choice: decision.choice.as_str(),
        platform: decision.choice.platform().map(ToString::to_string),
        value,
        at: decision.at.to_string(),
        state: match decision.state {
            DecisionState::Waiting => "waiting",
            DecisionState::Applied => "applied",
            DecisionState::Void => "void",
        },
    }
}

fn taking_json(taking: &Taking) -> TakingJson {
    let seen = taking.first_seen.as_ref();
    TakingJson {
        booking: taking.booking.to_string(),
        start: taking.slot.start().to_string(),
        end: taking.slot.end().to_string(),
        first_seen: SeenJson {
            platform: seen.map(|(platform, _)| platform.to_string()),
            remote_id: seen.map(|(_, id)| id.to_string()),
            at: taking.at.to_string(),
        },
        on: taking.on.iter().map(ToString::to_string).collect(),
    }
}
