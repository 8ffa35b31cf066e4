#![doc = include_str!("../README.md")]

mod admin;
mod catalogue;
mod check;
mod clients;
mod company;
pub mod config;
mod convert;
mod error;
mod fetched;
#[cfg(any(test, feature = "hostile"))]
#[doc(hidden)]
pub mod hostile;
mod listing;
mod occupancy;
mod platform;
mod public;
mod request;
mod session;
#[cfg(test)]
mod tests;
mod webhook;
mod wire;

use std::time::Duration;

use jiff::SignedDuration;
use slotbridge_core::model::Status;
use slotbridge_core::projection::{Projection, ServicesHeld, TextHeld};
use slotbridge_platform::Capabilities;
use slotbridge_platform::capabilities::{
    BusyWrites, ChangeFeed, CreateSettled, Discovery, OccupancyView, Quota, Removal, Silence,
    Updates, Webhooks,
};

pub use config::{Mode, SimplybookConfig};
pub use platform::SimplybookPlatform;

/// The kind's name in the config.
pub const KIND: &str = "simplybook";

/// Where the API is, unless the config says otherwise; companies of other regions have other domains.
pub const BASE_URL: &str = "https://user-api.simplybook.me";

/// The limits of the common servers (simplybook contract, 3).
pub static QUOTAS: [Quota; 2] = [
    Quota {
        calls: 5,
        per: Duration::from_secs(1),
    },
    Quota {
        calls: 5000,
        per: Duration::from_hours(24),
    },
];

/// What the administration service can do.
pub static CAPABILITIES_ADMIN: Capabilities = Capabilities {
    discovery: Discovery::List,
    change_feed: ChangeFeed::None,
    occupancy: OccupancyView::None,
    webhooks: Webhooks::Hint,
    removal: Removal::Marked,
    updates: Updates::InPlace,
    create_settled: CreateSettled::ByMarkerInListing,
    busy_writes: BusyWrites::RefusedUnlessForced,
    silence: Silence::Impossible,
    quotas: &QUOTAS,
    parallel: 2,
};

/// What the public service can do.
pub static CAPABILITIES_PUBLIC: Capabilities = Capabilities {
    discovery: Discovery::ReadKnown,
    change_feed: ChangeFeed::None,
    occupancy: OccupancyView::Grid,
    webhooks: Webhooks::Hint,
    removal: Removal::Marked,
    updates: Updates::CancelAndRebook,
    create_settled: CreateSettled::ByOccupancy,
    busy_writes: BusyWrites::RefusedUnlessForced,
    silence: Silence::Impossible,
    quotas: &QUOTAS,
    parallel: 2,
};

/// What a booking holds in admin mode: one service, times in minutes, and no word for how far it has come.
pub const PROJECTION_ADMIN: Projection = Projection {
    services: ServicesHeld::One,
    slot_step: SignedDuration::from_secs(60),
    name: TextHeld::Whole,
    phone: TextHeld::Whole,
    email: TextHeld::Whole,
    comment: TextHeld::Whole,
    statuses: [
        Status::Booked,
        Status::Booked,
        Status::Booked,
        Status::Booked,
        Status::Cancelled,
    ],
};

/// What a booking holds in public mode: the same without a comment.
pub const PROJECTION_PUBLIC: Projection = Projection {
    comment: TextHeld::Not,
    ..PROJECTION_ADMIN
};
