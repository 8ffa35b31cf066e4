//! Tokens, pages, filters and spellings.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::hand::Card;
use super::super::{DateKey, Options, Times};
use super::{account, ask, login, plain, rows};
use crate::person::{Booking, Hand as _, Inspect as _};
use crate::quota::Quota;
use crate::testing::{at, call};

fn booking(hours: i64) -> Booking {
    let start = at("2031-05-07T06:00:00Z") + SignedDuration::from_hours(hours);
    Booking::new(17, 6, start, 45).client("Проба Пера", "+79000000003")
}

#[tokio::test(start_paused = true)]
async fn a_token_expires_is_revoked_by_the_next_login_and_opens_nothing_before() {
    for expired_status in [401, 403] {
        let sim = account(Options {
            expired_status,
            ..Options::default()
        });
        let status = async |token: &str| {
            plain(
                &sim,
                "branch/index",
                &[("x-alfacrm-token", token)],
                &json!({}),
            )
            .await
            .status
        };
        assert_eq!(status("").await, expired_status);
        let first = login(&sim).await;
        assert_eq!(status(&first).await, 200);
        let second = login(&sim).await;
        assert_eq!(
            (status(&first).await, status(&second).await),
            (expired_status, 200)
        );
        tokio::time::advance(Duration::from_secs(899)).await;
        assert_eq!(status(&second).await, 200);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(status(&second).await, expired_status);
        sim.configure(|options| options.login_revokes = false);
        let (one, other) = (login(&sim).await, login(&sim).await);
        assert_eq!((status(&one).await, status(&other).await), (200, 200));
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_have_the_framework_s_form() {
    let sim = account(Options {
        app_key: Some("an-app-key".to_owned()),
        ..Options::default()
    });
    let token = login(&sim).await;
    let headers = [
        ("x-alfacrm-token", token.as_str()),
        ("x-app-key", "an-app-key"),
    ];
    sim.close_section("customer");
    for (path, headers, status) in [
        ("branch/index", &headers[..1], 403),
        ("branch/index", &headers[..], 200),
        ("2/customer/index", &headers[..], 403),
        ("77/lesson/index", &headers[..], 403),
        ("2/lesson/teach?id=1", &headers[..], 404),
        ("2/pay/index", &headers[..], 404),
        ("2/cgi/index", &headers[..], 405),
        ("2/cgi/index?group_id=1", &headers[..], 200),
        ("2/lesson/update", &headers[..], 400),
        ("2/lesson/update?id=1", &headers[..], 404),
    ] {
        let answer = plain(&sim, path, headers, &json!({})).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        if status != 200 {
            assert_eq!(answer.json()["status"], status);
        }
    }
    let body = json!({"email": "sync@example.com", "api_key": "another"});
    assert_eq!(plain(&sim, "auth/login", &[], &body).await.status, 401);
    let get = call(
        &sim.router(),
        "GET",
        "/v2api/2/lesson/index",
        &headers,
        &Value::Null,
    )
    .await;
    assert_eq!(get.status, 405);
}

#[tokio::test(start_paused = true)]
async fn pages_are_of_twenty_by_default_newest_first_and_empty_past_the_end() {
    let sim = account(Options::default());
    let ids: Vec<u64> = (0..25).map(|n| sim.book(&booking(n))).collect();
    let page = async |body: Value| ask(&sim, "2/lesson/index", &body).await.json();
    let first = page(json!({"status": 1})).await;
    assert_eq!(
        (&first["total"], &first["count"], &first["page"]),
        (&json!(25), &json!(20), &json!(0))
    );
    assert_eq!(first["items"][0]["id"], ids[24]);
    let last = page(json!({"status": "1", "page": "1"})).await;
    assert_eq!(
        (&last["count"], &last["items"][4]["id"]),
        (&json!(5), &json!(ids[0]))
    );
    assert_eq!(
        page(json!({"status": 1, "page": 2})).await["items"],
        json!([])
    );
    assert_eq!(
        page(json!({"status": 1, "pageSize": 100})).await["count"],
        25
    );
    // Names that other systems have for it do nothing.
    assert_eq!(
        page(json!({"status": 1, "per_page": 100, "limit": 100})).await["count"],
        20
    );
    sim.configure(|options| options.last_page_again = true);
    let again = page(json!({"status": 1, "page": 9})).await;
    assert_eq!((&again["page"], &again["count"]), (&json!(1), &json!(5)));
}

#[tokio::test(start_paused = true)]
async fn filters_are_inclusive_take_both_dates_and_widen_when_misspelt() {
    let sim = account(Options::default());
    let first = sim.book(&booking(0));
    let second = sim.book(&booking(24));
    let other = sim.book(&Booking {
        staff: 18,
        ..booking(48)
    });
    sim.copy_elsewhere(first).unwrap();
    let held = sim.book(&booking(5));
    sim.hold(held, true).unwrap();
    let found = async |body: Value| -> BTreeSet<u64> {
        let rows = rows(&sim, "2/lesson/index", &body).await;
        rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
    };
    assert_eq!(
        found(json!({"status": 1, "date_from": "07.05.2031", "date_to": "2031-05-08"})).await,
        [first, second].into()
    );
    assert_eq!(
        found(json!({"status": 1, "teacher_id": 18})).await,
        [other].into()
    );
    assert_eq!(
        found(json!({"status": 1, "teacher_ids": [18], "from": "x"})).await,
        [first, second, other].into()
    );
    assert_eq!(
        found(json!({"status": 1, "lesson_id": first})).await.len(),
        3
    );
    // Without a status there is only what was held, also for one id.
    assert_eq!(found(json!({})).await, [held].into());
    assert_eq!(found(json!({"id": first})).await, BTreeSet::new());
    assert_eq!(
        found(json!({"id": first, "status": 1})).await,
        [first].into()
    );
}

#[tokio::test(start_paused = true)]
async fn customers_are_active_clients_unless_asked_for_otherwise() {
    let sim = account(Options {
        formatted_phones: true,
        ..Options::default()
    });
    let base = Card::new("Клиент", "8 900 000-00-03");
    let client = sim.add_customer(&base);
    let archived = sim.add_customer(&Card {
        archived: true,
        ..base.clone()
    });
    let lead = sim.add_customer(&Card {
        study: false,
        emails: vec!["lead@example.com".to_owned()],
        ..base
    });
    let found = async |body: Value| -> Vec<u64> {
        let rows = rows(&sim, "2/customer/index", &body).await;
        rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
    };
    assert_eq!(found(json!({})).await, [client]);
    assert_eq!(found(json!({"removed": 1})).await, [archived, client]);
    assert_eq!(found(json!({"removed": 2})).await, [archived]);
    assert_eq!(found(json!({"is_study": 0})).await, [lead]);
    assert_eq!(
        found(json!({"phone": "9000000003", "removed": 1})).await,
        [archived, client]
    );
    assert_eq!(
        found(json!({"phone": "LEAD@example.com", "is_study": 0})).await,
        [lead]
    );
    assert_eq!(
        found(json!({"phone": "9000000004"})).await,
        Vec::<u64>::new()
    );
    let row = &rows(&sim, "2/customer/index", &json!({})).await[0];
    assert_eq!(
        (row["phone"][0].as_str(), row["balance"].as_str()),
        (Some("+7(900)000-00-03"), Some("0.00"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_lesson_is_spelled_as_the_account_spells_it() {
    let sim = account(Options::default());
    let id = sim.book(&booking(0));
    let shown = async || {
        rows(&sim, "2/lesson/index", &json!({"status": 1, "id": id}))
            .await
            .remove(0)
    };
    sim.configure(|options| {
        options.date_key = DateKey::LessonDate;
        options.times = Times::Bare;
        options.people_in_details = true;
        options.stamps = true;
        options.custom_keys = true;
    });
    let row = shown().await;
    assert_eq!(
        (&row["date"], &row["lesson_date"]),
        (&Value::Null, &json!("2031-05-07"))
    );
    assert_eq!(
        (&row["time_from"], &row["time_to"]),
        (&json!("09:00:01"), &json!("09:45:00"))
    );
    assert_eq!(row["customer_ids"], json!([]));
    assert!(
        row["details"][0]["customer_id"].is_u64()
            && row["updated_at"].is_string()
            && row["custom_source"].is_string()
    );
    sim.configure(|options| {
        (options.date_key, options.times, options.extra_second) =
            (DateKey::Absent, Times::BareMinutes, false);
    });
    let row = shown().await;
    assert_eq!(
        (row["lesson_date"].is_null(), &row["time_from"]),
        (true, &json!("09:00"))
    );
    sim.configure(|options| options.odd_spellings = Some(11));
    let odd = shown().await;
    let texts = odd.as_object().unwrap().iter().filter(|(key, value)| {
        key.ends_with("_id") && value.as_str().is_some_and(|text| !text.is_empty())
    });
    assert!(texts.count() > 0, "{odd}");
    assert!(
        odd.as_object()
            .unwrap()
            .keys()
            .any(|key| key.starts_with("new_key_"))
    );
    assert!(sim.spoil(id));
    assert_eq!(shown().await["time_from"], json!({"odd": true}));
}

#[tokio::test(start_paused = true)]
async fn refusals_of_writes_come_with_the_status_of_the_account() {
    let sim = account(Options {
        refusal_status: 422,
        unknown_status: 200,
        ..Options::default()
    });
    let answer = ask(&sim, "2/lesson/create", &json!({})).await;
    assert_eq!(
        (answer.status, &answer.json()["success"]),
        (422, &json!(false))
    );
    let answer = ask(&sim, "2/lesson/update?id=1", &json!({})).await;
    assert_eq!(
        (answer.status, &answer.json()["success"]),
        (200, &json!(false))
    );
}

#[tokio::test(start_paused = true)]
async fn too_many_calls_wait_in_a_queue_and_then_get_a_page_for_people() {
    let sim = account(Options::default()).with_quota(Quota::alfacrm());
    let body = json!({"email": "sync@example.com", "api_key": "demo-alfacrm-key"});
    let begun = tokio::time::Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (sim, body) = (sim.clone(), body.clone());
        calls.spawn(async move { plain(&sim, "auth/login", &[], &body).await });
    }
    let answers = calls.join_all().await;
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!((served, sim.quota_violations().len()), (16, 4));
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
    let refused = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert!(refused.text.contains("<html>") && refused.retry_after.is_none());
}
