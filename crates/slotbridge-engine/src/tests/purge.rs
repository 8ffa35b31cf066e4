//! Leaving a platform: what slotbridge made goes, with and without its database; what a person made stays.

use super::*;
use crate::undo::Ask;

struct Yes;

impl Ask for Yes {
    fn go_on(&self, _plan: &Report) -> bool {
        true
    }
}

impl World {
    async fn purge(&self, platform: &str) -> Report {
        self.seam.sleep(std::time::Duration::from_mins(1)).await;
        let options = RunOptions {
            mode: Mode::Apply,
            cancel: CancellationToken::new(),
            progress: Arc::new(NoProgress),
        };
        let engine = Engine::new(self.store.clone(), Arc::clone(&self.seam) as Arc<dyn Seam>);
        let bridges = std::slice::from_ref(&self.bridge);
        engine
            .purge(bridges, &name(platform), &options, &Yes)
            .await
            .unwrap()
    }
}

/// Three bookings from either side, all in step.
async fn both_ways() -> World {
    let world = World::listing();
    for hour in 9..12 {
        world.a.book("anna", at(hour, 0), 60, "Вера");
        world.b.book("boris", at(hour, 0), 60, "Игорь");
    }
    world.settle().await;
    world
}

fn resources(platform: &Fake) -> Vec<String> {
    let live = platform.live();
    live.iter()
        .map(|record| record.resource.as_str().to_owned())
        .collect()
}

// R44
#[tokio::test(start_paused = true)]
async fn copies_go_and_originals_stay_with_the_database_and_without() {
    for lost in [false, true] {
        let mut world = both_ways().await;
        if lost {
            world.store = Store::in_memory().unwrap();
        }
        let calls = world.a.calls("list");
        let report = world.purge("b").await;
        assert_eq!(report.exit_code(), 0, "{lost} {report:#?}");
        assert_eq!(outcomes(&report).len(), 3, "{lost}");
        assert_eq!(resources(&world.b), ["boris"; 3], "{lost}");
        assert_eq!(
            world.a.live().len(),
            6,
            "{lost}: the other platform was touched"
        );
        assert_eq!(
            world.a.calls("list"),
            calls,
            "{lost}: it was read for nothing"
        );
        // Doing it again finds nothing.
        assert_eq!(outcomes(&world.purge("b").await), [], "{lost}");
        if !lost {
            // Nothing is made again by itself.
            let report = world.run().await;
            assert_eq!(outcomes(&report), [], "{report:#?}");
        }
    }
}

// R13
#[tokio::test(start_paused = true)]
async fn a_persons_copy_of_a_copy_is_left_and_listed() {
    let mut world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    let ours = only(&world.b.live()).clone();
    let theirs = world.b.book("anna", at(15, 0), 60, "Вера");
    world
        .b
        .person(&theirs, |record| record.marker = ours.marker);
    let report = world.purge("b").await;
    assert_eq!(outcomes(&report).len(), 1);
    assert_eq!(report.exit_code(), 4, "{report:#?}");
    assert_eq!(
        report.bridges[0].ambiguous[0].remote_id,
        Some(theirs.clone())
    );
    assert_eq!(live_id(&world.b), theirs);

    // Without the database neither can be told from the other.
    let again = world.b.book("anna", at(17, 0), 60, "Вера");
    world.b.person(&again, |record| record.marker = ours.marker);
    world.store = Store::in_memory().unwrap();
    let report = world.purge("b").await;
    assert_eq!(outcomes(&report), []);
    assert_eq!(report.bridges[0].ambiguous.len(), 2, "{report:#?}");
    assert_eq!(world.b.live().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn numbers_do_not_hold_it_and_records_under_other_ids_are_left() {
    let mut world = both_ways().await;
    world.bridge.limits.removals_max = 1;
    world.b.renumber();
    let report = world.purge("b").await;
    assert_eq!((report.exit_code(), world.b.live().len()), (4, 6));
    assert_eq!(report.bridges[0].ambiguous.len(), 3, "{report:#?}");
    let mut world = both_ways().await;
    world.bridge.limits.removals_max = 1;
    let report = world.purge("b").await;
    assert_eq!((report.exit_code(), world.b.live().len()), (0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_purge_can_be_taken_back() {
    let world = both_ways().await;
    let run = world.purge("b").await.run;
    let before = world.times(&world.a);
    let options = RunOptions {
        mode: Mode::Apply,
        cancel: CancellationToken::new(),
        progress: Arc::new(NoProgress),
    };
    let engine = Engine::new(
        world.store.clone(),
        Arc::clone(&world.seam) as Arc<dyn Seam>,
    );
    let bridges = std::slice::from_ref(&world.bridge);
    engine
        .undo(bridges, run.parse().unwrap(), &options, &Yes)
        .await
        .unwrap();
    assert_eq!(world.times(&world.b), before);
    world.assert_in_step().await;
}
