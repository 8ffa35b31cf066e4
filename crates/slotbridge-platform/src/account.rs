//! What an adapter is built from: one account of the user's, with its client, its zone and its choices.

use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;
use slotbridge_core::model::{PlatformName, Private};

use crate::client::Api;

/// What the binary hands to every adapter.
#[derive(Debug, Clone)]
pub struct Account {
    /// The user's name of the account.
    pub name: PlatformName,
    /// The way to the platform.
    pub api: Arc<Api>,
    /// The account's zone, where the config names it.
    pub time_zone: Option<TimeZone>,
    /// The country in which phones without a country code are read, ISO 3166 alpha-2, such as `RU`.
    pub default_country: String,
    /// Whose contacts the platform gets.
    pub contacts: Contacts,
    /// The client's name in an anonymous block, where the platform wants one.
    pub busy_name: String,
}

/// Whose contacts a platform gets with the bookings that slotbridge makes there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contacts {
    /// The client's own.
    Real,
    /// These ones instead, because the platform writes to its clients whatever it is asked.
    Sink {
        /// The address that stands in.
        email: Private,
        /// The number that stands in.
        phone: Private,
    },
}

/// A setting of an account that the adapter cannot work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {message}")]
pub struct InvalidConfig {
    /// The setting's key as the config spells it, such as `company_id`.
    pub key: &'static str,
    /// What is wrong and what would be right, without any secret.
    pub message: String,
}

impl InvalidConfig {
    /// Names the setting and what is wrong with it.
    pub fn new(key: &'static str, message: impl fmt::Display) -> Self {
        Self {
            key,
            message: message.to_string(),
        }
    }
}
