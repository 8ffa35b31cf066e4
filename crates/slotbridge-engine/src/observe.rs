//! Observing: bringing the mirror up to what a platform shows, and noting what the showing proves.
//!
//! A request that failed, or an answer that makes no sense, says nothing about absence (invariant 3).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use slotbridge_core::model::{RemoteId, ResourceName};
use slotbridge_core::record::{
    Coverage, Grid, Listing, Reading, Record, RecordState, Unreadable, Window,
};
use slotbridge_platform::capabilities::{Discovery, OccupancyView};
use slotbridge_platform::platform::{Priority, Query};
use slotbridge_platform::{PlatformError, seam::Seam};
use slotbridge_store::{Change, MirrorRow, Store};

use crate::EngineError;
use crate::bridge::{Bridge, Member, Phase, RunOptions};

/// From how many live records on a listing that shows none of them is a feed with new ids, not a busy day.
const NEW_IDS_FROM: usize = 5;

/// What one platform showed in this run.
#[derive(Debug)]
pub(crate) struct Observed {
    /// What absence means.
    pub(crate) coverage: Coverage,
    /// Records that were shown or read in this run.
    pub(crate) seen: BTreeSet<RemoteId>,
    /// Rows that could not be read.
    pub(crate) unreadable: Vec<Unreadable>,
    /// Start times, free and busy, per resource that could be read.
    pub(crate) grids: BTreeMap<ResourceName, Grid>,
    /// Whether every known id was missing from a listing that showed others.
    pub(crate) ids_all_new: bool,
    /// Why the platform could not be read, scrubbed.
    pub(crate) error: Option<String>,
    /// The account's call counter before the run.
    pub(crate) calls_before: u64,
}

/// Reads one platform and stores what it showed.
pub(crate) async fn observe(
    store: &Store,
    seam: &dyn Seam,
    bridge: &Bridge,
    member: &Member,
    window: Window,
    options: &RunOptions,
) -> Result<Observed, EngineError> {
    let mut observed = Observed {
        coverage: Coverage::None,
        seen: BTreeSet::new(),
        unreadable: Vec::new(),
        grids: BTreeMap::new(),
        ids_all_new: false,
        error: None,
        calls_before: member.calls.load(Ordering::Relaxed),
    };
    match member.platform.capabilities().discovery {
        Discovery::List => list(store, seam, member, window, &mut observed).await?,
        Discovery::ReadKnown => {
            read_known(store, seam, bridge, member, window, options, &mut observed).await?;
        }
    }
    if observed.error.is_none() && member.platform.capabilities().occupancy == OccupancyView::Grid {
        read_grids(bridge, member, options, &mut observed).await;
    }
    Ok(observed)
}

