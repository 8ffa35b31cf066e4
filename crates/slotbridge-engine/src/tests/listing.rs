//! Two platforms that list everything: the ordinary life of bookings, and who wins.

use slotbridge_core::merge::{ConflictPolicy, RemovedAndEdited, Subject};
use slotbridge_core::model::{Field, Private, Status};
use slotbridge_core::record::RecordState;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_booking_made_on_one_platform_appears_on_the_other_once() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    let report = world.run().await;
    assert_eq!(
        outcomes(&report),
        [("create", "b".to_owned(), OutcomeWord::Applied)]
    );
    assert_eq!(report.exit_code(), 0);
    world.assert_in_step().await;
}

#[tokio::test(start_paused = true)]
async fn moves_edits_and_cancellations_arrive_from_either_side() {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    let b = live_id(&world.b);

    world.b.move_to(&b, at(15, 30));
    world.settle().await;
    assert_eq!(only(&world.a.live()).start, at(15, 30));

    world.a.person(&a, |record| {
        record.comment = Private::new("опоздает");
        record.status = Status::Confirmed;
    });
    world.settle().await;
    let record = only(&world.b.live()).clone();
    assert_eq!(
        (record.comment.expose(), record.status),
        ("опоздает", Status::Confirmed)
    );

    world.b.cancel(&b);
    world.settle().await;
    assert!(world.a.live().is_empty() && world.b.live().is_empty());
    assert_eq!(
        world.a.state.lock().unwrap().records[&a].state,
        RecordState::Deleted
    );
}

// R10
#[tokio::test(start_paused = true)]
async fn what_stands_on_both_platforms_is_adopted_without_a_write() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    let b = world.b.book("anna", at(9, 0), 60, "Вера");
    world
        .b
        .person(&b, |record| record.comment = Private::new("только здесь"));
    world.a.book("boris", at(9, 0), 60, "Игорь");
    let report = world.run().await;
    assert_eq!(report.bridges[0].adopted, 1);
    assert_eq!(
        outcomes(&report),
        [("create", "b".to_owned(), OutcomeWord::Applied)]
    );
    world.assert_in_step().await;
}

#[tokio::test(start_paused = true)]
async fn two_changes_of_different_fields_are_both_kept() {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world
        .a
        .person(&a, |record| record.comment = Private::new("у окна"));
    world.b.move_to(&live_id(&world.b), at(11, 0));
    world.settle().await;
    for platform in [&world.a, &world.b] {
        let record = only(&platform.live()).clone();
        assert_eq!(
            (record.comment.expose(), record.start),
            ("у окна", at(11, 0))
        );
    }
}

