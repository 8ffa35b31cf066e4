//! Odd spellings, quotas, group events and visits.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::{ask, branch, created, form, get, with};
use crate::person::{Booking, Hand, Inspect};
use crate::quota::{Limit, Quota};
use crate::testing::at;

#[tokio::test(start_paused = true)]
async fn every_odd_spelling_turns_up_and_none_changes_the_platform() {
    let sim = branch();
    let id = created(
        &sim,
        &with(
            form("2031-05-07 10:30:00"),
            &json!({"client": {}, "api_id": null}),
        ),
    )
    .await;
    let before = sim.fingerprint();
    sim.configure(|options| options.odd_spellings = Some(11));
    let mut spellings: std::collections::BTreeMap<&str, BTreeSet<String>> =
        std::collections::BTreeMap::new();
    for _ in 0..60 {
        let record = get(&sim, &format!("/record/7001/{id}")).await.data();
        for field in [
            "client",
            "visit_id",
            "deleted",
            "api_id",
            "last_change_date",
            "comment",
            "custom_fields",
        ] {
            let spelling = record
                .get(field)
                .map_or_else(|| "missing".to_owned(), Value::to_string);
            spellings.entry(field).or_default().insert(spelling);
        }
        let cost = record["services"][0]["cost"].to_string();
        spellings.entry("cost").or_default().insert(cost);
        assert_eq!(record["is_update_blocked"], false);
    }
    let of = |field: &str| {
        spellings[field]
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
    };
    assert_eq!(of("client"), ["[]", "null"]);
    assert_eq!(of("deleted"), ["0", "false"]);
    assert_eq!(of("api_id"), ["\"\"", "\"0\"", "missing", "null"]);
    assert_eq!(of("comment"), ["\"\"", "null"]);
    assert_eq!(of("custom_fields"), ["[]", "{}"]);
    assert_eq!(of("cost"), ["\"2500.00\"", "2500"]);
    assert_eq!(
        of("last_change_date"),
        [
            "\"2031-05-06T10:00:00+0300\"",
            "\"2031-05-06T10:00:00+03:00\""
        ]
    );
    assert_eq!(of("visit_id").len(), 2);
    assert_eq!(sim.fingerprint(), before);
}

#[tokio::test(start_paused = true)]
async fn odd_spellings_replay_from_their_seed() {
    let sim = branch();
    created(&sim, &form("2031-05-07 10:30:00")).await;
    let run = async |seed: Option<u64>| {
        // Off and on again starts the sequence anew.
        sim.configure(|options| options.odd_spellings = None);
        sim.configure(|options| options.odd_spellings = seed);
        let mut replies = Vec::new();
        for _ in 0..5 {
            replies.push(get(&sim, "/records/7001").await.text);
        }
        replies
    };
    assert_eq!(run(Some(1)).await, run(Some(1)).await);
    assert_ne!(run(Some(1)).await, run(Some(2)).await);
    let plain = run(None).await;
    assert!(plain.iter().all(|reply| *reply == plain[0]));
}

#[tokio::test(start_paused = true)]
async fn the_quota_holds_at_arrival_and_tells_when_to_come_back_if_it_is_on() {
    let sim = branch().with_quota(Quota::yclients());
    for _ in 0..5 {
        assert_eq!(get(&sim, "/records/7001").await.status, 200);
    }
    tokio::time::advance(Duration::from_millis(400)).await;
    let refused = get(&sim, "/records/7001").await;
    assert_eq!((refused.status, refused.retry_after), (429, None));
    let message = refused.text;
    assert!(
        message.contains("Превышен лимит запросов, попробуйте повторить запрос через 0 секунд.")
    );
    sim.configure(|options| options.retry_after = true);
    assert_eq!(
        get(&sim, "/records/7001").await.retry_after.as_deref(),
        Some("1")
    );
    tokio::time::advance(Duration::from_millis(600)).await;
    assert_eq!(get(&sim, "/records/7001").await.status, 200);
    assert_eq!(
        (sim.count("records.list"), sim.quota_violations().len()),
        (8, 2)
    );
    assert_eq!(sim.calls()[5].status, Some(429));
    assert_eq!(sim.calls()[5].at, at("2031-05-06T07:00:00.4Z"));
}

