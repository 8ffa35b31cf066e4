#![doc = include_str!("../README.md")]

mod branch;
mod catalogue;
mod check;
pub mod config;
mod convert;
mod error;
mod form;
#[cfg(any(test, feature = "hostile"))]
#[doc(hidden)]
pub mod hostile;
mod listing;
mod phones;
mod platform;
mod request;
mod session;
#[cfg(test)]
mod tests;
mod webhook;
mod wire;

use std::time::Duration;

use slotbridge_core::projection::{Projection, TextHeld};
use slotbridge_platform::Capabilities;
use slotbridge_platform::capabilities::{
    BusyWrites, ChangeFeed, CreateSettled, Discovery, OccupancyView, Quota, Removal, Silence,
    Updates, Webhooks,
};

pub use config::{UserAuth, YclientsConfig};
pub use platform::YclientsPlatform;

/// The word by which the config names this kind.
pub const KIND: &str = "yclients";

/// The published limits, per calling address (yclients contract, 9).
const QUOTAS: &[Quota] = &[
    Quota {
        calls: 5,
        per: Duration::from_secs(1),
    },
    Quota {
        calls: 200,
        per: Duration::from_mins(1),
    },
];

/// What every YCLIENTS account can do.
pub static CAPABILITIES: Capabilities = Capabilities {
    discovery: Discovery::List,
    change_feed: ChangeFeed::SinceCursor,
    occupancy: OccupancyView::None,
    webhooks: Webhooks::Hint,
    removal: Removal::Marked,
    updates: Updates::InPlace,
    create_settled: CreateSettled::ByMarkerInListing,
    busy_writes: BusyWrites::RefusedUnlessForced,
    silence: Silence::Full,
    quotas: QUOTAS,
    parallel: 1,
};

/// What a record holds of a booking: everything, down to the second, with the client's real contacts.
pub static PROJECTION: Projection = Projection::WHOLE;

/// What a record holds where a sink stands in for the clients' contacts.
pub static PROJECTION_SINK: Projection = Projection {
    phone: TextHeld::Not,
    email: TextHeld::Not,
    ..Projection::WHOLE
};
