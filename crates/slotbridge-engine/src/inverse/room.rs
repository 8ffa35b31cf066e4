//! Whether what is to be booked again, or moved back, finds its time free.

use std::collections::BTreeSet;

use slotbridge_core::model::{Field, PlatformName, RemoteId};
use slotbridge_core::occupancy::SlotView;
use slotbridge_core::plan::{Action, Operation};

use super::Inverse;
use crate::presume;
use crate::report::WaitingReport;
use crate::view::View;

const TAKEN: &str = "the time that it had before is taken here now; look at that record first";

/// Leaves operations whose time somebody else has there, and does not leave it with this plan.
pub(super) fn drop_what_has_none(view: &View<'_>, inverse: &mut Inverse) {
    loop {
        let freed: BTreeSet<(&PlatformName, &RemoteId)> = inverse
            .operations
            .iter()
            .filter_map(|operation| Some((&operation.platform, operation.action.remote_id()?)))
            .collect();
        let without_room: Vec<usize> = inverse
            .operations
            .iter()
            .enumerate()
            .filter(|(_, operation)| !has_room(view, operation, &freed))
            .map(|(index, _)| index)
            .collect();
        if without_room.is_empty() {
            return;
        }
        let mut index = 0;
        let left = &mut inverse.left;
        inverse.operations.retain(|operation| {
            let stays = !without_room.contains(&index);
            index += 1;
            if !stays {
                left.push(WaitingReport {
                    platform: operation.platform.clone(),
                    booking: operation.booking,
                    place: operation
                        .action
                        .after()
                        .map(|after| (after.resource.clone(), after.slot)),
                    why: TAKEN.to_owned(),
                    needs_person: true,
                });
            }
            stays
        });
    }
}

fn has_room(
    view: &View<'_>,
    operation: &Operation,
    freed: &BTreeSet<(&PlatformName, &RemoteId)>,
) -> bool {
    let takes = match &operation.action {
        Action::Create { desired } => desired,
        Action::Update {
            desired, fields, ..
        } if fields.contains(&Field::Slot) || fields.contains(&Field::Resource) => desired,
        Action::Update { .. } | Action::Remove { .. } => return true,
    };
    let Some(member) = view.member(&operation.platform) else {
        return false;
    };
    let Some(key) = member.member.mapping.resource_key(&takes.resource) else {
        return false;
    };
    let occupied = presume::own_records(member)
        .filter(|(record, slot)| record.resource == *key && slot.intersects(takes.slot))
        .any(|(record, _)| !freed.contains(&(&operation.platform, &record.id)));
    let is_create = matches!(operation.action, Action::Create { .. });
    let busy = is_create
        && matches!(
            presume::look(member, &takes.resource, takes.slot),
            Some(SlotView::Busy | SlotView::PartlyBusy)
        );
    !occupied && !busy
}
