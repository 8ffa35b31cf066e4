//! How the rest of the process speaks to the loop, and sees how it stands.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use slotbridge_core::model::{BridgeName, PlatformName};
use tokio::sync::mpsc;

use crate::event::{PollingPlan, Trouble};

/// What the loop can be asked for from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The inbox holds something new of this platform.
    Hinted(PlatformName),
    /// Something has happened on this platform, nobody knows what: look at it soon.
    LookAt(PlatformName),
    /// A full pass over one bridge, or all; `approve` and the sweep's schedule end here.
    Sweep {
        /// Which bridge; `None` for all.
        bridge: Option<BridgeName>,
        /// Whether a person asked.
        asked: bool,
    },
}

/// Speaks to the loop. Clones speak to the same one.
#[derive(Debug, Clone)]
pub struct Handle {
    requests: mpsc::UnboundedSender<Request>,
    health: Arc<Mutex<Health>>,
}

/// How the loop stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// How often the loop has turned; a watchdog is fed only while this grows.
    pub turns: u64,
    /// In the order of the config.
    pub platforms: Vec<PlatformHealth>,
    /// In the order of the config.
    pub bridges: Vec<BridgeHealth>,
}

/// How a platform stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformHealth {
    /// Which.
    pub name: PlatformName,
    /// Since when and why it cannot be used.
    pub down: Option<(Timestamp, Trouble)>,
    /// When it was last read without trouble, in this process.
    pub read_at: Option<Timestamp>,
    /// When its whole window was last proven, in this process or before.
    pub complete_at: Option<Timestamp>,
    /// How often it is looked at, once that is planned.
    pub plan: Option<PollingPlan>,
    /// Calls that wait at its quota gate.
    pub calls_waiting: usize,
    /// How often its rate is halved because it said "too many calls".
    pub halvings: u32,
    /// How long it still pauses because of that.
    pub pause_left: Duration,
}

/// How a bridge stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BridgeHealth {
    /// Which.
    pub name: BridgeName,
    /// Since when a run is at work on it.
    pub running_since: Option<Timestamp>,
    /// When the last run ended.
    pub ran_at: Option<Timestamp>,
    /// What that run would have exited with.
    pub exit_code: Option<u8>,
    /// Operations whose outcome nobody knows.
    pub journal_open: u64,
    /// When the oldest of these was written.
    pub journal_oldest: Option<Timestamp>,
    /// Latched guards that nobody has approved.
    pub guards: u64,
    /// Conflicts that wait for a person.
    pub conflicts: u64,
    /// Double bookings that the last full pass saw.
    pub overlaps: u64,
}

impl Handle {
    /// A handle, and the end of it that the loop keeps.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Request>) {
        let (requests, received) = mpsc::unbounded_channel();
        let health = Arc::default();
        (Self { requests, health }, received)
    }

    /// Asks for something. Never blocks; says whether anybody is there to hear it.
    pub fn ask(&self, request: Request) -> bool {
        self.requests.send(request).is_ok()
    }

    /// How the loop stands.
    pub fn health(&self) -> Health {
        self.health
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Lets the loop say how it stands.
    pub fn say(&self, change: impl FnOnce(&mut Health)) {
        change(&mut self.health.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
