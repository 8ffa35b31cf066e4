//! Lost answers, short listings, platforms that are down: nothing lost, nothing doubled, nothing concluded.

use slotbridge_core::model::Private;
use slotbridge_core::record::Record;

use super::fake::Fault;
use super::*;

// R14
#[tokio::test(start_paused = true)]
async fn a_lost_reply_to_any_write_is_looked_for_before_anything_else() {
    for call in ["create", "update", "remove"] {
        for fault in [Fault::ReplyLost, Fault::LostBefore] {
            let world = World::listing();
            let a = world.a.book("anna", at(9, 0), 60, "Вера");
            if call != "create" {
                world.settle().await;
            }
            match call {
                "update" => world.a.move_to(&a, at(11, 0)),
                "remove" => world.a.cancel(&a),
                _ => {}
            }
            world.b.fault(call, fault);
            let report = world.run().await;
            assert_eq!(
                outcomes(&report),
                [(call, "b".to_owned(), OutcomeWord::Unknown)],
                "{call} {fault:?}"
            );
            assert_eq!(report.exit_code(), 1);
            world.settle().await;
            let expected = if fault == Fault::ReplyLost { 1 } else { 2 };
            assert_eq!(
                world.b.state.lock().unwrap().calls[call],
                expected,
                "{call} {fault:?}"
            );
        }
    }
}

// R4
#[tokio::test(start_paused = true)]
async fn a_short_or_empty_listing_removes_nothing() {
    for (fault, code) in [(Fault::Cut, 1), (Fault::Empty, 3), (Fault::Down, 1)] {
        let world = World::listing();
        world.a.book("anna", at(9, 0), 60, "Вера");
        world.a.book("boris", at(9, 0), 60, "Игорь");
        world.settle().await;
        world.a.fault("list", fault);
        let report = world.run().await;
        assert_eq!(report.exit_code(), code, "{fault:?}");
        assert_eq!(world.b.live().len(), 2, "{fault:?}");
        world.assert_in_step().await;
    }
}

// R29
#[tokio::test(start_paused = true)]
async fn a_platform_whose_only_record_has_left_the_window_is_in_step_all_the_same() {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    let later = at(9, 0) + SignedDuration::from_hours(24 * 90);
    world.a.move_to(&a, later);
    let b = world.b.book("boris", at(9, 0), 60, "Игорь");
    let report = world.run().await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert_eq!(world.a.live().len(), 2, "what is new is copied to it");
    assert!(world.b.live().iter().any(|record| record.start == later));
    world.b.cancel(&b);
    world.settle().await;
}

// R29
#[tokio::test(start_paused = true)]
async fn a_platform_whose_last_record_was_deleted_is_believed_where_it_shows_an_older_one() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.seam.sleep(std::time::Duration::from_hours(72)).await;
    let soon = world.seam.now() + SignedDuration::from_hours(24);
    let last = world.a.book("anna", soon, 60, "Любовь");
    world.settle().await;
    world.a.state.lock().unwrap().records.remove(&last);
    world.b.book("boris", soon, 60, "Игорь");
    let report = world.run().await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    for platform in [&world.a, &world.b] {
        let live = platform.live();
        let clients: Vec<_> = live.iter().map(|one| one.client.name.expose()).collect();
        assert_eq!(clients.len(), 2);
        assert!(!clients.contains(&"Любовь"), "{clients:?}");
    }
}

// R4
#[tokio::test(start_paused = true)]
async fn a_platform_that_shows_nothing_at_all_any_more_is_not_believed() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.seam.sleep(std::time::Duration::from_hours(72)).await;
    let soon = world.seam.now() + SignedDuration::from_hours(24);
    world.a.book("anna", soon, 60, "Любовь");
    world.settle().await;
    let writes = world.b.writes();
    world.a.state.lock().unwrap().records.clear();
    for _ in 0..3 {
        let report = world.run().await;
        assert_eq!(report.exit_code(), 3);
        assert_eq!(report.bridges[0].platforms[0].coverage, "partial");
    }
    assert_eq!((world.b.live().len(), world.b.writes()), (2, writes));
    // Somebody books there again: it shows what it has.
    world.a.book("boris", soon, 60, "Игорь");
    world.run().await;
    let live = world.b.live();
    assert!(live.iter().all(|one| one.client.name.expose() != "Любовь"));
}

