//! Looking at a platform for the loop: which look fits the platform, and what it brought.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use slotbridge_core::model::{BookingId, BridgeName, PlatformName, RemoteId, ResourceKey};
use slotbridge_core::plan::Action;
use slotbridge_core::record::{Coverage, Grid, Window};
use slotbridge_platform::capabilities::{ChangeFeed, Discovery};
use slotbridge_platform::platform::Priority;
use slotbridge_store::JournalRow;
use tokio_util::sync::CancellationToken;

use crate::EngineError;
use crate::bridge::NoProgress;
use crate::event::LookKind;
use crate::observe::{Look, Observer, Sight};
use crate::run::Engine;
use crate::watch::Watch;

/// How far ahead a near look reaches: today and the next days.
const NEAR_AHEAD: SignedDuration = SignedDuration::from_hours(72);
/// How far back it reaches: a booking of this morning may still be cancelled.
const NEAR_BEHIND: SignedDuration = SignedDuration::from_hours(12);

/// How often in a row a grid that shows something new is looked at again at once.
const AGAIN_MAX: u32 = 3;

/// From how many records on a listing is cheaper than reading them one by one.
const MANY_RECORDS: usize = 20;

/// What a platform's looks need to know of each other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    /// Where the next incremental listing starts.
    pub(crate) cursor: Option<String>,
    /// When each grid was last read.
    pub(crate) grids_read: BTreeMap<ResourceKey, Timestamp>,
    /// Resources whose last grid showed something new, which a second look has to confirm, and how often in a row it did.
    pub(crate) unsure: BTreeMap<ResourceKey, u32>,
    /// Records that the owner named and of which it is known whether they are there.
    named_read: BTreeSet<RemoteId>,
    /// Records that the owner named and that cannot be read, and when that was last tried.
    named_unreadable: BTreeMap<RemoteId, Timestamp>,
}

impl Memory {
    /// Notes what a look says of the records that the owner named, whatever it was for. One of which it says nothing is
    /// still to be looked for.
    pub(crate) fn note_named(&mut self, named: &[RemoteId], sight: &Sight, now: Timestamp) {
        for id in named.iter().filter(|id| sight.has_answer_for(id)) {
            if sight.seen.has_id(id) {
                self.named_read.insert(id.clone());
                self.named_unreadable.remove(id);
            } else {
                self.named_unreadable.insert(id.clone(), now);
            }
        }
    }

    /// When a named record that the mirror does not have was last looked for; nothing if it need not be any more.
    ///
    /// One that is not there would be the next to be read for ever, and nothing else would ever be looked at; one that cannot
    /// be read waits for its turn.
    fn named_read_at(&self, id: &RemoteId) -> Option<Timestamp> {
        if self.named_read.contains(id) {
            return None;
        }
        let tried = self.named_unreadable.get(id).copied();
        Some(tried.unwrap_or(Timestamp::MIN))
    }
}

/// A look in the making.
#[derive(Debug, Clone)]
pub(crate) struct Looker {
    pub(crate) engine: Engine,
    pub(crate) watch: Arc<Watch>,
    pub(crate) memory: Memory,
    /// Whether the look is noted in the database although it finds nothing new.
    pub(crate) note_look: bool,
    pub(crate) cancel: CancellationToken,
}

/// What a look at one of many brought, and how many there are.
#[derive(Debug, Clone)]
pub(crate) struct Looked {
    pub(crate) sight: Sight,
    /// How many looks of this kind it takes to see everything; 1 where one shows all.
    pub(crate) steps: u32,
    /// Since when everything of the platform has been seen, where it takes many looks.
    pub(crate) all_seen_since: Option<Timestamp>,
}

/// One thing that is looked at on a platform that lists nothing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Grid(ResourceKey),
    Record(RemoteId),
}

impl Looked {
    /// A look at single records.
    pub(crate) fn at(sight: Sight) -> Self {
        Self {
            sight,
            steps: 1,
            all_seen_since: None,
        }
    }
}

