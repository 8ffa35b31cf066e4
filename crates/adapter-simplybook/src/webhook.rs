//! Callbacks as hints (simplybook contract, 7).
//!
//! A callback carries an id and the hash that signs calls about it, no data and no proof: it is read again before
//! anything is believed. It may come as JSON or as a form.

use serde_json::{Map, Value};
use slotbridge_platform::webhook::{HintKind, WebhookError};

use crate::wire::{self, Object};

/// What a callback points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Callback {
    pub(crate) id: u64,
    pub(crate) hash: Option<String>,
    pub(crate) kind: HintKind,
}

/// Reads a callback's body; nothing when it is about no booking.
///
/// # Errors
/// [`WebhookError`] when it is no callback of this company.
pub(crate) fn read(company: &str, body: &[u8]) -> Result<Option<Callback>, WebhookError> {
    let fields =
        fields(body).ok_or_else(|| wrong("the body is neither a JSON object nor a form"))?;
    let kind = wire::filled(&fields, &["notification_type"])
        .ok_or_else(|| wrong("it names no notification_type"))?;
    let shown = wire::filled(&fields, &["company"]);
    if shown.is_some_and(|shown| !shown.eq_ignore_ascii_case(company)) {
        return Err(wrong("it is about another company"));
    }
    let kind = match kind.to_ascii_lowercase().as_str() {
        "create" | "new" => HintKind::Created,
        "cancel" => HintKind::Removed,
        "new_client" | "create_invoice" => return Ok(None),
        // A reminder, or whatever comes: the booking is looked at.
        _ => HintKind::Updated,
    };
    let id =
        wire::first_id(&fields, &["booking_id"]).ok_or_else(|| wrong("it names no booking"))?;
    // What signs a call must not be more than it is.
    let hash = wire::filled(&fields, &["booking_hash"])
        .filter(|hash| hash.len() <= 64 && hash.chars().all(|c| c.is_ascii_alphanumeric()));
    Ok(Some(Callback { id, hash, kind }))
}

fn fields(body: &[u8]) -> Option<Object> {
    if let Ok(value) = serde_json::from_slice::<Value>(body) {
        return match value {
            Value::Object(fields) => Some(fields),
            _ => None,
        };
    }
    let fields: Map<String, Value> = form_urlencoded::parse(body)
        .map(|(key, value)| (key.into_owned(), Value::String(value.into_owned())))
        .collect();
    (!fields.is_empty()).then_some(fields)
}

fn wrong(why: &str) -> WebhookError {
    WebhookError {
        why: why.to_owned(),
    }
}
