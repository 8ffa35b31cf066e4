//! What belongs together: moves, and what needs a time that stays taken.

use super::*;

// R6
#[test]
fn a_move_to_another_record_is_no_removal() {
    // Everybody was booked anew, an hour that nobody had before.
    let again = |number: u128| {
        let mut desired = shown(number + 500);
        desired.client = shown(number).client;
        operation(number + 500, "salon", Action::Create { desired })
    };
    let plan: Vec<Operation> = many(remove, 30)
        .into_iter()
        .chain(many(again, 30))
        .collect();
    let verdict = judged(plan.clone(), facts(100), &Limits::default());
    assert_eq!((whats(&verdict), verdict.pass.len()), (vec![], 60));

    // On another platform it is no move.
    let apart: Vec<Operation> = many(remove, 30)
        .into_iter()
        .chain(many(|number| on("site", again(number)), 30))
        .collect();
    let verdict = judged(apart, facts(1_000), &Limits::default());
    assert_eq!(whats(&verdict), [("removals_max", 20, 30)]);

    // Each new booking stands for one old one; what is not moved is held, and what is goes on.
    let some: Vec<Operation> = many(remove, 30).into_iter().chain(many(again, 9)).collect();
    let verdict = judged(some, facts(1_000), &Limits::default());
    assert_eq!(whats(&verdict), [("removals_max", 20, 21)]);
    assert_eq!(verdict.held, many(remove, 30)[9..]);

    // Where the create is held, so is its removal: the client would stand there with nothing.
    let limits = Limits {
        creates_max: 5,
        ..Limits::default()
    };
    let verdict = judged(plan, facts(1_000), &limits);
    assert_eq!(whats(&verdict), [("creates_max", 5, 30)]);
    assert_eq!(verdict.held.len(), 60);
}

#[test]
fn a_move_is_told_by_phone_email_or_name_and_never_of_blocks() {
    let removal = |client: crate::model::Client, kind| {
        let shown = Booking {
            client,
            kind,
            ..shown(1)
        };
        operation(
            1,
            "salon",
            Action::Remove {
                remote_id: remote("1"),
                shown,
            },
        )
    };
    let creation = |client: crate::model::Client, kind| {
        let desired = Booking {
            client,
            kind,
            ..shown(2)
        };
        operation(2, "salon", Action::Create { desired })
    };
    let limits = Limits {
        removals_max: 1,
        ..off()
    };
    let appointment = Kind::Appointment;
    for (before, after, kind, moved) in [
        (
            ("Вера", "+79000000001", ""),
            ("Вика", "+79000000001", ""),
            appointment,
            true,
        ),
        (
            ("", "", "vera@example.com"),
            ("Вера", "", "VERA@example.com"),
            appointment,
            true,
        ),
        (
            ("Вера", "", ""),
            ("вера", "+79000000001", ""),
            appointment,
            true,
        ),
        (
            ("Вера", "+79000000001", ""),
            ("Вера", "+79000000002", ""),
            appointment,
            false,
        ),
        (("", "", ""), ("", "", ""), appointment, false),
        (("", "", ""), ("", "", ""), Kind::Block, false),
    ] {
        let (before, after) = (
            client(before.0, before.1, before.2),
            client(after.0, after.1, after.2),
        );
        let plan = vec![removal(before, kind), creation(after, kind), remove(8)];
        let tripped = !judged(plan, facts(5), &limits).trips.is_empty();
        assert_eq!(tripped, !moved);
    }
}

#[test]
fn one_new_booking_stands_for_one_old_one() {
    // Both old ones were the same client's; one is moved, the other is gone.
    let of_one = |number: u128, make: fn(u128) -> Operation| {
        let mut operation = make(number);
        match &mut operation.action {
            Action::Create { desired: booking } | Action::Remove { shown: booking, .. } => {
                booking.client = shown(1).client;
            }
            Action::Update { .. } => {}
        }
        operation
    };
    let plan = vec![
        of_one(1, remove),
        of_one(2, remove),
        of_one(3, create),
        remove(4),
    ];
    let limits = Limits {
        removals_max: 1,
        ..off()
    };
    let verdict = judged(plan, facts(5), &limits);
    assert_eq!(whats(&verdict), [("removals_max", 1, 2)]);
}

#[test]
fn what_needs_a_time_that_stays_taken_waits_with_it() {
    let mut into = shown(600);
    into.slot = shown(3).slot;
    let follower = operation(
        600,
        "salon",
        Action::Create {
            desired: into.clone(),
        },
    );
    // It moves to where a removal is held, and somebody else wants its own place.
    let chained = update_to(700, {
        let mut to = shown(700);
        to.slot = shown(4).slot;
        to
    });
    let last = operation(
        800,
        "salon",
        Action::Create {
            desired: Booking {
                slot: shown(700).slot,
                ..shown(800)
            },
        },
    );
    let beside = operation(
        900,
        "salon",
        Action::Create {
            desired: Booking {
                resource: resource("boris"),
                ..into.clone()
            },
        },
    );
    let elsewhere = on("site", follower.clone());
    let free = create(950);
    let rest = [
        follower,
        chained,
        last,
        beside.clone(),
        elsewhere.clone(),
        free.clone(),
    ];
    let plan: Vec<Operation> = many(remove, 21).into_iter().chain(rest).collect();
    let verdict = judged(plan, facts(1_000), &Limits::default());
    assert_eq!(verdict.pass, [beside, elsewhere, free]);
    assert_eq!(
        verdict.trips[0].planned, 21,
        "what only waits with it does not count"
    );
}
