//! Tests of what all simulated platforms share: faults in process and over a socket, and serving.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::person::{Booking, Hand, Inspect};
use crate::quota::Quota;
use crate::testing::{Answer, NOW, at, call};
use crate::world::{Addresses, World, empty_week};
use crate::{Fault, SimClock, Which, demo_week, serve, serve_on};

const ACCEPT: (&str, &str) = ("accept", "application/vnd.yclients.v2+json");
const TOKENS: (&str, &str) = (
    "authorization",
    "Bearer demo-partner-token, User demo-user-token",
);

fn world() -> World {
    let mut world = empty_week(&SimClock::new(at(NOW)));
    world.yclients = world.yclients.with_quota(Quota::unlimited());
    world.rubitime = world.rubitime.with_quota(Quota::unlimited());
    world
}

fn yclients_form() -> Value {
    json!({
        "staff_id": 8886, "services": [{"id": 331}], "client": {}, "datetime": "2031-05-07 10:00:00",
        "seance_length": 3600, "save_if_busy": true, "send_sms": false,
    })
}

fn rubitime_form() -> Value {
    json!({"rk": "demo-rubitime-key", "branch_id": 1013, "cooperator_id": 1702, "service_id": 3925, "status": 0,
           "record": "2031-05-07 10:00"})
}

async fn create(world: &World) -> Answer {
    let router = world.yclients.router();
    call(
        &router,
        "POST",
        "/api/v1/records/4564",
        &[ACCEPT, TOKENS],
        &yclients_form(),
    )
    .await
}

async fn list(world: &World) -> Answer {
    let router = world.yclients.router();
    call(
        &router,
        "GET",
        "/api/v1/records/4564",
        &[ACCEPT, TOKENS],
        &Value::Null,
    )
    .await
}

async fn create_on_rubitime(world: &World) -> Answer {
    call(
        &world.rubitime.router(),
        "POST",
        "/api2/create-record",
        &[],
        &rubitime_form(),
    )
    .await
}

#[tokio::test(start_paused = true)]
async fn each_fault_of_a_create_answers_and_lands_as_it_says() {
    let late = Duration::from_secs(40);
    for (fault, status, landed) in [
        (Fault::ReplyLost, None, 1),
        (Fault::DropBefore, None, 0),
        (Fault::ErrorBefore { status: 500 }, Some(500), 0),
        (Fault::ErrorAfter { status: 502 }, Some(502), 1),
        (Fault::TooManyRequests { retry_after: None }, Some(429), 0),
        (Fault::Slow { delay: late }, Some(201), 1),
        (Fault::SlowAnswer { delay: late }, Some(201), 1),
        (Fault::Truncated, Some(201), 1),
        (Fault::HtmlError { status: 503 }, Some(503), 0),
        (Fault::ExpiredToken, Some(401), 0),
        (Fault::Garbage, Some(200), 1),
    ] {
        let world = world();
        world
            .yclients
            .faults()
            .add("once", "records.create", Which::Nth(1), fault.clone());
        let answer = create(&world).await;
        assert_eq!((!answer.lost).then_some(answer.status), status, "{fault:?}");
        assert_eq!(world.yclients.live().len(), landed, "{fault:?}");
        let log = world.yclients.calls();
        assert_eq!(
            (log[0].status, log[0].landed),
            (status, landed == 1),
            "{fault:?}"
        );
        assert_eq!(
            (log[0].fault.as_deref(), log[0].over_quota),
            (Some("once"), false)
        );
        assert_eq!(log[0].json()["staff_id"], 8886);
        assert_eq!(create(&world).await.status, 201, "{fault:?} strikes once");
        assert_eq!(world.yclients.faults().fired("once"), Some(1));
    }
}

