//! AlfaCRM accounts: `kind = "alfacrm"`.

use std::sync::Arc;

use adapter_alfacrm::config::PAGE_SIZE_MAX;
use adapter_alfacrm::{AlfacrmConfig, AlfacrmPlatform, check_service_id};
use jiff::SignedDuration;
use secrecy::SecretString;
use slotbridge_core::mapping::Mapping;
use slotbridge_core::model::RemoteId;
use slotbridge_platform::{Account, Capabilities, InvalidConfig, Platform};

use super::{ContactsByDefault, Home, Kind, Settings, host_of, number_id};
use crate::config::keys::{A_SECRET, Key, defaults, optional, required};
use crate::config::secret::Secrets;
use crate::config::table::Table;
use crate::config::value;

/// The kind.
pub(crate) static KIND: Kind = Kind {
    name: adapter_alfacrm::KIND,
    title: "AlfaCRM",
    home: Home::Own("the address of your account, such as \"https://myschool.s20.online\""),
    keys: KEYS,
    contacts: ContactsByDefault::Real,
    needs_zone: true,
    needs_durations: false,
    check_resource: number_id,
    webhook_place: "Settings, automation, triggers and webhooks; one trigger each for a lesson that is added, changed and deleted",
    check_service: check_service_id,
    read,
};

static KEYS: &[Key] = &[
    required(
        "branch_id",
        "the number of the branch",
        "The branch; with one branch it is mostly 1.",
    ),
    required(
        "email",
        "an e-mail address",
        "What the user made for slotbridge logs in with.",
    ),
    required("api_key", A_SECRET, "The API key from that user's card."),
    optional(
        "app_key",
        A_SECRET,
        "The value of the header `X-APP-KEY`, which some accounts ask for.",
    ),
    optional(
        "room_id",
        "the number of a room",
        "The room of lessons that slotbridge makes; without it they have none.",
    ),
    optional(
        "busy_subject_id",
        "the number of a subject",
        "The subject under which a block without a service is booked.",
    ),
    defaults(
        "page_size",
        "a whole number up to 500",
        "200",
        "How many rows are asked for at once.",
    ),
    defaults(
        "regular_lessons",
        "true or false",
        "true",
        "Whether the recurring schedule is read too: the lessons that AlfaCRM will make of it take their time already.",
    ),
];

#[derive(Debug)]
struct AlfacrmSettings {
    config: AlfacrmConfig,
}

fn read(table: &Table<'_>, secrets: &Secrets<'_>) -> Option<Arc<dyn Settings>> {
    let branch_id = table.number("branch_id", 1..u64::MAX);
    let email = table.parse("email", value::email);
    let api_key = table.need("api_key").and_then(|field| secrets.read(&field));
    let application = table.get("app_key").and_then(|field| secrets.read(&field));
    let room_id = table.number("room_id", 1..u64::MAX);
    let busy_subject_id = table.number("busy_subject_id", 1..u64::MAX);
    let page_size = table
        .number("page_size", 1..u64::from(PAGE_SIZE_MAX) + 1)
        .and_then(|rows| u32::try_from(rows).ok());
    let regular_lessons = table.flag("regular_lessons");
    Some(Arc::new(AlfacrmSettings {
        config: AlfacrmConfig {
            app_key: application,
            room_id,
            busy_subject_id,
            page_size: page_size?,
            regular_lessons: regular_lessons?,
            ..AlfacrmConfig::new(branch_id?, email?, api_key?)
        },
    }))
}

impl Settings for AlfacrmSettings {
    fn account(&self) -> String {
        self.config.branch_id.to_string()
    }

    fn capabilities(&self) -> &'static Capabilities {
        &adapter_alfacrm::CAPABILITIES
    }

    // The platform counts calls per calling address, and all branches of an account are behind one host
    // (alfacrm contract, 4).
    fn quota_scope(&self, base_url: &str) -> String {
        format!("alfacrm {}", host_of(base_url))
    }

    fn secrets(&self) -> Vec<SecretString> {
        let mut secrets = vec![
            SecretString::from(self.config.email.clone()),
            self.config.api_key.clone(),
        ];
        secrets.extend(self.config.app_key.clone());
        secrets
    }

    fn lead_time(&self) -> Option<SignedDuration> {
        None
    }

    fn chooses_block_service(&self) -> bool {
        self.config.busy_subject_id.is_some()
    }

    fn known_records(&self) -> Vec<RemoteId> {
        Vec::new()
    }

    fn build(
        &self,
        account: Account,
        _mappings: &[&Mapping],
    ) -> Result<Arc<dyn Platform>, InvalidConfig> {
        Ok(Arc::new(AlfacrmPlatform::new(
            account,
            self.config.clone(),
        )?))
    }
}
