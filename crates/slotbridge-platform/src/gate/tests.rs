//! The gate under virtual time: what the platform sees, who goes first, what a restart remembers.

mod restarts;
mod sight;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::{CallLogError, Closed, Gate, GateSettings, PATIENCE, Pass, queue};
use crate::capabilities::Quota;
use crate::platform::Priority;
use crate::seam::Seam;
use crate::testing::{MemoryCallLog, VirtualSeam};

const SCOPE: &str = "198.51.100.7 api.example.com";

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn quota(calls: u32, per: Duration) -> Quota {
    Quota { calls, per }
}

fn seam() -> Arc<VirtualSeam> {
    Arc::new(VirtualSeam::new(
        "2026-12-01T09:00:00Z".parse::<Timestamp>().unwrap(),
        1,
    ))
}

fn settings(quotas: &[Quota], parallel: u32) -> GateSettings {
    GateSettings {
        scope: SCOPE.to_owned(),
        quotas: quotas.to_vec(),
        parallel,
    }
}

/// A gate of a scope that is known and rested.
fn rested(seam: &Arc<VirtualSeam>, quotas: &[Quota], parallel: u32) -> Arc<Gate> {
    open(seam, quotas, parallel, &MemoryCallLog::knowing(SCOPE))
}

fn open(
    seam: &Arc<VirtualSeam>,
    quotas: &[Quota],
    parallel: u32,
    log: &MemoryCallLog,
) -> Arc<Gate> {
    Gate::open(
        settings(quotas, parallel),
        Arc::clone(seam) as _,
        Arc::new(log.clone()),
    )
    .unwrap()
}

async fn admit(gate: &Arc<Gate>, priority: Priority) -> Pass {
    let ticket = gate.ticket();
    gate.admit(priority, ticket).await.unwrap()
}

/// A call that takes no time.
async fn call(gate: &Arc<Gate>) {
    admit(gate, Priority::Poll).await.went_through();
}

/// How long `calls` calls in a row take.
async fn time_for(seam: &VirtualSeam, gate: &Arc<Gate>, calls: usize) -> Duration {
    let begun = seam.elapsed();
    for _ in 0..calls {
        call(gate).await;
    }
    seam.elapsed().saturating_sub(begun)
}

