//! The seam of a real process: the system's clock, tokio's timer, the operating system's randomness.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

use crate::seam::Seam;

/// Clock, waiting and random numbers of a real process.
pub struct SystemSeam {
    begun: Instant,
    /// A generator fit for secrets, seeded once: asking the system each time could fail each time.
    random: Mutex<StdRng>,
}

impl SystemSeam {
    /// Starts the steady clock and seeds the generator.
    ///
    /// # Panics
    /// When the operating system has no randomness to give, without which no id and no token would be safe.
    pub fn new() -> Self {
        Self {
            begun: Instant::now(),
            random: Mutex::new(StdRng::from_os_rng()),
        }
    }
}

impl Default for SystemSeam {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SystemSeam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SystemSeam").finish_non_exhaustive()
    }
}

#[async_trait]
impl Seam for SystemSeam {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn random(&self) -> u64 {
        self.random
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next_u64()
    }
}