impl Looker {
    /// Looks for changes.
    pub(crate) async fn poll(&self, kind: LookKind) -> Result<Looked, EngineError> {
        let capabilities = self.watch.platform.capabilities();
        if capabilities.discovery == Discovery::ReadKnown {
            return match kind {
                LookKind::Sweep => self.all_grids().await,
                LookKind::Hint | LookKind::Near | LookKind::Far => self.step(kind).await,
            };
        }
        let now = self.engine.seam.now();
        let look = match (kind, capabilities.change_feed, &self.memory.cursor) {
            (LookKind::Near, ChangeFeed::SinceCursor, Some(cursor)) => Look::Since(cursor.clone()),
            (LookKind::Near, ChangeFeed::None, _) => Look::Part(self.near(now)),
            (LookKind::Near | LookKind::Hint | LookKind::Far | LookKind::Sweep, _, _) => {
                Look::Whole(self.watch.window(now))
            }
        };
        let sight = self.look(&look, kind).await?;
        let mut looked = whole(sight);
        if matches!(look, Look::Part(_)) {
            // However complete, it says nothing of what lies farther ahead.
            looked.all_seen_since = None;
        }
        Ok(looked)
    }

    /// Reads records, or lists where that is cheaper.
    pub(crate) async fn records(
        &self,
        ids: &BTreeSet<RemoteId>,
        priority: Priority,
    ) -> Result<Sight, EngineError> {
        let lists = self.watch.platform.capabilities().discovery == Discovery::List;
        if ids.len() < MANY_RECORDS || !lists {
            return self
                .observe(&Look::Records(ids.clone()), priority, true)
                .await;
        }
        let look = match &self.memory.cursor {
            Some(cursor) => Look::Since(cursor.clone()),
            None => Look::Whole(self.watch.window(self.engine.seam.now())),
        };
        let mut sight = self.observe_for(&look, priority, true, ids).await?;
        if sight.trouble.is_none() {
            let missed = ids.iter().filter(|id| !sight.seen.has_id(id));
            let rest: BTreeSet<RemoteId> = missed.cloned().collect();
            let read = self.observe(&Look::Records(rest), priority, true).await?;
            join(&mut sight, read);
        }
        Ok(sight)
    }

    /// Looks at what may have become of these operations.
    pub(crate) async fn settle(&self, open: &[JournalRow]) -> Result<Sight, EngineError> {
        let now = self.engine.seam.now();
        let mut records: BTreeSet<RemoteId> = BTreeSet::new();
        let mut made = false;
        for row in open {
            match &row.operation.action {
                Action::Create { .. } => made = true,
                Action::Update { remote_id, .. } | Action::Remove { remote_id, .. } => {
                    records.insert(remote_id.clone());
                }
            }
        }
        let mut sight = Sight::blank(now);
        if made {
            let look = match self.watch.platform.capabilities().discovery {
                // A record that was made may have been moved since, to anywhere.
                Discovery::List => Look::Whole(self.watch.window(now)),
                Discovery::ReadKnown => {
                    Look::Grids(self.watch.grid_resources().into_iter().cloned().collect())
                }
            };
            sight = self.observe(&look, Priority::Hint, true).await?;
        }
        if sight.trouble.is_none() && !records.is_empty() {
            let read = self
                .observe(&Look::Records(records), Priority::Hint, true)
                .await?;
            join(&mut sight, read);
        }
        sight.began_at = now;
        Ok(sight)
    }

    /// The grids of a platform that lists nothing; its records are read one by one.
    async fn all_grids(&self) -> Result<Looked, EngineError> {
        let resources = self.watch.grid_resources().into_iter().cloned().collect();
        let sight = self.look(&Look::Grids(resources), LookKind::Sweep).await?;
        Ok(whole(sight))
    }

