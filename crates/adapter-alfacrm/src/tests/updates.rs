//! Writes on the simulated platform: overlaps, what was held, and what a person did meanwhile.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use slotbridge_core::model::{Client, Field, Kind, Private, RemoteId, ResourceKey, Slot, Status};
use slotbridge_core::record::{Reading, Record};
use slotbridge_platform::conformance::Bench as _;
use slotbridge_platform::platform::{Draft, Edit, Priority};
use slotbridge_platform::{Contacts, ErrorKind, Platform as _, Retry};
use slotbridge_sim::alfacrm::Options;
use slotbridge_sim::{Fault, Inspect as _, Which};

use super::bench::{SimBench, number};
use super::support::{at, client, draft, moscow};

async fn read(bench: &SimBench, id: &RemoteId) -> Record {
    match bench.platform.read(id, Priority::Hint).await.unwrap() {
        Reading::Found(record) => *record,
        other => panic!("{other:?}"),
    }
}

fn shifted(minutes: i64) -> Draft {
    let (shift, slot) = (SignedDuration::from_mins(minutes), draft().slot);
    Draft {
        slot: Slot::new(slot.start() + shift, slot.end() + shift).unwrap(),
        ..draft()
    }
}

async fn update(
    bench: &SimBench,
    id: &RemoteId,
    desired: Draft,
    fields: &[Field],
) -> Result<(), (ErrorKind, Retry)> {
    let edit = Edit {
        desired,
        fields: fields.iter().copied().collect::<BTreeSet<_>>(),
        expected: None,
    };
    bench
        .platform
        .update(id, &edit)
        .await
        .map(|_| ())
        .map_err(|error| (error.kind, error.retry))
}

const TAKEN: Result<(), (ErrorKind, Retry)> = Err((ErrorKind::SlotTaken, Retry::Never));

