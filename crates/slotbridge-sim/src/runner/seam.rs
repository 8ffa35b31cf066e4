//! slotbridge's clock, waits and random numbers in the simulation: virtual, seeded, and mortal.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use slotbridge_platform::seam::Seam;
use tokio::time::Instant;

use super::fate::Fate;
use crate::clock::SimClock;
use crate::dice::Dice;
use crate::locked;

/// The clock of the machine that slotbridge runs on; it may be wrong. It outlives the process.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    clock: SimClock,
    wrong_by: Arc<Mutex<SignedDuration>>,
    dice: Arc<Mutex<Dice>>,
}

impl Machine {
    pub(crate) fn new(clock: SimClock, seed: u64) -> Self {
        Self {
            clock,
            wrong_by: Arc::default(),
            dice: Arc::new(Mutex::new(Dice::new(seed))),
        }
    }

    /// The time by that clock.
    pub(crate) fn now(&self) -> Timestamp {
        let (now, wrong_by) = (self.clock.now(), *locked(&self.wrong_by));
        now.saturating_add(wrong_by).unwrap_or(now)
    }

    /// Somebody sets the clock to be wrong by so much.
    pub(crate) fn set_wrong_by(&self, by: SignedDuration) {
        *locked(&self.wrong_by) = by;
    }
}

/// The seam of one process.
pub(crate) struct MortalSeam {
    machine: Machine,
    begun: Instant,
    fate: Arc<Fate>,
}

impl MortalSeam {
    pub(crate) fn new(machine: Machine, fate: Arc<Fate>) -> Self {
        Self {
            machine,
            begun: Instant::now(),
            fate,
        }
    }
}

impl fmt::Debug for MortalSeam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MortalSeam").finish_non_exhaustive()
    }
}

#[async_trait]
impl Seam for MortalSeam {
    fn now(&self) -> Timestamp {
        self.fate.at_seam();
        self.machine.now()
    }

    fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        self.fate.at_seam();
        tokio::time::sleep(duration).await;
    }

    fn random(&self) -> u64 {
        self.fate.at_seam();
        locked(&self.machine.dice).roll()
    }
}
