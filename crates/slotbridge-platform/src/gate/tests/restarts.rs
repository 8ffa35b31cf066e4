//! What a gate knows when it opens.

use jiff::SignedDuration;
use tokio::time::sleep;

use super::{Priority, SCOPE, admit, call, ms, open, quota, seam, time_for};
use crate::capabilities::Quota;
use crate::seam::Seam;
use crate::testing::MemoryCallLog;

// R35
#[tokio::test(start_paused = true)]
async fn a_restart_starts_no_fresh_budget() {
    let (seam, log) = (seam(), MemoryCallLog::knowing(SCOPE));
    let quotas = [quota(3, ms(60_000))];
    let gate = open(&seam, &quotas, 1, &log);
    for _ in 0..3 {
        call(&gate).await;
        sleep(ms(10_000)).await;
    }
    drop(gate);
    let gate = open(&seam, &quotas, 1, &log);
    call(&gate).await;
    // The first call went at 0 s, and the second, at 10 s, tells that it had ended by then.
    assert_eq!(seam.elapsed(), ms(70_000));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_a_crash_cut_short_counts_from_the_restart() {
    let (seam, log) = (seam(), MemoryCallLog::knowing(SCOPE));
    let quotas = [quota(1, ms(5_000))];
    let gate = open(&seam, &quotas, 1, &log);
    std::mem::forget(admit(&gate, Priority::Write).await);
    sleep(ms(4_000)).await;
    let gate = open(&seam, &quotas, 1, &log);
    call(&gate).await;
    assert_eq!(seam.elapsed(), ms(9_000));
}

#[tokio::test(start_paused = true)]
async fn a_call_of_long_ago_has_ended() {
    let (seam, log) = (seam(), MemoryCallLog::knowing(SCOPE));
    let quotas = [quota(1, ms(5_000))];
    call(&open(&seam, &quotas, 1, &log)).await;
    sleep(ms(300_000)).await;
    assert_eq!(
        time_for(&seam, &open(&seam, &quotas, 1, &log), 1).await,
        ms(0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_noted_in_the_future_counts_from_now() {
    let (seam, log) = (seam(), MemoryCallLog::knowing(SCOPE));
    let quotas = [quota(1, ms(5_000))];
    call(&open(&seam, &quotas, 1, &log)).await;
    seam.set_wall_clock(SignedDuration::from_hours(-1));
    assert_eq!(
        time_for(&seam, &open(&seam, &quotas, 1, &log), 1).await,
        ms(5_000)
    );
}

#[tokio::test(start_paused = true)]
async fn of_an_unknown_scope_short_quotas_are_used_up_and_long_ones_half() {
    let rows: [(&[Quota], usize, u64); 6] = [
        (&[quota(5, ms(1_000))], 1, 1_000),
        (&[quota(1, ms(5_000))], 1, 5_000),
        (&[quota(3, ms(10_000))], 3, 10_000),
        // Half of seven, rounded against us, is four: three are left, the next must wait for the first.
        (&[quota(7, ms(60_000))], 3, 0),
        (&[quota(7, ms(60_000))], 4, 60_000),
        (
            &[
                quota(5, ms(1_000)),
                quota(10, ms(60_000)),
                quota(100, ms(600_000)),
            ],
            5,
            1_000,
        ),
    ];
    for (quotas, calls, expected) in rows {
        let seam = seam();
        let gate = open(&seam, quotas, 1, &MemoryCallLog::default());
        assert_eq!(
            time_for(&seam, &gate, calls).await,
            ms(expected),
            "{calls} calls under {quotas:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_quota_supposed_half_used_does_not_fill_a_shorter_one() {
    let seam = seam();
    let quotas = [quota(20, ms(60_000)), quota(1_000, ms(3_600_000))];
    let gate = open(&seam, &quotas, 1, &MemoryCallLog::default());
    assert_eq!(time_for(&seam, &gate, 10).await, ms(0));
    assert_eq!(time_for(&seam, &gate, 1).await, ms(60_000));
}

#[tokio::test(start_paused = true)]
async fn a_scope_that_is_known_and_rested_starts_at_once() {
    let seam = seam();
    let gate = open(
        &seam,
        &[quota(5, ms(1_000))],
        1,
        &MemoryCallLog::knowing(SCOPE),
    );
    assert_eq!(time_for(&seam, &gate, 5).await, ms(0));
    assert_eq!(seam.elapsed(), ms(0));
}
