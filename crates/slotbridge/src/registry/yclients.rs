//! YCLIENTS accounts: `kind = "yclients"`.

use std::sync::Arc;

use adapter_yclients::config::{UserAuth, YclientsConfig};
use jiff::SignedDuration;
use secrecy::SecretString;
use slotbridge_core::mapping::Mapping;
use slotbridge_core::model::RemoteId;
use slotbridge_platform::{Account, Capabilities, InvalidConfig, Platform};

use super::{ContactsByDefault, Home, Kind, Settings, host_of, number_id};
use crate::config::keys::{A_SECRET, Key, optional, required};
use crate::config::secret::Secrets;
use crate::config::table::Table;

/// The kind.
pub(crate) static KIND: Kind = Kind {
    name: "yclients",
    title: "YCLIENTS",
    home: Home::At("https://api.yclients.com"),
    keys: KEYS,
    contacts: ContactsByDefault::Real,
    needs_zone: false,
    needs_durations: false,
    check_resource: number_id,
    webhook_place: "the branch's settings, section «Вебхуки»; tick the events of records",
    check_service: number_id,
    read,
};

static KEYS: &[Key] = &[
    required("company_id", "the number of the branch", "The branch."),
    required(
        "partner_token",
        A_SECRET,
        "The partner token of the developer account.",
    ),
    optional(
        "user_token",
        A_SECRET,
        "The token of a user of the branch; instead of it, `login` and `password`.",
    ),
    optional(
        "login",
        "a phone or an e-mail address",
        "A user of the branch.",
    ),
    optional("password", A_SECRET, "That user's password."),
];

#[derive(Debug)]
struct YclientsSettings {
    config: YclientsConfig,
}

fn read(table: &Table<'_>, secrets: &Secrets<'_>) -> Option<Arc<dyn Settings>> {
    let company_id = table.number("company_id", 1..u64::MAX);
    let partner_token = table
        .need("partner_token")
        .and_then(|field| secrets.read(&field));
    let auth = read_auth(table, secrets);
    let config = YclientsConfig::new(company_id?, partner_token?, auth?);
    Some(Arc::new(YclientsSettings { config }))
}

fn read_auth(table: &Table<'_>, secrets: &Secrets<'_>) -> Option<UserAuth> {
    let (token, login, password) = (
        table.get("user_token"),
        table.get("login"),
        table.get("password"),
    );
    match (token, login, password) {
        (Some(token), None, None) => Some(UserAuth::Token(secrets.read(&token)?)),
        (None, Some(login), Some(password)) => {
            let password = secrets.read(&password);
            let login = login.parse(|text| match text.trim() {
                "" => Err("is empty; expected a phone or an e-mail address".to_owned()),
                login => Ok(login.to_owned()),
            });
            Some(UserAuth::Login {
                login: login?,
                password: password?,
            })
        }
        (Some(token), _, _) => {
            token.problem("expected either user_token, or login and password, not both");
            None
        }
        (None, None, None) => {
            table.key_problem(
                "user_token",
                format!("is missing; expected {A_SECRET}; or login and password"),
            );
            None
        }
        (None, Some(_), None) => {
            table.key_problem("password", format!("is missing; expected {A_SECRET}"));
            None
        }
        (None, None, Some(_)) => {
            table.key_problem("login", "is missing; expected a phone or an e-mail address");
            None
        }
    }
}

impl Settings for YclientsSettings {
    fn account(&self) -> String {
        self.config.company_id.to_string()
    }

    fn capabilities(&self) -> &'static Capabilities {
        &adapter_yclients::CAPABILITIES
    }

    // The platform counts calls per source address, and ours is one (yclients contract, 9).
    fn quota_scope(&self, base_url: &str) -> String {
        format!("yclients {}", host_of(base_url))
    }

    fn secrets(&self) -> Vec<SecretString> {
        let mut secrets = vec![self.config.partner_token.clone()];
        match &self.config.auth {
            UserAuth::Token(token) => secrets.push(token.clone()),
            UserAuth::Login { login, password } => {
                secrets.push(SecretString::from(login.clone()));
                secrets.push(password.clone());
            }
        }
        secrets
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
        let platform = adapter_yclients::YclientsPlatform::new(account, self.config.clone())?;
        Ok(Arc::new(platform))
    }
}
