//! Tests of the simulated YCLIENTS over HTTP; those of faults are the crate's own.

mod listing;
mod oddities;
mod writing;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{Options, YclientsSim};
use crate::clock::SimClock;
use crate::quota::Quota;
use crate::testing::{Answer, NOW, at, call};

const ACCEPT: (&str, &str) = ("accept", "application/vnd.yclients.v2+json");
const TOKENS: (&str, &str) = (
    "authorization",
    "Bearer demo-partner-token, User demo-user-token",
);

/// A branch in Moscow with two of staff and two services, and no quota.
pub(super) fn branch() -> YclientsSim {
    branch_in("Europe/Moscow")
}

pub(super) fn branch_in(zone: &str) -> YclientsSim {
    let clock = SimClock::new(at(NOW));
    let zone = TimeZone::get(zone).unwrap();
    let sim =
        YclientsSim::new(7001, zone, clock, Options::default()).with_quota(Quota::unlimited());
    sim.add_staff(310, "Лида", None);
    sim.add_staff(311, "Марк", None);
    sim.add_service(42, "Массаж", 60, 2500);
    sim.add_service(43, "Маска", 30, 1300);
    sim.add_label("9", "VIP");
    sim
}

pub(super) async fn ask(sim: &YclientsSim, verb: &str, path: &str, body: &Value) -> Answer {
    call(
        &sim.router(),
        verb,
        &format!("/api/v1{path}"),
        &[ACCEPT, TOKENS],
        body,
    )
    .await
}

pub(super) async fn get(sim: &YclientsSim, path: &str) -> Answer {
    ask(sim, "GET", path, &Value::Null).await
}

/// A whole create body.
pub(super) fn form(datetime: &str) -> Value {
    json!({
        "staff_id": 310,
        "services": [{"id": 42, "first_cost": 2500, "discount": 0, "cost": 2500}],
        "client": {"phone": "79000000002", "name": "Проба"},
        "datetime": datetime,
        "seance_length": 3600,
        "save_if_busy": false,
        "send_sms": false,
        "api_id": "018f-1",
    })
}

/// Changes fields of an object; null takes a field out.
pub(super) fn with(mut body: Value, changes: &Value) -> Value {
    let fields = body.as_object_mut().unwrap();
    for (field, value) in changes.as_object().unwrap() {
        if value.is_null() {
            fields.remove(field);
        } else {
            fields.insert(field.clone(), value.clone());
        }
    }
    body
}

/// Creates a record and gives its id.
pub(super) async fn created(sim: &YclientsSim, body: &Value) -> u64 {
    let answer = ask(sim, "POST", "/records/7001", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let data = answer.data();
    let record = if data.is_array() { &data[0] } else { &data };
    record["id"].as_u64().unwrap()
}
