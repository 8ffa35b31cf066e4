//! The public service, callbacks and limits.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use jiff::civil::date;
use jiff::tz::TimeZone;
use serde_json::json;
use tower::ServiceExt as _;

use super::{LimitShape, Options, SimplybookSim, ask, code, company, form, rpc};
use crate::clock::SimClock;
use crate::faults::{Fault, Which};
use crate::gate::Asker;
use crate::person::{Booking, Hand as _, Inspect as _};
use crate::simplybook::public::signature;
use crate::testing::{NOW, at};

#[tokio::test(start_paused = true)]
async fn signed_calls_need_the_digest_of_id_hash_and_secret() {
    let sim = company(Options {
        secret_key: String::new(),
        ..Options::default()
    });
    let client =
        json!({"name": "Jane Sample", "email": "jane@example.com", "phone": "+79000000007"});
    let made = ask(
        &sim,
        "/",
        "book",
        json!([4, 3, "2031-05-07", "10:00:00", client, {}]),
    )
    .await;
    let booking = made["result"]["bookings"][0].clone();
    let (id, hash) = (
        booking["id"].as_str().unwrap(),
        booking["hash"].as_str().unwrap(),
    );
    assert_eq!(sim.hash_of(id.parse().unwrap()).as_deref(), Some(hash));
    let sign = signature(&format!("{id}{hash}"));
    let details = ask(&sim, "/", "getBookingDetails", json!([id, sign])).await;
    assert_eq!(details["result"]["client_name"], "Jane Sample");
    assert_eq!(
        code(&ask(&sim, "/", "getBookingDetails", json!([id, "0"])).await),
        -32085
    );
    assert_eq!(
        code(&ask(&sim, "/", "getBooking", json!([404, sign])).await),
        -32080
    );
    assert_eq!(
        ask(&sim, "/", "cancelBooking", json!([id, sign])).await["result"],
        true
    );
    assert_eq!(sim.live(), []);
    // The digest of nothing, known everywhere.
    assert_eq!(signature(""), "d41d8cd98f00b204e9800998ecf8427e");
}

