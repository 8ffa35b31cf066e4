//! What a person decided: every choice over every kind of conflict, what makes it void, and that it is applied once.

use proptest::prelude::*;

use super::*;
use crate::projection::same_value;
use crate::testing::sides::any_case;

fn ask() -> Policy {
    policy(ConflictPolicy::Ask, RemovedAndEdited::Ask)
}

/// The salon changed the field to `a`, the site to `b`; the third one still shows the base.
fn disputed(field: Field) -> Vec<Side> {
    let edited = |name, value| Side {
        shown: Shown::Live(changed(&booking(0), field, value)),
        ..side(name, 1)
    };
    vec![edited("salon", 'a'), edited("site", 'b'), side("world", 1)]
}

/// The salon removed the booking, the site commented on it.
fn removed_and_edited() -> Vec<Side> {
    let removed = Side {
        shown: Shown::Gone,
        ..side("salon", 1)
    };
    let edited = Side {
        shown: Shown::Live(changed(&booking(0), Field::Comment, 'b')),
        ..side("site", 2)
    };
    vec![removed, edited, side("world", 1)]
}

/// The decision of the first conflict that these sides give.
fn decide(canonical: &Presence, sides: &[Side], choice: Choice) -> Decision {
    let open = merge(canonical, sides, &ask());
    let conflict = open.conflicts.first().expect("a conflict");
    assert_eq!(can_choose(conflict, canonical, &choice), Ok(()));
    Decision {
        subject: conflict.subject,
        claims: conflict.claims.clone(),
        choice,
    }
}

fn base() -> Presence {
    Presence::Live(booking(0))
}

fn take(name: &str) -> Choice {
    Choice::Take(platform(name))
}

#[test]
fn every_choice_over_every_field_is_what_the_booking_becomes() {
    for field in Field::ALL {
        // A third value that nobody claims; every field of this booking differs from all the others'.
        let mut other = changed(&booking(0), field, 'a');
        other.resource = crate::testing::resource("dora");
        other.services = vec![crate::testing::service("colour")];
        other.slot = crate::testing::slot(700, 730);
        other.client = crate::testing::client("Фёдор", "+79000000009", "f@example.com");
        other.status = Status::NoShow;
        other.comment = Private::new("иначе");
        let mut set = booking(0);
        set.take_field(field, &other);
        for (choice, becomes) in [
            (take("salon"), changed(&booking(0), field, 'a')),
            (take("site"), changed(&booking(0), field, 'b')),
            (Choice::Set(other.field(field)), set),
            (Choice::Keep, booking(0)),
        ] {
            let context = format!("{} {choice:?}", field.as_str());
            let sides = disputed(field);
            let decision = decide(&base(), &sides, choice.clone());
            // A person's word outweighs a policy that was changed since.
            for policy in [ask(), newest()] {
                let decisions = std::slice::from_ref(&decision);
                let (merged, fates) = merge_decided(&base(), &sides, &policy, decisions);
                assert_eq!(fates, [Fate::Applied], "{context}");
                assert_eq!(
                    merged.presence,
                    Presence::Live(becomes.clone()),
                    "{context}"
                );
                assert!(merged.held.is_empty() && !merged.held_whole, "{context}");
                assert_eq!(merged.conflicts.len(), 1, "{context}");
                assert_eq!(merged.conflicts[0].decided.as_ref(), choice.platform());
                // Once taken over, it is over: the decision is gone and nobody is asked again.
                let (next, sides) = taken_over(&base(), &sides, &merged);
                let again = merge(&next, &sides, &ask());
                assert_eq!(
                    (&again.presence, again.conflicts.len()),
                    (&merged.presence, 0)
                );
                assert!(again.held.is_empty(), "{context}");
            }
        }
    }
}

#[test]
fn a_removal_is_decided_for_everybody() {
    let edited = Presence::Live(changed(&booking(0), Field::Comment, 'b'));
    for (choice, becomes) in [
        (take("salon"), Presence::Gone),
        (take("site"), edited.clone()),
        (Choice::Keep, edited),
    ] {
        let sides = removed_and_edited();
        let decision = decide(&base(), &sides, choice.clone());
        let (merged, fates) = merge_decided(&base(), &sides, &ask(), &[decision]);
        assert_eq!(fates, [Fate::Applied], "{choice:?}");
        assert_eq!(merged.presence, becomes, "{choice:?}");
        assert!(!merged.held_whole, "{choice:?}");
        assert_eq!(merged.conflicts[0].decided.as_ref(), choice.platform());
        let (next, sides) = taken_over(&base(), &sides, &merged);
        let again = merge(&next, &sides, &ask());
        assert_eq!((again.presence, again.conflicts), (becomes, vec![]));
    }
}