    /// Of a platform that lists nothing, what is most due.
    async fn step(&self, kind: LookKind) -> Result<Looked, EngineError> {
        let now = self.engine.seam.now();
        let items = self.items(now).await?;
        let (near, far): (Vec<_>, Vec<_>) = items.into_iter().partition(|(_, _, near)| *near);
        let all_seen_since = near.iter().chain(&far).map(|(at, _, _)| *at).min();
        let these = if kind == LookKind::Far { far } else { near };
        let steps = turns(&these);
        let oldest = most_due(these, &self.memory.unsure, now);
        let look = match oldest {
            Some(Item::Grid(resource)) => Look::Grids(BTreeSet::from([resource])),
            Some(Item::Record(id)) => Look::Records(BTreeSet::from([id])),
            None => Look::Records(BTreeSet::new()),
        };
        Ok(Looked {
            sight: self.look(&look, kind).await?,
            steps,
            all_seen_since,
        })
    }

    /// Everything that can be looked at, when that was last done, and whether it is near. What was looked at in the future,
    /// before the clock was set back, was looked at long ago.
    async fn items(&self, now: Timestamp) -> Result<Vec<(Timestamp, Item, bool)>, EngineError> {
        let near = self.near(now);
        let name = self.watch.name();
        let rows = self.engine.store.live_sights(name, near.from).await?;
        let mut items: Vec<(Timestamp, Item, bool)> = rows
            .into_iter()
            .filter(|row| !crate::blocks::is_block_id(&row.id))
            .map(|row| (row.seen_at, Item::Record(row.id), near.contains(row.start)))
            .collect();
        let named = self.watch.known_records.clone();
        let mirrored: BTreeSet<RemoteId> = self
            .engine
            .store
            .mirror_rows(self.watch.name(), named.clone())
            .await?
            .into_iter()
            .map(|row| row.record.id)
            .collect();
        let unread = named.into_iter().filter(|id| !mirrored.contains(id));
        items.extend(unread.filter_map(|id| {
            let at = self.memory.named_read_at(&id)?;
            Some((at, Item::Record(id), true))
        }));
        items.extend(self.watch.grid_resources().into_iter().map(|resource| {
            let read = self.memory.grids_read.get(resource).copied();
            let at = read.unwrap_or(Timestamp::MIN);
            (at, Item::Grid(resource.clone()), true)
        }));
        let long_ago = self.watch.window(now).from;
        for (at, ..) in &mut items {
            if *at > now {
                *at = long_ago;
            }
        }
        Ok(items)
    }

    fn near(&self, now: Timestamp) -> Window {
        let window = self.watch.window(now);
        Window {
            from: window
                .from
                .max(now.saturating_sub(NEAR_BEHIND).unwrap_or(now)),
            to: window.to.min(now.saturating_add(NEAR_AHEAD).unwrap_or(now)),
        }
    }

    async fn look(&self, look: &Look, kind: LookKind) -> Result<Sight, EngineError> {
        let (priority, note_unchanged) = match kind {
            LookKind::Hint => (Priority::Hint, true),
            LookKind::Near => (Priority::Poll, matches!(look, Look::Records(_))),
            LookKind::Far => (Priority::Sweep, matches!(look, Look::Records(_))),
            LookKind::Sweep => (Priority::Sweep, true),
        };
        self.observe(look, priority, note_unchanged).await
    }

    async fn observe(
        &self,
        look: &Look,
        priority: Priority,
        note_unchanged: bool,
    ) -> Result<Sight, EngineError> {
        let nothing = BTreeSet::new();
        self.observe_for(look, priority, note_unchanged, &nothing)
            .await
    }

    async fn observe_for(
        &self,
        look: &Look,
        priority: Priority,
        note_unchanged: bool,
        asked: &BTreeSet<RemoteId>,
    ) -> Result<Sight, EngineError> {
        let observer = Observer {
            store: &self.engine.store,
            seam: self.engine.seam.as_ref(),
            watch: &self.watch,
            priority,
            asked,
            note_unchanged,
            note_look: self.note_look,
            cancel: &self.cancel,
            progress: &NoProgress,
        };
        observer.look(look).await
    }
}

