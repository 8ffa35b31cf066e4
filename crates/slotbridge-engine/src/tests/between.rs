//! What happens between a write and what is known of it: a person writes, a second call does not arrive, the process dies.

use std::collections::BTreeSet;

use slotbridge_core::merge::{RemovedAndEdited, Subject};
use slotbridge_core::model::{Field, Private};
use slotbridge_platform::Platform as _;
use slotbridge_platform::seam::Seam as _;

use super::fake::{Between, Fault};
use super::*;

fn comments(world: &World) -> [String; 2] {
    [&world.a, &world.b].map(|platform| only(&platform.live()).comment.expose().to_owned())
}

/// A world whose two platforms show one booking.
async fn in_step() -> (World, RemoteId) {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    (world, a)
}

fn write(world: &World, id: &RemoteId, comment: &str) {
    let comment = Private::new(comment);
    world
        .a
        .person(id, |record| record.comment.clone_from(&comment));
}

#[tokio::test(start_paused = true)]
async fn a_comment_that_a_person_writes_before_ours_is_read_back_is_a_change() {
    let (world, a) = in_step().await;
    write(&world, &a, "звонить");
    world.b.state.lock().unwrap().between = Some(Between::PersonWrites("код 12"));
    world.run().await;
    world.settle().await;
    assert_eq!(comments(&world), ["код 12", "код 12"]);

    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    write(&world, &a, "звонить");
    world.b.state.lock().unwrap().between = Some(Between::PersonWrites("код 12"));
    world.run().await;
    world.settle().await;
    assert_eq!(comments(&world), ["код 12", "код 12"]);
}

#[tokio::test(start_paused = true)]
async fn a_comment_in_the_platforms_own_spelling_is_no_change() {
    let (world, a) = in_step().await;
    write(&world, &a, "Звонить, и быстро!");
    world.b.state.lock().unwrap().between = Some(Between::PersonWrites("звонить и"));
    world.run().await;
    world.settle().await;
    assert_eq!(comments(&world), ["Звонить, и быстро!", "звонить и"]);
}

#[tokio::test(start_paused = true)]
async fn a_copy_without_its_marker_is_known_by_what_it_was_to_show_and_gets_its_comment() {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    write(&world, &a, "звонить");
    world.b.state.lock().unwrap().between = Some(Between::SecondCallFails);
    world.b.fault("create", Fault::ReplyLost);
    let report = world.run().await;
    assert_eq!(
        outcomes(&report),
        [("create", "b".to_owned(), OutcomeWord::Unknown)]
    );
    world.settle().await;
    assert_eq!(world.b.calls("create"), 1);
    assert_eq!(comments(&world), ["звонить", "звонить"]);
}