/// Two platforms in step with so many bookings, and then the first one shows nothing any more.
async fn emptied(bookings: i64) -> (World, Vec<Record>) {
    let world = World::listing();
    for number in 0..bookings {
        let start = at(9, 0) + SignedDuration::from_hours(24 * number);
        world.a.book("anna", start, 60, "Вера");
    }
    world.settle().await;
    let before = world.a.live();
    world.a.state.lock().unwrap().records.clear();
    let report = world.run().await;
    assert_eq!(report.exit_code(), 3, "{report:#?}");
    let guards = report.bridges[0].guards.iter();
    let guards: Vec<_> = guards.map(|one| (one.what.as_str(), one.planned)).collect();
    assert_eq!(
        guards,
        [("suddenly_empty", u64::try_from(bookings).unwrap())]
    );
    (world, before)
}

// R4
#[tokio::test(start_paused = true)]
async fn that_a_platform_is_empty_is_believed_once_a_person_has_approved_it() {
    for bookings in [2, 6] {
        let (world, _) = emptied(bookings).await;
        let copies = world.b.live().len();
        world.run().await;
        assert_eq!(world.b.live().len(), copies, "nobody has approved it");
        world.approve().await;
        let report = world.run().await;
        assert_eq!(report.exit_code(), 0, "{report:#?}");
        assert_eq!(world.b.live(), []);
        assert_eq!(world.store.guards(&world.bridge.name).await.unwrap(), []);
        world.settle().await;
    }
}

// R4
#[tokio::test(start_paused = true)]
async fn an_approval_of_an_empty_platform_is_worth_nothing_where_it_shows_something_or_other_records_were_known()
 {
    let (world, before) = emptied(6).await;
    world.approve().await;
    world.a.state.lock().unwrap().records = before
        .into_iter()
        .map(|one| (one.id.clone(), one))
        .collect();
    world.settle().await;
    assert_eq!(world.b.live().len(), 6, "it shows what it has");
    assert_eq!(world.store.guards(&world.bridge.name).await.unwrap(), []);

    // Approved for six, and by now seven are known.
    let (world, before) = emptied(6).await;
    world.approve().await;
    world.a.state.lock().unwrap().records = before
        .into_iter()
        .map(|one| (one.id.clone(), one))
        .collect();
    world.a.book("boris", at(9, 0), 60, "Игорь");
    world.settle().await;
    world.a.state.lock().unwrap().records.clear();
    assert_eq!(world.run().await.exit_code(), 3);
    assert_eq!(world.run().await.exit_code(), 3);
    assert_eq!(world.b.live().len(), 7);
}

// R4
#[tokio::test(start_paused = true)]
async fn records_that_stand_are_kept_although_the_empty_listing_was_approved() {
    let (world, before) = emptied(6).await;
    world.approve().await;
    // The listing is empty once more, and its records are there.
    world.a.state.lock().unwrap().records = before
        .into_iter()
        .map(|one| (one.id.clone(), one))
        .collect();
    world.a.fault("list", Fault::Empty);
    world.run().await;
    assert_eq!(world.b.live().len(), 6);
    world.settle().await;
}

// R2
#[tokio::test(start_paused = true)]
async fn nothing_is_created_where_the_listing_was_short() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.book("anna", at(9, 0), 60, "Вера");
    world.b.book("boris", at(9, 0), 60, "Игорь");
    world.b.fault("list", Fault::Cut);
    world.run().await;
    assert_eq!(
        world.b.writes(),
        0,
        "the twin may be in the part that was cut off"
    );
    world.settle().await;
    assert_eq!(world.a.live().len(), 2);
}

// R28
#[tokio::test(start_paused = true)]
async fn an_unreadable_row_is_quarantined_and_the_rest_goes_on() {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.a.state.lock().unwrap().garbled.push(a);
    world.a.book("boris", at(9, 0), 60, "Игорь");
    let report = world.run().await;
    assert_eq!(report.bridges[0].unreadable.len(), 1);
    assert_eq!(world.b.live().len(), 2);
}

