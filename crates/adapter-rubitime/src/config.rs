//! What a Rubitime account needs to be told, already resolved and checked.

use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use secrecy::{ExposeSecret as _, SecretString};
use slotbridge_core::model::{ResourceKey, ServiceKey};
use slotbridge_platform::{Account, InvalidConfig};

/// The settings of one Rubitime account.
#[derive(Debug, Clone)]
pub struct RubitimeConfig {
    /// The branch, as the cabinet numbers it; the API names no branches (rubitime contract, 2).
    pub branch_id: u64,
    /// The account's API key.
    pub api_key: SecretString,
    /// The custom field that the owner sets aside for our marker; without one it ends the comment.
    pub marker_field: Option<MarkerField>,
    /// A mapped resource and service, so that a check can prove key and ids with one read.
    pub probe: Option<(ResourceKey, ServiceKey)>,
    /// The service under which a block without one is booked, since no record is without a service here. A block has
    /// a length of its own, so any service will do; without this setting such a block is refused.
    pub busy_service: Option<ServiceKey>,
}

/// One of the account's custom fields, `custom_field1` to `custom_field20`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MarkerField(&'static str);

const CUSTOM_FIELDS: [&str; 20] = [
    "custom_field1",
    "custom_field2",
    "custom_field3",
    "custom_field4",
    "custom_field5",
    "custom_field6",
    "custom_field7",
    "custom_field8",
    "custom_field9",
    "custom_field10",
    "custom_field11",
    "custom_field12",
    "custom_field13",
    "custom_field14",
    "custom_field15",
    "custom_field16",
    "custom_field17",
    "custom_field18",
    "custom_field19",
    "custom_field20",
];

impl MarkerField {
    /// The name on the wire and in the config.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl FromStr for MarkerField {
    type Err = InvalidConfig;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        CUSTOM_FIELDS
            .into_iter()
            .find(|field| *field == name)
            .map(Self)
            .ok_or_else(|| {
                InvalidConfig::new(
                    "marker_field",
                    format_args!(
                        "{name:?} is no custom field: write \"custom_field1\" to \"custom_field20\""
                    ),
                )
            })
    }
}

impl fmt::Display for MarkerField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl RubitimeConfig {
    /// Checks what the types cannot, and gives the zone in which the account's times are read.
    ///
    /// # Errors
    /// [`InvalidConfig`] naming the setting.
    pub(crate) fn validate(&self, account: &Account) -> Result<TimeZone, InvalidConfig> {
        if self.branch_id == 0 {
            return Err(InvalidConfig::new(
                "branch_id",
                "no branch has the id 0: take the id from the cabinet",
            ));
        }
        if self.api_key.expose_secret().trim().is_empty() {
            return Err(InvalidConfig::new(
                "api_key",
                "the key is empty: generate one in the Rubitime cabinet, Settings, step 5",
            ));
        }
        account.time_zone.clone().ok_or_else(|| {
            InvalidConfig::new(
                "time_zone",
                "Rubitime does not tell the branch's zone: name it, for example \"Europe/Moscow\"",
            )
        })
    }
}