/// A world in which the answer to a create was lost, and a person has cancelled the copy before anybody has looked. The
/// copy is without a marker.
async fn cancelled_unseen() -> (World, RemoteId) {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.state.lock().unwrap().between = Some(Between::SecondCallFails);
    world.b.fault("create", Fault::ReplyLost);
    world.run().await;
    world.b.cancel(&live_id(&world.b));
    (world, a)
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_was_cancelled_before_it_was_known_is_not_made_again() {
    let (world, a) = cancelled_unseen().await;
    for _ in 0..3 {
        let report = world.run().await;
        assert_eq!(
            outcomes(&report),
            [("create", "b".to_owned(), OutcomeWord::Unknown)],
            "it is told until a person has said what became of the booking"
        );
        let told = &report.bridges[0].operations[0];
        assert!(told.remote_id.is_some(), "{told:?}");
        assert_eq!((world.b.live().len(), world.b.calls("create")), (0, 1));
    }
    world.a.cancel(&a);
    world.settle().await;
    assert_eq!(world.b.calls("create"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_stands_after_all_is_the_one_that_was_made() {
    let (world, _) = cancelled_unseen().await;
    world.run().await;
    let copy = world.b.state.lock().unwrap().records.keys().next().cloned();
    world.b.person(&copy.unwrap(), |record| {
        record.state = slotbridge_core::record::RecordState::Live;
    });
    world.settle().await;
    assert_eq!(
        (
            world.b.live().len(),
            world.b.calls("create"),
            world.a.writes()
        ),
        (1, 1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_comment_that_did_not_arrive_with_a_copy_that_could_not_be_read_back_is_lost_nowhere() {
    for arrives in [true, false] {
        let world = World::with_grid();
        let a = world.a.book("anna", at(9, 0), 60, "Вера");
        write(&world, &a, "звонить");
        world.b.fault("read", Fault::Down);
        if !arrives {
            world.b.state.lock().unwrap().between = Some(Between::SecondCallFails);
        }
        world.run().await;
        assert_eq!(comments(&world)[1], if arrives { "звонить" } else { "" });
        world.settle().await;
        assert_eq!(comments(&world), ["звонить", "звонить"]);
        assert_eq!(world.a.writes(), 0);
        assert_eq!(world.b.writes(), if arrives { 1 } else { 2 });
    }
}

/// A world in which a booking lives on although it was cancelled, if it was edited elsewhere. Its copy was made with its
/// comment, and could not be read since.
async fn not_read_back() -> (World, RemoteId) {
    let mut world = World::with_grid();
    world.bridge.policy.on_removed_and_edited = RemovedAndEdited::Keep;
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    write(&world, &a, "звонить");
    world.b.fault("read", Fault::Down);
    world.run().await;
    assert_eq!(comments(&world), ["звонить", "звонить"]);
    (world, a)
}

#[tokio::test(start_paused = true)]
async fn a_comment_of_ours_that_is_first_seen_after_a_cancellation_is_no_edit() {
    let (world, a) = not_read_back().await;
    world.a.cancel(&a);
    world.b.fault("read", Fault::Down);
    world.run().await;
    assert_eq!(world.b.live().len(), 1, "nobody could look at it");
    world.settle().await;
    assert_eq!((world.a.live().len(), world.b.live().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn another_comment_that_is_first_seen_after_a_cancellation_is_an_edit() {
    let (world, a) = not_read_back().await;
    world.a.cancel(&a);
    world.b.fault("read", Fault::Down);
    world.run().await;
    world.b.person(&live_id(&world.b), |record| {
        record.comment = Private::new("код 12");
    });
    world.settle().await;
    assert_eq!(comments(&world), ["код 12", "код 12"]);
}

#[tokio::test(start_paused = true)]
async fn a_comment_of_ours_that_is_first_seen_after_another_was_written_elsewhere_is_no_rival() {
    let (world, a) = not_read_back().await;
    write(&world, &a, "код 12");
    world.b.fault("read", Fault::Down);
    world.run().await;
    let report = world.run().await;
    assert!(report.bridges[0].conflicts.is_empty(), "{report:#?}");
    world.settle().await;
    assert_eq!(comments(&world), ["код 12", "код 12"]);
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_change_of_ours_that_is_first_seen_after_a_cancellation_is_no_edit() {
    let (mut world, a) = in_step().await;
    world.bridge.policy.on_removed_and_edited = RemovedAndEdited::Keep;
    world.a.move_to(&a, at(11, 0));
    write(&world, &a, "звонить");
    world.b.state.lock().unwrap().between = Some(Between::CommentFails);
    world.b.fault("update", Fault::ReplyLost);
    world.run().await;
    let copy = only(&world.b.live()).clone();
    assert_eq!((copy.start, copy.comment.expose()), (at(11, 0), ""));
    world.a.cancel(&a);
    world.b.fault("list", Fault::Down);
    world.run().await;
    assert_eq!(world.b.live().len(), 1, "nobody could look at it");
    world.settle().await;
    assert_eq!((world.a.live().len(), world.b.live().len()), (0, 0));
}

/// A world in which a copy was made without an answer, and its comment did not arrive.
async fn without_its_comment() -> World {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    write(&world, &a, "звонить");
    world.b.state.lock().unwrap().between = Some(Between::CommentFails);
    world.b.fault("create", Fault::ReplyLost);
    world.run().await;
    world
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_was_seen_and_cannot_be_looked_at_again_is_not_known_to_have_its_comment() {
    let world = without_its_comment().await;
    // A look has shown it, and nothing was made of that before the platform went down.
    let seen = Change::MirrorListed {
        platform: world.b.name().clone(),
        record: only(&world.b.live()).clone(),
        begun_at: world.seam.now(),
        at: world.seam.now(),
    };
    world.store.apply(vec![seen]).await.unwrap();
    world.b.fault("list", Fault::Down);
    world.run().await;
    world.settle().await;
    assert_eq!(comments(&world), ["звонить", "звонить"]);
}

#[tokio::test(start_paused = true)]
async fn a_comment_that_did_not_arrive_is_not_overwritten_in_silence_by_whoever_could_not_see_it() {
    let world = without_its_comment().await;
    world.b.person(&live_id(&world.b), |record| {
        record.comment = Private::new("код 12");
    });
    let report = world.run().await;
    let told = report.bridges[0].conflicts.iter();
    let told: Vec<&Subject> = told.map(|told| &told.conflict.subject).collect();
    assert_eq!(told, [&Subject::Field(Field::Comment)]);
    world.settle().await;
    assert_eq!(comments(&world), ["код 12", "код 12"]);
}

#[tokio::test(start_paused = true)]
async fn a_time_at_which_a_create_may_have_landed_is_given_to_nobody_else_before_that_is_known() {
    let world = World::with_grid();
    let olya = world.a.book("anna", at(11, 0), 60, "Оля");
    world.settle().await;
    let vera = world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.fault("create", Fault::LostBefore);
    world.run().await;
    world.a.move_to(&vera, at(14, 0));
    world.a.move_to(&olya, at(9, 0));
    world.b.fault("occupancy", Fault::Down);
    let report = world.run().await;
    assert_eq!(world.b.calls("update"), 0);
    let waits: Vec<_> = report.bridges[0].waiting.iter().collect();
    assert!(
        matches!(&waits[..], [one] if one.why.contains("looked for first") && !one.needs_person),
        "{waits:?}"
    );
    world.settle().await;
    let starts: BTreeSet<_> = world.b.live().iter().map(|one| one.start).collect();
    assert_eq!(starts, BTreeSet::from([at(9, 0), at(14, 0)]));
    assert_eq!(world.b.calls("create"), 3);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_tried_again_after_a_while_although_nothing_has_changed() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    for minutes in [15, 30, 60] {
        world.b.fault("create", Fault::Refuses);
        world.run().await;
        let tried = world.b.writes();
        world
            .seam
            .sleep(std::time::Duration::from_mins(minutes - 3))
            .await;
        world.run().await;
        assert_eq!(world.b.writes(), tried, "after {minutes} minutes");
        world.seam.sleep(std::time::Duration::from_mins(3)).await;
    }
    world.settle().await;
    assert_eq!(world.b.live().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_time_is_over_before_it_could_be_looked_for_is_let_go_of() {
    let world = World::with_grid();
    world.a.book("anna", at(9, 0), 60, "Вера");
    let open = |world: &World| {
        let store = world.store.clone();
        let bridge = world.bridge.name.clone();
        async move { store.journal_open(&bridge).await.unwrap().len() }
    };
    world.b.fault("create", Fault::LostBefore);
    world.run().await;
    assert_eq!(open(&world).await, 1);
    world.seam.sleep(std::time::Duration::from_hours(30)).await;
    world.b.fault("occupancy", Fault::Down);
    world.run().await;
    assert_eq!(open(&world).await, 0);
}
