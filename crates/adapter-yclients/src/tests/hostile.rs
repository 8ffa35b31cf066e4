//! Replies and webhooks that nobody promised: nothing panics, every failure says where and why, and nothing of a client is
//! said. The fuzz targets go the same round.

use serde_json::{Value, json};

use crate::hostile::said;

/// What replies and webhooks are made of.
const KEYS: [&str; 19] = [
    "success",
    "data",
    "meta",
    "total_count",
    "id",
    "staff_id",
    "services",
    "date",
    "datetime",
    "seance_length",
    "client",
    "phone",
    "deleted",
    "attendance",
    "api_id",
    "message",
    "errors",
    "resource",
    "status",
];

/// A fixture as replies show it.
fn dressed_as(value: Value, shape: usize) -> Value {
    match shape {
        0 => json!({"success": true, "data": value, "meta": {"total_count": 1}}),
        1 => json!({"success": true, "data": [value], "meta": {"total_count": 1}}),
        2 => json!({"success": false, "data": value, "meta": {"message": "нет"}}),
        _ => value,
    }
}

slotbridge_platform::hostile_properties!(KEYS, "src/fixtures", dressed_as, said);
