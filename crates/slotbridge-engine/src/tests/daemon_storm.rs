//! Many seeded lives of two platforms beside an engine that is always on: webhooks come, late, twice or never, calls
//! fail, the process dies, and in the end both platforms show what the people wanted, once.

use std::time::Duration;

use slotbridge_platform::capabilities::Quota;

use super::daemon::{Running, seconds};
use super::storm::{Dice, Wanted, act, arm, shows, taken_time};
use super::*;
use crate::daemon::Request;

/// A daemon whose platforms may be looked at every few seconds.
async fn begin(world: &World) -> Running {
    let quota = Quota {
        calls: 1,
        per: Duration::from_secs(5),
    };
    world.start_with(world.setup(&[quota]), Mode::Apply).await
}

/// Some of what has changed is told by a webhook, now or when the next one comes.
async fn tell(world: &World, running: &Running, dice: &mut Dice, late: &mut Vec<(bool, String)>) {
    let now = world.seam.now();
    for (on_a, platform) in [(true, &world.a), (false, &world.b)] {
        let fresh: Vec<RemoteId> = {
            let state = platform.state.lock().unwrap();
            let changed = state.records.values();
            changed
                .filter(|record| record.changed_at == Some(now))
                .map(|record| record.id.clone())
                .collect()
        };
        for id in fresh {
            let body = match dice.below(3) {
                0 => format!("whole {id}"),
                _ => id.to_string(),
            };
            match dice.below(5) {
                0 => {}
                1 => late.push((on_a, body)),
                _ => world.webhook(platform, &body).await,
            }
        }
    }
    if dice.below(3) == 0 {
        for (on_a, body) in late.drain(..) {
            let platform = if on_a { &world.a } else { &world.b };
            world.webhook(platform, &body).await;
        }
    }
    for platform in [&world.a, &world.b] {
        running.handle.ask(Request::Hinted(platform.name().clone()));
    }
}

async fn approve_all(world: &World, running: &Running) {
    if world
        .store
        .guards(&world.bridge.name)
        .await
        .unwrap()
        .is_empty()
    {
        return;
    }
    world.approve().await;
    running.handle.ask(Request::Sweep {
        bridge: None,
        asked: true,
    });
}

/// Waits until nothing is written any more.
async fn rest(world: &World, running: &Running) {
    for platform in [&world.a, &world.b] {
        platform.state.lock().unwrap().clear_faults();
    }
    for _ in 0..40 {
        let before = world.a.writes() + world.b.writes();
        approve_all(world, running).await;
        seconds(120).await;
        let open = running.handle.health().bridges[0].journal_open;
        if world.a.writes() + world.b.writes() == before
            && open == 0
            && shows(&world.a) == shows(&world.b)
        {
            break;
        }
    }
}

