//! One platform that lists nothing: known records are re-read, busy times protect what cannot be read.

use slotbridge_core::model::Kind;

use super::fake::Fault;
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
