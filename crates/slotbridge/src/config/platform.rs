//! `[platform.NAME]`: one account on one booking system.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret as _, SecretString};
use slotbridge_core::model::{PlatformName, Private};
use slotbridge_platform::Contacts;
use slotbridge_platform::capabilities::Quota;

use super::keys::{self, RESERVED};
use super::problem::Place;
use super::secret::Secrets;
use super::table::{Field, Table};
use super::value;
use crate::registry::{self, ContactsByDefault, Home, Kind, Settings};

/// One account, with everything resolved.
#[derive(Debug, Clone)]
pub(crate) struct PlatformConfig {
    /// The user's name for it.
    pub(crate) name: PlatformName,
    /// Which booking system.
    pub(crate) kind: &'static Kind,
    /// What only this kind has.
    pub(crate) settings: Arc<dyn Settings>,
    /// Where it is.
    pub(crate) base_url: String,
    /// Its zone, where the file names it.
    pub(crate) time_zone: Option<TimeZone>,
    /// The secret part of its webhook URL.
    pub(crate) webhook_token: Option<SecretString>,
    /// Limits instead of the kind's own.
    pub(crate) quota: Option<Vec<Quota>>,
    /// The most calls at the same time, instead of the kind's own.
    pub(crate) parallel: Option<u32>,
    /// How often to look for changes, instead of what the quota allows.
    pub(crate) poll_every: Option<Duration>,
    /// How long one call may take.
    pub(crate) timeout: Duration,
    /// The country of phones without a country code.
    pub(crate) default_country: String,
    /// Whose contacts it gets.
    pub(crate) contacts: Contacts,
    /// The client's name in an anonymous block.
    pub(crate) busy_name: String,
    /// Extra request headers.
    pub(crate) headers: HeaderMap,
    /// Where it stands in the file.
    pub(crate) place: Place,
}

impl PlatformConfig {
    /// What makes two platforms one and the same account.
    pub(crate) fn account(&self) -> String {
        format!(
            "{} {} {}",
            self.kind.name,
            self.base_url,
            self.settings.account()
        )
    }
}

/// The platforms that could be read, and the names of all of them, so that a bridge is not blamed for a platform whose
/// own problem is told already.
#[derive(Debug)]
pub(crate) struct Platforms {
    pub(crate) read: Vec<PlatformConfig>,
    pub(crate) names: Vec<String>,
}

impl Platforms {
    /// The platform of this name, if it could be read.
    pub(crate) fn get(&self, name: &str) -> Option<&PlatformConfig> {
        self.read
            .iter()
            .find(|platform| platform.name.as_str() == name)
    }
}

/// Reads every `[platform.NAME]`.
pub(crate) fn read_all(root: &Table<'_>, secrets: &Secrets<'_>) -> Platforms {
    let mut platforms = Platforms {
        read: Vec::new(),
        names: Vec::new(),
    };
    let Some(all) = root.need("platform").and_then(|field| field.table(&[])) else {
        return platforms;
    };
    for (name, field) in all.named() {
        platforms.names.push(name.to_owned());
        platforms.read.extend(read_one(name, &field, secrets));
    }
    platforms
}

fn read_one(name: &str, field: &Field<'_>, secrets: &Secrets<'_>) -> Option<PlatformConfig> {
    let mut table = field.table(&[keys::PLATFORM])?;
    let name = match PlatformName::new(name) {
        Ok(name) if RESERVED.contains(&name.as_str()) => {
            table.problem(format!(
                "a platform cannot be called {name:?}: the mapping tables have a key of that name"
            ));
            None
        }
        Ok(name) => Some(name),
        Err(error) => {
            table.problem(error.to_string());
            None
        }
    };
    // Without the kind the other keys cannot be judged.
    let kind = table.parse("kind", registry::kind)?;
    table.add_keys(kind.keys);
    let settings = (kind.read)(&table, secrets);
    let base_url = match table.get("base_url") {
        Some(field) => field.parse(value::base_url),
        None => match kind.home {
            Home::At(url) => Some(url.to_owned()),
            Home::Own(what) => {
                table.key_problem("base_url", format!("is missing; expected {what}"));
                None
            }
        },
    };
    let zone_field = if kind.needs_zone {
        table.need("time_zone")
    } else {
        table.get("time_zone")
    };
    let time_zone = zone_field.and_then(|field| field.parse(value::zone));
    let webhook_token = webhook_token(&table, secrets);
    let quota = table.get("quota").and_then(|field| read_quota(&field));
    let parallel = table.number("parallel", 1..65);
    let poll_every = table.parse("poll_every", value::positive_duration);
    let timeout = table.parse("timeout", value::positive_duration);
    let default_country = table.parse("default_country", value::country);
    let contacts = read_contacts(&table, kind);
    let busy_name = table.parse("busy_name", one_line);
    let headers = table.get("headers").map_or_else(
        || Some(HeaderMap::new()),
        |field| read_headers(&field, secrets),
    );
    let place = table.place();
    table.finish(|_| None);
    Some(PlatformConfig {
        name: name?,
        kind,
        settings: settings?,
        base_url: base_url?,
        time_zone,
        webhook_token,
        quota,
        parallel: parallel.and_then(|parallel| u32::try_from(parallel).ok()),
        poll_every,
        timeout: timeout?,
        default_country: default_country?,
        contacts: contacts?,
        busy_name: busy_name?,
        headers: headers?,
        place,
    })
}

