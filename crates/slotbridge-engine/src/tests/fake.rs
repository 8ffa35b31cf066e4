//! A platform in memory, with a person's hand and faults, to drive the engine without HTTP.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::model::{
    Client, Field, Kind, PlatformName, Private, RemoteId, ResourceKey, ServiceKey, Status,
};
use slotbridge_core::projection::Projection;
use slotbridge_core::record::{
    Coverage, Grid, GridCell, Listing, Reading, Record, RecordState, Support, Unreadable,
};
use slotbridge_platform::capabilities::{
    BusyWrites, Capabilities, ChangeFeed, CreateSettled, Discovery, OccupancyView, Removal,
    Silence, Updates, Webhooks,
};
use slotbridge_platform::platform::{Catalogue, Draft, Edit, Finding, Priority, Query, Written};
use slotbridge_platform::seam::Seam;
use slotbridge_platform::webhook::{Hint, HintKind, WebhookError};
use slotbridge_platform::{ErrorKind, Platform, PlatformError, Retry};

/// What goes wrong with the next call of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The write lands, the answer is lost.
    ReplyLost,
    /// Nothing happens, and the platform says so.
    Down,
    /// Nothing happens, and nobody can tell.
    LostBefore,
    /// The platform says no.
    Refuses,
    /// The listing shows only the first record, and is known to be short.
    Cut,
    /// The listing is empty and claims to be complete.
    Empty,
    /// The listing shows only what does not stand, as where each state has a list of its own, and claims to be complete.
    NoneLive,
}

/// What happens to the comment between a write and its answer, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Between {
    /// A person writes another one.
    PersonWrites(&'static str),
    /// The call of its own that it takes, and the marker with it, does not arrive.
    SecondCallFails,
    /// The call of its own that it takes does not arrive; the marker comes with the record.
    CommentFails,
}

#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches of a fake, and what it saw"
)]
pub(crate) struct State {
    pub(crate) records: BTreeMap<RemoteId, Record>,
    next: u64,
    faults: BTreeMap<&'static str, Vec<Fault>>,
    pub(crate) calls: BTreeMap<&'static str, u64>,
    /// Rows that can't be read.
    pub(crate) garbled: Vec<RemoteId>,
    /// Up to when a grid says nothing, as if its answer were cut.
    pub(crate) grid_from: Option<Timestamp>,
    /// When the working day ends: nothing is made that ends later.
    pub(crate) closes_at: Option<Timestamp>,
    /// Whether a change by booking again ends after the cancelling.
    pub(crate) dies_between: bool,
    /// Whether updates leave the time as it is and say that all went well.
    pub(crate) stubborn: bool,
    /// How many characters of a comment are kept.
    pub(crate) comment_kept: Option<usize>,
    /// What happens to the comment of the next write.
    pub(crate) between: Option<Between>,
    /// Marker → how many live records carried it at once, at the worst.
    pub(crate) twins_seen: bool,
    /// How long a create or a removal takes.
    pub(crate) write_takes: std::time::Duration,
    /// How long the answer to a reading is on its way.
    pub(crate) read_takes: std::time::Duration,
    /// Two live records of one resource at one time, made by us.
    pub(crate) doubles_seen: bool,
}

#[derive(Debug)]
pub(crate) struct Fake {
    name: PlatformName,
    capabilities: Capabilities,
    projection: Projection,
    seam: Arc<dyn Seam>,
    pub(crate) state: Mutex<State>,
}

impl Fake {
    /// A platform that moves a booking by cancelling it and booking again.
    pub(crate) fn rebooking(name: &str, seam: Arc<dyn Seam>) -> Arc<Self> {
        let mut fake = Self::listing(name, seam);
        Arc::get_mut(&mut fake).unwrap().capabilities.updates = Updates::CancelAndRebook;
        fake
    }

    /// A platform that tells what has changed since a cursor.
    pub(crate) fn feed(name: &str, seam: Arc<dyn Seam>) -> Arc<Self> {
        let mut fake = Self::listing(name, seam);
        Arc::get_mut(&mut fake).unwrap().capabilities.change_feed = ChangeFeed::SinceCursor;
        fake
    }

