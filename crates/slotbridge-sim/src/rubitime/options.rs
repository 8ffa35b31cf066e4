//! The switches of the simulated Rubitime: where its behaviour is undocumented, both ways exist.

use jiff::SignedDuration;

use crate::marker::MarkerFormat;

/// How the platform behaves; change it at any time with [`super::RubitimeSim::configure`].
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one independent switch"
)]
#[derive(Debug, Clone)]
pub struct Options {
    /// The key that is expected.
    pub api_key: String,
    /// Whether odd spellings are sent, and from which seed.
    pub odd_spellings: Option<u64>,
    /// Whether a create or update over a busy time is refused; the real one isn't known to.
    pub refuse_busy: bool,
    /// How many `custom_fieldN` the account has.
    pub custom_fields: u8,
    /// The `custom_fieldN` that holds nothing but the marker, if there is one.
    pub marker_field: Option<u8>,
    /// How a marker is found in a comment or another custom field.
    pub marker: MarkerFormat,
    /// How many days the schedule covers, today included.
    pub horizon_days: u16,
    /// How long before its start a time stops being available.
    pub lead: SignedDuration,
    /// Whether a create without a `reminder` gets one so many minutes before its start.
    pub default_reminder_minutes: Option<i64>,
    /// What an update answers.
    pub update_reply: UpdateReply,
    /// Whether a get answers with `Record N found` for a message.
    pub chatty: bool,
    /// Whether writes by API are sent as webhooks too.
    pub webhook_echo: bool,
    /// Whether the webhook of a removal holds the id and nothing else.
    pub remove_webhook_id_only: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            api_key: "demo-rubitime-key".to_owned(),
            odd_spellings: None,
            refuse_busy: false,
            custom_fields: 10,
            marker_field: None,
            marker: MarkerFormat::default(),
            horizon_days: 30,
            lead: SignedDuration::ZERO,
            default_reminder_minutes: None,
            update_reply: UpdateReply::Record,
            chatty: false,
            webhook_echo: true,
            remove_webhook_id_only: false,
        }
    }
}

/// What an update answers in `data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateReply {
    /// The record.
    Record,
    /// Its id.
    Id,
    /// An empty list.
    Nothing,
}
