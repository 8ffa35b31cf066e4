//! What a census sees, and when it proves nothing.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use slotbridge_core::model::{Client, RemoteId, ResourceKey};
use slotbridge_core::record::{Coverage, Listing, Reading, RecordState, Support, Window};
use slotbridge_platform::conformance::Bench as _;
use slotbridge_platform::platform::{Draft, Priority, Query};
use slotbridge_platform::testing::Scene;
use slotbridge_platform::{Contacts, Platform as _};
use slotbridge_sim::alfacrm::{Card, Options};
use slotbridge_sim::{Booking, Fault, Hand as _, Inspect as _, Which};

use super::bench::{PAGE_ROWS, SimBench, by_hand};
use super::support::{LOGGED_IN, at, client, draft, json, moscow, scripted};

fn week() -> Window {
    Window {
        from: at("2031-05-05T00:00:00Z"),
        to: at("2031-05-12T00:00:00Z"),
    }
}

async fn list(bench: &SimBench) -> Listing {
    bench
        .platform
        .list(&Query::Window(week()), Priority::Poll)
        .await
        .unwrap()
}

fn ids(listing: &Listing) -> BTreeSet<String> {
    listing
        .records
        .iter()
        .map(|record| record.id.as_str().to_owned())
        .collect()
}

fn why_partial(listing: &Listing) -> &str {
    match &listing.coverage {
        Coverage::Partial { why } => why,
        other => panic!("{other:?}"),
    }
}

fn later(hours: i64) -> Draft {
    let shift = SignedDuration::from_hours(hours);
    let slot = draft().slot;
    Draft {
        slot: slotbridge_core::model::Slot::new(slot.start() + shift, slot.end() + shift).unwrap(),
        ..draft()
    }
}

#[tokio::test(start_paused = true)]
async fn watching_takes_one_call_while_no_planned_lesson_is_missing() {
    let bench = SimBench::usual();
    let planned = bench.book(&later(0));
    let held = bench.book(&later(2));
    bench.sim.hold(super::bench::number(&held), true).unwrap();
    let watch = || async {
        let before = bench.sim.count("lesson.index") + bench.sim.count("regular-lesson.index");
        let query = Query::Watch(week());
        let listing = bench.platform.list(&query, Priority::Poll).await.unwrap();
        let after = bench.sim.count("lesson.index") + bench.sim.count("regular-lesson.index");
        (after - before, listing)
    };
    let whole = Coverage::Complete(week());
    let (calls, listing) = watch().await;
    assert_eq!((calls, &listing.coverage), (4, &whole));
    assert_eq!(ids(&listing).len(), 2);
    let (calls, listing) = watch().await;
    assert_eq!((calls, &listing.coverage), (1, &Coverage::Incremental));
    assert_eq!(ids(&listing), BTreeSet::from([planned.as_str().to_owned()]));
    // A new one stands in the list of the planned ones.
    let new = bench.book(&later(4));
    let (calls, listing) = watch().await;
    assert_eq!(calls, 1);
    assert!(ids(&listing).contains(new.as_str()));
    // One that is missing there is looked for everywhere.
    bench.cancel(&planned);
    let (calls, listing) = watch().await;
    assert_eq!((calls, &listing.coverage), (4, &whole));
    let cancelled = listing.records.iter().find(|record| record.id == planned);
    assert_eq!(cancelled.unwrap().state, RecordState::Cancelled);
    assert_eq!(watch().await.0, 1);
    // What the planned ones do not show is looked at once a minute.
    tokio::time::sleep(std::time::Duration::from_mins(1)).await;
    assert_eq!(watch().await.0, 4);
}

#[tokio::test(start_paused = true)]
async fn every_status_is_listed_and_another_branch_is_not() {
    let bench = SimBench::usual();
    let planned = bench.book(&later(0));
    let cancelled = bench.book(&later(1));
    let held = bench.book(&later(2));
    let elsewhere = bench
        .sim
        .copy_elsewhere(super::bench::number(&planned))
        .unwrap();
    bench.cancel(&cancelled);
    bench.sim.hold(super::bench::number(&held), true).unwrap();
    let listing = list(&bench).await;
    assert_eq!(listing.coverage, Coverage::Complete(week()));
    let expected = [&planned, &cancelled, &held].map(|id| id.as_str().to_owned());
    assert_eq!(ids(&listing), BTreeSet::from(expected));
    let elsewhere = RemoteId::new(elsewhere.to_string());
    assert_eq!(
        bench
            .platform
            .read(&elsewhere, Priority::Hint)
            .await
            .unwrap(),
        Reading::Missing
    );
}

