//! What trips a guard, what is held, and what an approval lets through.

mod approval;
mod basis;
mod moves;

use proptest::prelude::*;

use super::*;
use crate::model::{Booking, Kind, Private, Status};
use crate::testing::{booking, changed, client, id, platform, remote, resource, slot};

/// An hour of its own for every booking, and a client of its own.
fn shown(number: u128) -> Booking {
    let start = i64::try_from(number).unwrap() * 60;
    Booking {
        slot: slot(start, start + 60),
        client: client("", &format!("+7900{number:07}"), ""),
        ..booking(0)
    }
}

fn operation(number: u128, on: &str, action: Action) -> Operation {
    Operation {
        booking: id(number),
        platform: platform(on),
        action,
        because: vec![],
        force: false,
        undoes: false,
    }
}

fn create(number: u128) -> Operation {
    operation(
        number,
        "salon",
        Action::Create {
            desired: shown(number),
        },
    )
}

fn remove(number: u128) -> Operation {
    let action = Action::Remove {
        remote_id: remote(&number.to_string()),
        shown: shown(number),
    };
    operation(number, "salon", action)
}

fn update(number: u128) -> Operation {
    update_to(
        number,
        changed(&shown(number), crate::model::Field::Comment, 'a'),
    )
}

fn update_to(number: u128, desired: Booking) -> Operation {
    let action = Action::Update {
        remote_id: remote(&number.to_string()),
        shown: shown(number),
        fields: crate::model::Field::ALL
            .into_iter()
            .filter(|f| desired.field(*f) != shown(number).field(*f))
            .collect(),
        desired,
        parking: false,
    };
    operation(number, "salon", action)
}

fn on(name: &str, operation: Operation) -> Operation {
    Operation {
        platform: platform(name),
        ..operation
    }
}

fn many(make: impl Fn(u128) -> Operation, count: u64) -> Vec<Operation> {
    (1..=u128::from(count)).map(make).collect()
}

fn facts(live: u64) -> Facts {
    Facts {
        live_mirrored: live,
        ..Facts::default()
    }
}

fn at_salon(facts: Facts) -> BTreeMap<PlatformName, Facts> {
    BTreeMap::from([(platform("salon"), facts)])
}

fn judged(operations: Vec<Operation>, facts: Facts, limits: &Limits) -> Verdict {
    judge(operations, &at_salon(facts), limits, &BTreeSet::new())
}

fn whats(verdict: &Verdict) -> Vec<(&'static str, u64, u64)> {
    verdict
        .trips
        .iter()
        .map(|trip| (trip.what, trip.limit, trip.planned))
        .collect()
}

fn off() -> Limits {
    Limits {
        removals_max: 0,
        removals_max_percent: 0,
        removals_max_day: 0,
        updates_max: 0,
        updates_max_percent: 0,
        updates_max_day: 0,
        creates_max: 0,
        creates_max_percent: 0,
        creates_max_day: 0,
    }
}

