//! The fake adapter: correct as long as no flaw is switched on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::model::{
    Client, Field, Kind, PlatformName, Private, RemoteId, ResourceKey, ServiceKey,
};
use slotbridge_core::projection::Projection;
use slotbridge_core::record::{
    Coverage, Grid, GridCell, Listing, Reading, Record, RecordState, Support, Unreadable, Window,
};

use super::super::subject::{Fault, Target};
use super::fake::{Fake, Row, Server, Shape, key, name, projection, restless, take};
use super::flaw::Flaw;
use crate::capabilities::{
    BusyWrites, Capabilities, ChangeFeed, CreateSettled, Discovery, OccupancyView, Removal,
    Silence, Updates, Webhooks,
};
use crate::error::{ErrorKind, PlatformError, Retry};
use crate::platform::{
    Catalogue, CatalogueEntry, Draft, Edit, Finding, Level, Platform, Priority, Query, Written,
};
use crate::webhook::{Hint, HintKind, WebhookError};

#[derive(Debug)]
pub(super) struct FakePlatform {
    pub(super) shape: Shape,
    flaw: Option<Flaw>,
    pub(super) renews: bool,
    pub(super) server: Arc<Server>,
    name: PlatformName,
    capabilities: Capabilities,
    projection: Projection,
    readings: AtomicU64,
}

pub(super) fn error<T>(kind: ErrorKind, retry: Retry) -> Result<T, PlatformError> {
    Err(PlatformError::new(
        kind,
        retry,
        "fake.call",
        "so says the fake",
    ))
}

impl FakePlatform {
    pub(super) fn new(fake: &Fake, server: Arc<Server>) -> Self {
        let lists = fake.shape == Shape::Lister;
        let capabilities = Capabilities {
            discovery: if lists {
                Discovery::List
            } else {
                Discovery::ReadKnown
            },
            change_feed: if lists {
                ChangeFeed::SinceCursor
            } else {
                ChangeFeed::None
            },
            occupancy: if lists {
                OccupancyView::None
            } else {
                OccupancyView::Grid
            },
            webhooks: Webhooks::Hint,
            removal: Removal::Marked,
            updates: Updates::InPlace,
            create_settled: CreateSettled::ByMarkerInListing,
            busy_writes: BusyWrites::RefusedUnlessForced,
            silence: Silence::Full,
            quotas: &[],
            parallel: 1,
        };
        Self {
            shape: fake.shape,
            flaw: fake.flaw,
            renews: fake.renews,
            server,
            name: name(),
            capabilities,
            projection: projection(fake.flaw),
            readings: AtomicU64::new(0),
        }
    }

    pub(super) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn local(&self, instant: Timestamp) -> Result<DateTime, PlatformError> {
        if self.has(Flaw::OffsetIsFixed) {
            let today = self
                .server
                .zone
                .to_offset("2027-02-01T06:00:00Z".parse().unwrap());
            return Ok(today.to_datetime(instant));
        }
        let local = self.server.local(instant);
        if self.server.instant(local) != instant && !self.has(Flaw::DoubledHourIsOff) {
            return error(ErrorKind::Unrepresentable, Retry::Never);
        }
        Ok(local)
    }

    fn desired(&self, draft: &Draft) -> Result<Row, PlatformError> {
        let mut row = self.server.row(draft, 0);
        row.start = self.local(draft.slot.start())?;
        row.marker = Some(draft.booking);
        row.status = self.projection.status(draft.status);
        if draft.kind == Kind::Block {
            row.client = Client {
                name: Private::new("Busy"),
                ..Client::default()
            };
        }
        if self.has(Flaw::CommentIsLost) {
            row.comment = Private::default();
        }
        Ok(row)
    }

