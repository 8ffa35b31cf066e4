//! What the cases share: a stage to play on, and the words to say what went wrong.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use slotbridge_core::model::{
    Booking, BookingId, Field, Kind, Private, RemoteId, ResourceName, ServiceName, Slot, Status,
};
use slotbridge_core::record::{Listing, Reading, Record, RecordState, Window};

use super::subject::{Bench, Fault, Samples, Seen, Strikes, Subject, Target};
use crate::error::PlatformError;
use crate::platform::{Draft, Edit, Platform, Priority, Query, Written};

/// Why a case ended early.
#[derive(Debug)]
pub(super) enum Stop {
    Failed(String),
    Skipped(String),
}

pub(super) type Case = Result<(), Stop>;

pub(super) fn failed<T>(why: impl fmt::Display) -> Result<T, Stop> {
    Err(Stop::Failed(why.to_string()))
}

pub(super) fn skipped<T>(why: impl fmt::Display) -> Result<T, Stop> {
    Err(Stop::Skipped(why.to_string()))
}

/// Fails the case unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($why:tt)+) => {
        if !$holds {
            return $crate::conformance::stage::failed(format!($($why)+));
        }
    };
}
pub(super) use ensure;

/// A fresh server with the platform under test.
pub(super) struct Stage {
    pub(super) bench: Box<dyn Bench>,
    pub(super) platform: Arc<dyn Platform>,
    pub(super) samples: Samples,
}

impl Stage {
    pub(super) async fn new(subject: &dyn Subject) -> Result<Self, Stop> {
        match subject.bench(None).await {
            Some(bench) => Self::on(bench),
            None => failed("the subject gave no bench"),
        }
    }

    pub(super) async fn in_zone(subject: &dyn Subject, zone: &TimeZone) -> Result<Self, Stop> {
        match subject.bench(Some(zone)).await {
            Some(bench) => Self::on(bench),
            None => skipped("this server lives in one zone"),
        }
    }

    fn on(bench: Box<dyn Bench>) -> Result<Self, Stop> {
        let (platform, samples) = (bench.platform(), bench.samples());
        ensure!(
            !samples.resources.is_empty() && !samples.services.is_empty(),
            "the samples need a resource and a service"
        );
        ensure!(
            samples.starts.len() >= 8 && samples.starts.is_sorted(),
            "the samples need eight ascending starts"
        );
        ensure!(samples.clients.len() >= 2, "the samples need two clients");
        Ok(Self {
            bench,
            platform,
            samples,
        })
    }

    /// The nth sample booking; those of different starts do not touch each other.
    pub(super) fn draft(&self, n: usize) -> Draft {
        let samples = &self.samples;
        let pick = |length: usize| n % length.max(1);
        let (service, length) = samples
            .services
            .first()
            .cloned()
            .expect("checked when the stage was made");
        let start = *samples
            .starts
            .get(pick(samples.starts.len()))
            .expect("checked when the stage was made");
        Draft {
            booking: booking_id(n),
            resource: samples
                .resources
                .first()
                .cloned()
                .expect("checked when the stage was made"),
            services: vec![service],
            slot: slot(start, length),
            client: samples
                .clients
                .get(pick(samples.clients.len()))
                .cloned()
                .unwrap_or_default(),
            status: Status::Booked,
            comment: Private::new(format!("sample comment {n}")),
            kind: Kind::Appointment,
            force: false,
        }
    }

    pub(super) async fn create(&self, draft: &Draft) -> Result<Written, Stop> {
        self.platform
            .create(draft)
            .await
            .map_err(|error| unexpected("create", &error))
    }

    /// Makes the record and reads it back.
    pub(super) async fn created(&self, draft: &Draft) -> Result<Record, Stop> {
        let written = self.create(draft).await?;
        self.found(&written.id).await
    }

    pub(super) async fn read(&self, id: &RemoteId) -> Result<Reading, Stop> {
        self.platform
            .read(id, Priority::Hint)
            .await
            .map_err(|error| unexpected("read", &error))
    }

    pub(super) async fn found(&self, id: &RemoteId) -> Result<Record, Stop> {
        match self.read(id).await? {
            Reading::Found(record) => Ok(*record),
            other => failed(format!(
                "reading {id} should show the record, and gave {other:?}"
            )),
        }
    }

    pub(super) async fn update(&self, id: &RemoteId, edit: &Edit) -> Result<Written, Stop> {
        self.platform
            .update(id, edit)
            .await
            .map_err(|error| unexpected("update", &error))
    }

    pub(super) async fn list(&self, query: &Query) -> Result<Listing, Stop> {
        self.platform
            .list(query, Priority::Poll)
            .await
            .map_err(|error| unexpected("list", &error))
    }

    /// A window around all sample starts.
    pub(super) fn window(&self) -> Window {
        let day = SignedDuration::from_hours(24);
        let (first, last) = (self.samples.starts.first(), self.samples.starts.last());
        let (first, last) = (
            first.copied().unwrap_or_default(),
            last.copied().unwrap_or_default(),
        );
        Window {
            from: first - day,
            to: last + day,
        }
    }

