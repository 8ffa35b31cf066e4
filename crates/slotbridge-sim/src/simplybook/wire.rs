//! The JSON of the simulated services: envelopes, rows, and the odd spellings of the real ones.

use jiff::civil::DateTime;
use serde_json::{Map, Value, json};

use super::state::{Booked, State};
use crate::gate::Reply;

/// Adds a member to an object.
pub(super) fn set(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value);
    }
}

/// An error; the id comes back as it was sent.
pub(super) fn error(id: &Value, code: i64, message: &str) -> Reply {
    Reply::json(
        200,
        json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}),
    )
}

/// A success; the id comes back as text.
pub(super) fn result(state: &State, id: &Value, result: &Value) -> Reply {
    let id = match id {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut body = json!({"result": result, "id": id, "jsonrpc": "2.0"});
    if state.options.null_members {
        set(&mut body, "error", Value::Null);
    }
    Reply::json(200, body)
}

/// What a request that is none is answered with.
pub(super) fn description(target: &str) -> Reply {
    Reply::json(
        200,
        json!({"transport": "POST", "envelope": "JSON-RPC-2.0", "contentType": "application/json",
               "SMDVersion": "2.0", "target": target,
               "services": {"getBookings": {"parameters": [{"type": "object", "name": "params", "optional": false}],
                                            "returns": "array"}}}),
    )
}

pub(super) fn stamp(at: DateTime) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// What the codes say of themselves.
pub(super) fn message(code: i64) -> &'static str {
    match code {
        -32001 => "Plugin is not activated",
        -32010 => "Some required params are missed",
        -32011 => "Params is not array",
        -32012 => "Sheduler id not found",
        -32020 => "Sorry, you have no permissions to perform this action",
        -32051 => "Selected event id is not available",
        -32052 => "Selected unit id is not available",
        -32053 => "Selected date start is not available",
        -32054 => "Selected time start is not available",
        -32056 => "Booking is not allowed at this time",
        -32061 => "Client name value is wrong",
        -32062 => "Client email value is wrong",
        -32063 => "Client phone value is wrong",
        -32070 => "Additional field values are wrong",
        -32080 => "Appointemnt couldn't be found",
        -32085 => "Signature error",
        -32090 => "Confirmation with this key type is not available",
        -32600 => "Access denied",
        -32601 => "Method not found",
        -32602 => "Invalid params",
        -3264 => "Client with given id not found",
        -33001 => "Company not found",
        -33002 => "Wrong API key",
        -33003 => "User not found",
        -33004 => "User is blocked",
        _ => "Internal error",
    }
}

fn flag(on: bool) -> Value {
    json!(if on { "1" } else { "0" })
}

/// A row of the listing.
pub(super) fn row(state: &State, booked: &Booked) -> Value {
    let client = state.clients.get(&booked.client);
    let event = state.events.get(&booked.event);
    let unit = state.units.get(&booked.unit);
    let mut row = json!({
        "id": booked.id.to_string(),
        "code": booked.code,
        "start_date": start(booked),
        "end_date": stamp(booked.end),
        "record_date": stamp(state.local(booked.created)),
        "event_id": booked.event.to_string(),
        "event": event.map(|event| &event.name),
        "unit_id": booked.unit.to_string(),
        "unit": unit.map(|unit| &unit.name),
        "client_id": booked.client.to_string(),
        "client": client.map(|client| &client.name),
        "client_email": client.map(|client| &client.email).filter(|email| !email.is_empty()),
        "client_phone": client.map(|client| &client.phone).filter(|phone| !phone.is_empty()),
        "is_confirm": flag(booked.confirmed),
        "status": booked.status.map(|status| status.to_string()),
        "payment_status": null,
        "payment_system": null,
        "offset": "0",
        "text": format!("Booking {}", booked.code),
    });
    if !booked.comment.is_empty() {
        set(&mut row, "comment", json!(booked.comment));
    }
    if let Some(approval) = booked.approval {
        set(&mut row, "approve_status", json!(approval));
    }
    oddly(state, row)
}

