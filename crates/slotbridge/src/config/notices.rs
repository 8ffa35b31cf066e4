//! `[notices]`: who is told what, and when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::HeaderMap;
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use toml::de::DeValue;

use super::keys::{self, Key, Presence};
use super::platform::read_headers;
use super::secret::Secrets;
use super::table::{Field, Table};
use super::value;
use crate::notices::notice::Kind;
use crate::notices::target::{Endpoint, FieldValue, Target, Way};
use crate::notices::template::Template;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// `[notices]`
#[derive(Debug, Clone)]
pub(crate) struct NoticesConfig {
    /// How long a platform is down before that is told.
    pub(crate) down_after: SignedDuration,
    /// How long a platform may be without a complete pass.
    pub(crate) silent_after: SignedDuration,
    /// How long until something that stands is told again.
    pub(crate) remind_after: SignedDuration,
    /// Where notices go, in the order of the file.
    pub(crate) targets: Vec<Target>,
}

/// Reads the table; without one there are the defaults and no target.
pub(crate) fn read(field: Option<Field<'_>>, secrets: &Secrets<'_>) -> Option<NoticesConfig> {
    let Some(field) = field else {
        return Some(NoticesConfig {
            down_after: default("down_after"),
            silent_after: default("silent_after"),
            remind_after: default("remind_after"),
            targets: Vec::new(),
        });
    };
    let table = field.table(&[keys::NOTICES])?;
    let down_after = table.parse("down_after", |text| within(text, 0, 7 * DAY));
    let silent_after = table.parse("silent_after", |text| within(text, HOUR, 31 * DAY));
    let remind_after = table.parse("remind_after", |text| within(text, 10 * MINUTE, 31 * DAY));
    let targets = table
        .get("target")
        .and_then(|field| field.table(&[]))
        .map(|targets| read_targets(&targets, secrets));
    table.finish(|_| None);
    Some(NoticesConfig {
        down_after: down_after?,
        silent_after: silent_after?,
        remind_after: remind_after?,
        targets: targets.unwrap_or_default(),
    })
}

/// The default of a key of `[notices]`.
fn default(name: &str) -> SignedDuration {
    let key = keys::NOTICES.iter().find(|key| key.name == name);
    let Some(Key {
        presence: Presence::Default(text),
        ..
    }) = key
    else {
        unreachable!("{name} has a default");
    };
    within(text, 0, 31 * DAY).expect("a default in the list of keys is a valid value")
}

fn read_targets(table: &Table<'_>, secrets: &Secrets<'_>) -> Vec<Target> {
    table
        .named()
        .into_iter()
        .filter_map(|(name, field)| read_target(name, &field, secrets))
        .collect()
}

/// The kinds of target, each with what only it has.
const KINDS: [(&str, &[Key]); 3] = [
    ("command", keys::COMMAND),
    ("webhook", keys::WEBHOOK),
    ("message", keys::MESSAGE),
];

fn read_target(name: &str, field: &Field<'_>, secrets: &Secrets<'_>) -> Option<Target> {
    let mut table = field.table(&[keys::TARGET])?;
    let word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let named = !name.is_empty() && name.chars().count() <= 64 && name.chars().all(word);
    if !named {
        table.problem(format!(
            "{name:?} is not a name; expected letters, digits, `-`, `_` and `.`, at most 64"
        ));
    }
    // Without the kind the other keys cannot be judged.
    let (kind, own) = table.parse("kind", kind)?;
    table.add_keys(own);
    let only = table
        .get("only")
        .map_or_else(|| Some(BTreeSet::new()), |field| read_only(&field));
    let show_clients = table.flag("show_clients");
    let max_per_hour = table.number("max_per_hour", 1..1001);
    let timeout = table.parse("timeout", |text| match value::positive_duration(text)? {
        long if long > Duration::from_secs(5 * MINUTE) => {
            Err(format!("{text:?} is too long; expected at most \"5m\""))
        }
        timeout => Ok(timeout),
    });
    // A template is tried on the kinds that the target takes.
    let takes = |kind: Kind| match (kind.topic(), &only) {
        (Some(topic), Some(only)) => only.is_empty() || only.contains(&topic),
        _ => true,
    };
    let way = match kind {
        "command" => read_command(&table, takes),
        "webhook" => read_endpoint(&table, secrets).map(Way::Webhook),
        _ => read_message(&table, secrets, takes),
    };
    table.finish(|_| None);
    Some(Target {
        name: named.then(|| name.to_owned())?,
        way: way?,
        only: only?,
        show_clients: show_clients?,
        max_per_hour: usize::try_from(max_per_hour?).unwrap_or(usize::MAX),
        timeout: timeout?,
    })
}

fn kind(text: &str) -> Result<(&'static str, &'static [Key]), String> {
    let found = KINDS.into_iter().find(|(name, _)| *name == text);
    found.ok_or_else(|| {
        let hint = value::nearest(text, KINDS.map(|(name, _)| name))
            .map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
        format!("{text:?} is not known; expected \"command\", \"webhook\" or \"message\"{hint}")
    })
}

