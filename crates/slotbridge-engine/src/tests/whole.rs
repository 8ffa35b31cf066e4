//! A run over the whole bridge that loads only what is not at rest decides what one that loads everything decides.

use std::collections::BTreeSet;

use slotbridge_core::merge::ConflictPolicy;
use slotbridge_core::model::Private;
use slotbridge_core::record::RecordState;
use slotbridge_platform::Platform as _;

use super::fake::Fault;
use super::storm::{Dice, arm};
use super::*;
use crate::guarding::Alarms;
use crate::scope::Scope;
use crate::sights::{Given, PastGrid, Sights};
use crate::work::{Stretch, Work};

/// An engine over the world's database, and how it passes.
fn engine_of(world: &World) -> (Engine, RunOptions) {
    let engine = Engine::new(
        world.store.clone(),
        Arc::clone(&world.seam) as Arc<dyn Seam>,
    );
    let options = RunOptions {
        mode: Mode::Apply,
        cancel: CancellationToken::new(),
        progress: Arc::new(NoProgress),
    };
    (engine, options)
}

/// Plans both ways over what the platforms show now, and compares all that comes of it. Says what was loaded of how many
/// bookings.
async fn compare(world: &World, context: &str) -> Option<(usize, usize)> {
    let name = &world.bridge.name;
    if !world.store.journal_open(name).await.unwrap().is_empty() {
        // Settling what is open is stored by whoever plans first.
        return None;
    }
    let (engine, options) = engine_of(world);
    let bridges = std::slice::from_ref(&world.bridge);
    let sights = as_known(engine.look_at_all(bridges, &options).await.unwrap());
    let now = world.seam.now();
    let mut planned = Vec::new();
    for everything in [false, true] {
        // The same clock and the same ids.
        let seam = VirtualSeam::new(now, 5);
        let work = Work {
            store: &world.store,
            seam: &seam,
            bridge: &world.bridge,
            run: engine.new_run(),
            kind: None,
            sights: &sights,
            scope: &Scope::Whole,
            options: &options,
            alarms: &Alarms::default(),
            looks_waited: true,
            stretch: Stretch::ThisRun,
        };
        let one = if everything {
            work.plan_over_everything().await.unwrap()
        } else {
            work.plan().await.unwrap()
        };
        let loaded = one.bookings();
        let (operations, changes) = (one.operations.clone(), one.changes.clone());
        let missed: BTreeSet<PlatformName> = one.not_read.clone();
        planned.push((loaded, operations, changes, missed, one.not_tried()));
    }
    let [part, whole] = planned.try_into().unwrap();
    assert_eq!(part.1, whole.1, "operations, {context}");
    assert_eq!(part.2, whole.2, "changes, {context}");
    assert_eq!(part.3, whole.3, "not read, {context}");
    assert_eq!(part.4, whole.4, "report, {context}");
    Some((part.0, whole.0))
}

/// Grids that were just read, as ones that were read before: new ones are counted by whoever plans first.
fn as_known(sights: Sights) -> Sights {
    sights
        .into_iter()
        .map(|(name, given)| {
            let Given::Looked(sight, None) = given else {
                return (name, given);
            };
            let mut sight = sight.as_ref().clone();
            let grids = std::mem::take(&mut sight.grids).into_values();
            let past: Vec<PastGrid> = grids
                .map(|grid| PastGrid {
                    grid,
                    read_at: sight.began_at,
                    vacated: Vec::new(),
                    left: Vec::new(),
                })
                .collect();
            let past = Some(past).filter(|past| !past.is_empty());
            (name, Given::Looked(Arc::new(sight), past))
        })
        .collect()
}

/// Something that happens every day, on one of the platforms.
fn everyday(world: &World, dice: &mut Dice, step: usize) {
    let platform = if dice.below(2) == 0 {
        &world.a
    } else {
        &world.b
    };
    let start = at(i64::try_from(dice.below(24 * 10)).unwrap(), 0);
    let who = ["anna", "boris"][dice.below(2)];
    let records = platform.live();
    match (dice.below(5), dice.pick(&records)) {
        (0..=2, _) | (_, None) => drop(platform.book(who, start, 60, &"К".repeat(step + 1))),
        (3, Some(record)) => platform.move_to(&record.id, start),
        (_, Some(record)) => platform.cancel(&record.id),
    }
}

