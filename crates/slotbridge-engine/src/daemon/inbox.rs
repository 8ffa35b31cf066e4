//! Working off webhooks: which records they point at, and which of them may be taken at their word.
//!
//! A webhook is a hint: its record is read. One exception makes a booking known seconds earlier where calls are scarce: a
//! webhook that shows a whole record is used at once, if nothing newer is known, and confirmed by reading later. That a
//! record is gone is never believed before it was read.

use std::cmp::Ordering;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use slotbridge_core::model::RemoteId;
use slotbridge_core::record::{Reading, Record, RecordState};
use slotbridge_platform::webhook::{Hint, HintKind};
use slotbridge_store::{Change, InboxRow, MirrorRow};

use crate::EngineError;
use crate::observe::{has_changed, has_left};
use crate::run::Engine;
use crate::watch::Watch;

/// The most webhooks that are looked into at once.
const BATCH: u32 = 1_000;

/// What the inbox brought.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opened {
    /// The last row that was looked into.
    pub(crate) last: Option<i64>,
    /// Whether there may be more.
    pub(crate) more: bool,
    /// Records to be read, with the rows that are done when they were.
    pub(crate) read: BTreeMap<RemoteId, BTreeSet<i64>>,
    /// Records that were taken at their word, with the rows that are done when they are confirmed.
    pub(crate) confirm: BTreeMap<RemoteId, BTreeSet<i64>>,
    /// Those of the latter that are new or changed.
    pub(crate) changed: BTreeSet<RemoteId>,
    /// Those of them that have left the time at which they were known, as they were known.
    pub(crate) left: Vec<Record>,
}

/// Looks into the webhooks of a platform that came after `after`.
pub(crate) async fn open(
    engine: &Engine,
    watch: &Watch,
    after: i64,
) -> Result<Opened, EngineError> {
    let name = watch.name();
    let rows = engine.store.inbox_after(name, after, BATCH).await?;
    let mut opened = Opened {
        last: rows.last().map(|row| row.id),
        more: u32::try_from(rows.len()).is_ok_and(|count| count >= BATCH),
        ..Opened::default()
    };
    let mut done: Vec<i64> = Vec::new();
    let mut pointed: BTreeMap<RemoteId, (BTreeSet<i64>, Option<Record>)> = BTreeMap::new();
    for row in &rows {
        let hints = hints(watch, row);
        if hints.is_empty() {
            done.push(row.id);
        }
        for hint in hints {
            let said = match hint.kind {
                HintKind::Created | HintKind::Updated => hint.record.map(|record| *record),
                HintKind::Removed => None,
            };
            match pointed.entry(hint.id) {
                Entry::Vacant(first) => {
                    first.insert((BTreeSet::from([row.id]), said));
                }
                Entry::Occupied(mut earlier) => {
                    let (rows, word) = earlier.get_mut();
                    rows.insert(row.id);
                    *word = said
                        .zip(word.take())
                        .and_then(|(one, other)| newer(one, other));
                }
            }
        }
    }
    let ids: Vec<RemoteId> = pointed
        .iter()
        .filter(|(_, (_, word))| word.is_some())
        .map(|(id, _)| id.clone())
        .collect();
    let mut mirrored: BTreeMap<RemoteId, MirrorRow> = BTreeMap::new();
    if !ids.is_empty() {
        let rows = engine.store.mirror_rows(name, ids).await?;
        mirrored.extend(rows.into_iter().map(|row| (row.record.id.clone(), row)));
    }
    let now = engine.seam.now();
    let mut changes = Vec::new();
    for (id, (rows, word)) in pointed {
        let before = mirrored.get(&id);
        match word.filter(|word| may_be_believed(word, before, now)) {
            Some(record) => {
                let reading = Reading::Found(Box::new(record.clone()));
                if has_changed(before, &reading) {
                    opened.changed.insert(id.clone());
                    opened.left.extend(has_left(before, &reading).cloned());
                    changes.push(Change::MirrorSeen {
                        platform: name.clone(),
                        at: true_at(&record, before, now),
                        record,
                    });
                }
                opened.confirm.insert(id, rows);
            }
            None => {
                opened.read.insert(id, rows);
            }
        }
    }
    if !done.is_empty() {
        changes.push(Change::InboxDone { rows: done });
    }
    if !changes.is_empty() {
        engine.store.apply(changes).await?;
    }
    Ok(opened)
}

/// What a stored webhook points at. It was understood when it came in; if it is not any more, the next look at the
/// platform finds what it was about.
fn hints(watch: &Watch, row: &InboxRow) -> Vec<Hint> {
    match watch.platform.webhook(row.body.as_bytes()) {
        Ok(hints) => hints,
        Err(error) => {
            tracing::warn!(platform = %watch.name(), row = row.id, why = %error, "A stored webhook is not understood.");
            Vec::new()
        }
    }
}

/// The newer one of two words on a record, which may have come in any order; none where nothing tells, as when one of
/// them says less than a whole record.
fn newer(one: Record, other: Record) -> Option<Record> {
    match one.changed_at.cmp(&other.changed_at) {
        _ if one == other => Some(one),
        _ if one.changed_at.is_none() || other.changed_at.is_none() => None,
        Ordering::Greater => Some(one),
        Ordering::Less => Some(other),
        Ordering::Equal => None,
    }
}

