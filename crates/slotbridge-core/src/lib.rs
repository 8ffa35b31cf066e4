//! The pure domain of slotbridge.
//!
//! Values in, values out: this crate does no IO, reads no clock, draws no random number and knows no async.
//! Time, ids and randomness are arguments.
//! A run passes through the modules in this order:
//! [`record`] (what a platform showed) → [`mapping`] (in the bridge's words) → [`matching`] (which records are one
//! booking) → [`merge`] (what the booking should be) → [`plan`] (what to write) → [`guard`] (what must wait for a
//! person) → [`order`] (in which order).
//!
//! [`rest`] tells which bookings need none of that.
//!
//! Beside it stand [`occupancy`] (busy times that no record shows), [`overlap`] (double bookings), [`quota`] (how often
//! to look), and what the edges need: [`normalise`], [`zone`], [`marker`] and [`projection`].
#![deny(clippy::wildcard_enum_match_arm)]

pub mod guard;
pub mod mapping;
pub mod marker;
pub mod matching;
pub mod merge;
pub mod model;
pub mod normalise;
pub mod occupancy;
pub mod order;
pub mod overlap;
pub mod plan;
pub mod projection;
pub mod propose;
pub mod quota;
pub mod record;
pub mod rest;
#[cfg(test)]
mod testing;
pub mod zone;
