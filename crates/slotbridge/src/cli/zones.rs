//! Zones without asking a platform: what the config says, else what an account said when it was last read.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use slotbridge_core::model::{BridgeName, PlatformName};
use slotbridge_store::Store;

use super::report::Failure;
use crate::config::{BridgeConfig, Config};

/// The zone of every account whose zone is known.
pub(crate) async fn of_platforms(
    config: &Config,
    store: &Store,
) -> Result<BTreeMap<PlatformName, TimeZone>, Failure> {
    let mut zones = BTreeMap::new();
    for platform in &config.platforms {
        let mut told = platform.time_zone.clone();
        if told.is_none() {
            let state = store.platform_state(&platform.name).await?;
            told = state.time_zone.and_then(|name| TimeZone::get(&name).ok());
        }
        zones.extend(told.map(|zone| (platform.name.clone(), zone)));
    }
    Ok(zones)
}

/// Each bridge's times are shown by the clock of its first platform.
pub(crate) async fn of_bridges(
    config: &Config,
    store: &Store,
) -> Result<BTreeMap<BridgeName, TimeZone>, Failure> {
    let known = of_platforms(config, store).await?;
    let zone = |bridge: &BridgeConfig| known.get(&bridge.members.first()?.platform).cloned();
    Ok(config
        .bridges
        .iter()
        .filter_map(|bridge| Some((bridge.name.clone(), zone(bridge)?)))
        .collect())
}
