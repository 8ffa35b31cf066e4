//! What the tests share: the fixtures, a booking, and a platform over a script.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde_json::{Map, Value};
use slotbridge_core::model::{BookingId, Client, Kind, PlatformName, Private, Slot, Status};
use slotbridge_platform::client::{Api, ApiParts};
use slotbridge_platform::gate::{Gate, GateSettings};
use slotbridge_platform::platform::Draft;
use slotbridge_platform::seam::Seam;
use slotbridge_platform::testing::{MemoryCallLog, Scene, ScriptedTransport, VirtualSeam};
use slotbridge_platform::transport::Transport;
use slotbridge_platform::{Account, Contacts};

use crate::convert::Reader;
use crate::{AlfacrmConfig, AlfacrmPlatform, CAPABILITIES, service_key};

pub(super) const BRANCH: u64 = 2;
pub(super) const EMAIL: &str = "sync@example.com";
pub(super) const API_KEY: &str = "a-planted-api-key-of-the-tests";
/// A Tuesday, 10:00 in Moscow.
pub(super) const NOW: &str = "2031-05-06T07:00:00Z";
/// The booking that the markers in the fixtures name.
pub(super) const BOOKING: BookingId = BookingId::from_u128(10);
pub(super) const MARKER: &str = "[sb:00000000-0000-0000-0000-00000000000a]";

/// The text of a fixture.
pub(super) fn fixture(path: &str) -> String {
    let file = folder().join(path);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

pub(super) fn json(path: &str) -> Value {
    serde_json::from_str(&fixture(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the files in a folder of fixtures, with their endings.
pub(super) fn names(of: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder().join(of)).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// The plain lesson with some keys set and some taken away.
pub(super) fn lesson_with(set: &Value, without: &[&str]) -> Value {
    let mut row: Map<String, Value> = json("lesson.json").as_object().unwrap().clone();
    if let Some(set) = set.as_object() {
        row.extend(set.clone());
    }
    for key in without {
        row.remove(*key);
    }
    Value::Object(row)
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn moscow() -> TimeZone {
    TimeZone::get("Europe/Moscow").unwrap()
}

pub(super) fn reader() -> Reader {
    Reader {
        branch: BRANCH,
        zone: moscow(),
    }
}

pub(super) fn sink() -> Contacts {
    Contacts::Sink {
        email: Private::new("sink@example.com"),
        phone: Private::new("+79000000099"),
    }
}

pub(super) fn client(name: &str, phone: &str, email: &str) -> Client {
    let text = |text: &str| Some(text).filter(|text| !text.is_empty()).map(Private::new);
    Client {
        name: Private::new(name),
        phone: text(phone),
        email: text(email),
    }
}

/// A booking from 16:30 to 17:15 by the branch's clocks.
pub(super) fn draft() -> Draft {
    Draft {
        booking: BOOKING,
        resource: slotbridge_core::model::ResourceKey::new("17"),
        services: vec![service_key(6, 1)],
        slot: Slot::new(at("2031-05-07T13:30:00Z"), at("2031-05-07T14:15:00Z")).unwrap(),
        client: client("Проба Пера", "+79000000003", "proba@example.com"),
        status: Status::Booked,
        comment: Private::new("взять ноты"),
        kind: Kind::Appointment,
        force: false,
    }
}

pub(super) fn config() -> AlfacrmConfig {
    AlfacrmConfig::new(BRANCH, EMAIL, SecretString::from(API_KEY))
}

/// An account; without quotas unless they are asked for.
pub(super) fn account(
    transport: Arc<dyn Transport>,
    seam: Arc<dyn Seam>,
    base_url: &str,
    real_quota: bool,
) -> Account {
    let quotas = if real_quota {
        CAPABILITIES.quotas.to_vec()
    } else {
        Vec::new()
    };
    let settings = GateSettings {
        scope: "tests".to_owned(),
        quotas,
        parallel: CAPABILITIES.parallel,
    };
    let log = Arc::new(MemoryCallLog::knowing("tests"));
    let gate = Gate::open(settings, Arc::clone(&seam), log).unwrap();
    let name = PlatformName::new("school").unwrap();
    Account {
        name: name.clone(),
        api: Arc::new(Api::new(ApiParts {
            platform: name,
            transport,
            gate,
            seam,
            base_url: base_url.to_owned(),
            timeout: Duration::from_secs(30),
            headers: HeaderMap::new(),
            secrets: Vec::new(),
        })),
        time_zone: Some(moscow()),
        default_country: "RU".to_owned(),
        contacts: Contacts::Real,
        busy_name: "Занято".to_owned(),
    }
}

/// A platform over a script, and the script.
pub(super) fn scripted(
    scenes: impl IntoIterator<Item = Scene>,
) -> (AlfacrmPlatform, Arc<ScriptedTransport>) {
    let transport = ScriptedTransport::new(scenes);
    let seam = Arc::new(VirtualSeam::new(at(NOW), 7));
    let carried = Arc::clone(&transport) as Arc<dyn Transport>;
    let account = account(carried, seam, "https://school.example", false);
    (AlfacrmPlatform::new(account, config()).unwrap(), transport)
}

/// A login that works.
pub(super) const LOGGED_IN: Scene =
    Scene::Reply(200, r#"{"token":"0123456789abcdef0123456789abcdef"}"#);
