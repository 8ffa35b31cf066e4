//! What a webhook tells us: which record to look at, never what is true.

use slotbridge_core::model::RemoteId;
use slotbridge_core::record::Record;

/// What a webhook says happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HintKind {
    /// A record was made.
    Created,
    /// A record was changed.
    Updated,
    /// A record was removed.
    Removed,
}

/// One record to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// Which record.
    pub id: RemoteId,
    /// What is said to have happened.
    pub kind: HintKind,
    /// The record as the webhook shows it, where the platform sends it whole.
    pub record: Option<Box<Record>>,
}

/// A body that is not this platform's webhook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a webhook of this platform: {why}")]
pub struct WebhookError {
    /// What was wrong, without the body's content.
    pub why: String,
}
