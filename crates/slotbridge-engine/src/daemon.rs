//! The engine that is always on: one explicit loop over a closed set of wake-ups.

mod handle;

pub use handle::{BridgeHealth, Handle, Health, PlatformHealth, Request};
