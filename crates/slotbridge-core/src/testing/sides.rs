//! Bookings as several platforms show them, in every mixture of edits, removals, silence and revival.

use proptest::prelude::*;

use super::{any_booking, any_projection, at, platform};
use crate::merge::{ConflictPolicy, Policy, Presence, RemovedAndEdited, Shadow, Shown, Side};
use crate::model::{Booking, Field, PlatformName};

/// Three platforms at most, each somewhere between untouched and gone.
pub(crate) fn any_sides(canonical: Booking) -> impl Strategy<Value = Vec<Side>> {
    let names = ["salon", "school", "site"];
    let one = move |index: usize| {
        let canonical = canonical.clone();
        (
            any_projection(),
            any_booking(),
            any_booking(),
            0..10_u8,
            0..12_u8,
            any::<bool>(),
            0..9_i64,
        )
            .prop_map(
                move |(projection, other, agreed, shows, base, stamped, minute)| {
                    // Most often the shadow is the canonical booking, and the platform shows its shadow or some of another.
                    let agreed = projection.project(if base < 9 { &canonical } else { &agreed });
                    let kept = if base == 11 {
                        Presence::Gone
                    } else {
                        Presence::Live(agreed.clone())
                    };
                    let mut partly = agreed.clone();
                    for field in Field::ALL.into_iter().skip(usize::from(shows)).step_by(3) {
                        partly.take_field(field, &projection.project(&other));
                    }
                    let shown = match shows {
                        0 => Shown::Gone,
                        1 => Shown::Unseen,
                        2..=5 => Shown::Live(partly),
                        6 => Shown::Live(projection.project(&other)),
                        _ => Shown::Live(agreed.clone()),
                    };
                    // Stamps of different platforms differ, so that no tie depends on the order of the sides.
                    let stamp = at(minute * 10 + i64::try_from(index).unwrap());
                    Side {
                        platform: platform(names[index]),
                        shown,
                        shadow: Shadow {
                            kept,
                            agreed: Presence::Live(agreed),
                        },
                        projection,
                        heard: base != 0,
                        changed_at: stamped.then_some(stamp),
                        noticed_at: stamp,
                    }
                },
            )
    };
    (one(0), one(1), one(2), 1..=3_usize).prop_map(|(first, second, third, count)| {
        let mut sides = vec![first, second, third];
        sides.truncate(count);
        sides
    })
}

pub(crate) fn any_policy() -> impl Strategy<Value = Policy> {
    let order: Vec<PlatformName> = ["site", "salon"].map(platform).to_vec();
    (
        prop::sample::select(vec![
            ConflictPolicy::Newest,
            ConflictPolicy::Prefer(order),
            ConflictPolicy::Ask,
        ]),
        prop::sample::select(vec![
            RemovedAndEdited::Remove,
            RemovedAndEdited::Keep,
            RemovedAndEdited::Ask,
        ]),
    )
        .prop_map(|(conflict, on_removed_and_edited)| Policy {
            conflict,
            on_removed_and_edited,
        })
}

pub(crate) fn any_case() -> impl Strategy<Value = (Presence, Vec<Side>, Policy)> {
    (any_booking(), prop::bool::weighted(0.2), any_policy()).prop_flat_map(
        |(canonical, gone, policy)| {
            let presence = if gone {
                Presence::Gone
            } else {
                Presence::Live(canonical.clone())
            };
            (Just(presence), any_sides(canonical), Just(policy))
        },
    )
}