#[test]
fn a_removal_that_has_not_arrived_everywhere_is_decided_too() {
    let mut sides = removed_and_edited();
    sides[0].shadow = Shadow::GONE;
    for (choice, lives) in [
        (take("salon"), false),
        (take("site"), true),
        (Choice::Keep, true),
    ] {
        let decision = decide(&Presence::Gone, &sides, choice.clone());
        let (merged, fates) = merge_decided(&Presence::Gone, &sides, &ask(), &[decision]);
        assert_eq!(fates, [Fate::Applied], "{choice:?}");
        assert_eq!(merged.presence.live().is_some(), lives, "{choice:?}");
        let (next, sides) = taken_over(&Presence::Gone, &sides, &merged);
        assert_eq!(merge(&next, &sides, &ask()).conflicts, [], "{choice:?}");
    }
}

#[test]
fn a_decision_is_void_once_what_it_was_made_over_has_changed() {
    let sides = disputed(Field::Slot);
    let decision = decide(&base(), &sides, take("salon"));
    let moved_again = |index: usize| {
        let mut sides = disputed(Field::Slot);
        let mut booking = booking(0);
        booking.slot = crate::testing::slot(900, 930);
        sides[index].shown = Shown::Live(booking);
        sides
    };
    let mut agreed = disputed(Field::Slot);
    agreed[1].shown = agreed[0].shown.clone();
    let mut third = disputed(Field::Slot);
    third[2].shown = Shown::Live(changed(&booking(0), Field::Slot, 'b'));
    for (changed, sides) in [
        ("the winner", moved_again(0)),
        ("the loser", moved_again(1)),
        ("they agree", agreed),
        ("one more claims something", third),
    ] {
        let decisions = std::slice::from_ref(&decision);
        let plain = merge(&base(), &sides, &ask());
        let (merged, fates) = merge_decided(&base(), &sides, &ask(), decisions);
        assert_eq!((merged, fates), (plain, vec![Fate::Void]), "{changed}");
    }
}

#[test]
fn a_later_edit_makes_a_decision_about_a_removal_void_whatever_it_touched() {
    let sides = removed_and_edited();
    let decision = decide(&base(), &sides, take("salon"));
    let mut later = removed_and_edited();
    later[1].noticed_at = at(30);
    let decisions = std::slice::from_ref(&decision);
    let (merged, fates) = merge_decided(&base(), &later, &ask(), decisions);
    assert_eq!((merged.held_whole, fates), (true, vec![Fate::Void]));
    // The stamp of a field's claim may move for the sake of another field.
    let sides = disputed(Field::Slot);
    let decision = decide(&base(), &sides, take("salon"));
    let mut later = disputed(Field::Slot);
    later[0].noticed_at = at(30);
    let (_, fates) = merge_decided(&base(), &later, &ask(), &[decision]);
    assert_eq!(fates, [Fate::Applied]);
}

#[test]
fn a_decision_waits_while_a_platform_is_not_seen_or_the_whole_booking_is_in_question() {
    let sides = disputed(Field::Slot);
    let decision = decide(&base(), &sides, take("salon"));
    let decisions = std::slice::from_ref(&decision);
    let mut unseen = disputed(Field::Slot);
    unseen[1].shown = Shown::Unseen;
    let (_, fates) = merge_decided(&base(), &unseen, &ask(), decisions);
    assert_eq!(fates, [Fate::Waits]);
    // That a platform which claims nothing was not seen is no reason to wait.
    let mut unseen = disputed(Field::Slot);
    unseen[2].shown = Shown::Unseen;
    let (_, fates) = merge_decided(&base(), &unseen, &ask(), decisions);
    assert_eq!(fates, [Fate::Applied]);
    let mut removed = disputed(Field::Slot);
    removed[2].shown = Shown::Gone;
    let (merged, fates) = merge_decided(&base(), &removed, &ask(), decisions);
    assert_eq!((merged.held_whole, fates), (true, vec![Fate::Waits]));
}

#[test]
fn several_fields_are_decided_one_by_one() {
    let mut sides = disputed(Field::Slot);
    for (side, value) in sides.iter_mut().zip(['a', 'b']) {
        if let Shown::Live(shown) = &side.shown {
            side.shown = Shown::Live(changed(shown, Field::ClientPhone, value));
        }
    }
    let open = merge(&base(), &sides, &ask());
    let decision = |subject, choice| {
        let conflict = open.conflicts.iter().find(|one| one.subject == subject);
        Decision {
            subject,
            claims: conflict.expect("it is disputed").claims.clone(),
            choice,
        }
    };
    let slot = decision(Subject::Field(Field::Slot), take("salon"));
    let phone = decision(Subject::Field(Field::ClientPhone), take("site"));
    let (merged, fates) = merge_decided(&base(), &sides, &ask(), std::slice::from_ref(&slot));
    assert_eq!(fates, [Fate::Applied]);
    assert_eq!(merged.held, [Field::ClientPhone].into());
    let (merged, fates) = merge_decided(&base(), &sides, &ask(), &[slot, phone]);
    assert_eq!((fates, merged.held.len()), (vec![Fate::Applied; 2], 0));
    let wanted = changed(&booking(0), Field::Slot, 'a');
    let wanted = changed(&wanted, Field::ClientPhone, 'b');
    assert_eq!(merged.presence, Presence::Live(wanted));
}

