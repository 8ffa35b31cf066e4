//! What happened to a booking, from the rows of the database: sightings, conflicts, operations.

use jiff::Timestamp;
use slotbridge_core::model::PlatformName;
use slotbridge_core::plan::Operation;
use slotbridge_core::record::RecordState;
use slotbridge_store::{
    ConflictRow, Decider, DecisionState, JournalRow, JournalState, MirrorRow, Outcome,
};

use crate::render::sections::choice_words;
use crate::render::words;

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
    Sent(Box<Operation>),
    /// What came of it.
    Answered {
        outcome: &'static str,
        error: Option<String>,
    },
    /// Platforms disagreed.
    Conflict(Box<ConflictRow>),
}

pub(super) fn said(
    at: Timestamp,
    platform: Option<&PlatformName>,
    key: &'static str,
    text: String,
) -> Event {
    Event {
        at,
        platform: platform.cloned(),
        what: What::Said(key, text),
    }
}

pub(super) fn state_word(state: RecordState) -> &'static str {
    match state {
        RecordState::Live => "live",
        RecordState::Cancelled => "cancelled",
        RecordState::Deleted => "deleted",
    }
}

/// When a record was made, first seen, last changed and last seen. `ours` says that slotbridge made it.
pub(super) fn sightings(platform: &PlatformName, row: &MirrorRow, ours: bool) -> Vec<Event> {
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

/// What was found, what a person said, and how it ended.
pub(super) fn conflict_events(row: ConflictRow) -> Vec<Event> {
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
            what: What::Conflict(Box::new(row)),
        },
    );
    events
}

pub(super) fn operation_events(row: &JournalRow) -> Vec<Event> {
    let platform = Some(row.operation.platform.clone());
    let mut events = vec![Event {
        at: row.at,
        platform: platform.clone(),
        what: What::Sent(Box::new(row.operation.clone())),
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
