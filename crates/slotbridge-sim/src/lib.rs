//! Simulated booking platforms, a seeded life on them, and an auditor; only the `runner` knows other crates of the
//! workspace.
//!
#![doc = include_str!("../README.md")]

pub mod alfacrm;
pub mod calls;
pub mod clock;
pub mod dice;
pub mod faults;
mod gate;
pub mod marker;
pub mod person;
pub mod quota;
pub mod rubitime;
#[cfg(feature = "runner")]
pub mod runner;
pub mod serve;
pub mod simplybook;
pub mod simulation;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod webhooks;
pub mod world;
pub mod yclients;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use alfacrm::AlfacrmSim;
pub use calls::Call;
pub use clock::SimClock;
pub use faults::{Fault, Faults, Rule, Which};
pub use gate::{Asker, ConnectionLost};
pub use person::{Booking, Edit, Hand, Inspect, NoSuchRecord, Seen};
pub use quota::{Limit, Quota};
pub use rubitime::RubitimeSim;
pub use serve::{Served, serve, serve_on};
pub use simplybook::SimplybookSim;
pub use world::{World, demo_week};
pub use yclients::YclientsSim;

/// Locks, and goes on after a panic elsewhere: a failed test's state is still worth reading.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
