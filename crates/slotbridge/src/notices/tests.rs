//! Notices from an event to a target: over real sockets and with real commands where those count, in virtual time where
//! time counts.

mod command;
mod real;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;
use http::HeaderMap;
use secrecy::SecretString;
use slotbridge_core::merge::{Claim, Conflict, Presence, Stamp, Subject};
use slotbridge_core::model::{
    Booking, BookingId, Client, Field, FieldValue as BookingValue, Kind as BookingKind, Private,
    ServiceName, Slot, Status,
};
use slotbridge_engine::event::{LookKind, RunCause, Trouble};
use slotbridge_engine::report::{BridgeReport, OverlapEntry, OverlapReport};
use slotbridge_platform::testing::VirtualSeam;
use slotbridge_platform::transport::{Limits, Transport, TransportError, TransportFailure};

use super::notice::Notice;
use super::target::{Endpoint, Target, Way};
use super::*;
use crate::render::tests::{anna, bridge_report, platform};

/// Client data that stand in every booking of these tests.
const CLIENT: [&str; 4] = [
    "Скрытная Вера",
    "+79000000777",
    "planted@example.com",
    "planted comment",
];
/// Stands in every address and header.
const TOKEN: &str = "planted-token";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn bridge() -> BridgeName {
    BridgeName::new("main").unwrap()
}

fn booking(start: &str, end: &str) -> Booking {
    Booking {
        resource: anna(),
        services: vec![ServiceName::new("haircut").unwrap()],
        slot: Slot::new(at(start), at(end)).unwrap(),
        client: Client {
            name: Private::new(CLIENT[0]),
            phone: Some(Private::new(CLIENT[1])),
            email: Some(Private::new(CLIENT[2])),
        },
        status: Status::Booked,
        comment: Private::new(CLIENT[3]),
        kind: BookingKind::Appointment,
    }
}

/// A database with two bookings that overlap, one of them in conflict over the client's phone, and a latched guard.
async fn troubled_store() -> Store {
    let store = Store::in_memory().unwrap();
    let now = at("2026-11-28T10:00:00Z");
    let first = booking("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z");
    let second = booking("2026-12-01T09:30:00Z", "2026-12-01T10:30:00Z");
    let stored = |id, booking| Change::Booking {
        bridge: bridge(),
        id: BookingId::from_u128(id),
        canonical: Presence::Live(booking),
        at: now,
    };
    let claim = |name: &str, phone: &str| Claim {
        platform: platform(name),
        value: Some(BookingValue::Text(Some(Private::new(phone)))),
        changed_at: now,
        stamp: Stamp::Platform,
    };
    let conflict = Change::Conflict {
        bridge: bridge(),
        booking: BookingId::from_u128(1),
        conflict: Conflict {
            subject: Subject::Field(Field::ClientPhone),
            claims: vec![claim("salon", CLIENT[1]), claim("site", "+79000000888")],
            decided: None,
        },
        at: now,
    };
    let guard = Change::Guard {
        bridge: bridge(),
        platform: platform("site"),
        what: "removals_max".to_owned(),
        limit: 20,
        planned: 21,
        plan: "p".to_owned(),
        at: now,
    };
    let changes = vec![stored(1, first), stored(2, second), conflict, guard];
    store.apply(changes).await.unwrap();
    store
}

fn overlapping() -> OverlapReport {
    let entry = |id, start: &str, end: &str, name: &str| OverlapEntry {
        booking: BookingId::from_u128(id),
        slot: Slot::new(at(start), at(end)).unwrap(),
        platform: platform(name),
        at: at("2026-11-28T10:00:00Z"),
    };
    let bookings: Vec<OverlapEntry> = vec![
        entry(1, "2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z", "salon"),
        entry(2, "2026-12-01T09:30:00Z", "2026-12-01T10:30:00Z", "site"),
    ];
    OverlapReport {
        resource: anna(),
        bookings,
    }
}

fn ran(cause: RunCause, change: impl FnOnce(&mut BridgeReport)) -> Event {
    let mut report = bridge_report();
    change(&mut report);
    Event::Ran {
        bridge: bridge(),
        cause,
        at: at("2026-11-28T10:00:00Z"),
        took: Duration::from_secs(1),
        dry_run: false,
        report: Arc::new(report),
    }
}

fn swept() -> Event {
    ran(RunCause::Swept, |report| {
        report.overlaps.push(overlapping());
    })
}

fn down() -> Event {
    Event::Down {
        platform: platform("salon"),
        since: at("2026-11-28T09:00:00Z"),
        trouble: Trouble {
            kind: None,
            text: "connection refused".to_owned(),
        },
    }
}