#[tokio::test(start_paused = true)]
async fn rubitime_faults_speak_rubitimes_language() {
    for (fault, status, message, landed) in [
        (Fault::ErrorBefore { status: 503 }, 503, None, 0),
        (
            Fault::ErrorBefore { status: 200 },
            200,
            Some("Internal error"),
            0,
        ),
        (
            Fault::ErrorAfter { status: 200 },
            200,
            Some("Internal error"),
            1,
        ),
        (
            Fault::TooManyRequests { retry_after: None },
            200,
            Some("Limit on the number of consecutive requests: 5 seconds"),
            0,
        ),
        (Fault::ExpiredToken, 200, Some("Invalid API key"), 0),
        (Fault::Garbage, 200, Some("Success"), 1),
    ] {
        let world = world();
        world
            .rubitime
            .faults()
            .add("once", "*", Which::Next(1), fault.clone());
        let answer = create_on_rubitime(&world).await;
        assert_eq!(answer.status, status, "{fault:?}");
        assert_eq!(answer.json()["message"].as_str(), message, "{fault:?}");
        assert_eq!(world.rubitime.live().len(), landed, "{fault:?}");
    }
    let world = world();
    world
        .rubitime
        .faults()
        .add("lost", "create-record", Which::Every, Fault::ReplyLost);
    assert!(create_on_rubitime(&world).await.lost);
    assert_eq!(world.rubitime.live().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_listing_is_cut_below_its_own_total_or_emptied_with_it() {
    let world = world();
    for hour in 0..3_i64 {
        let start = at("2031-05-07T07:00:00Z") + jiff::SignedDuration::from_hours(hour);
        world.yclients.book(&Booking::new(8886, 331, start, 60));
    }
    let faults = world.yclients.faults();
    faults.add(
        "cut",
        "records.list",
        Which::Nth(1),
        Fault::ListingCut { keep: 2 },
    );
    faults.add("none", "records.list", Which::Nth(2), Fault::EmptyListing);
    for (rows, total) in [(2, 3), (0, 0), (3, 3)] {
        let answer = list(&world).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.data().as_array().unwrap().len(), rows);
        assert_eq!(answer.json()["meta"]["total_count"], total);
    }
    let schedule = json!({"rk": "demo-rubitime-key", "branch_id": 1013, "cooperator_id": 1702, "service_id": 3925});
    let faults = world.rubitime.faults();
    faults.add(
        "cut",
        "get-schedule",
        Which::Nth(1),
        Fault::ListingCut { keep: 2 },
    );
    faults.add("none", "get-schedule", Which::Nth(2), Fault::EmptyListing);
    let router = world.rubitime.router();
    let days = call(&router, "POST", "/api2/get-schedule", &[], &schedule)
        .await
        .data();
    assert_eq!(days.as_object().unwrap().len(), 2);
    assert_eq!(
        call(&router, "POST", "/api2/get-schedule", &[], &schedule)
            .await
            .data(),
        json!([])
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_cut_or_for_people_is_no_json() {
    let world = world();
    let faults = world.yclients.faults();
    faults.add("cut", "records.list", Which::Nth(1), Fault::Truncated);
    faults.add(
        "page",
        "records.list",
        Which::Nth(2),
        Fault::HtmlError { status: 200 },
    );
    faults.add("odd", "records.list", Which::Nth(3), Fault::Garbage);
    let cut = list(&world).await;
    assert!(
        cut.text.starts_with('{') && cut.json().is_null(),
        "{}",
        cut.text
    );
    assert!(list(&world).await.text.starts_with("<!DOCTYPE html>"));
    let odd = list(&world).await;
    assert_eq!(
        (&odd.json()["success"], odd.data().is_array()),
        (&json!(true), false)
    );
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_fault_tells_whole_seconds() {
    let world = world();
    let retry_after = Some(Duration::from_millis(2100));
    world.yclients.faults().add(
        "slow down",
        "*",
        Which::Next(1),
        Fault::TooManyRequests { retry_after },
    );
    let answer = list(&world).await;
    assert_eq!(
        (answer.status, answer.retry_after.as_deref()),
        (429, Some("3"))
    );
    assert_eq!(world.yclients.quota_violations(), []);
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_lands_after_its_client_has_given_up() {
    let world = world();
    let delay = Duration::from_secs(40);
    world.yclients.faults().add(
        "slow",
        "records.create",
        Which::Nth(1),
        Fault::Slow { delay },
    );
    let gave_up = tokio::time::timeout(Duration::from_secs(30), create(&world)).await;
    assert!(gave_up.is_err());
    assert_eq!(world.yclients.live(), []);
    assert!(!world.yclients.calls()[0].landed);
    tokio::time::advance(Duration::from_secs(11)).await;
    tokio::task::yield_now().await;
    assert_eq!(world.yclients.live().len(), 1);
    assert!(world.yclients.calls()[0].landed);
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_lands_before_its_client_has_given_up() {
    let world = world();
    let delay = Duration::from_secs(40);
    world.yclients.faults().add(
        "slow",
        "records.create",
        Which::Nth(1),
        Fault::SlowAnswer { delay },
    );
    let gave_up = tokio::time::timeout(Duration::from_secs(30), create(&world)).await;
    assert!(gave_up.is_err());
    assert_eq!(world.yclients.live().len(), 1);
    assert_eq!(
        (
            world.yclients.calls()[0].landed,
            world.yclients.calls()[0].status
        ),
        (true, None)
    );
}

/// Sends a request on a raw socket and reads until the other side closes.
fn raw(address: SocketAddr, path: &str, body: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: sim\r\naccept: {}\r\nauthorization: {}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        ACCEPT.1,
        TOKENS.1,
        body.len(),
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A closed connection may also show as a reset; what had come until then counts.
    drop(stream.read_to_end(&mut answer));
    answer
}

async fn sent(address: SocketAddr, path: &'static str, body: &Value) -> String {
    let body = body.to_string();
    let answer = tokio::task::spawn_blocking(move || raw(address, path, &body))
        .await
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_lost_connection_closes_the_socket_without_a_byte() {
    let world = world();
    let served = serve(world.yclients.router()).await.unwrap();
    let faults = world.yclients.faults();
    faults.add("lost", "records.create", Which::Nth(1), Fault::ReplyLost);
    faults.add(
        "dropped",
        "records.create",
        Which::Nth(2),
        Fault::DropBefore,
    );
    let path = "/api/v1/records/4564";
    assert_eq!(sent(served.address, path, &yclients_form()).await, "");
    assert_eq!(world.yclients.live().len(), 1);
    assert_eq!(sent(served.address, path, &yclients_form()).await, "");
    assert_eq!(world.yclients.live().len(), 1);
    let third = sent(served.address, path, &yclients_form()).await;
    assert!(third.starts_with("HTTP/1.1 201 Created\r\n"), "{third}");
    assert_eq!(world.yclients.live().len(), 2);
}

#[tokio::test]
async fn a_truncated_answer_closes_the_socket_before_its_length() {
    let world = world();
    let served = serve(world.rubitime.router()).await.unwrap();
    world
        .rubitime
        .faults()
        .add("cut", "create-record", Which::Nth(1), Fault::Truncated);
    let answer = sent(served.address, "/api2/create-record", &rubitime_form()).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let promised = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap();
    assert!(
        (1..promised.parse().unwrap()).contains(&body.len()),
        "{answer}"
    );
    assert!(serde_json::from_str::<Value>(body).is_err());
    assert_eq!(world.rubitime.live().len(), 1);
}

#[tokio::test]
async fn a_stopped_platform_refuses_connections_and_comes_back_on_its_port() {
    let world = world();
    let served = serve(world.rubitime.router()).await.unwrap();
    let address = served.address;
    assert_eq!(served.url, format!("http://{address}"));
    served.stop().await;
    assert!(TcpStream::connect(address).is_err());
    let again = serve_on(address, world.rubitime.router()).await.unwrap();
    let answer = sent(again.address, "/api2/create-record", &rubitime_form()).await;
    assert!(answer.contains("\"status\":\"ok\""), "{answer}");
}

#[tokio::test]
async fn the_demo_week_can_be_read_over_sockets_by_its_config() {
    let world = demo_week(&SimClock::system());
    let served = serve(world.yclients.router()).await.unwrap();
    let config = world.config(&Addresses {
        yclients: &served.url,
        rubitime: "http://127.0.0.1:1",
        store: "x.db",
        rubitime_gap: None,
    });
    let table: toml::Table = config.parse().unwrap();
    assert_eq!(
        table["platform"]["salon"]["base_url"].as_str(),
        Some(served.url.as_str())
    );
    assert_eq!(table["platform"]["site"].get("quota"), None);
    let answer = list(&world).await;
    let held = world.both.len() + world.only_yclients.len();
    assert_eq!(answer.data().as_array().map(Vec::len), Some(held));
}

#[tokio::test]
async fn webhooks_are_posted_once_each_and_in_order() {
    let world = world();
    // The other platform's door stands in for a receiver: it answers 200 and keeps the bodies.
    let receiver = serve(world.rubitime.router()).await.unwrap();
    let hooks = world.yclients.webhooks();
    assert!(hooks.deliver("https://example.com/x").is_err());
    let delivery = hooks
        .deliver(&format!("{}/api2/get-record", receiver.url))
        .unwrap();
    let first = world
        .yclients
        .book(&Booking::new(8886, 331, at("2031-05-07T07:00:00Z"), 60));
    world.yclients.cancel(first).unwrap();
    while delivery.statuses().len() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(delivery.statuses(), [Some(200), Some(200)]);
    let events: Vec<Value> = world
        .rubitime
        .calls()
        .iter()
        .map(|call| call.json()["status"].clone())
        .collect();
    assert_eq!(events, ["create", "delete"]);
    receiver.stop().await;
    world
        .yclients
        .book(&Booking::new(8886, 331, at("2031-05-07T07:00:00Z"), 60));
    while delivery.statuses().len() < 3 {
        tokio::task::yield_now().await;
    }
    assert_eq!(delivery.statuses()[2], None);
}