fn webhook_token(table: &Table<'_>, secrets: &Secrets<'_>) -> Option<SecretString> {
    let field = table.get("webhook_token")?;
    let token = secrets.read(&field)?;
    let fits = token
        .expose_secret()
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if !fits {
        field.problem("the token is part of a URL: expected letters, digits, `-` and `_` only");
        return None;
    }
    Some(token)
}

fn read_quota(field: &Field<'_>) -> Option<Vec<Quota>> {
    let items = field.list("a list such as [\"5/1s\", \"200/60s\"]")?;
    if items.is_empty() {
        field.problem("an empty list would allow any number of calls; leave the key out for the kind's own quota");
        return None;
    }
    items.iter().map(|item| item.parse(value::quota)).collect()
}

fn read_contacts(table: &Table<'_>, kind: &Kind) -> Option<Contacts> {
    let sink = match table.get("contacts") {
        None => Some(kind.contacts == ContactsByDefault::Sink),
        Some(field) => field.parse(|text| match text {
            "real" => Ok(false),
            "sink" => Ok(true),
            _ => Err(format!(
                "{text:?} is not known; expected \"real\" or \"sink\""
            )),
        }),
    };
    let email = table.get("sink_email");
    let phone = table.get("sink_phone");
    if sink? {
        for (key, expected, field) in [
            ("sink_email", "an e-mail address", &email),
            ("sink_phone", "a phone", &phone),
        ] {
            if field.is_none() {
                let why = match kind.contacts {
                    ContactsByDefault::Real => "`contacts = \"sink\"` needs it".to_owned(),
                    ContactsByDefault::Sink => format!(
                        "{} writes to clients about every booking, so contacts of your own stand in for theirs; \
                         `contacts = \"real\"` sends it the clients' own",
                        kind.title
                    ),
                };
                table.key_problem(key, format!("is missing; expected {expected}: {why}"));
            }
        }
        let email = email.and_then(|field| field.parse(value::email));
        let phone = phone.and_then(|field| field.parse(one_line));
        return Some(Contacts::Sink {
            email: Private::new(email?),
            phone: Private::new(phone?),
        });
    }
    // They do nothing here, but a wrong one is told before somebody switches over.
    drop(email.and_then(|field| field.parse(value::email)));
    drop(phone.and_then(|field| field.parse(one_line)));
    Some(Contacts::Real)
}

pub(super) fn read_headers(field: &Field<'_>, secrets: &Secrets<'_>) -> Option<HeaderMap> {
    let table = field.table(&[])?;
    let mut headers = HeaderMap::new();
    let mut whole = true;
    for (name, field) in table.named() {
        let parsed = HeaderName::try_from(name);
        let value = secrets
            .read(&field)
            .and_then(|value| HeaderValue::from_str(value.expose_secret()).ok());
        match (parsed, value) {
            (Ok(name), Some(mut value)) => {
                // Whatever stands there, it is not for logs.
                value.set_sensitive(true);
                headers.insert(name, value);
            }
            (Err(_), _) => {
                field.problem("expected the name of an HTTP header as the key");
                whole = false;
            }
            (Ok(_), None) => {
                field.problem("expected text that an HTTP header can hold");
                whole = false;
            }
        }
    }
    whole.then_some(headers)
}

fn one_line(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        Err("expected one line of text".to_owned())
    } else {
        Ok(text.to_owned())
    }
}
