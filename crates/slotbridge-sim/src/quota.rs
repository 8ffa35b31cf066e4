//! Exact sliding-window quotas and leaky buckets, measured when a request arrives.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::locked;

/// At most `calls` requests within any stretch of `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How many requests are admitted.
    pub calls: usize,
    /// In how long a stretch.
    pub per: Duration,
}

impl Limit {
    /// Makes a limit of `calls` in any stretch of `per`.
    pub const fn new(calls: usize, per: Duration) -> Self {
        Self { calls, per }
    }
}

/// A quota of several limits that all hold at once; clones share the count.
///
/// Give one quota to two simulated accounts to have them share a source address.
#[derive(Debug, Clone)]
pub struct Quota(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    limits: Vec<Limit>,
    refused_counts: bool,
    seen: VecDeque<Instant>,
    bucket: Option<Bucket>,
}

/// A queue that is served at a steady rate.
#[derive(Debug)]
struct Bucket {
    gap: Duration,
    queue: u32,
    /// When the next request to arrive would be served.
    next: Option<Instant>,
}

impl Bucket {
    /// Takes a place in the queue and says how long it lasts, or says how long until there would be one.
    fn admit(&mut self, now: Instant) -> Result<Duration, Duration> {
        let next = self.next.map_or(now, |next| next.max(now));
        let wait = next.duration_since(now);
        let longest = self.gap.saturating_mul(self.queue);
        if let Some(over) = wait.checked_sub(longest).filter(|over| !over.is_zero()) {
            return Err(over);
        }
        self.next = Some(next + self.gap);
        Ok(wait)
    }
}

impl Quota {
    /// Makes a quota; with `refused_counts` a refused request uses it up like an admitted one.
    pub fn new(limits: impl Into<Vec<Limit>>, refused_counts: bool) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            limits: limits.into(),
            refused_counts,
            seen: VecDeque::new(),
            bucket: None,
        })))
    }

    /// Makes a leaky bucket: requests are served `gap` apart, up to `queue` of them wait for it, more are refused.
    pub fn leaky(gap: Duration, queue: u32) -> Self {
        let quota = Self::unlimited();
        locked(&quota.0).bucket = Some(Bucket {
            gap,
            queue,
            next: None,
        });
        quota
    }

    /// Makes the AlfaCRM quota: five requests in a second, fifteen more in a queue.
    pub fn alfacrm() -> Self {
        Self::leaky(Duration::from_millis(200), 15)
    }

    /// Makes the YCLIENTS quota: 5 in a second and 200 in a minute; refused requests don't count.
    pub fn yclients() -> Self {
        Self::new(
            [
                Limit::new(5, Duration::from_secs(1)),
                Limit::new(200, Duration::from_mins(1)),
            ],
            false,
        )
    }

    /// Makes the Rubitime quota: `gap` between two requests; a refused request restarts the wait.
    pub fn rubitime(gap: Duration) -> Self {
        Self::new([Limit::new(1, gap)], true)
    }

    /// Makes a quota that admits everything.
    pub fn unlimited() -> Self {
        Self::new([], false)
    }

    /// Replaces the limits, a leaky bucket among them, and keeps what was counted.
    pub fn set(&self, limits: impl Into<Vec<Limit>>, refused_counts: bool) {
        let mut inner = locked(&self.0);
        inner.limits = limits.into();
        inner.bucket = None;
        inner.refused_counts = refused_counts;
    }

    /// Counts a request that arrives now and says how long it is kept waiting, or how long until one would be admitted.
    pub(crate) fn admit(&self) -> Result<Duration, Duration> {
        let now = Instant::now();
        let mut inner = locked(&self.0);
        if let Some(bucket) = &mut inner.bucket {
            return bucket.admit(now);
        }
        let longest = inner.limits.iter().map(|limit| limit.per).max();
        let longest = longest.unwrap_or_default();
        while inner
            .seen
            .front()
            .is_some_and(|at| now.duration_since(*at) >= longest)
        {
            inner.seen.pop_front();
        }
        let wait = inner
            .limits
            .iter()
            .filter_map(|limit| {
                let oldest = inner.seen.len().checked_sub(limit.calls)?;
                let since = inner.seen.get(oldest).map(|at| now.duration_since(*at));
                match since {
                    Some(since) => limit.per.checked_sub(since).filter(|left| !left.is_zero()),
                    // A limit of no calls at all.
                    None => Some(limit.per),
                }
            })
            .max();
        if wait.is_none() || inner.refused_counts {
            inner.seen.push_back(now);
        }
        wait.map_or(Ok(Duration::ZERO), Err)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    fn burst(quota: &Quota, calls: usize) -> usize {
        (0..calls).filter(|_| quota.admit().is_ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn the_window_slides_with_the_oldest_call_and_not_with_the_second() {
        let quota = Quota::yclients();
        assert_eq!(burst(&quota, 3), 3);
        advance(Duration::from_millis(600)).await;
        assert_eq!(burst(&quota, 3), 2);
        advance(Duration::from_millis(399)).await;
        assert_eq!(quota.admit(), Err(Duration::from_millis(1)));
        advance(Duration::from_millis(1)).await;
        assert_eq!(burst(&quota, 4), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn the_minute_holds_apart_from_the_second() {
        let quota = Quota::yclients();
        for _ in 0..40 {
            assert_eq!(burst(&quota, 5), 5);
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(quota.admit(), Err(Duration::from_secs(20)));
        advance(Duration::from_secs(20)).await;
        assert_eq!(burst(&quota, 5), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_call_restarts_the_wait_only_where_it_counts() {
        let gap = Duration::from_secs(5);
        for (refused_counts, second_try) in [(true, false), (false, true)] {
            let quota = Quota::new([Limit::new(1, gap)], refused_counts);
            assert!(quota.admit().is_ok());
            advance(Duration::from_secs(4)).await;
            assert!(quota.admit().is_err());
            advance(Duration::from_secs(1)).await;
            assert_eq!(quota.admit().is_ok(), second_try);
            advance(gap).await;
            assert!(quota.admit().is_ok());
        }
    }
    #[tokio::test(start_paused = true)]
    async fn a_leaky_bucket_queues_fifteen_and_drains_five_in_a_second() {
        let quota = Quota::alfacrm();
        assert_eq!(quota.admit(), Ok(Duration::ZERO));
        for place in 1..=15 {
            assert_eq!(quota.admit(), Ok(Duration::from_millis(200 * place)));
        }
        assert_eq!(quota.admit(), Err(Duration::from_millis(200)));
        advance(Duration::from_secs(1)).await;
        assert_eq!(burst(&quota, 7), 5);
        advance(Duration::from_mins(1)).await;
        assert_eq!(quota.admit(), Ok(Duration::ZERO));
    }
}