/// How many looks go to grids for one that goes to a record.
const GRID_TURNS: u32 = 15;

/// What to look at next, of things with the time when they were last looked at.
///
/// A record that the owner named and nobody has read yet comes first: it may explain a busy time. Then a grid that showed
/// something new, because a busy time counts once it was seen twice. Else grids and records take turns: a few grids show
/// whether any time was taken or freed, which is how people get booked twice, many records only what else changed in each.
fn most_due(
    items: Vec<(Timestamp, Item, bool)>,
    unsure: &BTreeMap<ResourceKey, u32>,
    now: Timestamp,
) -> Option<Item> {
    // One that never comes to rest waits for its turn like any other.
    let is_unsure = |item: &Item| match item {
        Item::Grid(resource) => unsure
            .get(resource)
            .is_some_and(|often| comes_again(*often)),
        Item::Record(_) => false,
    };
    let (grids, records): (Vec<_>, Vec<_>) = items
        .into_iter()
        .map(|(at, item, _)| (at, item))
        .partition(|(_, item)| matches!(item, Item::Grid(_)));
    let unread = records.iter().filter(|(at, _)| *at == Timestamp::MIN).min();
    if let Some((_, record)) = unread {
        return Some(record.clone());
    }
    let again = grids.iter().filter(|(_, item)| is_unsure(item)).min();
    if let Some((_, grid)) = again {
        return Some(grid.clone());
    }
    // Of each kind the oldest, and how long it has waited in turns of its own kind.
    let due = |items: Vec<(Timestamp, Item)>, share: u32| {
        let count = i128::try_from(items.len()).unwrap_or(i128::MAX).max(1);
        let (at, item) = items.into_iter().min()?;
        // To the nanosecond: where looks are allowed many times a second, nothing has waited for a whole one.
        let waited = now.duration_since(at).as_nanos();
        Some((waited.saturating_mul(i128::from(share)) / count, item))
    };
    match (due(grids, GRID_TURNS), due(records, 1)) {
        (Some((grid_waits, grid)), Some((record_waits, record))) => {
            Some(if grid_waits >= record_waits {
                grid
            } else {
                record
            })
        }
        (grid, record) => grid.or(record).map(|(_, item)| item),
    }
}

/// Whether a grid that showed something new so often in a row is looked at again before its turn.
const fn comes_again(often: u32) -> bool {
    often <= AGAIN_MAX
}

/// Whether a grid is to be looked at again before its turn.
pub(crate) fn is_unsure(unsure: &BTreeMap<ResourceKey, u32>) -> bool {
    unsure.values().any(|often| comes_again(*often))
}

/// How many looks it takes until each grid was looked at, or each record where there are no grids.
fn turns(items: &[(Timestamp, Item, bool)]) -> u32 {
    let grids = items
        .iter()
        .filter(|(_, item, _)| matches!(item, Item::Grid(_)))
        .count();
    let turns_of_grids = usize::try_from(GRID_TURNS).unwrap_or(1);
    let turns = match (grids, items.len() - grids) {
        (0, records) => records,
        (grids, 0) => grids,
        (grids, _) => (grids * (turns_of_grids + 1)).div_ceil(turns_of_grids),
    };
    u32::try_from(turns).unwrap_or(u32::MAX).max(1)
}

fn whole(sight: Sight) -> Looked {
    let proven = matches!(sight.coverage, Coverage::Complete(_));
    let grids = !sight.grids.is_empty() && sight.trouble.is_none();
    Looked {
        all_seen_since: (proven || grids).then_some(sight.began_at),
        sight,
        steps: 1,
    }
}

/// Adds a second look to a first one.
fn join(first: &mut Sight, second: Sight) {
    first.seen.extend(second.seen);
    first.changed.extend(second.changed);
    first.left.extend(second.left);
    first.unreadable.extend(second.unreadable);
    first.grids.extend(second.grids);
    first.calls = first.calls.saturating_add(second.calls);
    if second.trouble.is_some() {
        first.trouble = second.trouble;
    }
}

