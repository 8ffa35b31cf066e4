//! Records that are no longer where the mirror has them, as free and busy times tell before the record is read; and times
//! that a record explains which it has moved to.

use std::collections::BTreeSet;

use jiff::Timestamp;
use slotbridge_core::model::{PlatformName, RemoteId};
use slotbridge_core::record::{Grid, RecordState, Window};

use super::turn::Turn;
use crate::EngineError;

impl Turn {
    /// Records whose time looks free on a grid that shows something new were moved or cancelled: they are read now, not in
    /// their turn, before a time that one of them has moved to is taken for somebody else's.
    pub(super) async fn look_for_moved(
        &mut self,
        platform: &PlatformName,
        grids: &[Grid],
    ) -> Result<(), EngineError> {
        let now = self.engine.seam.now();
        for grid in grids {
            let Some(last) = grid.cells.last() else {
                continue;
            };
            let window = Window {
                from: now,
                to: last.start,
            };
            let rows = self.engine.store.mirror_within(platform, window).await?;
            let left = rows.into_iter().map(|row| row.record).filter(|record| {
                record.state == RecordState::Live
                    && record.resource == grid.resource
                    && !crate::blocks::is_block_id(&record.id)
                    && is_free_inside(grid, record.start, record.end)
            });
            self.agenda.read(platform, left.map(|record| record.id));
        }
        Ok(())
    }

    /// What a changed record leaves and takes changes which busy times nobody explains: the free times of its resource are
    /// looked at again.
    pub(super) async fn doubt_grids_of(
        &mut self,
        platform: &PlatformName,
        changed: &BTreeSet<RemoteId>,
    ) -> Result<(), EngineError> {
        let ids: Vec<RemoteId> = changed
            .iter()
            .filter(|id| !crate::blocks::is_block_id(id))
            .cloned()
            .collect();
        if ids.is_empty() {
            return Ok(());
        }
        let rows = self.engine.store.mirror_rows(platform, ids).await?;
        if let Some(account) = self.accounts.get_mut(platform) {
            for row in rows {
                account.doubt_grid(&row.record.resource);
            }
        }
        Ok(())
    }
}

/// Whether a client could book a time inside these: then nobody takes it.
fn is_free_inside(grid: &Grid, start: Timestamp, end: Option<Timestamp>) -> bool {
    let end = end.unwrap_or(start);
    grid.cells.iter().any(|cell| {
        cell.available && (cell.start == start || (start <= cell.start && cell.start < end))
    })
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use slotbridge_core::model::ResourceKey;
    use slotbridge_core::record::GridCell;

    use super::*;

    #[test]
    fn a_time_that_can_be_booked_inside_a_record_says_that_it_is_not_there() {
        let at = |hour: i64| Timestamp::from_second(1_900_000_800 + hour * 3600).unwrap();
        let cells = [(9, true), (10, false), (11, false), (12, true)];
        let grid = Grid {
            resource: ResourceKey::new("1"),
            service_slot: SignedDuration::from_hours(1),
            cells: cells
                .into_iter()
                .map(|(hour, available)| GridCell {
                    start: at(hour),
                    available,
                })
                .collect(),
        };
        for (start, end, free) in [
            (9, Some(10), true),
            (10, Some(12), false),
            // The end is not part of it.
            (11, Some(12), false),
            (11, Some(13), true),
            (12, None, true),
            (10, None, false),
            // Beyond what the grid shows nothing is known.
            (14, Some(15), false),
        ] {
            let found = is_free_inside(&grid, at(start), end.map(at));
            assert_eq!(found, free, "{start} to {end:?}");
        }
    }
}
