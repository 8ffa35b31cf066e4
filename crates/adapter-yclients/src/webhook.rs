//! Webhooks: which record to look at, and nothing else.
//!
//! They are not signed, come once, in any order, and carry the whole record or only what changed (yclients contract,
//! 10.2), so their `data` is never read.

use serde_json::Value;
use slotbridge_core::model::RemoteId;
use slotbridge_platform::webhook::{Hint, HintKind, WebhookError};

use crate::wire;

/// Reads a body that was sent for a branch.
pub(crate) fn hints(company: u64, body: &[u8]) -> Result<Vec<Hint>, WebhookError> {
    let refuse = |why: &str| {
        Err(WebhookError {
            why: why.to_owned(),
        })
    };
    let Ok(Value::Object(event)) = serde_json::from_slice(body) else {
        return refuse("no JSON object");
    };
    let Some(resource) = wire::filled(event.get("resource")) else {
        return refuse("no resource is named");
    };
    // One URL may serve several branches of one owner.
    let elsewhere = wire::id(event.get("company_id")).is_some_and(|id| id != company);
    if elsewhere || resource.trim() != "record" {
        return Ok(Vec::new());
    }
    let Some(id) = wire::id(event.get("resource_id")) else {
        return refuse("a record without an id");
    };
    let kind = match wire::text(event.get("status")).as_deref() {
        Some("create") => HintKind::Created,
        Some("delete") => HintKind::Removed,
        // A word that is not known yet still says that something happened.
        _ => HintKind::Updated,
    };
    Ok(vec![Hint {
        id: RemoteId::new(id.to_string()),
        kind,
        record: None,
    }])
}
