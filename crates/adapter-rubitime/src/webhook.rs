//! Webhooks as hints (rubitime contract, 8.1).
//!
//! A create and an update carry the whole record; it is passed on where nothing of it is missing.
//! A removal never carries one, and a cancellation counts as a removal here: both are only believed once the record was
//! read again.
//! There is no signature, no event id and no order; the token in the URL is all that tells a webhook from a stranger's.

use serde_json::Value;
use slotbridge_core::model::Status;
use slotbridge_platform::webhook::{Hint, HintKind, WebhookError};

use crate::convert::{Terms, remote_id};
use crate::wire::Row;

/// Reads a webhook's body.
///
/// # Errors
/// [`WebhookError`] when it is no event of Rubitime, or one about a record whose id cannot be read.
pub(crate) fn read(terms: &Terms, body: &[u8]) -> Result<Vec<Hint>, WebhookError> {
    let Ok(Value::Object(mut fields)) = serde_json::from_slice::<Value>(body) else {
        return Err(wrong("the body is no JSON object"));
    };
    let event = fields
        .get("event")
        .and_then(Value::as_str)
        .ok_or_else(|| wrong("it names no event"))?;
    let kind = match event.trim().to_ascii_lowercase().as_str() {
        "event-create-record" => HintKind::Created,
        "event-update-record" => HintKind::Updated,
        // The second name is tolerated by a public integration, though not documented.
        "event-remove-record" | "event-delete-record" => HintKind::Removed,
        // About clients, payments or whatever comes: no record to look at.
        _ => return Ok(Vec::new()),
    };
    let data = fields
        .remove("data")
        .ok_or_else(|| wrong("it has no data"))?;
    let rows = match data {
        Value::Array(rows) => rows,
        row => vec![row],
    };
    let mut hints = Vec::with_capacity(rows.len());
    for row in rows {
        let row = Row::from_value(row).ok_or_else(|| wrong("its data are no record"))?;
        let id = row.id("id").ok_or_else(|| wrong("its record has no id"))?;
        if terms.is_ours(&row) {
            hints.push(hint(terms, kind, id, &row));
        }
    }
    Ok(hints)
}

fn hint(terms: &Terms, kind: HintKind, id: u64, row: &Row) -> Hint {
    let shown = match kind {
        HintKind::Created | HintKind::Updated if terms.is_whole(row) => terms.record(row).ok(),
        HintKind::Created | HintKind::Updated | HintKind::Removed => None,
    };
    match shown {
        Some(record) if record.status == Status::Cancelled => Hint {
            id: remote_id(id),
            kind: HintKind::Removed,
            record: None,
        },
        record => Hint {
            id: remote_id(id),
            kind,
            record: record.map(Box::new),
        },
    }
}

fn wrong(why: &str) -> WebhookError {
    WebhookError {
        why: why.to_owned(),
    }
}
