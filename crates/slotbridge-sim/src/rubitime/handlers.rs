//! The methods of the simulated Rubitime.

use bytes::Bytes;
use http::Method;
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde_json::{Map, Value, json};

use super::options::UpdateReply;
use super::state::{By, CANCELLED, Given, Record, Reminder, State};
use super::wire;
use crate::gate::{Incoming, Reply};

/// Names the method that a request is for.
pub(super) fn method_of(incoming: &Incoming) -> &'static str {
    let segments: Vec<&str> = incoming.segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["api2", name] if incoming.verb == Method::POST => super::METHODS
            .iter()
            .find(|method| *method == name)
            .copied()
            .unwrap_or("unknown"),
        _ => "unknown",
    }
}

type Answer = Result<Reply, Box<Reply>>;

/// Carries a request out, or refuses it.
pub(super) fn answer(state: &mut State, method: &'static str, incoming: &Incoming) -> Reply {
    answered(state, method, incoming).unwrap_or_else(|refusal| *refusal)
}

fn answered(state: &mut State, method: &'static str, incoming: &Incoming) -> Answer {
    let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_default();
    let Value::Object(fields) = body else {
        return Err(wire::required("rk").into());
    };
    match given(&fields, "rk") {
        None => return Err(wire::required("rk").into()),
        Some(key) if key.as_str() != Some(&state.options.api_key) => {
            return Err(wire::error("Invalid API key").into());
        }
        Some(_) => {}
    }
    match method {
        "get-record" => {
            let record = named(state, &fields)?;
            let message = if state.options.chatty {
                format!("Record {} found", record.id)
            } else {
                "Success".to_owned()
            };
            Ok(wire::ok(&message, shown(state, &record)))
        }
        "create-record" => create(state, &fields),
        "update-record" => update(state, &fields),
        "remove-record" => {
            let record = named(state, &fields)?;
            state.take_away(record.id, By::Api);
            let brace = state.options.odd_spellings.is_some() && state.dice.coin();
            let nothing = if brace { json!({}) } else { json!([]) };
            Ok(wire::ok("Success", nothing).landed())
        }
        "get-schedule" => schedule(state, &fields),
        _ => Err(wire::error("Method not found").into()),
    }
}

type Fields = Map<String, Value>;

/// A field that was sent with something in it.
fn given<'f>(fields: &'f Fields, name: &str) -> Option<&'f Value> {
    fields
        .get(name)
        .filter(|value| !value.is_null() && value.as_str() != Some(""))
}

fn number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn wanted<'f>(fields: &'f Fields, name: &str) -> Result<&'f Value, Box<Reply>> {
    given(fields, name).ok_or_else(|| wire::required(name).into())
}

fn named(state: &State, fields: &Fields) -> Result<Record, Box<Reply>> {
    let id = number(wanted(fields, "id")?).map(i64::unsigned_abs);
    let record = id.and_then(|id| state.records.get(&id));
    record
        .cloned()
        .ok_or_else(|| wire::error("Record not found").into())
}

fn shown(state: &mut State, record: &Record) -> Value {
    let mut value = wire::record(state, record);
    if state.options.odd_spellings.is_some() {
        wire::oddly(&mut value, &mut state.dice);
    }
    value
}

fn create(state: &mut State, fields: &Fields) -> Answer {
    for field in [
        "branch_id",
        "cooperator_id",
        "service_id",
        "status",
        "record",
    ] {
        wanted(fields, field)?;
    }
    let mut record = state.blank(0, 0, DateTime::MIN);
    "api".clone_into(&mut record.source);
    record.whom = 1;
    fill(state, &mut record, fields)?;
    if !fields.contains_key("price") {
        record.price = state
            .services
            .get(&record.service)
            .map_or(0, |service| service.price)
            .to_string();
    }
    if !fields.contains_key("reminder") && !fields.contains_key("reminder_minutes") {
        let minutes = state.options.default_reminder_minutes;
        record.reminder = minutes.map(|minutes| before(record.start, minutes));
    }
    note_reminder(state, &record, None);
    let mut data = json!({"id": record.id, "url": wire::url(record.id)});
    state.put(record, By::Api);
    if state.options.odd_spellings.is_some() {
        wire::oddly(&mut data, &mut state.dice);
    }
    Ok(wire::ok("Success", data).landed())
}

