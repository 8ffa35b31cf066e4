//! Tests of the simulated Rubitime over HTTP; those of faults are the crate's own.

mod records;
mod schedule;

use jiff::civil::time;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{Options, RubitimeSim};
use crate::clock::SimClock;
use crate::quota::Quota;
use crate::testing::{Answer, NOW, at, call};

/// An account in Moscow with two cooperators, of whom one pauses at noon, and no quota.
pub(super) fn account() -> RubitimeSim {
    let clock = SimClock::new(at(NOW));
    let zone = TimeZone::get("Europe/Moscow").unwrap();
    let sim = RubitimeSim::new(11, zone, clock, Options::default()).with_quota(Quota::unlimited());
    let (open, close) = (time(9, 0, 0, 0), time(15, 0, 0, 0));
    sim.add_cooperator(
        31,
        "Лида",
        open,
        close,
        &[(time(12, 0, 0, 0), time(13, 0, 0, 0))],
    );
    sim.add_cooperator(32, "Марк", open, close, &[]);
    sim.add_service(21, "Массаж", 60, 60, 2000);
    sim.add_service(22, "Маска", 90, 30, 1300);
    sim
}

/// Calls a method with the key and `fields`.
pub(super) async fn ask(sim: &RubitimeSim, method: &str, fields: &Value) -> Answer {
    let mut body = json!({"rk": "demo-rubitime-key"});
    body.as_object_mut()
        .unwrap()
        .extend(fields.as_object().unwrap().clone());
    call(
        &sim.router(),
        "POST",
        &format!("/api2/{method}"),
        &[],
        &body,
    )
    .await
}

/// Calls a method that must succeed and gives its data.
pub(super) async fn done(sim: &RubitimeSim, method: &str, fields: &Value) -> Value {
    let answer = ask(sim, method, fields).await;
    assert_eq!(
        (answer.status, &answer.json()["status"]),
        (200, &json!("ok")),
        "{}",
        answer.text
    );
    answer.data()
}

/// Calls a method that must be refused and gives the message.
pub(super) async fn refused(sim: &RubitimeSim, method: &str, fields: &Value) -> String {
    let answer = ask(sim, method, fields).await;
    assert_eq!(
        (answer.status, &answer.json()["status"]),
        (200, &json!("error")),
        "{}",
        answer.text
    );
    assert_eq!(answer.data(), json!([]));
    answer.json()["message"].as_str().unwrap().to_owned()
}

/// The fields of a create.
pub(super) fn form(record: &str) -> Value {
    json!({"branch_id": 11, "cooperator_id": "31", "service_id": 21, "status": 0, "record": record,
           "name": "Проба Пера", "phone": "8 900 000-00-03", "custom_field3": "sb:018f-1"})
}

pub(super) async fn created(sim: &RubitimeSim, fields: &Value) -> u64 {
    let data = done(sim, "create-record", fields).await;
    assert!(data["url"].is_string());
    data["id"].as_u64().unwrap()
}
