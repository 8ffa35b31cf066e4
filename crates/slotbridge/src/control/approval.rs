//! Approving what guards hold in a bridge: one way, whether the daemon does it or a command by itself.

use std::collections::BTreeSet;

use jiff::Timestamp;
use slotbridge_core::model::BridgeName;
use slotbridge_store::{Change, Store, StoreError};

use super::rows::{Approved, HeldRow};

/// Records that every plan which is held in the bridge is meant.
pub(crate) async fn approve(
    store: &Store,
    bridge: &BridgeName,
    now: Timestamp,
) -> Result<Approved, StoreError> {
    let held = store.guards(bridge).await?;
    let plans: BTreeSet<&str> = held.iter().map(|guard| guard.plan.as_str()).collect();
    let changes: Vec<Change> = plans
        .into_iter()
        .map(|plan| Change::GuardApproved {
            bridge: bridge.clone(),
            plan: plan.to_owned(),
            at: now,
        })
        .collect();
    if !changes.is_empty() {
        store.apply(changes).await?;
    }
    Ok(Approved {
        bridge: bridge.to_string(),
        guards: held.iter().map(HeldRow::of).collect(),
    })
}
