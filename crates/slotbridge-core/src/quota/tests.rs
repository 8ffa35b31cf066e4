//! Poll intervals that fit into quotas.

use proptest::prelude::*;

use super::*;

fn quota(calls: u32, secs: u64) -> Quota {
    Quota {
        calls,
        per: Duration::from_secs(secs),
    }
}

fn polling(near_calls: u32, far_calls: u32, reserve_percent: u32) -> Polling {
    Polling {
        near_calls,
        far_calls,
        reserve_percent,
    }
}

#[test]
fn intervals_are_what_the_tightest_quota_leaves() {
    for (quotas, needs, near_ms, far_ms) in [
        // 0.2 calls a second; half of it for writes; of the rest nineteen of twenty near.
        (vec![quota(1, 5)], polling(1, 10, 50), 10_527, 2_000_000),
        // The quota per minute is tighter than the one per second.
        (
            vec![quota(5, 1), quota(200, 60)],
            polling(1, 4, 50),
            632,
            48_000,
        ),
        // The quota per day is tighter than the one per second.
        (
            vec![quota(5_000, 86_400), quota(5, 1)],
            polling(2, 8, 20),
            45_474,
            3_456_000,
        ),
        // One kind of poll alone gets everything.
        (vec![quota(1, 5)], polling(1, 0, 0), 5_000, 5_000),
        (vec![quota(1, 5)], polling(0, 3, 0), 250, 15_000),
        // A far poll that is cheaper than a near one is still no more frequent.
        (vec![quota(1, 5)], polling(12, 1, 0), 63_158, 100_000),
        (vec![], polling(3, 30, 50), 250, 250),
        (
            vec![quota(1, 10)],
            polling(1, 1, 400),
            1_052_632,
            20_000_000,
        ),
    ] {
        let expected = Intervals {
            near: Duration::from_millis(near_ms),
            far: Duration::from_millis(far_ms),
        };
        assert_eq!(
            plan_intervals(&quotas, &needs),
            expected,
            "{quotas:?} {needs:?}"
        );
    }
}

// R36
#[test]
fn accounts_behind_one_quota_get_as_many_calls_each_and_slow_down_together() {
    let needs = [polling(1, 0, 0), polling(4, 0, 0)];
    let near = |accounts: &[Polling], halvings| -> Vec<u64> {
        plan_scope(&[quota(1, 5)], accounts, halvings)
            .iter()
            .map(|intervals| intervals.near.as_secs())
            .collect()
    };
    // Alone an account has a call every 5 s; two have one every 10 s each, and a poll of four calls takes four of them.
    assert_eq!(near(&needs[..1], 0), [5]);
    assert_eq!(near(&needs, 0), [10, 40]);
    assert_eq!(near(&needs, 2), [40, 160]);
    assert_eq!(near(&[], 0), [0_u64; 0]);
}

#[test]
fn a_quota_without_calls_allows_no_polling() {
    let endless = plan_intervals(&[quota(0, 5), quota(5, 1)], &polling(1, 1, 0));
    assert_eq!(
        endless,
        Intervals {
            near: Duration::MAX,
            far: Duration::MAX
        }
    );
}

/// How many calls two kinds of polls make within a stretch that is not shorter than either interval.
fn calls_within(stretch: Duration, intervals: Intervals, needs: &Polling) -> u128 {
    let polls = |interval: Duration| stretch.as_nanos() / interval.as_nanos();
    polls(intervals.near) * u128::from(needs.near_calls)
        + polls(intervals.far) * u128::from(needs.far_calls)
}

