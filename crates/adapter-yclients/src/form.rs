//! From our booking to the platform's write form.
//!
//! An update replaces the whole record: what is left out may be reset (yclients contract, 4.5 and 15.5).
//! So an update starts from the record as it stands, spells all of it in the write form, and changes only what the
//! edit names.
//!
//! Deliberately never sent: `fast_payment` (it takes money) and `send_sms: true` (it writes to the client).

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};
use slotbridge_core::marker::Marker;
use slotbridge_core::model::{Field, Kind, Private, ServiceKey, Slot};
use slotbridge_core::{normalise, zone};
use slotbridge_platform::platform::{Draft, Edit};
use slotbridge_platform::{Contacts, ErrorKind, PlatformError, Retry};

use crate::convert::{self, attendance_of};
use crate::wire::{self, Object};

/// What a booking is written with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer<'a> {
    pub(crate) zone: &'a TimeZone,
    pub(crate) country: &'a str,
    pub(crate) contacts: &'a Contacts,
    pub(crate) busy_name: &'a str,
}

impl Writer<'_> {
    /// The body of a create.
    pub(crate) fn create(&self, draft: &Draft) -> Result<Value, PlatformError> {
        const OPERATION: &str = "records.create";
        let (datetime, seconds) = self.slot(OPERATION, draft.slot)?;
        let mut services = Vec::with_capacity(draft.services.len());
        for key in &draft.services {
            // Without prices: the catalogue's are the owner's own.
            services.push(json!({"id": service_id(OPERATION, key)?}));
        }
        Ok(json!({
            "staff_id": staff_id(OPERATION, draft.resource.as_str())?,
            "services": services,
            "client": self.new_client(draft),
            "save_if_busy": draft.force,
            "datetime": datetime,
            "seance_length": seconds,
            "send_sms": false,
            "sms_remain_hours": 0,
            "email_remain_hours": 0,
            "comment": draft.comment.expose(),
            "attendance": attendance(OPERATION, draft)?,
            "api_id": marker(draft).to_text(),
        }))
    }

    /// The body of an update: `current` with the fields that the edit names.
    pub(crate) fn update(&self, current: &Object, edit: &Edit) -> Result<Value, PlatformError> {
        const OPERATION: &str = "records.update";
        let draft = &edit.desired;
        let changes = |field| edit.fields.contains(&field);
        let mut body = kept(current);
        if changes(Field::Resource) {
            body.insert(
                "staff_id".to_owned(),
                json!(staff_id(OPERATION, draft.resource.as_str())?),
            );
        }
        if changes(Field::Services) {
            body.insert(
                "services".to_owned(),
                changed_services(current, &draft.services)?,
            );
        }
        if changes(Field::Slot) {
            let (datetime, seconds) = self.slot(OPERATION, draft.slot)?;
            body.insert("datetime".to_owned(), json!(datetime));
            body.insert("seance_length".to_owned(), json!(seconds));
        }
        if changes(Field::Status) {
            body.insert(
                "attendance".to_owned(),
                json!(attendance(OPERATION, draft)?),
            );
        }
        if changes(Field::Comment) {
            body.insert("comment".to_owned(), json!(draft.comment.expose()));
        }
        body.insert("client".to_owned(), self.client(current, edit));
        body.insert("api_id".to_owned(), api_id(current, draft));
        // A record that only gets another comment stays on its time, busy or not: that time was the owner's choice.
        let moves = changes(Field::Slot) || changes(Field::Resource);
        body.insert("save_if_busy".to_owned(), json!(draft.force || !moves));
        body.insert("send_sms".to_owned(), json!(false));
        Ok(Value::Object(body))
    }

    /// The branch's wall-clock time without an offset, which shows in the journal as sent, and the length in seconds.
    fn slot(&self, operation: &'static str, slot: Slot) -> Result<(String, i64), PlatformError> {
        let unspeakable = |why: String| {
            PlatformError::new(ErrorKind::Unrepresentable, Retry::Never, operation, why)
        };
        let civil = zone::to_civil(slot.start(), self.zone)
            .map_err(|error| unspeakable(error.to_string()))?;
        let end = slot.end().as_second() + i64::from(slot.end().subsec_nanosecond() > 0);
        let seconds = end - slot.start().as_second();
        if seconds <= 0 {
            return Err(unspeakable(
                "a booking without length cannot stand in the journal".to_owned(),
            ));
        }
        Ok((civil.strftime("%Y-%m-%d %H:%M:%S").to_string(), seconds))
    }

    /// The client of a record that we make.
    fn new_client(&self, draft: &Draft) -> Value {
        let mut client = Object::new();
        let mut put = |key: &str, value: &str| {
            if !value.trim().is_empty() {
                client.insert(key.to_owned(), json!(value.trim()));
            }
        };
        match (draft.kind, self.contacts) {
            (Kind::Block, Contacts::Real) => put("name", self.busy_name),
            // One card for all of them, because clients are told apart by their phones.
            (Kind::Block, Contacts::Sink { email, phone }) => {
                put("name", self.busy_name);
                put("phone", digits(phone.expose()));
                put("email", email.expose());
            }
            (Kind::Appointment, Contacts::Real) => {
                put("name", draft.client.name.expose());
                put(
                    "phone",
                    draft
                        .client
                        .phone
                        .as_ref()
                        .map_or("", |phone| digits(phone.expose())),
                );
                put(
                    "email",
                    draft.client.email.as_ref().map_or("", Private::expose),
                );
            }
            // Without the sink's phone: all clients would become one card with one name.
            (Kind::Appointment, Contacts::Sink { email, .. }) => {
                put("name", draft.client.name.expose());
                put("email", email.expose());
            }
        }
        Value::Object(client)
    }

    /// The client of a record that is there. An empty value means that it is not known elsewhere, and changes nothing.
    fn client(&self, current: &Object, edit: &Edit) -> Value {
        let draft = &edit.desired;
        let Some(card) = wire::object(current.get("client")) else {
            let names_one = [Field::ClientName, Field::ClientPhone, Field::ClientEmail]
                .iter()
                .any(|field| edit.fields.contains(field));
            return if names_one {
                self.new_client(draft)
            } else {
                json!({})
            };
        };
        let mut client = Object::new();
        for key in ["name", "surname", "patronymic", "email"] {
            let value = wire::text(card.get(key)).unwrap_or_default();
            // Stars instead of letters are not the client's: they are left out, never written back.
            if key != "email" || value.trim().is_empty() || normalise::email(&value).is_some() {
                client.insert(key.to_owned(), json!(value));
            }
        }
        let name = normalise::name(draft.client.name.expose());
        if edit.fields.contains(&Field::ClientName)
            && !name.is_blank()
            && name != convert::full_name(card)
        {
            client.extend(split_name(card, name.expose()));
        }
        let real = *self.contacts == Contacts::Real;
        let email = draft
            .client
            .email
            .as_ref()
            .filter(|email| !email.is_blank());
        if let Some(email) = email.filter(|_| real && edit.fields.contains(&Field::ClientEmail)) {
            client.insert("email".to_owned(), json!(email.expose().trim()));
        }
        let written = wire::text(card.get("phone")).unwrap_or_default();
        let phone = draft
            .client
            .phone
            .as_ref()
            .filter(|phone| !phone.is_blank());
        let phone = phone.filter(|phone| {
            real && edit.fields.contains(&Field::ClientPhone)
                && normalise::phone(&written, self.country).as_ref() != Some(phone)
        });
        if let Some(phone) = phone {
            // Another phone is another card: the platform finds or makes the one that it belongs to, and the old card
            // keeps its number.
            client.insert("phone".to_owned(), json!(digits(phone.expose())));
        } else {
            if let Some(id) = wire::id(card.get("id")) {
                client.insert("id".to_owned(), json!(id));
            }
            if !written.trim().is_empty() {
                client.insert("phone".to_owned(), json!(digits(&written)));
            }
        }
        Value::Object(client)
    }
}

