//! Replies and webhooks that nobody promised: nothing panics, every failure says where and why, and nothing of a client is
//! said. The fuzz targets go the same round.

use serde_json::{Value, json};

use crate::hostile::said;

/// What replies and webhooks are made of.
const KEYS: [&str; 18] = [
    "status",
    "data",
    "message",
    "event",
    "id",
    "record",
    "cooperator_id",
    "service_id",
    "branch_id",
    "duration",
    "name",
    "phone",
    "email",
    "comment",
    "available",
    "updated_at",
    "2031-05-06",
    "10:00",
];

/// A fixture as replies show it.
fn dressed_as(value: Value, shape: usize) -> Value {
    match shape {
        0 => json!({"status": "ok", "data": value}),
        1 => json!({"event": "event-update-record", "data": value}),
        2 => json!({"status": "error", "message": "no", "data": value}),
        _ => value,
    }
}

slotbridge_platform::hostile_properties!(KEYS, "fixtures", dressed_as, said);
