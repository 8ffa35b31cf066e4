//! A seeded life of a business on several simulated platforms, and the auditor that judges what a bridge makes of it.
//!
//! Nothing in here knows any other crate of the workspace: what is believed of a right outcome must not come from the
//! code that is judged. The `runner` drives the real slotbridge through such a life.

pub mod auditor;
pub mod cast;
pub mod people;
pub mod scenario;
pub mod stage;
pub mod storms;

pub use auditor::{Auditor, Invariant, Violation};
pub use scenario::{Choices, FaultMix, Scenario};
pub use stage::Stage;