async fn list(
    store: &Store,
    seam: &dyn Seam,
    member: &Member,
    window: Window,
    observed: &mut Observed,
) -> Result<(), EngineError> {
    let name = member.platform.name();
    let listing = match member
        .platform
        .list(&Query::Window(window), Priority::Sweep)
        .await
    {
        Ok(listing) => listing,
        Err(error) => {
            failed(observed, &error);
            return Ok(());
        }
    };
    let live: Vec<MirrorRow> = store
        .mirror(name, window.from)
        .await?
        .into_iter()
        .filter(|row| row.record.state == RecordState::Live && window.contains(row.record.start))
        .collect();
    let coverage = doubt_empty(&listing, live.len());
    let now = seam.now();
    let mut changes: Vec<Change> = Vec::with_capacity(listing.records.len() + 1);
    let shown: BTreeSet<&RemoteId> = listing.records.iter().map(|record| &record.id).collect();
    let unread: BTreeSet<&RemoteId> = listing
        .unreadable
        .iter()
        .filter_map(|row| row.id.as_ref())
        .collect();
    let mut absent: Vec<RemoteId> = Vec::new();
    // A row without a readable id could be any of the absent ones.
    if matches!(coverage, Coverage::Complete(_))
        && listing.unreadable.iter().all(|row| row.id.is_some())
    {
        absent.extend(
            live.iter()
                .map(|row| &row.record.id)
                .filter(|id| !shown.contains(id) && !unread.contains(id))
                .cloned(),
        );
        observed.ids_all_new =
            live.len() >= NEW_IDS_FROM && absent.len() == live.len() && !listing.records.is_empty();
    }
    let complete = match &coverage {
        Coverage::Complete(proven) => Some(*proven),
        Coverage::Partial { .. } | Coverage::Incremental | Coverage::None => None,
    };
    for record in listing.records {
        observed.seen.insert(record.id.clone());
        changes.push(Change::MirrorSeen {
            platform: name.clone(),
            record,
            at: now,
        });
    }
    for row in &listing.unreadable {
        changes.push(Change::MirrorUnreadable {
            platform: name.clone(),
            id: row.id.clone(),
            why: row.why.clone(),
            at: now,
        });
    }
    if let Coverage::Partial { why } = &coverage {
        observed.error = Some(why.clone());
    }
    observed.unreadable = listing.unreadable;
    observed.coverage = coverage;
    if !observed.ids_all_new {
        confirm_absent(seam, member, absent, observed, &mut changes).await;
    }
    changes.push(Change::PlatformSeen {
        platform: name.clone(),
        cursor: listing.cursor,
        complete,
        at: now,
        time_zone: member.time_zone.iana_name().map(str::to_owned),
    });
    store.apply(changes).await?;
    Ok(())
}

/// An empty listing over a mirror that isn't empty proves nothing.
fn doubt_empty(listing: &Listing, live_known: usize) -> Coverage {
    let empty = listing.records.is_empty() && listing.unreadable.is_empty();
    match &listing.coverage {
        Coverage::Complete(_) if empty && live_known > 0 => Coverage::Partial {
            why: format!(
                "the listing is empty, but {live_known} live records are known; nothing is concluded from it"
            ),
        },
        Coverage::Complete(_)
        | Coverage::Partial { .. }
        | Coverage::Incremental
        | Coverage::None => listing.coverage.clone(),
    }
}

/// Absence from a complete listing is only a reason to look: the record may have moved out of the window.
async fn confirm_absent(
    seam: &dyn Seam,
    member: &Member,
    absent: Vec<RemoteId>,
    observed: &mut Observed,
    changes: &mut Vec<Change>,
) {
    for id in absent {
        match member.platform.read(&id, Priority::Hint).await {
            Ok(reading) => note_reading(seam, member, id, reading, observed, changes),
            Err(error) => {
                failed(observed, &error);
                return;
            }
        }
    }
}

fn note_reading(
    seam: &dyn Seam,
    member: &Member,
    id: RemoteId,
    reading: Reading,
    observed: &mut Observed,
    changes: &mut Vec<Change>,
) {
    let (platform, at) = (member.platform.name().clone(), seam.now());
    match reading {
        Reading::Found(record) => {
            observed.seen.insert(id);
            changes.push(Change::MirrorSeen {
                platform,
                record: *record,
                at,
            });
        }
        Reading::Missing => {
            observed.seen.insert(id.clone());
            changes.push(Change::MirrorMissing { platform, id, at });
        }
        Reading::Unreadable(row) => {
            changes.push(Change::MirrorUnreadable {
                platform,
                id: Some(id),
                why: row.why.clone(),
                at,
            });
            observed.unreadable.push(row);
        }
    }
}