// R29
#[tokio::test(start_paused = true)]
async fn a_refusal_stands_until_something_about_it_changes() {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.fault("create", Fault::Refuses);
    let report = world.run().await;
    assert_eq!(
        outcomes(&report),
        [("create", "b".to_owned(), OutcomeWord::Refused)]
    );
    let report = world.run().await;
    assert_eq!(
        (world.b.writes(), report.exit_code()),
        (1, 1),
        "not tried again, and not forgotten"
    );
    world.a.move_to(&a, at(10, 0));
    world.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_is_down_does_not_hold_up_the_other() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.book("boris", at(9, 0), 60, "Игорь");
    world.b.fault("create", Fault::Down);
    let report = world.run().await;
    assert_eq!(world.a.live().len(), 2);
    assert_eq!(report.exit_code(), 1);
    world.settle().await;
}

#[tokio::test(start_paused = true)]
async fn losing_the_database_doubles_nothing() {
    let mut world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.book("boris", at(9, 0), 60, "Игорь");
    world.settle().await;
    world.store = Store::in_memory().unwrap();
    let writes = world.a.writes() + world.b.writes();
    let report = world.run().await;
    assert_eq!(
        (report.exit_code(), report.bridges[0].adopted),
        (0, 2),
        "{report:#?}"
    );
    assert_eq!(world.a.writes() + world.b.writes(), writes);
    world.a.move_to(&a, at(12, 0));
    world.settle().await;
}

// R8
#[tokio::test(start_paused = true)]
async fn a_copy_whose_original_is_gone_does_not_come_back_as_a_booking() {
    let mut world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.store = Store::in_memory().unwrap();
    world.a.cancel(&a);
    let report = world.run().await;
    assert_eq!(report.bridges[0].ambiguous.len(), 1);
    assert_eq!(report.exit_code(), 4);
    assert!(world.a.live().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stopped_run_begins_nothing_new_and_the_next_one_goes_on() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    let cancel = CancellationToken::new();
    cancel.cancel();
    let report = world.run_with(Mode::Apply, cancel).await;
    assert_eq!(
        outcomes(&report),
        [("create", "b".to_owned(), OutcomeWord::Planned)]
    );
    assert_eq!(report.exit_code(), 1);
    world.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_went_back_stops_the_bridge_until_a_person_has_looked() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.seam.set_wall_clock(SignedDuration::from_hours(-3));
    world.a.book("boris", at(9, 0), 60, "Игорь");
    for _ in 0..2 {
        assert_eq!(world.run().await.exit_code(), 3);
        assert_eq!(world.b.live().len(), 1);
    }
    world.approve().await;
    assert_eq!(world.run().await.exit_code(), 0);
    assert_eq!(world.b.live().len(), 2);
}

// R38
#[tokio::test(start_paused = true)]
async fn an_account_that_changed_its_zone_moves_nothing_before_a_person_has_looked() {
    let mut world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.bridge.members[0].time_zone = TimeZone::get("Asia/Yekaterinburg").unwrap();
    world.a.move_to(&a, at(11, 0));
    for _ in 0..2 {
        assert_eq!(world.run().await.exit_code(), 3);
        assert_eq!(only(&world.b.live()).start, at(9, 0));
    }
    world.approve().await;
    assert_eq!(world.run().await.exit_code(), 0);
    assert_eq!(only(&world.b.live()).start, at(11, 0));
}

// R12
#[tokio::test(start_paused = true)]
async fn a_feed_whose_ids_are_all_new_doubles_and_removes_nothing() {
    let world = World::listing();
    for hour in 0..6_u8 {
        let client = "В".repeat(usize::from(hour) + 1);
        world.a.book("anna", at(i64::from(hour), 0), 60, &client);
    }
    world.settle().await;
    let writes = world.a.writes() + world.b.writes();
    world.a.renumber();
    assert_eq!(world.run().await.exit_code(), 3, "it is told at once");
    world.assert_in_step().await;
    assert_eq!(
        world.a.writes() + world.b.writes(),
        writes,
        "the same bookings under other ids"
    );
}

#[tokio::test(start_paused = true)]
async fn a_move_that_the_platform_only_pretends_to_make_is_not_taken_for_done() {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.b.state.lock().unwrap().stubborn = true;
    world.a.move_to(&a, at(11, 0));
    for _ in 0..2 {
        let report = world.run().await;
        assert_eq!(
            outcomes(&report),
            [("update", "b".to_owned(), OutcomeWord::Refused)]
        );
        assert_eq!(report.exit_code(), 1);
    }
    assert_eq!(world.b.state.lock().unwrap().calls["update"], 1);
    assert_eq!(
        only(&world.a.live()).start,
        at(11, 0),
        "the person's move stands"
    );
}

#[tokio::test(start_paused = true)]
async fn a_move_made_before_a_lost_create_was_settled_is_a_move() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.fault("create", Fault::ReplyLost);
    world.run().await;
    world.seam.sleep(std::time::Duration::from_mins(1)).await;
    world.b.move_to(&live_id(&world.b), at(14, 0));
    world.settle().await;
    assert_eq!(only(&world.a.live()).start, at(14, 0));
}

