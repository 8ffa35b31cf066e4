//! What one platform needs for one merged booking.

use proptest::prelude::*;

use super::*;
use crate::merge::{Side, accepted, merge};
use crate::testing::sides::any_case;
use crate::testing::{booking, changed, platform, remote};

struct Case {
    merge: Merge,
    shown: Shown,
    remote_id: Option<RemoteId>,
    shadow: Option<Shadow>,
    projection: Projection,
    heard: bool,
    read_only: Option<Withheld>,
    create: CreateGate,
}

impl Case {
    /// A booking whose record is in step.
    fn in_step() -> Self {
        let live = Presence::Live(booking(0));
        Self {
            merge: merged(live.clone()),
            shown: Shown::Live(booking(0)),
            remote_id: Some(remote("501")),
            shadow: Some(Shadow {
                kept: live.clone(),
                agreed: live,
            }),
            projection: Projection::WHOLE,
            heard: true,
            read_only: None,
            create: CreateGate::Open,
        }
    }

    fn step(&self) -> Step {
        step(
            &self.merge,
            &Target {
                platform: &platform("salon"),
                remote_id: self.remote_id.as_ref(),
                shown: &self.shown,
                shadow: self.shadow.as_ref(),
                projection: &self.projection,
                heard: self.heard,
                read_only: self.read_only.clone(),
                create: self.create.clone(),
            },
        )
    }
}

fn merged(presence: Presence) -> Merge {
    Merge {
        presence,
        held: BTreeSet::new(),
        held_whole: false,
        conflicts: Vec::new(),
    }
}

fn word(step: &Step) -> &'static str {
    match step {
        Step::Nothing => "nothing",
        Step::Do(action) => action.as_str(),
        Step::Wait(Withheld::Asked) => "asked",
        Step::Wait(_) => "wait",
    }
}

#[test]
fn what_a_platform_needs_for_a_booking() {
    let live = || Presence::Live(booking(0));
    let shown = || Shown::Live(booking(0));
    for (presence, shows, linked, kept_gone, heard, expected) in [
        (live(), shown(), true, false, true, "nothing"),
        (live(), Shown::Unseen, true, false, true, "nothing"),
        (live(), Shown::Unseen, false, false, true, "create"),
        (live(), Shown::Unseen, false, false, false, "create"),
        // Removed where it counts, and it lives all the same: the policy kept it.
        (live(), Shown::Gone, true, true, true, "create"),
        (live(), Shown::Gone, true, false, true, "create"),
        // Removed where nobody listens: it stays removed there.
        (live(), Shown::Gone, true, false, false, "nothing"),
        // But not when the booking had been cancelled, and came back since.
        (live(), Shown::Gone, true, true, false, "create"),
        (Presence::Gone, shown(), true, false, true, "remove"),
        (Presence::Gone, shown(), true, true, false, "remove"),
        (Presence::Gone, Shown::Gone, true, false, true, "nothing"),
        (Presence::Gone, Shown::Unseen, true, false, true, "nothing"),
        (Presence::Gone, Shown::Unseen, false, false, true, "nothing"),
    ] {
        let mut case = Case {
            merge: merged(presence),
            shown: shows,
            heard,
            ..Case::in_step()
        };
        if kept_gone {
            case.shadow = Some(Shadow::GONE);
        }
        if !linked {
            (case.remote_id, case.shadow) = (None, None);
        }
        let context = format!(
            "{:?} {:?} linked {linked} heard {heard}",
            case.merge.presence, case.shown
        );
        assert_eq!(word(&case.step()), expected, "{context}");
        let done = matches!(expected, "create" | "remove");
        let read_only = Case {
            read_only: Some(Withheld::ReadOnly),
            ..case
        };
        assert_eq!(
            word(&read_only.step()),
            if done { "wait" } else { expected },
            "{context}"
        );
    }
}

#[test]
fn a_create_waits_for_its_gate() {
    let why = Withheld::Overlap;
    let case = Case {
        shown: Shown::Unseen,
        remote_id: None,
        shadow: None,
        create: CreateGate::Withheld(why.clone()),
        ..Case::in_step()
    };
    assert_eq!(case.step(), Step::Wait(why));
}

