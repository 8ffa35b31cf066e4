//! The shapes in which values stand in JSON columns, and the words and numbers in which they stand in the others.
//!
//! The shapes are the store's own, so that the domain types can change without a migration going unnoticed.
//! Reading one never guesses: what is not understood is [`Undecodable`], and the caller names table, column and row.

mod booking;
mod conflict;
mod erase;
mod journal;
mod record;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use slotbridge_core::model::{BookingId, InvalidName, InvalidSlot};

use crate::error::StoreError;

pub(crate) use booking::{
    is_shadow_of, presence_from_json, presence_to_json, shadow_from_json, shadow_to_json,
};
pub(crate) use conflict::{
    choice_from_json, choice_to_json, claim_platforms, claims_from_json, claims_to_json,
    decider_from_word, decision_state_from_word, subject_from_word,
};
pub(crate) use erase::{Wanted, blanked, erased, is_erased, mentions};
pub(crate) use journal::{
    journal_state_from_word, operation_from_json, operation_to_json, outcome_word,
    totals_from_json, totals_to_json,
};
pub(crate) use record::{RecordRow, record_state_word, state_from_word};

/// A stored value that is not understood.
#[derive(Debug)]
pub(crate) struct Undecodable;

impl Undecodable {
    /// The error for the caller, naming the place.
    #[expect(clippy::unused_self, reason = "turns one error into another")]
    pub(crate) fn at(
        self,
        table: &'static str,
        column: &'static str,
        key: &(impl ToString + ?Sized),
    ) -> StoreError {
        StoreError::Row {
            table,
            column,
            key: key.to_string(),
        }
    }
}

// The messages of all of these can quote values, so nothing is taken over from them.
macro_rules! undecodable_from {
    ($($error:ty),+) => {$(
        impl From<$error> for Undecodable {
            fn from(_: $error) -> Self {
                Self
            }
        }
    )+};
}

undecodable_from!(serde_json::Error, jiff::Error, InvalidName, InvalidSlot);

/// An instant as it is stored.
pub(crate) fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// An instant as it was stored.
pub(crate) fn instant(micros: i64) -> Result<Timestamp, Undecodable> {
    Ok(Timestamp::from_microsecond(micros)?)
}

/// A booking's id as it is stored.
pub(crate) fn id_bytes(id: BookingId) -> [u8; 16] {
    id.as_u128().to_be_bytes()
}

fn to_json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("the shapes have string keys and no fallible Serialize")
}

fn from_json<T: DeserializeOwned>(json: &str) -> Result<T, Undecodable> {
    Ok(serde_json::from_str(json)?)
}