#[tokio::test(start_paused = true)]
async fn calls_go_as_fast_as_all_quotas_together_allow_and_no_faster() {
    let rows: [(&[Quota], usize, Duration); 6] = [
        (&[quota(1, ms(5_000))], 1, ms(0)),
        (&[quota(1, ms(5_000))], 4, ms(15_000)),
        (&[quota(5, ms(1_000))], 5, ms(0)),
        (&[quota(5, ms(1_000))], 11, ms(2_000)),
        (
            &[quota(200, ms(60_000)), quota(5, ms(1_000))],
            200,
            ms(39_000),
        ),
        (
            &[quota(5, ms(1_000)), quota(200, ms(60_000))],
            201,
            ms(60_000),
        ),
    ];
    for (quotas, calls, expected) in rows {
        let seam = seam();
        let gate = rested(&seam, quotas, 8);
        assert_eq!(
            time_for(&seam, &gate, calls).await,
            expected,
            "{calls} calls under {quotas:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_window_runs_from_the_end_of_a_call() {
    let seam = seam();
    let gate = rested(&seam, &[quota(1, ms(5_000))], 4);
    let pass = admit(&gate, Priority::Poll).await;
    sleep(ms(3_000)).await;
    pass.went_through();
    let begun = seam.elapsed();
    call(&gate).await;
    assert_eq!(seam.elapsed().saturating_sub(begun), ms(5_000));
}

#[tokio::test(start_paused = true)]
async fn only_so_many_calls_are_on_their_way_at_once() {
    let seam = seam();
    let gate = rested(&seam, &[], 2);
    let (first, _second) = (
        admit(&gate, Priority::Poll).await,
        admit(&gate, Priority::Poll).await,
    );
    assert_eq!(gate.status().in_flight, 2);
    let third = spawn(&gate, Priority::Write);
    sleep(ms(60_000)).await;
    assert_eq!((gate.status().waiting, gate.status().in_flight), (1, 2));
    first.went_through();
    let third = third.await.unwrap();
    assert_eq!(gate.status().in_flight, 2);
    drop(third);
}

fn spawn(gate: &Arc<Gate>, priority: Priority) -> JoinHandle<Pass> {
    let gate = Arc::clone(gate);
    tokio::spawn(async move { admit(&gate, priority).await })
}

/// Lets all of these wait at once, then gives the order in which they went, each call taking no time.
async fn order(gate: &Arc<Gate>, waiting: &[Priority]) -> Vec<Priority> {
    let blocker = admit(gate, Priority::Write).await;
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    for priority in waiting {
        let (gate, priority, sender) = (Arc::clone(gate), *priority, sender.clone());
        tokio::spawn(async move {
            let pass = admit(&gate, priority).await;
            sender.send(priority).unwrap();
            pass.went_through();
        });
        // Each joins the queue before the next.
        tokio::task::yield_now().await;
    }
    drop((sender, blocker));
    let mut order = Vec::new();
    while let Some(priority) = receiver.recv().await {
        order.push(priority);
    }
    order
}

#[tokio::test(start_paused = true)]
async fn writes_go_before_hints_before_polls_before_sweeps() {
    let (w, h, p, s) = (
        Priority::Write,
        Priority::Hint,
        Priority::Poll,
        Priority::Sweep,
    );
    let gate = rested(&seam(), &[quota(1, ms(1_000))], 1);
    assert_eq!(
        order(&gate, &[s, p, h, w, p, w, s, h]).await,
        [w, w, h, h, p, p, s, s]
    );
}

#[tokio::test(start_paused = true)]
async fn within_one_priority_the_first_to_come_is_the_first_to_go() {
    let seam = seam();
    let gate = rested(&seam, &[quota(1, ms(1_000))], 1);
    let blocker = admit(&gate, Priority::Poll).await;
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    for n in 0..20 {
        let (gate, sender) = (Arc::clone(&gate), sender.clone());
        tokio::spawn(async move {
            drop(admit(&gate, Priority::Poll).await);
            sender.send(n).unwrap();
        });
        tokio::task::yield_now().await;
    }
    drop((sender, blocker));
    for expected in 0..20 {
        assert_eq!(receiver.recv().await, Some(expected));
    }
}

// R36
#[tokio::test(start_paused = true)]
async fn sweeps_and_polls_get_their_turn_however_many_writes_wait() {
    let gate = rested(&seam(), &[quota(1, ms(1_000))], 1);
    let mut waiting = vec![Priority::Sweep, Priority::Sweep, Priority::Poll];
    waiting.extend([Priority::Write; 60]);
    let order = order(&gate, &waiting).await;
    let turns = |of| {
        order
            .iter()
            .enumerate()
            .filter(|(_, priority)| **priority == of)
            .map(|(turn, _)| turn)
            .collect::<Vec<_>>()
    };
    let passed_over = usize::try_from(queue::PASSED_OVER_MAX).unwrap();
    // The poll has been passed over as often as the sweep, and is more urgent.
    assert_eq!(turns(Priority::Poll), [passed_over]);
    assert_eq!(
        turns(Priority::Sweep),
        [passed_over + 1, 2 * passed_over + 2]
    );
}

#[tokio::test(start_paused = true)]
async fn a_dropped_waiter_leaves_the_queue_to_the_others() {
    let seam = seam();
    let gate = rested(&seam, &[quota(1, ms(5_000))], 1);
    call(&gate).await;
    let impatient = spawn(&gate, Priority::Write);
    tokio::task::yield_now().await;
    let patient = spawn(&gate, Priority::Sweep);
    sleep(ms(1_000)).await;
    impatient.abort();
    assert!(impatient.await.unwrap_err().is_cancelled());
    assert_eq!(gate.status().waiting, 1);
    patient.await.unwrap().went_through();
    // It took the turn that the other one gave up, and no later one.
    assert_eq!(seam.elapsed(), ms(5_000));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_ends_when_it_is_dropped() {
    let seam = seam();
    let gate = rested(&seam, &[quota(1, ms(5_000))], 1);
    let pass = admit(&gate, Priority::Write).await;
    sleep(ms(2_000)).await;
    drop(pass);
    call(&gate).await;
    assert_eq!(seam.elapsed(), ms(7_000));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_cannot_be_noted_is_not_made() {
    let seam = seam();
    let log = MemoryCallLog::knowing(SCOPE);
    let gate = open(&seam, &[quota(5, ms(1_000))], 1, &log);
    log.set_broken(true);
    let ticket = gate.ticket();
    let refused = gate.admit(Priority::Write, ticket).await.unwrap_err();
    assert_eq!(refused, Closed::Log(CallLogError::new("the disk is full")));
    assert!(Gate::open(settings(&[], 1), seam, Arc::new(log.clone())).is_err());
    log.set_broken(false);
    call(&gate).await;
    assert_eq!(log.calls(SCOPE).len(), 1);
    assert_eq!((gate.status().waiting, gate.status().in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_throttle_pauses_the_scope_for_as_long_as_the_platform_says() {
    let seam = seam();
    let gate = rested(&seam, &[quota(5, ms(1_000))], 4);
    let pass = admit(&gate, Priority::Poll).await;
    assert_eq!(pass.throttled(Some(ms(7_000))), ms(7_000));
    // Everybody waits, the most urgent too.
    drop(admit(&gate, Priority::Write).await);
    assert_eq!(seam.elapsed(), ms(7_000));
}

// R35
#[tokio::test(start_paused = true)]
async fn throttles_without_a_word_pause_longer_and_longer() {
    let rows: [(&[Quota], [u64; 4]); 3] = [
        (
            &[quota(5, ms(1_000)), quota(200, ms(60_000))],
            [1_000, 2_000, 4_000, 8_000],
        ),
        (&[quota(1, ms(5_000))], [5_000, 10_000, 20_000, 40_000]),
        (&[], [1_000, 2_000, 4_000, 8_000]),
    ];
    for (quotas, expected) in rows {
        let seam = seam();
        let gate = rested(&seam, quotas, 1);
        for pause in expected {
            let pass = admit(&gate, Priority::Poll).await;
            assert_eq!(pass.throttled(None), ms(pause), "{quotas:?}");
        }
        call(&gate).await;
        let pass = admit(&gate, Priority::Poll).await;
        assert_eq!(
            pass.throttled(None),
            ms(expected[0]),
            "a call that goes through ends the row of throttles"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn calls_on_their_way_together_are_throttled_together() {
    let seam = seam();
    let gate = rested(&seam, &[quota(5, ms(1_000))], 4);
    let passes = [
        admit(&gate, Priority::Poll).await,
        admit(&gate, Priority::Poll).await,
        admit(&gate, Priority::Poll).await,
    ];
    sleep(ms(10)).await;
    for pass in passes {
        assert_eq!(pass.throttled(None), ms(1_000));
    }
    assert_eq!(gate.status().halvings, 1);
}

#[tokio::test(start_paused = true)]
async fn a_throttle_halves_the_rate_and_calls_that_go_through_bring_it_back() {
    let seam = seam();
    let gate = rested(&seam, &[quota(10, ms(1_000))], 1);
    for _ in 0..2 {
        let pass = admit(&gate, Priority::Poll).await;
        pass.throttled(Some(ms(1_000)));
        sleep(ms(1_000)).await;
    }
    assert_eq!(gate.status().halvings, 2);
    // A quarter of ten a second: one every 400 ms, then a half, then all that the quota allows.
    assert_eq!(time_for(&seam, &gate, 10).await, ms(9 * 400));
    assert_eq!(gate.status().halvings, 1);
    assert_eq!(time_for(&seam, &gate, 10).await, ms(9 * 200));
    assert_eq!(gate.status().halvings, 0);
    sleep(ms(1_000)).await;
    assert_eq!(time_for(&seam, &gate, 10).await, ms(0));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_nobody_would_sit_out_is_refused_with_its_length() {
    let seam = seam();
    let day = Duration::from_hours(24);
    let left = day.saturating_sub(ms(1_000));
    let gate = rested(&seam, &[quota(2, day)], 1);
    call(&gate).await;
    sleep(ms(1_000)).await;
    call(&gate).await;
    let ticket = gate.ticket();
    let refused = gate.admit(Priority::Write, ticket).await.unwrap_err();
    assert_eq!(refused, Closed::TooLong { after: left });
    assert_eq!(gate.status().waiting, 0);
    sleep(left.saturating_sub(PATIENCE)).await;
    let ticket = gate.ticket();
    assert!(
        timeout(PATIENCE, gate.admit(Priority::Write, ticket))
            .await
            .unwrap()
            .is_ok()
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_quota_lasts_as_its_calls_come_back_and_a_short_one_is_waited_for() {
    let (seam, day) = (seam(), Duration::from_hours(24));
    let quotas = [quota(5, ms(1_000)), quota(100, day)];
    let new = open(&seam, &quotas, 2, &MemoryCallLog::default());
    assert_eq!(new.lasting(&quotas), [quotas[0], quota(50, day)]);
    let gate = rested(&seam, &quotas, 2);
    for _ in 0..40 {
        call(&gate).await;
    }
    assert_eq!(gate.lasting(&quotas), [quotas[0], quota(60, day)]);
    // Half a day later what is left must do for half a day.
    sleep(day / 2).await;
    assert_eq!(gate.lasting(&quotas), quotas);
    // Calls on their way count too.
    let small = [quota(20, day)];
    let gate = rested(&seam, &small, 2);
    let _under_way = [
        admit(&gate, Priority::Poll).await,
        admit(&gate, Priority::Poll).await,
    ];
    assert_eq!(gate.lasting(&small), [quota(19, day)]);
}

#[tokio::test(start_paused = true)]
async fn setting_the_wall_clock_neither_frees_nor_blocks_a_quota() {
    for shift in [
        jiff::SignedDuration::from_hours(-3),
        jiff::SignedDuration::from_hours(3),
    ] {
        let seam = seam();
        let gate = rested(&seam, &[quota(1, ms(5_000))], 1);
        call(&gate).await;
        seam.set_wall_clock(shift);
        call(&gate).await;
        assert_eq!(seam.elapsed(), ms(5_000));
    }
}

#[tokio::test(start_paused = true)]
async fn a_quota_of_no_calls_is_one_of_one_call() {
    let seam = seam();
    let gate = rested(&seam, &[quota(0, ms(5_000))], 0);
    assert_eq!(time_for(&seam, &gate, 2).await, ms(5_000));
}