fn looked(look: LookKind, complete: bool) -> Event {
    Event::Looked {
        platform: platform("salon"),
        look,
        at: at("2026-11-28T10:00:00Z"),
        took: Duration::from_secs(1),
        calls: 1,
        changed: 0,
        complete,
        trouble: None,
    }
}

fn endpoint(url: &str) -> Endpoint {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    let uri: http::Uri = url.parse().unwrap();
    Endpoint {
        url: SecretString::from(url),
        host: uri.host().unwrap().to_owned(),
        headers,
    }
}

fn target(name: &str, way: Way) -> Target {
    Target {
        name: name.to_owned(),
        way,
        only: BTreeSet::new(),
        show_clients: false,
        max_per_hour: 20,
        timeout: Duration::from_secs(10),
    }
}

fn webhook(name: &str) -> Target {
    let url = format!("https://{name}.example.com/{TOKEN}/hook");
    target(name, Way::Webhook(endpoint(&url)))
}

fn config(targets: Vec<Target>) -> NoticesConfig {
    NoticesConfig {
        targets,
        ..crate::config::tests::small().notices
    }
}

fn parts(store: &Store, means: Means) -> Parts {
    Parts {
        means,
        store: store.clone(),
        zones: BTreeMap::from([(bridge(), TimeZone::get("Europe/Moscow").unwrap())]),
        platforms: vec![(platform("salon"), true), (platform("site"), false)],
    }
}

/// What a host does with each exchange; the last goes on for ever.
#[derive(Debug, Clone, Copy)]
enum Does {
    Answers(u16),
    RefusesConnections,
    SaysNothing,
}

/// Hosts in virtual time, and what they were sent.
#[derive(Debug, Default)]
struct Hosts {
    scripts: Mutex<BTreeMap<String, Vec<Does>>>,
    took: Mutex<Vec<(String, serde_json::Value)>>,
    attempts: Mutex<Vec<String>>,
}

impl Hosts {
    fn new<const N: usize>(scripts: [(&str, &[Does]); N]) -> Arc<Self> {
        let scripts = scripts
            .into_iter()
            .map(|(host, script)| (format!("{host}.example.com"), script.to_vec()));
        Arc::new(Self {
            scripts: Mutex::new(scripts.collect()),
            ..Self::default()
        })
    }

    /// The kinds that a host took, in order.
    fn kinds(&self, host: &str) -> Vec<String> {
        self.bodies(host)
            .into_iter()
            .map(|body| body["kind"].as_str().unwrap().to_owned())
            .collect()
    }

    fn bodies(&self, host: &str) -> Vec<serde_json::Value> {
        let host = format!("{host}.example.com");
        let took = self.took.lock().unwrap();
        let of_host = took.iter().filter(|(name, _)| *name == host);
        of_host.map(|(_, body)| body.clone()).collect()
    }

    fn attempts(&self, host: &str) -> usize {
        let host = format!("{host}.example.com");
        let attempts = self.attempts.lock().unwrap();
        attempts.iter().filter(|name| **name == host).count()
    }
}

#[async_trait]
impl Transport for Hosts {
    async fn exchange(
        &self,
        request: http::Request<Bytes>,
        limits: Limits,
    ) -> Result<http::Response<Bytes>, TransportError> {
        let host = request.uri().host().unwrap().to_owned();
        self.attempts.lock().unwrap().push(host.clone());
        let does = {
            let mut scripts = self.scripts.lock().unwrap();
            let script = scripts.get_mut(&host).unwrap();
            if script.len() > 1 {
                script.remove(0)
            } else {
                script[0]
            }
        };
        let failed = |failure| TransportError {
            failure,
            why: "refused".to_owned(),
        };
        match does {
            Does::RefusesConnections => Err(failed(TransportFailure::NotSent)),
            Does::SaysNothing => {
                tokio::time::sleep(limits.timeout).await;
                Err(failed(TransportFailure::TimedOut))
            }
            Does::Answers(status) => {
                if status == 200 {
                    let body = serde_json::from_slice(request.body()).unwrap();
                    self.took.lock().unwrap().push((host, body));
                }
                let mut answer = http::Response::new(Bytes::from(format!("said {TOKEN} back")));
                *answer.status_mut() = http::StatusCode::from_u16(status).unwrap();
                Ok(answer)
            }
        }
    }
}

fn virtual_means(hosts: &Arc<Hosts>) -> Means {
    Means {
        seam: Arc::new(VirtualSeam::new(at("2026-11-28T10:00:00Z"), 7)),
        transport: Arc::<Hosts>::clone(hosts),
    }
}

fn assert_private(text: &str) {
    for secret in CLIENT.into_iter().chain(["+79000000888", TOKEN]) {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}
