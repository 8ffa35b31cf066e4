//! Observing: bringing the mirror up to what a platform shows, and noting what the showing proves.
//!
//! A request that failed, or an answer that makes no sense, says nothing about absence (invariant 3).

mod listing;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use slotbridge_core::model::{RemoteId, ResourceKey};
use slotbridge_core::plan::Operation;
use slotbridge_core::record::{
    Coverage, Grid, Reading, Record, RecordState, Support, Unreadable, Window,
};
use slotbridge_platform::capabilities::Discovery;
use slotbridge_platform::platform::{Priority, Query};
use slotbridge_platform::{PlatformError, seam::Seam, tally};
use slotbridge_store::{Change, MirrorRow, Store};
use tokio_util::sync::CancellationToken;

use crate::EngineError;
use crate::bridge::{Phase, Progress};
use crate::event::Trouble;
use crate::watch::{GridAsk, Watch};
pub(crate) use listing::{Emptied, Seen};

/// For how long nothing may have been read so that records whose time is over by then are still asked for.
const UNREAD_FOR: SignedDuration = SignedDuration::from_hours(31 * 24);

/// How much of a platform is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Look {
    /// Everything in the window that the platform lists; of one that lists nothing every known record and every grid.
    Whole(Window),
    /// What starts in this part of the window, on a platform that lists.
    Part(Window),
    /// What changed since the cursor of the last listing.
    Since(String),
    /// Single records.
    Records(BTreeSet<RemoteId>),
    /// The free and busy times of these resources.
    Grids(BTreeSet<ResourceKey>),
}

/// What a platform showed.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    /// When the look began: what was in doubt before is settled by it.
    pub(crate) began_at: Timestamp,
    /// What absence means.
    pub(crate) coverage: Coverage,
    /// Records that were shown or read.
    pub(crate) seen: Seen,
    /// How many records a listing showed.
    pub(crate) shown: usize,
    /// Those of them that are new, changed or gone.
    pub(crate) changed: BTreeSet<RemoteId>,
    /// Records that were read one by one and are no longer at the time at which they were known, as they were known.
    pub(crate) left: Vec<Record>,
    /// Rows that could not be read.
    pub(crate) unreadable: Vec<Unreadable>,
    /// Start times, free and busy, per resource that could be read.
    pub(crate) grids: BTreeMap<ResourceKey, Grid>,
    /// Whether every known id was missing from a listing that showed others.
    pub(crate) ids_all_new: bool,
    /// That it showed nothing at all, and what of.
    pub(crate) emptied: Option<Emptied>,
    /// Why the platform could not be read.
    pub(crate) trouble: Option<Trouble>,
    /// Where the next incremental listing starts.
    pub(crate) cursor: Option<String>,
    /// Calls that it took.
    pub(crate) calls: u64,
}

impl Sight {
    /// Nothing seen yet.
    pub(crate) fn blank(began_at: Timestamp) -> Self {
        Self {
            began_at,
            coverage: Coverage::None,
            seen: Seen::default(),
            shown: 0,
            changed: BTreeSet::new(),
            left: Vec::new(),
            unreadable: Vec::new(),
            grids: BTreeMap::new(),
            ids_all_new: false,
            emptied: None,
            trouble: None,
            cursor: None,
            calls: 0,
        }
    }

    /// Whether it says anything of a record that was asked for: that it is there, gone, or cannot be read.
    pub(crate) fn has_answer_for(&self, id: &RemoteId) -> bool {
        self.seen.has_id(id)
            || self
                .unreadable
                .iter()
                .any(|row| row.id.as_ref() == Some(id))
    }

    /// Whether absence means anything.
    fn is_proven(&self) -> bool {
        matches!(self.coverage, Coverage::Complete(_))
    }

    /// A listing that was taken for complete did not show a record that stands.
    fn was_left_out(&mut self, id: &RemoteId) {
        tracing::debug!(record = %id, "A listing left out a record that stands.");
        let why = format!(
            "the listing left out record {id}, which stands there; nothing is concluded from it"
        );
        self.coverage = Coverage::Partial { why: why.clone() };
        self.trouble = Some(Trouble {
            kind: None,
            text: why,
        });
    }

    fn failed(&mut self, error: &PlatformError) {
        tracing::warn!(operation = error.operation, kind = ?error.kind, "A platform could not be read.");
        self.coverage = Coverage::Partial {
            why: error.to_string(),
        };
        self.trouble = Some(Trouble {
            kind: Some(error.kind),
            text: error.to_string(),
        });
    }
}