// R12
#[tokio::test(start_paused = true)]
async fn another_accounts_feed_waits_for_a_person() {
    let world = World::listing();
    for hour in 0..6_u8 {
        let client = "В".repeat(usize::from(hour) + 1);
        world.a.book("anna", at(i64::from(hour), 0), 60, &client);
    }
    world.settle().await;
    let writes = world.b.writes();
    world.a.state.lock().unwrap().records.clear();
    for hour in 0..6 {
        world.a.book("boris", at(hour, 0), 60, "Чужой");
    }
    for _ in 0..3 {
        assert_eq!(world.run().await.exit_code(), 3);
    }
    assert_eq!((world.b.live().len(), world.b.writes()), (6, writes));
}

#[tokio::test(start_paused = true)]
async fn cancelled_and_booked_again_at_the_same_time_is_the_same_booking() {
    let world = World::listing();
    let a = world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    world.a.cancel(&a);
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.settle().await;
    assert_eq!(world.b.writes(), 1, "nothing had to be written for it");
}

#[tokio::test(start_paused = true)]
async fn an_approval_lasts_until_what_it_is_for_has_passed_every_guard() {
    let world = World::listing();
    let booked: Vec<_> = (0..12)
        .map(|hour| {
            world
                .a
                .book("anna", at(6 + hour, 0), 60, &format!("К{hour}"))
        })
        .collect();
    world.settle().await;
    for id in &booked[..3] {
        world.a.cancel(id);
    }
    assert_eq!(
        world.run().await.exit_code(),
        3,
        "too many removals at once"
    );
    world.approve().await;
    // Before the next run another guard has doubts about the same operations.
    world.seam.set_wall_clock(SignedDuration::from_mins(-30));
    assert_eq!(world.run().await.exit_code(), 3, "the clock went back");
    world.approve().await;
    assert_eq!(world.run().await.exit_code(), 0);
    assert_eq!(world.b.live().len(), 9);
    // The clock has gone back once: what a person approved is not doubted again, however long it lags behind.
    world.a.book("anna", at(20, 0), 60, "К");
    assert_eq!(world.run().await.exit_code(), 0);
    assert_eq!(world.b.live().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_create_is_not_repeated_while_a_row_that_may_be_it_cannot_be_read() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.fault("create", Fault::ReplyLost);
    world.run().await;
    let landed = live_id(&world.b);
    world.b.state.lock().unwrap().garbled = vec![landed.clone()];
    world.run().await;
    assert_eq!(world.b.live().len(), 1);
    world.b.state.lock().unwrap().garbled.clear();
    world.settle().await;
    assert_eq!(live_id(&world.b), landed);
}

#[tokio::test(start_paused = true)]
async fn a_copy_without_its_marker_is_known_although_somebody_has_changed_its_phone() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.fault("create", Fault::ReplyLost);
    world.run().await;
    world.seam.sleep(std::time::Duration::from_mins(1)).await;
    // The marker could not be read, as where it stands in a field that takes a call of its own.
    world.b.person(&live_id(&world.b), |record| {
        record.marker = None;
        record.client.phone = Some(Private::new("+79001234567"));
    });
    world.settle().await;
    assert_eq!(world.b.calls("create"), 1, "it is not made again");
    for platform in [&world.a, &world.b] {
        let record = only(&platform.live()).clone();
        let phone = record.client.phone.map(|phone| phone.expose().to_owned());
        assert_eq!(phone.as_deref(), Some("+79001234567"), "the edit arrives");
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_is_not_repeated_because_of_a_listing_that_left_out_what_stands() {
    let world = World::listing();
    let stays = world.a.book("boris", at(9, 0), 60, "Игорь");
    let goes = world.a.book("boris", at(12, 0), 60, "Любовь");
    world.settle().await;
    world.a.cancel(&goes);
    world.settle().await;
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.fault("create", Fault::ReplyLost);
    world.run().await;
    let landed = client_on(&world.b, "Вера");
    world.b.fault("list", Fault::NoneLive);
    let report = world.run().await;
    assert_eq!(report.exit_code(), 0, "it was listed again");
    world.settle().await;
    assert_eq!(client_on(&world.b, "Вера"), landed);
    assert_eq!(world.b.calls("create"), 3, "it is not made again");
    assert!(world.a.live().iter().any(|record| record.id == stays));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_a_platform_never_lists_holds_up_no_other() {
    let world = World::listing();
    world.a.book("boris", at(9, 0), 60, "Игорь");
    let goes = world.a.book("boris", at(12, 0), 60, "Любовь");
    world.settle().await;
    world.a.cancel(&goes);
    world.settle().await;
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.fault("list", Fault::NoneLive);
    world.b.fault("list", Fault::NoneLive);
    let report = world.run().await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert_eq!(world.b.live().len(), 2, "{:?}", world.b.live());
    world.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_without_its_marker_is_known_although_somebody_has_made_it_longer() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.fault("create", Fault::ReplyLost);
    world.run().await;
    world.seam.sleep(std::time::Duration::from_mins(1)).await;
    world.b.person(&live_id(&world.b), |record| {
        record.marker = None;
        record.end = Some(at(10, 30));
    });
    world.settle().await;
    assert_eq!(world.b.calls("create"), 1, "it is not made again");
    for platform in [&world.a, &world.b] {
        let record = only(&platform.live()).clone();
        assert_eq!(record.end, Some(at(10, 30)), "the edit arrives");
    }
}

#[tokio::test(start_paused = true)]
async fn another_booking_of_the_client_is_not_taken_for_a_copy_that_did_not_arrive() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.fault("create", Fault::LostBefore);
    world.run().await;
    world.seam.sleep(std::time::Duration::from_mins(1)).await;
    world.b.book("anna", at(9, 0), 90, "Вера");
    world.run().await;
    let report = world.run().await;
    assert_eq!(report.bridges[0].ambiguous.len(), 1, "{report:#?}");
    assert_eq!(only(&world.a.live()).end, Some(at(10, 0)));
    assert_eq!(world.b.live().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_create_is_not_repeated_on_one_empty_listing() {
    let world = World::listing();
    world.a.book("anna", at(9, 0), 60, "Вера");
    world.b.fault("create", Fault::ReplyLost);
    world.run().await;
    let landed = live_id(&world.b);
    let lists = world.b.calls("list");
    world.b.fault("list", Fault::Empty);
    let report = world.run().await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert_eq!(world.b.calls("list"), lists + 2, "it was listed again");
    assert_eq!((world.b.calls("create"), live_id(&world.b)), (1, landed));
    world.settle().await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_turns_up_late_takes_part_in_what_has_changed_since() {
    for changed in ["a", "b", "both"] {
        let world = World::listing();
        let a = world.a.book("anna", at(9, 0), 60, "Вера");
        world.b.fault("create", Fault::ReplyLost);
        world.run().await;
        world.b.fault("list", Fault::Empty);
        world.b.fault("list", Fault::Empty);
        world.b.fault("create", Fault::Refuses);
        let report = world.run().await;
        assert_eq!(
            outcomes(&report),
            [("create", "b".to_owned(), OutcomeWord::Refused)],
            "it was taken for not made"
        );
        let b = live_id(&world.b);
        let longer = |record: &mut Record| record.end = Some(at(10, 30));
        if changed != "b" {
            world.a.person(&a, longer);
        }
        if changed != "a" {
            let comment = |record: &mut Record| record.comment = Private::new("с собакой");
            world.b.person(&b, comment);
        }
        world.run().await;
        world.settle().await;
        let comment = if changed == "a" {
            ""
        } else {
            "с собакой"
        };
        let end = if changed == "b" {
            at(10, 0)
        } else {
            at(10, 30)
        };
        for platform in [&world.a, &world.b] {
            let record = only(&platform.live()).clone();
            assert_eq!(record.end, Some(end), "{changed}");
            assert_eq!(record.comment.expose(), comment, "{changed}");
        }
        assert_eq!(live_id(&world.b), b, "{changed}");
    }
}
