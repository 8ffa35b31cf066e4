//! A window with many records is listed in parts; what it proves is what one listing would prove.

use super::fake::Fault;
use super::*;

/// Thirty bookings on ten days, in step on two platforms. In tests a part has ten records at most.
async fn many() -> (World, Vec<RemoteId>) {
    let world = World::listing();
    let mut ids = Vec::new();
    for day in 0..10 {
        for hour in 9..12 {
            let client = "К".repeat(ids.len() + 1);
            ids.push(world.a.book("anna", at(day * 24 + hour, 0), 60, &client));
        }
    }
    for _ in 0..2 {
        world.run().await;
    }
    assert_eq!(world.b.live().len(), 30);
    (world, ids)
}

fn forget(platform: &Fake, id: &RemoteId) {
    platform.state.lock().unwrap().records.remove(id);
}

#[tokio::test(start_paused = true)]
async fn many_records_are_listed_in_parts_and_nothing_is_written() {
    let (world, _) = many().await;
    let (before, writes) = (world.a.calls("list"), world.b.writes());
    let report = world.run().await;
    assert_eq!(report.exit_code(), 0);
    assert!(world.a.calls("list") - before >= 3);
    assert_eq!(world.a.calls("read"), 0);
    assert_eq!(world.b.writes(), writes);
    let shown = &report.bridges[0].platforms[0];
    assert_eq!((shown.records, shown.coverage), (30, "complete"));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_went_to_another_part_has_moved_and_one_that_is_gone_is_looked_for() {
    let (world, ids) = many().await;
    world.a.move_to(&ids[0], at(8 * 24 + 15, 0));
    world.a.move_to(&ids[29], at(15, 0));
    forget(&world.a, &ids[15]);
    let reads = world.a.calls("read");
    world.settle().await;
    assert_eq!(
        world.a.calls("read") - reads,
        1,
        "only what is missing is read"
    );
    assert_eq!(world.b.live().len(), 29);
}

#[tokio::test(start_paused = true)]
async fn where_a_later_part_fails_nothing_is_concluded_and_what_was_shown_counts() {
    let (world, ids) = many().await;
    forget(&world.a, &ids[0]);
    world.a.person(&ids[1], |record| {
        record.comment = slotbridge_core::model::Private::new("у окна");
    });
    // The first part is answered as ever.
    world.a.fault("list", Fault::ReplyLost);
    world.a.fault("list", Fault::Down);
    let report = world.run().await;
    assert_eq!(report.exit_code(), 1);
    assert_eq!(report.bridges[0].platforms[0].coverage, "partial");
    assert_eq!(world.b.live().len(), 30, "nothing is removed");
    let told = |record: &&slotbridge_core::record::Record| record.comment.expose() == "у окна";
    assert_eq!(world.b.live().iter().filter(told).count(), 1);
    world.settle().await;
    assert_eq!(world.b.live().len(), 29);
}

#[tokio::test(start_paused = true)]
async fn parts_that_are_all_empty_prove_nothing() {
    let (world, _) = many().await;
    for _ in 0..20 {
        world.a.fault("list", Fault::Empty);
    }
    let report = world.run().await;
    assert_eq!(report.exit_code(), 3);
    assert_eq!(report.bridges[0].platforms[0].coverage, "partial");
    assert_eq!((world.b.live().len(), world.a.calls("read")), (30, 0));
}
