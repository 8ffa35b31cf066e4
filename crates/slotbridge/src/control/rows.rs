//! What goes over the socket, as JSON: both ends are of one version, so that a field may change with the binary.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use slotbridge_core::merge::Choice;
use slotbridge_core::model::{
    self, FieldValue, PlatformName, Private, ResourceName, ServiceName, Slot,
};
use slotbridge_engine::daemon::{BridgeHealth, Health, PlatformHealth};
use slotbridge_engine::event::PollingPlan;
use slotbridge_store::GuardRow;

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refused {
    pub(crate) error: String,
}

/// A full pass was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// Of which bridge; of all without.
    pub(crate) bridge: Option<String>,
}

/// What was approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Approved {
    pub(crate) bridge: String,
    pub(crate) guards: Vec<HeldRow>,
}

/// How a conflict is to end. May hold a client's data, so it prints as nothing.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ChoiceRow {
    Take(String),
    Set(ValueRow),
    Keep,
}

/// A value that a person gave.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ValueRow {
    Resource(String),
    Services(Vec<String>),
    Slot { start: String, end: String },
    Text(Option<String>),
    Status(String),
}

impl fmt::Debug for ChoiceRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹choice›")
    }
}

impl fmt::Debug for ValueRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("‹value›")
    }
}

impl ChoiceRow {
    pub(crate) fn of(choice: &Choice) -> Self {
        match choice {
            Choice::Take(platform) => Self::Take(platform.to_string()),
            Choice::Set(value) => Self::Set(ValueRow::of(value)),
            Choice::Keep => Self::Keep,
        }
    }

    /// The choice, if it makes sense.
    pub(crate) fn into_choice(self) -> Option<Choice> {
        Some(match self {
            Self::Take(platform) => Choice::Take(PlatformName::new(platform).ok()?),
            Self::Set(value) => Choice::Set(value.into_value()?),
            Self::Keep => Choice::Keep,
        })
    }
}

impl ValueRow {
    fn of(value: &FieldValue) -> Self {
        match value {
            FieldValue::Resource(name) => Self::Resource(name.to_string()),
            FieldValue::Services(names) => {
                Self::Services(names.iter().map(ToString::to_string).collect())
            }
            FieldValue::Slot(slot) => Self::Slot {
                start: slot.start().to_string(),
                end: slot.end().to_string(),
            },
            FieldValue::Text(text) => {
                Self::Text(text.as_ref().map(|text| text.expose().to_owned()))
            }
            FieldValue::Status(status) => Self::Status(status.as_str().to_owned()),
        }
    }

    fn into_value(self) -> Option<FieldValue> {
        Some(match self {
            Self::Resource(name) => FieldValue::Resource(ResourceName::new(name).ok()?),
            Self::Services(names) => {
                let names = names.into_iter().map(ServiceName::new);
                FieldValue::Services(names.collect::<Result<_, _>>().ok()?)
            }
            Self::Slot { start, end } => {
                FieldValue::Slot(Slot::new(start.parse().ok()?, end.parse().ok()?).ok()?)
            }
            Self::Text(text) => FieldValue::Text(text.map(Private::new)),
            Self::Status(word) => FieldValue::Status(model::Status::from_word(&word)?),
        })
    }
}

/// What a person decided, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decided {
    pub(crate) conflict: i64,
    pub(crate) bridge: String,
    pub(crate) booking: String,
    pub(crate) field: String,
    /// `take`, `set` or `keep`.
    pub(crate) choice: String,
    /// Whose value is taken.
    pub(crate) platform: Option<String>,
    /// Whether an earlier decision, which nothing had come of yet, is replaced.
    pub(crate) replaced: bool,
}

/// One guard that held something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeldRow {
    pub(crate) platform: String,
    pub(crate) what: String,
    pub(crate) limit: u64,
    pub(crate) planned: u64,
    pub(crate) tripped_at: String,
}

impl HeldRow {
    pub(super) fn of(guard: &GuardRow) -> Self {
        Self {
            platform: guard.platform.to_string(),
            what: guard.what.clone(),
            limit: guard.limit,
            planned: guard.planned,
            tripped_at: guard.tripped_at.to_string(),
        }
    }
}

/// How the daemon stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Status {
    pub(crate) turns: u64,
    pub(crate) platforms: Vec<PlatformStatus>,
    pub(crate) bridges: Vec<BridgeStatus>,
}

/// How a platform stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlatformStatus {
    pub(crate) name: String,
    pub(crate) down: Option<DownRow>,
    pub(crate) read_at: Option<String>,
    pub(crate) complete_at: Option<String>,
    pub(crate) polling: Option<PollingRow>,
    pub(crate) calls_waiting: u64,
    pub(crate) halvings: u32,
    pub(crate) pause_left_ms: u64,
}

/// Since when and why a platform cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DownRow {
    pub(crate) since: String,
    pub(crate) why: String,
}

/// How often a platform is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PollingRow {
    pub(crate) near_ms: u64,
    pub(crate) far_ms: u64,
    pub(crate) notice_ms: u64,
    pub(crate) chosen: bool,
}

/// How a bridge stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BridgeStatus {
    pub(crate) name: String,
    pub(crate) running_since: Option<String>,
    pub(crate) ran_at: Option<String>,
    pub(crate) exit_code: Option<u8>,
    pub(crate) journal_open: u64,
    pub(crate) journal_oldest_at: Option<String>,
    pub(crate) guards: u64,
    pub(crate) conflicts: u64,
    pub(crate) overlaps: u64,
}

impl Status {
    pub(crate) fn of(health: &Health) -> Self {
        Self {
            turns: health.turns,
            platforms: health.platforms.iter().map(PlatformStatus::of).collect(),
            bridges: health.bridges.iter().map(BridgeStatus::of).collect(),
        }
    }
}

impl PlatformStatus {
    fn of(health: &PlatformHealth) -> Self {
        Self {
            name: health.name.to_string(),
            down: health.down.as_ref().map(|(since, trouble)| DownRow {
                since: since.to_string(),
                why: trouble.text.clone(),
            }),
            read_at: text(health.read_at),
            complete_at: text(health.complete_at),
            polling: health.plan.as_ref().map(PollingRow::of),
            calls_waiting: u64::try_from(health.calls_waiting).unwrap_or(u64::MAX),
            halvings: health.halvings,
            pause_left_ms: millis(health.pause_left),
        }
    }
}

impl PollingRow {
    fn of(plan: &PollingPlan) -> Self {
        Self {
            near_ms: millis(plan.near),
            far_ms: millis(plan.far),
            notice_ms: millis(plan.notice),
            chosen: plan.chosen,
        }
    }
}

impl BridgeStatus {
    fn of(health: &BridgeHealth) -> Self {
        Self {
            name: health.name.to_string(),
            running_since: text(health.running_since),
            ran_at: text(health.ran_at),
            exit_code: health.exit_code,
            journal_open: health.journal_open,
            journal_oldest_at: text(health.journal_oldest),
            guards: health.guards,
            conflicts: health.conflicts,
            overlaps: health.overlaps,
        }
    }
}

fn text(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
