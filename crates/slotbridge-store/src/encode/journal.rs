//! Operations, their states, and the totals of runs.

use serde::{Deserialize, Serialize};
use slotbridge_core::model::{BookingId, Field, PlatformName, RemoteId};
use slotbridge_core::plan::{Action, Operation};

use super::booking::BookingShape;
use super::{Undecodable, from_json, to_json};
use crate::change::Outcome;
use crate::rows::JournalState;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct OperationShape {
    booking: String,
    platform: String,
    because: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    force: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    undoes: bool,
    /// Whether the client data that were in it have been erased.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
    action: ActionShape,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum ActionShape {
    Create {
        desired: Box<BookingShape>,
    },
    Update {
        remote_id: String,
        shown: Box<BookingShape>,
        desired: Box<BookingShape>,
        fields: Vec<String>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        parking: bool,
    },
    Remove {
        remote_id: String,
        shown: Box<BookingShape>,
    },
}

pub(crate) fn operation_to_json(operation: &Operation) -> String {
    to_json(&OperationShape {
        booking: operation.booking.to_string(),
        platform: operation.platform.as_str().to_owned(),
        because: operation
            .because
            .iter()
            .map(|(platform, id)| (platform.as_str().to_owned(), id.as_str().to_owned()))
            .collect(),
        force: operation.force,
        undoes: operation.undoes,
        erased: false,
        action: match &operation.action {
            Action::Create { desired } => ActionShape::Create {
                desired: Box::new(BookingShape::of(desired)),
            },
            Action::Update {
                remote_id,
                shown,
                desired,
                fields,
                parking,
            } => ActionShape::Update {
                remote_id: remote_id.as_str().to_owned(),
                shown: Box::new(BookingShape::of(shown)),
                desired: Box::new(BookingShape::of(desired)),
                fields: fields
                    .iter()
                    .map(|field| field.as_str().to_owned())
                    .collect(),
                parking: *parking,
            },
            Action::Remove { remote_id, shown } => ActionShape::Remove {
                remote_id: remote_id.as_str().to_owned(),
                shown: Box::new(BookingShape::of(shown)),
            },
        },
    })
}

/// The operation, and whether its client data were erased.
pub(crate) fn operation_from_json(json: &str) -> Result<(Operation, bool), Undecodable> {
    let shape: OperationShape = from_json(json)?;
    let erased = shape.erased;
    let operation = Operation {
        booking: shape
            .booking
            .parse::<BookingId>()
            .map_err(|_not_an_id| Undecodable)?,
        platform: PlatformName::new(shape.platform)?,
        because: shape
            .because
            .into_iter()
            .map(|(platform, id)| Ok((PlatformName::new(platform)?, RemoteId::new(id))))
            .collect::<Result<_, Undecodable>>()?,
        force: shape.force,
        undoes: shape.undoes,
        action: match shape.action {
            ActionShape::Create { desired } => Action::Create {
                desired: desired.into_booking()?,
            },
            ActionShape::Update {
                remote_id,
                shown,
                desired,
                fields,
                parking,
            } => Action::Update {
                remote_id: RemoteId::new(remote_id),
                shown: shown.into_booking()?,
                desired: desired.into_booking()?,
                fields: fields
                    .iter()
                    .map(|word| Field::from_word(word).ok_or(Undecodable))
                    .collect::<Result<_, _>>()?,
                parking,
            },
            ActionShape::Remove { remote_id, shown } => Action::Remove {
                remote_id: RemoteId::new(remote_id),
                shown: shown.into_booking()?,
            },
        },
    };
    Ok((operation, erased))
}

/// The word for an outcome in the journal's column.
pub(crate) fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Applied => "applied",
        Outcome::Refused => "refused",
        Outcome::Failed => "failed",
        Outcome::Unknown => "unknown",
        Outcome::Abandoned => "abandoned",
        Outcome::SettledApplied => "settled_applied",
        Outcome::SettledPresumed => "settled_presumed",
    }
}

pub(crate) fn journal_state_from_word(word: &str) -> Result<JournalState, Undecodable> {
    if word == "intended" {
        return Ok(JournalState::Intended);
    }
    [
        Outcome::Applied,
        Outcome::Refused,
        Outcome::Failed,
        Outcome::Unknown,
        Outcome::Abandoned,
        Outcome::SettledApplied,
        Outcome::SettledPresumed,
    ]
    .into_iter()
    .find(|outcome| outcome_word(*outcome) == word)
    .map(JournalState::Done)
    .ok_or(Undecodable)
}

pub(crate) fn totals_to_json(totals: &[(String, u64)]) -> String {
    to_json(&totals)
}

pub(crate) fn totals_from_json(json: &str) -> Result<Vec<(String, u64)>, Undecodable> {
    from_json(json)
}
