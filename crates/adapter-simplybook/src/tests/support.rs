//! What the tests share: a platform over a script, drafts, and the fixtures.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde_json::Value;
use slotbridge_core::model::{
    BookingId, Client, Kind, PlatformName, Private, ResourceKey, ServiceKey, Slot, Status,
};
use slotbridge_platform::client::{Api, ApiParts, Reply};
use slotbridge_platform::gate::{Gate, GateSettings};
use slotbridge_platform::platform::Draft;
use slotbridge_platform::seam::Seam;
use slotbridge_platform::testing::MemoryCallLog;
use slotbridge_platform::transport::Transport;
use slotbridge_platform::{Account, Contacts};

use crate::company::Company;
use crate::convert::Terms;
use crate::{Mode, SimplybookConfig, SimplybookPlatform};

/// A Tuesday, 8:00 in London.
pub(super) const NOW: &str = "2031-05-06T07:00:00Z";
pub(super) const COMPANY: &str = "acme";
pub(super) const MARKER_FIELD: &str = "6f1ed002ab5595859014ebf0951522d9";

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

pub(super) fn sink() -> Contacts {
    Contacts::Sink {
        email: Private::new("sink@example.com"),
        phone: Private::new("+79000000099"),
    }
}

pub(super) fn admin() -> Mode {
    Mode::Admin {
        user: "sync@example.com".to_owned(),
        password: SecretString::from("demo-password"),
    }
}

pub(super) fn public() -> Mode {
    Mode::Public {
        api_key: SecretString::from("demo-simplybook-key"),
        secret_key: SecretString::from("demo-simplybook-secret"),
    }
}

/// A platform of which the transport and the clock are given.
pub(super) fn connect(
    transport: Arc<dyn Transport>,
    seam: Arc<dyn Seam>,
    base_url: &str,
    contacts: Contacts,
    config: SimplybookConfig,
) -> Arc<SimplybookPlatform> {
    let settings = GateSettings {
        scope: "bench".to_owned(),
        quotas: crate::QUOTAS.to_vec(),
        parallel: 2,
    };
    let gate = Gate::open(
        settings,
        Arc::clone(&seam),
        Arc::new(MemoryCallLog::knowing("bench")),
    )
    .unwrap();
    let name = PlatformName::new("world").unwrap();
    let api = Api::new(ApiParts {
        platform: name.clone(),
        transport,
        gate,
        seam,
        base_url: base_url.to_owned(),
        timeout: Duration::from_secs(10),
        headers: HeaderMap::new(),
        secrets: Vec::new(),
    });
    let account = Account {
        name,
        api: Arc::new(api),
        time_zone: None,
        default_country: "RU".to_owned(),
        contacts,
        busy_name: "Busy".to_owned(),
    };
    Arc::new(SimplybookPlatform::new(account, config).unwrap())
}

pub(super) fn terms() -> Terms {
    Terms {
        country: "RU".to_owned(),
        contacts: Contacts::Real,
        busy_name: "Busy".to_owned(),
        marker_field: None,
        intake: Vec::new(),
        comments: true,
    }
}

pub(super) fn company() -> Company {
    Company {
        zone: zone("Europe/London"),
        own_zone: None,
        zone_name: None,
        timeframe: Some(30),
    }
}

/// A booking from 10:30 to 11:30 by the company's clock.
pub(super) fn draft() -> Draft {
    Draft {
        booking: BookingId::from_u128(10),
        resource: ResourceKey::new("2"),
        services: vec![ServiceKey::new("4")],
        slot: Slot::new(at("2031-05-07T09:30:00Z"), at("2031-05-07T10:30:00Z")).unwrap(),
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

pub(super) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

pub(super) fn fixture(path: &str) -> String {
    fs::read_to_string(folder().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

pub(super) fn json(path: &str) -> Value {
    serde_json::from_str(&fixture(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the fixtures in a folder, sorted.
pub(super) fn names(of: &str) -> Vec<String> {
    let entries = fs::read_dir(folder().join(of)).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub(super) fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: body.to_owned().into(),
    }
}