#[test]
fn what_makes_no_sense_cannot_be_chosen() {
    let text = |text: &str| FieldValue::Text(Some(Private::new(text)));
    let conflict = |sides: &[Side]| merge(&base(), sides, &ask()).conflicts[0].clone();
    let phone = conflict(&disputed(Field::ClientPhone));
    let status = conflict(&disputed(Field::Status));
    let removal = conflict(&removed_and_edited());
    let mut no_phone = booking(0);
    no_phone.client.phone = None;
    let cancelled = FieldValue::Status(Status::Cancelled);
    for (conflict, canonical, choice, why) in [
        (
            &phone,
            base(),
            take("world"),
            NoChoice::NotAClaimant(platform("world")),
        ),
        (
            &removal,
            base(),
            Choice::Set(text("x")),
            NoChoice::NoValueForRemoval,
        ),
        (
            &status,
            base(),
            Choice::Set(text("x")),
            NoChoice::OtherField("status"),
        ),
        (
            &status,
            base(),
            Choice::Set(cancelled),
            NoChoice::OtherField("status"),
        ),
        (
            &phone,
            base(),
            Choice::Set(text(" ")),
            NoChoice::Empty("client.phone"),
        ),
        (
            &phone,
            Presence::Live(no_phone),
            Choice::Keep,
            NoChoice::Empty("client.phone"),
        ),
    ] {
        assert_eq!(
            can_choose(conflict, &canonical, &choice),
            Err(why),
            "{choice:?}"
        );
    }
    // An empty comment is a comment that was cleared.
    let comment = conflict(&disputed(Field::Comment));
    assert_eq!(
        can_choose(&comment, &base(), &Choice::Set(text(""))),
        Ok(())
    );
}

fn any_choice() -> impl Strategy<Value = u8> {
    0_u8..3
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_is_decided_is_decided_once((canonical, sides, policy) in any_case(), pick in any_choice()) {
        let asking = Policy { conflict: ConflictPolicy::Ask, on_removed_and_edited: RemovedAndEdited::Ask };
        let open = merge(&canonical, &sides, &asking);
        let decisions: Vec<Decision> = open
            .conflicts
            .iter()
            .filter(|conflict| conflict.decided.is_none())
            .map(|conflict| Decision {
                subject: conflict.subject,
                claims: conflict.claims.clone(),
                choice: match conflict.claims.get(usize::from(pick)) {
                    Some(claim) => Choice::Take(claim.platform.clone()),
                    None => Choice::Keep,
                },
            })
            .collect();
        let (merged, fates) = merge_decided(&canonical, &sides, &policy, &decisions);
        let unseen = |decision: &Decision| decision.subject != Subject::Removal && is_unseen(&decision.claims, &sides);
        let expected: Vec<Fate> = decisions
            .iter()
            .map(|decision| if unseen(decision) { Fate::Waits } else { Fate::Applied })
            .collect();
        prop_assert_eq!(fates, expected);
        let decisions: Vec<Decision> = decisions.into_iter().filter(|decision| !unseen(decision)).collect();
        prop_assert!(decisions.is_empty() || !merged.held_whole);
        for decision in &decisions {
            let (Subject::Field(field), Choice::Take(name)) = (decision.subject, &decision.choice) else {
                continue;
            };
            let side = sides.iter().find(|side| side.platform == *name);
            if let (Some(Shown::Live(shown)), Presence::Live(result)) = (side.map(|side| &side.shown), &merged.presence) {
                prop_assert!(same_value(field, shown, result));
            }
        }
        let (next, shadows) = taken_over(&canonical, &sides, &merged);
        let again = merge(&next, &shadows, &asking);
        prop_assert_eq!(&again.presence, &merged.presence);
        for decision in &decisions {
            let asked = again.conflicts.iter().any(|one| one.subject == decision.subject && one.decided.is_none());
            prop_assert!(!asked, "{:?} is asked again", decision.subject);
        }
    }

    #[test]
    fn nobody_decides_without_a_decision((canonical, sides, policy) in any_case()) {
        let (merged, fates) = merge_decided(&canonical, &sides, &policy, &[]);
        prop_assert_eq!((merged, fates), (merge(&canonical, &sides, &policy), vec![]));
    }
}
