//! What an engine that is always on tells whoever listens: metrics, notices, the service manager's status line.
//!
//! Events hold no client data but for [`Event::Ran`], whose report is a [`BridgeReport`] like any other.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use slotbridge_core::model::{BridgeName, PlatformName};
use slotbridge_platform::ErrorKind;

use crate::report::BridgeReport;

/// Why a platform is looked at, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LookKind {
    /// Single records, because a webhook or a doubtful outcome points at them.
    Hint,
    /// Changes since the last look, or today and the next days.
    Near,
    /// The whole window, spread over the quota.
    Far,
    /// The whole window at once: at the start, on the schedule, or because somebody asked.
    Sweep,
}

impl LookKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Hint, Self::Near, Self::Far, Self::Sweep];

    /// The word in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Near => "near",
            Self::Far => "far",
            Self::Sweep => "sweep",
        }
    }
}

/// Why a bridge is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunCause {
    /// Webhooks pointed at records.
    Hinted,
    /// A look at a platform found changes, or something that waited is due again.
    Polled,
    /// A full pass: at the start, on the schedule.
    Swept,
    /// A person asked for a full pass.
    Asked,
}

impl RunCause {
    /// Every cause.
    pub const ALL: [Self; 4] = [Self::Hinted, Self::Polled, Self::Swept, Self::Asked];

    /// The word in the database, logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hinted => "hinted",
            Self::Polled => "polled",
            Self::Swept => "swept",
            Self::Asked => "asked",
        }
    }
}

/// Why a platform cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What kind of trouble; `None` when the answer itself made no sense, such as an empty listing over a full mirror.
    pub kind: Option<ErrorKind>,
    /// In words, scrubbed.
    pub text: String,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A platform was looked at.
    Looked {
        /// Which.
        platform: PlatformName,
        /// How.
        look: LookKind,
        /// When the look ended.
        at: Timestamp,
        /// How long it took, waiting at the quota gate included.
        took: Duration,
        /// Calls that it made.
        calls: u64,
        /// Records that it found new, changed or gone.
        changed: u64,
        /// Whether it proved the whole window.
        complete: bool,
        /// What went wrong.
        trouble: Option<Trouble>,
    },
    /// A platform could be used until now, and cannot any more.
    Down {
        /// Which.
        platform: PlatformName,
        /// Since when.
        since: Timestamp,
        /// Why.
        trouble: Trouble,
    },
    /// A platform can be used again.
    Up {
        /// Which.
        platform: PlatformName,
        /// Since when it could not.
        down_since: Timestamp,
        /// Since when it can.
        at: Timestamp,
    },
    /// A bridge was worked on.
    Ran {
        /// Which.
        bridge: BridgeName,
        /// Why.
        cause: RunCause,
        /// When the run ended.
        at: Timestamp,
        /// How long it took.
        took: Duration,
        /// Whether it only showed what it would do.
        dry_run: bool,
        /// What it found and did.
        report: Arc<BridgeReport>,
    },
    /// A change has arrived on another platform: the time in which a double booking could happen is over.
    Fresh {
        /// Where it was made.
        from: PlatformName,
        /// Where it was written.
        to: PlatformName,
        /// `create`, `update` or `remove`.
        op: &'static str,
        /// From the change (by the platform's own stamp where it has one, else from when we first heard of it) to the
        /// answer to the write.
        age: Duration,
    },
    /// How often a platform is looked at from now on.
    Planned {
        /// Which.
        platform: PlatformName,
        /// How often.
        plan: PollingPlan,
    },
    /// A webhook came in and is stored.
    Hinted {
        /// From which platform.
        platform: PlatformName,
    },
}

/// How often a platform is looked at, and what that means for its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollingPlan {
    /// Between two near looks.
    pub near: Duration,
    /// Between two far looks.
    pub far: Duration,
    /// The expected time until a change of the next days is noticed without a webhook: half of `near`, and one
    /// more look where a time must be seen taken twice.
    pub notice: Duration,
    /// Whether the user chose the interval.
    pub chosen: bool,
}

/// Hears what happens. Calls are cheap and never block.
pub trait Listener: Send + Sync + fmt::Debug {
    /// Something has happened.
    fn hear(&self, event: &Event);
}

/// Passes events on to several listeners, in their order.
#[derive(Debug, Clone, Default)]
pub struct Listeners(pub Vec<Arc<dyn Listener>>);

impl Listener for Listeners {
    fn hear(&self, event: &Event) {
        for listener in &self.0 {
            listener.hear(event);
        }
    }
}
