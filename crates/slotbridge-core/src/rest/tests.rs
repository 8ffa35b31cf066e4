//! Tables and properties of what is at rest.

use proptest::prelude::*;

use super::*;
use crate::merge::{Policy, Shadow, Side, accepted, merge};
use crate::plan::{CreateGate, Step, Target, Withheld, step};
use crate::testing::sides::any_case;
use crate::testing::{any_booking, any_projection, booking, remote};

fn kept(side: &Side) -> Kept<'_> {
    Kept {
        shown: &side.shown,
        kept: &side.shadow.kept,
        agreed: &side.shadow.agreed,
        projection: &side.projection,
    }
}

/// What the whole machinery makes of a booking: nothing at all, or why not.
fn stirs(canonical: &Presence, sides: &[Side], policy: &Policy) -> Result<(), String> {
    let merged = merge(canonical, sides, policy);
    if merged.presence != *canonical {
        return Err("the booking changes".to_owned());
    }
    if !merged.conflicts.is_empty() || !merged.held.is_empty() || merged.held_whole {
        return Err("there is a conflict".to_owned());
    }
    for side in sides {
        if accepted(side, &merged) != side.shadow {
            return Err(format!("the shadow on {} changes", side.platform));
        }
        let id = remote("1");
        let target = Target {
            platform: &side.platform,
            remote_id: Some(&id),
            shown: &side.shown,
            shadow: Some(&side.shadow),
            projection: &side.projection,
            heard: side.heard,
            read_only: None,
            create: CreateGate::Withheld(Withheld::Overlap),
        };
        let wanted = step(&merged, &target);
        if wanted != Step::Nothing {
            return Err(format!("{wanted:?} on {}", side.platform));
        }
    }
    Ok(())
}

/// The sides as they are when all is done, each platform keeping what it was given in its own way.
fn at_rest(canonical: &Presence, sides: &[Side]) -> Vec<Side> {
    sides
        .iter()
        .map(|side| {
            let mut side = side.clone();
            match (canonical, &side.shown) {
                (_, Shown::Unseen) => {}
                (Presence::Gone, Shown::Live(_) | Shown::Gone) => {
                    side.shown = Shown::Gone;
                    side.shadow = Shadow::GONE;
                }
                (Presence::Live(booking), shown) => {
                    let agreed = side.projection.project(booking);
                    let mut shown = match shown {
                        Shown::Live(shown) => shown.clone(),
                        Shown::Gone | Shown::Unseen => agreed.clone(),
                    };
                    shown.kind = booking.kind;
                    side.shadow = Shadow {
                        kept: Presence::Live(shown.clone()),
                        agreed: Presence::Live(agreed),
                    };
                    side.shown = Shown::Live(shown);
                }
            }
            side
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn what_is_at_rest_needs_nothing((canonical, sides, policy) in any_case(), quiet in any::<bool>()) {
        let sides = if quiet { at_rest(&canonical, &sides) } else { sides };
        let rests = is_at_rest(&canonical, sides.iter().map(kept));
        prop_assert!(rests || !quiet, "what was made to be at rest is not taken for it");
        if rests {
            let stirred = stirs(&canonical, &sides, &policy);
            prop_assert_eq!(stirred, Ok(()));
        }
    }

    #[test]
    fn what_a_platform_shows_of_a_booking_is_its_projection(
        projection in any_projection(), one in any_booking(), other in any_booking(), same in any::<bool>()
    ) {
        let shown = if same { projection.project(&one) } else { projection.project(&other) };
        prop_assert_eq!(projection.shows(&one, &shown), projection.project(&one) == shown);
        prop_assert_eq!(projection.shows(&one, &other), projection.project(&one) == other);
    }
}

#[test]
fn any_change_of_a_record_or_of_the_booking_ends_the_rest() {
    let calm = booking(0);
    let shadow = Shadow {
        kept: Presence::Live(calm.clone()),
        agreed: Presence::Live(calm.clone()),
    };
    let rests = |canonical: &Presence, shown: &Shown, shadow: &Shadow| {
        let projection = &Projection::WHOLE;
        is_at_rest(
            canonical,
            [Kept {
                shown,
                kept: &shadow.kept,
                agreed: &shadow.agreed,
                projection,
            }],
        )
    };
    let (live, shows) = (Presence::Live(calm.clone()), Shown::Live(calm.clone()));
    assert!(rests(&live, &shows, &shadow));
    assert!(rests(&live, &Shown::Unseen, &shadow));
    assert!(!rests(&live, &Shown::Gone, &shadow));
    assert!(!rests(&live, &Shown::Gone, &Shadow::GONE));
    assert!(!rests(&Presence::Gone, &shows, &shadow));
    assert!(rests(&Presence::Gone, &Shown::Gone, &Shadow::GONE));
    assert!(!rests(&Presence::Gone, &Shown::Gone, &shadow));
    let mut block = calm.clone();
    block.kind = crate::model::Kind::Block;
    let shown_as_block = Shadow {
        kept: Presence::Live(block.clone()),
        ..shadow.clone()
    };
    assert!(!rests(&live, &Shown::Live(block), &shown_as_block));
    for field in crate::model::Field::ALL {
        let other = crate::testing::changed(&calm, field, 'b');
        let word = field.as_str();
        assert!(
            !rests(&live, &Shown::Live(other.clone()), &shadow),
            "{word}"
        );
        assert!(!rests(&Presence::Live(other), &shows, &shadow), "{word}");
    }
}