    pub(super) fn record(&self, id: u64, row: &Row) -> Result<Record, Unreadable> {
        let id = RemoteId::new(id.to_string());
        if row.spoilt {
            return Err(Unreadable {
                id: Some(id),
                why: "its start is no time".to_owned(),
            });
        }
        let start = self.server.instant(row.start);
        let gone = !row.live && !self.has(Flaw::CancelledStaysLive);
        let mut record = Record {
            id,
            state: if gone {
                RecordState::Deleted
            } else {
                RecordState::Live
            },
            resource: row.resource.clone(),
            services: row.services.clone(),
            start,
            end: Some(start + row.length),
            client: if row.is_block && !self.has(Flaw::BlockTellsName) {
                Client::default()
            } else {
                row.client.clone()
            },
            status: if self.has(Flaw::StatusIsIgnored) {
                slotbridge_core::model::Status::Booked
            } else {
                row.status
            },
            comment: row.comment.clone(),
            marker: row.marker.or_else(|| {
                self.has(Flaw::PersonsRecordIsMarked)
                    .then_some(super::super::stage::booking_id(9))
            }),
            is_block: row.is_block,
            changed_at: None,
            created_at: None,
            resource_title: None,
            service_title: None,
            group: None,
            support: Support::Full,
        };
        if self.has(Flaw::ReadsDiffer) {
            restless(&mut record, self.readings.fetch_add(1, Ordering::Relaxed));
        }
        Ok(record)
    }

    fn tell(&self) {
        if self.has(Flaw::TellsClients) {
            self.server.lock().messages.push("your booking".to_owned());
        }
    }

    fn is_taken(&self, wanted: &Row) -> bool {
        let state = self.server.lock();
        let ends = |row: &Row| row.start + row.length;
        let of_resource = state
            .rows
            .values()
            .filter(|row| row.live && row.resource == wanted.resource);
        of_resource
            .clone()
            .any(|row| row.start < ends(wanted) && wanted.start < ends(row))
    }
}

