//! What a bridge is made of, and what a run may do.

use std::fmt;
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use slotbridge_core::guard::Limits;
use slotbridge_core::mapping::Mapping;
use slotbridge_core::merge::Policy;
use slotbridge_core::model::{BridgeName, RemoteId};
use slotbridge_platform::Platform;
use tokio_util::sync::CancellationToken;

/// Which way changes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Read and written.
    Both,
    /// Only read.
    From,
    /// Only written.
    To,
}

impl Direction {
    /// Whether changes made there are taken over.
    pub fn heard(self) -> bool {
        match self {
            Self::Both | Self::From => true,
            Self::To => false,
        }
    }

    /// Whether slotbridge writes there.
    pub fn written(self) -> bool {
        match self {
            Self::Both | Self::To => true,
            Self::From => false,
        }
    }
}

/// What copies on other platforms carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Share {
    /// Everything that the platform can hold.
    Full,
    /// The time only.
    Busy,
}

/// What happens to a booking whose time is taken by another live one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnOverlap {
    /// The later-seen one is not written to platforms where it would double-book.
    Hold,
    /// It is written all the same.
    Push,
}

/// What happens when a booking was removed on one platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnRemoval {
    /// It is removed on the others, within the guards.
    Propagate,
    /// It is only listed.
    Hold,
}

/// One platform of a bridge.
#[derive(Debug, Clone)]
pub struct Member {
    /// The account.
    pub platform: Arc<dyn Platform>,
    /// Its ids in the bridge's words.
    pub mapping: Mapping,
    /// Which way changes go.
    pub direction: Direction,
    /// Where the platform's days begin and end; for its occupancy grid.
    pub time_zone: TimeZone,
    /// How long before its start a time can no longer be booked by clients; `None` when unknown.
    pub lead_time: Option<SignedDuration>,
    /// Records that the owner named because the platform has no listing; read once, then known.
    pub known_records: Vec<RemoteId>,
    /// Whether the owner chose what a block without a service is booked under, which its adapter then sees to.
    pub chooses_block_service: bool,
}

/// A set of platforms kept in step.
#[derive(Debug, Clone)]
pub struct Bridge {
    /// Its name.
    pub name: BridgeName,
    /// Its platforms, in the order of the config.
    pub members: Vec<Member>,
    /// Who wins.
    pub policy: Policy,
    /// How far back bookings are kept in step.
    pub window_past: SignedDuration,
    /// How far ahead.
    pub window_future: SignedDuration,
    /// What needs a person's approval.
    pub limits: Limits,
    /// Double bookings.
    pub on_overlap: OnOverlap,
    /// Removals.
    pub on_removal: OnRemoval,
    /// What copies carry.
    pub share: Share,
}

/// Whether a run writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// It does.
    Apply,
    /// It reads and plans; neither a platform nor the database is written.
    DryRun,
}

/// What a run is doing, for a progress display.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Reading platforms.
    Observe,
    /// Writing to platforms.
    Execute,
}

/// Hears how a run comes along. Calls are cheap and never block.
pub trait Progress: Send + Sync + fmt::Debug {
    /// `done` of `total` steps of the phase are through; `total` may still grow.
    fn step(&self, bridge: &BridgeName, phase: Phase, done: u64, total: u64);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn step(&self, _bridge: &BridgeName, _phase: Phase, _done: u64, _total: u64) {}
}

/// How a run behaves.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Whether it writes.
    pub mode: Mode,
    /// Stops the run: no new call is begun, writes in flight are waited for.
    pub cancel: CancellationToken,
    /// Who hears of its progress.
    pub progress: Arc<dyn Progress>,
}
