//! A database in which two platforms of any size are in step.

use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use slotbridge_core::mapping;
use slotbridge_core::merge::{Presence, Shadow};
use slotbridge_core::model::BookingId;
use slotbridge_core::record::Record;
use slotbridge_store::{Change, OpenOptions, Store};

use crate::bulk::{self, Bulk, Shape};

const BATCH: u64 = 5_000;

/// Fills a new database with what an engine would have there after a pass.
pub(crate) fn fill(path: &Path, count: u64) {
    let shape = |marked| Shape {
        count,
        changed_of: 0,
        marked,
        feed: false,
    };
    let shapes = [("a", shape(false)), ("b", shape(true))];
    let bridge = bulk::bridge(&shapes.map(|(name, shape)| Bulk::new(name, shape)));
    let at = bulk::now() - SignedDuration::from_hours(1);
    let options = OpenOptions {
        lock_wait: Duration::ZERO,
        holder: "bench".to_owned(),
    };
    let store = Store::open(path, &options).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut index = 0;
        while index < count {
            let end = (index + BATCH).min(count);
            let mut changes = Vec::new();
            for one in index..end {
                let id: BookingId = bulk::booking_id(one);
                let records: Vec<Record> = shapes
                    .iter()
                    .map(|(name, shape)| bulk::record(name, one, *shape, false))
                    .collect();
                let canonical =
                    mapping::to_booking(&records[0], &bridge.members[0].mapping).unwrap();
                changes.push(Change::Booking {
                    bridge: bridge.name.clone(),
                    id,
                    canonical: Presence::Live(canonical.clone()),
                    at,
                });
                for (record, member) in records.into_iter().zip(&bridge.members) {
                    let platform = member.platform.name().clone();
                    let kept = mapping::to_booking(&record, &member.mapping).unwrap();
                    changes.push(Change::Link {
                        bridge: bridge.name.clone(),
                        booking: id,
                        platform: platform.clone(),
                        remote_id: Some(record.id.clone()),
                        shadow: Shadow {
                            kept: Presence::Live(kept),
                            agreed: Presence::Live(
                                member.platform.projection().project(&canonical),
                            ),
                        },
                        at,
                    });
                    changes.push(Change::MirrorSeen {
                        platform,
                        record,
                        at,
                    });
                }
            }
            store.apply(changes).await.unwrap();
            index = end;
        }
        store.close().await.unwrap();
    });
}