#[tokio::test(start_paused = true)]
async fn groups_and_several_teachers_take_everybodys_time_and_are_never_edited() {
    let bench = SimBench::usual();
    let person = bench
        .sim
        .add_customer(&Card::new("Участник", "+79000000050"));
    let group = bench
        .sim
        .book_group(17, 6, later(0).slot.start(), 60, &[person]);
    let shared = bench.book(&later(3));
    bench
        .sim
        .set_teachers(super::bench::number(&shared), &[18, 17])
        .unwrap();
    let listing = list(&bench).await;
    let expected = [
        group.to_string(),
        shared.as_str().to_owned(),
        format!("{shared}@17"),
    ];
    assert_eq!(ids(&listing), BTreeSet::from(expected));
    for record in &listing.records {
        assert!(
            matches!(record.support, Support::Occupancy { .. }),
            "{record:?}"
        );
        assert_eq!(record.client, Client::default());
        let read = bench
            .platform
            .read(&record.id, Priority::Hint)
            .await
            .unwrap();
        assert_eq!(read, Reading::Found(Box::new(record.clone())));
        let before = bench.sim.fingerprint();
        bench.platform.remove(&record.id).await.unwrap_err();
        let edit = slotbridge_platform::platform::Edit {
            desired: later(5),
            fields: slotbridge_core::model::Field::ALL.into(),
            expected: None,
        };
        bench.platform.update(&record.id, &edit).await.unwrap_err();
        assert_eq!(bench.sim.fingerprint(), before);
    }
    let second = listing
        .records
        .iter()
        .find(|record| record.id.as_str().contains('@'))
        .unwrap();
    assert_eq!(second.resource, ResourceKey::new("17"));
    // The second teacher gives the lesson up: that record is gone, and the first one's stays.
    bench
        .sim
        .set_teachers(super::bench::number(&shared), &[18])
        .unwrap();
    assert_eq!(
        bench
            .platform
            .read(&second.id, Priority::Hint)
            .await
            .unwrap(),
        Reading::Missing
    );
    assert!(matches!(
        bench.platform.read(&shared, Priority::Hint).await.unwrap(),
        Reading::Found(_)
    ));
}

#[tokio::test(start_paused = true)]
async fn a_lesson_that_is_cancelled_between_two_lists_is_seen_as_cancelled() {
    let bench = SimBench::usual();
    let id = bench.book(&draft());
    // The answer to the second list is slow enough for a person to cancel before it is asked.
    bench.sim.faults().add(
        "slow",
        "lesson.index",
        Which::Nth(1),
        Fault::SlowAnswer {
            delay: std::time::Duration::from_secs(5),
        },
    );
    let cancel = async {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        bench.cancel(&id);
    };
    let (listing, ()) = tokio::join!(list(&bench), cancel);
    let [record] = listing.records.as_slice() else {
        panic!("{:?}", listing.records)
    };
    assert_eq!(record.state, RecordState::Cancelled);
    assert_eq!(listing.coverage, Coverage::Complete(week()));
}

#[tokio::test(start_paused = true)]
async fn a_row_that_comes_while_pages_are_read_is_read_in_a_second_pass() {
    let bench = SimBench::usual();
    for n in 0..i64::from(PAGE_ROWS) * 2 {
        bench.book(&later(n));
    }
    bench.sim.faults().add(
        "slow",
        "lesson.index",
        Which::Nth(1),
        Fault::SlowAnswer {
            delay: std::time::Duration::from_secs(5),
        },
    );
    let insert = async {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        bench.book(&later(30));
    };
    let (listing, ()) = tokio::join!(list(&bench), insert);
    assert_eq!(listing.coverage, Coverage::Complete(week()));
    assert_eq!(listing.records.len(), 11);
}

