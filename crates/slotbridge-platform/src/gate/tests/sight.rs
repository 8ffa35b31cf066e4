//! A property: whatever the network does and however often the process dies, the platform never sees too many calls.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::{Instant, sleep, timeout};

use super::{Gate, SCOPE, admit, ms, open, quota, seam};
use crate::capabilities::Quota;
use crate::platform::Priority;
use crate::testing::MemoryCallLog;

/// One call: when it is asked for, how long it travels, how long its reply travels, whether its caller hangs up early.
#[derive(Debug, Clone)]
struct Journey {
    asked_after: Duration,
    there: Duration,
    back: Duration,
    priority: Priority,
}

fn journeys() -> impl Strategy<Value = Vec<Journey>> {
    let priority = prop_oneof![
        Just(Priority::Write),
        Just(Priority::Hint),
        Just(Priority::Poll),
        Just(Priority::Sweep)
    ];
    let journey = (0..3_000_u64, 0..4_000_u64, 0..4_000_u64, priority).prop_map(
        |(asked, there, back, priority)| Journey {
            asked_after: ms(asked),
            there: ms(there),
            back: ms(back),
            priority,
        },
    );
    proptest::collection::vec(journey, 1..40)
}

fn quotas() -> impl Strategy<Value = Vec<Quota>> {
    let short = (1..5_u32, 500..3_000_u64).prop_map(|(calls, per)| quota(calls, ms(per)));
    let long = (3..12_u32, 5_000..30_000_u64).prop_map(|(calls, per)| quota(calls, ms(per)));
    (short, proptest::option::of(long))
        .prop_map(|(short, long)| [Some(short), long].into_iter().flatten().collect())
}

/// Plays all journeys in one process after another, each dying after so long, and gives when calls arrived.
async fn arrivals(
    quotas: &[Quota],
    parallel: u32,
    lives: &[Vec<Journey>],
    life: Duration,
) -> Vec<Duration> {
    let (seam, log) = (seam(), MemoryCallLog::knowing(SCOPE));
    let begun = Instant::now();
    let arrived = Arc::new(Mutex::new(Vec::new()));
    for journeys in lives {
        let gate = open(&seam, quotas, parallel, &log);
        let mut calls = tokio::task::JoinSet::new();
        for journey in journeys.clone() {
            calls.spawn(travel(
                Arc::clone(&gate),
                journey,
                Arc::clone(&arrived),
                begun,
            ));
        }
        // The process dies: what is on its way arrives no more, or has arrived.
        drop(timeout(life, calls.join_all()).await);
    }
    let mut arrived = arrived.lock().unwrap().clone();
    arrived.sort_unstable();
    arrived
}

async fn travel(
    gate: Arc<Gate>,
    journey: Journey,
    arrived: Arc<Mutex<Vec<Duration>>>,
    begun: Instant,
) {
    sleep(journey.asked_after).await;
    let pass = admit(&gate, journey.priority).await;
    sleep(journey.there).await;
    arrived.lock().unwrap().push(begun.elapsed());
    sleep(journey.back).await;
    pass.went_through();
}

/// How many calls too many the platform saw: calls that came while the window before them was full.
fn too_many(quotas: &[Quota], arrived: &[Duration]) -> usize {
    let breaks = |quota: &Quota| {
        let calls = quota.calls as usize;
        arrived
            .windows(calls + 1)
            .filter(|group| group[calls].saturating_sub(group[0]) < quota.per)
            .count()
    };
    quotas.iter().map(breaks).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_platform_ever_sees_more_calls_than_it_allows(
        quotas in quotas(),
        parallel in 1..6_u32,
        lives in proptest::collection::vec(journeys(), 1..4),
        life in 1_000..60_000_u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let arrived = runtime.block_on(arrivals(&quotas, parallel, &lives, ms(life)));
        prop_assert_eq!(too_many(&quotas, &arrived), 0, "arrivals {:?}", arrived);
    }
}

#[test]
fn the_counting_of_too_many_calls_can_fail() {
    let quotas = [quota(2, ms(1_000))];
    assert_eq!(too_many(&quotas, &[ms(0), ms(500), ms(1_000)]), 0);
    assert_eq!(too_many(&quotas, &[ms(0), ms(500), ms(999)]), 1);
}
