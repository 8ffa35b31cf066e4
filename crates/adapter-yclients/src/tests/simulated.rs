//! The adapter against the simulated YCLIENTS, where the suite for all adapters does not reach.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use slotbridge_core::model::{
    Client, Field, Kind, Private, RemoteId, ResourceKey, ServiceKey, Slot,
};
use slotbridge_core::record::{Coverage, Reading, Record, RecordState, Support, Window};
use slotbridge_platform::conformance::Bench as _;
use slotbridge_platform::platform::{Draft, Edit, Level, Priority, Query};
use slotbridge_platform::{Contacts, ErrorKind, Platform, Retry};
use slotbridge_sim::person::Booking;
use slotbridge_sim::yclients::{ClientCard, Marks, Options};
use slotbridge_sim::{Fault, Hand as _, Inspect as _, Which};

use super::bench::{SimBench, moscow};
use super::support::{at, draft, slot, text, zone};

fn bench(options: &Options) -> SimBench {
    SimBench::in_process(&moscow(), Contacts::Real, options)
}

/// The usual draft on the simulated branch's next day.
fn tomorrow(booking: u128) -> Draft {
    Draft {
        booking: slotbridge_core::model::BookingId::from_u128(booking),
        slot: slot("2031-05-07T06:00:00Z", "2031-05-07T07:00:00Z"),
        ..draft()
    }
}

fn window() -> Window {
    Window {
        from: at("2031-05-06T21:00:00Z"),
        to: at("2031-06-06T21:00:00Z"),
    }
}

async fn found(bench: &SimBench, id: &RemoteId) -> Record {
    match bench.platform.read(id, Priority::Hint).await.unwrap() {
        Reading::Found(record) => *record,
        other => panic!("{other:?}"),
    }
}

fn edit(desired: Draft, fields: &[Field], expected: &Record) -> Edit {
    Edit {
        desired,
        fields: fields.iter().copied().collect::<BTreeSet<_>>(),
        expected: Some(Box::new(expected.clone())),
    }
}