// R21
#[tokio::test(start_paused = true)]
async fn of_two_moves_the_newest_wins_and_the_other_is_kept_as_a_conflict() {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    let b = live_id(&world.b);
    world.b.move_to(&b, at(13, 0));
    world.seam.sleep(std::time::Duration::from_secs(5)).await;
    world.a.move_to(&a, at(11, 0));
    let report = world.run().await;
    let conflict = &report.bridges[0].conflicts[0].conflict;
    assert_eq!(
        (conflict.subject, conflict.decided.clone()),
        (Subject::Field(Field::Slot), Some(name("a")))
    );
    assert_eq!(
        report.exit_code(),
        0,
        "a conflict that a policy decided does not change the exit code"
    );
    world.assert_in_step().await;
    assert_eq!(only(&world.b.live()).start, at(11, 0));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_lost_does_not_win_later_because_its_platform_was_down() {
    let mut world = World::listing();
    world.bridge.policy.conflict = ConflictPolicy::Prefer(vec![name("a")]);
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.a.move_to(&a, at(11, 0));
    world.b.move_to(&live_id(&world.b), at(13, 0));
    world.b.fault("update", fake::Fault::Down);
    let report = world.run().await;
    assert_eq!(
        outcomes(&report),
        [("update", "b".to_owned(), OutcomeWord::Failed)]
    );
    world.settle().await;
    assert_eq!(only(&world.a.live()).start, at(11, 0));
    assert_eq!(only(&world.b.live()).start, at(11, 0));
}

#[tokio::test(start_paused = true)]
async fn under_ask_nothing_is_written_and_the_exit_code_says_that_somebody_is_waited_for() {
    let mut world = World::listing();
    world.bridge.policy.conflict = ConflictPolicy::Ask;
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    let writes = world.a.writes() + world.b.writes();
    world.a.move_to(&a, at(11, 0));
    world.b.move_to(&live_id(&world.b), at(13, 0));
    for _ in 0..2 {
        let report = world.run().await;
        assert_eq!(report.exit_code(), 4);
        assert!(report.bridges[0].conflicts[0].id.is_some());
    }
    assert_eq!(world.a.writes() + world.b.writes(), writes);
    assert_eq!(
        world.store.conflicts(None).await.unwrap().len(),
        1,
        "one question is asked once"
    );
}

// R7
#[tokio::test(start_paused = true)]
async fn a_removal_against_an_edit_follows_the_policy() {
    for (policy, live, exit_code) in [
        (RemovedAndEdited::Remove, 0, 0),
        (RemovedAndEdited::Keep, 2, 0),
        (RemovedAndEdited::Ask, 1, 4),
    ] {
        let mut world = World::listing();
        world.bridge.policy.on_removed_and_edited = policy;
        let a = world.a.book("anna", at(9, 0), 60, "Вера");
        world.settle().await;
        world.a.cancel(&a);
        world.b.person(&live_id(&world.b), |record| {
            record.comment = Private::new("придёт!");
        });
        let report = world.run().await;
        assert_eq!(report.exit_code(), exit_code, "{policy:?}");
        assert_eq!(
            world.a.live().len() + world.b.live().len(),
            live,
            "{policy:?}"
        );
        assert_eq!(report.bridges[0].conflicts.len(), 1, "{policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_swap_of_two_slots_never_double_books() {
    let world = World::listing();
    let one = world.a.book("anna", at(9, 0), 60, "Вера");
    let two = world.a.book("anna", at(11, 0), 60, "Любовь");
    world.settle().await;
    world.a.move_to(&one, at(11, 0));
    world.a.move_to(&two, at(9, 0));
    world.settle().await;
    assert!(!world.b.state.lock().unwrap().doubles_seen);
}

// R17
#[tokio::test(start_paused = true)]
async fn a_platform_that_cuts_comments_is_written_once() {
    let world = World::listing();
    world.b.state.lock().unwrap().comment_kept = Some(4);
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.a.person(&a, |record| {
        record.comment = Private::new("очень длинная просьба");
    });
    world.settle().await;
    assert_eq!(world.b.writes(), 1);
    assert_eq!(
        only(&world.a.live()).comment.expose(),
        "очень длинная просьба"
    );
}

#[tokio::test(start_paused = true)]
async fn a_comment_that_did_not_arrive_with_a_new_record_is_written_once_more_and_no_oftener() {
    let world = World::listing();
    // The platform takes a comment only where it takes none with the record itself.
    world.b.state.lock().unwrap().comment_kept = Some(0);
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.a.person(&a, |record| {
        record.comment = Private::new("код домофона");
    });
    world.run().await;
    assert_eq!(world.b.writes(), 1);
    world.b.state.lock().unwrap().comment_kept = None;
    world.settle().await;
    assert_eq!(only(&world.b.live()).comment.expose(), "код домофона");
    assert_eq!(world.b.writes(), 2);

    // One that never keeps any is asked twice and then left alone.
    let world = World::listing();
    world.b.state.lock().unwrap().comment_kept = Some(0);
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.a.person(&a, |record| {
        record.comment = Private::new("код домофона");
    });
    world.settle().await;
    assert_eq!(world.b.writes(), 2);
}

// R22
#[tokio::test(start_paused = true)]
async fn the_later_seen_of_a_double_booking_is_not_pushed() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.seam.sleep(std::time::Duration::from_secs(5)).await;
    world.b.book("anna", at(9, 30), 60, "Игорь");
    let report = world.run().await;
    assert_eq!(report.exit_code(), 4);
    assert_eq!(world.a.writes() + world.b.writes(), 0);
    let overlap = &report.bridges[0].overlaps[0];
    assert_eq!(
        overlap.bookings[0].platform,
        name("a"),
        "who was first is named first"
    );
}

// R9
#[tokio::test(start_paused = true)]
async fn a_booking_outside_the_mapping_is_counted_and_left_alone() {
    let world = World::listing();
    world.a.book("clara", at(9, 0), 60, "Вера");
    let report = world.run().await;
    assert_eq!(
        (report.bridges[0].unmapped.len(), report.exit_code()),
        (1, 0)
    );
    assert_eq!(world.b.writes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_is_only_read_is_never_written() {
    let mut world = World::listing();
    world.bridge.members[0].direction = Direction::From;
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.book("boris", at(9, 0), 60, "Игорь");
    world.run().await;
    world.b.move_to(
        &world
            .b
            .live()
            .iter()
            .find(|r| r.marker.is_some())
            .unwrap()
            .id
            .clone(),
        at(13, 0),
    );
    world.run().await;
    assert_eq!(world.a.writes(), 0);
    assert_eq!(only(&world.a.live()).id, a);
}

#[tokio::test(start_paused = true)]
async fn too_many_removals_wait_for_a_person() {
    let world = World::listing();
    let ids: Vec<_> = (0..30_usize)
        .zip(0..)
        .map(|(n, hour)| world.a.book("anna", at(hour, 0), 60, &"В".repeat(n + 1)))
        .collect();
    world.settle().await;
    for id in ids.iter().take(25) {
        world.a.cancel(id);
    }
    let report = world.run().await;
    assert_eq!(report.exit_code(), 3);
    assert_eq!(
        world.b.live().len(),
        30,
        "nothing is removed before a person has looked"
    );
    world.approve().await;
    let report = world.run().await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert_eq!(world.b.live().len(), 5);
    world.assert_in_step().await;
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_writes_to_no_platform() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    let report = world.run_with(Mode::DryRun, CancellationToken::new()).await;
    assert_eq!(
        outcomes(&report),
        [("create", "b".to_owned(), OutcomeWord::Planned)]
    );
    assert_eq!(report.exit_code(), 5);
    assert_eq!(world.a.writes() + world.b.writes(), 0);
}
