//! A platform that holds any number of records and keeps none of them: each is made when it is asked for, so that the
//! memory of a measurement is that of the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::guard::Limits;
use slotbridge_core::mapping::Mapping;
use slotbridge_core::merge::{ConflictPolicy, Policy, RemovedAndEdited};
use slotbridge_core::model::{
    BookingId, BridgeName, Client, PlatformName, Private, RemoteId, ResourceKey, ResourceName,
    ServiceKey, ServiceName, Status,
};
use slotbridge_core::projection::Projection;
use slotbridge_core::record::{
    Coverage, Grid, Listing, Reading, Record, RecordState, Support, Window,
};
use slotbridge_engine::bridge::{Bridge, Direction, Member, OnOverlap, OnRemoval, Share};
use slotbridge_platform::capabilities::{
    BusyWrites, Capabilities, ChangeFeed, CreateSettled, Discovery, OccupancyView, Quota, Removal,
    Silence, Updates, Webhooks,
};
use slotbridge_platform::platform::{Catalogue, Draft, Edit, Finding, Priority, Query, Written};
use slotbridge_platform::webhook::{Hint, WebhookError};
use slotbridge_platform::{ErrorKind, Platform, PlatformError, Retry};

/// The moment at which every measurement takes place.
pub(crate) const NOW: &str = "2031-05-05T06:10:00Z";
/// How many appointments of half an hour one person has.
const EACH: u64 = 48 * 300;
/// From how many people on the work is shared.
const PEOPLE_MIN: u64 = 4;
/// One call in ten seconds is more than a look needs.
const QUOTAS: &[Quota] = &[Quota {
    calls: 6,
    per: std::time::Duration::from_mins(1),
}];

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// Which of the two platforms it is, and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// How many records.
    pub(crate) count: u64,
    /// One of how many differs from what the database has; 0 for none.
    pub(crate) changed_of: u64,
    /// Whether the records carry the ids of bookings.
    pub(crate) marked: bool,
    /// Whether changes since a cursor can be asked for.
    pub(crate) feed: bool,
}

#[derive(Debug)]
pub(crate) struct Bulk {
    name: PlatformName,
    shape: Shape,
    capabilities: Capabilities,
    projection: Projection,
    lists: AtomicU64,
    writes: AtomicU64,
}

impl Bulk {
    pub(crate) fn new(name: &str, shape: Shape) -> Arc<Self> {
        Arc::new(Self {
            name: PlatformName::new(name).unwrap(),
            shape,
            capabilities: Capabilities {
                discovery: Discovery::List,
                change_feed: if shape.feed {
                    ChangeFeed::SinceCursor
                } else {
                    ChangeFeed::None
                },
                occupancy: OccupancyView::None,
                webhooks: Webhooks::None,
                removal: Removal::Marked,
                updates: Updates::InPlace,
                create_settled: CreateSettled::ByMarkerInListing,
                busy_writes: BusyWrites::Accepted,
                silence: Silence::Full,
                quotas: QUOTAS,
                parallel: 1,
            },
            projection: Projection::WHOLE,
            lists: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        })
    }

    pub(crate) fn lists(&self) -> u64 {
        self.lists.load(Ordering::Relaxed)
    }

    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    fn record(&self, index: u64) -> Record {
        let differs = self.shape.changed_of > 0 && index.is_multiple_of(self.shape.changed_of);
        record(self.name.as_str(), index, self.shape, differs)
    }

    fn refused(call: &'static str) -> PlatformError {
        PlatformError::new(
            ErrorKind::Unsupported,
            Retry::Never,
            call,
            "not measured".to_owned(),
        )
    }
}

/// How many people share the work.
pub(crate) fn people(count: u64) -> u64 {
    count.div_ceil(EACH).max(PEOPLE_MIN)
}

/// The booking behind a record.
pub(crate) fn booking_id(index: u64) -> BookingId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&index.to_be_bytes());
    BookingId::from_parts(now(), random)
}

fn start_of(index: u64, people: u64) -> Timestamp {
    let half_hours = i64::try_from(index / people).unwrap() + 2;
    let first = now().as_second() / 1_800 * 1_800;
    Timestamp::from_second(first + half_hours * 1_800).unwrap()
}

