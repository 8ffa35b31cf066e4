//! Conflicts: subjects as words, claims as JSON.

use serde::{Deserialize, Serialize};
use slotbridge_core::merge::{Choice, Claim, Stamp, Subject};
use slotbridge_core::model::{
    Field, FieldValue, PlatformName, Private, ResourceName, ServiceName, Slot, Status,
};

use super::{Undecodable, from_json, instant, micros, to_json};
use crate::rows::{Decider, DecisionState};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ClaimShape {
    platform: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<ValueShape>,
    changed_at: i64,
    stamp: StampShape,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum ValueShape {
    Resource(String),
    Services(Vec<String>),
    Slot { start: i64, end: i64 },
    Text(Option<String>),
    Status(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum ChoiceShape {
    Take(String),
    Set(ValueShape),
    Keep,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StampShape {
    Platform,
    FirstSeen,
}

pub(crate) fn claims_to_json(claims: &[Claim]) -> String {
    let shapes: Vec<ClaimShape> = claims
        .iter()
        .map(|claim| ClaimShape {
            platform: claim.platform.as_str().to_owned(),
            value: claim.value.as_ref().map(ValueShape::of),
            changed_at: micros(claim.changed_at),
            stamp: match claim.stamp {
                Stamp::Platform => StampShape::Platform,
                Stamp::FirstSeen => StampShape::FirstSeen,
            },
        })
        .collect();
    to_json(&shapes)
}

pub(crate) fn claims_from_json(json: &str) -> Result<Vec<Claim>, Undecodable> {
    from_json::<Vec<ClaimShape>>(json)?
        .into_iter()
        .map(|shape| {
            Ok(Claim {
                platform: PlatformName::new(shape.platform)?,
                value: shape.value.map(ValueShape::into_value).transpose()?,
                changed_at: instant(shape.changed_at)?,
                stamp: match shape.stamp {
                    StampShape::Platform => Stamp::Platform,
                    StampShape::FirstSeen => Stamp::FirstSeen,
                },
            })
        })
        .collect()
}

pub(crate) fn choice_to_json(choice: &Choice) -> String {
    to_json(&match choice {
        Choice::Take(platform) => ChoiceShape::Take(platform.as_str().to_owned()),
        Choice::Set(value) => ChoiceShape::Set(ValueShape::of(value)),
        Choice::Keep => ChoiceShape::Keep,
    })
}

pub(crate) fn choice_from_json(json: &str) -> Result<Choice, Undecodable> {
    Ok(match from_json::<ChoiceShape>(json)? {
        ChoiceShape::Take(platform) => Choice::Take(PlatformName::new(platform)?),
        ChoiceShape::Set(value) => Choice::Set(value.into_value()?),
        ChoiceShape::Keep => Choice::Keep,
    })
}

/// Who makes the claims.
pub(crate) fn claim_platforms(json: &str) -> Result<Vec<PlatformName>, Undecodable> {
    from_json::<Vec<ClaimShape>>(json)?
        .into_iter()
        .map(|shape| Ok(PlatformName::new(shape.platform)?))
        .collect()
}

pub(crate) fn subject_from_word(word: &str) -> Result<Subject, Undecodable> {
    if word == Subject::Removal.as_str() {
        return Ok(Subject::Removal);
    }
    Field::from_word(word)
        .map(Subject::Field)
        .ok_or(Undecodable)
}

pub(crate) fn decider_from_word(word: &str) -> Result<Decider, Undecodable> {
    match word {
        "policy" => Ok(Decider::Policy),
        "person" => Ok(Decider::Person),
        _ => Err(Undecodable),
    }
}

pub(crate) fn decision_state_from_word(word: &str) -> Result<DecisionState, Undecodable> {
    match word {
        "waiting" => Ok(DecisionState::Waiting),
        "applied" => Ok(DecisionState::Applied),
        "void" => Ok(DecisionState::Void),
        _ => Err(Undecodable),
    }
}

impl ValueShape {
    fn of(value: &FieldValue) -> Self {
        match value {
            FieldValue::Resource(name) => Self::Resource(name.as_str().to_owned()),
            FieldValue::Services(names) => {
                Self::Services(names.iter().map(|name| name.as_str().to_owned()).collect())
            }
            FieldValue::Slot(slot) => Self::Slot {
                start: micros(slot.start()),
                end: micros(slot.end()),
            },
            FieldValue::Text(text) => {
                Self::Text(text.as_ref().map(|text| text.expose().to_owned()))
            }
            FieldValue::Status(status) => Self::Status(status.as_str().to_owned()),
        }
    }

    fn into_value(self) -> Result<FieldValue, Undecodable> {
        Ok(match self {
            Self::Resource(name) => FieldValue::Resource(ResourceName::new(name)?),
            Self::Services(names) => FieldValue::Services(
                names
                    .into_iter()
                    .map(ServiceName::new)
                    .collect::<Result<_, _>>()?,
            ),
            Self::Slot { start, end } => {
                FieldValue::Slot(Slot::new(instant(start)?, instant(end)?)?)
            }
            Self::Text(text) => FieldValue::Text(text.map(Private::new)),
            Self::Status(word) => FieldValue::Status(Status::from_word(&word).ok_or(Undecodable)?),
        })
    }
}