#[tokio::test(start_paused = true)]
async fn two_accounts_behind_one_address_share_a_quota() {
    let quota = Quota::new([Limit::new(1, Duration::from_secs(1))], false);
    let (one, other) = (
        branch().with_quota(quota.clone()),
        branch().with_quota(quota),
    );
    assert_eq!(get(&one, "/records/7001").await.status, 200);
    assert_eq!(get(&other, "/records/7001").await.status, 429);
    assert_eq!(
        (one.quota_violations().len(), other.quota_violations().len()),
        (0, 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_group_event_is_one_record_for_each_client_and_no_double_booking() {
    let sim = branch();
    let event = sim.add_activity(310, 42, at("2031-05-07T07:00:00Z"), 60);
    let one = sim.join(event, "Проба", "+79000000002").unwrap();
    let body = json!({"activity_id": event, "client": {"phone": "79000000003", "name": "Два"}, "save_if_busy": false, "send_sms": false});
    let two = created(&sim, &body).await;
    let record = get(&sim, &format!("/record/7001/{two}")).await.data();
    assert_eq!(
        (&record["activity_id"], &record["staff_id"]),
        (&json!(event), &json!(310))
    );
    assert_eq!(record["date"], "2031-05-07 10:00:00");
    assert_eq!(sim.double_bookings(), []);
    // The event keeps its staff from being booked apart from it.
    let alone = ask(&sim, "POST", "/records/7001", &form("2031-05-07 10:30:00")).await;
    assert_eq!(alone.status, 422);
    let path = format!("/record/7001/{two}");
    assert_eq!(ask(&sim, "PUT", &path, &body).await.status, 201);
    assert_eq!(
        ask(&sim, "PUT", &path, &form("2031-05-09 10:30:00"))
            .await
            .status,
        422
    );
    sim.move_activity(event, at("2031-05-08T07:00:00Z"))
        .unwrap();
    let starts: Vec<String> = sim
        .live()
        .iter()
        .map(|seen| seen.start.to_string())
        .collect();
    assert_eq!(starts, ["2031-05-08T07:00:00Z", "2031-05-08T07:00:00Z"]);
    assert_eq!(sim.live()[0].id, one);
}

#[tokio::test(start_paused = true)]
async fn a_visit_holds_several_records() {
    let sim = branch();
    let first =
        Booking::new(310, 42, at("2031-05-07T07:00:00Z"), 60).client("Проба", "+79000000002");
    let second =
        Booking::new(311, 43, at("2031-05-07T08:00:00Z"), 30).client("Проба", "+79000000002");
    let ids = sim.book_visit(&[first, second]);
    assert_eq!(ids.len(), 2);
    let rows = get(&sim, "/records/7001").await.data();
    assert_eq!(rows[0]["visit_id"], rows[1]["visit_id"]);
    assert_ne!(rows[0]["id"], rows[1]["id"]);
    assert_eq!(rows[0]["client"]["id"], rows[1]["client"]["id"]);
}

#[tokio::test(start_paused = true)]
async fn a_renamed_client_shows_at_once_and_moves_no_change_stamp() {
    let sim = branch();
    let id = sim.book(
        &Booking::new(310, 42, at("2031-05-07T07:00:00Z"), 60).client("Проба", "+79000000002"),
    );
    tokio::time::advance(Duration::from_mins(1)).await;
    sim.rename_client(id, "Проба Пера").unwrap();
    let row = get(&sim, "/records/7001").await.data()[0].clone();
    assert_eq!(row["client"]["name"], "Проба Пера");
    assert_eq!(row["last_change_date"], "2031-05-06T10:00:00+0300");
}