#[tokio::test(start_paused = true)]
async fn a_teachers_time_is_looked_after_because_the_platform_does_not() {
    let bench = SimBench::usual();
    bench.book(&draft());
    let other_teacher = Draft {
        resource: ResourceKey::new("18"),
        ..draft()
    };
    let table = [
        (shifted(0), true),
        (shifted(44), true),
        (shifted(-44), true),
        // Back to back is free, although the platform's own starts carry a second.
        (shifted(45), false),
        (shifted(-45), false),
        (other_teacher, false),
    ];
    for (desired, taken) in table {
        let created = bench
            .platform
            .create(&desired)
            .await
            .map(|written| written.id);
        assert_eq!(
            created.as_ref().err().map(|error| error.kind),
            taken.then_some(ErrorKind::SlotTaken),
            "{:?}",
            desired.slot
        );
        if let Ok(id) = created {
            bench.platform.remove(&id).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_cancelled_is_free_and_what_goes_on_past_midnight_is_not() {
    let bench = SimBench::usual();
    let cancelled = bench.book(&draft());
    bench.cancel(&cancelled);
    bench.platform.create(&draft()).await.unwrap();
    let night = Draft {
        slot: Slot::new(at("2031-05-08T20:00:00Z"), at("2031-05-08T22:00:00Z")).unwrap(),
        ..draft()
    };
    bench.book(&night);
    let after_midnight = Draft {
        slot: Slot::new(at("2031-05-08T21:30:00Z"), at("2031-05-08T21:45:00Z")).unwrap(),
        ..draft()
    };
    let error = bench.platform.create(&after_midnight).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::SlotTaken);
}

#[tokio::test(start_paused = true)]
async fn a_lesson_held_a_moment_ago_still_takes_its_time() {
    let bench = SimBench::usual();
    let now = Draft {
        slot: Slot::new(at("2031-05-06T06:50:00Z"), at("2031-05-06T07:50:00Z")).unwrap(),
        ..draft()
    };
    let held = bench.book(&now);
    bench.sim.hold(number(&held), true).unwrap();
    let soon = Draft {
        slot: Slot::new(at("2031-05-06T07:30:00Z"), at("2031-05-06T08:30:00Z")).unwrap(),
        ..draft()
    };
    assert_eq!(
        bench.platform.create(&soon).await.unwrap_err().kind,
        ErrorKind::SlotTaken
    );
}

// R22
#[tokio::test(start_paused = true)]
async fn a_move_looks_at_others_and_not_at_itself() {
    let bench = SimBench::usual();
    let id = bench.book(&draft());
    let others = bench.book(&shifted(120));
    assert_eq!(
        update(&bench, &id, shifted(15), &[Field::Slot]).await,
        Ok(())
    );
    assert_eq!(
        update(&bench, &id, shifted(100), &[Field::Slot]).await,
        TAKEN
    );
    let to_other = Draft {
        resource: ResourceKey::new("18"),
        ..shifted(15)
    };
    assert_eq!(
        update(&bench, &id, to_other.clone(), &[Field::Resource]).await,
        Ok(())
    );
    bench.sim.set_teachers(number(&others), &[18]).unwrap();
    assert_eq!(
        update(
            &bench,
            &id,
            Draft {
                resource: ResourceKey::new("18"),
                ..shifted(130)
            },
            &[Field::Slot]
        )
        .await,
        TAKEN
    );
    let forced = Draft {
        force: true,
        resource: ResourceKey::new("18"),
        ..shifted(130)
    };
    assert_eq!(update(&bench, &id, forced, &[Field::Slot]).await, Ok(()));
    // What does not move stays where it is, busy or not.
    let words = Draft {
        comment: Private::new("слова"),
        resource: ResourceKey::new("18"),
        ..shifted(130)
    };
    assert_eq!(update(&bench, &id, words, &[Field::Comment]).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_room_that_is_taken_is_a_taken_time() {
    let config = crate::AlfacrmConfig {
        room_id: Some(5),
        ..crate::AlfacrmConfig::new(2, "sync@example.com", "demo-alfacrm-key".to_owned().into())
    };
    for refusal_status in [200, 422] {
        let options = Options {
            refusal_status,
            ..Options::default()
        };
        let bench = SimBench::configured(&moscow(), Contacts::Real, &options, config.clone());
        bench.platform.create(&draft()).await.unwrap();
        let other = Draft {
            resource: ResourceKey::new("18"),
            client: client("Другой", "+79000000005", ""),
            ..draft()
        };
        let error = bench.platform.create(&other).await.unwrap_err();
        assert_eq!(
            (error.kind, error.retry),
            (ErrorKind::SlotTaken, Retry::Never),
            "{error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_held_is_left_to_the_owner() {
    let bench = SimBench::usual();
    let id = bench.book(&draft());
    bench.sim.hold(number(&id), false).unwrap();
    assert_eq!(read(&bench, &id).await.status, Status::NoShow);
    let before = bench.sim.fingerprint();
    for field in [
        Field::Slot,
        Field::Resource,
        Field::ClientName,
        Field::Comment,
    ] {
        let desired = Draft {
            client: client("Иное Имя", "+79000000003", ""),
            resource: ResourceKey::new("18"),
            comment: Private::new("иное"),
            ..shifted(60)
        };
        assert_eq!(
            update(&bench, &id, desired, &[field]).await,
            Err((ErrorKind::Refused, Retry::Never)),
            "{field:?}"
        );
    }
    assert_eq!(
        bench.platform.remove(&id).await.unwrap_err().kind,
        ErrorKind::Refused
    );
    // How far it has come is nothing that is written: it is as the platform shows it.
    let edit = Edit {
        desired: draft(),
        fields: BTreeSet::from([Field::Status]),
        expected: None,
    };
    let written = bench.platform.update(&id, &edit).await.unwrap();
    assert_eq!(
        written.record.map(|record| record.status),
        Some(Status::NoShow)
    );
    assert_eq!(bench.sim.fingerprint(), before);
}

#[tokio::test(start_paused = true)]
async fn no_write_ever_charges_a_client() {
    let bench = SimBench::usual();
    for (n, status) in [
        Status::Booked,
        Status::Confirmed,
        Status::Arrived,
        Status::NoShow,
    ]
    .into_iter()
    .enumerate()
    {
        let minutes = i64::try_from(n).unwrap() * 60;
        let written = bench
            .platform
            .create(&Draft {
                status,
                ..shifted(minutes)
            })
            .await
            .unwrap();
        for status in Status::ALL {
            let desired = Draft {
                status,
                comment: Private::new(status.as_str()),
                ..shifted(minutes)
            };
            update(
                &bench,
                &written.id,
                desired,
                &[Field::Status, Field::Comment],
            )
            .await
            .unwrap();
        }
        assert_eq!(read(&bench, &written.id).await.status, Status::Booked);
    }
    assert_eq!(bench.sim.held_by_api(), Vec::<u64>::new());
}

// R22
#[tokio::test(start_paused = true)]
async fn an_update_that_rests_on_an_older_sight_is_stale() {
    let bench = SimBench::usual();
    let id = bench.book(&draft());
    let expected = read(&bench, &id).await;
    let desired = Draft {
        comment: Private::new("слова"),
        ..draft()
    };
    let edit = Edit {
        desired,
        fields: BTreeSet::from([Field::Comment]),
        expected: Some(Box::new(expected)),
    };
    bench.platform.update(&id, &edit).await.unwrap();
    for change in 0..3 {
        match change {
            0 => bench.move_to(&id, at("2031-05-09T09:00:00Z")),
            1 => bench.sim.set_teachers(number(&id), &[18]).unwrap(),
            _ => bench.cancel(&id),
        }
        let error = bench.platform.update(&id, &edit).await.unwrap_err();
        assert_eq!(
            (error.kind, error.retry),
            (ErrorKind::Stale, Retry::Later),
            "change {change}"
        );
    }
    assert_eq!(bench.sim.seen(number(&id)).unwrap().comment, "слова");
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_or_cancelled_is_not_brought_back() {
    let bench = SimBench::usual();
    let id = bench.book(&draft());
    bench.cancel(&id);
    assert_eq!(
        update(&bench, &id, shifted(60), &[Field::Slot]).await,
        Err((ErrorKind::Refused, Retry::Never))
    );
    let unknown = RemoteId::new("999999");
    assert_eq!(
        update(&bench, &unknown, shifted(60), &[Field::Slot]).await,
        Err((ErrorKind::NotFound, Retry::Never))
    );
    bench.platform.remove(&unknown).await.unwrap();
    bench
        .platform
        .remove(&RemoteId::new("no-such-shape"))
        .await
        .unwrap();
    assert_eq!(
        (
            bench.sim.count("lesson.update"),
            bench.sim.count("lesson.cancel")
        ),
        (0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_lesson_that_vanishes_under_a_cancellation_is_gone_all_the_same() {
    for unknown_status in [404, 200] {
        let options = Options {
            unknown_status,
            ..Options::default()
        };
        let bench = SimBench::in_process(&moscow(), Contacts::Real, &options);
        let id = bench.book(&draft());
        bench.sim.faults().add(
            "slow",
            "lesson.cancel",
            Which::Nth(1),
            Fault::Slow {
                delay: std::time::Duration::from_secs(5),
            },
        );
        let vanish = async {
            tokio::time::sleep(std::time::Duration::from_secs(3)).await;
            slotbridge_sim::Hand::remove(&bench.sim, number(&id)).unwrap();
        };
        let (removed, ()) = tokio::join!(bench.platform.remove(&id), vanish);
        removed.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_is_one_read_and_one_write_of_status_2() {
    let bench = SimBench::usual();
    let id = bench.platform.create(&draft()).await.unwrap().id;
    let before = bench.sim.calls().len();
    bench.platform.remove(&id).await.unwrap();
    let calls = bench.sim.calls();
    let methods: Vec<_> = calls[before..].iter().map(|call| call.method).collect();
    assert_eq!(methods, ["lesson.read", "lesson.cancel"]);
    assert_eq!(
        calls.last().unwrap().json(),
        serde_json::json!({"status": 2})
    );
    assert!(bench.sim.seen(number(&id)).unwrap().deleted);
    let marker = read(&bench, &id).await.marker;
    assert_eq!(
        marker,
        Some(draft().booking),
        "a cancelled lesson keeps its marker"
    );
}

#[tokio::test(start_paused = true)]
async fn a_blocks_client_is_never_looked_for_when_it_changes() {
    let bench = SimBench::usual();
    let block = Draft {
        kind: Kind::Block,
        client: Client::default(),
        comment: Private::default(),
        ..draft()
    };
    let id = bench.platform.create(&block).await.unwrap().id;
    let desired = Draft {
        client: client("Кто-то", "+79000000061", ""),
        ..block
    };
    update(
        &bench,
        &id,
        desired,
        &[Field::ClientName, Field::ClientPhone],
    )
    .await
    .unwrap();
    assert_eq!(bench.sim.customers().len(), 1);
    assert_eq!(bench.sim.count("lesson.update"), 0);
}