proptest! {
    #[test]
    fn polling_leaves_the_reserve_in_every_quota(
        quotas in prop::collection::vec((1_u32..5_000, 1_u64..100_000), 1..4),
        near_calls in 0_u32..500,
        far_calls in 0_u32..5_000,
        reserve_percent in 0_u32..100,
    ) {
        let quotas: Vec<Quota> = quotas.into_iter().map(|(calls, secs)| quota(calls, secs)).collect();
        let needs = polling(near_calls, far_calls, reserve_percent);
        let intervals = plan_intervals(&quotas, &needs);
        prop_assert!(intervals.near <= intervals.far);
        for quota in &quotas {
            let windows = 1_000_000;
            let stretch = quota.per * windows;
            let allowed = u128::from(quota.calls) * u128::from(100 - reserve_percent) * u128::from(windows);
            prop_assert!(calls_within(stretch, intervals, &needs) * 100 <= allowed);
        }
    }

    #[test]
    fn no_interval_could_be_shorter(calls in 1_u32..5_000, secs in 1_u64..100_000, near_calls in 1_u32..500) {
        let needs = polling(near_calls, 0, 0);
        let near = plan_intervals(&[quota(calls, secs)], &needs).near;
        let shorter = near.saturating_sub(Duration::from_millis(1));
        // Over a stretch of the quota a poll costs `near_calls`; one millisecond less would cost more than there is.
        let over = u128::from(near_calls) * Duration::from_secs(secs).as_nanos() > u128::from(calls) * shorter.as_nanos();
        prop_assert!(over || near == SHORTEST);
    }
}

/// `calls` calls, the first of which counts no more after `first` seconds, the next ones every `every` seconds.
fn back(calls: u64, first: u64, every: u64) -> Vec<Duration> {
    (0..calls)
        .map(|number| Duration::from_secs(first + number * every))
        .collect()
}

#[test]
fn a_quota_lasts_as_what_was_used_comes_back() {
    let (day, hour) = (86_400, 3_600);
    for (used, lasts, why) in [
        (back(0, 0, 0), 5_000, "nothing was used"),
        (
            back(5_000, 17, 17),
            5_000,
            "all of it, evenly: one call comes back every 17 s",
        ),
        (
            back(2_500, day, 0),
            2_500,
            "half of it at once, just now: the other half must do for a day",
        ),
        (
            back(2_500, 12 * hour, 0),
            5_000,
            "half of it at once, half a day ago",
        ),
        (
            back(2_500, 18 * hour, 0),
            3_250,
            "2,500 for 18 hours are 3,333 a day",
        ),
        (
            back(100, day - 100, 1),
            5_000,
            "a hundred in a burst are two of a hundred",
        ),
        (
            back(5_000, 6 * hour, 0),
            250,
            "nothing is left: a little, to try with",
        ),
        (
            back(6_000, 6 * hour, 0),
            250,
            "more than all of it, by a limit that was higher once",
        ),
        (
            back(4_800, 6 * hour, 0),
            750,
            "200 for six hours are 800 a day",
        ),
    ] {
        let lasting = lasting(&quota(5_000, day), &used);
        assert_eq!(lasting, quota(lasts, day), "{why}");
    }
    assert_eq!(lasting(&quota(1, 5), &back(1, 5, 0)), quota(1, 5));
    assert_eq!(lasting(&quota(0, 5), &back(0, 5, 0)), quota(0, 5));
}

proptest! {
    /// Whoever makes that many calls evenly from now on, less half of a step, never meets the limit.
    #[test]
    fn what_lasts_never_meets_the_limit(
        limit in 1_u32..200,
        mut ages in prop::collection::vec(1_u64..1_000, 0..200),
    ) {
        ages.sort_unstable();
        ages.truncate(usize::try_from(limit).unwrap());
        let quota = quota(limit, 1_000);
        let back: Vec<Duration> = ages.iter().map(|after| Duration::from_secs(*after)).collect();
        let lasts = lasting(&quota, &back);
        prop_assert!(lasts.calls <= limit);
        // In thousandths of a call.
        let evenly = (u64::from(lasts.calls) * 1_000).saturating_sub(u64::from(limit) * 25 + 1_000);
        for at in 1..=1_000_u64 {
            let still = u64::try_from(ages.iter().filter(|after| **after >= at).count()).unwrap();
            let made = evenly * at / 1_000_000;
            prop_assert!(still + made <= u64::from(limit), "{still} and {made} at {at}");
        }
    }
}