fn update(state: &mut State, fields: &Fields) -> Answer {
    let mut record = named(state, fields)?;
    let reminder = record.reminder;
    fill(state, &mut record, fields)?;
    note_reminder(state, &record, reminder);
    let id = record.id;
    state.put(record, By::Api);
    let record = state.records.get(&id).cloned();
    let data = match (state.options.update_reply, record) {
        (UpdateReply::Record, Some(record)) => shown(state, &record),
        (UpdateReply::Id, _) => json!({"id": id}),
        (UpdateReply::Nothing | UpdateReply::Record, _) => json!([]),
    };
    Ok(wire::ok("Success", data).landed())
}

fn note_reminder(state: &mut State, record: &Record, old: Option<DateTime>) {
    if let Some(at) = record.reminder.filter(|at| Some(*at) != old) {
        state.reminders.push(Reminder {
            record: record.id,
            at,
        });
    }
}

fn before(start: DateTime, minutes: i64) -> DateTime {
    start.saturating_sub(minutes.minutes())
}

/// Puts what was sent into a record; what wasn't sent stays.
fn fill(state: &State, record: &mut Record, fields: &Fields) -> Result<(), Box<Reply>> {
    let wrong = |field: &str| Box::new(wire::error(&format!("Field \"{field}\" is invalid")));
    let id = |field: &str| match given(fields, field) {
        None => Ok(None),
        Some(value) => number(value)
            .map(|id| Some(id.unsigned_abs()))
            .ok_or_else(|| wrong(field)),
    };
    if id("branch_id")?.is_some_and(|branch| branch != state.branch) {
        return Err(wire::error("Branch not found").into());
    }
    if let Some(cooperator) = id("cooperator_id")? {
        if !state.cooperators.contains_key(&cooperator) {
            return Err(wire::error("Cooperator not found").into());
        }
        record.cooperator = cooperator;
    }
    if let Some(service) = id("service_id")? {
        if !state.services.contains_key(&service) {
            return Err(wire::error("Service not found").into());
        }
        record.service = service;
    }
    if let Some(value) = given(fields, "record") {
        record.start = moment(value).ok_or_else(|| wrong("record"))?;
    }
    if let Some(value) = given(fields, "status") {
        let status = number(value).filter(|status| (0..=7).contains(status));
        record.status = status.ok_or_else(|| wrong("status"))?;
    }
    if let Some(value) = fields.get("duration") {
        record.duration = number(value).filter(|minutes| *minutes > 0);
    }
    if let Some(value) = fields.get("reminder") {
        record.reminder = moment(value);
    }
    if let Some(minutes) = given(fields, "reminder_minutes").and_then(number) {
        record.reminder = (minutes > 0).then(|| before(record.start, minutes));
    }
    for (field, place) in [
        ("name", &mut record.name),
        ("phone", &mut record.phone),
        ("email", &mut record.email),
        ("comment", &mut record.comment),
        ("price", &mut record.price),
        ("source", &mut record.source),
    ] {
        if let Some(value) = fields.get(field) {
            *place = text(value);
        }
    }
    for (field, place) in [
        ("prepayment", &mut record.prepayment),
        ("prepayment_date", &mut record.prepayment_date),
        ("prepayment_url", &mut record.prepayment_url),
        ("coupon", &mut record.coupon),
    ] {
        if let Some(value) = fields.get(field) {
            *place = Some(text(value)).filter(|text| !text.is_empty());
        }
    }
    if let Some(whom) = given(fields, "whom").and_then(number) {
        record.whom = whom;
    }
    for field in 1..=state.options.custom_fields {
        if let Some(value) = fields.get(&format!("custom_field{field}")) {
            match text(value) {
                empty if empty.is_empty() => drop(record.custom_fields.remove(&field)),
                text => drop(record.custom_fields.insert(field, text)),
            }
        }
    }
    let minutes = state.minutes(record);
    let held = record.status != CANCELLED;
    if state.options.refuse_busy
        && held
        && state.is_busy(record.cooperator, record.start, minutes, record.id)
    {
        return Err(wire::error("This time is already taken").into());
    }
    Ok(())
}

