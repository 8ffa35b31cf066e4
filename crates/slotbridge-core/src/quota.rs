//! Quota planning: how often a platform may be polled, so that writes always find room.
//!
//! The gate that no call passes without room is the platform crate's; this only spreads what is left.

#[cfg(test)]
mod tests;

use std::time::Duration;

/// One limit: at most `calls` in any stretch of `per`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quota {
    /// The most calls.
    pub calls: u32,
    /// In any stretch this long.
    pub per: Duration,
}

/// How often to poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intervals {
    /// Between two polls of today and the next days.
    pub near: Duration,
    /// Between two polls of everything; never less than `near`.
    pub far: Duration,
}

/// What polling needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polling {
    /// Calls of one near poll.
    pub near_calls: u32,
    /// Calls of one far poll.
    pub far_calls: u32,
    /// How much of the quota is kept for writes and what they need, in percent; at most 99 count.
    pub reserve_percent: u32,
}

/// No faster, however generous the quota is: an answer takes about as long, and nobody books twice in that time. It is
/// below what the quota of any kind allows, so that only a `quota` of the user's own meets it.
const SHORTEST: Duration = Duration::from_millis(250);

/// How much of what the reserve leaves goes into near polls, in percent, where there are both kinds.
const NEAR_PERCENT: u32 = 95;

/// In how many steps it is told how much of a quota lasts: finer ones would plan anew for every call.
const STEPS: u128 = 20;

/// The shortest intervals at which polling stays within every quota, however long it goes on, and leaves the reserve.
///
/// A quota without calls allows no polling: the intervals are endless then.
pub fn plan_intervals(quotas: &[Quota], polling: &Polling) -> Intervals {
    let left = 100 - polling.reserve_percent.min(99);
    let near_percent = match (polling.near_calls, polling.far_calls) {
        (_, 0) => 100,
        (0, _) => 0,
        (_, _) => NEAR_PERCENT,
    };
    let shortest = |calls, percent| {
        let intervals = quotas
            .iter()
            .map(|quota| interval(quota, calls, left, percent));
        intervals.max().unwrap_or(SHORTEST).max(SHORTEST)
    };
    let near = shortest(polling.near_calls, near_percent);
    let far = shortest(polling.far_calls, 100 - near_percent);
    Intervals {
        near,
        far: far.max(near),
    }
}

/// The intervals of accounts that share quotas, in their order. Each gets as many calls as any other, however few it needs
/// for a poll. Of quotas that turn out to be narrower than told, `halvings` says how often: the rate is halved as often.
pub fn plan_scope(quotas: &[Quota], accounts: &[Polling], halvings: u32) -> Vec<Intervals> {
    let sharers = u32::try_from(accounts.len()).unwrap_or(u32::MAX).max(1);
    let slower = sharers.saturating_mul(1 << halvings.min(16));
    accounts
        .iter()
        .map(|polling| {
            let shared = Polling {
                near_calls: polling.near_calls.saturating_mul(slower),
                far_calls: polling.far_calls.saturating_mul(slower),
                ..*polling
            };
            plan_intervals(quotas, &shared)
        })
        .collect()
}

/// A quota as it lasts from now on: with as many calls as can be made evenly, for as long as one likes, without ever
/// meeting the limit. `back` tells after how long each call that counts now counts no more, ascending.
///
/// A limit that is used evenly lasts whole. Where much of it went at once, what is left must do until that counts no more.
///
/// It is rounded to one of [`STEPS`], where the reserve makes up for what is too much; and a little is left to try with even
/// when there is nothing.
pub fn lasting(quota: &Quota, back: &[Duration]) -> Quota {
    let calls = u128::from(quota.calls);
    let used = u128::try_from(back.len()).unwrap_or(u128::MAX);
    // There must be enough until one more call comes back, and one can be made then.
    let until = back
        .iter()
        .enumerate()
        .filter(|(_, after)| !after.is_zero());
    let evenly = until.map(|(before, after)| {
        let available = (calls + before as u128 + 1).saturating_sub(used);
        available * quota.per.as_nanos() / after.as_nanos()
    });
    let evenly = evenly.min().unwrap_or(calls).min(calls);
    let steps = ((evenly * STEPS + calls / 2) / calls.max(1)).max(1);
    let lasting = (calls * steps).div_ceil(STEPS);
    Quota {
        calls: u32::try_from(lasting).unwrap_or(quota.calls),
        ..*quota
    }
}

/// How long polls of so many calls must be apart to use at most so many percent of so many percent of a quota, in whole
/// milliseconds.
fn interval(quota: &Quota, calls: u32, left: u32, percent: u32) -> Duration {
    if calls == 0 {
        return SHORTEST;
    }
    let allowed = u128::from(quota.calls) * u128::from(left) * u128::from(percent);
    if allowed == 0 {
        return Duration::MAX;
    }
    let nanos = quota
        .per
        .as_nanos()
        .saturating_mul(u128::from(calls) * 100 * 100)
        .div_ceil(allowed);
    u64::try_from(nanos.div_ceil(1_000_000)).map_or(Duration::MAX, Duration::from_millis)
}
