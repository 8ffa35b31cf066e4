//! A value that a person types, read in the terms of a bridge: its names, its clock, its country's phones.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::merge::Subject;
use slotbridge_core::model::{Field, FieldValue, ResourceName, ServiceName, Slot, Status};
use slotbridge_core::{normalise, zone};

use crate::config::{BridgeConfig, value};

/// What a person may call the fields.
const NAMES: [(&str, Field); 11] = [
    ("slot", Field::Slot),
    ("comment", Field::Comment),
    ("name", Field::ClientName),
    ("phone", Field::ClientPhone),
    ("email", Field::ClientEmail),
    ("status", Field::Status),
    ("resource", Field::Resource),
    ("services", Field::Services),
    ("client.name", Field::ClientName),
    ("client.phone", Field::ClientPhone),
    ("client.email", Field::ClientEmail),
];

/// What is wrong with a value, and the way out. The value itself is not repeated: it may be a client's.
type Wrong = (String, String);

/// What a value is read by.
#[derive(Debug)]
pub(super) struct Terms<'a> {
    /// What the conflict is about.
    pub(super) subject: Subject,
    /// The bridge's clock.
    pub(super) zone: Option<TimeZone>,
    /// Whose phones are written without a country.
    pub(super) country: &'a str,
    /// How long the booking is now.
    pub(super) length: Option<SignedDuration>,
    /// Whose resources and services.
    pub(super) bridge: &'a BridgeConfig,
}

impl Terms<'_> {
    /// Reads `FIELD=VALUE`.
    pub(super) fn read(&self, text: &str) -> Result<FieldValue, Wrong> {
        let Subject::Field(about) = self.subject else {
            return Err((
                "the conflict is about whether the booking lives, and no value says that"
                    .to_owned(),
                "use --take with the platform that removed it or one that has it, or --keep"
                    .to_owned(),
            ));
        };
        let (name, value) = text.split_once('=').ok_or_else(|| {
            let example = example(about);
            (
                "--set wants FIELD=VALUE".to_owned(),
                format!("such as --set '{example}'"),
            )
        })?;
        let field = field(name.trim())?;
        if field != about {
            return Err((
                format!(
                    "the conflict is about {}, not about {}",
                    about.as_str(),
                    field.as_str()
                ),
                format!("such as --set '{}'", example(about)),
            ));
        }
        let value = value.trim();
        match field {
            Field::Slot => self.slot(value).map(FieldValue::Slot),
            Field::Resource => self.resource(value).map(FieldValue::Resource),
            Field::Services => self.services(value).map(FieldValue::Services),
            Field::Status => status(value).map(FieldValue::Status),
            Field::Comment => Ok(FieldValue::Text(Some(normalise::text(value)))),
            Field::ClientName => {
                filled(field, value)?;
                Ok(FieldValue::Text(Some(normalise::name(value))))
            }
            Field::ClientPhone => {
                filled(field, value)?;
                let phone = normalise::phone(value, self.country);
                let phone = phone.filter(normalise::is_e164).ok_or_else(|| {
                    (
                        "that is no phone number".to_owned(),
                        "write it with its country, such as +79000000000".to_owned(),
                    )
                })?;
                Ok(FieldValue::Text(Some(phone)))
            }
            Field::ClientEmail => {
                filled(field, value)?;
                value::email(value).map_err(|_why| {
                    (
                        "that is no e-mail address".to_owned(),
                        "write it as name@example.com".to_owned(),
                    )
                })?;
                Ok(FieldValue::Text(normalise::email(value)))
            }
        }
    }

    fn slot(&self, text: &str) -> Result<Slot, Wrong> {
        let unclear = || {
            (
                format!("{text:?} is not a slot"),
                format!(
                    "such as --set '{}'; without an end the booking keeps its length",
                    example(Field::Slot)
                ),
            )
        };
        let zone = self.zone.as_ref().ok_or_else(|| {
            (
                "nobody knows the bridge's zone yet".to_owned(),
                "set time_zone for its first platform in the config, or make a pass first"
                    .to_owned(),
            )
        })?;
        // Dates hold hyphens of their own: the end follows the first one behind a time of day.
        let text = text.replace('–', "-");
        let split = text
            .char_indices()
            .skip_while(|(_, letter)| *letter != ':')
            .find(|(_, letter)| matches!(letter, '-' | '/'))
            .map(|(at, _)| at);
        let (start, end) = match split {
            Some(at) => (text.get(..at), text.get(at + 1..)),
            None => (Some(text.as_str()), None),
        };
        let start_civil = civil(start.unwrap_or_default(), None).ok_or_else(unclear)?;
        let start = instant(start_civil, zone)?;
        let end = if let Some(end) = end {
            instant(civil(end, Some(start_civil)).ok_or_else(unclear)?, zone)?
        } else {
            let length = self.length.ok_or_else(unclear)?;
            start.checked_add(length).map_err(|_beyond| unclear())?
        };
        if end <= start {
            return Err((
                "a slot cannot end before it starts".to_owned(),
                "name the day of the end too where it is another one: 2026-12-01 23:00-2026-12-02 00:30".to_owned(),
            ));
        }
        Slot::new(start, end).map_err(|_backwards| unclear())
    }

    fn resource(&self, text: &str) -> Result<ResourceName, Wrong> {
        let mappings = self.bridge.members.iter().map(|member| &member.mapping);
        let known: Vec<ResourceName> = mappings
            .flat_map(|mapping| mapping.resources().map(|(name, _)| name.clone()))
            .collect();
        let found = known.iter().find(|name| name.as_str() == text).cloned();
        found.ok_or_else(|| unknown("resource", text, known.iter().map(ResourceName::as_str)))
    }

    fn services(&self, text: &str) -> Result<Vec<ServiceName>, Wrong> {
        let mappings = self.bridge.members.iter().map(|member| &member.mapping);
        let known: Vec<ServiceName> = mappings
            .flat_map(|mapping| mapping.services().map(|(name, ..)| name.clone()))
            .collect();
        let mut services: Vec<ServiceName> = Vec::new();
        for word in text
            .split(',')
            .map(str::trim)
            .filter(|word| !word.is_empty())
        {
            let found = known.iter().find(|name| name.as_str() == word);
            let found = found
                .ok_or_else(|| unknown("service", word, known.iter().map(ServiceName::as_str)))?;
            if !services.contains(found) {
                services.push(found.clone());
            }
        }
        if services.is_empty() {
            return Err((
                "no service is named".to_owned(),
                format!("such as --set '{}'", example(Field::Services)),
            ));
        }
        Ok(services)
    }
}