/// A wall-clock time, with or without seconds.
fn moment(value: &Value) -> Option<DateTime> {
    DateTime::strptime("%Y-%m-%d %H:%M:%S", value.as_str()?)
        .or_else(|_| DateTime::strptime("%Y-%m-%d %H:%M", value.as_str().unwrap_or_default()))
        .ok()
}

fn schedule(state: &mut State, fields: &Fields) -> Answer {
    let branch = number(wanted(fields, "branch_id")?).map(i64::unsigned_abs);
    let cooperator = number(wanted(fields, "cooperator_id")?).map(i64::unsigned_abs);
    let service = number(wanted(fields, "service_id")?).map(i64::unsigned_abs);
    if branch != Some(state.branch) {
        return Err(wire::error("Branch not found").into());
    }
    let cooperator = cooperator.and_then(|id| state.cooperators.get(&id));
    let cooperator = cooperator.ok_or_else(|| wire::error("Cooperator not found"))?;
    let service = service.and_then(|id| state.services.get(&id));
    let service = service.ok_or_else(|| wire::error("Service not found"))?;
    let only = given(fields, "only_available")
        .and_then(number)
        .map(|only| only == 1);
    let now = state.clock.now();
    let soonest = now.saturating_add(state.options.lead).unwrap_or(now);
    let taken = state.taken(cooperator.id, 0);
    let today = state.local(now).date();
    let before = state.given.get(&cooperator.id).filter(|given| {
        given.cooperator == *cooperator
            && given.service == *service
            && (given.only, given.today) == (only, today)
            && given.soonest.0 < soonest
            && soonest <= given.soonest.1
            && given.taken == taken
    });
    if let Some(given) = before {
        return Ok(Reply::text(given.body.clone()));
    }
    let (mut last_gone, mut next) = (Timestamp::MIN, Timestamp::MAX);
    let mut days = Map::new();
    for day in today
        .series(1.day())
        .take(state.options.horizon_days.into())
    {
        let mut times = Map::new();
        let close = day.to_datetime(cooperator.close);
        let length = SignedDuration::from_mins(service.minutes);
        let starts = day
            .to_datetime(cooperator.open)
            .series(service.step.max(1).minutes());
        for start in starts.take_while(|start| start.saturating_add(length) <= close) {
            let end = start.saturating_add(length);
            let pause = cooperator
                .breaks
                .iter()
                .any(|(from, to)| day.to_datetime(*from) < end && day.to_datetime(*to) > start);
            let (from, until) = state.span(start, service.minutes);
            let busy = taken
                .iter()
                .any(|(start, end)| *start < until && *end > from);
            if from < soonest {
                last_gone = last_gone.max(from);
            } else {
                next = next.min(from);
            }
            let available = !pause && !busy && from >= soonest;
            if only.is_none_or(|only| only == available) {
                times.insert(
                    format!("{:02}:{:02}", start.hour(), start.minute()),
                    json!({"available": available}),
                );
            }
        }
        if !times.is_empty() {
            days.insert(day.to_string(), Value::Object(times));
        }
    }
    let data = if days.is_empty() {
        json!([])
    } else {
        Value::Object(days)
    };
    let body = Bytes::from(wire::ok_body("Success", data).to_string());
    let given = Given {
        cooperator: cooperator.clone(),
        service: service.clone(),
        only,
        taken,
        today,
        soonest: (last_gone, next),
        body: body.clone(),
    };
    state.given.insert(given.cooperator.id, given);
    Ok(Reply::text(body))
}
