//! A whole platform in memory, with naive local times, pages and faults, and with flaws that can be switched on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::model::{
    BookingId, Client, Field, Kind, PlatformName, Private, RemoteId, ResourceKey, ServiceKey,
    Status,
};
use slotbridge_core::projection::Projection;
use slotbridge_core::record::Record;

use super::super::subject::{Bench, Deviation, Fault, Samples, Seen, Strikes, Subject, Target};
use super::flaw::Flaw;
use super::platform::FakePlatform;
use crate::platform::{Draft, Platform};

/// Which kind of platform the fake is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// It lists and tells changes.
    Lister,
    /// It shows known records and free times.
    Reader,
}

#[derive(Debug, Clone)]
pub(super) struct Fake {
    pub(super) shape: Shape,
    pub(super) flaw: Option<Flaw>,
    pub(super) renews: bool,
    pub(super) profile: Vec<Deviation>,
}

impl Fake {
    pub(super) fn new(shape: Shape, flaw: Option<Flaw>) -> Self {
        Self {
            shape,
            flaw,
            renews: shape == Shape::Reader,
            profile: Vec::new(),
        }
    }
}

#[async_trait]
impl Subject for Fake {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn profile(&self) -> Vec<Deviation> {
        self.profile.clone()
    }

    fn renews_tokens(&self) -> bool {
        self.renews
    }

    async fn bench(&self, zone: Option<&TimeZone>) -> Option<Box<dyn Bench>> {
        let zone = zone
            .cloned()
            .unwrap_or_else(|| TimeZone::get("Europe/Moscow").unwrap());
        let server = Arc::new(Server {
            zone,
            state: Mutex::default(),
        });
        let platform = Arc::new(FakePlatform::new(self, Arc::clone(&server)));
        Some(Box::new(FakeBench { platform, server }))
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) live: bool,
    pub(super) marker: Option<BookingId>,
    pub(super) resource: ResourceKey,
    pub(super) services: Vec<ServiceKey>,
    /// As the platform spells it: local, without an offset.
    pub(super) start: DateTime,
    pub(super) length: SignedDuration,
    pub(super) client: Client,
    pub(super) status: Status,
    pub(super) comment: Private,
    pub(super) is_block: bool,
    pub(super) extras: BTreeMap<String, String>,
    pub(super) spoilt: bool,
    pub(super) changed: u64,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) rows: BTreeMap<u64, Row>,
    pub(super) changes: u64,
    pub(super) writes: u64,
    pub(super) messages: Vec<String>,
    faults: Vec<(Target, Fault, Strikes, u64)>,
    struck: u64,
}

impl State {
    /// The fault that the next call meets.
    pub(super) fn meets(&mut self, target: Target) -> Option<Fault> {
        let mut met = None;
        for (of, fault, strikes, seen) in &mut self.faults {
            if *of != target {
                continue;
            }
            *seen += 1;
            let due = match strikes {
                Strikes::First => *seen == 1,
                Strikes::All => true,
                Strikes::AllAfter(calls) => *seen > *calls,
            };
            met = met.or_else(|| due.then_some(*fault));
        }
        self.struck += u64::from(met.is_some());
        met
    }

    pub(super) fn touch(&mut self) -> u64 {
        self.changes += 1;
        self.changes
    }

    pub(super) fn insert(&mut self, row: Row) -> RemoteId {
        let id = self.rows.len() as u64 + 100;
        self.rows.insert(id, row);
        RemoteId::new(id.to_string())
    }
}

pub(super) fn key(id: &RemoteId) -> u64 {
    id.as_str().parse().unwrap()
}

#[derive(Debug)]
pub(super) struct Server {
    pub(super) zone: TimeZone,
    pub(super) state: Mutex<State>,
}

impl Server {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// The server's own reading of its local times: the first of a doubled hour.
    pub(super) fn instant(&self, local: DateTime) -> Timestamp {
        self.zone
            .to_ambiguous_zoned(local)
            .earlier()
            .unwrap()
            .timestamp()
    }

    pub(super) fn local(&self, instant: Timestamp) -> DateTime {
        instant.to_zoned(self.zone.clone()).datetime()
    }

    /// What a person's hand writes.
    pub(super) fn row(&self, draft: &Draft, changed: u64) -> Row {
        Row {
            live: true,
            marker: None,
            resource: draft.resource.clone(),
            services: draft.services.clone(),
            start: self.local(draft.slot.start()),
            length: draft.slot.end().duration_since(draft.slot.start()),
            client: draft.client.clone(),
            status: draft.status,
            comment: draft.comment.clone(),
            is_block: draft.kind == Kind::Block,
            extras: BTreeMap::new(),
            spoilt: false,
            changed,
        }
    }
}

struct FakeBench {
    platform: Arc<FakePlatform>,
    server: Arc<Server>,
}

impl FakeBench {
    fn change(&self, id: &RemoteId, change: impl FnOnce(&mut Row)) {
        let mut state = self.server.lock();
        let changed = state.touch();
        let row = state.rows.get_mut(&key(id)).unwrap();
        change(row);
        row.changed = changed;
    }
}

