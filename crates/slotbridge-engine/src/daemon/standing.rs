//! How the loop says how it stands, for whoever watches: health answers, metrics, the status of the service.

use slotbridge_core::model::{BridgeName, PlatformName};

use super::handle::{BridgeHealth, PlatformHealth};
use super::platforms::Account;
use super::turn::Turn;
use crate::EngineError;

impl Turn {
    /// Says that nothing is known yet.
    pub(super) async fn begin_health(&mut self) -> Result<(), EngineError> {
        let platforms: Vec<PlatformHealth> =
            self.accounts.0.values().map(Account::health).collect();
        let bridges = self
            .order
            .iter()
            .map(|name| BridgeHealth {
                name: name.clone(),
                running_since: None,
                ran_at: None,
                exit_code: None,
                journal_open: 0,
                journal_oldest: None,
                guards: 0,
                conflicts: 0,
                overlaps: 0,
            })
            .collect();
        self.handle.say(|health| {
            health.platforms = platforms;
            health.bridges = bridges;
        });
        self.say_bridges().await
    }

    pub(super) fn say_platform(&self, platform: &PlatformName) {
        let Some(now) = self.accounts.0.get(platform).map(Account::health) else {
            return;
        };
        self.handle.say(|health| {
            if let Some(health) = health.platforms.iter_mut().find(|one| one.name == now.name) {
                *health = now;
            }
        });
    }

    pub(super) async fn say_bridges(&self) -> Result<(), EngineError> {
        for bridge in &self.order {
            self.say_bridge(bridge).await?;
        }
        Ok(())
    }

    pub(super) async fn say_bridge(&self, bridge: &BridgeName) -> Result<(), EngineError> {
        let store = &self.engine.store;
        let open = store.journal_open(bridge).await?;
        let guards = store.guards(bridge).await?;
        let held = guards.iter().filter(|guard| guard.approved_at.is_none());
        let held = u64::try_from(held.count()).unwrap_or(u64::MAX);
        let conflicts = store.conflicts(Some(bridge)).await?.len();
        self.handle.say(|health| {
            let Some(health) = health.bridges.iter_mut().find(|one| one.name == *bridge) else {
                return;
            };
            health.journal_open = u64::try_from(open.len()).unwrap_or(u64::MAX);
            health.journal_oldest = open.iter().map(|row| row.at).min();
            health.guards = held;
            health.conflicts = u64::try_from(conflicts).unwrap_or(u64::MAX);
        });
        Ok(())
    }
}
