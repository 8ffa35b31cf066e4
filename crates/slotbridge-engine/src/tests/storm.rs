//! Many seeded lives of two platforms: people act, calls fail, and in the end both show what the people wanted.
//!
//! The expectation is kept apart from the engine: a list of clients and the times that they should have.

use std::collections::BTreeMap;

use slotbridge_core::model::Private;
use slotbridge_core::record::RecordState;

use super::fake::Fault;
use super::*;

/// Numbers that look random and are the same for the same seed (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() {
            None
        } else {
            from.get(self.below(from.len()))
        }
    }
}

/// What people want: client → (resource, start, comment).
pub(super) type Wanted = BTreeMap<String, (String, Timestamp, String)>;

/// One person does one thing on one platform; the wish is noted.
pub(super) fn act(world: &World, dice: &mut Dice, wanted: &mut Wanted) {
    let platform = if dice.below(2) == 0 {
        &world.a
    } else {
        &world.b
    };
    let free = |dice: &mut Dice, wanted: &Wanted| loop {
        let resource = ["anna", "boris"][dice.below(2)];
        let start = at(i64::try_from(dice.below(24 * 20)).unwrap(), 0);
        let taken = wanted
            .values()
            .any(|(other, at, _)| other == resource && *at == start);
        if !taken {
            return (resource, start);
        }
    };
    let records = platform.live();
    match (dice.below(6), dice.pick(&records)) {
        (0 | 1, _) | (_, None) => {
            let (resource, start) = free(dice, wanted);
            let client = "К".repeat(wanted.len() + 1) + &start.as_second().to_string();
            platform.book(resource, start, 60, &client);
            wanted.insert(client, (resource.to_owned(), start, String::new()));
        }
        (2 | 3, Some(record)) => {
            let (resource, start) = free(dice, wanted);
            platform.move_to(&record.id, start);
            platform.person(&record.id, |record| {
                record.resource = ResourceKey::new(resource);
            });
            let entry = wanted.get_mut(record.client.name.expose()).unwrap();
            (entry.0, entry.1) = (resource.to_owned(), start);
        }
        (4, Some(record)) => {
            let comment = format!("заметка {}", dice.below(1000));
            platform.person(&record.id, |record| {
                record.comment = Private::new(comment.clone());
            });
            wanted.get_mut(record.client.name.expose()).unwrap().2 = comment;
        }
        (_, Some(record)) => {
            platform.person(&record.id, |record| record.state = RecordState::Cancelled);
            wanted.remove(record.client.name.expose());
        }
    }
}

pub(super) fn shows(platform: &Fake) -> Wanted {
    platform
        .live()
        .into_iter()
        .map(|record| {
            let client = record.client.name.expose().to_owned();
            let comment = record.comment.expose().to_owned();
            (
                client,
                (record.resource.as_str().to_owned(), record.start, comment),
            )
        })
        .collect()
}

