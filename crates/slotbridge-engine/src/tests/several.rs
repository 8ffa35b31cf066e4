//! Bridges of more than two platforms, each with a direction.

use slotbridge_core::model::Private;

use super::*;

/// Adds a third platform that lists everything.
fn with_third(world: &mut World, direction: Direction) -> Arc<Fake> {
    let c = Fake::listing("c", Arc::clone(&world.seam) as Arc<dyn Seam>);
    let mut third = member(&c);
    third.direction = direction;
    world.bridge.members.push(third);
    c
}

#[tokio::test(start_paused = true)]
async fn what_happens_on_any_of_three_arrives_on_the_other_two() {
    let mut world = World::listing();
    let c = with_third(&mut world, Direction::Both);
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.book("anna", at(11, 0), 60, "Игорь");
    let third = c.book("boris", at(9, 0), 60, "Любовь");
    world.settle().await;
    assert_eq!(world.times(&world.a), world.times(&c));

    c.move_to(&third, at(15, 0));
    world.settle().await;
    assert_eq!(world.times(&world.a), world.times(&c));

    let copy = world
        .a
        .live()
        .into_iter()
        .find(|record| record.client.name.expose() == "Любовь")
        .unwrap();
    world.a.cancel(&copy.id);
    world.settle().await;
    assert_eq!((world.a.live().len(), c.live().len()), (2, 2));
    assert!(!c.state.lock().unwrap().twins_seen);
}

#[tokio::test(start_paused = true)]
async fn what_stands_on_three_platforms_is_one_booking() {
    let mut world = World::listing();
    let c = with_third(&mut world, Direction::Both);
    for platform in [&world.a, &world.b, &c] {
        platform.book("anna", at(9, 0), 60, "Вера");
    }
    let report = world.run().await;
    assert_eq!((report.bridges[0].adopted, report.exit_code()), (1, 0));
    assert_eq!(world.a.writes() + world.b.writes() + c.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_is_only_written_gets_everything_and_is_not_listened_to() {
    let mut world = World::listing();
    let c = with_third(&mut world, Direction::To);
    world.a.book("anna", at(9, 0), 60, "Вера");
    c.book("boris", at(9, 0), 60, "Игорь");
    world.settle().await;
    assert_eq!(
        (world.a.live().len(), c.live().len()),
        (1, 2),
        "its own bookings stay its own"
    );

    let copy = c
        .live()
        .into_iter()
        .find(|record| record.marker.is_some())
        .unwrap();
    c.person(&copy.id, |record| {
        record.comment = Private::new("перенести?");
    });
    let report = world.run().await;
    assert_eq!(
        report.bridges[0].conflicts.len(),
        1,
        "the edit that is overwritten is kept as a conflict"
    );
    let copy = c
        .live()
        .into_iter()
        .find(|record| record.marker.is_some())
        .unwrap();
    assert!(copy.comment.is_blank());
    assert!(only(&world.a.live()).comment.is_blank());
}

#[tokio::test(start_paused = true)]
async fn one_platform_that_is_down_does_not_keep_the_others_apart() {
    let mut world = World::listing();
    let c = with_third(&mut world, Direction::Both);
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    c.fault("list", fake::Fault::Down);
    let a = live_id(&world.a);
    world.a.move_to(&a, at(12, 0));
    let report = world.run().await;
    assert_eq!(report.exit_code(), 1);
    assert_eq!(only(&world.b.live()).start, at(12, 0));
    assert_eq!(only(&c.live()).start, at(9, 0));
    world.settle().await;
    assert_eq!(only(&c.live()).start, at(12, 0));
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_cancels_and_books_again_is_followed_to_the_new_record() {
    let seam = seam();
    let world = World::over(Arc::clone(&seam), Fake::rebooking("b", seam));
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    let before = live_id(&world.b);
    world.a.move_to(&a, at(12, 0));
    let report = world.run().await;
    assert!(
        report.bridges[0].operations[0].rebooks,
        "the report says how it was moved"
    );
    world.settle().await;
    let after = only(&world.b.live()).clone();
    assert_ne!(after.id, before);
    world.b.move_to(&after.id, at(15, 0));
    world.settle().await;
    assert_eq!(only(&world.a.live()).start, at(15, 0));
}

#[tokio::test(start_paused = true)]
async fn our_own_cancelling_in_the_middle_of_a_move_is_not_a_persons_removal() {
    let seam = seam();
    let world = World::over(Arc::clone(&seam), Fake::rebooking("b", seam));
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.b.state.lock().unwrap().dies_between = true;
    world.a.move_to(&a, at(12, 0));
    assert_eq!(world.run().await.exit_code(), 1);
    assert!(world.b.live().is_empty());
    world.b.state.lock().unwrap().dies_between = false;
    world.settle().await;
    assert_eq!(only(&world.a.live()).start, at(12, 0));
    assert_eq!(world.b.live().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_swap_is_untied_also_where_every_move_gives_a_new_record() {
    let seam = seam();
    let world = World::over(Arc::clone(&seam), Fake::rebooking("b", seam));
    let one = world.a.book("anna", at(9, 0), 60, "Вера");
    let two = world.a.book("anna", at(11, 0), 60, "Любовь");
    world.settle().await;
    world.a.move_to(&one, at(11, 0));
    world.a.move_to(&two, at(9, 0));
    let report = world.run().await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    world.assert_in_step().await;
}
