//! What tests say of a loop that is not there.

use std::time::Duration;

use slotbridge_core::model::{BridgeName, PlatformName};
use slotbridge_engine::daemon::{BridgeHealth, PlatformHealth};

/// A platform of which nothing is known.
pub(crate) fn platform_health(name: PlatformName) -> PlatformHealth {
    PlatformHealth {
        name,
        down: None,
        read_at: None,
        complete_at: None,
        plan: None,
        calls_waiting: 0,
        halvings: 0,
        pause_left: Duration::ZERO,
    }
}

/// A bridge of which nothing is known.
pub(crate) fn bridge_health(name: BridgeName) -> BridgeHealth {
    BridgeHealth {
        name,
        running_since: None,
        ran_at: None,
        exit_code: None,
        journal_open: 0,
        journal_oldest: None,
        guards: 0,
        conflicts: 0,
        overlaps: 0,
    }
}