    /// Arms a fault, or skips the case.
    pub(super) fn arm(&self, target: Target, fault: Fault, strikes: Strikes) -> Case {
        if self.bench.arm(target, fault, strikes) {
            Ok(())
        } else {
            skipped(format!("no {fault:?} on {target:?} here"))
        }
    }

    /// Fails unless an armed fault has struck.
    pub(super) fn has_struck(&self) -> Case {
        ensure!(self.bench.struck() > 0, "the armed fault never struck");
        Ok(())
    }

    pub(super) fn seen(&self, id: &RemoteId) -> Result<Seen, Stop> {
        let all = self.bench.records();
        all.into_iter()
            .find(|seen| seen.id == *id)
            .map_or_else(|| failed(format!("the server holds no record {id}")), Ok)
    }

    /// The live records that carry this booking's marker.
    pub(super) fn live_of(&self, booking: BookingId) -> Vec<Seen> {
        let mut all = self.bench.records();
        all.retain(|seen| seen.live && seen.marker == Some(booking));
        all
    }

    /// What the draft asks for, as a booking.
    pub(super) fn booking(&self, draft: &Draft) -> Booking {
        Booking {
            resource: self.resource_name(draft.resource.as_str()),
            services: draft
                .services
                .iter()
                .map(|service| self.service_name(service.as_str()))
                .collect(),
            slot: draft.slot,
            client: draft.client.clone(),
            status: draft.status,
            comment: draft.comment.clone(),
            kind: draft.kind,
        }
    }

    /// What the record shows, as a booking.
    pub(super) fn shown(&self, record: &Record) -> Result<Booking, Stop> {
        let length = record
            .services
            .first()
            .and_then(|service| self.length_of(service.as_str()));
        let Some(slot) = record.slot(length) else {
            return failed("the record has no slot");
        };
        Ok(Booking {
            resource: self.resource_name(record.resource.as_str()),
            services: record
                .services
                .iter()
                .map(|service| self.service_name(service.as_str()))
                .collect(),
            slot,
            client: record.client.clone(),
            status: record.status,
            comment: record.comment.clone(),
            kind: if record.is_block {
                Kind::Block
            } else {
                Kind::Appointment
            },
        })
    }

    /// Fails unless the record shows what the draft asks for, as far as the platform holds it.
    pub(super) fn shows(&self, record: &Record, draft: &Draft) -> Case {
        ensure!(
            record.state == RecordState::Live,
            "record {} should be live, and is {:?}",
            record.id,
            record.state
        );
        let differing = self
            .platform
            .projection()
            .differing(&self.shown(record)?, &self.booking(draft));
        ensure!(
            differing.is_empty(),
            "record {} differs from what was asked for in {differing:?}",
            record.id
        );
        Ok(())
    }

    pub(super) fn length_of(&self, service: &str) -> Option<SignedDuration> {
        self.samples
            .services
            .iter()
            .find(|(key, _)| key.as_str() == service)
            .map(|(_, length)| *length)
    }

    fn resource_name(&self, key: &str) -> ResourceName {
        let place = self
            .samples
            .resources
            .iter()
            .position(|resource| resource.as_str() == key);
        ResourceName::new(numbered("resource", place))
            .expect("letters, digits and a hyphen make a name")
    }

    fn service_name(&self, key: &str) -> ServiceName {
        let place = self
            .samples
            .services
            .iter()
            .position(|(service, _)| service.as_str() == key);
        ServiceName::new(numbered("service", place))
            .expect("letters, digits and a hyphen make a name")
    }
}

fn numbered(what: &str, place: Option<usize>) -> String {
    place.map_or_else(
        || format!("{what}-of-nobody"),
        |place| format!("{what}-{place}"),
    )
}

/// An id like those of real bookings, different for each n.
pub(super) fn booking_id(n: usize) -> BookingId {
    let n = u8::try_from(n % 200).unwrap_or_default();
    BookingId::from_parts(
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(500_000),
        [n, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    )
}

pub(super) fn slot(start: Timestamp, length: SignedDuration) -> Slot {
    Slot::new(start, start + length).expect("services have a length")
}

pub(super) fn edit(
    desired: Draft,
    fields: impl IntoIterator<Item = Field>,
    expected: &Record,
) -> Edit {
    Edit {
        desired,
        fields: fields.into_iter().collect::<BTreeSet<_>>(),
        expected: Some(Box::new(expected.clone())),
    }
}

pub(super) fn unexpected(what: &str, error: &PlatformError) -> Stop {
    Stop::Failed(format!(
        "{what} should succeed, and gave {:?}, {:?}: {error}",
        error.kind, error.retry
    ))
}

/// Random numbers that are the same in every run.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number; splitmix64.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// A number below `bound`, or 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % bound).unwrap_or_default()
    }
}
