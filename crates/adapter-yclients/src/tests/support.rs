//! A platform over a script, and the fixtures.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use secrecy::SecretString;
use serde_json::{Map, Value};
use slotbridge_core::model::{
    BookingId, Client, Kind, PlatformName, Private, ResourceKey, ServiceKey, Slot, Status,
};
use slotbridge_core::record::Record;
use slotbridge_platform::client::{Api, ApiParts, Reply};
use slotbridge_platform::gate::{Gate, GateSettings};
use slotbridge_platform::platform::Draft;
use slotbridge_platform::testing::{MemoryCallLog, Scene, ScriptedTransport, VirtualSeam};
use slotbridge_platform::transport::Transport;
use slotbridge_platform::{Account, Contacts};

use crate::convert::Reader;
use crate::{CAPABILITIES, UserAuth, YclientsConfig, YclientsPlatform};

pub(super) const COMPANY: u64 = 7001;
pub(super) const PARTNER: &str = "partner-token-of-the-tests";
pub(super) const USER: &str = "user-token-of-the-tests";
pub(super) const PASSWORD: &str = "password-of-the-tests";
pub(super) const PHONE: &str = "+79000000002";

/// The text of a fixture.
pub(super) fn fixture(path: &str) -> String {
    let file = folder().join(path);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

pub(super) fn json(path: &str) -> Value {
    serde_json::from_str(&fixture(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the fixtures in a folder, without their endings.
pub(super) fn names(of: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(folder().join(of)).unwrap();
    let name = |entry: fs::DirEntry| {
        PathBuf::from(entry.file_name())
            .file_stem()
            .unwrap()
            .to_string_lossy()
            .into_owned()
    };
    entries.map(|entry| name(entry.unwrap())).collect()
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/fixtures")
}

/// The plain record with what a fixture in `records` changes in it, and the zone that it is about.
pub(super) fn variant(name: &str) -> (Map<String, Value>, TimeZone) {
    let change = json(&format!("records/{name}.json"));
    let mut row = plain();
    row.extend(change["set"].as_object().unwrap().clone());
    for key in change["without"].as_array().into_iter().flatten() {
        row.remove(key.as_str().unwrap());
    }
    (
        row,
        zone(change["zone"].as_str().unwrap_or("Europe/Moscow")),
    )
}

/// The plain record.
pub(super) fn plain() -> Map<String, Value> {
    json("record.json").as_object().unwrap().clone()
}

/// What a test changes in a row.
pub(super) type RowChange = fn(&mut Map<String, Value>);

/// A row as it is read in Moscow.
pub(super) fn read(row: &Map<String, Value>) -> Record {
    let moscow = zone("Europe/Moscow");
    let reader = Reader {
        zone: &moscow,
        country: "RU",
        contacts: &Contacts::Real,
    };
    reader.record(&Value::Object(row.clone())).unwrap().record
}

/// A page of a listing.
pub(super) fn page(rows: &[Value], total: usize) -> String {
    serde_json::json!({"success": true, "data": rows, "meta": {"page": 1, "total_count": total}})
        .to_string()
}

/// The plain record under another id.
pub(super) fn row(id: u64) -> Value {
    let mut row = plain();
    row.insert("id".to_owned(), id.into());
    Value::Object(row)
}

pub(super) fn single(row: &Map<String, Value>) -> String {
    serde_json::json!({"success": true, "data": row, "meta": []}).to_string()
}

pub(super) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) fn slot(from: &str, to: &str) -> Slot {
    Slot::new(at(from), at(to)).unwrap()
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "contacts are optional wherever they stand"
)]
pub(super) fn text(text: &str) -> Option<Private> {
    Some(Private::new(text))
}

/// The booking that the plain record stands for.
pub(super) fn draft() -> Draft {
    Draft {
        booking: BookingId::from_u128(0x0189_0000_0000_7000_8000_0000_0000_0001),
        resource: ResourceKey::new("310"),
        services: vec![ServiceKey::new("42")],
        slot: slot("2031-05-06T07:30:00Z", "2031-05-06T08:30:00Z"),
        client: Client {
            name: Private::new("Пётр"),
            phone: text(PHONE),
            email: text("petr@example.com"),
        },
        status: Status::Booked,
        comment: Private::new("у окна"),
        kind: Kind::Appointment,
        force: false,
    }
}

pub(super) fn sink() -> Contacts {
    Contacts::Sink {
        email: Private::new("sink@example.com"),
        phone: Private::new("+79000000099"),
    }
}

/// A reply without headers.
pub(super) fn reply(status: u16, body: impl Into<Bytes>) -> Reply {
    Reply {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: body.into(),
    }
}

/// A scene with a body made in the test.
pub(super) fn answer(status: u16, body: impl Into<Bytes>) -> Scene {
    Scene::Response(
        http::Response::builder()
            .status(status)
            .body(body.into())
            .unwrap(),
    )
}

/// A scene with a fixture for its body.
pub(super) fn replies(status: u16, path: &str) -> Scene {
    answer(status, fixture(path))
}

/// A platform and the script that it plays against.
pub(super) struct Scripted {
    pub(super) platform: YclientsPlatform,
    pub(super) transport: Arc<ScriptedTransport>,
}

impl Scripted {
    /// Method and path of every request so far.
    pub(super) fn asked(&self) -> Vec<String> {
        let line = |request: &http::Request<Bytes>| {
            let uri = request
                .uri()
                .path_and_query()
                .unwrap()
                .as_str()
                .strip_prefix("/api/v1")
                .unwrap()
                .to_owned();
            format!("{} {uri}", request.method())
        };
        self.transport.requests().iter().map(line).collect()
    }

    /// The body of one of the requests.
    pub(super) fn body(&self, place: usize) -> Value {
        serde_json::from_slice(self.transport.requests()[place].body()).unwrap()
    }

    /// The authorization of one of the requests.
    pub(super) fn authorization(&self, place: usize) -> String {
        self.transport.requests()[place].headers()["authorization"]
            .to_str()
            .unwrap()
            .to_owned()
    }
}

/// What a test changes about the usual account.
pub(super) struct Setup {
    pub(super) auth: UserAuth,
    pub(super) zone: Option<TimeZone>,
    pub(super) contacts: Contacts,
    pub(super) page_size: u32,
    /// The wall clock at the start.
    pub(super) now: &'static str,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            auth: UserAuth::Token(SecretString::from(USER)),
            zone: Some(zone("Europe/Moscow")),
            contacts: Contacts::Real,
            page_size: 2,
            now: "2031-05-03T00:00:00Z",
        }
    }
}

