//! SimplyBook.me companies: `kind = "simplybook"`, in one of two modes.

use std::sync::Arc;

use adapter_simplybook::config::TIMEFRAMES;
use adapter_simplybook::{Mode, SimplybookConfig, SimplybookPlatform};
use jiff::SignedDuration;
use secrecy::SecretString;
use slotbridge_core::mapping::Mapping;
use slotbridge_core::model::RemoteId;
use slotbridge_platform::{Account, Capabilities, InvalidConfig, Platform};

use super::{ContactsByDefault, Home, Kind, Settings, host_of, number_id};
use crate::config::keys::{A_SECRET, Key, defaults, optional, required};
use crate::config::secret::Secrets;
use crate::config::table::{Field, Table};
use crate::config::value;

/// The kind.
pub(crate) static KIND: Kind = Kind {
    name: adapter_simplybook::KIND,
    title: "SimplyBook.me",
    home: Home::At(adapter_simplybook::BASE_URL),
    keys: KEYS,
    contacts: ContactsByDefault::Sink,
    needs_zone: false,
    needs_durations: false,
    check_resource: number_id,
    webhook_place: "the settings of the API feature, as callback URL; switch on create, change and cancel",
    check_service: number_id,
    read,
};

static KEYS: &[Key] = &[
    required(
        "mode",
        "\"admin\" or \"public\"",
        "Who the calls are made as: a user of the back office, who sees every booking, or the company's own web site.",
    ),
    required(
        "company",
        "the company login",
        "The first part of the booking page's address: `acme` in acme.simplybook.me.",
    ),
    optional(
        "user",
        "a login",
        "The back-office user made for slotbridge. Required with `mode = \"admin\"`.",
    ),
    optional(
        "password",
        A_SECRET,
        "That user's password, or better an API User Key. Required with `mode = \"admin\"`.",
    ),
    optional(
        "api_key",
        A_SECRET,
        "The API key of the API feature. Required with `mode = \"public\"`.",
    ),
    optional(
        "secret_key",
        A_SECRET,
        "The secret key of the API feature. Required with `mode = \"public\"`.",
    ),
    optional(
        "marker_field",
        "the key of an intake field",
        "An intake field set aside for slotbridge's marker; without it the marker stands at the end of the comment in admin mode, and nowhere in public mode.",
    ),
    optional(
        "intake",
        "a table of texts",
        "Values for intake fields, by their keys, that every booking made by slotbridge gets.",
    ),
    optional(
        "timeframe",
        "5, 10, 15, 20, 30 or 60",
        "How many minutes starts are apart there. Bookings from elsewhere are rounded outward to it; without it, those that begin in between are refused there.",
    ),
    defaults(
        "sees_all",
        "true or false",
        "false",
        "Says that the user sees every booking, although its role says otherwise or cannot be read. Only with `mode = \"admin\"`.",
    ),
];

/// The keys that only one of the modes has.
const ADMIN_ONLY: [&str; 2] = ["user", "password"];
const PUBLIC_ONLY: [&str; 2] = ["api_key", "secret_key"];

#[derive(Clone, Copy)]
enum Service {
    Admin,
    Public,
}

#[derive(Debug)]
struct SimplybookSettings {
    config: SimplybookConfig,
}

fn read(table: &Table<'_>, secrets: &Secrets<'_>) -> Option<Arc<dyn Settings>> {
    let service = table.parse("mode", |text| match text {
        "admin" => Ok(Service::Admin),
        "public" => Ok(Service::Public),
        _ => {
            let hint = value::nearest(text, ["admin", "public"])
                .map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
            Err(format!(
                "{text:?} is not known; expected \"admin\" or \"public\"{hint}"
            ))
        }
    });
    let company = table.parse("company", |text| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let text = text.trim();
        if text.is_empty() || !text.chars().all(fits) {
            return Err(format!(
                "{text:?} is not a company login; expected such as \"acme\" in acme.simplybook.me"
            ));
        }
        Ok(text.to_owned())
    });
    let mode = read_mode(table, secrets, service);
    let marker_field = table.parse("marker_field", one_word);
    let intake = table
        .get("intake")
        .map_or(Some(Vec::new()), |field| read_intake(&field));
    let timeframe = table.get("timeframe").and_then(|field| {
        let minutes = field.number(1..61)?;
        let fits = TIMEFRAMES
            .into_iter()
            .find(|known| u64::from(*known) == minutes);
        if fits.is_none() {
            field.problem("expected 5, 10, 15, 20, 30 or 60, as in the company's settings");
        }
        fits
    });
    let sees_all = table.flag("sees_all");
    if matches!(service, Some(Service::Public))
        && let Some(field) = table.get("sees_all")
    {
        field.problem("is for mode = \"admin\"; in public mode nothing is listed");
    }
    Some(Arc::new(SimplybookSettings {
        config: SimplybookConfig {
            marker_field,
            intake: intake?,
            timeframe,
            sees_all: sees_all?,
            ..SimplybookConfig::new(company?, mode?)
        },
    }))
}