#[tokio::test(start_paused = true)]
async fn a_client_is_refused_by_what_the_company_needs() {
    let sim = company(Options {
        require_fields: "email_phone".to_owned(),
        ..Options::default()
    });
    for (client, refusal) in [
        (
            json!({"email": "a@example.com", "phone": "+79000000007"}),
            -32061,
        ),
        (json!({"name": "Jane", "phone": "+79000000007"}), -32062),
        (
            json!({"name": "Jane", "email": "jane", "phone": "+79000000007"}),
            -32062,
        ),
        (json!({"name": "Jane", "email": "a@example.com"}), -32063),
    ] {
        let params = json!([4, 3, "2031-05-07", "10:00:00", client, {}]);
        assert_eq!(
            code(&ask(&sim, "/", "book", params).await),
            refusal,
            "{client}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn free_starts_leave_out_breaks_bookings_and_days_off() {
    let sim = company(Options {
        matrix_first_day_empty: false,
        ..Options::default()
    });
    sim.close_on(date(2031, 5, 8));
    sim.book(&Booking::new(2, 4, at("2031-05-07T13:00:00Z"), 60).client("Mock", "+79000000001"));
    let matrix = ask(
        &sim,
        "/",
        "getStartTimeMatrix",
        json!(["2031-05-07", "2031-05-08", 4, 2, 1]),
    )
    .await;
    let starts = [
        "09:00", "09:30", "10:00", "10:30", "11:00", "13:00", "13:30", "14:00", "14:30", "15:00",
        "17:00",
    ];
    let starts: Vec<String> = starts.iter().map(|start| format!("{start}:00")).collect();
    assert_eq!(
        matrix["result"],
        json!({"2031-05-07": starts, "2031-05-08": []})
    );
    sim.configure(|options| options.matrix_first_day_empty = true);
    let matrix = ask(
        &sim,
        "/",
        "getStartTimeMatrix",
        json!(["2031-05-07", "2031-05-07", 4, 2, 1]),
    )
    .await;
    assert_eq!(matrix["result"], json!({"2031-05-07": []}));
    let calendar = ask(&sim, "/", "getWorkCalendar", json!([2031, 5, 2])).await["result"].clone();
    assert_eq!(calendar["2031-05-08"]["is_day_off"], "1");
    assert_eq!(
        calendar["2031-05-07"],
        json!({"from": "09:00:00", "to": "18:00:00", "is_day_off": "0"})
    );
    assert_eq!(calendar.as_object().unwrap().len(), 31);
}

#[tokio::test(start_paused = true)]
async fn every_change_of_time_or_state_sends_a_callback_and_a_comment_sends_none() {
    let sim = company(Options {
        webhook_new_members: true,
        ..Options::default()
    });
    let id = sim
        .book(&Booking::new(2, 4, at("2031-05-07T07:00:00Z"), 60).client("Mock", "+79000000001"));
    sim.move_to(id, at("2031-05-07T08:00:00Z")).unwrap();
    ask(&sim, "/admin", "setBookingComment", json!([id, "x"])).await;
    ask(&sim, "/admin", "cancelBooking", json!([id])).await;
    let callbacks = sim.take_webhooks();
    let kinds: Vec<_> = callbacks
        .iter()
        .map(|body| body["notification_type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["create", "change", "cancel"]);
    assert_eq!(callbacks[0]["booking_id"], id.to_string());
    assert_eq!(
        callbacks[0]["booking_hash"].as_str(),
        sim.hash_of(id).as_deref()
    );
    assert!(callbacks[0]["webhook_timestamp"].is_i64());
    sim.configure(|options| (options.webhook_twice, options.webhook_echo) = (true, false));
    sim.book(&Booking::new(3, 4, at("2031-05-07T07:00:00Z"), 60).client("Mock", "+79000000001"));
    ask(
        &sim,
        "/admin",
        "book",
        form("2031-05-08", "10:00:00", "11:00:00"),
    )
    .await;
    assert_eq!(sim.take_webhooks().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn passing_a_limit_looks_as_the_switch_says() {
    for (shape, status, lost) in [
        (LimitShape::Status429, 429, false),
        (LimitShape::Status403, 403, false),
        (LimitShape::Error, 200, false),
        (LimitShape::Dropped, 502, true),
    ] {
        let clock = SimClock::new(at(NOW));
        let sim = SimplybookSim::new(
            "acme",
            TimeZone::UTC,
            clock,
            Options {
                limit_shape: shape,
                ..Options::default()
            },
        );
        let login = async || {
            rpc(
                &sim,
                "/login",
                &[],
                "getToken",
                json!(["acme", "demo-simplybook-key"]),
            )
            .await
        };
        for _ in 0..5 {
            assert!(login().await.json()["result"].is_string());
        }
        let refused = login().await;
        assert_eq!((refused.status, refused.lost), (status, lost), "{shape:?}");
        assert_eq!(sim.quota_violations().len(), 1);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(login().await.json()["result"].is_string());
    }
}

#[tokio::test(start_paused = true)]
async fn the_day_holds_five_thousand_calls() {
    let clock = SimClock::new(at(NOW));
    let sim = SimplybookSim::new("acme", TimeZone::UTC, clock, Options::default());
    let admitted = async || {
        let quota = sim.quota().admit();
        tokio::time::advance(Duration::from_secs(1)).await;
        quota.is_ok()
    };
    let mut calls = 0;
    while calls < 6000 && admitted().await {
        calls += 1;
    }
    assert_eq!(calls, 5000);
}

#[tokio::test(start_paused = true)]
async fn the_third_call_at_the_same_time_is_refused() {
    let sim = company(Options::default());
    let delay = Duration::from_secs(1);
    sim.faults().add(
        "slow",
        "login.getToken",
        Which::Every,
        Fault::SlowAnswer { delay },
    );
    let calls: Vec<_> = (0..3)
        .map(|_| {
            let sim = sim.clone();
            tokio::spawn(async move {
                rpc(
                    &sim,
                    "/login",
                    &[],
                    "getToken",
                    json!(["acme", "demo-simplybook-key"]),
                )
                .await
                .status
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for call in calls {
        statuses.push(call.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(sim.quota_violations().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_third_call_cannot_foresee_that_the_platform_is_at_work_for_one_who_has_gone() {
    for gone in [false, true] {
        let sim = company(Options::default());
        let delay = Duration::from_secs(1);
        sim.faults()
            .add("slow", "*", Which::Every, Fault::SlowAnswer { delay });
        let waiting = std::sync::Arc::new(());
        let ask = || {
            let body =
                json!({"method": "getToken", "params": ["acme", "demo-simplybook-key"], "id": 1});
            let mut request = Request::post("/login")
                .body(Body::from(body.to_string()))
                .unwrap();
            request.extensions_mut().insert(Asker::of(&waiting));
            tokio::spawn(sim.router().oneshot(request))
        };
        let earlier = [ask(), ask()];
        tokio::task::yield_now().await;
        if gone {
            drop(waiting);
        }
        let third = rpc(&sim, "/login", &[], "getToken", json!([])).await;
        assert_eq!(third.status, 429);
        let refused = sim.quota_violations();
        assert_eq!(
            refused
                .iter()
                .map(|call| call.is_foreseeable)
                .collect::<Vec<_>>(),
            [!gone]
        );
        for call in earlier {
            assert_eq!(call.await.unwrap().unwrap().status(), 200);
        }
    }
}