/// Everything of a record that the write form takes, as the record has it.
fn kept(current: &Object) -> Object {
    let mut body = Object::new();
    let staff = wire::id(current.get("staff_id"))
        .or_else(|| wire::id(wire::object(current.get("staff"))?.get("id")));
    body.insert("staff_id".to_owned(), json!(staff));
    let lines: Vec<Value> = wire::list(current.get("services"))
        .unwrap_or_default()
        .into_iter()
        .filter_map(kept_line)
        .collect();
    body.insert("services".to_owned(), Value::Array(lines));
    let start = wire::filled(current.get("date")).or_else(|| wire::filled(current.get("datetime")));
    body.insert("datetime".to_owned(), json!(start));
    body.insert("seance_length".to_owned(), json!(convert::length(current)));
    body.insert(
        "comment".to_owned(),
        json!(wire::text(current.get("comment")).unwrap_or_default()),
    );
    let attendance = [current.get("attendance"), current.get("visit_attendance")]
        .into_iter()
        .find_map(wire::int);
    body.insert("attendance".to_owned(), json!(attendance.unwrap_or(0)));
    for hours in ["sms_remain_hours", "email_remain_hours"] {
        body.insert(
            hours.to_owned(),
            json!(wire::int(current.get(hours)).unwrap_or(0)),
        );
    }
    let color = wire::text(current.get("custom_color")).unwrap_or_default();
    body.insert(
        "custom_color".to_owned(),
        json!(color.trim_start_matches('#')),
    );
    let labels: Vec<String> = wire::list(current.get("record_labels"))
        .unwrap_or_default()
        .into_iter()
        .filter_map(|label| wire::id(label.get("id")).or_else(|| wire::id(Some(label))))
        .map(|label| label.to_string())
        .collect();
    body.insert("record_labels".to_owned(), json!(labels));
    // Codes and their values; an empty map comes as a list.
    let custom = match current.get("custom_fields") {
        Some(Value::Object(fields)) => Value::Object(fields.clone()),
        Some(Value::Array(fields)) if !fields.is_empty() => Value::Array(fields.clone()),
        _ => json!({}),
    };
    body.insert("custom_fields".to_owned(), custom);
    if let Some(agreements) = wire::object(current.get("client_agreements")) {
        let written = [
            "is_newsletter_allowed",
            "is_personal_data_processing_allowed",
        ];
        let written = written
            .iter()
            .filter_map(|key| Some(((*key).to_owned(), agreements.get(*key)?.clone())));
        body.insert(
            "client_agreements".to_owned(),
            Value::Object(written.collect::<Map<_, _>>()),
        );
    }
    // Null is the branch's own setting, and leaving it out means the same.
    if let Some(pause) = wire::int(current.get("technical_break_duration")) {
        body.insert("technical_break_duration".to_owned(), json!(pause));
    }
    // Read with every record and in no published write form: sent back for the case that it is taken, ignored if not.
    for extra in ["master_request", "resource_instance_ids"] {
        if let Some(value) = current.get(extra).filter(|value| says_something(value)) {
            body.insert(extra.to_owned(), value.clone());
        }
    }
    body
}

fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        other => wire::flag(Some(other)).unwrap_or(true),
    }
}

/// A service as it stands in a record, in the write form, with the price that was agreed.
fn kept_line(line: &Value) -> Option<Value> {
    let mut written = Object::new();
    written.insert("id".to_owned(), json!(wire::id(line.get("id"))?));
    for key in ["first_cost", "discount", "cost"] {
        if let Some(price) = wire::price(line.get(key)) {
            written.insert(key.to_owned(), Value::Number(price));
        }
    }
    // Not in the published form either, and only sent where leaving it out could lose something.
    if let Some(amount) = wire::int(line.get("amount")).filter(|amount| *amount > 1) {
        written.insert("amount".to_owned(), json!(amount));
    }
    Some(Value::Object(written))
}

/// The services that are wanted; those that stand in the record already keep their prices.
fn changed_services(current: &Object, wanted: &[ServiceKey]) -> Result<Value, PlatformError> {
    let mut standing = BTreeMap::new();
    for line in wire::list(current.get("services")).unwrap_or_default() {
        if let (Some(id), Some(written)) = (wire::id(line.get("id")), kept_line(line)) {
            standing.entry(id).or_insert(written);
        }
    }
    let mut lines = Vec::with_capacity(wanted.len());
    for key in wanted {
        let id = service_id("records.update", key)?;
        lines.push(standing.remove(&id).unwrap_or_else(|| json!({"id": id})));
    }
    Ok(Value::Array(lines))
}

/// Which parts of a card a new name fills. A card with a surname gets the last word as surname and, with a patronymic
/// too, the word before it as that, so that what is read back is the name that was written.
fn split_name(card: &Object, name: &str) -> Vec<(String, Value)> {
    let has = |part: &str| wire::filled(card.get(part)).is_some();
    let mut words: Vec<&str> = name.split(' ').collect();
    let mut last = |wanted: bool| {
        if wanted && words.len() > 1 {
            words.pop().unwrap_or_default()
        } else {
            ""
        }
    };
    let surname = last(has("surname"));
    let patronymic = last(has("patronymic"));
    vec![
        ("name".to_owned(), json!(words.join(" "))),
        ("surname".to_owned(), json!(surname)),
        ("patronymic".to_owned(), json!(patronymic)),
    ]
}

fn marker(draft: &Draft) -> Marker {
    Marker {
        booking: draft.booking,
        block: draft.kind == Kind::Block,
    }
}

/// The marker, unless somebody else keeps an id of his own there.
fn api_id(current: &Object, draft: &Draft) -> Value {
    let standing = wire::text(current.get("api_id")).unwrap_or_default();
    let free = matches!(standing.trim(), "" | "0") || Marker::from_text(&standing).is_some();
    if free {
        json!(marker(draft).to_text())
    } else {
        json!(standing)
    }
}

fn attendance(operation: &'static str, draft: &Draft) -> Result<i64, PlatformError> {
    attendance_of(draft.status).ok_or_else(|| {
        PlatformError::new(
            ErrorKind::Unrepresentable,
            Retry::Never,
            operation,
            "a cancelled booking has no record here: it is removed",
        )
    })
}

fn staff_id(operation: &'static str, key: &str) -> Result<u64, PlatformError> {
    number(key).ok_or_else(|| misspelt(operation, "resource", key))
}

fn service_id(operation: &'static str, key: &ServiceKey) -> Result<u64, PlatformError> {
    number(key.as_str()).ok_or_else(|| misspelt(operation, "service", key.as_str()))
}

fn misspelt(operation: &'static str, what: &str, key: &str) -> PlatformError {
    let why = format!("{what} {key:?} of the mapping is not a number, as ids here are");
    PlatformError::new(ErrorKind::Unrepresentable, Retry::Never, operation, why)
}

/// An id in decimal digits.
pub(crate) fn number(key: &str) -> Option<u64> {
    key.parse().ok().filter(|id| *id != 0)
}

/// A phone as the platform's own examples write it: E.164 without its plus.
fn digits(phone: &str) -> &str {
    let phone = phone.trim();
    match phone.strip_prefix('+') {
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits,
        _ => phone,
    }
}