/// Reads the keys of one mode, and refuses those of the other.
fn read_mode(table: &Table<'_>, secrets: &Secrets<'_>, service: Option<Service>) -> Option<Mode> {
    let [user, password] = ADMIN_ONLY.map(|key| table.get(key));
    let [api_key, secret_key] = PUBLIC_ONLY.map(|key| table.get(key));
    match service? {
        Service::Admin => {
            refuse([api_key, secret_key], "public");
            let missing = [user.is_none(), password.is_none()];
            tell_missing(table, ADMIN_ONLY, missing, "admin");
            let user = user.and_then(|field| field.parse(one_word));
            let password = password.and_then(|field| secrets.read(&field));
            Some(Mode::Admin {
                user: user?,
                password: password?,
            })
        }
        Service::Public => {
            refuse([user, password], "admin");
            let missing = [api_key.is_none(), secret_key.is_none()];
            tell_missing(table, PUBLIC_ONLY, missing, "public");
            let api_key = api_key.and_then(|field| secrets.read(&field));
            let secret_key = secret_key.and_then(|field| secrets.read(&field));
            Some(Mode::Public {
                api_key: api_key?,
                secret_key: secret_key?,
            })
        }
    }
}

fn refuse(fields: [Option<Field<'_>>; 2], mode: &str) {
    for field in fields.into_iter().flatten() {
        field.problem(format!("is for mode = {mode:?}"));
    }
}

fn tell_missing(table: &Table<'_>, keys: [&'static str; 2], missing: [bool; 2], mode: &str) {
    for (name, missing) in keys.into_iter().zip(missing) {
        if missing {
            let key = KEYS.iter().find(|key| key.name == name);
            let expects = key.map_or("a value", |key| key.expects);
            let message = format!("is missing; expected {expects}: mode = {mode:?} needs it");
            table.key_problem(name, message);
        }
    }
}

/// What stands in a login or a key is not shown: it may be somebody's address.
fn one_word(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        Err("expected text without spaces".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

fn read_intake(field: &Field<'_>) -> Option<Vec<(String, String)>> {
    let table = field.table(&[])?;
    let values = table
        .named()
        .into_iter()
        .map(|(key, field)| Some((key.to_owned(), field.text()?.to_owned())));
    // All of them are looked at, so that each wrong one is told.
    let values: Vec<Option<(String, String)>> = values.collect();
    values.into_iter().collect()
}

impl Settings for SimplybookSettings {
    fn account(&self) -> String {
        self.config.company.clone()
    }

    fn capabilities(&self) -> &'static Capabilities {
        match self.config.mode {
            Mode::Admin { .. } => &adapter_simplybook::CAPABILITIES_ADMIN,
            Mode::Public { .. } => &adapter_simplybook::CAPABILITIES_PUBLIC,
        }
    }

    // Calls are counted per company, in both modes together (simplybook contract, 3).
    fn quota_scope(&self, base_url: &str) -> String {
        format!("simplybook {} {}", host_of(base_url), self.config.company)
    }

    fn secrets(&self) -> Vec<SecretString> {
        match &self.config.mode {
            Mode::Admin { user, password } => {
                vec![SecretString::from(user.clone()), password.clone()]
            }
            Mode::Public {
                api_key,
                secret_key,
            } => vec![api_key.clone(), secret_key.clone()],
        }
    }

    fn lead_time(&self) -> Option<SignedDuration> {
        None
    }

    fn chooses_block_service(&self) -> bool {
        false
    }

    fn known_records(&self) -> Vec<RemoteId> {
        Vec::new()
    }

    fn build(
        &self,
        account: Account,
        _mappings: &[&Mapping],
    ) -> Result<Arc<dyn Platform>, InvalidConfig> {
        let platform = SimplybookPlatform::new(account, self.config.clone())?;
        Ok(Arc::new(platform))
    }
}
