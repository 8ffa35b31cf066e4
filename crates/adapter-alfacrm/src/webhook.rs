//! Webhooks: which lesson to look at, and nothing else.
//!
//! They are not signed, may come twice, late or never, and carry only what changed (alfacrm contract, 9), so the fields
//! in them are never read. Their content type is not reliable; the body is JSON all the same.

use slotbridge_core::model::RemoteId;
use slotbridge_platform::webhook::{Hint, HintKind, WebhookError};

use crate::wire;

/// Reads a body that was sent for a branch.
pub(crate) fn hints(branch: u64, body: &[u8]) -> Result<Vec<Hint>, WebhookError> {
    let refuse = |why: &str| {
        Err(WebhookError {
            why: why.to_owned(),
        })
    };
    let Some(event) = wire::body(body) else {
        return refuse("no JSON object");
    };
    let Some(entity) = wire::filled(event.get("entity")) else {
        return refuse("no entity is named");
    };
    // One address may serve the triggers of several branches.
    let elsewhere = wire::id(event.get("branch_id")).is_some_and(|id| id != branch);
    if elsewhere || !entity.eq_ignore_ascii_case("lesson") {
        return Ok(Vec::new());
    }
    let Some(id) = wire::id(event.get("entity_id")) else {
        return refuse("a lesson without an id");
    };
    let kind = match wire::text(event.get("event")).as_deref() {
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
