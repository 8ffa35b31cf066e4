//! How much slower than its quotas a scope goes, because the platform said "too many calls" all the same.
//!
//! A key may be shared with other programs, and a platform may count otherwise than it tells. So each throttle pauses
//! the scope and halves its rate, and each [`STEP_UP_AFTER`] calls that went through double it again, until only the
//! quotas hold.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota as GovernorQuota, RateLimiter};

use crate::capabilities::Quota;
use crate::seam::Seam;

/// How many calls must go through before the rate is doubled.
const STEP_UP_AFTER: u32 = 10;
/// How often the rate is halved at most: to a 64th.
const HALVINGS_MAX: u32 = 6;
/// The first pause where the platform names none, unless the shortest quota is longer.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// The longest pause where the platform names none.
const PAUSE_MAX: Duration = Duration::from_mins(5);

type Limiter = RateLimiter<NotKeyed, InMemoryState, SeamClock, NoOpMiddleware<Duration>>;

/// Governor's view of the seam: it decides, and never waits.
#[derive(Clone)]
struct SeamClock(Arc<dyn Seam>);

impl Clock for SeamClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

pub(super) struct Pace {
    seam: Arc<dyn Seam>,
    /// The time between two calls at the full rate.
    full: Duration,
    first_pause: Duration,
    halvings: u32,
    went_through: u32,
    throttles_in_a_row: u32,
    halved_at: Option<Duration>,
    paused_until: Duration,
    limiter: Option<Limiter>,
}

impl Pace {
    pub(super) fn new(quotas: &[Quota], seam: Arc<dyn Seam>) -> Self {
        let shortest = quotas.iter().min_by_key(|quota| quota.per);
        // Without quotas, half of nothing has to start somewhere.
        let full = shortest.map_or(PAUSE_MIN, |quota| quota.per / quota.calls.max(1));
        Self {
            seam,
            full,
            first_pause: shortest.map_or(PAUSE_MIN, |quota| quota.per.clamp(PAUSE_MIN, PAUSE_MAX)),
            halvings: 0,
            went_through: 0,
            throttles_in_a_row: 0,
            halved_at: None,
            paused_until: Duration::ZERO,
            limiter: None,
        }
    }

    /// How long the scope still pauses.
    pub(super) fn pause_left(&self) -> Duration {
        self.paused_until.saturating_sub(self.seam.elapsed())
    }

    /// How often the rate is halved.
    pub(super) fn halvings(&self) -> u32 {
        self.halvings
    }

    /// Takes one call's place at the current rate, or says how long until there is one.
    pub(super) fn take(&self) -> Result<(), Duration> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        limiter
            .check()
            .map_err(|not_until| not_until.wait_time_from(self.seam.elapsed()))
    }

    /// The platform took a call that set out at `begun`.
    pub(super) fn went_through(&mut self) {
        self.throttles_in_a_row = 0;
        if self.halvings == 0 {
            return;
        }
        self.went_through += 1;
        if self.went_through >= STEP_UP_AFTER {
            self.set_halvings(self.halvings - 1);
        }
    }

    /// The platform refused a call that set out at `begun`, for being one too many. Gives the pause.
    pub(super) fn throttled(&mut self, begun: Duration, after: Option<Duration>) -> Duration {
        let now = self.seam.elapsed();
        // Calls that were on their way together tell one thing together.
        if self.halved_at.is_none_or(|at| begun >= at) {
            self.halved_at = Some(now);
            self.set_halvings((self.halvings + 1).min(HALVINGS_MAX));
            self.throttles_in_a_row = (self.throttles_in_a_row + 1).min(16);
        }
        let doublings = self.throttles_in_a_row.saturating_sub(1);
        let pause = after.unwrap_or_else(|| {
            self.first_pause
                .saturating_mul(1 << doublings)
                .min(PAUSE_MAX)
        });
        self.paused_until = self.paused_until.max(now.saturating_add(pause));
        pause
    }

    fn set_halvings(&mut self, halvings: u32) {
        self.halvings = halvings;
        self.went_through = 0;
        self.limiter = match halvings {
            0 => None,
            _ => GovernorQuota::with_period(self.full.saturating_mul(1 << halvings)).map(|quota| {
                RateLimiter::direct_with_clock(quota, SeamClock(Arc::clone(&self.seam)))
            }),
        };
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace")
            .field("halvings", &self.halvings)
            .field("pause_left", &self.pause_left())
            .finish_non_exhaustive()
    }
}