pub(super) fn arm(world: &World, dice: &mut Dice, seed: u64) {
    let faults = [Fault::ReplyLost, Fault::Down, Fault::LostBefore];
    let platform = if dice.below(2) == 0 {
        &world.a
    } else {
        &world.b
    };
    let call = ["create", "update", "remove"][dice.below(3)];
    platform.fault(call, faults[dice.below(faults.len())]);
    if seed.is_multiple_of(3) {
        let reading = [
            ("list", Fault::Cut),
            ("list", Fault::Empty),
            ("list", Fault::Down),
            ("read", Fault::Down),
        ];
        let (call, fault) = reading[dice.below(reading.len())];
        platform.fault(call, fault);
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_people_get_what_they_wanted_once() {
    for seed in 0..80 {
        let mut dice = Dice(seed);
        let world = World::listing();
        let mut wanted = Wanted::new();
        for _ in 0..25 {
            act(&world, &mut dice, &mut wanted);
            if dice.below(3) == 0 {
                arm(&world, &mut dice, seed);
            }
            // One wish at a time: until it has arrived, nobody acts on the other platform.
            for _ in 0..8 {
                let report = world.run().await;
                if report.exit_code() == 0 && shows(&world.a) == shows(&world.b) {
                    break;
                }
                if report.exit_code() == 3 {
                    world.approve().await;
                }
            }
            assert_eq!(shows(&world.a), wanted, "a, seed {seed}");
            assert_eq!(shows(&world.b), wanted, "b, seed {seed}");
        }
        world.assert_in_step().await;
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_people_do_at_once_both_platforms_end_alike_and_nothing_is_doubled() {
    for seed in 1000..1150 {
        let mut dice = Dice(seed);
        let mut world = World::listing();
        world.bridge.policy.on_removed_and_edited =
            [RemovedAndEdited::Remove, RemovedAndEdited::Keep][dice.below(2)];
        let mut wanted = Wanted::new();
        for _ in 0..12 {
            for _ in 0..=dice.below(4) {
                // Wishes about a booking that the other side has just cancelled are made all the same.
                let mut before = wanted.clone();
                for record in world.a.live().into_iter().chain(world.b.live()) {
                    let client = record.client.name.expose().to_owned();
                    let place = (
                        record.resource.as_str().to_owned(),
                        record.start,
                        String::new(),
                    );
                    before.entry(client).or_insert(place);
                }
                act(&world, &mut dice, &mut before);
                wanted = before;
            }
            if dice.below(2) == 0 {
                arm(&world, &mut dice, seed);
            }
            if world.run().await.exit_code() == 3 {
                world.approve().await;
            }
        }
        for _ in 0..12 {
            let report = world.run().await;
            if report.exit_code() == 3 {
                world.approve().await;
            }
        }
        let writes = world.a.writes() + world.b.writes();
        let report = world.run().await;
        assert_eq!(
            world.a.writes() + world.b.writes(),
            writes,
            "seed {seed} does not come to rest: {report:#?}"
        );
        // Two people may have taken one time on two sides; then both sides keep their own, and it is told.
        if report.bridges[0].overlaps.is_empty() {
            assert_eq!(shows(&world.a), shows(&world.b), "seed {seed}: {report:#?}");
        }
    }
}

/// Every taken half hour; bookings back to back that nobody can tell apart are one block elsewhere.
pub(super) fn taken_time(platform: &Fake) -> std::collections::BTreeSet<(String, i64)> {
    platform
        .live()
        .into_iter()
        .flat_map(|record| {
            let resource = record.resource.as_str().to_owned();
            let (from, to) = (record.start.as_second(), record.end.unwrap().as_second());
            (from / 1800..to / 1800).map(move |half| (resource.clone(), half))
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn where_one_platform_lists_nothing_no_time_is_left_open_and_no_record_doubled() {
    let mut in_step = 0;
    for seed in 5000..5050 {
        let mut dice = Dice(seed);
        let world = World::with_grid();
        let mut wanted = Wanted::new();
        for _ in 0..15 {
            // The grid reaches a week ahead, and people book only what both calendars show as free.
            let hour = i64::try_from(dice.below(24 * 5)).unwrap();
            let resource = ["anna", "boris"][dice.below(2)];
            let half = at(hour, 0).as_second() / 1800;
            let taken = |platform: &Fake| {
                let time = taken_time(platform);
                [half, half + 1]
                    .iter()
                    .any(|half| time.contains(&(resource.to_owned(), *half)))
            };
            let platform = if dice.below(3) == 0 {
                &world.b
            } else {
                &world.a
            };
            let own: Vec<_> = world
                .a
                .live()
                .into_iter()
                .filter(|record| !record.is_block)
                .collect();
            match (dice.below(5), dice.pick(&own)) {
                (3, Some(record)) if !taken(&world.a) && !taken(&world.b) => {
                    world.a.move_to(&record.id, at(hour, 0));
                    world.a.person(&record.id, |record| {
                        record.resource = ResourceKey::new(resource);
                    });
                }
                (4, Some(record)) => world.a.cancel(&record.id),
                _ if !taken(&world.a) && !taken(&world.b) => {
                    let client = "К".repeat(wanted.len() + 1);
                    platform.book(resource, at(hour, 0), 60, &client);
                    wanted.insert(client, (resource.to_owned(), at(hour, 0), String::new()));
                }
                _ => {}
            }
            if dice.below(3) == 0 {
                arm(&world, &mut dice, seed);
            }
            // Twice, so that a busy time can be seen twice.
            for _ in 0..2 {
                if world.run().await.exit_code() == 3 {
                    world.approve().await;
                }
            }
        }
        for _ in 0..8 {
            if world.run().await.exit_code() == 3 {
                world.approve().await;
            }
        }
        let writes = world.a.writes() + world.b.writes();
        let report = world.run().await;
        assert_eq!(
            world.a.writes() + world.b.writes(),
            writes,
            "seed {seed} does not come to rest: {report:#?}"
        );
        if report.exit_code() == 0 {
            assert_eq!(
                taken_time(&world.a),
                taken_time(&world.b),
                "seed {seed}: {report:#?}"
            );
            in_step += 1;
        }
    }
    assert!(in_step > 25, "only {in_step} of 50 seeds needed nobody");
}