#[tokio::test(start_paused = true)]
async fn the_last_page_served_again_and_again_ends_the_listing() {
    let options = Options {
        last_page_again: true,
        ..Options::default()
    };
    let bench = SimBench::in_process(&moscow(), Contacts::Real, &options);
    for n in 0..7 {
        bench.book(&later(n));
    }
    bench.sim.faults().add(
        "cut",
        "lesson.index",
        Which::Nth(1),
        Fault::ListingCut { keep: 1 },
    );
    let listing = list(&bench).await;
    // The cut page made the first pass end one page early or too few; the second one is whole.
    assert_eq!(listing.coverage, Coverage::Complete(week()));
    assert_eq!(listing.records.len(), 7);
    bench.sim.faults().add(
        "always",
        "lesson.index",
        Which::Every,
        Fault::ListingCut { keep: 1 },
    );
    assert!(matches!(
        list(&bench).await.coverage,
        Coverage::Partial { .. }
    ));
}

/// A page with the plain lesson, changed.
fn page(total: u64, count: u64, row: &serde_json::Value) -> Scene {
    let page = serde_json::json!({"total": total, "count": count, "page": 0, "items": [row]});
    Scene::Response(http::Response::new(page.to_string().into()))
}

const NONE: Scene = Scene::Reply(200, r#"{"total":0,"count":0,"page":0,"items":[]}"#);

// R2
#[tokio::test(start_paused = true)]
async fn a_list_that_contradicts_itself_proves_nothing() {
    let plain = json("lesson.json");
    let card = || {
        Scene::Reply(
            200,
            r#"{"total":1,"count":1,"page":0,"items":[{"id":3105,"name":"А"}]}"#,
        )
    };
    let untold = || {
        Scene::Response(http::Response::new(
            serde_json::json!({"items": [plain]}).to_string().into(),
        ))
    };
    let table = [
        // A filter that the platform does not know is ignored: planned lessons stand in the list of cancelled ones.
        (
            vec![page(1, 1, &plain), page(1, 1, &plain), NONE, NONE, card()],
            "shows another status",
        ),
        // The page says that it holds more than it does.
        (
            vec![page(1, 2, &plain), NONE, NONE, NONE, card()],
            "another number of rows than it says",
        ),
        // It tells no total.
        (
            // Both passes.
            vec![
                untold(),
                Scene::Reply(200, r#"{"items":[]}"#),
                untold(),
                Scene::Reply(200, r#"{"items":[]}"#),
                NONE,
                NONE,
                NONE,
                card(),
            ],
            "does not tell its total",
        ),
        (
            vec![
                page(1, 1, &plain),
                Scene::Reply(500, ""),
                Scene::Reply(500, ""),
                Scene::Reply(500, ""),
                Scene::Reply(500, ""),
                NONE,
                NONE,
                card(),
            ],
            "status 2 was not read",
        ),
        (
            vec![
                page(1, 1, &plain),
                NONE,
                NONE,
                Scene::Reply(400, "{}"),
                card(),
            ],
            "recurring rules were not read",
        ),
    ];
    for (scenes, said) in table {
        let (platform, _) = scripted([vec![LOGGED_IN], scenes].into_iter().flatten());
        let listing = platform
            .list(&Query::Window(week()), Priority::Poll)
            .await
            .unwrap();
        assert!(
            why_partial(&listing).contains(said),
            "{said}: {}",
            why_partial(&listing)
        );
        assert_eq!(ids(&listing), BTreeSet::from(["9001".to_owned()]), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_is_ignored_widens_the_list_and_not_the_listing() {
    let mut outside = json("lesson.json");
    outside["date"] = "2031-09-07".into();
    outside["time_from"] = "2031-09-07 16:30:01".into();
    outside["time_to"] = "2031-09-07 17:15:00".into();
    let (platform, _) = scripted([LOGGED_IN, page(1, 1, &outside), NONE, NONE, NONE]);
    let listing = platform
        .list(&Query::Window(week()), Priority::Poll)
        .await
        .unwrap();
    assert_eq!(listing.coverage, Coverage::Complete(week()));
    assert_eq!(listing.records, []);
}

#[tokio::test(start_paused = true)]
async fn a_cancellation_that_is_undone_while_it_is_looked_for_is_not_missing() {
    let bench = SimBench::usual();
    let id = bench.book(&draft());
    bench.cancel(&id);
    bench.sim.faults().add(
        "slow",
        "lesson.read",
        Which::Nth(1),
        Fault::SlowAnswer {
            delay: std::time::Duration::from_secs(5),
        },
    );
    let undo = async {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        bench.sim.undo_cancel(super::bench::number(&id)).unwrap();
    };
    let (reading, ()) = tokio::join!(bench.platform.read(&id, Priority::Hint), undo);
    let Ok(Reading::Found(record)) = reading else {
        panic!("{reading:?}")
    };
    assert_eq!(record.state, RecordState::Live);
}

#[tokio::test(start_paused = true)]
async fn a_deleted_lesson_is_missing_and_gone_from_the_listing() {
    let bench = SimBench::usual();
    let id = bench.book(&draft());
    assert_eq!(ids(&list(&bench).await).len(), 1);
    bench.sim.remove(super::bench::number(&id)).unwrap();
    let listing = list(&bench).await;
    assert!(listing.records.is_empty() && listing.coverage == Coverage::Complete(week()));
    assert_eq!(
        bench.platform.read(&id, Priority::Hint).await.unwrap(),
        Reading::Missing
    );
}

#[tokio::test(start_paused = true)]
async fn cards_are_read_from_the_list_when_many_are_unknown_and_then_remembered() {
    let bench = SimBench::usual();
    for n in 0..8_i64 {
        let draft = Draft {
            client: client(&format!("Клиент {n}"), &format!("+7900000010{n}"), ""),
            ..later(n)
        };
        bench.book(&draft);
    }
    let listing = list(&bench).await;
    let names: BTreeSet<_> = listing
        .records
        .iter()
        .map(|record| record.client.name.expose().to_owned())
        .collect();
    assert_eq!(names.len(), 8, "{names:?}");
    // Two pages of five, instead of eight or sixteen reads.
    assert_eq!(bench.sim.count("customer.index"), 2);
    list(&bench).await;
    assert_eq!(bench.sim.count("customer.index"), 2);
    tokio::time::advance(std::time::Duration::from_mins(11)).await;
    bench
        .sim
        .rename_customer(bench.sim.customers()[0].id, "Новое Имя");
    let listing = list(&bench).await;
    assert!(
        listing
            .records
            .iter()
            .any(|record| record.client.name.expose() == "Новое Имя")
    );
}

#[tokio::test(start_paused = true)]
async fn a_lead_an_archived_client_and_a_missing_card_are_told_apart() {
    let bench = SimBench::usual();
    let lead = Card {
        study: false,
        ..Card::new("Лид", "+79000000021")
    };
    let archived = Card {
        archived: true,
        ..Card::new("Архивный", "+79000000022")
    };
    for card in [&lead, &archived] {
        bench.sim.add_customer(card);
    }
    let hidden = bench
        .sim
        .add_customer_elsewhere(&Card::new("Чужой", "+79000000023"));
    assert!(hidden > 0);
    for (n, phone) in ["+79000000021", "+79000000022", "+79000000023"]
        .into_iter()
        .enumerate()
    {
        let start = later(i64::try_from(n).unwrap()).slot.start();
        bench
            .sim
            .book(&Booking::new(17, 6, start, 45).client("", phone));
    }
    let listing = list(&bench).await;
    let names: BTreeSet<_> = listing
        .records
        .iter()
        .map(|record| record.client.name.expose())
        .collect();
    assert_eq!(names, BTreeSet::from(["", "Архивный", "Лид"]));
    assert!(listing.unreadable.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_lesson_whose_card_cannot_be_read_is_left_alone() {
    let bench = SimBench::usual();
    let known = bench.book(&draft());
    list(&bench).await;
    bench.sim.close_section("customer");
    let unknown = bench.sim.book(&Booking {
        phone: "+79000000077".to_owned(),
        ..by_hand(&later(2))
    });
    let listing = list(&bench).await;
    let lost: BTreeSet<_> = listing
        .unreadable
        .iter()
        .filter_map(|row| row.id.clone())
        .collect();
    assert!(
        lost.contains(&RemoteId::new(unknown.to_string())),
        "{listing:?}"
    );
    assert!(
        listing.records.iter().all(|record| record.id == known),
        "{listing:?}"
    );
    // Nothing of it is taken for gone: what was seen before is still named, in one way or the other.
    assert!(lost.contains(&known) || !listing.records.is_empty());
    // It may be anybody's: nothing is made beside it.
    assert!(
        matches!(listing.coverage, Coverage::Partial { .. }),
        "{listing:?}"
    );
}
