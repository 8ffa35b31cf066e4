//! The simulated world's clock: a wall clock that runs with tokio's time and can be stepped by a test.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::locked;

/// A wall clock over tokio's monotonic time, so that it stands still when tokio's time is paused.
///
/// Make it inside the runtime whose time it should follow. Clones share one clock.
#[derive(Debug, Clone)]
pub struct SimClock {
    base: Timestamp,
    started: Instant,
    stepped: Arc<Mutex<SignedDuration>>,
}

impl SimClock {
    /// Starts a clock that shows `base` now.
    pub fn new(base: Timestamp) -> Self {
        Self {
            base,
            started: Instant::now(),
            stepped: Arc::new(Mutex::new(SignedDuration::ZERO)),
        }
    }

    /// Starts a clock that shows the machine's time.
    pub fn system() -> Self {
        Self::new(Timestamp::now())
    }

    /// Tells the time.
    pub fn now(&self) -> Timestamp {
        let elapsed =
            SignedDuration::try_from(self.started.elapsed()).unwrap_or(SignedDuration::MAX);
        let shift = elapsed.saturating_add(*locked(&self.stepped));
        self.base.saturating_add(shift).unwrap_or(Timestamp::MAX)
    }

    /// Jumps the wall clock by `by`, forwards or backwards; monotonic time and quotas don't notice.
    pub fn step(&self, by: SignedDuration) {
        let mut stepped = locked(&self.stepped);
        *stepped = stepped.saturating_add(by);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_clock_follows_paused_time_and_steps_both_ways() {
        let base: Timestamp = "2031-05-06T07:30:00Z".parse().unwrap();
        let clock = SimClock::new(base);
        assert_eq!(clock.now(), base);
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(clock.now(), base + SignedDuration::from_secs(90));
        clock.clone().step(SignedDuration::from_hours(-2));
        assert_eq!(clock.now(), base + SignedDuration::from_secs(90 - 7200));
    }
}
