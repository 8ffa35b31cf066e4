//! Fixtures as tables, requests as bytes, the platform over scripted and simulated servers, and the laws.

mod conversion;
mod errors;
mod hostile;
mod platform;
mod properties;
mod requests;
mod schedules;
mod scripted;
mod simulated;
mod webhooks;
mod writes;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use slotbridge_core::model::{
    BookingId, Client, Kind, Private, ResourceKey, ServiceKey, Slot, Status,
};
use slotbridge_platform::Contacts;
use slotbridge_platform::platform::Draft;

use crate::convert::Terms;
use crate::wire::{Envelope, Row};

/// The booking that the markers in the fixtures name.
pub(crate) const BOOKING: BookingId = BookingId::from_u128(10);

pub(crate) fn terms() -> Terms {
    Terms {
        branch_id: 1013,
        zone: TimeZone::get("Europe/Moscow").unwrap(),
        country: "RU".to_owned(),
        marker_field: None,
        contacts: Contacts::Real,
        busy_name: "Занято".to_owned(),
        busy_service: None,
    }
}

pub(crate) fn terms_with_field() -> Terms {
    Terms {
        marker_field: Some("custom_field3".parse().unwrap()),
        ..terms()
    }
}

pub(crate) fn sink() -> Contacts {
    Contacts::Sink {
        email: Private::new("sink@example.com"),
        phone: Private::new("+79000000099"),
    }
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A booking from 10:30 to 11:30 by the branch's clock.
pub(crate) fn draft() -> Draft {
    Draft {
        booking: BOOKING,
        resource: ResourceKey::new("1702"),
        services: vec![ServiceKey::new("3925"), ServiceKey::new("3926")],
        slot: Slot::new(at("2031-05-06T07:30:00Z"), at("2031-05-06T08:30:00Z")).unwrap(),
        client: Client {
            name: Private::new("Проба Пера"),
            phone: Some(Private::new("+79000000003")),
            email: Some(Private::new("proba.pera@example.com")),
        },
        status: Status::Booked,
        comment: Private::new("позвонить заранее"),
        kind: Kind::Appointment,
        force: false,
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

pub(crate) fn fixture(path: &str) -> String {
    fs::read_to_string(folder().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The `data` of a reply in the fixtures.
pub(crate) fn data(path: &str) -> Value {
    match Envelope::read(fixture(path).as_bytes()) {
        Some(Envelope::Done(data)) => data,
        Some(Envelope::Failed(message)) => panic!("{path} is an error: {message}"),
        None => panic!("{path} is no reply"),
    }
}

pub(crate) fn row(path: &str) -> Row {
    Row::from_value(data(path)).unwrap_or_else(|| panic!("{path} shows no record"))
}

fn files(folder: &Path, found: &mut BTreeSet<String>, prefix: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), found, &format!("{name}/"));
        } else {
            found.insert(name);
        }
    }
}

#[test]
fn every_fixture_is_in_a_table() {
    let mut found = BTreeSet::new();
    files(&folder(), &mut found, "");
    let used: BTreeSet<String> = [
        conversion::fixtures(),
        errors::fixtures(),
        schedules::fixtures(),
        webhooks::fixtures(),
        writes::fixtures(),
    ]
    .concat()
    .into_iter()
    .map(str::to_owned)
    .collect();
    let forgotten: Vec<&String> = found.difference(&used).collect();
    assert!(forgotten.is_empty(), "no table has {forgotten:?}");
}