fn field(name: &str) -> Result<Field, Wrong> {
    let found = NAMES.iter().find(|(known, _)| *known == name);
    found
        .map(|(_, field)| *field)
        .ok_or_else(|| unknown("field", name, NAMES.iter().map(|(known, _)| *known)))
}

fn unknown<'a>(what: &str, word: &str, known: impl Iterator<Item = &'a str> + Clone) -> Wrong {
    let mut names: Vec<&str> = known.clone().collect();
    names.sort_unstable();
    names.dedup();
    let hint = match value::nearest(word, known) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("known here: {}", names.join(", ")),
    };
    (format!("there is no {what} {word:?}"), hint)
}

fn status(text: &str) -> Result<Status, Wrong> {
    let open = Status::ALL
        .into_iter()
        .filter(|status| *status != Status::Cancelled);
    match Status::from_word(text) {
        Some(Status::Cancelled) => Err((
            "a booking is not cancelled by a value".to_owned(),
            "cancel it on one of the platforms; that goes to the others".to_owned(),
        )),
        Some(status) => Ok(status),
        None => Err(unknown("status", text, open.map(Status::as_str))),
    }
}

/// Nothing, where nothing means "not known", would be written nowhere.
fn filled(field: Field, value: &str) -> Result<(), Wrong> {
    if value.is_empty() {
        Err((
            format!("an empty {} would be written nowhere", field.as_str()),
            "give it a value, or clear it on the platforms by hand".to_owned(),
        ))
    } else {
        Ok(())
    }
}

/// A wall-clock time, by itself or on the day of another.
fn civil(text: &str, day_of: Option<DateTime>) -> Option<DateTime> {
    let text = text.trim();
    if let Ok(civil) = text.parse::<DateTime>() {
        // A date alone is no time.
        return text.contains(':').then_some(civil);
    }
    let time = text.parse::<jiff::civil::Time>().ok()?;
    Some(day_of?.date().to_datetime(time))
}

fn instant(civil: DateTime, zone: &TimeZone) -> Result<Timestamp, Wrong> {
    zone::to_instant(civil, zone).map_err(|error| {
        (
            error.to_string(),
            "choose a time that the clocks show".to_owned(),
        )
    })
}

fn example(field: Field) -> &'static str {
    match field {
        Field::Slot => "slot=2026-12-01 12:00-13:00",
        Field::Comment => "comment=by the window",
        Field::ClientName => "name=Vera",
        Field::ClientPhone => "phone=+79000000000",
        Field::ClientEmail => "email=vera@example.com",
        Field::Status => "status=confirmed",
        Field::Resource => "resource=anna",
        Field::Services => "services=haircut, beard",
    }
}