/// When a record was as a webhook shows it. The webhook may have been under way for long, and the record changed again.
fn true_at(word: &Record, before: Option<&MirrorRow>, now: Timestamp) -> Timestamp {
    match (before, word.changed_at) {
        (Some(before), Some(changed)) => changed.max(before.seen_at).min(now),
        (None, _) | (_, None) => now,
    }
}

/// Whether a record that a webhook shows whole is used before it was read: it must live, and must be newer than what is
/// known. A record that is known to be gone is only brought back by reading it.
fn may_be_believed(word: &Record, before: Option<&MirrorRow>, now: Timestamp) -> bool {
    if word.state != RecordState::Live {
        return false;
    }
    let Some(before) = before else { return true };
    if before.record.state != RecordState::Live || before.unreadable.is_some() {
        return false;
    }
    match (word.changed_at, before.record.changed_at) {
        // Of two changes in the same second nothing tells which is the newer one.
        (Some(at), Some(known)) => at <= now && (at > known || *word == before.record),
        // Without stamps nothing tells a late webhook from a new one.
        (None, _) | (_, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use slotbridge_core::model::{Client, Private, ResourceKey, Status};
    use slotbridge_core::record::Support;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + minute * 60).unwrap()
    }

    fn record(state: RecordState, changed: Option<i64>) -> Record {
        Record {
            id: RemoteId::new("1"),
            state,
            resource: ResourceKey::new("anna"),
            services: Vec::new(),
            start: at(600),
            end: Some(at(660)),
            client: Client::default(),
            status: Status::Booked,
            comment: Private::default(),
            marker: None,
            is_block: false,
            changed_at: changed.map(at),
            created_at: None,
            resource_title: None,
            service_title: None,
            group: None,
            support: Support::Full,
        }
    }

    fn mirrored(state: RecordState, changed: Option<i64>, unreadable: bool) -> MirrorRow {
        MirrorRow {
            record: record(state, changed),
            first_seen_at: at(0),
            noticed_at: at(0),
            seen_at: at(0),
            is_erased: false,
            unreadable: unreadable.then(|| "garbled".to_owned()),
        }
    }

    #[test]
    fn a_whole_record_is_believed_where_nothing_newer_and_no_end_of_it_is_known() {
        use RecordState::{Cancelled, Deleted, Live};
        let now = at(50);
        for (word, before, believed) in [
            (record(Live, Some(10)), None, true),
            (record(Live, None), None, true),
            (
                record(Live, Some(10)),
                Some(mirrored(Live, Some(9), false)),
                true,
            ),
            (
                record(Live, Some(10)),
                Some(mirrored(Live, Some(10), false)),
                true,
            ),
            // A change in the same second may be the newer or the older one.
            (
                Record {
                    start: at(500),
                    ..record(Live, Some(10))
                },
                Some(mirrored(Live, Some(10), false)),
                false,
            ),
            // It was overtaken.
            (
                record(Live, Some(10)),
                Some(mirrored(Live, Some(11), false)),
                false,
            ),
            // Nothing tells which is newer.
            (
                record(Live, None),
                Some(mirrored(Live, Some(9), false)),
                false,
            ),
            (
                record(Live, Some(10)),
                Some(mirrored(Live, None, false)),
                false,
            ),
            // A stamp that lies ahead is no stamp.
            (
                record(Live, Some(51)),
                Some(mirrored(Live, Some(9), false)),
                false,
            ),
            // What is gone comes back only when the platform itself shows it.
            (
                record(Live, Some(10)),
                Some(mirrored(Deleted, Some(9), false)),
                false,
            ),
            (
                record(Live, Some(10)),
                Some(mirrored(Cancelled, Some(9), false)),
                false,
            ),
            (
                record(Live, Some(10)),
                Some(mirrored(Live, Some(9), true)),
                false,
            ),
            // That it is gone is not believed either.
            (
                record(Cancelled, Some(10)),
                Some(mirrored(Live, Some(9), false)),
                false,
            ),
            (record(Deleted, Some(10)), None, false),
        ] {
            assert_eq!(
                may_be_believed(&word, before.as_ref(), now),
                believed,
                "{word:?} over {before:?}"
            );
        }
    }

    #[test]
    fn the_newer_of_two_words_counts_in_whatever_order_they_come() {
        let word = |changed, start| Record {
            start: at(start),
            ..record(RecordState::Live, changed)
        };
        for (one, other, counts) in [
            (word(Some(10), 1), word(Some(11), 2), Some(2)),
            (word(Some(10), 1), word(Some(10), 1), Some(1)),
            (word(Some(10), 1), word(Some(10), 2), None),
            (word(None, 1), word(Some(10), 2), None),
            (word(None, 1), word(None, 2), None),
        ] {
            let start = |found: Option<Record>| found.map(|record| record.start);
            assert_eq!(start(newer(one.clone(), other.clone())), counts.map(at));
            assert_eq!(start(newer(other, one)), counts.map(at));
        }
    }

    #[test]
    fn a_late_word_is_no_fresh_look() {
        let seen = |minute: i64| MirrorRow {
            seen_at: at(minute),
            ..mirrored(RecordState::Live, Some(1), false)
        };
        for (changed, before, true_until) in [
            (Some(10), Some(seen(5)), 10),
            // It was read since, and has not changed.
            (Some(10), Some(seen(15)), 15),
            (None, Some(seen(5)), 20),
            // When it was first seen is ours to say.
            (Some(10), None, 20),
        ] {
            let word = record(RecordState::Live, changed);
            assert_eq!(true_at(&word, before.as_ref(), at(20)), at(true_until));
        }
    }
}
