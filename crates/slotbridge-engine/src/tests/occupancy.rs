//! One platform that lists nothing: known records are re-read, busy times protect what cannot be read.

use jiff::SignedDuration;
use slotbridge_core::model::{Kind, Private};

use super::fake::{Between, Fault};
use super::*;

#[tokio::test(start_paused = true)]
async fn a_booking_made_on_the_listing_platform_is_created_once_and_followed() {
    let world = World::with_grid();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.a.move_to(&a, at(12, 0));
    world.settle().await;
    world.b.cancel(&live_id(&world.b));
    world.settle().await;
    assert!(world.a.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_busy_time_that_nobody_explains_becomes_a_block_when_seen_twice_and_goes_with_it() {
    let world = World::with_grid();
    let b = world.b.book("anna", at(9, 0), 60, "Вера");
    world.run().await;
    assert!(world.a.live().is_empty(), "seen once is not enough");
    world.run().await;
    let block = only(&world.a.live()).clone();
    assert_eq!((block.start, block.end), (at(9, 0), Some(at(10, 0))));
    assert!(block.is_block && block.client.phone.is_none() && block.client.name.is_blank());
    world.run().await;
    assert_eq!(world.a.writes(), 1, "a block stays as it is");
    world.b.cancel(&b);
    world.run().await;
    assert!(world.a.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_block_does_not_end_with_an_answer_that_does_not_speak_of_its_time() {
    let world = World::with_grid();
    world.b.book("anna", at(9, 0), 60, "Вера");
    world.run().await;
    world.run().await;
    let block = live_id(&world.a);
    world.b.state.lock().unwrap().grid_from = Some(at(20, 0));
    world.run().await;
    world.b.state.lock().unwrap().grid_from = None;
    world.run().await;
    assert_eq!(live_id(&world.a), block);
    assert_eq!(world.a.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_block_stays_as_it_is_when_the_time_beside_it_is_taken_too() {
    let world = World::with_grid();
    let first = world.b.book("anna", at(9, 0), 60, "Вера");
    world.run().await;
    world.run().await;
    let stands = live_id(&world.a);
    let before = world.b.book("anna", at(8, 0), 60, "Игорь");
    let after = world.b.book("anna", at(10, 0), 60, "Анна");
    world.run().await;
    world.run().await;
    let slots = |world: &World| -> Vec<_> {
        let mut slots: Vec<_> = world
            .a
            .live()
            .iter()
            .map(|one| (one.start, one.end))
            .collect();
        slots.sort();
        slots
    };
    let hour = |hour| (at(hour, 0), Some(at(hour + 1, 0)));
    assert_eq!(slots(&world), [hour(8), hour(9), hour(10)]);
    assert!(world.a.live().iter().any(|one| one.id == stands));
    assert_eq!(world.a.writes(), 3, "nothing was taken away or changed");
    world.b.cancel(&first);
    world.run().await;
    assert_eq!(slots(&world), [hour(8), hour(10)]);
    world.b.cancel(&before);
    world.b.cancel(&after);
    world.run().await;
    assert_eq!(slots(&world), []);
}

#[tokio::test(start_paused = true)]
async fn a_block_that_has_no_room_is_made_in_parts() {
    let world = World::with_grid();
    world.a.state.lock().unwrap().closes_at = Some(at(17, 0));
    let first = world.b.book("anna", at(15, 0), 120, "Вера");
    let second = world.b.book("anna", at(17, 0), 60, "Игорь");
    for _ in 0..5 {
        world.run().await;
    }
    let taken = |world: &World, from, to| {
        let live = world.a.live();
        let minutes: i64 = live
            .iter()
            .filter(|one| at(from, 0) <= one.start && one.end.unwrap() <= at(to, 0))
            .map(|one| one.end.unwrap().duration_since(one.start).as_mins())
            .sum();
        minutes
    };
    assert_eq!(taken(&world, 15, 17), 120, "{:?}", world.a.live());
    let made = world.a.writes();
    world.run().await;
    assert_eq!(world.a.writes(), made);

    world.b.cancel(&second);
    world.run().await;
    assert_eq!(taken(&world, 15, 17), 120, "{:?}", world.a.live());
    world.b.cancel(&first);
    world.run().await;
    assert_eq!(world.a.live(), []);
}

#[tokio::test(start_paused = true)]
async fn a_block_whose_marker_did_not_arrive_is_no_booking() {
    let world = World::with_grid();
    let hidden = world.b.book("anna", at(9, 0), 60, "Вера");
    world.run().await;
    world.a.state.lock().unwrap().between = Some(Between::SecondCallFails);
    world.a.fault("create", Fault::ReplyLost);
    world.run().await;
    for _ in 0..3 {
        world.run().await;
        assert_eq!(world.a.live().len(), 1);
    }
    let state = world.store.bridge(&world.bridge.name, Timestamp::MIN);
    let bookings = state.await.unwrap().bookings;
    assert_eq!(bookings.len(), 1, "{bookings:?}");
    assert_eq!((world.a.writes(), world.b.writes()), (1, 0));
    world.b.cancel(&hidden);
    world.run().await;
    assert_eq!(world.a.live(), []);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_the_owner_names_is_read_and_synced_as_a_booking() {
    let mut world = World::with_grid();
    let b = world.b.book("anna", at(9, 0), 60, "Вера");
    world.bridge.members[1].known_records.push(b.clone());
    world.settle().await;
    assert_eq!(only(&world.a.live()).client.name.expose(), "Вера");
    world.b.move_to(&b, at(14, 0));
    world.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_to_a_create_is_settled_by_the_busy_time() {
    let world = World::with_grid();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.fault("create", Fault::ReplyLost);
    world.run().await;
    for _ in 0..3 {
        let report = world.run().await;
        assert_eq!(report.exit_code(), 0, "{report:#?}");
    }
    assert_eq!(world.b.live().len(), 1);
    assert_eq!(world.a.live().len(), 1, "its own busy time is no block");

    world.a.move_to(&a, at(12, 0));
    let report = world.run().await;
    assert_eq!(
        report.exit_code(),
        4,
        "the record can't be moved without its id: {report:#?}"
    );
    assert_eq!(world.b.live().len(), 1, "and a second one may not appear");
}

#[tokio::test(start_paused = true)]
async fn a_create_that_was_lost_on_the_way_is_made_again() {
    let world = World::with_grid();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.fault("create", Fault::LostBefore);
    world.run().await;
    world.settle().await;
    assert_eq!(world.b.live().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn losing_the_database_presumes_what_is_busy() {
    let mut world = World::with_grid();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.a.book("boris", at(11, 0), 90, "Игорь");
    world.settle().await;
    world.store = Store::in_memory().unwrap();
    let writes = world.a.writes() + world.b.writes();
    for _ in 0..3 {
        let report = world.run().await;
        assert_eq!(report.exit_code(), 0, "{report:#?}");
    }
    assert_eq!(world.a.writes() + world.b.writes(), writes);
    assert!(world.a.live().iter().all(|record| !record.is_block));
}

/// A booking whose time is busy on `b` because of another one there, which the owner names afterwards.
async fn presumed_and_then_explained() -> (World, RemoteId, RemoteId) {
    let mut world = World::with_grid();
    let b = world.b.book("anna", at(9, 0), 60, "Игорь");
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.run().await;
    assert_eq!(world.b.writes(), 0, "it is taken for the same booking");
    world.bridge.members[1].known_records.push(b.clone());
    world.run().await;
    (world, a, b)
}

#[tokio::test(start_paused = true)]
async fn a_busy_time_that_turns_out_to_be_another_booking_is_no_copy() {
    let (world, _, b) = presumed_and_then_explained().await;
    assert_eq!(
        world.b.writes(),
        0,
        "two bookings at one time are a person's to settle"
    );
    world.b.cancel(&b);
    world.settle().await;
    assert_eq!(only(&world.b.live()).client.name.expose(), "Вера");

    let (world, a, _) = presumed_and_then_explained().await;
    world.a.move_to(&a, at(12, 0));
    world.settle().await;
    assert_eq!(world.b.live().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_came_onto_a_busy_time_does_not_explain_it() {
    for is_new in [true, false] {
        let mut world = World::with_grid();
        world.b.book("anna", at(9, 0), 60, "Вера");
        let a = world.a.book("anna", at(9, 0), 60, "Вера");
        let early = world.b.book("anna", at(15, 0), 60, "Игорь");
        world.run().await;
        world.seam.sleep(std::time::Duration::from_secs(1)).await;
        let late = if is_new {
            let late = world.b.book("anna", at(9, 0), 60, "Надежда");
            // Not every platform tells when a record was changed.
            let mut state = world.b.state.lock().unwrap();
            state.records.get_mut(&late).unwrap().changed_at = None;
            late
        } else {
            world.b.move_to(&early, at(9, 0));
            early
        };
        world.bridge.members[1].known_records.push(late);
        world.run().await;
        world.a.move_to(&a, at(12, 0));
        world.run().await;
        assert_eq!(world.b.writes(), 0, "a second one may not appear");
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_without_an_answer_may_stand_beside_another_booking() {
    let mut world = World::with_grid();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.fault("create", Fault::ReplyLost);
    world.run().await;
    let other = world.b.book("anna", at(9, 0), 60, "Игорь");
    world.run().await;
    world.bridge.members[1].known_records.push(other);
    world.run().await;
    world.a.move_to(&a, at(12, 0));
    world.run().await;
    assert_eq!(world.b.live().len(), 2, "a second one may not appear");
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_cannot_be_read_gets_no_record() {
    let world = World::with_grid();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.fault("occupancy", Fault::Down);
    let report = world.run().await;
    assert_eq!((world.b.writes(), report.exit_code()), (0, 1));
    world.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_person_who_deletes_a_block_is_not_contradicted() {
    let world = World::with_grid();
    world.b.book("anna", at(9, 0), 60, "Вера");
    world.run().await;
    world.run().await;
    world.a.cancel(&live_id(&world.a));
    world.run().await;
    world.run().await;
    assert!(world.a.live().is_empty());
    let kinds: Vec<_> = world
        .store
        .bridge(&world.bridge.name, Timestamp::MIN)
        .await
        .unwrap()
        .bookings;
    assert!(kinds.iter().all(|row| {
        row.canonical
            .live()
            .is_none_or(|booking| booking.kind == Kind::Block)
    }));
}

#[tokio::test(start_paused = true)]
async fn a_lost_create_that_nothing_can_settle_is_never_repeated() {
    let world = World::with_grid();
    // The grid reaches a week ahead.
    world.a.book("anna", at(9 + 24 * 9, 0), 60, "Вера");
    world.b.fault("create", Fault::ReplyLost);
    for _ in 0..3 {
        let report = world.run().await;
        assert_eq!(
            outcomes(&report),
            [("create", "b".to_owned(), OutcomeWord::Unknown)]
        );
        assert_eq!(report.exit_code(), 1);
    }
    assert_eq!(world.b.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_moved_while_nobody_looked_is_not_lost_when_its_old_time_is_over() {
    let days = |count: u64| std::time::Duration::from_hours(count * 24);
    let world = World::with_grid();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    let later = at(10, 0) + SignedDuration::try_from(days(5)).unwrap();
    world.b.move_to(&live_id(&world.b), later);
    world.seam.sleep(days(3)).await;
    world.run().await;
    let now = world.seam.now();
    let state = world.store.bridge(&world.bridge.name, now).await.unwrap();
    let starts: Vec<Timestamp> = state
        .bookings
        .iter()
        .map(|row| row.canonical.live().unwrap().slot.start())
        .collect();
    assert_eq!(starts, [later]);
    // Once its time was over when it was read, it is left.
    world.seam.sleep(days(9)).await;
    world.run().await;
    let reads = world.b.calls("read");
    world.run().await;
    assert_eq!(world.b.calls("read"), reads);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_we_may_have_moved_is_read_although_its_old_time_is_long_over() {
    let hours = std::time::Duration::from_hours;
    let world = World::with_grid();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.seam.sleep(hours(28)).await;
    world.run().await;
    let later = at(10, 0) + SignedDuration::from_hours(24 * 6);
    world.a.move_to(&a, later);
    world.b.fault("update", Fault::ReplyLost);
    world.run().await;
    world.seam.sleep(hours(48)).await;
    world.settle().await;
    let open = world.store.journal_open(&world.bridge.name).await.unwrap();
    assert_eq!(open, []);
    for platform in [&world.a, &world.b] {
        assert_eq!(only(&platform.live()).start, later);
    }
}

#[tokio::test(start_paused = true)]
async fn a_copy_without_an_answer_goes_with_its_booking_when_it_turns_up_after_the_cancellation() {
    for edited in [false, true] {
        let mut world = World::with_grid();
        let a = world.a.book("anna", at(9, 0), 60, "Вера");
        world.b.fault("create", Fault::ReplyLost);
        world.run().await;
        world.run().await;
        world.seam.sleep(std::time::Duration::from_mins(10)).await;
        world.a.cancel(&a);
        world.run().await;
        let b = live_id(&world.b);
        if edited {
            world
                .b
                .person(&b, |record| record.comment = Private::new("с собакой"));
        }
        world.bridge.members[1].known_records.push(b);
        world.run().await;
        let report = world.run().await;
        assert!(world.a.live().is_empty(), "edited: {edited}");
        // An edit against a cancellation is a person's to decide.
        assert_eq!(world.b.live().len(), usize::from(edited));
        assert_eq!(report.exit_code(), if edited { 4 } else { 0 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_the_owner_names_after_its_booking_was_cancelled_or_moved_follows_it() {
    for moved in [false, true] {
        let mut world = World::with_grid();
        let b = world.b.book("anna", at(9, 0), 60, "Вера");
        let a = world.a.book("anna", at(9, 0), 60, "Вера");
        world.run().await;
        assert_eq!(world.b.writes(), 0, "it is taken for the same booking");
        world.seam.sleep(std::time::Duration::from_mins(10)).await;
        if moved {
            world.a.move_to(&a, at(12, 0));
        } else {
            world.a.cancel(&a);
        }
        let report = world.run().await;
        assert!(report.bridges[0].waiting[0].needs_person, "{report:#?}");
        world.bridge.members[1].known_records.push(b);
        for _ in 0..3 {
            world.run().await;
        }
        let times = |platform: &Fake| -> Vec<_> {
            platform.live().iter().map(|record| record.start).collect()
        };
        let expected = if moved { vec![at(12, 0)] } else { Vec::new() };
        assert_eq!(times(&world.a), expected);
        assert_eq!(times(&world.b), expected);
    }
}