/// What a look needs besides its aim.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Observer<'a> {
    pub(crate) store: &'a Store,
    pub(crate) seam: &'a dyn Seam,
    pub(crate) watch: &'a Watch,
    pub(crate) priority: Priority,
    /// Records that somebody waits for, whatever else is looked at.
    pub(crate) asked: &'a BTreeSet<RemoteId>,
    /// Whether a record that is as it was is noted as seen again; a look that comes every few seconds leaves that.
    pub(crate) note_unchanged: bool,
    /// Whether the look itself is noted although it found nothing new.
    pub(crate) note_look: bool,
    pub(crate) cancel: &'a CancellationToken,
    pub(crate) progress: &'a dyn Progress,
}

impl Observer<'_> {
    /// Looks at the platform and stores what it showed.
    pub(crate) async fn look(&self, look: &Look) -> Result<Sight, EngineError> {
        let (sight, calls) = tally::counted(self.look_uncounted(look)).await;
        Ok(Sight { calls, ..sight? })
    }

    async fn look_uncounted(&self, look: &Look) -> Result<Sight, EngineError> {
        let mut sight = Sight::blank(self.seam.now());
        match (look, self.watch.platform.capabilities().discovery) {
            (Look::Whole(window), Discovery::List) => {
                self.list_window(*window, Query::Window, &mut sight).await?;
            }
            (Look::Part(window), Discovery::List) => {
                self.list_window(*window, Query::Watch, &mut sight).await?;
            }
            (Look::Since(cursor), _) => {
                self.list_since(cursor, &mut sight).await?;
            }
            (Look::Whole(window) | Look::Part(window), Discovery::ReadKnown) => {
                let ids = self.known_ids(*window).await?;
                self.read(ids, &mut sight).await?;
            }
            (Look::Records(ids), _) => {
                self.read(ids.iter().cloned().collect(), &mut sight).await?;
            }
            (Look::Grids(_), _) => {}
        }
        let asks: Vec<&GridAsk> = match look {
            Look::Whole(_) => self.watch.grids.iter().collect(),
            Look::Grids(resources) => self
                .watch
                .grids
                .iter()
                .filter(|ask| resources.contains(&ask.resource))
                .collect(),
            Look::Part(_) | Look::Since(_) | Look::Records(_) => Vec::new(),
        };
        if sight.trouble.is_none() {
            self.read_grids(&asks, &mut sight).await;
        }
        let lists_nothing = self.watch.platform.capabilities().discovery == Discovery::ReadKnown;
        if lists_nothing && matches!(look, Look::Whole(_) | Look::Grids(_)) {
            self.note_seen().await?;
        }
        Ok(sight)
    }

    /// Lists what changed since a cursor. What it does not show is as it was.
    async fn list_since(&self, cursor: &str, sight: &mut Sight) -> Result<(), EngineError> {
        let (store, watch) = (self.store, self.watch);
        let name = watch.name();
        let query = Query::Since(cursor.to_owned());
        let listing = match watch.platform.list(&query, self.priority).await {
            Ok(listing) => listing,
            Err(error) => {
                sight.failed(&error);
                return Ok(());
            }
        };
        let stored = self.stored(&listing.records).await?;
        let at = self.seam.now();
        let mut changes: Vec<Change> = Vec::new();
        sight.shown = listing.records.len();
        for record in listing.records {
            let is_news = has_changed_to(stored.get(&record.id), &record);
            sight.seen.insert(record.id.clone());
            if is_news {
                sight.changed.insert(record.id.clone());
            }
            if is_news || self.note_unchanged {
                changes.push(Change::MirrorListed {
                    platform: name.clone(),
                    record,
                    begun_at: sight.began_at,
                    at,
                });
            }
        }
        self.note_unreadable(&listing.unreadable, at, &mut changes)
            .await?;
        if let Coverage::Partial { why } = &listing.coverage {
            sight.trouble = Some(Trouble {
                kind: None,
                text: why.clone(),
            });
        }
        sight.unreadable = listing.unreadable;
        sight.coverage = listing.coverage;
        sight.cursor.clone_from(&listing.cursor);
        // A look without a change writes nothing: an older cursor only means that a few records are shown again.
        if self.note_unchanged || self.note_look || !changes.is_empty() {
            changes.push(Change::PlatformSeen {
                platform: name.clone(),
                cursor: listing.cursor,
                complete: None,
                at,
                time_zone: watch.zone_name(),
            });
            store.apply(changes).await?;
        }
        Ok(())
    }

    /// Absence from a complete listing is only a reason to look: the record may have moved out of the window. One that
    /// stands inside all the same was left out, and so may be others that nobody knows: then the listing proves nothing.
    /// Tells whether that is so; one that was read since the look began does not count.
    async fn confirm_absent(
        &self,
        absent: Vec<RemoteId>,
        window: Window,
        sight: &mut Sight,
    ) -> Result<bool, EngineError> {
        let mut left_out = false;
        let known = self.known_before(&absent, sight.began_at).await?;
        for id in absent {
            let begun_at = self.seam.now();
            match self.watch.platform.read(&id, Priority::Hint).await {
                Ok(reading) => {
                    // Whatever it is, it is not where the mirror has it.
                    sight.changed.insert(id.clone());
                    if known.contains(&id) && stands_in(window, &reading) {
                        sight.was_left_out(&id);
                        left_out = true;
                    }
                    let mut changes = Vec::with_capacity(1);
                    self.note_reading(id, reading, begun_at, sight, &mut changes);
                    self.store.apply(changes).await?;
                }
                Err(error) => {
                    sight.failed(&error);
                    break;
                }
            }
        }
        Ok(left_out)
    }

    /// Those of the records that nobody has seen since the look began: one that was written meanwhile may have come too
    /// late for the listing.
    async fn known_before(
        &self,
        ids: &[RemoteId],
        began_at: Timestamp,
    ) -> Result<BTreeSet<RemoteId>, EngineError> {
        let rows = self.store.mirror_rows(self.watch.name(), ids.to_vec());
        // A stamp that lies ahead says nothing: then the clock was set back.
        let meanwhile = began_at..=self.seam.now();
        Ok(rows
            .await?
            .into_iter()
            .filter(|row| !meanwhile.contains(&row.seen_at))
            .map(|row| row.record.id)
            .collect())
    }

    fn note_reading(
        &self,
        id: RemoteId,
        reading: Reading,
        begun_at: Timestamp,
        sight: &mut Sight,
        changes: &mut Vec<Change>,
    ) {
        let (platform, at) = (self.watch.name().clone(), self.seam.now());
        match reading {
            Reading::Found(record) => {
                sight.seen.insert(id);
                // A write of ours may have landed while the answer was on its way.
                changes.push(Change::MirrorListed {
                    platform,
                    record: *record,
                    begun_at,
                    at,
                });
            }
            Reading::Missing => {
                sight.seen.insert(id.clone());
                changes.push(Change::MirrorMissing { platform, id, at });
            }
            Reading::Unreadable(row) => {
                changes.push(Change::MirrorUnreadable {
                    platform,
                    id: Some(id),
                    why: row.why.clone(),
                    at,
                });
                sight.unreadable.push(row);
            }
        }
    }

    /// Reads records one by one, in this order.
    async fn read(&self, ids: Vec<RemoteId>, sight: &mut Sight) -> Result<(), EngineError> {
        let (store, watch) = (self.store, self.watch);
        let name = watch.name();
        let total = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        for (done, id) in ids.into_iter().enumerate() {
            if self.cancel.is_cancelled() {
                sight.coverage = Coverage::Partial {
                    why: "the run was stopped".to_owned(),
                };
                break;
            }
            self.step(done, total);
            let begun_at = self.seam.now();
            let reading = match self.read_certainly(&id).await {
                Ok(reading) => reading,
                Err(error) => {
                    sight.failed(&error);
                    break;
                }
            };
            let before = store.mirror_rows(name, vec![id.clone()]).await?.pop();
            if has_changed(before.as_ref(), &reading) {
                sight.changed.insert(id.clone());
            }
            sight
                .left
                .extend(has_left(before.as_ref(), &reading).cloned());
            let mut changes = Vec::with_capacity(2);
            self.note_reading(id, reading, begun_at, sight, &mut changes);
            changes.push(self.platform_seen());
            // Each reading costs seconds of quota: it is kept even if the next one fails.
            store.apply(changes).await?;
        }
        Ok(())
    }

    async fn note_seen(&self) -> Result<(), EngineError> {
        Ok(self.store.apply(vec![self.platform_seen()]).await?)
    }

    fn platform_seen(&self) -> Change {
        Change::PlatformSeen {
            platform: self.watch.name().clone(),
            cursor: None,
            complete: None,
            at: self.seam.now(),
            time_zone: self.watch.zone_name(),
        }
    }

    /// What was begun there and had no answer yet.
    async fn open_there(&self) -> Result<Vec<Operation>, EngineError> {
        let mut open = Vec::new();
        for bridge in &self.watch.bridges {
            let rows = self.store.journal_open(bridge).await?;
            let operations = rows.into_iter().map(|row| row.operation);
            open.extend(operations.filter(|one| one.platform == *self.watch.name()));
        }
        Ok(open)
    }

    /// Every record that is known to live, the nearest slot first, and those that the owner named. One whose time has begun
    /// since it was last read is read once more, although it may be long over: it may have been moved before. So is one that
    /// we may have moved ourselves.
    async fn known_ids(&self, window: Window) -> Result<Vec<RemoteId>, EngineError> {
        let (name, now) = (self.watch.name(), self.seam.now());
        let since = window
            .from
            .saturating_sub(UNREAD_FOR)
            .unwrap_or(Timestamp::MIN);
        let written: BTreeSet<RemoteId> = self
            .open_there()
            .await?
            .iter()
            .filter_map(|operation| operation.action.remote_id().cloned())
            .collect();
        let mut live = self.store.live_sights(name, since).await?;
        live.retain(|record| {
            let is_due = record.start >= window.from
                || record.seen_at < record.start
                || written.contains(&record.id);
            is_due && !crate::blocks::is_block_id(&record.id)
        });
        live.sort_by_cached_key(|record| {
            (
                record.start < now,
                record.start.duration_since(now).abs(),
                record.id.clone(),
            )
        });
        let mut ids: Vec<RemoteId> = live.into_iter().map(|record| record.id).collect();
        let named = self.watch.known_records.clone();
        let mirrored: BTreeSet<RemoteId> = self
            .store
            .mirror_rows(name, named.clone())
            .await?
            .into_iter()
            .map(|row| row.record.id)
            .collect();
        ids.extend(named.into_iter().filter(|id| !mirrored.contains(id)));
        Ok(ids)
    }

    /// Where no listing can bear it out, "no such record" counts only when it is said twice (rubitime contract, 5).
    async fn read_certainly(&self, id: &RemoteId) -> Result<Reading, PlatformError> {
        let platform = self.watch.platform.as_ref();
        match (
            platform.read(id, self.priority).await?,
            platform.capabilities().discovery,
        ) {
            (Reading::Missing, Discovery::ReadKnown) => platform.read(id, Priority::Hint).await,
            (reading, _) => Ok(reading),
        }
    }

    async fn read_grids(&self, asks: &[&GridAsk], sight: &mut Sight) {
        let total = u64::try_from(asks.len()).unwrap_or(u64::MAX);
        for (done, ask) in asks.iter().enumerate() {
            if self.cancel.is_cancelled() {
                return;
            }
            self.step(done, total);
            let asked = self
                .watch
                .platform
                .occupancy(&ask.resource, &ask.service, ask.length, self.priority)
                .await;
            match asked {
                Ok(grid) => {
                    sight.grids.insert(ask.resource.clone(), grid);
                }
                Err(error) => {
                    sight.failed(&error);
                    return;
                }
            }
        }
    }

    fn step(&self, done: usize, total: u64) {
        let done = u64::try_from(done).unwrap_or(u64::MAX);
        if let Some(bridge) = self.watch.bridges.first() {
            self.progress.step(bridge, Phase::Observe, done, total);
        }
    }
}

