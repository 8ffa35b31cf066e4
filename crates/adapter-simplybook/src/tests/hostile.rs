//! Replies and webhooks that nobody promised: nothing panics, every failure says where and why, and nothing of a client is
//! said. The fuzz targets go the same round.

use serde_json::{Value, json};

use crate::hostile::said;

/// What replies and webhooks are made of.
const KEYS: [&str; 23] = [
    "result",
    "error",
    "code",
    "message",
    "data",
    "id",
    "unit_id",
    "event_id",
    "start_date",
    "start_time",
    "start_date_time",
    "end_date_time",
    "is_confirm",
    "client",
    "client_id",
    "bookings",
    "require_confirm",
    "hash",
    "timeframe",
    "timezone",
    "notification_type",
    "booking_id",
    "booking_hash",
];

/// A fixture as replies show it.
fn dressed_as(value: Value, shape: usize) -> Value {
    match shape {
        0 => json!({"result": value}),
        1 => json!({"result": [value]}),
        2 => json!({"error": {"code": -32001, "message": "no", "data": value}}),
        _ => value,
    }
}

slotbridge_platform::hostile_properties!(KEYS, "fixtures", dressed_as, said);
