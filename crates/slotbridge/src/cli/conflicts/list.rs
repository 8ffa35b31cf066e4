//! What waits for a person, gathered from the database, as text, JSON or markdown.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::merge::{Claim, Stamp, Subject};
use slotbridge_core::model::{BookingId, BridgeName, FieldValue, PlatformName, ResourceName, Slot};
use slotbridge_engine::bridge::OnOverlap;
use slotbridge_engine::standing::{self, Overlap};
use slotbridge_store::{ConflictRow, Decider, DecisionRow, DecisionState, Store};

use super::rows;
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
    pub(super) bridges: Vec<BridgeFound>,
}

/// What was found in one bridge.
#[derive(Debug)]
pub(super) struct BridgeFound {
    pub(super) name: BridgeName,
    pub(super) open: Vec<OneConflict>,
    pub(super) decided: Vec<OneConflict>,
    pub(super) overlaps: Vec<Overlap>,
    /// Whether the later of two is kept from the platforms of the other.
    held: bool,
}

/// A conflict, and where it stands in the calendar.
#[derive(Debug)]
pub(super) struct OneConflict {
    pub(super) row: ConflictRow,
    pub(super) place: Option<(ResourceName, Slot)>,
    /// The booking's records, to find them on their platforms.
    pub(super) records: BTreeMap<PlatformName, String>,
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
            held: bridge.on_overlap == OnOverlap::Hold,
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
        Format::Json => rows::text(found, showing.clients, now),
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

fn overlap_told(overlap: &Overlap, held: bool, zone: &TimeZone) -> Told {
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
        advice: Some(overlap_advice(overlap, held)),
    }
}

fn overlap_advice(overlap: &Overlap, held: bool) -> String {
    let [_, later] = &overlap.bookings;
    let whose = later.first_seen.as_ref().map_or_else(
        || "the later one".to_owned(),
        |seen| format!("the later one ({})", record(seen)),
    );
    let meanwhile = if held {
        "; meanwhile it is not written where the first one is"
    } else {
        ""
    };
    format!("call the client: move or cancel {whose} on the platform where it was made{meanwhile}")
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
        .map(|overlap| overlap_told(overlap, bridge.held, &zone))
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
