//! Taking a merge over into the shadows that the next one starts from.

use super::fields::is_unknown;
use super::{Merge, Presence, Shadow, Shown, Side};
use crate::model::{Booking, Field};
use crate::projection::same_value;

/// The shadow of one side once a merge has been taken over, before anything is written: what the platform shows is
/// known and judged, whether it won or lost, so that it is never judged again.
///
/// What waits for a person stays a change, and so does an edit where nobody listens. A value that lost is agreed as the
/// base that the winning one will be written over.
/// **Law:** merging again with the accepted shadows gives the same booking and no new conflict.
#[must_use]
pub fn accepted(side: &Side, merge: &Merge) -> Shadow {
    let old = &side.shadow;
    match (&merge.presence, &side.shown) {
        _ if merge.held_whole => old.clone(),
        (Presence::Live(booking), Shown::Live(shown)) => {
            accepted_fields(side, merge, booking, shown)
        }
        // Left out on purpose; only another wish ends that.
        (Presence::Live(_), Shown::Gone) if old.left_out().is_some() => old.clone(),
        (Presence::Live(_), Shown::Gone) if side.heard => Shadow::GONE,
        (Presence::Gone, Shown::Gone) => Shadow::GONE,
        // What lost against a removal must not be taken for something new until the removal arrives.
        (Presence::Gone, Shown::Live(shown)) => Shadow {
            kept: Presence::Live(shown.clone()),
            agreed: match &old.kept {
                // Revived where nobody listens: that was never agreed to.
                Presence::Gone => Presence::Live(shown.clone()),
                Presence::Live(_) => old.agreed.clone(),
            },
        },
        (Presence::Live(_), Shown::Gone | Shown::Unseen) | (Presence::Gone, Shown::Unseen) => {
            old.clone()
        }
    }
}

fn accepted_fields(side: &Side, merge: &Merge, booking: &Booking, shown: &Booking) -> Shadow {
    let wanted = side.projection.project(booking);
    let mut kept = shown.clone();
    let mut agreed = shown.clone();
    for field in Field::ALL {
        let in_step = same_value(field, shown, &wanted);
        let open = merge.held.contains(&field) || !side.heard;
        if in_step {
            agreed.take_field(field, &wanted);
            continue;
        }
        let Presence::Live(before) = &side.shadow.kept else {
            // It came back differing: what a person has not decided yet stays a change of what is wanted.
            if open {
                kept.take_field(field, &wanted);
            }
            continue;
        };
        let was_agreed = side.shadow.agreed.live().unwrap_or(before);
        if is_unknown(field, shown) {
            // What cannot be seen for a while is what it was: once it is seen again it is no change.
            kept.take_field(field, before);
        }
        if open {
            kept.take_field(field, before);
            agreed.take_field(field, was_agreed);
        } else if same_value(field, shown, before) || is_unknown(field, shown) {
            agreed.take_field(field, was_agreed);
        }
    }
    Shadow {
        kept: Presence::Live(kept),
        agreed: Presence::Live(agreed),
    }
}
