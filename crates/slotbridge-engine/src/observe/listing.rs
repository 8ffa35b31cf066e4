//! A listing held against the mirror: both in order of start and id, side by side, so that neither is loaded whole.
//!
//! A window with many records is listed in parts, cut at midnights of the platform: of the records of a part only keys are
//! read, and of those only what differs is looked at.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use slotbridge_core::guard;
use slotbridge_core::model::RemoteId;
use slotbridge_core::plan::Action;
use slotbridge_core::record::{
    Coverage, Listing, Reading, Record, RecordState, Unreadable, Window,
};
use slotbridge_platform::platform::{Priority, Query};
use slotbridge_store::{Change, MirrorKey, MirrorRow, RecordHash};

use super::{Observer, Sight, UNREAD_FOR, has_changed_to};
use crate::EngineError;
use crate::event::Trouble;

/// From how many live records on a listing that shows none of them is a feed with new ids, not a busy day.
const NEW_IDS_FROM: usize = 5;

/// How many other records are read at most to see whether an empty listing is a quiet time.
const WITNESSES: usize = 3;

/// How many mirrored records a part of a window has at most, but for those of one day. A page or two more is what a part
/// costs; all of the records in memory at once is what it saves.
#[cfg(not(test))]
const PART: u32 = 4_000;
#[cfg(test)]
const PART: u32 = 10;

/// How many keys are read at once.
const KEYS: u32 = 2_000;

/// Which records a look has shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    ids: BTreeSet<RemoteId>,
    /// Of these windows, all live records but for those that are not proven.
    windows: Vec<Window>,
    unproven: BTreeSet<RemoteId>,
}

impl Seen {
    /// A record was shown, or proven to be gone.
    pub(crate) fn insert(&mut self, id: RemoteId) {
        self.unproven.remove(&id);
        self.ids.insert(id);
    }

    /// Whether this mirrored record was among what the look has shown.
    pub(crate) fn has(&self, record: &Record) -> bool {
        self.ids.contains(&record.id)
            || (self
                .windows
                .iter()
                .any(|window| window.contains(record.start))
                && !self.unproven.contains(&record.id))
    }

    /// Whether the record was shown by its id: one that was asked for always is.
    pub(crate) fn has_id(&self, id: &RemoteId) -> bool {
        self.ids.contains(id)
    }

    pub(crate) fn extend(&mut self, other: Self) {
        self.windows.extend(other.windows);
        self.unproven.extend(other.unproven);
        for id in other.ids {
            self.insert(id);
        }
    }
}

/// A listing that shows nothing where records are known, and that nobody has approved of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Emptied {
    /// How many live records are known.
    pub(crate) live: usize,
    /// The fingerprint of these records; what an approval names.
    pub(crate) plan: String,
}

/// What the parts of a window have come to.
#[derive(Debug, Default)]
struct Found {
    changes: Vec<Change>,
    unreadable: Vec<Unreadable>,
    /// Live records that should have been shown.
    missing: Vec<RemoteId>,
    /// Records that were shown otherwise than they are mirrored, perhaps in another part, or as rows that cannot be read.
    elsewhere: BTreeSet<RemoteId>,
    /// How many live records were to be expected.
    live: usize,
    /// How many were shown.
    shown: usize,
    /// Why it proves nothing.
    partial: Option<Coverage>,
    /// What the only part has proven.
    proven: Option<Window>,
    /// Whether it may be empty although live records were to be expected.
    explained: bool,
    cursor: Option<String>,
}

