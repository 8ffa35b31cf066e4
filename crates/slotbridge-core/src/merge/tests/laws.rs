//! What holds for every merge.

use proptest::prelude::*;

use super::*;
use crate::projection::same_value;
use crate::testing::sides::any_case;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn merging_again_changes_nothing((canonical, sides, policy) in any_case()) {
        let merged = merge(&canonical, &sides, &policy);
        let (next, shadows) = taken_over(&canonical, &sides, &merged);
        let again = merge(&next, &shadows, &policy);
        prop_assert_eq!(&again.presence, &merged.presence);
        prop_assert_eq!(&again.held, &merged.held);
        prop_assert_eq!(again.held_whole, merged.held_whole);
        // Only what waits for a person, or was edited where nobody listens, is still told.
        for conflict in &again.conflicts {
            let unheard = |claim: &Claim| sides.iter().any(|side| side.platform == claim.platform && !side.heard);
            prop_assert!(conflict.decided.is_none() || conflict.claims.iter().all(unheard), "{:?}", conflict);
        }
    }

    #[test]
    fn the_order_of_platforms_does_not_matter((canonical, sides, policy) in any_case()) {
        if canonical == Presence::Gone {
            return Ok(());
        }
        let merged = merge(&canonical, &sides, &policy);
        let reversed: Vec<Side> = sides.iter().rev().cloned().collect();
        let backwards = merge(&canonical, &reversed, &policy);
        prop_assert_eq!(&backwards.held, &merged.held);
        match (&merged.presence, &backwards.presence) {
            (Presence::Live(one), Presence::Live(other)) => {
                prop_assert_eq!(Projection::WHOLE.differing(one, other), []);
            }
            (one, other) => prop_assert_eq!(one, other),
        }
    }

    #[test]
    fn what_is_not_seen_removes_nothing((canonical, sides, policy) in any_case()) {
        let unseen: Vec<Side> =
            sides.into_iter().map(|side| Side { shown: Shown::Unseen, ..side }).collect();
        let merged = merge(&canonical, &unseen, &policy);
        prop_assert_eq!(merged.presence, canonical);
        prop_assert_eq!(merged.conflicts, []);
    }

    #[test]
    fn a_booking_goes_only_where_a_heard_platform_removed_it((canonical, sides, policy) in any_case()) {
        if canonical == Presence::Gone {
            return Ok(());
        }
        let merged = merge(&canonical, &sides, &policy);
        let removed = sides.iter().any(|side| side.heard && side.shown == Shown::Gone);
        prop_assert!(removed || merged.presence != Presence::Gone);
    }

    #[test]
    fn a_booking_comes_back_only_where_a_heard_platform_shows_it((_, sides, policy) in any_case()) {
        let merged = merge(&Presence::Gone, &sides, &policy);
        let shown = sides.iter().any(|side| side.heard && matches!(side.shown, Shown::Live(_)));
        prop_assert!(shown || merged.presence == Presence::Gone);
    }

    #[test]
    fn a_blank_contact_wipes_nothing((canonical, sides, policy) in any_case(), blank in 0..3_usize) {
        let Presence::Live(base) = &canonical else { return Ok(()) };
        let field = [Field::ClientName, Field::ClientPhone, Field::ClientEmail][blank];
        let nobody = Booking { client: crate::model::Client::default(), ..base.clone() };
        let hidden: Vec<Side> = sides
            .into_iter()
            .map(|mut side| {
                if let Shown::Live(shown) = &mut side.shown {
                    shown.take_field(field, &nobody);
                }
                side
            })
            .collect();
        if let Presence::Live(merged) = merge(&canonical, &hidden, &policy).presence {
            prop_assert_eq!(merged.field(field), base.field(field));
        }
    }

    #[test]
    fn the_only_change_is_taken((canonical, sides, policy) in any_case(), which in 0..3_usize) {
        let Presence::Live(base) = &canonical else { return Ok(()) };
        let which = which % sides.len();
        let quiet: Vec<Side> = sides
            .iter()
            .enumerate()
            .map(|(index, side)| {
                let kept = side.projection.project(base);
                let in_step = Shadow { kept: Presence::Live(kept.clone()), agreed: Presence::Live(kept.clone()) };
                match &side.shown {
                    Shown::Live(_) if index == which => Side { shadow: in_step, heard: true, ..side.clone() },
                    Shown::Live(_) | Shown::Gone | Shown::Unseen => Side { shown: Shown::Live(kept), shadow: in_step, ..side.clone() },
                }
            })
            .collect();
        let merged = merge(&canonical, &quiet, &policy);
        prop_assert_eq!(&merged.conflicts, &[]);
        let (Presence::Live(result), Shown::Live(shown)) = (&merged.presence, &quiet[which].shown) else {
            return Err(TestCaseError::fail("an edit removed the booking"));
        };
        for field in Field::ALL {
            let hidden = field.empty_means_unknown() && shown.field(field).is_empty();
            let as_shown = same_value(field, &quiet[which].projection.project(result), shown);
            prop_assert!(hidden || as_shown, "{}", field.as_str());
        }
    }
}