    pub(crate) fn calls(&self, call: &str) -> u64 {
        let state = self.state.lock().unwrap();
        state.calls.get(call).copied().unwrap_or(0)
    }

    pub(crate) fn listing(name: &str, seam: Arc<dyn Seam>) -> Arc<Self> {
        Self::new(
            name,
            seam,
            Discovery::List,
            OccupancyView::None,
            CreateSettled::ByMarkerInListing,
        )
    }

    pub(crate) fn grid(name: &str, seam: Arc<dyn Seam>) -> Arc<Self> {
        Self::new(
            name,
            seam,
            Discovery::ReadKnown,
            OccupancyView::Grid,
            CreateSettled::ByOccupancy,
        )
    }

    fn new(
        name: &str,
        seam: Arc<dyn Seam>,
        discovery: Discovery,
        occupancy: OccupancyView,
        create_settled: CreateSettled,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: PlatformName::new(name).unwrap(),
            capabilities: Capabilities {
                discovery,
                change_feed: ChangeFeed::None,
                occupancy,
                webhooks: Webhooks::None,
                removal: Removal::Marked,
                updates: Updates::InPlace,
                create_settled,
                busy_writes: BusyWrites::Accepted,
                silence: Silence::Full,
                quotas: &[],
                parallel: 1,
            },
            projection: Projection::WHOLE,
            seam,
            state: Mutex::new(State::default()),
        })
    }

    pub(crate) fn fault(&self, call: &'static str, fault: Fault) {
        self.state
            .lock()
            .unwrap()
            .faults
            .entry(call)
            .or_default()
            .push(fault);
    }

    fn begin(&self, call: &'static str) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        *state.calls.entry(call).or_default() += 1;
        state
            .faults
            .get_mut(call)
            .and_then(|faults| (!faults.is_empty()).then(|| faults.remove(0)))
    }

    /// Calls of the kinds that write.
    pub(crate) fn writes(&self) -> u64 {
        let state = self.state.lock().unwrap();
        ["create", "update", "remove"]
            .iter()
            .filter_map(|call| state.calls.get(call))
            .sum()
    }

    pub(crate) fn live(&self) -> Vec<Record> {
        let state = self.state.lock().unwrap();
        state
            .records
            .values()
            .filter(|record| record.state == RecordState::Live)
            .cloned()
            .collect()
    }

    /// A person books in the platform's own calendar.
    pub(crate) fn book(
        &self,
        resource: &str,
        start: Timestamp,
        minutes: i64,
        client: &str,
    ) -> RemoteId {
        let mut state = self.state.lock().unwrap();
        state.next += 1;
        let id = RemoteId::new(format!("{}-{}", self.name, state.next));
        let now = self.seam.now();
        let record = Record {
            id: id.clone(),
            state: RecordState::Live,
            resource: ResourceKey::new(resource),
            services: vec![ServiceKey::new("cut")],
            start,
            end: Some(start + SignedDuration::from_mins(minutes)),
            client: Client {
                name: Private::new(client),
                phone: Some(Private::new(format!("+7900{:07}", client.len() * 31))),
                email: None,
            },
            status: Status::Booked,
            comment: Private::default(),
            marker: None,
            is_block: false,
            changed_at: Some(now),
            created_at: Some(now),
            resource_title: None,
            service_title: None,
            group: None,
            support: Support::Full,
        };
        state.records.insert(id.clone(), record);
        id
    }

    /// A person changes a record in the platform's own calendar.
    pub(crate) fn person(&self, id: &RemoteId, change: impl FnOnce(&mut Record)) {
        let now = self.seam.now();
        let mut state = self.state.lock().unwrap();
        let record = state.records.get_mut(id).unwrap();
        change(record);
        record.changed_at = Some(now);
    }

    pub(crate) fn move_to(&self, id: &RemoteId, start: Timestamp) {
        self.person(id, |record| {
            let length = record.end.unwrap().duration_since(record.start);
            record.start = start;
            record.end = Some(start + length);
        });
    }

    /// The platform gives every record another id.
    pub(crate) fn renumber(&self) {
        let mut state = self.state.lock().unwrap();
        let records = std::mem::take(&mut state.records);
        state.records = records
            .into_values()
            .map(|mut record| {
                record.id = RemoteId::new(format!("new-{}", record.id));
                (record.id.clone(), record)
            })
            .collect();
    }

    pub(crate) fn cancel(&self, id: &RemoteId) {
        self.person(id, |record| record.state = RecordState::Deleted);
    }

    fn error(&self, kind: ErrorKind, retry: Retry, call: &'static str) -> PlatformError {
        PlatformError::new(kind, retry, call, format!("{} is made to fail", self.name))
    }

    fn write(
        &self,
        call: &'static str,
        land: impl FnOnce(&mut State) -> Result<RemoteId, ErrorKind>,
    ) -> Result<Written, PlatformError> {
        let fault = self.begin(call);
        match fault {
            Some(Fault::Down) => {
                return Err(self.error(ErrorKind::Unavailable, Retry::Later, call));
            }
            Some(Fault::LostBefore) => {
                return Err(self.error(ErrorKind::Transport, Retry::AfterObserving, call));
            }
            Some(Fault::Refuses) => return Err(self.error(ErrorKind::Refused, Retry::Never, call)),
            Some(Fault::ReplyLost | Fault::Cut | Fault::Empty | Fault::NoneLive) | None => {}
        }
        let mut state = self.state.lock().unwrap();
        let id = land(&mut state).map_err(|kind| self.error(kind, Retry::Never, call))?;
        state.audit();
        if fault == Some(Fault::ReplyLost) {
            return Err(self.error(ErrorKind::Transport, Retry::AfterObserving, call));
        }
        // A platform that lists nothing answers with the id only.
        let whole = self.capabilities.discovery == Discovery::List;
        let record = whole
            .then(|| state.records.get(&id).cloned().map(Box::new))
            .flatten();
        Ok(Written { id, record })
    }
}