fn read_only(field: &Field<'_>) -> Option<BTreeSet<Kind>> {
    let items = field.list("a list such as [\"guard\", \"overlap\"]")?;
    if items.is_empty() {
        field.problem("nothing would go there; leave the key out for everything");
        return None;
    }
    let topics = Kind::TOPICS.map(Kind::as_str);
    items
        .iter()
        .map(|item| {
            item.parse(|text| {
                let found = Kind::TOPICS.into_iter().find(|kind| kind.as_str() == text);
                found.ok_or_else(|| {
                    let hint = value::nearest(text, topics)
                        .map_or_else(String::new, |near| format!("; did you mean {near:?}?"));
                    format!(
                        "{text:?} is no kind of notice; known are {}{hint}",
                        topics.join(", ")
                    )
                })
            })
        })
        .collect()
}

fn read_command(table: &Table<'_>, takes: impl Fn(Kind) -> bool) -> Option<Way> {
    let expected = "a list such as [\"/usr/local/bin/tell-me\"]";
    let argv = table.need("command").and_then(|field| {
        let items = field.list(expected)?;
        let argv: Vec<String> = items
            .iter()
            .map(|item| item.text().map(str::to_owned))
            .collect::<Option<_>>()?;
        match argv.first() {
            Some(program) if program.starts_with('/') => Some(argv),
            Some(program) => {
                field.problem(format!(
                    "{program:?} is not a whole path; the command is not looked for, so expected {expected}"
                ));
                None
            }
            None => {
                field.problem(format!("expected {expected}"));
                None
            }
        }
    });
    let template = match table.get("template") {
        None => Some(None),
        Some(field) => field.parse(|text| Template::new(text, &takes)).map(Some),
    };
    Some(Way::Command {
        argv: argv?,
        template: template?,
    })
}

fn read_endpoint(table: &Table<'_>, secrets: &Secrets<'_>) -> Option<Endpoint> {
    let url = table.need("url").and_then(|field| {
        let url = secrets.read(&field)?;
        match value::target_url(url.expose_secret()) {
            Ok(host) => Some((url, host)),
            Err(message) => {
                field.problem(message);
                None
            }
        }
    });
    let headers = table.get("headers").map_or_else(
        || Some(HeaderMap::new()),
        |field| read_headers(&field, secrets),
    );
    let (url, host) = url?;
    Some(Endpoint {
        url,
        host,
        headers: headers?,
    })
}

fn read_message(
    table: &Table<'_>,
    secrets: &Secrets<'_>,
    takes: impl Fn(Kind) -> bool,
) -> Option<Way> {
    let endpoint = read_endpoint(table, secrets);
    let template = table.parse("template", |text| Template::new(text, &takes));
    let text_field = table.parse("text_field", |text| {
        if text.is_empty() {
            Err("expected the name of a field".to_owned())
        } else {
            Ok(text.to_owned())
        }
    });
    let fields = table.get("fields").map_or_else(
        || Some(BTreeMap::new()),
        |field| read_fields(&field, secrets),
    );
    let (text_field, fields) = (text_field?, fields?);
    if fields.contains_key(&text_field) {
        table.key_problem(
            "fields",
            format!("{text_field:?} is the field that holds the message"),
        );
        return None;
    }
    Some(Way::Message {
        endpoint: endpoint?,
        text_field,
        template: template?,
        fields,
    })
}

fn read_fields(field: &Field<'_>, secrets: &Secrets<'_>) -> Option<BTreeMap<String, FieldValue>> {
    let table = field.table(&[])?;
    table
        .named()
        .into_iter()
        .map(|(name, field)| {
            let value = match field.value() {
                DeValue::Integer(_) => FieldValue::Number(field.number(0..u64::MAX)?),
                DeValue::Boolean(flag) => FieldValue::Flag(*flag),
                _ => FieldValue::Text(secrets.read(&field)?),
            };
            Some((name.to_owned(), value))
        })
        .collect()
}

/// Reads a duration within bounds, in seconds.
fn within(text: &str, least: u64, most: u64) -> Result<SignedDuration, String> {
    let duration = value::duration(text)?;
    if (Duration::from_secs(least)..=Duration::from_secs(most)).contains(&duration) {
        SignedDuration::try_from(duration).map_err(|error| error.to_string())
    } else {
        Err(format!(
            "{text:?} is out of range; expected from {:?} to {:?}",
            spelled(least),
            spelled(most)
        ))
    }
}

/// Seconds as a duration of the config.
fn spelled(seconds: u64) -> String {
    match seconds {
        days if days >= DAY && days % DAY == 0 => format!("{}d", days / DAY),
        hours if hours >= HOUR && hours % HOUR == 0 => format!("{}h", hours / HOUR),
        minutes if minutes >= MINUTE && minutes % MINUTE == 0 => format!("{}m", minutes / MINUTE),
        seconds => format!("{seconds}s"),
    }
}
