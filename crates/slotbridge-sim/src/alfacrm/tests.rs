//! Tests of the simulated AlfaCRM over HTTP; those of faults are the crate's own.

mod oddities;
mod writing;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{AlfacrmSim, Options};
use crate::clock::SimClock;
use crate::person::Inspect as _;
use crate::quota::Quota;
use crate::testing::{Answer, NOW, at, call};

/// An account in Moscow with two teachers, two subjects and a room, and no quota.
pub(super) fn account(options: Options) -> AlfacrmSim {
    let zone = TimeZone::get("Europe/Moscow").unwrap();
    let sim =
        AlfacrmSim::new(2, zone, SimClock::new(at(NOW)), options).with_quota(Quota::unlimited());
    sim.add_teacher(17, "Лида");
    sim.add_teacher(18, "Марк");
    sim.add_subject(6, "Фортепиано");
    sim.add_subject(7, "Вокал");
    sim.add_room(5, "Малый зал");
    sim
}

/// Logs in and gives the token.
pub(super) async fn login(sim: &AlfacrmSim) -> String {
    let body = json!({"email": "sync@example.com", "api_key": "demo-alfacrm-key"});
    let answer = plain(sim, "auth/login", &[], &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["token"].as_str().unwrap().to_owned()
}

pub(super) async fn plain(
    sim: &AlfacrmSim,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let mut all = vec![("content-type", "application/json")];
    all.extend(headers);
    call(&sim.router(), "POST", &format!("/v2api/{path}"), &all, body).await
}

/// Calls a method with a new token.
pub(super) async fn ask(sim: &AlfacrmSim, path: &str, body: &Value) -> Answer {
    let token = login(sim).await;
    plain(sim, path, &[("x-alfacrm-token", &token)], body).await
}

/// Lists and gives the rows.
pub(super) async fn rows(sim: &AlfacrmSim, path: &str, body: &Value) -> Vec<Value> {
    let answer = ask(sim, path, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["items"].as_array().unwrap().clone()
}

/// Writes and gives the model.
pub(super) async fn done(sim: &AlfacrmSim, path: &str, body: &Value) -> Value {
    let answer = ask(sim, path, body).await;
    let reply = answer.json();
    assert_eq!(
        (answer.status, &reply["success"], &reply["errors"]),
        (200, &json!(true), &json!([])),
        "{reply}"
    );
    reply["model"].clone()
}

/// Writes in vain and gives the field that is complained about.
pub(super) async fn refused(sim: &AlfacrmSim, path: &str, body: &Value) -> String {
    let before = sim.fingerprint();
    let answer = ask(sim, path, body).await;
    let reply = answer.json();
    assert_eq!(
        (answer.status, &reply["success"]),
        (200, &json!(false)),
        "{reply}"
    );
    assert_eq!(sim.fingerprint(), before, "a refused write had an effect");
    let errors = reply["errors"].as_object().unwrap();
    assert_eq!(errors.len(), 1, "{reply}");
    errors.keys().next().unwrap().clone()
}

/// The form of a new customer.
pub(super) fn person(name: &str, phone: &str) -> Value {
    json!({"name": name, "legal_type": 1, "is_study": 1, "branch_ids": [2], "phone": [phone]})
}

/// The form of a new lesson.
pub(super) fn form(customer: &Value) -> Value {
    json!({"lesson_type_id": 1, "lesson_date": "07.05.2031", "time_from": "16:30", "duration": 45,
           "subject_id": 6, "teacher_ids": [17], "customer_ids": [customer], "status": 1, "note": "sb:018f-1"})
}

/// A form with something else in it.
pub(super) fn with(form: &Value, change: &Value) -> Value {
    let mut form = form.as_object().unwrap().clone();
    form.extend(change.as_object().unwrap().clone());
    form.retain(|_, value| !value.is_null());
    Value::Object(form)
}