/// A record as it is, or as a person has left it since.
pub(crate) fn record(platform: &str, index: u64, shape: Shape, differs: bool) -> Record {
    let people = people(shape.count);
    let start = start_of(index, people);
    let made = now() - SignedDuration::from_hours(48);
    Record {
        id: RemoteId::new(format!("{platform}-{index:07}")),
        state: RecordState::Live,
        resource: ResourceKey::new(format!("r{}", index % people)),
        services: vec![ServiceKey::new("cut")],
        start,
        end: Some(start + SignedDuration::from_mins(30)),
        client: Client {
            name: Private::new(format!("Клиент Пробный {index}")),
            phone: Some(Private::new(format!("+7900{index:07}"))),
            email: Some(Private::new(format!("c{index}@example.com"))),
        },
        status: Status::Booked,
        comment: Private::new(if differs {
            "просит у окна"
        } else {
            ""
        }),
        marker: shape.marked.then(|| booking_id(index)),
        is_block: false,
        changed_at: Some(if differs {
            made + SignedDuration::from_hours(47)
        } else {
            made
        }),
        created_at: Some(made),
        resource_title: Some("Анна".to_owned()),
        service_title: Some("Стрижка".to_owned()),
        group: None,
        support: Support::Full,
    }
}

#[async_trait]
impl Platform for Bulk {
    fn name(&self) -> &PlatformName {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "bulk"
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
        self.lists.fetch_add(1, Ordering::Relaxed);
        let cursor = Some("later".to_owned()).filter(|_| self.shape.feed);
        let window: &Window = match query {
            Query::Window(window) | Query::Watch(window) => window,
            Query::Since(_) => {
                return Ok(Listing {
                    records: Vec::new(),
                    unreadable: Vec::new(),
                    coverage: Coverage::Incremental,
                    cursor,
                });
            }
        };
        let people = people(self.shape.count);
        // Starts rise with the index.
        let (mut from, mut to) = (0, self.shape.count);
        while from < to {
            let middle = from.midpoint(to);
            if start_of(middle, people) < window.from {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        let records = (from..self.shape.count)
            .take_while(|index| start_of(*index, people) < window.to)
            .map(|index| self.record(index))
            .collect();
        Ok(Listing {
            records,
            unreadable: Vec::new(),
            coverage: Coverage::Complete(*window),
            cursor,
        })
    }

    async fn read(&self, id: &RemoteId, _priority: Priority) -> Result<Reading, PlatformError> {
        let index = id
            .as_str()
            .split('-')
            .next_back()
            .and_then(|index| index.parse().ok());
        Ok(index.map_or(Reading::Missing, |index| {
            Reading::Found(Box::new(self.record(index)))
        }))
    }

    async fn occupancy(
        &self,
        _resource: &ResourceKey,
        _service: &ServiceKey,
        _length: SignedDuration,
        _priority: Priority,
    ) -> Result<Grid, PlatformError> {
        Err(Self::refused("occupancy"))
    }

    async fn create(&self, _draft: &Draft) -> Result<Written, PlatformError> {
        Err(Self::refused("create"))
    }

    async fn update(&self, id: &RemoteId, edit: &Edit) -> Result<Written, PlatformError> {
        self.writes.fetch_add(1, Ordering::Relaxed);
        let record = edit.expected.as_ref().map(|before| {
            let mut record = before.clone();
            record.comment = edit.desired.comment.clone();
            record.changed_at = Some(now());
            record
        });
        Ok(Written {
            id: id.clone(),
            record,
        })
    }

    async fn remove(&self, _id: &RemoteId) -> Result<(), PlatformError> {
        Err(Self::refused("remove"))
    }

    fn webhook(&self, _body: &[u8]) -> Result<Vec<Hint>, WebhookError> {
        Ok(Vec::new())
    }
}

/// A bridge over two such platforms that neither holds anything back nor asks.
pub(crate) fn bridge(platforms: &[Arc<Bulk>]) -> Bridge {
    let members = platforms.iter().map(|bulk| {
        let mut mapping = Mapping::default();
        for number in 0..people(bulk.shape.count) {
            let name = ResourceName::new(format!("r{number}")).unwrap();
            let key = ResourceKey::new(format!("r{number}"));
            mapping.add_resource(&bulk.name, &name, key).unwrap();
        }
        let length = Some(SignedDuration::from_mins(30));
        let service = ServiceName::new("haircut").unwrap();
        mapping
            .add_service(&bulk.name, &service, ServiceKey::new("cut"), length)
            .unwrap();
        Member {
            platform: Arc::clone(bulk) as Arc<dyn Platform>,
            mapping,
            direction: Direction::Both,
            time_zone: TimeZone::get("Europe/Moscow").unwrap(),
            lead_time: None,
            known_records: Vec::new(),
            chooses_block_service: false,
        }
    });
    Bridge {
        name: BridgeName::new("main").unwrap(),
        members: members.collect(),
        policy: Policy {
            conflict: ConflictPolicy::Newest,
            on_removed_and_edited: RemovedAndEdited::Ask,
        },
        window_past: SignedDuration::from_hours(24),
        window_future: SignedDuration::from_hours(24 * 330),
        limits: Limits::default(),
        on_overlap: OnOverlap::Hold,
        on_removal: OnRemoval::Propagate,
        share: Share::Full,
    }
}