#[async_trait]
impl Platform for FakePlatform {
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
        self.server.lock().writes += u64::from(self.has(Flaw::CheckWrites));
        let level = if self.has(Flaw::CheckFindsProblem) {
            Level::Problem
        } else {
            Level::Fine
        };
        Ok(vec![Finding {
            level,
            what: "credentials",
            message: "the key is known".to_owned(),
        }])
    }

    async fn catalogue(&self) -> Result<Catalogue, PlatformError> {
        let entry = |key: &str| CatalogueEntry {
            key: key.to_owned(),
            title: String::new(),
            duration: None,
            price_minor: None,
            active: true,
        };
        let resources: &[&str] = if self.has(Flaw::CatalogueForgets) {
            &["7"]
        } else {
            &["7", "8"]
        };
        let (resources, services) = (
            resources.iter().copied().map(entry).collect(),
            ["31", "32"].map(entry).to_vec(),
        );
        Ok(Catalogue {
            resources,
            services,
            time_zone: None,
        })
    }

    async fn list(&self, query: &Query, _priority: Priority) -> Result<Listing, PlatformError> {
        if self.shape == Shape::Reader && !self.has(Flaw::UnsupportedIsEmpty) {
            return error(ErrorKind::Unsupported, Retry::Never);
        }
        let cursor = Some(self.server.lock().changes.to_string());
        let (listing, proven) = match query {
            Query::Watch(_) if self.has(Flaw::WatchTellsNothing) => {
                (self.pages(|row| row.live)?, Coverage::Incremental)
            }
            Query::Window(window) | Query::Watch(window) => {
                let open = self.has(Flaw::WindowIsOpen);
                let inside =
                    |window: Window, at| window.contains(at) && !(open && window.from == at);
                (
                    self.pages(|row| inside(*window, self.server.instant(row.start)))?,
                    Coverage::Complete(*window),
                )
            }
            Query::Since(cursor) => {
                let since: u64 = cursor.parse().unwrap();
                let hides = self.has(Flaw::FeedHidesRemovals);
                (
                    self.pages(|row| row.changed > since && (row.live || !hides))?,
                    Coverage::Incremental,
                )
            }
        };
        if listing.coverage == Coverage::None {
            Ok(Listing {
                coverage: proven,
                cursor,
                ..listing
            })
        } else {
            Ok(listing)
        }
    }

    async fn read(&self, id: &RemoteId, _priority: Priority) -> Result<Reading, PlatformError> {
        match self.reads(Target::Read)? {
            None => {}
            Some(Fault::TooManyRequests) => return Ok(Reading::Missing),
            Some(Fault::Html) if self.has(Flaw::HtmlIsMissing) => return Ok(Reading::Missing),
            Some(_) => return error(ErrorKind::BadReply, Retry::Later),
        }
        let row = self.server.lock().rows.get(&key(id)).cloned();
        match row {
            None if self.has(Flaw::UnknownIsError) => error(ErrorKind::NotFound, Retry::Never),
            None => Ok(Reading::Missing),
            Some(row) => Ok(self
                .record(key(id), &row)
                .map_or_else(Reading::Unreadable, |record| {
                    Reading::Found(Box::new(record))
                })),
        }
    }

    async fn occupancy(
        &self,
        resource: &ResourceKey,
        _service: &ServiceKey,
        service_length: SignedDuration,
        _priority: Priority,
    ) -> Result<Grid, PlatformError> {
        if self.shape == Shape::Lister && !self.has(Flaw::UnsupportedIsEmpty) {
            return error(ErrorKind::Unsupported, Retry::Never);
        }
        let state = self.server.lock();
        let first: Timestamp = "2027-02-01T06:00:00Z".parse().unwrap();
        let cell = |n: i32| {
            let start = first + SignedDuration::from_hours(26) * n;
            let is_taken = state
                .rows
                .values()
                .any(|row| row.live && self.server.instant(row.start) == start);
            GridCell {
                start,
                available: !is_taken || self.has(Flaw::GridShowsAllFree),
            }
        };
        Ok(Grid {
            resource: resource.clone(),
            service_slot: service_length,
            cells: (0..8).map(cell).collect(),
        })
    }

    async fn create(&self, draft: &Draft) -> Result<Written, PlatformError> {
        let row = self.desired(draft)?;
        if !draft.force && !self.has(Flaw::TakenIsAccepted) && self.is_taken(&row) {
            return error(ErrorKind::SlotTaken, Retry::Never);
        }
        self.tell();
        let id = self.writes(Target::Create, || {
            let mut state = self.server.lock();
            let changed = state.touch();
            state.insert(Row {
                changed,
                ..row.clone()
            })
        })?;
        let record = self.record(key(&id), &row).ok().map(Box::new);
        Ok(Written { id, record })
    }

    async fn update(&self, id: &RemoteId, edit: &Edit) -> Result<Written, PlatformError> {
        let desired = self.desired(&edit.desired)?;
        self.writes(Target::Update, || {
            let mut state = self.server.lock();
            let changed = state.touch();
            if self.has(Flaw::SameUpdateDoubles) {
                state.insert(desired.clone());
            }
            let row = state.rows.get_mut(&key(id)).unwrap();
            edit.fields
                .iter()
                .for_each(|field| take(row, *field, &desired));
            row.changed = changed;
            if self.has(Flaw::UpdateMovesBack) {
                take(row, Field::Slot, &desired);
            }
            if self.has(Flaw::UpdateWipesExtras) {
                row.extras.clear();
            }
            if self.has(Flaw::MarkerDiesWithUpdate) {
                row.marker = None;
            }
            if self.has(Flaw::PhoneUpdateClearsEmail) && edit.fields.contains(&Field::ClientPhone) {
                row.client.email = None;
            }
        })?;
        Ok(Written {
            id: id.clone(),
            record: None,
        })
    }

    async fn remove(&self, id: &RemoteId) -> Result<(), PlatformError> {
        let is_live = self
            .server
            .lock()
            .rows
            .get(&key(id))
            .is_some_and(|row| row.live);
        if !is_live {
            return if self.has(Flaw::RemovingTwiceFails) {
                error(ErrorKind::NotFound, Retry::Never)
            } else {
                Ok(())
            };
        }
        self.writes(Target::Remove, || {
            let mut state = self.server.lock();
            let changed = state.touch();
            let row = state.rows.get_mut(&key(id)).unwrap();
            (row.live, row.changed) = (self.has(Flaw::RemovalDoesNothing), changed);
        })
    }

    fn webhook(&self, body: &[u8]) -> Result<Vec<Hint>, WebhookError> {
        let Ok(text) = std::str::from_utf8(body) else {
            assert!(!self.has(Flaw::WebhookPanics), "not UTF-8");
            return Err(WebhookError {
                why: "not UTF-8".to_owned(),
            });
        };
        let place = if self.has(Flaw::WebhookPointsElsewhere) {
            2
        } else {
            1
        };
        let id = text
            .split(' ')
            .nth(place)
            .filter(|id| id.parse::<u64>().is_ok());
        Ok(id
            .map(|id| Hint {
                id: RemoteId::new(id),
                kind: HintKind::Updated,
                record: None,
            })
            .into_iter()
            .collect())
    }
}
