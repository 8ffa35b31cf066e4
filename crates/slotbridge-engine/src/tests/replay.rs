//! A plan that was made before is carried out as it was, or not at all.

use std::collections::BTreeMap;

use super::*;
use crate::Replay;
use crate::report::BridgeReport;

/// What a dry run of this world plans now. It works on the real database here, which it leaves with no operation.
async fn planned(world: &World) -> BTreeMap<BridgeName, String> {
    let report = world.run_with(Mode::DryRun, CancellationToken::new()).await;
    let plan = |bridge: &BridgeReport| (bridge.name.clone(), bridge.plan.clone());
    report.bridges.iter().map(plan).collect()
}

async fn replay(world: &World, plans: &BTreeMap<BridgeName, String>) -> Replay {
    world.seam.sleep(std::time::Duration::from_mins(1)).await;
    let options = RunOptions {
        mode: Mode::Apply,
        cancel: CancellationToken::new(),
        progress: Arc::new(NoProgress),
    };
    let engine = Engine::new(
        world.store.clone(),
        Arc::clone(&world.seam) as Arc<dyn Seam>,
    );
    engine
        .replay(std::slice::from_ref(&world.bridge), &options, plans)
        .await
        .unwrap()
}

fn writes(world: &World) -> u64 {
    world.a.writes() + world.b.writes()
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_plan_is_carried_out_once() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.book("boris", at(9, 0), 60, "Любовь");
    let plans = planned(&world).await;
    let Replay::Done(report) = replay(&world, &plans).await else {
        panic!("nothing has changed")
    };
    assert_eq!((report.exit_code(), writes(&world)), (0, 2));
    // What it wanted is done: now it does not hold any more.
    assert!(matches!(replay(&world, &plans).await, Replay::Stale(_)));
    assert_eq!(writes(&world), 2);
    world.assert_in_step().await;
}

#[tokio::test(start_paused = true)]
async fn whatever_has_moved_since_keeps_everything_from_being_written() {
    type Moves = fn(&World, &RemoteId);
    let moves: [(&str, Moves); 4] = [
        ("it was moved", |world, id| world.a.move_to(id, at(11, 0))),
        ("it was cancelled", |world, id| world.a.cancel(id)),
        ("another one came", |world, _| {
            world.a.book("boris", at(12, 0), 60, "Любовь");
        }),
        ("its comment changed", |world, id| {
            world.a.person(id, |record| {
                record.comment = slotbridge_core::model::Private::new("у окна");
            });
        }),
    ];
    for (what, change) in moves {
        let world = World::listing();
        let id = world.a.book("anna", at(9, 0), 60, "Вера");
        let plans = planned(&world).await;
        change(&world, &id);
        let bookings = world.store.bridge(&world.bridge.name, Timestamp::MIN);
        let bookings = bookings.await.unwrap().bookings.len();
        let Replay::Stale(report) = replay(&world, &plans).await else {
            panic!("{what}")
        };
        assert_eq!(writes(&world), 0, "{what}");
        let last = &world.store.last_runs(1).await.unwrap()[0];
        assert_eq!((&*last.kind, last.exit_code), ("apply", Some(3)), "{what}");
        // It tells what would be done now, and keeps nothing of what it decided.
        let planned = outcomes(&report)
            .iter()
            .all(|(_, _, outcome)| *outcome == OutcomeWord::Planned);
        assert!(planned, "{what}");
        let after = world.store.bridge(&world.bridge.name, Timestamp::MIN);
        assert_eq!(after.await.unwrap().bookings.len(), bookings, "{what}");
        world.settle().await;
    }
}

#[tokio::test(start_paused = true)]
async fn guards_hold_a_plan_that_holds() {
    let mut world = World::listing();
    for hour in 8..11 {
        world.a.book("anna", at(hour, 0), 60, "Вера");
    }
    world.bridge.limits.creates_max = 2;
    let plans = planned(&world).await;
    let Replay::Done(report) = replay(&world, &plans).await else {
        panic!("nothing has changed")
    };
    assert_eq!((report.exit_code(), writes(&world)), (3, 0));
    world.approve().await;
    let Replay::Done(report) = replay(&world, &plans).await else {
        panic!("nothing has changed")
    };
    assert_eq!((report.exit_code(), writes(&world)), (0, 3));
}
