#![doc = include_str!("../README.md")]

mod cards;
mod catalogue;
mod census;
mod check;
pub mod config;
mod convert;
mod customers;
mod error;
mod form;
#[cfg(any(test, feature = "hostile"))]
#[doc(hidden)]
pub mod hostile;
mod listing;
mod platform;
mod request;
mod rules;
mod session;
#[cfg(test)]
mod tests;
mod watched;
mod webhook;
mod wire;

use std::time::Duration;

use jiff::SignedDuration;
use slotbridge_core::marker::Marker;
use slotbridge_core::model::Status;
use slotbridge_core::projection::{Projection, ServicesHeld, TextHeld};
use slotbridge_platform::Capabilities;
use slotbridge_platform::capabilities::{
    BusyWrites, ChangeFeed, CreateSettled, Discovery, OccupancyView, Quota, Removal, Silence,
    Updates, Webhooks,
};

pub use config::AlfacrmConfig;
pub use convert::{check_service_id, service_key};
pub use platform::AlfacrmPlatform;

/// The word by which the config names this kind.
pub const KIND: &str = "alfacrm";

/// The most characters of a note that are relied on (alfacrm contract, 13.14).
const NOTE_CHARS_MAX: usize = 255;

/// The most characters of a customer's name (alfacrm contract, 8.1).
const NAME_CHARS_MAX: usize = 50;

/// One call less each second than the documented five per calling address, so that the platform's bucket, which drains
/// one call in 200 ms and queues fifteen, never fills (alfacrm contract, 4).
pub static QUOTAS: [Quota; 1] = [Quota {
    calls: 4,
    per: Duration::from_secs(1),
}];

/// What every AlfaCRM account can do.
///
/// The platform itself does not look whether a teacher is busy; this adapter does, before it writes. It tells clients
/// nothing by itself either: what goes out is what the account's own triggers send. The vendor asks for calls one
/// after another (alfacrm contract, 2 and 4).
pub static CAPABILITIES: Capabilities = Capabilities {
    discovery: Discovery::List,
    change_feed: ChangeFeed::None,
    occupancy: OccupancyView::None,
    webhooks: Webhooks::Hint,
    removal: Removal::MarkedOrVanishes,
    updates: Updates::InPlace,
    create_settled: CreateSettled::ByMarkerInListing,
    busy_writes: BusyWrites::RefusedUnlessForced,
    silence: Silence::Full,
    quotas: &QUOTAS,
    parallel: 1,
};

/// What a lesson holds of a booking, with the client's real contacts: one subject, whole minutes, and of the statuses
/// only "planned". That a lesson was held is read, but never written: it charges the client (alfacrm contract, 6.6).
pub static PROJECTION: Projection = Projection {
    services: ServicesHeld::One,
    slot_step: SignedDuration::from_secs(60),
    name: TextHeld::Cut {
        chars_max: NAME_CHARS_MAX,
    },
    phone: TextHeld::Whole,
    email: TextHeld::Whole,
    comment: TextHeld::Cut {
        chars_max: NOTE_CHARS_MAX - Marker::APPENDED_CHARS_MAX,
    },
    statuses: [
        Status::Booked,
        Status::Booked,
        Status::Booked,
        Status::Booked,
        Status::Cancelled,
    ],
};

/// What a lesson holds where a sink stands in for the clients' contacts.
pub static PROJECTION_SINK: Projection = Projection {
    phone: TextHeld::Not,
    email: TextHeld::Not,
    ..PROJECTION
};
