//! What a person decides about a conflict is written once, through plan and guards, and counts only over what was seen.

use slotbridge_core::merge::Choice;
use slotbridge_core::model::{Field, FieldValue, Private, Slot};
use slotbridge_store::{ConflictRow, Decider, DecisionState};

use super::fake::Fault;
use super::*;
use crate::report::PersonReport;

/// Two platforms that moved one booking to different times, and a person is asked.
async fn two_moves() -> World {
    let mut world = World::listing();
    world.bridge.policy.conflict = ConflictPolicy::Ask;
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.a.move_to(&a, at(11, 0));
    world.b.move_to(&live_id(&world.b), at(13, 0));
    assert_eq!(world.run().await.exit_code(), 4);
    world
}

async fn the_open_one(world: &World) -> ConflictRow {
    let [row] = world
        .store
        .conflicts(None)
        .await
        .unwrap()
        .try_into()
        .unwrap();
    row
}

async fn decide(world: &World, choice: Choice) -> i64 {
    let conflict = the_open_one(world).await.id;
    let decision = Change::Decision {
        conflict,
        choice,
        at: world.seam.now(),
    };
    world.store.apply(vec![decision]).await.unwrap();
    conflict
}

async fn state(world: &World, conflict: i64) -> (Option<Decider>, Option<DecisionState>) {
    let row = world.store.conflict(conflict).await.unwrap().unwrap();
    (row.decided_by, row.decision.map(|decision| decision.state))
}

const DECIDED: (Option<Decider>, Option<DecisionState>) =
    (Some(Decider::Person), Some(DecisionState::Applied));

