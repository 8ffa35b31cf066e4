//! The seeded simulation: the real engine, store and adapters live through a life on the simulated platforms, in virtual
//! time, and the auditor judges them.
//!
//! One seed decides everything, and gives the same life every time.

mod always_on;
pub mod bench;
mod canary;
mod fate;
mod life;
mod log;
mod process;
mod seam;
mod shrink;
#[cfg(test)]
mod tests;
mod told;
mod trace;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use anyhow::Context as _;

pub use canary::Canary;
pub use shrink::shortest;

use crate::simulation::{Choices, Violation};
use life::Life;

/// How lives are lived.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What is not left to the seed.
    pub choices: Choices,
    /// Whether the engine is always on, or one pass follows another.
    pub always_on: Option<bool>,
    /// Only so many steps of the life are lived before the quiet end.
    pub prefix: Option<usize>,
    /// The bridge is broken in this way.
    pub canary: Option<Canary>,
    /// Whether every exchange is kept to be shown.
    pub trace: bool,
    /// Where the database is kept as it was after each pass and each stretch, in folders named by seed and time.
    pub keep: Option<PathBuf>,
}

/// What happened in a life, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Steps lived.
    pub steps: usize,
    /// What people did.
    pub acts: usize,
    /// Passes of slotbridge, those that died among them.
    pub passes: usize,
    /// Dry runs.
    pub dry_runs: usize,
    /// Deaths of the process.
    pub crashes: usize,
    /// Calls that reached the platforms.
    pub calls: usize,
    /// Calls that changed something there.
    pub writes: usize,
    /// Operations in reports.
    pub operations: usize,
    /// Webhooks that were delivered.
    pub webhooks: usize,
    /// Lives with an engine that was always on.
    pub always_on: usize,
    /// Faults by name.
    pub faults: BTreeMap<&'static str, u64>,
}

impl Counts {
    /// Adds another life's counts.
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.acts += other.acts;
        self.passes += other.passes;
        self.dry_runs += other.dry_runs;
        self.crashes += other.crashes;
        self.calls += other.calls;
        self.writes += other.writes;
        self.operations += other.operations;
        self.webhooks += other.webhooks;
        self.always_on += other.always_on;
        for (name, fired) in &other.faults {
            *self.faults.entry(name).or_default() += fired;
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: u64 = self.faults.values().sum();
        write!(
            f,
            "{} steps, {} acts of people, {} passes and stretches ({} lives always on, {} webhooks), {} dry runs, \
             {} crashes, {} calls, {} writes, {} operations, {faults} faults",
            self.steps,
            self.acts,
            self.passes,
            self.always_on,
            self.webhooks,
            self.dry_runs,
            self.crashes,
            self.calls,
            self.writes,
            self.operations,
        )
    }
}

/// What became of a life.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// Its world, in a line.
    pub scenario: String,
    /// The broken promises.
    pub violations: Vec<Violation>,
    /// The same for two lives that were the same.
    pub hash: u64,
    /// What happened.
    pub counts: Counts,
    /// What people did.
    pub diary: Vec<String>,
    /// Every exchange, if they were kept.
    pub lines: Vec<String>,
}

/// Lives one seed's life.
///
/// # Errors
/// Only when the life could not be set up; a broken promise is part of the outcome.
pub fn live(seed: u64, settings: &Settings) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .context("no runtime")?;
    runtime.block_on(async { Life::new(seed, settings)?.live().await })
}
