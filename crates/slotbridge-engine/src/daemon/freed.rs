//! Times that a grid shows as free and the one before it as taken: whoever took them was moved or cancelled.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use slotbridge_core::model::{PlatformName, ResourceKey};
use slotbridge_core::record::{Grid, RecordState, Window};

use super::turn::Turn;
use crate::EngineError;

/// The start times that were freed, by resource.
pub(super) type Freed = BTreeMap<ResourceKey, BTreeSet<Timestamp>>;

/// How long before a freed time a record may have begun.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

impl Turn {
    /// Records whose time looks free on a grid were moved or cancelled: they are read now, not in their turn.
    pub(super) async fn look_for_freed(
        &mut self,
        platform: &PlatformName,
        freed: &Freed,
    ) -> Result<(), EngineError> {
        let starts = || freed.values().flatten();
        let (Some(first), Some(last)) = (starts().min(), starts().max()) else {
            return Ok(());
        };
        // A record may have begun before the first time that it freed.
        let from = first.saturating_sub(LONGEST).unwrap_or(*first);
        let to = last
            .saturating_add(SignedDuration::from_secs(1))
            .unwrap_or(*last);
        let rows = self
            .engine
            .store
            .mirror_within(platform, Window { from, to })
            .await?;
        let left = rows.into_iter().filter_map(|row| {
            let record = row.record;
            let starts = freed.get(&record.resource)?;
            let end = record.end.unwrap_or(record.start);
            let is_left = record.state == RecordState::Live
                && !crate::blocks::is_block_id(&record.id)
                && (starts.contains(&record.start)
                    || starts.range(record.start..end).next().is_some());
            is_left.then_some(record.id)
        });
        self.agenda.read(platform, left);
        Ok(())
    }
}

/// The start times that a grid shows as free and the one before it as taken: something has left them.
pub(super) fn freed(before: &Grid, now: &Grid) -> BTreeSet<Timestamp> {
    let taken: BTreeSet<Timestamp> = before
        .cells
        .iter()
        .filter(|cell| !cell.available)
        .map(|cell| cell.start)
        .collect();
    let free = now.cells.iter().filter(|cell| cell.available);
    free.map(|cell| cell.start)
        .filter(|start| taken.contains(start))
        .collect()
}

#[cfg(test)]
mod tests {
    use slotbridge_core::record::GridCell;

    use super::*;

    #[test]
    fn what_was_taken_and_is_free_now_was_freed() {
        let at = |hour: i64| Timestamp::from_second(1_900_000_800 + hour * 3600).unwrap();
        let grid = |cells: &[(i64, bool)]| Grid {
            resource: ResourceKey::new("1"),
            service_slot: SignedDuration::from_hours(1),
            cells: cells
                .iter()
                .map(|(hour, available)| GridCell {
                    start: at(*hour),
                    available: *available,
                })
                .collect(),
        };
        let before = grid(&[(9, true), (10, false), (11, false), (12, true)]);
        // A time that the later grid does not show at all says nothing.
        let now = grid(&[(9, false), (10, true), (12, true), (13, true)]);
        assert_eq!(freed(&before, &now), BTreeSet::from([at(10)]));
    }
}
