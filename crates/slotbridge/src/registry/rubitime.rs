//! Rubitime accounts: `kind = "rubitime"`.

use std::sync::Arc;

use adapter_rubitime::{MarkerField, RubitimeConfig, RubitimePlatform};
use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use slotbridge_core::mapping::Mapping;
use slotbridge_core::model::{RemoteId, ServiceKey};
use slotbridge_platform::{Account, Capabilities, InvalidConfig, Platform};

use super::{ContactsByDefault, Home, Kind, Settings, host_of, number_id};
use crate::config::keys::{A_SECRET, DURATION, Key, optional, required};
use crate::config::secret::Secrets;
use crate::config::table::Table;
use crate::config::value;

/// The kind.
pub(crate) static KIND: Kind = Kind {
    name: "rubitime",
    title: "Rubitime",
    home: Home::At(adapter_rubitime::BASE_URL),
    keys: KEYS,
    contacts: ContactsByDefault::Real,
    needs_zone: true,
    needs_durations: true,
    check_resource: number_id,
    webhook_place: "Settings, step 5, the field for the webhook URL next to the API key",
    check_service: number_id,
    read,
};

static KEYS: &[Key] = &[
    required("branch_id", "the number of the branch", "The branch."),
    required(
        "api_key",
        A_SECRET,
        "The key from Settings, step 5 of the Rubitime cabinet.",
    ),
    optional(
        "marker_field",
        "\"custom_field1\" to \"custom_field20\"",
        "A custom field set aside for slotbridge's marker; without it the marker stands at the end of the comment.",
    ),
    optional(
        "lead_time",
        DURATION,
        "How long before its start a time can no longer be booked by clients there.",
    ),
    optional(
        "known_records",
        "a list of record ids",
        "Records that are there already: Rubitime cannot list them.",
    ),
    optional(
        "busy_service",
        "the id of a service",
        "The service under which a block without one is booked; the first mapped service stands in for it.",
    ),
];

#[derive(Debug)]
struct RubitimeSettings {
    branch_id: u64,
    api_key: SecretString,
    marker_field: Option<MarkerField>,
    lead_time: Option<SignedDuration>,
    known_records: Vec<RemoteId>,
    busy_service: Option<ServiceKey>,
}

fn read(table: &Table<'_>, secrets: &Secrets<'_>) -> Option<Arc<dyn Settings>> {
    let branch_id = table.number("branch_id", 1..u64::MAX);
    let api_key = table.need("api_key").and_then(|field| secrets.read(&field));
    let marker_field = table.parse("marker_field", |text| {
        text.parse::<MarkerField>().map_err(|error| error.message)
    });
    let lead_time = table
        .parse("lead_time", value::duration)
        .and_then(|lead| SignedDuration::try_from(lead).ok());
    let known_records = match table.get("known_records") {
        None => Vec::new(),
        Some(field) => field
            .list("a list of record ids")
            .unwrap_or_default()
            .iter()
            .filter_map(|item| item.id(number_id))
            .map(RemoteId::new)
            .collect(),
    };
    let busy_service = table
        .get("busy_service")
        .and_then(|field| field.id(number_id));
    Some(Arc::new(RubitimeSettings {
        branch_id: branch_id?,
        api_key: api_key?,
        marker_field,
        lead_time,
        known_records,
        busy_service: busy_service.map(ServiceKey::new),
    }))
}

impl Settings for RubitimeSettings {
    fn account(&self) -> String {
        self.branch_id.to_string()
    }

    fn capabilities(&self) -> &'static Capabilities {
        &adapter_rubitime::CAPABILITIES
    }

    // Calls are counted per key, all methods together (rubitime contract, 7).
    fn quota_scope(&self, base_url: &str) -> String {
        let key = super::fingerprint(self.api_key.expose_secret());
        format!("rubitime {} {key}", host_of(base_url))
    }

    fn secrets(&self) -> Vec<SecretString> {
        vec![self.api_key.clone()]
    }

    fn lead_time(&self) -> Option<SignedDuration> {
        self.lead_time
    }

    fn chooses_block_service(&self) -> bool {
        self.busy_service.is_some()
    }

    fn known_records(&self) -> Vec<RemoteId> {
        self.known_records.clone()
    }

    fn build(
        &self,
        account: Account,
        mappings: &[&Mapping],
    ) -> Result<Arc<dyn Platform>, InvalidConfig> {
        let resource = mappings
            .iter()
            .find_map(|mapping| mapping.resources().next())
            .map(|(_, key)| key.clone());
        let service = mappings
            .iter()
            .find_map(|mapping| mapping.services().next())
            .map(|(_, key, _)| key.clone());
        let config = RubitimeConfig {
            branch_id: self.branch_id,
            api_key: self.api_key.clone(),
            marker_field: self.marker_field,
            probe: resource.zip(service.clone()),
            busy_service: self.busy_service.clone().or(service),
        };
        Ok(Arc::new(RubitimePlatform::new(account, config)?))
    }
}
