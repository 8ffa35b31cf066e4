//! Drives the core with platforms and store: observe → match → merge → plan → guard → execute.
//!
//! [`Engine::reconcile`] is one pass over every bridge. It knows no config file, no terminal and no particular
//! platform.
//!
//! # Flow
//! `observe` brings the mirror up to what the platforms show; `settle` decides what an earlier run left open; `decide`
//! (pure) matches, merges and plans; the core's guards hold what needs a person; `execute` writes, intent first.
//!
//! # Guarantees
//! A dry run calls nothing that writes on a platform; it is given a copy of the database, so that it writes none
//! either. Several runs of one bridge never overlap, since one process holds the database.

mod blocks;
pub mod bridge;
pub mod daemon;
mod decide;
pub mod event;
mod execute;
mod found;
mod guarding;
mod inverse;
mod observe;
pub mod outlook;
mod person;
mod presume;
pub mod purge;
mod purging;
mod refusal;
pub mod report;
mod run;
mod scope;
mod settle;
mod sights;
pub mod standing;
mod steps;
#[cfg(test)]
mod tests;
pub mod undo;
mod view;
mod watch;
mod whole;
mod work;

pub use run::{Engine, Replay};

/// Trouble that stops the engine: only that of our own database.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] slotbridge_store::StoreError),
    /// A task of ours was broken off by somebody else.
    #[error("a task of the engine was broken off")]
    Broken,
}
