//! Platforms as they are looked at: each account once, however many bridges it is in.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::model::{BridgeName, PlatformName, RemoteId, ResourceKey, ServiceKey};
use slotbridge_core::record::Window;
use slotbridge_platform::Platform;
use slotbridge_platform::capabilities::OccupancyView;

use crate::bridge::{Bridge, Member};

/// One start-time grid that shows all busy times of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GridAsk {
    /// Whose times.
    pub(crate) resource: ResourceKey,
    /// The shortest service, which shows every busy time once.
    pub(crate) service: ServiceKey,
    /// How long it takes.
    pub(crate) length: SignedDuration,
}

/// An account, with what all of its bridges together want to see of it.
#[derive(Debug, Clone)]
pub(crate) struct Watch {
    pub(crate) platform: Arc<dyn Platform>,
    /// The bridges that name it, in their order.
    pub(crate) bridges: Vec<BridgeName>,
    pub(crate) time_zone: TimeZone,
    pub(crate) known_records: Vec<RemoteId>,
    /// Empty where occupancy is not read.
    pub(crate) grids: Vec<GridAsk>,
    past: SignedDuration,
    future: SignedDuration,
}

impl Watch {
    /// The accounts of these bridges, in the order in which the bridges name them.
    pub(crate) fn of(bridges: &[Bridge]) -> Vec<Self> {
        let mut watches: Vec<Self> = Vec::new();
        for bridge in bridges {
            for member in &bridge.members {
                let known = watches
                    .iter_mut()
                    .find(|watch| watch.name() == member.platform.name());
                match known {
                    Some(watch) => watch.widen(bridge, member),
                    None => watches.push(Self::new(bridge, member)),
                }
            }
        }
        watches
    }

    fn new(bridge: &Bridge, member: &Member) -> Self {
        Self {
            platform: Arc::clone(&member.platform),
            bridges: vec![bridge.name.clone()],
            time_zone: member.time_zone.clone(),
            known_records: member.known_records.clone(),
            grids: grids(member),
            past: bridge.window_past,
            future: bridge.window_future,
        }
    }

    fn widen(&mut self, bridge: &Bridge, member: &Member) {
        if !self.bridges.contains(&bridge.name) {
            self.bridges.push(bridge.name.clone());
        }
        self.past = self.past.max(bridge.window_past);
        self.future = self.future.max(bridge.window_future);
        for ask in grids(member) {
            let same = self
                .grids
                .iter_mut()
                .find(|known| known.resource == ask.resource);
            match same {
                Some(known) if ask.length < known.length => *known = ask,
                Some(_) => {}
                None => self.grids.push(ask),
            }
        }
    }

    pub(crate) fn name(&self) -> &PlatformName {
        self.platform.name()
    }

    /// Everything that some bridge keeps in step.
    pub(crate) fn window(&self, now: Timestamp) -> Window {
        Window {
            from: now.checked_sub(self.past).unwrap_or(Timestamp::MIN),
            to: now.checked_add(self.future).unwrap_or(Timestamp::MAX),
        }
    }

    /// The IANA name of the account's zone, if anybody knows it.
    pub(crate) fn zone_name(&self) -> Option<String> {
        zone_name(&self.time_zone).map(str::to_owned)
    }

    /// The resources whose grids are read.
    pub(crate) fn grid_resources(&self) -> BTreeSet<&ResourceKey> {
        self.grids.iter().map(|ask| &ask.resource).collect()
    }
}

/// The IANA name of a zone, if it is known.
pub(crate) fn zone_name(zone: &TimeZone) -> Option<&str> {
    zone.iana_name().filter(|_| !zone.is_unknown())
}

/// One grid per resource, for its shortest service.
fn grids(member: &Member) -> Vec<GridAsk> {
    if member.platform.capabilities().occupancy != OccupancyView::Grid {
        return Vec::new();
    }
    let shortest = member
        .mapping
        .services()
        .filter_map(|(_, key, length)| length.map(|length| (length, key)))
        .min_by_key(|(length, key)| (*length, (*key).clone()));
    let Some((length, service)) = shortest else {
        return Vec::new();
    };
    member
        .mapping
        .resources()
        .map(|(_, key)| GridAsk {
            resource: key.clone(),
            service: service.clone(),
            length,
        })
        .collect()
}