#[test]
fn a_create_shows_what_the_platform_can_hold() {
    let projection = Projection::WHOLE.busy();
    let case = Case {
        shown: Shown::Unseen,
        remote_id: None,
        shadow: None,
        projection,
        ..Case::in_step()
    };
    let Step::Do(Action::Create { desired }) = case.step() else {
        panic!("{:?}", case.step())
    };
    assert!(desired.client.name.is_blank());
    assert_eq!(desired.slot, booking(0).slot);
}

#[test]
fn an_update_writes_the_changed_field_and_leaves_the_others_as_the_owner_has_them() {
    for field in Field::ALL {
        let wanted = changed(&booking(0), field, 'a');
        // The owner's own spelling of another field, which the bridge has accepted.
        let other = if field == Field::Comment {
            Field::ClientEmail
        } else {
            Field::Comment
        };
        let own = changed(&booking(0), other, 'b');
        let case = Case {
            merge: merged(Presence::Live(wanted.clone())),
            shown: Shown::Live(own.clone()),
            shadow: Some(Shadow {
                kept: Presence::Live(own.clone()),
                agreed: Presence::Live(booking(0)),
            }),
            ..Case::in_step()
        };
        let mut desired = own.clone();
        desired.take_field(field, &wanted);
        let expected = Action::Update {
            remote_id: remote("501"),
            shown: own,
            desired,
            fields: BTreeSet::from([field]),
            parking: false,
        };
        assert_eq!(case.step(), Step::Do(expected), "{}", field.as_str());
    }
}

#[test]
fn what_waits_for_a_person_is_not_written() {
    let mut merge = merged(Presence::Live(changed(&booking(0), Field::Comment, 'a')));
    merge.held.insert(Field::Comment);
    let held = Case {
        merge,
        ..Case::in_step()
    };
    assert_eq!(held.step(), Step::Nothing);
    for presence in [
        Presence::Gone,
        Presence::Live(changed(&booking(0), Field::Slot, 'a')),
    ] {
        for (shown, expected) in [
            (Shown::Live(booking(0)), "asked"),
            (Shown::Gone, "asked"),
            (Shown::Unseen, "nothing"),
        ] {
            let merge = Merge {
                held_whole: true,
                ..merged(presence.clone())
            };
            let asked = Case {
                merge,
                shown,
                ..Case::in_step()
            };
            assert_eq!(word(&asked.step()), expected);
        }
    }
}

#[test]
fn a_contact_is_written_where_it_is_missing_and_never_where_it_is_hidden() {
    let nobody = || Booking {
        client: crate::model::Client::default(),
        ..booking(0)
    };
    let unknown = Presence::Live(nobody());
    let known = Presence::Live(booking(0));
    for (kept, agreed, expected) in [
        // The bridge has learnt the contacts since.
        (&unknown, &unknown, "update"),
        // The platform never kept them, or hides them by now.
        (&unknown, &known, "nothing"),
        (&known, &known, "nothing"),
    ] {
        let case = Case {
            shown: Shown::Live(nobody()),
            shadow: Some(Shadow {
                kept: kept.clone(),
                agreed: agreed.clone(),
            }),
            ..Case::in_step()
        };
        assert_eq!(word(&case.step()), expected, "{kept:?} {agreed:?}");
    }
    let stranger = Case {
        merge: merged(unknown),
        ..Case::in_step()
    };
    assert_eq!(
        stranger.step(),
        Step::Nothing,
        "what is not known wipes nothing"
    );
}

/// A platform that keeps things in its own way.
fn rewritten(booking: &Booking, way: u8) -> Booking {
    let mut kept = booking.clone();
    match way {
        0 => {}
        1 => {
            kept.client.name =
                crate::model::Private::new(booking.client.name.expose().to_uppercase());
        }
        2 => kept.comment = crate::model::Private::new(format!("{}!", booking.comment.expose())),
        3 => kept.client.phone = None,
        4 => kept.slot = crate::testing::slot(0, 60),
        _ => kept.services.reverse(),
    }
    kept
}

