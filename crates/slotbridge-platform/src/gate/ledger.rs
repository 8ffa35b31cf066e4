//! The calls of one scope as exact sliding windows.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::capabilities::Quota;

/// Why a call cannot go now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// It can after this long.
    For(Duration),
    /// Only calls on their way fill the quota: it depends on when they end.
    UntilOneEnds,
}

/// Which calls count.
///
/// A platform counts a call when it arrives there, which is some time between sending it and having its reply. So a
/// call counts from the moment it is sent until a whole window after its END: then no way of the network to delay the
/// two calls can bring them closer together than the window.
#[derive(Debug)]
pub(super) struct Ledger {
    /// INVARIANT: ascending by window.
    quotas: Vec<Quota>,
    /// INVARIANT: ascending.
    ends: VecDeque<Timestamp>,
    in_flight: usize,
}

impl Ledger {
    pub(super) fn new(quotas: &[Quota]) -> Self {
        let mut quotas = quotas.to_vec();
        quotas.sort_by_key(|quota| (quota.per, quota.calls));
        Self {
            quotas,
            ends: VecDeque::new(),
            in_flight: 0,
        }
    }

    /// The longest window; zero without quotas.
    pub(super) fn longest(&self) -> Duration {
        self.quotas.last().map_or(Duration::ZERO, |quota| quota.per)
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether a call may go now.
    pub(super) fn room(&mut self, now: Timestamp) -> Result<(), Full> {
        self.forget_before(earlier(now, self.longest()));
        let mut wait = Duration::ZERO;
        for quota in &self.quotas {
            let calls = usize::try_from(quota.calls).unwrap_or(usize::MAX);
            if self.in_flight >= calls {
                return Err(Full::UntilOneEnds);
            }
            // The call that must have left the window before one more fits in.
            let Some(last_in_the_way) = (self.ends.len() + self.in_flight).checked_sub(calls)
            else {
                continue;
            };
            let Some(end) = self.ends.get(last_in_the_way) else {
                continue;
            };
            let age = Duration::try_from(now.duration_since(*end)).unwrap_or_default();
            wait = wait.max(quota.per.saturating_sub(age));
        }
        if wait.is_zero() {
            Ok(())
        } else {
            Err(Full::For(wait))
        }
    }

    /// After how long each call of a window this long counts no more, ascending: those on their way as if they ended now.
    pub(super) fn back(&self, per: Duration, now: Timestamp) -> Vec<Duration> {
        let left_at = earlier(now, per);
        let counts = self.ends.iter().filter(|end| **end > left_at);
        let back = counts.map(|end| Duration::try_from(end.duration_since(left_at)));
        let mut back: Vec<Duration> = back.map(Result::unwrap_or_default).collect();
        back.resize(back.len() + self.in_flight, per);
        back
    }

    /// A call sets out.
    pub(super) fn begin(&mut self) {
        self.in_flight += 1;
    }

    /// A call that set out did not go after all.
    pub(super) fn take_back(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// A call has ended, one way or another.
    pub(super) fn end(&mut self, at: Timestamp) {
        self.take_back();
        self.push(at);
    }

    /// Takes over calls of an earlier process, whose ends nobody noted.
    ///
    /// With at most `parallel` calls on their way at once, call number m + `parallel` set out only after m calls had
    /// ended; and no call lasts longer than `lasts_max`. The process is gone, so all of them have ended by now.
    pub(super) fn take_over(
        &mut self,
        mut begun: Vec<Timestamp>,
        parallel: usize,
        lasts_max: Duration,
        now: Timestamp,
    ) {
        begun.sort_unstable();
        for (place, begin) in begun.iter().enumerate() {
            let successor = begun.get(place + parallel).copied().unwrap_or(now);
            self.push(successor.min(later(*begin, lasts_max)).min(now));
        }
    }

    /// Supposes the worst that is likely when nothing is known: short quotas just used up, longer ones half used.
    pub(super) fn suppose_used(&mut self, short: Duration, now: Timestamp) {
        let mut supposed: Vec<Timestamp> = Vec::new();
        let mut at = now;
        for quota in &self.quotas {
            let calls = usize::try_from(quota.calls).unwrap_or(usize::MAX);
            let used = if quota.per <= short {
                calls
            } else {
                calls.div_ceil(2)
            };
            supposed.resize(supposed.len().max(used), at);
            // What a longer quota needs beyond that lies outside this window, or it would fill it.
            if quota.per > short {
                at = earlier(now, quota.per);
            }
        }
        supposed.sort_unstable();
        for end in supposed {
            self.push(end);
        }
    }

    fn push(&mut self, end: Timestamp) {
        // The clock never goes back, but a caller may have read it before another one.
        let end = self.ends.back().map_or(end, |last| end.max(*last));
        self.ends.push_back(end);
    }

    fn forget_before(&mut self, instant: Timestamp) {
        while self.ends.front().is_some_and(|end| *end <= instant) {
            self.ends.pop_front();
        }
    }
}

pub(super) fn earlier(instant: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    instant.saturating_sub(by).unwrap_or(Timestamp::MIN)
}

pub(super) fn later(instant: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}