impl State {
    /// Nothing goes wrong any more.
    pub(crate) fn clear_faults(&mut self) {
        self.faults.clear();
    }

    /// Cancels a record and makes it anew under another id.
    fn rebook(&mut self, id: &RemoteId) -> RemoteId {
        self.next += 1;
        let fresh = RemoteId::new(format!("{id}-again-{}", self.next));
        let mut record = self.records.get(id).unwrap().clone();
        self.records.get_mut(id).unwrap().state = RecordState::Deleted;
        record.id = fresh.clone();
        self.records.insert(fresh.clone(), record);
        fresh
    }

    /// What must not be, not even for a moment.
    fn audit(&mut self) {
        let live: Vec<&Record> = self
            .records
            .values()
            .filter(|r| r.state == RecordState::Live)
            .collect();
        for (index, one) in live.iter().enumerate() {
            for other in live.iter().skip(index + 1) {
                if one.marker.is_some() && one.marker == other.marker {
                    self.twins_seen = true;
                }
                let meet = one.resource == other.resource
                    && one.start < other.end.unwrap()
                    && other.start < one.end.unwrap();
                if meet && (one.marker.is_some() || other.marker.is_some()) {
                    self.doubles_seen = true;
                }
            }
        }
    }

    /// The record as it is when the write is answered. `before` is the comment that was there.
    fn after(&mut self, mut record: Record, before: &Private) -> Record {
        match self.between.take() {
            Some(Between::PersonWrites(comment)) => record.comment = Private::new(comment),
            Some(Between::SecondCallFails) => {
                record.comment.clone_from(before);
                if before.is_blank() {
                    record.marker = None;
                    record.is_block = false;
                }
            }
            Some(Between::CommentFails) => record.comment.clone_from(before),
            None => {}
        }
        record
    }

    fn kept(&self, comment: &Private) -> Private {
        match self.comment_kept {
            Some(chars) => Private::new(comment.expose().chars().take(chars).collect::<String>()),
            None => comment.clone(),
        }
    }
}

fn unreadable(id: &RemoteId) -> Unreadable {
    Unreadable {
        id: Some(id.clone()),
        why: "made to be unreadable".to_owned(),
    }
}

