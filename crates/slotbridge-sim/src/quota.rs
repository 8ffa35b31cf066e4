//! Exact sliding-window quotas, measured when a request arrives.

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
}

impl Quota {
    /// Makes a quota; with `refused_counts` a refused request uses it up like an admitted one.
    pub fn new(limits: impl Into<Vec<Limit>>, refused_counts: bool) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            limits: limits.into(),
            refused_counts,
            seen: VecDeque::new(),
        })))
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

    /// Replaces the limits and keeps what was counted.
    pub fn set(&self, limits: impl Into<Vec<Limit>>, refused_counts: bool) {
        let mut inner = locked(&self.0);
        inner.limits = limits.into();
        inner.refused_counts = refused_counts;
    }

    /// Counts a request that arrives now, or says how long until one would be admitted.
    pub(crate) fn admit(&self) -> Result<(), Duration> {
        let now = Instant::now();
        let mut inner = locked(&self.0);
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
        wait.map_or(Ok(()), Err)
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
}