/// The open operations of some bridges on one platform.
pub(crate) async fn open_on(
    engine: &Engine,
    bridges: &[BridgeName],
    platform: &PlatformName,
) -> Result<Vec<JournalRow>, EngineError> {
    let mut open = Vec::new();
    for bridge in bridges {
        let rows = engine.store.journal_open(bridge).await?;
        open.extend(
            rows.into_iter()
                .filter(|row| row.operation.platform == *platform),
        );
    }
    Ok(open)
}

/// The bookings of these operations, by bridge.
pub(crate) fn bookings_of(open: &[JournalRow]) -> BTreeMap<BridgeName, BTreeSet<BookingId>> {
    let mut bookings: BTreeMap<BridgeName, BTreeSet<BookingId>> = BTreeMap::new();
    for row in open {
        bookings
            .entry(row.bridge.clone())
            .or_default()
            .insert(row.operation.booking);
    }
    bookings
}

/// Whether a grid says something else than the one before it, where there was one.
pub(crate) fn grid_changed(before: Option<&Grid>, now: &Grid) -> bool {
    before != Some(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(name: &str) -> Item {
        Item::Grid(ResourceKey::new(name))
    }

    fn record(id: &str) -> Item {
        Item::Record(RemoteId::new(id))
    }

    #[test]
    fn grids_and_records_take_turns_and_what_is_new_on_a_grid_is_looked_at_again_at_once() {
        let at = |seconds: i64| Timestamp::from_second(1_900_000_000 + seconds).unwrap();
        let (anna, boris) = (grid("anna"), grid("boris"));
        let items = |anna_at, boris_at, records: &[i64]| -> Vec<(Timestamp, Item, bool)> {
            let mut items = vec![
                (at(anna_at), grid("anna"), true),
                (at(boris_at), grid("boris"), true),
            ];
            for (number, seen) in records.iter().enumerate() {
                items.push((at(*seen), record(&number.to_string()), true));
            }
            items
        };
        let unsure = |often| BTreeMap::from([(ResourceKey::new("boris"), often)]);
        let sure = BTreeMap::new();
        for (items, unsure, expected) in [
            (items(10, 20, &[]), &sure, Some(anna.clone())),
            // Fifteen of sixteen looks go to the two grids: one of four records is due when it has waited as long as for 30
            // of its turns.
            (items(97, 98, &[10, 90, 90, 90]), &sure, Some(anna.clone())),
            (items(98, 99, &[10, 90, 90, 90]), &sure, Some(record("0"))),
            (items(10, 99, &[0]), &unsure(1), Some(boris.clone())),
            (
                vec![
                    (at(99), grid("boris"), true),
                    (at(90), record("0"), true),
                    (Timestamp::MIN, record("1"), true),
                ],
                &unsure(1),
                Some(record("1")),
            ),
            (
                items(10, 99, &[90]),
                &unsure(AGAIN_MAX + 1),
                Some(anna.clone()),
            ),
            (Vec::new(), &sure, None),
        ] {
            assert_eq!(
                most_due(items.clone(), unsure, at(100)),
                expected,
                "{items:?}"
            );
        }
    }

    #[test]
    fn how_many_looks_show_all_times() {
        let at = Timestamp::UNIX_EPOCH;
        let items = |grids: usize, records: usize| -> Vec<(Timestamp, Item, bool)> {
            let grids = (0..grids).map(|number| grid(&number.to_string()));
            let records = (0..records).map(|number| record(&number.to_string()));
            grids.chain(records).map(|item| (at, item, true)).collect()
        };
        for (grids, records, looks) in [
            (0, 0, 1),
            (2, 0, 2),
            (0, 7, 7),
            (2, 40, 3),
            (7, 1, 8),
            (14, 1, 15),
            (15, 1, 16),
        ] {
            assert_eq!(turns(&items(grids, records)), looks, "{grids} {records}");
        }
    }
}