#[tokio::test(start_paused = true)]
async fn every_choice_is_written_where_it_is_missing_once_and_stays() {
    let slot = |hour| Slot::new(at(hour, 0), at(hour + 1, 0)).unwrap();
    for (choice, hour, writes) in [
        (Choice::Take(name("a")), 11, 1),
        (Choice::Take(name("b")), 13, 1),
        (Choice::Keep, 9, 2),
        (Choice::Set(FieldValue::Slot(slot(15))), 15, 2),
    ] {
        let world = two_moves().await;
        let before = world.a.writes() + world.b.writes();
        let conflict = decide(&world, choice.clone()).await;
        let report = world.run().await;
        assert_eq!(report.exit_code(), 0, "{choice:?}: {report:#?}");
        let told = &report.bridges[0].conflicts[0];
        assert_eq!(told.id, Some(conflict.to_string()));
        assert_eq!(told.person, Some(PersonReport::Applied(choice.clone())));
        for platform in [&world.a, &world.b] {
            assert_eq!(only(&platform.live()).start, at(hour, 0), "{choice:?}");
        }
        assert_eq!(world.a.writes() + world.b.writes() - before, writes);
        assert_eq!(state(&world, conflict).await, DECIDED, "{choice:?}");
        // It stays decided, and nothing is written again.
        let report = world.run().await;
        assert_eq!(report.bridges[0].conflicts, [], "{choice:?}");
        world.assert_in_step().await;
        assert_eq!(world.a.writes() + world.b.writes() - before, writes);
        assert_eq!(world.store.conflicts(None).await.unwrap(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_is_decided_to_be_everywhere_or_nowhere() {
    for (choice, live) in [
        (Choice::Take(name("a")), 0),
        (Choice::Take(name("b")), 2),
        (Choice::Keep, 2),
    ] {
        let mut world = World::listing();
        // A bridge that only lists removals follows a person all the same.
        world.bridge.on_removal = OnRemoval::Hold;
        let a = world.a.book("anna", at(9, 0), 60, "Вера");
        world.settle().await;
        world.a.cancel(&a);
        world.b.person(&live_id(&world.b), |record| {
            record.comment = Private::new("придёт!");
        });
        assert_eq!(world.run().await.exit_code(), 4);
        let conflict = decide(&world, choice.clone()).await;
        let report = world.run().await;
        assert_eq!(report.exit_code(), 0, "{choice:?}: {report:#?}");
        assert_eq!(world.a.live().len() + world.b.live().len(), live);
        assert_eq!(state(&world, conflict).await, DECIDED, "{choice:?}");
        for record in world.a.live() {
            assert_eq!(record.comment.expose(), "придёт!", "{choice:?}");
        }
        world.assert_in_step().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_decision_over_values_that_have_changed_is_void_and_the_question_stays() {
    let world = two_moves().await;
    let conflict = decide(&world, Choice::Take(name("a"))).await;
    world.b.move_to(&live_id(&world.b), at(16, 0));
    let writes = world.a.writes() + world.b.writes();
    for _ in 0..2 {
        let report = world.run().await;
        assert_eq!(report.exit_code(), 4);
        let told = &report.bridges[0].conflicts[0];
        assert_eq!(told.person, Some(PersonReport::Void));
        assert!(told.is_open());
    }
    assert_eq!(world.a.writes() + world.b.writes(), writes);
    let void = (None, Some(DecisionState::Void));
    assert_eq!(state(&world, conflict).await, void);
    // Under the same number the person decides again.
    assert_eq!(decide(&world, Choice::Take(name("b"))).await, conflict);
    assert_eq!(world.run().await.exit_code(), 0);
    assert_eq!(only(&world.a.live()).start, at(16, 0));
}

#[tokio::test(start_paused = true)]
async fn a_decision_waits_while_a_platform_cannot_be_read_and_is_written_once_it_can() {
    let world = two_moves().await;
    let conflict = decide(&world, Choice::Take(name("a"))).await;
    world.b.fault("list", Fault::Down);
    assert_eq!(world.run().await.exit_code(), 1);
    let waiting = (None, Some(DecisionState::Waiting));
    assert_eq!(state(&world, conflict).await, waiting);
    // Taken over, but the write fails: it is not forgotten, and not asked again.
    world.b.fault("update", Fault::Down);
    assert_eq!(world.run().await.exit_code(), 1);
    assert_eq!(state(&world, conflict).await, DECIDED);
    assert_eq!(only(&world.b.live()).start, at(13, 0));
    assert_eq!(world.run().await.exit_code(), 0);
    assert_eq!(only(&world.b.live()).start, at(11, 0));
    world.assert_in_step().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_decision_wants_written_is_held_by_a_guard_like_anything_else() {
    let mut world = World::listing();
    world.bridge.policy.conflict = ConflictPolicy::Ask;
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.a.move_to(&a, at(10, 0));
    world.settle().await;
    world.a.move_to(&a, at(11, 0));
    world.b.move_to(&live_id(&world.b), at(13, 0));
    assert_eq!(world.run().await.exit_code(), 4);
    // One update of the day is used up.
    world.bridge.limits.updates_max_day = 1;
    let conflict = decide(&world, Choice::Take(name("a"))).await;
    for _ in 0..2 {
        let report = world.run().await;
        assert_eq!(report.exit_code(), 3);
        assert!(report.bridges[0].operations[0].held);
        assert_eq!(only(&world.b.live()).start, at(13, 0));
    }
    assert_eq!(state(&world, conflict).await, DECIDED);
    world.approve().await;
    assert_eq!(world.run().await.exit_code(), 0);
    assert_eq!(only(&world.b.live()).start, at(11, 0));
}

// R29
#[tokio::test(start_paused = true)]
async fn a_conflict_that_the_platforms_ended_themselves_is_closed() {
    let world = two_moves().await;
    let conflict = decide(&world, Choice::Take(name("a"))).await;
    world.a.move_to(&live_id(&world.a), at(13, 0));
    let report = world.run().await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert_eq!(report.bridges[0].conflicts, []);
    assert_eq!(world.store.conflicts(None).await.unwrap(), []);
    let row = world.store.conflict(conflict).await.unwrap().unwrap();
    assert!(row.closed);
    let void = (None, Some(DecisionState::Void));
    assert_eq!(state(&world, conflict).await, void);
    world.assert_in_step().await;
}

#[tokio::test(start_paused = true)]
async fn a_conflict_stays_open_while_a_platform_that_it_is_about_cannot_be_read() {
    let world = two_moves().await;
    let conflict = the_open_one(&world).await.id;
    world.b.fault("list", Fault::Down);
    assert_eq!(world.run().await.exit_code(), 1);
    assert_eq!(the_open_one(&world).await.id, conflict);
}

#[tokio::test(start_paused = true)]
async fn of_two_disputed_fields_each_is_decided_for_itself() {
    let world = two_moves().await;
    for (platform, phone) in [(&world.a, "+79000000002"), (&world.b, "+79000000003")] {
        platform.person(&live_id(platform), |record| {
            record.client.phone = Some(Private::new(phone));
        });
    }
    world.run().await;
    let open = world.store.conflicts(None).await.unwrap();
    let about = |field| {
        let row = open
            .iter()
            .find(|row| row.conflict.subject == slotbridge_core::merge::Subject::Field(field));
        row.unwrap().id
    };
    let phone = Change::Decision {
        conflict: about(Field::ClientPhone),
        choice: Choice::Take(name("b")),
        at: world.seam.now(),
    };
    world.store.apply(vec![phone]).await.unwrap();
    let report = world.run().await;
    assert_eq!(report.exit_code(), 4, "the slot is still asked about");
    let phone_of = |platform: &Fake| only(&platform.live()).client.phone.clone().unwrap();
    assert_eq!(phone_of(&world.a).expose(), "+79000000003");
    assert_eq!(only(&world.a.live()).start, at(11, 0));
    assert_eq!(the_open_one(&world).await.id, about(Field::Slot));
    decide(&world, Choice::Keep).await;
    assert_eq!(world.run().await.exit_code(), 0);
    assert_eq!(only(&world.b.live()).start, at(9, 0));
    world.assert_in_step().await;
}

/// When double bookings begin, in order.
fn pairs(overlaps: impl Iterator<Item = Vec<Slot>>) -> Vec<Vec<Timestamp>> {
    let mut pairs: Vec<Vec<Timestamp>> = overlaps
        .map(|mut slots| {
            slots.sort_unstable();
            slots.into_iter().map(Slot::start).collect()
        })
        .collect();
    pairs.sort_unstable();
    pairs
}

#[tokio::test(start_paused = true)]
async fn a_record_that_waits_for_a_person_keeps_its_time_on_its_platform() {
    for mut world in [World::listing(), World::with_grid()] {
        world.bridge.policy.conflict = ConflictPolicy::Ask;
        let a = world.a.book("anna", at(9, 0), 60, "Вера");
        let later = world.a.book("anna", at(17, 0), 60, "Надежда");
        world.settle().await;
        world.a.move_to(&a, at(11, 0));
        let disputed = client_on(&world.b, "Вера");
        world.b.move_to(&disputed, at(13, 0));
        assert_eq!(world.run().await.exit_code(), 4);
        let writes = world.b.writes();
        // One is new, the other is moved there.
        let other = world.a.book("anna", at(13, 30), 60, "Игорь");
        world.a.move_to(&later, at(12, 30));
        let report = world.run().await;
        assert_eq!(world.b.writes(), writes, "its time is taken there");
        let overlaps = &report.bridges[0].overlaps;
        let pairs = pairs(overlaps.iter().map(|one| {
            let slots = one.bookings.iter().map(|entry| entry.slot);
            slots.collect()
        }));
        assert_eq!(
            pairs,
            [[at(12, 30), at(13, 0)], [at(13, 0), at(13, 30)]],
            "{overlaps:#?}"
        );
        let entries = overlaps.iter().flat_map(|one| &one.bookings);
        for entry in entries.filter(|entry| entry.slot.start() == at(13, 0)) {
            assert_eq!(entry.platform, name("a"), "where it was seen first");
        }
        let bridge = &world.bridge.name;
        let now = world.seam.now();
        let standing = crate::standing::overlaps(&world.store, bridge, now).await;
        let stand = self::pairs(standing.unwrap().iter().map(|one| {
            let slots = one.bookings.iter().map(|taking| taking.slot);
            slots.collect()
        }));
        assert_eq!(stand, pairs, "it is told the same without a run");
        // Who decides by moving it back lets the others in.
        world.a.move_to(&other, at(14, 0));
        world.b.move_to(&disputed, at(11, 0));
        world.settle().await;
        let mut starts: Vec<Timestamp> = world.b.live().iter().map(|one| one.start).collect();
        starts.sort_unstable();
        assert_eq!(starts, [at(11, 0), at(12, 30), at(14, 0)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_booking_that_somebody_has_edited_keeps_its_time_until_it_is_decided() {
    let mut world = World::listing();
    world.bridge.policy.on_removed_and_edited = RemovedAndEdited::Ask;
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    // The removal does not arrive, and somebody goes on with the copy.
    world.a.cancel(&a);
    world.b.fault("remove", Fault::Down);
    world.run().await;
    let copy = client_on(&world.b, "Вера");
    world.b.person(&copy, |record| {
        record.comment = Private::new("придёт!");
    });
    assert_eq!(world.run().await.exit_code(), 4);
    world.a.book("anna", at(9, 30), 60, "Игорь");
    let writes = world.b.writes();
    let report = world.run().await;
    assert_eq!(world.b.writes(), writes, "its time is taken there");
    let overlaps = &report.bridges[0].overlaps;
    let told = pairs(
        overlaps
            .iter()
            .map(|one| one.bookings.iter().map(|entry| entry.slot).collect()),
    );
    assert_eq!(told, [[at(9, 0), at(9, 30)]], "{overlaps:#?}");
    let (bridge, now) = (&world.bridge.name, world.seam.now());
    let standing = crate::standing::overlaps(&world.store, bridge, now).await;
    let standing = standing.unwrap();
    let stand = pairs(
        standing
            .iter()
            .map(|one| one.bookings.iter().map(|taking| taking.slot).collect()),
    );
    assert_eq!(stand, told, "it is told the same without a run");
    // Who decides against it lets the other in.
    world.b.cancel(&copy);
    world.settle().await;
    assert_eq!(only(&world.b.live()).start, at(9, 30));
}
