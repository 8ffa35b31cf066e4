//! The ids that the store hands out names for: runs and operations.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use uuid::Uuid;

/// A text that is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not {0} id")]
pub struct InvalidId(&'static str);

macro_rules! time_ordered_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Builds an id that sorts by time, from a clock reading and random bytes that the caller drew.
            pub fn from_parts(now: Timestamp, random: [u8; 10]) -> Self {
                let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
                Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
            }

            /// The id as a number.
            pub fn as_u128(self) -> u128 {
                self.0.as_u128()
            }

            /// The id with exactly this number.
            pub const fn from_u128(value: u128) -> Self {
                Self(Uuid::from_u128(value))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                if text.len() != 36 {
                    return Err(InvalidId($what));
                }
                Uuid::try_parse(text).map(Self).map_err(|_not_a_uuid| InvalidId($what))
            }
        }
    };
}

time_ordered_id!(
    /// The id of one run over a bridge.
    RunId,
    "a run"
);
time_ordered_id!(
    /// The id of one operation in the journal.
    OpId,
    "an operation"
);
