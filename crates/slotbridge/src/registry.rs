//! The kinds of platform that this build speaks: one arm per kind.
//!
//! A kind says which keys its accounts have, how they are read, and how an adapter is made of them.

mod alfacrm;
mod build;
mod counted;
#[cfg(test)]
mod docs;
mod rubitime;
mod simplybook;
mod yclients;

use std::fmt;
use std::sync::Arc;

use jiff::SignedDuration;
use secrecy::SecretString;
use slotbridge_core::mapping::Mapping;
use slotbridge_core::model::RemoteId;
use slotbridge_platform::{Account, Capabilities, InvalidConfig, Platform};

pub(crate) use build::{AskZone, Parts, Platforms, bridges, platforms, quotas, told_soon, zones};
pub(crate) use counted::{CallListener, CallOutcome};

use crate::config::keys::Key;
use crate::config::secret::Secrets;
use crate::config::table::Table;
use crate::config::value;

/// Every kind, in the order of the docs.
pub(crate) static KINDS: [&Kind; 4] = [
    &yclients::KIND,
    &rubitime::KIND,
    &simplybook::KIND,
    &alfacrm::KIND,
];

/// One kind of platform.
pub(crate) struct Kind {
    /// The word in the config.
    pub(crate) name: &'static str,
    /// The vendor's spelling.
    pub(crate) title: &'static str,
    /// Where it is, unless the config says otherwise.
    pub(crate) home: Home,
    /// The keys that only this kind has.
    pub(crate) keys: &'static [Key],
    /// Whose contacts it gets, unless the config says otherwise.
    pub(crate) contacts: ContactsByDefault,
    /// Whether the zone must be in the config because the platform does not tell it.
    pub(crate) needs_zone: bool,
    /// Whether services need a duration in the config because records may have none.
    pub(crate) needs_durations: bool,
    /// Whether a text can be a resource's id; else what was expected.
    pub(crate) check_resource: fn(&str) -> Result<(), &'static str>,
    /// The same for a service's id.
    pub(crate) check_service: fn(&str) -> Result<(), &'static str>,
    /// Where the owner pastes the address for webhooks.
    pub(crate) webhook_place: &'static str,
    /// Reads the keys of `keys`; `None` notes a problem.
    pub(crate) read: fn(&Table<'_>, &Secrets<'_>) -> Option<Arc<dyn Settings>>,
}

/// Where the accounts of a kind are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    /// All at one address, unless the config names another.
    At(&'static str),
    /// Each at its own, which the config must name: what to write there.
    Own(&'static str),
}

/// Whose contacts a kind gets where the config does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContactsByDefault {
    /// The client's own.
    Real,
    /// A sink's, because the platform writes to clients whatever it is asked.
    Sink,
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What only one kind has in its table of the config, resolved.
pub(crate) trait Settings: fmt::Debug + Send + Sync {
    /// What tells two accounts of the kind apart, besides the address: the branch.
    fn account(&self) -> String;

    /// What the account can do.
    fn capabilities(&self) -> &'static Capabilities;

    /// What shares one quota with other accounts of the kind; never a key itself.
    fn quota_scope(&self, base_url: &str) -> String;

    /// Texts that must never reach a log or an error.
    fn secrets(&self) -> Vec<SecretString>;

    /// How long before its start a time can no longer be booked by clients.
    fn lead_time(&self) -> Option<SignedDuration>;

    /// Whether the owner chose what blocks are booked under, so that nobody else has to.
    fn chooses_block_service(&self) -> bool;

    /// Records that the owner named because they cannot be listed.
    fn known_records(&self) -> Vec<RemoteId>;

    /// Puts the adapter together. `mappings` are those of the bridges that the account is in.
    fn build(
        &self,
        account: Account,
        mappings: &[&Mapping],
    ) -> Result<Arc<dyn Platform>, InvalidConfig>;
}

/// The kind that goes by this word.
///
/// # Errors
/// What to say of a word that is none.
pub(crate) fn kind(word: &str) -> Result<&'static Kind, String> {
    if let Some(kind) = KINDS.into_iter().find(|kind| kind.name == word) {
        return Ok(kind);
    }
    let known = KINDS.map(|kind| format!("{:?}", kind.name)).join(" or ");
    let hint = value::nearest(word, KINDS.map(|kind| kind.name))
        .map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
    Err(format!(
        "{word:?} is not a kind of platform; expected {known}{hint}"
    ))
}

/// A whole number without sign, as the platforms number nearly everything.
fn number_id(id: &str) -> Result<(), &'static str> {
    let fits = id.parse::<u64>().is_ok_and(|number| number > 0) && !id.starts_with(['+', '0']);
    if fits {
        Ok(())
    } else {
        Err("a number such as 8886")
    }
}

/// Host and port of an address, for the name of a quota scope.
fn host_of(base_url: &str) -> &str {
    base_url
        .split_once("://")
        .map_or(base_url, |(_, host)| host)
}

/// What stands for a key where the key itself must not: the same key gives the same text in every run.
fn fingerprint(secret: &str) -> String {
    let hash = blake3::derive_key("slotbridge quota scope of a key", secret.as_bytes());
    let hex = blake3::Hash::from_bytes(hash).to_hex();
    hex.chars().take(16).collect()
}