/// Whether a reading shows a booking that takes its time and starts in the window. What is none may not be a row of its
/// own, such as a day that a recurring rule promises.
fn stands_in(window: Window, reading: &Reading) -> bool {
    match reading {
        Reading::Found(record) => {
            record.state == RecordState::Live
                && record.support == Support::Full
                && window.contains(record.start)
        }
        Reading::Missing | Reading::Unreadable(_) => false,
    }
}

/// Whether a record says what it said before. What the platform calls its resource or service is no part of that, nor
/// what a bridge made of its being one of several of a visit.
pub(crate) fn is_as_it_was(before: &Record, now: &Record) -> bool {
    let now = Record {
        resource_title: before.resource_title.clone(),
        service_title: before.service_title.clone(),
        support: before.support,
        ..now.clone()
    };
    *before == now
}

/// Whether a record says something else than the mirror.
fn has_changed_to(before: Option<&MirrorRow>, record: &Record) -> bool {
    before.is_none_or(|before| {
        before.unreadable.is_some()
            || before.record.support != record.support
            || !is_as_it_was(&before.record, record)
    })
}

/// The record as it was known, if a reading says that it does not take that time any more.
pub(crate) fn has_left<'a>(before: Option<&'a MirrorRow>, reading: &Reading) -> Option<&'a Record> {
    let before = &before?.record;
    let takes = |record: &Record| record.state == RecordState::Live;
    let same_time = |now: &Record| {
        takes(now)
            && now.resource == before.resource
            && now.start == before.start
            && now.end == before.end
    };
    let left = match reading {
        Reading::Found(now) => !same_time(now),
        Reading::Missing => true,
        Reading::Unreadable(_) => false,
    };
    Some(before).filter(|before| left && takes(before))
}

/// Whether a reading says something else than the mirror.
pub(crate) fn has_changed(before: Option<&MirrorRow>, reading: &Reading) -> bool {
    match (before, reading) {
        (before, Reading::Found(record)) => has_changed_to(before, record),
        (Some(before), Reading::Missing) => before.record.state != RecordState::Deleted,
        (None, Reading::Missing) | (_, Reading::Unreadable(_)) => false,
    }
}