impl Setup {
    pub(super) fn logging_in() -> Self {
        let auth = UserAuth::Login {
            login: "sync@example.com".to_owned(),
            password: SecretString::from(PASSWORD),
        };
        Self {
            auth,
            ..Self::default()
        }
    }

    /// Puts a platform in front of a script; to be called where tokio's clock is paused.
    pub(super) fn play(self, scenes: impl IntoIterator<Item = Scene>) -> Scripted {
        let transport = ScriptedTransport::new(scenes);
        let platform = self.over(Arc::clone(&transport) as Arc<dyn Transport>);
        Scripted {
            platform,
            transport,
        }
    }

    pub(super) fn over(self, transport: Arc<dyn Transport>) -> YclientsPlatform {
        let mut config =
            YclientsConfig::new(COMPANY, SecretString::from(PARTNER), self.auth.clone());
        config.page_size = self.page_size;
        YclientsPlatform::new(self.account(transport, "https://api.example.com"), config).unwrap()
    }

    pub(super) fn account(self, transport: Arc<dyn Transport>, base_url: &str) -> Account {
        let seam = Arc::new(VirtualSeam::new(at(self.now), 7));
        let settings = GateSettings {
            scope: "tests".to_owned(),
            quotas: CAPABILITIES.quotas.to_vec(),
            parallel: CAPABILITIES.parallel,
        };
        let log = Arc::new(MemoryCallLog::knowing("tests"));
        let gate = Gate::open(settings, Arc::clone(&seam) as _, log).unwrap();
        let api = Api::new(ApiParts {
            platform: PlatformName::new("salon").unwrap(),
            transport,
            gate,
            seam,
            base_url: base_url.to_owned(),
            timeout: Duration::from_secs(30),
            headers: HeaderMap::new(),
            secrets: Vec::new(),
        });
        Account {
            name: PlatformName::new("salon").unwrap(),
            api: Arc::new(api),
            time_zone: self.zone,
            default_country: "RU".to_owned(),
            contacts: self.contacts,
            busy_name: "Busy".to_owned(),
        }
    }
}
