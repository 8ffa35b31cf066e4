//! Tests of the store as its callers see it, and of what it leaves on the disk.

mod backup;
mod bookings;
mod calls;
mod child;
mod conflicts;
mod copy;
mod crash;
mod decay;
mod forget;
mod group;
mod journal;
mod lock;
mod migrate;
mod mirror;
mod open;
mod others;
mod plans;
mod privacy;
mod round_trip;
mod told;
mod upkeep;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use slotbridge_core::merge::{Presence, Shadow};
use slotbridge_core::model::{
    Booking, BookingId, BridgeName, Client, Field, Kind, PlatformName, Private, RemoteId,
    ResourceKey, ResourceName, ServiceKey, ServiceName, Slot, Status,
};
use slotbridge_core::plan::{Action, Operation};
use slotbridge_core::record::{Record, RecordState, Support};
use tempfile::TempDir;

use crate::{Change, OpId, OpenOptions, RunId, Store, StoreError};

/// Stands in every fixture's client data; must never be seen outside of it.
const SECRET: &str = "Zinaida-Secretova";

fn second(n: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + n).unwrap()
}

fn main_bridge() -> BridgeName {
    BridgeName::new("main").unwrap()
}

fn salon() -> PlatformName {
    PlatformName::new("salon").unwrap()
}

fn site() -> PlatformName {
    PlatformName::new("site").unwrap()
}

fn booking_id(n: u128) -> BookingId {
    BookingId::from_u128(n)
}

fn remote(id: &str) -> RemoteId {
    RemoteId::new(id)
}

fn run_id(n: u128) -> RunId {
    RunId::from_u128(n)
}

fn op_id(n: u128) -> OpId {
    OpId::from_u128(n)
}

fn client() -> Client {
    Client {
        name: Private::new(SECRET),
        phone: Some(Private::new("+79000000001")),
        email: Some(Private::new(format!("{SECRET}@example.com"))),
    }
}

/// A booking of one hour that starts at this second.
fn booking(start: i64) -> Booking {
    Booking {
        resource: ResourceName::new("anna").unwrap(),
        services: vec![ServiceName::new("haircut").unwrap()],
        slot: Slot::new(second(start), second(start + 3600)).unwrap(),
        client: client(),
        status: Status::Booked,
        comment: Private::new(format!("{SECRET} wants tea")),
        kind: Kind::Appointment,
    }
}

fn live(start: i64) -> Presence {
    Presence::Live(booking(start))
}

fn shadow(start: i64) -> Shadow {
    Shadow {
        kept: live(start),
        agreed: live(start),
    }
}

fn record(id: &str, start: i64) -> Record {
    Record {
        id: remote(id),
        state: RecordState::Live,
        resource: ResourceKey::new("8886"),
        services: vec![ServiceKey::new("331")],
        start: second(start),
        end: Some(second(start + 3600)),
        client: client(),
        status: Status::Booked,
        comment: Private::new(format!("{SECRET} wants tea")),
        marker: None,
        is_block: false,
        changed_at: Some(second(start - 86_400)),
        created_at: None,
        resource_title: Some("Anna".to_owned()),
        service_title: Some("Haircut".to_owned()),
        group: None,
        support: Support::Full,
    }
}

fn create(n: u128, platform: &PlatformName) -> Operation {
    Operation {
        booking: booking_id(n),
        platform: platform.clone(),
        action: Action::Create {
            desired: booking(0),
        },
        because: vec![(salon(), remote("1"))],
        force: false,
        undoes: false,
    }
}

fn update(n: u128, platform: &PlatformName) -> Operation {
    let action = Action::Update {
        remote_id: remote("2"),
        shown: booking(0),
        desired: booking(7200),
        fields: BTreeSet::from([Field::Slot]),
        parking: false,
    };
    Operation {
        action,
        ..create(n, platform)
    }
}

fn remove(n: u128, platform: &PlatformName) -> Operation {
    let action = Action::Remove {
        remote_id: remote("3"),
        shown: booking(0),
    };
    Operation {
        action,
        ..create(n, platform)
    }
}

fn began(run: u128) -> Change {
    Change::RunBegan {
        run: run_id(run),
        kind: "scheduled".to_owned(),
        at: second(0),
    }
}

fn intent(op: u128, operation: Operation, at: Timestamp) -> Change {
    Change::Intent {
        op: op_id(op),
        run: run_id(1),
        bridge: main_bridge(),
        operation,
        fingerprint: format!("fingerprint {op}"),
        at,
    }
}

fn seen(record: Record, at: i64) -> Change {
    Change::MirrorSeen {
        platform: salon(),
        record,
        at: second(at),
    }
}

fn stored(id: u128, canonical: Presence, at: i64) -> Change {
    Change::Booking {
        bridge: main_bridge(),
        id: booking_id(id),
        canonical,
        at: second(at),
    }
}

fn linked(
    id: u128,
    platform: PlatformName,
    remote_id: Option<&str>,
    shadow: Shadow,
    at: i64,
) -> Change {
    Change::Link {
        bridge: main_bridge(),
        booking: booking_id(id),
        platform,
        remote_id: remote_id.map(remote),
        shadow,
        at: second(at),
    }
}

fn patient(holder: &str) -> OpenOptions {
    OpenOptions {
        lock_wait: Duration::from_secs(30),
        holder: holder.to_owned(),
    }
}

fn hasty() -> OpenOptions {
    OpenOptions {
        lock_wait: Duration::ZERO,
        holder: "a test".to_owned(),
    }
}

fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(path, &hasty())
}

/// A folder with nothing in it, and the path of a database in it.
fn nowhere() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("slotbridge.db");
    (folder, path)
}

/// Runs a test on a database in memory, on a file with threads, and on a file without: all three must do the same.
async fn everywhere(test: impl AsyncFn(Store)) {
    test(Store::in_memory().unwrap()).await;
    let (_folder, path) = nowhere();
    test(open(&path).unwrap()).await;
    let (_folder, path) = nowhere();
    test(Store::open_inline(&path, &hasty()).unwrap()).await;
}

/// Every file of a folder with its mode and content.
fn listing(folder: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            (
                entry.file_name().into_string().unwrap(),
                (mode, fs::read(entry.path()).unwrap()),
            )
        })
        .collect()
}

/// An error with everything that it says to whoever prints it.
fn everything_said(error: &StoreError) -> String {
    let mut said = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        write!(said, " {inner} {inner:?}").unwrap();
        source = inner.source();
    }
    said
}
