//! Replies and webhooks that nobody promised: nothing panics, every failure says where and why, and nothing of a client is
//! said. The fuzz targets go the same round.

use serde_json::{Value, json};

use crate::hostile::said;

/// What replies and webhooks are made of.
const KEYS: [&str; 26] = [
    "total",
    "count",
    "page",
    "items",
    "success",
    "errors",
    "model",
    "id",
    "date",
    "time_from",
    "time_to",
    "status",
    "subject_id",
    "lesson_type_id",
    "teacher_ids",
    "customer_ids",
    "details",
    "customer_id",
    "note",
    "branch_ids",
    "phone",
    "email",
    "name",
    "entity",
    "entity_id",
    "event",
];

/// A fixture as replies show it.
fn dressed_as(value: Value, shape: usize) -> Value {
    match shape {
        0 => json!({"total": 1, "count": 1, "page": 0, "items": [value]}),
        1 => json!({"success": true, "errors": [], "model": value}),
        2 => json!({"success": false, "errors": {"note": ["bad"]}, "model": value}),
        _ => value,
    }
}

slotbridge_platform::hostile_properties!(KEYS, "fixtures", dressed_as, said);