impl Bench for FakeBench {
    fn platform(&self) -> Arc<dyn Platform> {
        Arc::clone(&self.platform) as _
    }

    fn samples(&self) -> Samples {
        let first: Timestamp = "2027-02-01T06:00:00Z".parse().unwrap();
        let client = |name: &str, n: u32| Client {
            name: Private::new(name),
            phone: Some(Private::new(format!("+7900000000{n}"))),
            email: Some(Private::new(format!("client{n}@example.com"))),
        };
        let hour = SignedDuration::from_hours(1);
        Samples {
            resources: vec![ResourceKey::new("7"), ResourceKey::new("8")],
            services: vec![
                (ServiceKey::new("31"), hour),
                (ServiceKey::new("32"), hour * 2),
            ],
            starts: (0..8).map(|n| first + hour * 26 * n).collect(),
            clients: vec![
                client("Anna Petrova", 1),
                client("Boris Ivanov", 2),
                client("Ёлка", 3),
            ],
            time_zone: self.server.zone.clone(),
            unknown_id: RemoteId::new("999"),
            page_rows: (self.platform.shape == Shape::Lister).then_some(3),
            webhooks: vec![
                (b"changed 101".to_vec(), Some(RemoteId::new("101"))),
                (b"hello".to_vec(), None),
                (b"removed 102 103".to_vec(), Some(RemoteId::new("102"))),
            ],
        }
    }

    fn arm(&self, target: Target, fault: Fault, strikes: Strikes) -> bool {
        self.server.lock().faults.push((target, fault, strikes, 0));
        true
    }

    fn disarm(&self) {
        self.server.lock().faults.clear();
    }

    fn struck(&self) -> u64 {
        self.server.lock().struck
    }

    fn book(&self, draft: &Draft) -> RemoteId {
        let mut state = self.server.lock();
        let changed = state.touch();
        let row = self.server.row(draft, changed);
        state.insert(row)
    }

    fn move_to(&self, id: &RemoteId, start: Timestamp) {
        let start = self.server.local(start);
        self.change(id, |row| row.start = start);
    }

    fn comment(&self, id: &RemoteId, comment: &str) {
        self.change(id, |row| row.comment = Private::new(comment));
    }

    fn cancel(&self, id: &RemoteId) {
        self.change(id, |row| row.live = false);
    }

    fn set_extras(&self, id: &RemoteId) -> bool {
        self.change(id, |row| {
            drop(row.extras.insert("colour".to_owned(), "green".to_owned()));
        });
        true
    }

    fn spoil(&self, id: &RemoteId) -> bool {
        self.change(id, |row| row.spoilt = true);
        true
    }

    fn records(&self) -> Vec<Seen> {
        let state = self.server.lock();
        let seen = |(id, row): (&u64, &Row)| Seen {
            id: RemoteId::new(id.to_string()),
            live: row.live,
            marker: row.marker,
            resource: row.resource.clone(),
            services: row.services.clone(),
            start: self.server.instant(row.start),
            end: Some(self.server.instant(row.start) + row.length),
            client: row.client.clone(),
            status: row.status,
            comment: row.comment.clone(),
            extras: row.extras.clone(),
        };
        state.rows.iter().map(seen).collect()
    }

    fn writes(&self) -> u64 {
        self.server.lock().writes
    }

    fn messages(&self) -> Vec<String> {
        self.server.lock().messages.clone()
    }
}

/// Takes one field of a draft over into a row.
pub(super) fn take(row: &mut Row, field: Field, from: &Row) {
    match field {
        Field::Resource => row.resource.clone_from(&from.resource),
        Field::Services => row.services.clone_from(&from.services),
        Field::Slot => (row.start, row.length) = (from.start, from.length),
        Field::ClientName => row.client.name.clone_from(&from.client.name),
        Field::ClientPhone => row.client.phone.clone_from(&from.client.phone),
        Field::ClientEmail => row.client.email.clone_from(&from.client.email),
        Field::Status => row.status = from.status,
        Field::Comment => row.comment.clone_from(&from.comment),
    }
}

pub(super) fn name() -> PlatformName {
    PlatformName::new("fake").unwrap()
}

/// One service, whole minutes, no state between booked and confirmed.
pub(super) fn projection(flaw: Option<Flaw>) -> Projection {
    let statuses = if flaw == Some(Flaw::StatusTableTurns) {
        [
            Status::Confirmed,
            Status::Booked,
            Status::Arrived,
            Status::NoShow,
            Status::Cancelled,
        ]
    } else {
        [
            Status::Booked,
            Status::Booked,
            Status::Arrived,
            Status::NoShow,
            Status::Cancelled,
        ]
    };
    Projection {
        statuses,
        slot_step: SignedDuration::from_mins(1),
        ..Projection::WHOLE
    }
}

/// So that a reading can be told from the next.
pub(super) fn restless(record: &mut Record, reading: u64) {
    record.changed_at = Timestamp::from_second(i64::try_from(reading).unwrap()).ok();
}
