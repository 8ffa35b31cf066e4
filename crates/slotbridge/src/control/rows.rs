//! What goes over the socket, as JSON: both ends are of one version, so that a field may change with the binary.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
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