#[tokio::test(start_paused = true)]
async fn many_calls_in_a_row_stay_within_the_quota() {
    let bench = bench(&Options::default());
    for n in 0..60 {
        let start = at("2031-05-07T00:00:00Z") + SignedDuration::from_hours(n);
        bench
            .sim
            .book(&Booking::new(310, 42, start, 60).client("Пётр", "+79000000002"));
    }
    for _ in 0..20 {
        let listing = bench
            .platform
            .list(&Query::Window(window()), Priority::Poll)
            .await
            .unwrap();
        assert_eq!(listing.coverage, Coverage::Complete(window()));
        assert_eq!(listing.records.len(), 60);
    }
    // Twelve full pages each, the login and the branch: not one call more.
    assert_eq!(bench.sim.calls().len(), 20 * 12 + 2);
    assert_eq!(bench.sim.quota_violations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_lost_create_is_found_again_by_its_marker() {
    let bench = bench(&Options::default());
    bench
        .sim
        .faults()
        .add("lost", "records.create", Which::Nth(1), Fault::ReplyLost);
    let draft = tomorrow(77);
    let error = bench
        .platform
        .create(&draft)
        .await
        .expect_err("the reply is lost");
    assert_eq!(error.retry, Retry::AfterObserving);
    let day = Window {
        from: at("2031-05-06T21:00:00Z"),
        to: at("2031-05-07T21:00:00Z"),
    };
    let listing = bench
        .platform
        .list(&Query::Window(day), Priority::Hint)
        .await
        .unwrap();
    let marked: Vec<_> = listing
        .records
        .iter()
        .filter(|record| record.marker == Some(draft.booking))
        .collect();
    assert_eq!(marked.len(), 1);
    assert_eq!(bench.sim.count("records.create"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_update_keeps_the_prices_that_were_agreed() {
    let bench = bench(&Options::default());
    let id = bench.sim.book(
        &Booking::new(310, 42, at("2031-05-07T06:00:00Z"), 60).client("Пётр", "+79000000002"),
    );
    bench
        .sim
        .mark(
            id,
            &Marks {
                prices: vec![(2250, 10)],
                ..Marks::default()
            },
        )
        .unwrap();
    let id = RemoteId::new(id.to_string());
    let record = found(&bench, &id).await;
    let desired = Draft {
        services: vec![ServiceKey::new("43"), ServiceKey::new("42")],
        comment: Private::new("позже"),
        ..tomorrow(1)
    };
    bench
        .platform
        .update(&id, &edit(desired.clone(), &[Field::Comment], &record))
        .await
        .unwrap();
    assert_eq!(
        bench
            .sim
            .marks(id.as_str().parse().unwrap())
            .unwrap()
            .prices,
        [(2250, 10)]
    );
    bench
        .platform
        .update(&id, &edit(desired, &[Field::Services], &record))
        .await
        .unwrap();
    // The new service costs what the catalogue says, the old one what was agreed.
    assert_eq!(
        bench
            .sim
            .marks(id.as_str().parse().unwrap())
            .unwrap()
            .prices,
        [(1000, 0), (2250, 10)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_on_a_busy_time_can_still_be_edited() {
    let bench = bench(&Options::default());
    let start = at("2031-05-07T06:00:00Z");
    bench
        .sim
        .book(&Booking::new(310, 42, start, 60).client("Пётр", "+79000000002"));
    let id = bench
        .sim
        .book(&Booking::new(310, 42, start, 60).client("Анна", "+79000000003"));
    let id = RemoteId::new(id.to_string());
    let record = found(&bench, &id).await;
    let desired = Draft {
        comment: Private::new("с собакой"),
        ..tomorrow(1)
    };
    let written = bench
        .platform
        .update(&id, &edit(desired.clone(), &[Field::Comment], &record))
        .await
        .unwrap();
    assert_eq!(written.record.unwrap().comment.expose(), "с собакой");
    // But it is not moved onto another busy time without being told to.
    bench
        .sim
        .book(&Booking::new(310, 42, at("2031-05-07T08:00:00Z"), 60));
    let desired = Draft {
        slot: slot("2031-05-07T08:30:00Z", "2031-05-07T09:30:00Z"),
        ..desired
    };
    let record = found(&bench, &id).await;
    let error = bench
        .platform
        .update(&id, &edit(desired.clone(), &[Field::Slot], &record))
        .await
        .expect_err("busy");
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::SlotTaken, Retry::Never)
    );
    let forced = Draft {
        force: true,
        ..desired
    };
    bench
        .platform
        .update(&id, &edit(forced, &[Field::Slot], &record))
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn group_events_and_visits_come_as_what_they_are() {
    let bench = bench(&Options::default());
    let event = bench
        .sim
        .add_activity(310, 42, at("2031-05-07T06:00:00Z"), 90);
    let one = bench.sim.join(event, "Пётр", "+79000000002").unwrap();
    bench.sim.join(event, "Анна", "+79000000003").unwrap();
    let part = |hour: &str| {
        Booking::new(311, 42, at(&format!("2031-05-07T{hour}:00:00Z")), 60)
            .client("Вера", "+79000000004")
    };
    let visit = bench.sim.book_visit(&[part("06"), part("07")]);
    let listing = bench
        .platform
        .list(&Query::Window(window()), Priority::Poll)
        .await
        .unwrap();
    let of = |id: u64| {
        listing
            .records
            .iter()
            .find(|record| record.id.as_str() == id.to_string())
            .unwrap()
    };
    assert!(matches!(of(one).support, Support::Occupancy { .. }));
    assert_eq!(
        (of(visit[0]).group.clone(), of(visit[0]).support),
        (of(visit[1]).group.clone(), Support::Full)
    );
    let id = RemoteId::new(one.to_string());
    let record = found(&bench, &id).await;
    let error = bench
        .platform
        .update(&id, &edit(tomorrow(1), &[Field::Comment], &record))
        .await
        .expect_err("a participant");
    assert_eq!(error.kind, ErrorKind::Refused);
    assert_eq!(bench.sim.count("record.update"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_user_without_the_right_to_phones_cannot_cost_a_record_its_client() {
    let bench = bench(&Options::default());
    let id = bench.sim.book(
        &Booking::new(310, 42, at("2031-05-07T06:00:00Z"), 60).client("Пётр", "+79000000002"),
    );
    bench.sim.configure(|options| options.rights.phones = false);
    let remote = RemoteId::new(id.to_string());
    let record = found(&bench, &remote).await;
    assert_eq!(
        record.client,
        Client {
            name: Private::new("Пётр"),
            phone: None,
            email: None
        }
    );
    let desired = Draft {
        comment: Private::new("позже"),
        ..tomorrow(1)
    };
    let error = bench
        .platform
        .update(&remote, &edit(desired, &[Field::Comment], &record))
        .await
        .expect_err("hidden");
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::Forbidden, Retry::Never)
    );
    assert_eq!(bench.sim.seen(id).unwrap().phone, "+79000000002");
    let findings = bench.platform.check().await.unwrap();
    assert!(
        findings
            .iter()
            .any(|finding| finding.level == Level::Problem
                && finding.message.contains("timetable_phones_access"))
    );
}

#[tokio::test(start_paused = true)]
async fn every_right_that_is_lacking_is_told_as_such() {
    let bench = bench(&Options::default());
    let id = bench.platform.create(&tomorrow(1)).await.unwrap().id;
    let record = found(&bench, &id).await;
    bench.sim.configure(|options| {
        (
            options.rights.create,
            options.rights.edit,
            options.rights.delete,
        ) = (false, false, false);
    });
    let desired = Draft {
        comment: Private::new("позже"),
        ..tomorrow(1)
    };
    let refusals = [
        bench.platform.create(&tomorrow(2)).await.err(),
        bench
            .platform
            .update(&id, &edit(desired, &[Field::Comment], &record))
            .await
            .err(),
        bench.platform.remove(&id).await.err(),
    ];
    for refusal in refusals {
        assert_eq!(
            refusal.map(|error| (error.kind, error.retry)),
            Some((ErrorKind::Forbidden, Retry::Never))
        );
    }
    bench
        .sim
        .configure(|options| options.licence_expired = true);
    let error = bench
        .platform
        .list(&Query::Window(window()), Priority::Poll)
        .await
        .expect_err("no licence");
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::Forbidden, Retry::Never)
    );
}

#[tokio::test(start_paused = true)]
async fn unknown_staff_and_services_are_told_apart_from_a_busy_time() {
    for status in [404, 422] {
        let bench = bench(&Options {
            unknown_status: status,
            ..Options::default()
        });
        let stranger = Draft {
            resource: ResourceKey::new("999"),
            ..tomorrow(1)
        };
        assert_eq!(
            bench
                .platform
                .create(&stranger)
                .await
                .expect_err("no such staff")
                .kind,
            ErrorKind::NotFound
        );
        let stranger = Draft {
            services: vec![ServiceKey::new("999")],
            ..tomorrow(1)
        };
        assert_eq!(
            bench
                .platform
                .create(&stranger)
                .await
                .expect_err("no such service")
                .kind,
            ErrorKind::NotFound
        );
        let written = bench.platform.create(&tomorrow(1)).await.unwrap();
        assert_eq!(
            bench
                .platform
                .create(&tomorrow(2))
                .await
                .expect_err("busy")
                .kind,
            ErrorKind::SlotTaken
        );
        bench.sim.fire_staff(311);
        let record = found(&bench, &written.id).await;
        let moved = Draft {
            resource: ResourceKey::new("311"),
            ..tomorrow(1)
        };
        let error = bench
            .platform
            .update(&written.id, &edit(moved, &[Field::Resource], &record))
            .await
            .expect_err("left");
        assert_eq!(error.kind, ErrorKind::Refused);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_shows_in_both_listings() {
    let bench = bench(&Options::default());
    let id = bench.platform.create(&tomorrow(1)).await.unwrap().id;
    let first = bench
        .platform
        .list(&Query::Window(window()), Priority::Poll)
        .await
        .unwrap();
    tokio::time::sleep(std::time::Duration::from_mins(10)).await;
    bench.cancel(&id);
    let changes = bench
        .platform
        .list(&Query::Since(first.cursor.unwrap()), Priority::Poll)
        .await
        .unwrap();
    let full = bench
        .platform
        .list(&Query::Window(window()), Priority::Poll)
        .await
        .unwrap();
    for listing in [changes, full] {
        let states: Vec<_> = listing
            .records
            .iter()
            .map(|record| (record.id.clone(), record.state))
            .collect();
        assert_eq!(states, [(id.clone(), RecordState::Deleted)]);
    }
}

// R25
#[tokio::test(start_paused = true)]
async fn a_change_stamped_a_moment_before_the_cursor_is_not_missed() {
    // Where the branch's clocks are those of UTC, nothing but the overlap helps.
    let reykjavik = zone("Atlantic/Reykjavik");
    let bench = SimBench::in_process(&reykjavik, Contacts::Real, &Options::default());
    let one = bench.platform.create(&tomorrow(1)).await.unwrap().id;
    let listing = bench
        .platform
        .list(&Query::Window(window()), Priority::Poll)
        .await
        .unwrap();
    let since = Query::Since(listing.cursor.unwrap());
    // The platform stamps a change by a clock that was set back.
    bench.clock.step(SignedDuration::from_mins(-4));
    bench.comment(&one, "четыре минуты назад");
    let changes = bench.platform.list(&since, Priority::Poll).await.unwrap();
    let comments: Vec<_> = changes
        .records
        .iter()
        .map(|record| record.comment.expose())
        .collect();
    assert_eq!(comments, ["четыре минуты назад"]);
    bench.clock.step(SignedDuration::from_mins(-2));
    bench.comment(&one, "шесть минут назад");
    let changes = bench.platform.list(&since, Priority::Poll).await.unwrap();
    assert!(
        changes.records.is_empty(),
        "the overlap is five minutes and no more"
    );
}

#[tokio::test(start_paused = true)]
async fn a_branch_moved_to_another_zone_is_read_by_its_new_clocks() {
    let bench = bench(&Options::default());
    let id = bench.platform.create(&tomorrow(1)).await.unwrap().id;
    assert_eq!(found(&bench, &id).await.start, at("2031-05-07T06:00:00Z"));
    bench.sim.set_time_zone(zone("Asia/Yekaterinburg"));
    assert_eq!(found(&bench, &id).await.start, at("2031-05-07T04:00:00Z"));
    // What was planned by the old clocks is not written by the new ones.
    let stale = Record {
        start: at("2031-05-07T06:00:00Z"),
        end: Some(at("2031-05-07T07:00:00Z")),
        ..found(&bench, &id).await
    };
    let error = bench
        .platform
        .update(&id, &edit(tomorrow(1), &[Field::Comment], &stale))
        .await
        .expect_err("stale");
    assert_eq!(error.kind, ErrorKind::Stale);
}

#[tokio::test(start_paused = true)]
async fn one_card_for_all_blocks_behind_a_sink_and_one_for_each_client() {
    let bench = SimBench::in_process(
        &moscow(),
        super::support::sink(),
        &Options {
            client_card: ClientCard::Overwritten,
            ..Options::default()
        },
    );
    let hour = |n: i64| {
        let start = at("2031-05-07T06:00:00Z") + SignedDuration::from_hours(n);
        Slot::new(start, start + SignedDuration::from_hours(1)).unwrap()
    };
    let block = Draft {
        kind: Kind::Block,
        client: Client::default(),
        comment: Private::default(),
        ..tomorrow(1)
    };
    let petr = tomorrow(2);
    let anna = Draft {
        client: Client {
            name: Private::new("Анна"),
            phone: text("+79000000003"),
            email: None,
        },
        ..tomorrow(3)
    };
    let mut ids = Vec::new();
    for (n, draft) in [block, petr, anna].into_iter().enumerate() {
        let slot = hour(i64::try_from(n).unwrap());
        ids.push(
            bench
                .platform
                .create(&Draft { slot, ..draft })
                .await
                .unwrap()
                .id,
        );
    }
    let seen: Vec<_> = bench
        .sim
        .live()
        .into_iter()
        .map(|seen| (seen.name, seen.phone, seen.email))
        .collect();
    let own = |name: &str, phone: &str| {
        (
            name.to_owned(),
            phone.to_owned(),
            "sink@example.com".to_owned(),
        )
    };
    assert_eq!(
        seen,
        [
            own("Busy", "+79000000099"),
            own("Пётр", ""),
            own("Анна", "")
        ]
    );
    assert!(found(&bench, &ids[0]).await.is_block);
    assert_eq!(
        found(&bench, &ids[1]).await.client,
        Client {
            name: Private::new("Пётр"),
            phone: None,
            email: None
        }
    );
}
