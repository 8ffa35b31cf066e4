//! Tests of the simulated SimplyBook.me over HTTP.

mod limits;

use std::time::Duration;

use jiff::civil::{date, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use serde_json::{Value, json};

use super::{LimitShape, Options, SecondCancel, SimplybookSim, User};
use crate::clock::SimClock;
use crate::person::{Booking, Hand as _, Inspect as _};
use crate::quota::Quota;
use crate::testing::{Answer, NOW, at, call};

/// A company in Moscow with two providers, of whom one pauses at noon, and no quota.
pub(super) fn company(options: Options) -> SimplybookSim {
    let clock = SimClock::new(at(NOW));
    let zone = TimeZone::get("Europe/Moscow").unwrap();
    let sim = SimplybookSim::new("acme", zone, clock, options).with_quota(Quota::unlimited());
    let (open, close) = (time(9, 0, 0, 0), time(18, 0, 0, 0));
    sim.add_unit(
        2,
        "Лида",
        open,
        close,
        &[(time(12, 0, 0, 0), time(13, 0, 0, 0))],
    );
    sim.add_unit(3, "Марк", open, close, &[]);
    sim.add_event(4, "Массаж", 60, 2000);
    sim.add_client("Проба Пера", "proba.pera@example.com", "+79000000003");
    sim
}

pub(super) const CLIENT: u64 = 77;

pub(super) async fn rpc(
    sim: &SimplybookSim,
    path: &str,
    headers: &[(&str, &str)],
    method: &str,
    params: Value,
) -> Answer {
    let body = json!({"jsonrpc": "2.0", "method": method, "params": params, "id": 5});
    call(&sim.router(), "POST", path, headers, &body).await
}

pub(super) async fn token(sim: &SimplybookSim, method: &str, params: Value) -> String {
    let answer = rpc(sim, "/login", &[], method, params).await;
    answer.json()["result"]
        .as_str()
        .unwrap_or_else(|| panic!("{}", answer.text))
        .to_owned()
}

/// Calls a service with a token of its own.
pub(super) async fn ask(sim: &SimplybookSim, path: &str, method: &str, params: Value) -> Value {
    let (header, token) = if path == "/admin" {
        let user = json!(["acme", "sync@example.com", "demo-password"]);
        ("x-user-token", token(sim, "getUserToken", user).await)
    } else {
        (
            "x-token",
            token(sim, "getToken", json!(["acme", "demo-simplybook-key"])).await,
        )
    };
    let headers = [("x-company-login", "acme"), (header, token.as_str())];
    rpc(sim, path, &headers, method, params).await.json()
}

pub(super) fn code(answer: &Value) -> i64 {
    answer["error"]["code"]
        .as_i64()
        .unwrap_or_else(|| panic!("{answer}"))
}

/// The parameters of a booking of the administration service.
pub(super) fn form(day: &str, from: &str, to: &str) -> Value {
    json!([4, 2, CLIENT, day, from, day, to, 0, {}])
}

#[tokio::test(start_paused = true)]
async fn logins_are_refused_with_their_own_codes() {
    let users = vec![
        User {
            login: "a".to_owned(),
            password: "b".to_owned(),
            role: "admin".to_owned(),
            unit: None,
            blocked: false,
        },
        User {
            login: "c".to_owned(),
            password: "d".to_owned(),
            role: "admin".to_owned(),
            unit: None,
            blocked: true,
        },
    ];
    let sim = company(Options {
        users,
        ..Options::default()
    });
    for (method, params, refusal) in [
        ("getToken", json!(["other", "demo-simplybook-key"]), -33001),
        ("getToken", json!(["acme", "wrong"]), -33002),
        ("getToken", json!(["acme"]), -32010),
        ("getUserToken", json!(["acme", "a", "wrong"]), -33003),
        ("getUserToken", json!(["acme", "nobody", "b"]), -33003),
        ("getUserToken", json!(["acme", "c", "d"]), -33004),
        ("getSomething", json!(["acme", "c", "d"]), -32601),
    ] {
        let answer = rpc(&sim, "/login", &[], method, params).await;
        assert_eq!(
            (answer.status, code(&answer.json())),
            (200, refusal),
            "{method}"
        );
    }
    assert_eq!(
        token(&sim, "getUserToken", json!(["acme", "a", "b"]))
            .await
            .len(),
        64
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_is_for_one_service_and_one_hour() {
    let sim = company(Options::default());
    let user = token(
        &sim,
        "getUserToken",
        json!(["acme", "sync@example.com", "demo-password"]),
    )
    .await;
    let list = async |path: &str, header: &str, company: &str, token: &str| {
        let headers = [("x-company-login", company), (header, token)];
        rpc(&sim, path, &headers, "getUnitList", json!([]))
            .await
            .json()
    };
    assert!(list("/admin", "x-user-token", "acme", &user).await["result"].is_object());
    let message = |answer: Value| {
        (
            code(&answer),
            answer["error"]["message"].as_str().unwrap().to_owned(),
        )
    };
    let denied = (-32600, "Access denied".to_owned());
    assert_eq!(message(list("/", "x-token", "acme", &user).await), denied);
    assert_eq!(
        message(list("/admin", "x-token", "acme", &user).await),
        denied
    );
    assert_eq!(
        message(list("/admin", "x-user-token", "other", &user).await),
        (-32600, "Company does not exists".to_owned())
    );
    tokio::time::advance(Duration::from_secs(3601)).await;
    assert_eq!(
        message(list("/admin", "x-user-token", "acme", &user).await),
        denied
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_no_call_is_answered_with_a_description() {
    let sim = company(Options::default());
    for (verb, path, body) in [
        ("GET", "/admin", Value::Null),
        ("POST", "/admin", json!({"method": "getBookings"})),
        (
            "POST",
            "/admin/bookings",
            json!({"jsonrpc": "2.0", "method": "getBookings", "params": [], "id": 1}),
        ),
    ] {
        let answer = call(&sim.router(), verb, path, &[], &body).await;
        assert_eq!(
            (answer.status, &answer.json()["SMDVersion"]),
            (200, &json!("2.0")),
            "{path}"
        );
    }
    let by_name = json!({"jsonrpc": "2.0", "method": "getToken", "params": {"companyLogin": "acme"}, "id": 1});
    assert_eq!(
        code(
            &call(&sim.router(), "POST", "/login", &[], &by_name)
                .await
                .json()
        ),
        -32011
    );
}

#[tokio::test(start_paused = true)]
async fn an_id_comes_back_as_text_in_a_success_and_as_it_was_in_an_error() {
    let sim = company(Options::default());
    let good = ask(&sim, "/", "getUnitList", json!([true, true])).await;
    assert_eq!(good["id"], "5");
    assert!(good.get("error").is_none());
    assert_eq!(ask(&sim, "/", "getNothing", json!([])).await["id"], 5);
    sim.configure(|options| options.null_members = true);
    assert_eq!(
        ask(&sim, "/", "getUnitList", json!([true, true]))
            .await
            .get("error"),
        Some(&Value::Null)
    );
}

#[tokio::test(start_paused = true)]
async fn a_booking_is_made_listed_changed_and_cancelled() {
    let sim = company(Options::default());
    let made = ask(
        &sim,
        "/admin",
        "book",
        form("2031-05-07", "10:00:00", "11:00:00"),
    )
    .await;
    let booking = &made["result"]["bookings"][0];
    let id: u64 = booking["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(booking["is_confirmed"], "1");
    let listed = ask(
        &sim,
        "/admin",
        "getBookings",
        json!([{"date_from": "2031-05-07", "date_to": "2031-05-07"}]),
    )
    .await;
    let row = &listed["result"][0];
    assert_eq!(
        (&row["start_date"], &row["is_confirm"], &row["client"]),
        (
            &json!("2031-05-07 10:00:00"),
            &json!("1"),
            &json!("Проба Пера")
        )
    );
    assert!(row.get("hash").is_none() && row.get("comment").is_none());
    let details = ask(&sim, "/admin", "getBookingDetails", json!([id])).await;
    assert_eq!(
        (&details["result"]["hash"], &details["result"]["location"]),
        (&booking["hash"], &json!([]))
    );
    let edit = json!([
        id,
        4,
        3,
        CLIENT,
        "2031-05-07",
        "14:00:00",
        "2031-05-07",
        "15:00:00",
        0,
        {}
    ]);
    assert!(ask(&sim, "/admin", "editBook", edit).await["result"].is_object());
    let seen = sim.seen(id).unwrap();
    assert_eq!((seen.staff, seen.start), (3, at("2031-05-07T11:00:00Z")));
    assert_eq!(
        ask(&sim, "/admin", "cancelBooking", json!([id])).await["result"],
        true
    );
    let listed = ask(&sim, "/admin", "getBookings", json!([{}])).await;
    assert_eq!(listed["result"][0]["is_confirm"], "0");
    let about: Vec<_> = sim
        .messages_sent()
        .iter()
        .map(|message| message.about)
        .collect();
    assert_eq!(about, ["create", "change", "cancel"]);
}

#[tokio::test(start_paused = true)]
async fn a_booking_is_refused_with_the_code_for_its_reason() {
    let sim = company(Options::default());
    sim.close_on(date(2031, 5, 10));
    sim.book(&Booking::new(2, 4, at("2031-05-07T07:00:00Z"), 60).client("Mock", "+79000000001"));
    for (params, refusal) in [
        (json!([9, 2, CLIENT, "2031-05-08", "10:00:00"]), -32051),
        (json!([4, 9, CLIENT, "2031-05-08", "10:00:00"]), -32052),
        (json!([4, 2, 99, "2031-05-08", "10:00:00"]), -3264),
        (form("2031-05-10", "10:00:00", "11:00:00"), -32053),
        (form("2031-05-08", "10:10:00", "11:10:00"), -32054),
        (form("2031-05-08", "08:30:00", "09:30:00"), -32054),
        (form("2031-05-08", "17:30:00", "18:30:00"), -32054),
        (form("2031-05-08", "11:30:00", "12:30:00"), -32054),
        (form("2031-05-07", "10:30:00", "11:30:00"), -32054),
        (form("2031-05-05", "10:00:00", "11:00:00"), -32056),
        (form("2031-05-08", "10:00:00", "09:00:00"), -32602),
        (json!([4, 2, CLIENT, "2031-05-08"]), -32010),
    ] {
        assert_eq!(
            code(&ask(&sim, "/admin", "book", params.clone()).await),
            refusal,
            "{params}"
        );
    }
    assert_eq!(sim.all().len(), 1);
    sim.set_qty(2, 2);
    let made = ask(
        &sim,
        "/admin",
        "book",
        form("2031-05-07", "10:30:00", "11:30:00"),
    )
    .await;
    assert!(made["result"].is_object(), "{made}");
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_makes_no_sense_gives_null_and_a_taken_time_an_error() {
    let sim = company(Options::default());
    let id = sim
        .book(&Booking::new(2, 4, at("2031-05-07T07:00:00Z"), 60).client("Mock", "+79000000001"));
    sim.book(&Booking::new(2, 4, at("2031-05-07T11:00:00Z"), 60).client("Mock", "+79000000001"));
    let edit = |client: u64, from: &str, to: &str| {
        json!(
            [id, 4, 2, client, "2031-05-07", from, "2031-05-07", to, 0, {
            }]
        )
    };
    for params in [
        edit(99, "10:00:00", "11:00:00"),
        edit(CLIENT, "10:00:00", "09:00:00"),
    ] {
        let answer = ask(&sim, "/admin", "editBook", params).await;
        assert_eq!(answer.get("result"), Some(&Value::Null));
        assert!(answer.get("error").is_none());
    }
    assert_eq!(
        code(
            &ask(
                &sim,
                "/admin",
                "editBook",
                edit(CLIENT, "14:30:00", "15:30:00")
            )
            .await
        ),
        -32054
    );
    assert_eq!(
        code(&ask(&sim, "/admin", "editBook", json!([404, 4, 2, CLIENT])).await),
        -32080
    );
    sim.add_intake_field("aa", "Allergies", true);
    assert_eq!(
        code(
            &ask(
                &sim,
                "/admin",
                "editBook",
                edit(CLIENT, "15:30:00", "16:30:00")
            )
            .await
        ),
        -32070
    );
    assert_eq!(sim.seen(id).unwrap().start, at("2031-05-07T07:00:00Z"));
}

#[tokio::test(start_paused = true)]
async fn a_second_cancellation_gives_what_the_switch_says() {
    for (switch, answer) in [
        (SecondCancel::True, json!(true)),
        (SecondCancel::False, json!(false)),
        (SecondCancel::NotFound, json!(-32080)),
        (SecondCancel::Error, json!(-32602)),
    ] {
        let sim = company(Options {
            second_cancel: switch,
            ..Options::default()
        });
        let id = sim.book(
            &Booking::new(2, 4, at("2031-05-07T07:00:00Z"), 60).client("Mock", "+79000000001"),
        );
        assert_eq!(
            ask(&sim, "/admin", "cancelBooking", json!([id])).await["result"],
            true
        );
        let second = ask(&sim, "/admin", "cancelBooking", json!([id])).await;
        let told = second
            .get("result")
            .cloned()
            .unwrap_or_else(|| second["error"]["code"].clone());
        assert_eq!(told, answer, "{switch:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_narrow_role_sees_one_provider_and_a_viewer_changes_nothing() {
    let user = |role: &str, unit| User {
        login: "sync@example.com".to_owned(),
        password: "demo-password".to_owned(),
        role: role.to_owned(),
        unit,
        blocked: false,
    };
    let sim = company(Options {
        users: vec![user("station_user", Some(3))],
        ..Options::default()
    });
    let id = sim
        .book(&Booking::new(2, 4, at("2031-05-07T07:00:00Z"), 60).client("Mock", "+79000000001"));
    assert_eq!(
        ask(&sim, "/admin", "getBookings", json!([{}])).await["result"],
        json!([])
    );
    assert_eq!(
        code(&ask(&sim, "/admin", "getBookingDetails", json!([id])).await),
        -32080
    );
    assert_eq!(
        ask(&sim, "/admin", "getCurrentUserDetails", json!([])).await["result"]["group"],
        "station_user"
    );
    sim.configure(|options| options.users = vec![user("viewer", None)]);
    assert_eq!(
        ask(&sim, "/admin", "getBookings", json!([{}])).await["result"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        code(&ask(&sim, "/admin", "cancelBooking", json!([id])).await),
        -32020
    );
}

#[tokio::test(start_paused = true)]
async fn a_booking_that_is_moved_into_the_doubled_hour_and_out_again_keeps_its_length() {
    let sim = company(Options::default());
    sim.set_time_zone(TimeZone::get("Europe/London").unwrap());
    let id = sim
        .book(&Booking::new(2, 4, at("2031-05-07T07:00:00Z"), 60).client("Mock", "+79000000001"));
    for start in ["2031-10-26T00:00:00Z", "2031-10-27T09:00:00Z"] {
        sim.move_to(id, at(start)).unwrap();
        let seen = sim.seen(id).unwrap();
        assert_eq!(
            (seen.start, seen.end.duration_since(seen.start)),
            (at(start), SignedDuration::from_hours(1))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn wall_clock_times_stay_when_the_company_moves_to_another_zone() {
    let sim = company(Options::default());
    let id = sim
        .book(&Booking::new(2, 4, at("2031-05-07T07:00:00Z"), 60).client("Mock", "+79000000001"));
    sim.set_time_zone(TimeZone::UTC);
    let seen = sim.seen(id).unwrap();
    assert_eq!(seen.start, at("2031-05-07T10:00:00Z"));
    assert_eq!(
        seen.end.duration_since(seen.start),
        SignedDuration::from_hours(1)
    );
    assert_eq!(
        seen.start.to_zoned(TimeZone::UTC).date(),
        date(2031, 5, 6).saturating_add(1.day())
    );
}