/// Re-reads every known record of a platform that lists nothing, the nearest slot first.
async fn read_known(
    store: &Store,
    seam: &dyn Seam,
    bridge: &Bridge,
    member: &Member,
    window: Window,
    options: &RunOptions,
    observed: &mut Observed,
) -> Result<(), EngineError> {
    let name = member.platform.name();
    let ids = known_ids(store, member, window, seam.now()).await?;
    let total = u64::try_from(ids.len()).unwrap_or(u64::MAX);
    for (done, id) in ids.into_iter().enumerate() {
        if options.cancel.is_cancelled() {
            observed.coverage = Coverage::Partial {
                why: "the run was stopped".to_owned(),
            };
            break;
        }
        options.progress.step(
            &bridge.name,
            Phase::Observe,
            u64::try_from(done).unwrap_or(u64::MAX),
            total,
        );
        let reading = match read_certainly(member, &id).await {
            Ok(reading) => reading,
            Err(error) => {
                failed(observed, &error);
                break;
            }
        };
        let mut changes = Vec::with_capacity(1);
        note_reading(seam, member, id, reading, observed, &mut changes);
        // Each reading costs seconds of quota: it is kept even if the next one fails.
        store.apply(changes).await?;
    }
    store
        .apply(vec![Change::PlatformSeen {
            platform: name.clone(),
            cursor: None,
            complete: None,
            at: seam.now(),
            time_zone: member.time_zone.iana_name().map(str::to_owned),
        }])
        .await?;
    Ok(())
}

async fn known_ids(
    store: &Store,
    member: &Member,
    window: Window,
    now: Timestamp,
) -> Result<Vec<RemoteId>, EngineError> {
    let rows = store.mirror(member.platform.name(), window.from).await?;
    let mut live: Vec<&Record> = rows
        .iter()
        .map(|row| &row.record)
        .filter(|record| {
            record.state == RecordState::Live && !crate::blocks::is_block_id(&record.id)
        })
        .collect();
    live.sort_by_key(|record| {
        (
            record.start < now,
            record.start.duration_since(now).abs(),
            record.id.clone(),
        )
    });
    let mut ids: Vec<RemoteId> = live.into_iter().map(|record| record.id.clone()).collect();
    let named = member.known_records.clone();
    let mirrored: BTreeSet<RemoteId> = store
        .mirror_rows(member.platform.name(), named.clone())
        .await?
        .into_iter()
        .map(|row| row.record.id)
        .collect();
    ids.extend(named.into_iter().filter(|id| !mirrored.contains(id)));
    Ok(ids)
}

/// Where no listing can bear it out, "no such record" counts only when it is said twice (rubitime contract, 5).
async fn read_certainly(member: &Member, id: &RemoteId) -> Result<Reading, PlatformError> {
    match member.platform.read(id, Priority::Sweep).await? {
        Reading::Missing => member.platform.read(id, Priority::Hint).await,
        found @ (Reading::Found(_) | Reading::Unreadable(_)) => Ok(found),
    }
}

/// One grid per resource, for its shortest service: that shows every busy time once.
async fn read_grids(
    bridge: &Bridge,
    member: &Member,
    options: &RunOptions,
    observed: &mut Observed,
) {
    let shortest = member
        .mapping
        .services()
        .filter_map(|(_, key, length)| length.map(|length| (length, key)))
        .min_by_key(|(length, key)| (*length, (*key).clone()));
    let Some((length, service)) = shortest else {
        return;
    };
    let resources: Vec<_> = member
        .mapping
        .resources()
        .map(|(name, key)| (name.clone(), key.clone()))
        .collect();
    let total = u64::try_from(resources.len()).unwrap_or(u64::MAX);
    for (done, (name, key)) in resources.into_iter().enumerate() {
        if options.cancel.is_cancelled() {
            return;
        }
        options.progress.step(
            &bridge.name,
            Phase::Observe,
            u64::try_from(done).unwrap_or(u64::MAX),
            total,
        );
        match member
            .platform
            .occupancy(&key, service, length, Priority::Sweep)
            .await
        {
            Ok(grid) => {
                observed.grids.insert(name, grid);
            }
            Err(error) => {
                failed(observed, &error);
                return;
            }
        }
    }
}

fn failed(observed: &mut Observed, error: &PlatformError) {
    tracing::warn!(operation = error.operation, kind = ?error.kind, "A platform could not be read.");
    observed.coverage = Coverage::Partial {
        why: error.to_string(),
    };
    observed.error = Some(error.to_string());
}