#[async_trait]
impl Platform for Fake {
    fn name(&self) -> &PlatformName {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "fake"
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn projection(&self) -> &Projection {
        &self.projection
    }

    async fn check(&self) -> Result<Vec<Finding>, PlatformError> {
        Ok(Vec::new())
    }

    async fn catalogue(&self) -> Result<Catalogue, PlatformError> {
        Ok(Catalogue::default())
    }

    async fn list(&self, query: &Query, _priority: Priority) -> Result<Listing, PlatformError> {
        let fault = self.begin("list");
        if matches!(fault, Some(Fault::Down)) {
            return Err(self.error(ErrorKind::Unavailable, Retry::Later, "list"));
        }
        let cursor = Some(self.seam.now().to_string());
        let feeds = self.capabilities.change_feed == ChangeFeed::SinceCursor;
        let window = match query {
            Query::Window(window) | Query::Watch(window) => window,
            Query::Since(since) if feeds => {
                let since: Timestamp = since.parse().unwrap();
                let state = self.state.lock().unwrap();
                let changed = state
                    .records
                    .values()
                    .filter(|record| record.changed_at.unwrap() >= since);
                return Ok(Listing {
                    records: changed.cloned().collect(),
                    unreadable: Vec::new(),
                    coverage: Coverage::Incremental,
                    cursor,
                });
            }
            Query::Since(_) => {
                return Err(self.error(ErrorKind::Unsupported, Retry::Never, "list"));
            }
        };
        let state = self.state.lock().unwrap();
        let inside = state
            .records
            .values()
            .filter(|record| window.contains(record.start));
        let (garbled, mut records): (Vec<Record>, Vec<Record>) = inside
            .cloned()
            .partition(|record| state.garbled.contains(&record.id));
        let unreadable = garbled
            .into_iter()
            .map(|record| unreadable(&record.id))
            .collect();
        let coverage = match fault {
            Some(Fault::Cut) => {
                records.truncate(1);
                Coverage::Partial {
                    why: "cut short".to_owned(),
                }
            }
            Some(Fault::Empty) => {
                records.clear();
                Coverage::Complete(*window)
            }
            Some(Fault::NoneLive) => {
                records.retain(|record| record.state != RecordState::Live);
                Coverage::Complete(*window)
            }
            _ => Coverage::Complete(*window),
        };
        Ok(Listing {
            records,
            unreadable,
            coverage,
            cursor: cursor.filter(|_| feeds),
        })
    }

    async fn read(&self, id: &RemoteId, _priority: Priority) -> Result<Reading, PlatformError> {
        if self.begin("read").is_some() {
            return Err(self.error(ErrorKind::Unavailable, Retry::Later, "read"));
        }
        let (reading, takes) = {
            let state = self.state.lock().unwrap();
            let reading = match state.records.get(id) {
                None => Reading::Missing,
                Some(_) if state.garbled.contains(id) => Reading::Unreadable(unreadable(id)),
                Some(record) => Reading::Found(Box::new(record.clone())),
            };
            (reading, state.read_takes)
        };
        self.seam.sleep(takes).await;
        Ok(reading)
    }

    async fn occupancy(
        &self,
        resource: &ResourceKey,
        _service: &ServiceKey,
        service_length: SignedDuration,
        _priority: Priority,
    ) -> Result<Grid, PlatformError> {
        if self.begin("occupancy").is_some() {
            return Err(self.error(ErrorKind::Unavailable, Retry::Later, "occupancy"));
        }
        let state = self.state.lock().unwrap();
        let mut cells = Vec::new();
        let first_hour = self.seam.now().as_second().div_euclid(3600) + 1;
        for half in 0..(2 * 24 * 7) {
            let start = Timestamp::from_second(first_hour * 3600 + half * 1800).unwrap();
            if state.grid_from.is_some_and(|from| start < from) {
                continue;
            }
            let end = start + service_length;
            let taken = state.records.values().any(|record| {
                record.state == RecordState::Live
                    && record.resource == *resource
                    && record.start < end
                    && start < record.end.unwrap()
            });
            cells.push(GridCell {
                start,
                available: !taken,
            });
        }
        Ok(Grid {
            resource: resource.clone(),
            service_slot: service_length,
            cells,
        })
    }

    async fn create(&self, draft: &Draft) -> Result<Written, PlatformError> {
        let takes = self.state.lock().unwrap().write_takes;
        self.seam.sleep(takes).await;
        let now = self.seam.now();
        self.write("create", |state| {
            if state
                .closes_at
                .is_some_and(|closes| draft.slot.end() > closes)
            {
                return Err(ErrorKind::Refused);
            }
            state.next += 1;
            let id = RemoteId::new(format!("{}-{}", self.name, state.next));
            let comment = state.kept(&draft.comment);
            let record = Record {
                id: id.clone(),
                state: RecordState::Live,
                resource: draft.resource.clone(),
                services: draft.services.clone(),
                start: draft.slot.start(),
                end: Some(draft.slot.end()),
                client: draft.client.clone(),
                status: draft.status,
                comment,
                marker: Some(draft.booking),
                is_block: draft.kind == Kind::Block,
                changed_at: Some(now),
                created_at: Some(now),
                resource_title: None,
                service_title: None,
                group: None,
                support: Support::Full,
            };
            let record = state.after(record, &Private::default());
            state.records.insert(id.clone(), record);
            Ok(id)
        })
    }

    async fn update(&self, id: &RemoteId, edit: &Edit) -> Result<Written, PlatformError> {
        let now = self.seam.now();
        let rebooks = self.capabilities.updates == Updates::CancelAndRebook;
        if rebooks && self.state.lock().unwrap().dies_between {
            self.begin("update");
            self.state
                .lock()
                .unwrap()
                .records
                .get_mut(id)
                .unwrap()
                .state = RecordState::Deleted;
            return Err(self.error(ErrorKind::SlotTaken, Retry::AfterObserving, "update"));
        }
        let stands = self
            .state
            .lock()
            .unwrap()
            .records
            .get(id)
            .map(|record| record.start);
        let expected = edit.expected.as_ref().map(|record| record.start);
        if expected.is_some() && stands != expected {
            self.begin("update");
            return Err(self.error(ErrorKind::Stale, Retry::Later, "update"));
        }
        let id = &if rebooks {
            self.state.lock().unwrap().rebook(id)
        } else {
            id.clone()
        };
        self.write("update", |state| {
            let comment = state.kept(&edit.desired.comment);
            let stubborn = state.stubborn;
            let before = state.records.get(id).map(|record| record.comment.clone());
            let record = state.records.get_mut(id).ok_or(ErrorKind::NotFound)?;
            let wanted = &edit.desired;
            for field in &edit.fields {
                match field {
                    Field::Resource => record.resource = wanted.resource.clone(),
                    Field::Services => record.services = wanted.services.clone(),
                    Field::Slot if stubborn => {}
                    Field::Slot => {
                        record.start = wanted.slot.start();
                        record.end = Some(wanted.slot.end());
                    }
                    Field::ClientName | Field::ClientPhone | Field::ClientEmail => {
                        record.client = wanted.client.clone();
                    }
                    Field::Status => record.status = wanted.status,
                    Field::Comment => record.comment.clone_from(&comment),
                }
            }
            record.changed_at = Some(now);
            let record = record.clone();
            let record = state.after(record, &before.unwrap_or_default());
            state.records.insert(id.clone(), record);
            Ok(id.clone())
        })
    }

    async fn remove(&self, id: &RemoteId) -> Result<(), PlatformError> {
        let takes = self.state.lock().unwrap().write_takes;
        self.seam.sleep(takes).await;
        let now = self.seam.now();
        self.write("remove", |state| {
            if let Some(record) = state.records.get_mut(id) {
                record.state = RecordState::Deleted;
                record.changed_at = Some(now);
            }
            Ok(id.clone())
        })
        .map(|_| ())
    }

    /// `ID` points at a record, `whole ID` shows it.
    fn webhook(&self, body: &[u8]) -> Result<Vec<Hint>, WebhookError> {
        let text = std::str::from_utf8(body).unwrap();
        let (id, whole) = match text.strip_prefix("whole ") {
            Some(id) => (RemoteId::new(id), true),
            None => (RemoteId::new(text), false),
        };
        let state = self.state.lock().unwrap();
        let record = state.records.get(&id).filter(|_| whole);
        Ok(vec![Hint {
            record: record.cloned().map(Box::new),
            id,
            kind: HintKind::Updated,
        }])
    }
}
