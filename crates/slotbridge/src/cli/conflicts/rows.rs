//! What waits for a person as one JSON object, for programs.

use jiff::Timestamp;
use serde::Serialize;
use slotbridge_core::merge::Choice;
use slotbridge_core::model::FieldValue;
use slotbridge_engine::standing::Taking;
use slotbridge_store::{Decider, DecisionRow, DecisionState};

use super::list::{BridgeFound, Found, OneConflict};
use crate::render::{json, words};

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

/// Writes what was found as one JSON object.
pub(super) fn text(found: &Found, clients: bool, now: Timestamp) -> String {
    let bridge = |bridge: &BridgeFound| BridgeRow {
        name: bridge.name.to_string(),
        conflicts: bridge
            .open
            .iter()
            .chain(&bridge.decided)
            .map(|one| conflict_json(one, clients))
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
    json::to_text(&FoundRow {
        schema: 1,
        at: now.to_string(),
        bridges: found.bridges.iter().map(bridge).collect(),
    })
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
        Choice::Set(value) => words::value(value, matches!(value, FieldValue::Text(_)), clients),
        Choice::Take(_) | Choice::Keep => None,
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