/// A trip: what, the limit, and what was planned.
type Tripped = Option<(&'static str, u64, u64)>;

fn check_defaults(why: &str, operations: Vec<Operation>, facts: Facts, expected: Tripped) {
    let planned = operations.len();
    let verdict = judged(operations, facts, &Limits::default());
    assert_eq!(
        whats(&verdict),
        expected.into_iter().collect::<Vec<_>>(),
        "{why}"
    );
    let (pass, held) = if expected.is_some() {
        (0, planned)
    } else {
        (planned, 0)
    };
    assert_eq!(
        (verdict.pass.len(), verdict.held.len()),
        (pass, held),
        "{why}"
    );
}

// R5
#[test]
fn the_limits_of_removals_that_hold_by_default() {
    for (why, removals, live, day, expected) in [
        ("20 of many", 20, 1_000, 0, None),
        ("21 of many", 21, 1_000, 0, Some(("removals_max", 20, 21))),
        ("a tenth", 5, 50, 0, None),
        (
            "more than a tenth",
            6,
            50,
            0,
            Some(("removals_max_percent", 10, 12)),
        ),
        (
            "hardly more than a tenth",
            10,
            99,
            0,
            Some(("removals_max_percent", 10, 11)),
        ),
        ("of nine records a share says nothing", 9, 9, 0, None),
        (
            "of ten it does",
            2,
            10,
            0,
            Some(("removals_max_percent", 10, 20)),
        ),
        ("60 in a day", 10, 1_000, 50, None),
        (
            "61 in a day",
            10,
            1_000,
            51,
            Some(("removals_max_day", 60, 61)),
        ),
        ("nothing of nothing", 0, 0, 0, None),
        ("nothing to do, after a busy day", 0, 10, 600, None),
    ] {
        let facts = Facts {
            removals_day: day,
            ..facts(live)
        };
        check_defaults(why, many(remove, removals), facts, expected);
    }
}

#[test]
fn the_other_limits_that_hold_by_default() {
    let half = Some(("updates_max_percent", 50, 51));
    check_defaults("half of the records", many(update, 50), facts(100), None);
    check_defaults("more than half", many(update, 51), facts(100), half);
    let busy = |live| Facts {
        updates_day: 9_000,
        creates_day: 9_000,
        ..facts(live)
    };
    check_defaults(
        "no other limit of updates",
        many(update, 400),
        busy(1_000),
        None,
    );
    check_defaults(
        "none at all of creates",
        many(create, 5_000),
        busy(10),
        None,
    );
}

#[test]
fn every_limit_can_be_set_and_switched_off() {
    let busy = || Facts {
        creates_day: 8,
        updates_day: 8,
        removals_day: 8,
        ..facts(20)
    };
    for (limits, make, expected) in [
        (
            Limits {
                removals_max: 1,
                ..off()
            },
            remove as fn(u128) -> Operation,
            ("removals_max", 1, 2),
        ),
        (
            Limits {
                removals_max_percent: 9,
                ..off()
            },
            remove,
            ("removals_max_percent", 9, 10),
        ),
        (
            Limits {
                removals_max_day: 9,
                ..off()
            },
            remove,
            ("removals_max_day", 9, 10),
        ),
        (
            Limits {
                updates_max: 1,
                ..off()
            },
            update,
            ("updates_max", 1, 2),
        ),
        (
            Limits {
                updates_max_percent: 9,
                ..off()
            },
            update,
            ("updates_max_percent", 9, 10),
        ),
        (
            Limits {
                updates_max_day: 9,
                ..off()
            },
            update,
            ("updates_max_day", 9, 10),
        ),
        (
            Limits {
                creates_max: 1,
                ..off()
            },
            create,
            ("creates_max", 1, 2),
        ),
        (
            Limits {
                creates_max_percent: 9,
                ..off()
            },
            create,
            ("creates_max_percent", 9, 10),
        ),
        (
            Limits {
                creates_max_day: 9,
                ..off()
            },
            create,
            ("creates_max_day", 9, 10),
        ),
    ] {
        assert_eq!(whats(&judged(many(make, 2), busy(), &limits)), [expected]);
        assert_eq!(
            whats(&judged(many(make, 1), busy(), &limits)),
            [],
            "{limits:?}"
        );
        assert_eq!(whats(&judged(many(make, 19), busy(), &off())), []);
    }
}

#[test]
fn a_trip_holds_its_own_platform_and_direction_only() {
    let updates = (30..40).map(update);
    let elsewhere = (1..=5).map(|number| on("site", remove(number)));
    let plan: Vec<Operation> = many(remove, 21)
        .into_iter()
        .chain(updates)
        .chain(elsewhere)
        .collect();
    let verdict = judged(plan.clone(), facts(1_000), &Limits::default());
    assert_eq!(verdict.held, plan[..21]);
    assert_eq!(verdict.pass, plan[21..], "in the order of the plan");
    assert_eq!(verdict.trips.len(), 1);
    assert_eq!(verdict.trips[0].platform, platform("salon"));
}

#[test]
fn a_platform_whose_word_is_in_doubt_is_left_alone_and_nothing_rests_on_it_elsewhere() {
    let resting = |operation: Operation| Operation {
        because: vec![(platform("salon"), remote("1"))],
        ..on("site", operation)
    };
    let plan = vec![
        create(1),
        update(2),
        resting(remove(3)),
        resting(create(4)),
        on("site", remove(5)),
    ];
    for (facts, what) in [
        (
            Facts {
                ids_all_new: true,
                ..facts(5)
            },
            "ids_all_new",
        ),
        (
            Facts {
                clock_went_back: true,
                ..facts(5)
            },
            "clock_went_back",
        ),
        (
            Facts {
                zone_changed: true,
                ..facts(5)
            },
            "zone_changed",
        ),
    ] {
        let verdict = judged(plan.clone(), facts.clone(), &off());
        assert_eq!(whats(&verdict), [(what, 0, 4)]);
        assert_eq!(verdict.held, plan[..4]);
        assert_eq!(verdict.pass, plan[4..]);
        assert_eq!(
            judged(vec![], facts, &off()),
            Verdict::default(),
            "nothing to hold is no alarm"
        );
    }
}

proptest! {
    #[test]
    fn every_operation_passes_or_is_held(
        kinds in prop::collection::vec((0..3_u8, 0..2_usize), 0..60),
        live in 0..200_u64,
        (limits_max, ids_all_new) in (0..30_u64, any::<bool>()),
    ) {
        let plan: Vec<Operation> = kinds
            .into_iter()
            .zip(1..)
            .map(|((kind, place), number)| on(["salon", "site"][place], [create, remove, update][usize::from(kind)](number)))
            .collect();
        let limits = Limits { removals_max: limits_max, creates_max: limits_max, ..Limits::default() };
        let verdict = judge(plan.clone(), &at_salon(Facts { ids_all_new, ..facts(live) }), &limits, &BTreeSet::new());
        let mut all = [verdict.pass.clone(), verdict.held.clone()].concat();
        all.sort_by_key(|operation| operation.booking);
        prop_assert_eq!(&all, &plan);
        prop_assert_eq!(verdict.held.is_empty(), verdict.trips.is_empty());
        for name in ["salon", "site"] {
            let removals = verdict.pass.iter().filter(|operation| {
                operation.platform == platform(name) && matches!(operation.action, Action::Remove { .. })
            });
            let removals = u64::try_from(removals.count()).unwrap();
            prop_assert!(limits_max == 0 || removals <= limits_max);
            prop_assert!(name == "site" || live < 10 || removals * 100 <= live * 10);
        }
    }
}

#[test]
fn what_was_done_in_the_same_stretch_of_work_counts_with_the_run() {
    let limits = Limits {
        removals_max: 5,
        removals_max_percent: 0,
        removals_max_day: 0,
        ..Limits::default()
    };
    for (done, planned, trips) in [(0, 5, false), (0, 6, true), (3, 2, false), (3, 3, true)] {
        let facts = Facts {
            removals_run: done,
            ..facts(100)
        };
        let verdict = judge(
            many(remove, planned),
            &at_salon(facts),
            &limits,
            &BTreeSet::new(),
        );
        assert_eq!(!verdict.trips.is_empty(), trips, "{done} and {planned}");
        if let [trip] = verdict.trips.as_slice() {
            assert_eq!(trip.planned, done + planned);
        }
    }
    // A share counts the same way: 4 of 100 after 8 of 100.
    let share = Limits {
        removals_max_percent: 10,
        removals_max: 0,
        removals_max_day: 0,
        ..Limits::default()
    };
    let facts = Facts {
        removals_run: 8,
        ..facts(100)
    };
    let verdict = judge(many(remove, 4), &at_salon(facts), &share, &BTreeSet::new());
    assert_eq!(
        verdict
            .trips
            .iter()
            .map(|trip| trip.planned)
            .collect::<Vec<_>>(),
        [12]
    );
}

#[test]
fn a_latched_guard_holds_all_of_its_kind_on_its_platform_and_a_doubt_whatever_rests_on_it() {
    let rests_on_salon = Operation {
        because: vec![(platform("salon"), remote("1"))],
        ..on("site", create(1))
    };
    for (what, operation, holds) in [
        ("removals_max", remove(1), true),
        ("removals_max_day", remove(1), true),
        ("removals_max", update(1), false),
        ("removals_max", create(1), false),
        ("removals_max", on("site", remove(1)), false),
        ("updates_max_percent", update(1), true),
        ("updates_max_percent", remove(1), false),
        ("creates_max", create(1), true),
        ("creates_max", rests_on_salon.clone(), false),
        (IDS_ALL_NEW, rests_on_salon.clone(), true),
        (CLOCK_WENT_BACK, on("site", create(1)), false),
        (ZONE_CHANGED, update(1), true),
    ] {
        assert_eq!(
            latches(what, &platform("salon"), &operation),
            holds,
            "{what} {operation:?}"
        );
    }
}
