//! A bridge that shares busy times only: the time is protected, and nothing of the client travels.

use slotbridge_core::model::Private;

use super::*;

// R43
#[tokio::test(start_paused = true)]
async fn a_copy_holds_the_time_and_nothing_else() {
    let mut world = World::listing();
    world.bridge.share = Share::Busy;
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.run().await;
    let copy = only(&world.b.live()).clone();
    assert!(copy.is_block && copy.client.name.is_blank() && copy.client.phone.is_none());
    assert_eq!((copy.start, copy.end), (at(9, 0), Some(at(10, 0))));

    let writes = world.b.writes();
    world
        .a
        .person(&a, |record| record.client.name = Private::new("Вера П."));
    assert_eq!(world.run().await.exit_code(), 0);
    assert_eq!(
        world.b.writes(),
        writes,
        "a name is nothing that a block could show"
    );

    world.a.move_to(&a, at(14, 0));
    world.run().await;
    assert_eq!(only(&world.b.live()).start, at(14, 0));
    assert_eq!(only(&world.a.live()).client.name.expose(), "Вера П.");

    world.a.cancel(&a);
    world.run().await;
    assert!(world.b.live().is_empty());
    assert_eq!(world.run().await.exit_code(), 0);
}

#[tokio::test(start_paused = true)]
async fn both_sides_see_each_others_time_once() {
    let mut world = World::listing();
    world.bridge.share = Share::Busy;
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.book("anna", at(11, 0), 60, "Игорь");
    for _ in 0..3 {
        assert_eq!(world.run().await.exit_code(), 0);
    }
    assert_eq!((world.a.writes(), world.b.writes()), (1, 1));
    let times = |platform: &Fake| {
        platform
            .live()
            .iter()
            .map(|record| record.start)
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(times(&world.a), times(&world.b));
}

#[tokio::test(start_paused = true)]
async fn a_block_finds_the_booking_that_it_was_made_for_when_the_database_is_lost() {
    let mut world = World::listing();
    world.bridge.share = Share::Busy;
    world.b.book("anna", at(9, 0), 60, "Вера");
    world.run().await;
    world.store = Store::in_memory().unwrap();
    let report = world.run().await;
    assert_eq!(
        (report.exit_code(), report.bridges[0].adopted),
        (0, 1),
        "{report:#?}"
    );
    assert_eq!((world.a.writes(), world.b.writes()), (1, 0));
    let b = live_id(&world.b);
    world.b.move_to(&b, at(15, 0));
    world.run().await;
    assert_eq!(only(&world.a.live()).start, at(15, 0));
    assert_eq!(only(&world.b.live()).client.name.expose(), "Вера");
}
