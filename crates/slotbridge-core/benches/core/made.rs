//! Invented bookings in any number, the same in every run.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use slotbridge_core::mapping::Mapping;
use slotbridge_core::matching::{Candidate, Open};
use slotbridge_core::merge::{
    ConflictPolicy, Policy, Presence, RemovedAndEdited, Shadow, Shown, Side,
};
use slotbridge_core::model::{
    Booking, BookingId, Client, Kind, PlatformName, Private, RemoteId, ResourceKey, ResourceName,
    ServiceKey, ServiceName, Slot, Status,
};
use slotbridge_core::projection::{Projection, ServicesHeld, TextHeld};
use slotbridge_core::record::{Record, RecordState, Support};

/// So many appointments one after the other, then the next person's.
const EACH: u64 = 48 * 300;

pub(crate) fn begin() -> Timestamp {
    Timestamp::from_second(1_900_000_800).unwrap()
}

pub(crate) fn platform(index: usize) -> PlatformName {
    PlatformName::new(["salon", "world"][index]).unwrap()
}

pub(crate) fn id(index: u64) -> BookingId {
    BookingId::from_u128(u128::from(index) << 64 | 7)
}

pub(crate) fn booking(index: u64) -> Booking {
    let start = begin() + SignedDuration::from_mins(30) * i32::try_from(index % EACH).unwrap();
    Booking {
        resource: ResourceName::new(format!("r{}", index / EACH)).unwrap(),
        services: vec![ServiceName::new("haircut").unwrap()],
        slot: Slot::new(start, start + SignedDuration::from_mins(30)).unwrap(),
        client: Client {
            name: Private::new(format!("Клиент Пробный {index}")),
            phone: Some(Private::new(format!("+7900{index:07}"))),
            email: Some(Private::new(format!("c{index}@example.com"))),
        },
        status: Status::Booked,
        comment: Private::new("у окна"),
        kind: Kind::Appointment,
    }
}

/// A platform that holds everything, and one that cuts.
pub(crate) fn projections() -> [Projection; 2] {
    let narrow = Projection {
        services: ServicesHeld::One,
        slot_step: SignedDuration::from_secs(300),
        comment: TextHeld::Cut { chars_max: 40 },
        ..Projection::WHOLE
    };
    [Projection::WHOLE, narrow]
}

pub(crate) fn policy() -> Policy {
    Policy {
        conflict: ConflictPolicy::Newest,
        on_removed_and_edited: RemovedAndEdited::Ask,
    }
}

/// A booking with its two sides, of which the first was edited or not.
pub(crate) fn sides(index: u64, edited: bool) -> (Presence, Vec<Side>) {
    let canonical = booking(index);
    let sides = projections()
        .into_iter()
        .enumerate()
        .map(|(at, projection)| {
            let kept = projection.project(&canonical);
            let mut shown = kept.clone();
            if edited && at == 0 {
                shown.comment = Private::new("у двери");
            }
            Side {
                platform: platform(at),
                shown: Shown::Live(shown),
                shadow: Shadow {
                    kept: Presence::Live(kept.clone()),
                    agreed: Presence::Live(kept),
                },
                projection,
                heard: true,
                changed_at: Some(begin()),
                noticed_at: begin(),
            }
        });
    let sides = sides.collect();
    (Presence::Live(canonical), sides)
}

/// Records of two platforms that nobody has linked yet; of half of the bookings both platforms have one.
pub(crate) fn candidates(count: u64) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for index in 0..count {
        for at in 0..2 {
            if at == 1 && index % 2 == 1 {
                continue;
            }
            candidates.push(Candidate {
                platform: platform(at),
                remote_id: RemoteId::new(format!("{at}-{index}")),
                booking: booking(index),
                marker: None,
                created_at: Some(begin()),
                first_seen: begin(),
            });
        }
    }
    candidates
}

/// Bookings that lack a record on the second platform.
pub(crate) fn open(count: u64) -> Vec<Open> {
    let open = (0..count).map(|index| Open {
        booking: id(index),
        canonical: booking(index),
        has: BTreeSet::from([platform(0)]),
    });
    open.collect()
}

pub(crate) fn record(index: u64) -> Record {
    let shown = booking(index);
    Record {
        id: RemoteId::new(format!("{index}")),
        state: RecordState::Live,
        resource: ResourceKey::new(shown.resource.as_str()),
        services: vec![ServiceKey::new("cut")],
        start: shown.slot.start(),
        end: Some(shown.slot.end()),
        client: shown.client,
        status: shown.status,
        comment: shown.comment,
        marker: None,
        is_block: false,
        changed_at: Some(begin()),
        created_at: Some(begin()),
        resource_title: Some("Анна".to_owned()),
        service_title: Some("Стрижка".to_owned()),
        group: None,
        support: Support::Full,
    }
}

pub(crate) fn mapping(count: u64) -> Mapping {
    let mut mapping = Mapping::default();
    for number in 0..=count / EACH {
        let name = ResourceName::new(format!("r{number}")).unwrap();
        let key = ResourceKey::new(format!("r{number}"));
        mapping.add_resource(&platform(0), &name, key).unwrap();
    }
    let service = ServiceName::new("haircut").unwrap();
    let key = ServiceKey::new("cut");
    mapping
        .add_service(&platform(0), &service, key, None)
        .unwrap();
    mapping
}