/// Carries out what a platform needs, as the engine would, and notes what it kept of it.
fn applied(side: &Side, merge: &Merge, way: u8) -> Side {
    let remote_id = remote("1");
    let target = Target {
        platform: &side.platform,
        remote_id: Some(&remote_id),
        shown: &side.shown,
        shadow: Some(&side.shadow),
        projection: &side.projection,
        heard: side.heard,
        read_only: None,
        create: CreateGate::Open,
    };
    let Step::Do(action) = step(merge, &target) else {
        return side.clone();
    };
    let mut next = side.clone();
    match action {
        Action::Create { desired } => {
            let kept = rewritten(&desired, way);
            next.shown = Shown::Live(kept.clone());
            next.shadow = Shadow {
                kept: Presence::Live(kept),
                agreed: Presence::Live(desired),
            };
        }
        Action::Update {
            shown,
            desired,
            fields,
            ..
        } => {
            let mut seen = shown.clone();
            // What was not written keeps its base, so that a change which waits for a person stays one.
            let mut kept = side.shadow.kept.live().unwrap_or(&shown).clone();
            let mut agreed = side.shadow.agreed.live().unwrap_or(&shown).clone();
            for field in fields {
                seen.take_field(field, &rewritten(&desired, way));
                kept.take_field(field, &rewritten(&desired, way));
                agreed.take_field(field, &desired);
            }
            next.shown = Shown::Live(seen);
            next.shadow = Shadow {
                kept: Presence::Live(kept),
                agreed: Presence::Live(agreed),
            };
        }
        Action::Remove { .. } => {
            next.shown = Shown::Gone;
            next.shadow = Shadow::GONE;
        }
    }
    next
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn planning_an_applied_plan_gives_an_empty_plan((canonical, sides, policy) in any_case(), ways in [0..6_u8, 0..6, 0..6]) {
        let first = merge(&canonical, &sides, &policy);
        if first.held_whole {
            return Ok(());
        }
        let done: Vec<Side> = sides
            .iter()
            .zip(ways)
            .map(|(side, way)| applied(&Side { shadow: accepted(side, &first), ..side.clone() }, &first, way))
            .collect();
        let second = merge(&first.presence, &done, &policy);
        prop_assert_eq!(&second.presence, &first.presence);
        for (side, way) in done.iter().zip(ways) {
            let after = applied(&Side { shadow: accepted(side, &second), ..side.clone() }, &second, way);
            prop_assert_eq!(&after.shown, &side.shown, "{}", side.platform);
        }
    }

    #[test]
    fn a_write_that_waits_is_still_wanted((canonical, sides, policy) in any_case()) {
        // Nothing could be written in the first run; the second wants the same, whatever was won or lost.
        let first = merge(&canonical, &sides, &policy);
        if first.held_whole {
            return Ok(());
        }
        let waiting: Vec<Side> =
            sides.iter().map(|side| Side { shadow: accepted(side, &first), ..side.clone() }).collect();
        let second = merge(&first.presence, &waiting, &policy);
        for side in &waiting {
            let again = Side { shadow: accepted(side, &second), ..side.clone() };
            prop_assert_eq!(applied(side, &first, 0).shown, applied(&again, &second, 0).shown, "{}", side.platform);
        }
    }
}

#[test]
fn a_record_that_was_taken_back_is_made_again_only_when_something_else_is_wanted() {
    let left_out = |agreed: Booking| Shadow {
        kept: Presence::Gone,
        agreed: Presence::Live(agreed),
    };
    let case = Case {
        shown: Shown::Gone,
        shadow: Some(left_out(booking(0))),
        ..Case::in_step()
    };
    assert_eq!(case.step(), Step::Nothing);
    for field in Field::ALL {
        let moved = Case {
            merge: merged(Presence::Live(changed(&booking(0), field, 'b'))),
            shadow: Some(left_out(booking(0))),
            shown: Shown::Gone,
            ..Case::in_step()
        };
        assert_eq!(word(&moved.step()), "create", "{}", field.as_str());
    }
    // What a platform hides is no other wish.
    let mut hidden = booking(0);
    hidden.client.phone = None;
    let case = Case {
        merge: merged(Presence::Live(hidden)),
        ..case
    };
    assert_eq!(case.step(), Step::Nothing);
}

#[test]
fn a_record_that_was_booked_again_is_not_removed_again() {
    let kept_on = Case {
        merge: merged(Presence::Gone),
        shadow: Some(Shadow {
            kept: Presence::Live(booking(0)),
            agreed: Presence::Gone,
        }),
        ..Case::in_step()
    };
    assert_eq!(kept_on.step(), Step::Nothing);
    let agreed = Case {
        merge: merged(Presence::Gone),
        ..Case::in_step()
    };
    assert_eq!(word(&agreed.step()), "remove");
}