/// Something that happens seldom, on one of the platforms.
fn oddity(world: &World, dice: &mut Dice) {
    let platform = if dice.below(2) == 0 {
        &world.a
    } else {
        &world.b
    };
    let start = at(i64::try_from(dice.below(24 * 10)).unwrap(), 0);
    let records = platform.live();
    let some = dice.pick(&records).map(|record| record.id.clone());
    match (dice.below(8), some) {
        // Nobody's in the bridge.
        (0, _) => drop(platform.book("clara", start, 60, "Чужая")),
        (1, Some(id)) => {
            platform.person(&id, |record| record.services = vec![ServiceKey::new("?")]);
        }
        // Several of one visit.
        (2, _) => {
            for (who, minute) in [("anna", 0), ("boris", 30)] {
                let id =
                    platform.book(who, start + SignedDuration::from_mins(minute), 30, "Вдвоём");
                platform.person(&id, |record| record.group = Some(start.to_string()));
            }
        }
        // A double booking, and one of days.
        (3, Some(id)) => {
            let taken = records.iter().find(|record| record.id == id).unwrap();
            let half = taken.start + SignedDuration::from_mins(30);
            platform.book(taken.resource.as_str(), half, 60, "Поздняя");
        }
        (4, _) => drop(platform.book("boris", start, 60 * 70, "На трое суток")),
        // A copy with our marker in it.
        (5, Some(id)) => {
            let copied = records.iter().find(|record| record.id == id).unwrap();
            let (marker, who) = (copied.marker, copied.client.name.clone());
            let copy = platform.book("anna", start, 60, who.expose());
            platform.person(&copy, |record| record.marker = marker);
        }
        (6, Some(id)) => platform.person(&id, |record| record.state = RecordState::Cancelled),
        (_, Some(id)) => platform.person(&id, |record| {
            record.comment = Private::new(format!("{start}"));
        }),
        (_, None) => {}
    }
}

/// A pass, in which people may have made copies with our markers.
async fn pass(world: &World) {
    world.seam.sleep(std::time::Duration::from_mins(1)).await;
    let (engine, options) = engine_of(world);
    let bridges = std::slice::from_ref(&world.bridge);
    engine.reconcile(bridges, &options).await.unwrap();
}

async fn live(world: &mut World, seed: u64) -> (usize, usize) {
    let mut dice = Dice(seed);
    world.bridge.policy.conflict = match dice.below(2) {
        0 => ConflictPolicy::Ask,
        _ => ConflictPolicy::Newest,
    };
    match dice.below(5) {
        0 => world.bridge.members[1].direction = Direction::To,
        1 => world.bridge.members[1].direction = Direction::From,
        2 => world.bridge.on_removal = OnRemoval::Hold,
        3 => world.bridge.share = Share::Busy,
        _ => {}
    }
    let (mut part, mut whole) = (0, 0);
    for step in 0..14 {
        everyday(world, &mut dice, step);
        if dice.below(2) == 0 {
            oddity(world, &mut dice);
        }
        if dice.below(4) == 0 {
            arm(world, &mut dice, seed);
        }
        if let Some((loaded, all)) = compare(world, &format!("seed {seed}, step {step}")).await {
            part += loaded;
            whole += all;
        }
        pass(world).await;
        if dice.below(3) == 0 {
            world.approve().await;
        }
        // Bookings come into the window, and are over.
        if dice.below(4) == 0 {
            world.seam.sleep(std::time::Duration::from_hours(30)).await;
        }
    }
    (part, whole)
}

#[tokio::test(start_paused = true)]
async fn what_is_left_out_would_have_changed_nothing() {
    let (mut part, mut whole) = (0, 0);
    for seed in 0..24 {
        let mut world = if seed % 4 == 3 {
            World::with_grid()
        } else {
            World::listing()
        };
        let (loaded, all) = live(&mut world, seed).await;
        part += loaded;
        whole += all;
    }
    assert!(part < whole, "nothing was ever left out: {part} of {whole}");
}

#[tokio::test(start_paused = true)]
async fn a_grid_that_was_read_before_a_create_does_not_say_that_it_has_not_landed() {
    let world = World::with_grid();
    world.a.book("anna", at(9, 0), 60, "Вера");
    let (engine, options) = engine_of(&world);
    let bridges = std::slice::from_ref(&world.bridge);
    let before = as_known(engine.look_at_all(bridges, &options).await.unwrap());
    let Some(Given::Looked(_, Some(old_grids))) = before.get(world.b.name()) else {
        panic!("no grid");
    };
    world.b.fault("create", Fault::ReplyLost);
    world.run().await;
    assert_eq!(world.b.live().len(), 1);
    world.seam.sleep(std::time::Duration::from_mins(1)).await;
    // The platform was looked at since, and its grids were not.
    let mut sights = as_known(engine.look_at_all(bridges, &options).await.unwrap());
    if let Some(Given::Looked(_, past)) = sights.get_mut(world.b.name()) {
        *past = Some(old_grids.clone());
    }
    let work = Work {
        store: &world.store,
        seam: world.seam.as_ref(),
        bridge: &world.bridge,
        run: engine.new_run(),
        kind: None,
        sights: &sights,
        scope: &Scope::Whole,
        options: &options,
        alarms: &Alarms::default(),
        looks_waited: false,
        stretch: Stretch::ThisRun,
    };
    let planned = work.plan().await.unwrap();
    assert!(planned.operations.is_empty(), "{:?}", planned.operations);
}