fn nothing_was_doubled(world: &World, seed: u64) {
    for platform in [&world.a, &world.b] {
        let state = platform.state.lock().unwrap();
        assert!(!state.twins_seen, "two records of one booking, seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_wish_after_the_other_arrives_whatever_fails_and_whenever_it_dies() {
    for seed in 0..25 {
        let mut dice = Dice(seed);
        let world = World::listing();
        let mut wanted = Wanted::new();
        let mut late = Vec::new();
        let mut running = begin(&world).await;
        for _ in 0..15 {
            act(&world, &mut dice, &mut wanted);
            if dice.below(3) == 0 {
                arm(&world, &mut dice, seed);
            }
            tell(&world, &running, &mut dice, &mut late).await;
            if dice.below(6) == 0 {
                // It dies at some moment of its work.
                tokio::time::sleep(Duration::from_millis(
                    u64::try_from(dice.below(3_000)).unwrap(),
                ))
                .await;
                running.task.abort();
                running = begin(&world).await;
            }
            rest(&world, &running).await;
            assert_eq!(shows(&world.a), wanted, "a, seed {seed}");
            assert_eq!(shows(&world.b), wanted, "b, seed {seed}");
        }
        nothing_was_doubled(&world, seed);
        running.stop().await;
        world.assert_in_step().await;
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_people_do_at_once_it_comes_to_rest_alike_on_both_sides() {
    for seed in 2_000..2_040 {
        let mut dice = Dice(seed);
        let mut world = World::listing();
        world.bridge.policy.on_removed_and_edited =
            [RemovedAndEdited::Remove, RemovedAndEdited::Keep][dice.below(2)];
        let mut late = Vec::new();
        let mut running = begin(&world).await;
        for _ in 0..25 {
            let mut known = Wanted::new();
            for record in world.a.live().into_iter().chain(world.b.live()) {
                let client = record.client.name.expose().to_owned();
                let resource = record.resource.as_str().to_owned();
                known.insert(client, (resource, record.start, String::new()));
            }
            act(&world, &mut dice, &mut known);
            if dice.below(4) == 0 {
                arm(&world, &mut dice, seed);
            }
            tell(&world, &running, &mut dice, &mut late).await;
            approve_all(&world, &running).await;
            tokio::time::sleep(Duration::from_millis(
                u64::try_from(dice.below(4_000)).unwrap(),
            ))
            .await;
            if dice.below(10) == 0 {
                running.task.abort();
                running = begin(&world).await;
            }
        }
        rest(&world, &running).await;
        nothing_was_doubled(&world, seed);
        running.stop().await;
        let report = world.run().await;
        // Two people may have taken one time on two sides; then both sides keep their own, and it is told.
        if report.bridges[0].overlaps.is_empty() {
            assert_eq!(shows(&world.a), shows(&world.b), "seed {seed}: {report:#?}");
            world.assert_in_step().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn where_one_platform_lists_nothing_every_time_is_taken_on_both_sides() {
    let mut in_step = 0;
    for seed in 6_000..6_025 {
        let mut dice = Dice(seed);
        let world = World::with_grid();
        let mut late = Vec::new();
        let mut running = begin(&world).await;
        for step in 0..12 {
            let hour = i64::try_from(dice.below(24 * 5)).unwrap();
            let resource = ["anna", "boris"][dice.below(2)];
            let half = at(hour, 0).as_second() / 1800;
            // People book only what both calendars show as free.
            let is_free = [&world.a, &world.b].iter().all(|platform| {
                let time = taken_time(platform);
                [half, half + 1]
                    .iter()
                    .all(|half| !time.contains(&(resource.to_owned(), *half)))
            });
            let own: Vec<_> = world
                .a
                .live()
                .into_iter()
                .filter(|record| !record.is_block)
                .collect();
            match (dice.below(5), dice.pick(&own)) {
                (3, Some(record)) if is_free => {
                    world.a.person(&record.id, |record| {
                        record.resource = ResourceKey::new(resource);
                    });
                    world.a.move_to(&record.id, at(hour, 0));
                }
                (4, Some(record)) => world.a.cancel(&record.id),
                (place, _) if is_free => {
                    let platform = if place == 0 { &world.b } else { &world.a };
                    platform.book(resource, at(hour, 0), 60, &"К".repeat(step + 1));
                }
                _ => {}
            }
            if dice.below(4) == 0 {
                arm(&world, &mut dice, seed);
            }
            tell(&world, &running, &mut dice, &mut late).await;
            approve_all(&world, &running).await;
            // Long enough for a busy time to be seen twice before somebody else takes it.
            seconds(u64::try_from(dice.below(120)).unwrap()).await;
            if dice.below(8) == 0 {
                running.task.abort();
                running = begin(&world).await;
            }
        }
        for platform in [&world.a, &world.b] {
            platform.state.lock().unwrap().clear_faults();
        }
        for _ in 0..8 {
            approve_all(&world, &running).await;
            seconds(300).await;
        }
        nothing_was_doubled(&world, seed);
        running.stop().await;
        let report = world.run().await;
        if report.exit_code() == 0 {
            assert_eq!(
                taken_time(&world.a),
                taken_time(&world.b),
                "seed {seed}: {report:#?}"
            );
            in_step += 1;
        }
    }
    assert!(in_step > 8, "only {in_step} of 25 seeds needed nobody");
}