impl Observer<'_> {
    /// Lists what starts in a window; twice where a record that stands was left out, or where nothing at all was shown while
    /// nobody knows what became of a create there: on one wrong answer it would be made again. What was left out both times
    /// is one that the platform never lists, and says nothing of the others.
    pub(super) async fn list_window(
        &self,
        window: Window,
        query: fn(Window) -> Query,
        sight: &mut Sight,
    ) -> Result<(), EngineError> {
        if self.list_once(window, query, sight).await? {
            sight.trouble = None;
            self.list_once(window, query, sight).await?;
        }
        Ok(())
    }

    /// Lists what starts in a window, and tells whether it has to be listed again to be believed.
    async fn list_once(
        &self,
        window: Window,
        query: fn(Window) -> Query,
        sight: &mut Sight,
    ) -> Result<bool, EngineError> {
        let Some((mut found, in_parts)) = self.list_parts(window, query, sight).await? else {
            return Ok(false);
        };
        let name = self.watch.name();
        let Found {
            missing, elsewhere, ..
        } = &mut found;
        missing.retain(|id| !elsewhere.contains(id));
        let whole = found.proven.take().filter(|_| !in_parts).unwrap_or(window);
        sight.emptied = None;
        if found.is_doubtful() {
            let few = found.live < NEW_IDS_FROM;
            let plan = guard::records_hash(&found.missing);
            found.explained = few && self.is_quiet(window, &found.missing).await?
                || self.is_approved(&plan).await?;
            if !found.explained {
                let live = found.live;
                sight.emptied = Some(Emptied { live, plan });
            }
        }
        let coverage = found.coverage(whole);
        let mut proven = matches!(coverage, Coverage::Complete(_));
        let at = self.seam.now();
        let mut changes = std::mem::take(&mut found.changes);
        self.note_unreadable(&found.unreadable, at, &mut changes)
            .await?;
        if let (Coverage::Partial { why }, None) = (&coverage, &sight.trouble) {
            sight.trouble = Some(Trouble {
                kind: None,
                text: why.clone(),
            });
        }
        // A row without a readable id could be any of those that are missing.
        let nameless = found.unreadable.iter().any(|row| row.id.is_none());
        let absent = if proven && !nameless {
            found.missing.clone()
        } else {
            Vec::new()
        };
        sight.ids_all_new =
            found.live >= NEW_IDS_FROM && absent.len() == found.live && found.shown > 0;
        if found.shown == 0 && !proven {
            sight.seen.windows.clear();
        }
        sight.seen.unproven.extend(found.missing);
        sight.shown = found.shown;
        sight.unreadable = found.unreadable;
        sight.coverage = coverage;
        let mut is_news = !changes.is_empty();
        let mut left_out = false;
        if !sight.ids_all_new && !absent.is_empty() {
            // Reading them takes its time. What was listed is stored before others can store what came after it.
            if is_news {
                self.store.apply(std::mem::take(&mut changes)).await?;
            }
            left_out = self.confirm_absent(absent, whole, sight).await?;
            is_news |= !sight.changed.is_empty();
            if !sight.is_proven() {
                proven = false;
                // What was left out has not been seen: nothing goes on from here.
                found.cursor = None;
            }
        }
        sight.cursor.clone_from(&found.cursor);
        // Of a look that brings nothing new only the time is noted, and not always: an older cursor only means that a few
        // records are shown again.
        if self.note_unchanged || self.note_look || is_news {
            changes.push(Change::PlatformSeen {
                platform: name.clone(),
                cursor: found.cursor,
                complete: Some(whole).filter(|_| proven && self.note_unchanged),
                at,
                time_zone: self.watch.zone_name(),
            });
        }
        let all_shown = proven && sight.seen.unproven.is_empty() && sight.trouble.is_none();
        if self.note_unchanged && all_shown {
            changes.push(Change::WindowShown {
                platform: name.clone(),
                window: whole,
                at,
            });
        }
        if !changes.is_empty() {
            self.store.apply(changes).await?;
        }
        let is_empty = proven && sight.shown == 0 && sight.unreadable.is_empty();
        Ok(left_out || is_empty && self.awaits_create().await?)
    }

    /// Whether a create there had no answer yet.
    async fn awaits_create(&self) -> Result<bool, EngineError> {
        let open = self.open_there().await?;
        Ok(open
            .iter()
            .any(|operation| matches!(operation.action, Action::Create { .. })))
    }

    /// Lists what starts in a window, in parts where much is known of it, and tells whether it was; nothing where not even
    /// the first part could be read.
    async fn list_parts(
        &self,
        window: Window,
        query: fn(Window) -> Query,
        sight: &mut Sight,
    ) -> Result<Option<(Found, bool)>, EngineError> {
        let parts = self.parts(window).await?;
        let in_parts = parts.len() > 1;
        let mut found = Found::default();
        for (number, part) in parts.into_iter().enumerate() {
            if number > 0 && self.cancel.is_cancelled() {
                found.partial = Some(Coverage::Partial {
                    why: "the run was stopped".to_owned(),
                });
                // What was not listed has not been seen: nothing goes on from here.
                found.cursor = None;
                break;
            }
            let listed = self.watch.platform.list(&query(part), self.priority).await;
            match listed {
                Ok(listing) => self.hold_against(part, listing, &mut found, sight).await?,
                Err(error) => {
                    sight.failed(&error);
                    if number == 0 {
                        return Ok(None);
                    }
                    found.partial = Some(sight.coverage.clone());
                    found.cursor = None;
                    break;
                }
            }
            if in_parts && !found.changes.is_empty() {
                self.store.apply(std::mem::take(&mut found.changes)).await?;
            }
        }
        Ok(Some((found, in_parts)))
    }

    /// Whether an empty listing is to be believed although a few live records are known: none of them is where it was not
    /// listed, and the platform shows one of them elsewhere, or else another known record. One that shows nothing at all
    /// may have stopped letting us see, which looks the same.
    async fn is_quiet(&self, window: Window, missing: &[RemoteId]) -> Result<bool, EngineError> {
        let platform = &self.watch.platform;
        let mut shows = false;
        for id in missing {
            match platform.read(id, Priority::Hint).await {
                Ok(Reading::Found(record)) => {
                    if record.state == RecordState::Live && window.contains(record.start) {
                        return Ok(false);
                    }
                    shows = true;
                }
                Ok(Reading::Missing) => {}
                // The next look asks again.
                Ok(Reading::Unreadable(_)) | Err(_) => return Ok(false),
            }
        }
        if shows {
            return Ok(true);
        }
        for witness in self.known_beside(window).await? {
            if let Ok(Reading::Found(_)) = platform.read(&witness, Priority::Hint).await {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a person has approved that the platform shows nothing of these records.
    async fn is_approved(&self, plan: &str) -> Result<bool, EngineError> {
        for bridge in &self.watch.bridges {
            let latched = self.store.guards(bridge).await?;
            let approved = latched.iter().any(|row| {
                row.platform == *self.watch.name()
                    && row.what == guard::SUDDENLY_EMPTY
                    && row.plan == plan
                    && row.approved_at.is_some()
            });
            if approved {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Records that are known to live behind a window, or not long before it: a few, the nearest.
    async fn known_beside(&self, window: Window) -> Result<Vec<RemoteId>, EngineError> {
        let name = self.watch.name();
        let long_before = window.from.saturating_sub(UNREAD_FOR);
        let before = Window {
            from: long_before.unwrap_or(Timestamp::MIN),
            to: window.from,
        };
        let behind = Window {
            from: window.to,
            to: Timestamp::MAX,
        };
        let before = self.store.mirror_keys(name, before, None, KEYS).await?;
        let behind = self.store.mirror_keys(name, behind, None, KEYS).await?;
        let nearest = behind.into_iter().chain(before.into_iter().rev());
        Ok(nearest
            .filter(|key| key.state == RecordState::Live)
            .map(|key| key.id)
            .take(WITNESSES)
            .collect())
    }

    /// The parts of a window in which it is listed.
    async fn parts(&self, window: Window) -> Result<Vec<Window>, EngineError> {
        let mut parts = Vec::new();
        let mut rest = window;
        let name = self.watch.name();
        while let Some(behind) = self.store.mirror_cut(name, rest, PART).await? {
            let zone = &self.watch.time_zone;
            let midnight = behind.to_zoned(zone.clone()).start_of_day();
            let next = || {
                let day = behind.to_zoned(zone.clone()).tomorrow();
                day.and_then(|day| day.start_of_day())
            };
            let day = match midnight {
                Ok(day) if day.timestamp() > rest.from => Ok(day),
                Ok(_) | Err(_) => next(),
            };
            // At the ends of representable time there is nothing to cut.
            let Some(at) = day.ok().map(|day| day.timestamp()) else {
                break;
            };
            if at >= rest.to {
                break;
            }
            parts.push(Window {
                from: rest.from,
                to: at,
            });
            rest.from = at;
        }
        parts.push(rest);
        Ok(parts)
    }

    /// Holds what was listed of a part of the window against what is mirrored there.
    async fn hold_against(
        &self,
        part: Window,
        listing: Listing,
        found: &mut Found,
        sight: &mut Sight,
    ) -> Result<(), EngineError> {
        let Listing {
            records,
            unreadable,
            coverage,
            cursor,
        } = listing;
        if found.cursor.is_none() {
            // That of the first part: what changed while the others were listed is shown again.
            found.cursor = cursor;
        }
        found.shown += records.len();
        self.note_shown(&records, &coverage, sight);
        match coverage {
            Coverage::Complete(proven) => {
                sight.seen.windows.push(proven);
                found.proven = Some(proven);
            }
            Coverage::Partial { .. } | Coverage::Incremental | Coverage::None => {
                if found.partial.is_none() {
                    found.partial = Some(coverage);
                }
            }
        }
        let Differing {
            records,
            missing,
            live,
        } = self.differing(part, records).await?;
        found.live += live;
        found.missing.extend(missing);
        found
            .elsewhere
            .extend(records.iter().map(|record| record.id.clone()));
        found
            .elsewhere
            .extend(unreadable.iter().filter_map(|row| row.id.clone()));
        found.unreadable.extend(unreadable);
        let stored = self.stored(&records).await?;
        let at = self.seam.now();
        for record in records {
            let is_news = has_changed_to(stored.get(&record.id), &record);
            if is_news {
                sight.changed.insert(record.id.clone());
            }
            if is_news || self.note_unchanged {
                found.changes.push(Change::MirrorListed {
                    platform: self.watch.name().clone(),
                    record,
                    begun_at: sight.began_at,
                    at,
                });
            }
        }
        Ok(())
    }

    /// Notes by their ids the records whose showing their window does not tell, and those that were asked for.
    fn note_shown(&self, records: &[Record], coverage: &Coverage, sight: &mut Sight) {
        let told = |record: &Record| match coverage {
            Coverage::Complete(proven) => {
                proven.contains(record.start) && !self.asked.contains(&record.id)
            }
            Coverage::Partial { .. } | Coverage::Incremental | Coverage::None => false,
        };
        for record in records.iter().filter(|record| !told(record)) {
            sight.seen.insert(record.id.clone());
        }
    }

    /// Walks over the listing and the keys of the mirror, in the same order.
    async fn differing(
        &self,
        part: Window,
        mut records: Vec<Record>,
    ) -> Result<Differing, EngineError> {
        let name = self.watch.name();
        records.sort_unstable_by(|one, other| place(one).cmp(&place(other)));
        let unreadable: BTreeSet<RemoteId> = self
            .store
            .unreadable(name)
            .await?
            .into_iter()
            .filter_map(|row| row.id)
            .collect();
        let mut differing = Differing::default();
        let mut listed = records.into_iter().peekable();
        let mut behind: Option<MirrorKey> = None;
        loop {
            let keys = self
                .store
                .mirror_keys(name, part, behind.take(), KEYS)
                .await?;
            let last = keys.len() < usize::try_from(KEYS).unwrap_or(usize::MAX);
            for key in &keys {
                differing.live += usize::from(key.state == RecordState::Live);
                let at = (key.start.as_microsecond(), &key.id);
                while let Some(record) = listed.next_if(|record| place(record) < at) {
                    differing.records.push(record);
                }
                match listed.next_if(|record| place(record) == at) {
                    Some(record)
                        if RecordHash::of(&record) == key.hash
                            && !unreadable.contains(&record.id) => {}
                    Some(record) => differing.records.push(record),
                    None if key.state == RecordState::Live => {
                        differing.missing.push(key.id.clone());
                    }
                    None => {}
                }
            }
            behind = keys.into_iter().next_back();
            if last || behind.is_none() {
                break;
            }
        }
        differing.records.extend(listed);
        Ok(differing)
    }

    /// The mirrored rows of these records.
    pub(super) async fn stored(
        &self,
        records: &[Record],
    ) -> Result<BTreeMap<RemoteId, MirrorRow>, EngineError> {
        if records.is_empty() {
            return Ok(BTreeMap::new());
        }
        let ids = records.iter().map(|record| record.id.clone()).collect();
        let rows = self.store.mirror_rows(self.watch.name(), ids).await?;
        Ok(rows
            .into_iter()
            .map(|row| (row.record.id.clone(), row))
            .collect())
    }

    /// Notes the rows that could not be read, or, in a look that notes only what is new, those that could be before.
    pub(super) async fn note_unreadable(
        &self,
        rows: &[Unreadable],
        at: Timestamp,
        changes: &mut Vec<Change>,
    ) -> Result<(), EngineError> {
        if rows.is_empty() {
            return Ok(());
        }
        let name = self.watch.name();
        let ids = rows.iter().filter_map(|row| row.id.clone()).collect();
        let stored: BTreeMap<RemoteId, MirrorRow> = self
            .store
            .mirror_rows(name, ids)
            .await?
            .into_iter()
            .map(|row| (row.record.id.clone(), row))
            .collect();
        for row in rows {
            let known = row.id.as_ref().and_then(|id| stored.get(id));
            let is_news = match (&row.id, known) {
                (Some(_), Some(known)) => known.unreadable.as_ref() != Some(&row.why),
                (Some(_), None) | (None, _) => self.note_look,
            };
            if is_news || self.note_unchanged {
                changes.push(Change::MirrorUnreadable {
                    platform: name.clone(),
                    id: row.id.clone(),
                    why: row.why.clone(),
                    at,
                });
            }
        }
        Ok(())
    }
}

/// What of a listing is not as it is mirrored.
#[derive(Debug, Default)]
struct Differing {
    records: Vec<Record>,
    /// Live records that are mirrored in the part and do not stand there in the listing.
    missing: Vec<RemoteId>,
    /// How many live records are mirrored in the part.
    live: usize,
}

/// The order of the mirror.
fn place(record: &Record) -> (i64, &RemoteId) {
    (record.start.as_microsecond(), &record.id)
}

impl Found {
    /// Whether it is empty over a mirror that isn't.
    fn is_doubtful(&self) -> bool {
        let empty = self.shown == 0 && self.unreadable.is_empty();
        self.partial.is_none() && empty && self.live > 0
    }

    /// What absence means. An empty listing over a mirror that isn't empty proves nothing by itself.
    fn coverage(&mut self, whole: Window) -> Coverage {
        if self.is_doubtful() && !self.explained {
            let live = self.live;
            return Coverage::Partial {
                why: format!(
                    "the listing is empty, but {live} live records are known; nothing is concluded from it"
                ),
            };
        }
        self.partial.take().unwrap_or(Coverage::Complete(whole))
    }
}