fn start(booked: &Booked) -> String {
    if booked.spoiled {
        "0000-00-00 25:00:00".to_owned()
    } else {
        stamp(booked.start)
    }
}

/// The details; `signed` are the public service's.
pub(super) fn details(state: &State, booked: &Booked) -> Value {
    let client = state.clients.get(&booked.client);
    let event = state.events.get(&booked.event);
    let unit = state.units.get(&booked.unit);
    let additional: Vec<Value> = state
        .fields
        .iter()
        .enumerate()
        .filter_map(|(place, field)| {
            let value = booked.additional.get(&field.name)?;
            Some(
                json!({"field_name": field.name, "field_title": field.title, "field_type": "text",
                       "field_position": place.to_string(), "value": value}),
            )
        })
        .collect();
    let mut details = json!({
        "id": booked.id.to_string(),
        "code": booked.code,
        "hash": booked.hash,
        "event_id": booked.event.to_string(),
        "event_name": event.map(|event| &event.name),
        "unit_id": booked.unit.to_string(),
        "unit_name": unit.map(|unit| &unit.name),
        "unit_description": null,
        "client_id": booked.client.to_string(),
        "client_name": client.map(|client| &client.name),
        "client_email": client.map(|client| &client.email).filter(|email| !email.is_empty()),
        "client_phone": client.map(|client| &client.phone).filter(|phone| !phone.is_empty()),
        "start_date_time": start(booked),
        "end_date_time": stamp(booked.end),
        "record_date": stamp(state.local(booked.created)),
        "is_confirmed": flag(booked.confirmed),
        "approve_status": booked.approval,
        "company_login": state.company,
        "location": [],
        "status": booked.status.map_or_else(|| json!([]), |status| json!({"id": status.to_string(), "name": "Own", "color": "ff0000", "is_default": "0"})),
        "price": [],
        "promo": [],
        "additional_fields": additional,
    });
    if state.options.details_have_comment {
        set(&mut details, "comment", json!(booked.comment));
    }
    oddly(state, details)
}

/// The short form, as `book` and `getBooking` give it.
pub(super) fn short(booked: &Booked) -> Value {
    json!({
        "id": booked.id.to_string(),
        "event_id": booked.event.to_string(),
        "unit_id": booked.unit.to_string(),
        "client_id": booked.client.to_string(),
        "start_date_time": stamp(booked.start),
        "end_date_time": stamp(booked.end),
        "is_confirmed": flag(booked.confirmed),
        "code": booked.code,
        "hash": booked.hash,
    })
}

/// The reply of `book`.
pub(super) fn made(state: &State, booked: &Booked) -> Value {
    json!({"require_confirm": state.options.require_confirm, "bookings": [short(booked)]})
}

/// A catalogue: a map by id, or a list where that is asked for; odd spellings turn it round.
pub(super) fn catalogue(state: &State, entries: Vec<Value>, as_list: bool) -> Value {
    if as_list != state.options.odd_spellings {
        return Value::Array(entries);
    }
    if entries.is_empty() {
        return json!([]);
    }
    let map: Map<String, Value> = entries
        .into_iter()
        .filter_map(|entry| Some((entry.get("id")?.as_str()?.to_owned(), entry)))
        .collect();
    Value::Object(map)
}

/// Numbers as numbers, flags as booleans.
fn oddly(state: &State, mut value: Value) -> Value {
    if !state.options.odd_spellings {
        return value;
    }
    if let Value::Object(fields) = &mut value {
        for (name, field) in fields.iter_mut() {
            let Some(text) = field.as_str().map(str::to_owned) else {
                continue;
            };
            if matches!(name.as_str(), "is_confirm" | "is_confirmed") {
                *field = json!(text == "1");
            } else if name == "id" || name.ends_with("_id") {
                *field = text
                    .parse::<u64>()
                    .map_or_else(|_| json!(text), |id| json!(id));
            }
        }
    }
    value
}
