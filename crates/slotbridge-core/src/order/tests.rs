//! A slot is freed before it is needed, also in circles.

use proptest::prelude::*;

use super::*;
use crate::testing::{booking, id, platform, remote, resource, slot};

fn operation(number: u128, on: &str, action: Action) -> Operation {
    Operation {
        booking: id(number),
        platform: platform(on),
        action,
        because: vec![(platform("source"), remote(&number.to_string()))],
        force: false,
        undoes: false,
    }
}

fn shown(who: &str, at: Slot) -> Booking {
    Booking {
        resource: resource(who),
        slot: at,
        ..booking(0)
    }
}

fn create(number: u128, to: Slot) -> Operation {
    operation(
        number,
        "salon",
        Action::Create {
            desired: shown("anna", to),
        },
    )
}

fn remove(number: u128, from: Slot) -> Operation {
    let action = Action::Remove {
        remote_id: remote(&number.to_string()),
        shown: shown("anna", from),
    };
    operation(number, "salon", action)
}

fn update(number: u128, from: &Booking, to: &Booking) -> Operation {
    let fields = Field::ALL
        .into_iter()
        .filter(|field| from.field(*field) != to.field(*field))
        .collect();
    let action = Action::Update {
        remote_id: remote(&number.to_string()),
        shown: from.clone(),
        desired: to.clone(),
        fields,
        parking: false,
    };
    operation(number, "salon", action)
}

fn change(number: u128, from: Slot, to: Slot) -> Operation {
    update(number, &shown("anna", from), &shown("anna", to))
}

fn taken(number: u128, who: &str, at: Slot) -> Taken {
    Taken {
        platform: platform("salon"),
        booking: id(number),
        resource: resource(who),
        slot: at,
    }
}

/// The hour of that number.
fn hour(number: i64) -> Slot {
    slot(number * 60, number * 60 + 60)
}

/// The plan in short: `remove 1`, `create 2 @3`, `update 1 @4`, `park 1 @5`, the hours after the `@`.
fn told(operations: &[Operation]) -> Vec<String> {
    let word = |operation: &Operation| {
        let parked = matches!(operation.action, Action::Update { parking: true, .. });
        let word = if parked {
            "park"
        } else {
            operation.action.as_str()
        };
        let place = operation.action.after().map_or(String::new(), |after| {
            let minutes = after.slot.start().duration_since(hour(0).start()).as_mins();
            format!(" @{}", minutes / 60)
        });
        format!("{word} {}{place}", operation.booking.as_u128())
    };
    operations.iter().map(word).collect()
}

#[test]
fn a_time_is_freed_before_it_is_needed() {
    for (why, operations, expected) in [
        ("nothing", vec![], vec![]),
        (
            "a removal before the create that needs its time",
            vec![create(1, hour(1)), remove(2, hour(1))],
            vec!["remove 2", "create 1 @1"],
        ),
        (
            "a chain of moves from its end",
            vec![
                change(1, hour(1), hour(2)),
                change(2, hour(2), hour(3)),
                change(3, hour(3), hour(4)),
            ],
            vec!["update 3 @4", "update 2 @3", "update 1 @2"],
        ),
        (
            "a create after the move away, though it is nearer",
            vec![create(1, hour(1)), change(2, hour(1), hour(9))],
            vec!["update 2 @9", "create 1 @1"],
        ),
        (
            "one that needs the times of two",
            vec![
                change(1, slot(300, 420), slot(60, 180)),
                remove(2, hour(1)),
                change(3, hour(2), hour(8)),
            ],
            vec!["remove 2", "update 3 @8", "update 1 @1"],
        ),
        (
            "one that moves by less than its length waits for nobody",
            vec![change(1, slot(60, 120), slot(90, 150))],
            vec!["update 1 @1"],
        ),
    ] {
        assert_eq!(told(&order(operations, &[])), expected, "{why}");
    }
}

#[test]
fn removals_come_first_then_moves_and_the_nearest_first_among_them() {
    let noted = |number, at| {
        let mut after = shown("anna", hour(at));
        after.comment = crate::model::Private::new("новое");
        update(number, &shown("anna", hour(at)), &after)
    };
    let plan = vec![
        create(1, hour(2)),
        noted(2, 1),
        create(3, hour(0)),
        change(4, hour(20), hour(9)),
        change(5, hour(21), hour(8)),
        remove(6, hour(30)),
        remove(7, hour(25)),
    ];
    let expected = [
        "remove 7",
        "remove 6",
        "update 5 @8",
        "update 4 @9",
        "create 3 @0",
        "update 2 @1",
        "create 1 @2",
    ];
    assert_eq!(told(&order(plan.clone(), &[])), expected);
    let reversed = plan.into_iter().rev().collect();
    assert_eq!(
        told(&order(reversed, &[])),
        expected,
        "in whatever order the plan was made"
    );
}

#[test]
fn a_swap_is_untied_by_parking_the_farthest() {
    let plan = vec![change(1, hour(1), hour(2)), change(2, hour(2), hour(1))];
    let ordered = order(plan, &[taken(9, "anna", hour(3))]);
    assert_eq!(told(&ordered), ["park 2 @4", "update 1 @2", "update 2 @1"]);
    let forced: Vec<bool> = ordered.iter().map(|operation| operation.force).collect();
    assert_eq!(forced, [true, false, false]);
    let Action::Update {
        shown: before,
        desired,
        fields,
        ..
    } = &ordered[0].action
    else {
        panic!()
    };
    assert_eq!((before.slot, desired.slot), (hour(2), hour(4)));
    assert_eq!(fields, &BTreeSet::from([Field::Slot]));
    let Action::Update {
        shown: before,
        desired,
        fields,
        parking,
        ..
    } = &ordered[2].action
    else {
        panic!()
    };
    assert_eq!(
        (before.slot, desired.slot, *parking),
        (hour(4), hour(1), false)
    );
    assert_eq!(fields, &BTreeSet::from([Field::Slot]));
}

#[test]
fn a_swap_of_people_writes_the_time_back() {
    let [anna, boris] = ["anna", "boris"].map(|who| shown(who, hour(1)));
    let plan = vec![update(1, &anna, &boris), update(2, &boris, &anna)];
    let ordered = order(plan, &[]);
    assert_eq!(told(&ordered), ["park 2 @2", "update 1 @1", "update 2 @1"]);
    let Action::Update {
        desired: parked, ..
    } = &ordered[0].action
    else {
        panic!()
    };
    assert_eq!(
        parked.resource,
        resource("boris"),
        "it is parked in its own column"
    );
    let Action::Update {
        fields, desired, ..
    } = &ordered[2].action
    else {
        panic!()
    };
    assert_eq!(fields, &BTreeSet::from([Field::Resource, Field::Slot]));
    assert_eq!(desired, &anna);
}

#[test]
fn rings_of_any_size_are_untied_by_one_stop_each() {
    for size in 2..8 {
        let ring = |first: i64| {
            (0..size).map(move |place| {
                let to = hour(first + (place + 1) % size);
                change(
                    u128::try_from(first + place).unwrap(),
                    hour(first + place),
                    to,
                )
            })
        };
        // Two rings at once, and a create that waits for neither.
        let plan: Vec<Operation> = ring(10)
            .chain(ring(30))
            .chain([create(1, hour(50))])
            .collect();
        let ordered = order(plan, &[]);
        let parked = told(&ordered)
            .iter()
            .filter(|line| line.starts_with("park"))
            .count();
        assert_eq!(
            (parked, ordered.len()),
            (2, usize::try_from(2 * size).unwrap() + 3)
        );
    }
}

#[test]
fn nothing_is_parked_where_somebody_wants_to_go() {
    let plan = vec![
        change(1, hour(1), hour(2)),
        change(2, hour(2), hour(1)),
        create(3, hour(3)),
        change(4, hour(4), hour(20)),
        create(5, slot(330, 345)),
    ];
    // 3 is wanted, 4 is only just given up, of 5 a quarter is wanted.
    let ordered = order(plan, &[taken(9, "anna", hour(6))]);
    let parked = ordered
        .iter()
        .find(|operation| operation.force)
        .and_then(|operation| operation.action.after());
    assert_eq!(parked.map(|after| after.slot), Some(hour(7)));
}

#[test]
fn platforms_do_not_wait_for_each_other() {
    let elsewhere = |operation: Operation| Operation {
        platform: platform("site"),
        ..operation
    };
    let salon = vec![
        change(1, hour(1), hour(2)),
        change(2, hour(2), hour(1)),
        remove(3, hour(4)),
    ];
    let site: Vec<Operation> = [create(1, hour(2)), remove(4, hour(7))]
        .map(elsewhere)
        .to_vec();
    let both: Vec<Operation> = salon.iter().chain(&site).cloned().collect();
    let apart: Vec<Operation> = [order(salon, &[]), order(site, &[])].concat();
    assert_eq!(order(both, &[]), apart);
}

/// A day of one column: who lies where, in hours and halves, nobody on top of another.
fn any_day() -> impl Strategy<Value = Vec<(u128, &'static str, Slot)>> {
    let people = || prop::collection::vec((any::<bool>(), 0..3_i64, 1..4_i64), 8);
    let numbers = Just((1..=8_u128).collect::<Vec<_>>()).prop_shuffle();
    (numbers, people()).prop_map(|(numbers, people)| {
        let mut ends = [0_i64; 2];
        let placed = numbers
            .into_iter()
            .zip(people)
            .map(|(number, (second, gap, length))| {
                let column = usize::from(second);
                let start = ends[column] + gap / 2 * 30;
                ends[column] = start + length * 30;
                (number, ["anna", "boris"][column], slot(start, ends[column]))
            });
        placed.collect()
    })
}

/// What brings one day into the other; every booking is somewhere in one of them at least.
fn plan_between(
    before: &[(u128, &'static str, Slot)],
    after: &[(u128, &'static str, Slot)],
) -> Vec<Operation> {
    let find = |day: &[(u128, &'static str, Slot)], number| {
        let place = day.iter().find(|(of, _, _)| *of == number);
        place.map(|(_, who, slot)| shown(who, *slot))
    };
    (1..=8)
        .filter_map(|number| match (find(before, number), find(after, number)) {
            (None, None) => None,
            (None, Some(desired)) => Some(operation(number, "salon", Action::Create { desired })),
            (Some(shown), None) => {
                let remote_id = remote(&number.to_string());
                Some(operation(
                    number,
                    "salon",
                    Action::Remove { remote_id, shown },
                ))
            }
            (Some(from), Some(to)) => (from != to).then(|| update(number, &from, &to)),
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_operation_needs_a_time_that_is_taken(
        (mut before, mut after) in (any_day(), any_day()),
        (new, gone) in (0..4_usize, 0..4_usize),
    ) {
        before.truncate(8 - new);
        after.truncate(8 - gone);
        let plan = plan_between(&before, &after);
        let occupied: Vec<Taken> = before.iter().map(|(number, who, slot)| taken(*number, who, *slot)).collect();
        let ordered = order(plan.clone(), &occupied);

        let mut lies: BTreeMap<BookingId, (ResourceName, Slot)> =
            occupied.iter().map(|taken| (taken.booking, (taken.resource.clone(), taken.slot))).collect();
        for operation in &ordered {
            let place = |booking: &Booking| (booking.resource.clone(), booking.slot);
            let stood = lies.remove(&operation.booking);
            prop_assert_eq!(&stood, &operation.action.before().map(place), "it starts from where it is");
            let Some((who, slot)) = operation.action.after().map(place) else { continue };
            for (other, (whose, taken)) in &lies {
                prop_assert!(*whose != who || !taken.intersects(slot), "{:?} is in the way: {:?}", other, told(&ordered));
            }
            lies.insert(operation.booking, (who, slot));
        }
        let ends: BTreeMap<BookingId, (ResourceName, Slot)> =
            after.iter().map(|(number, who, slot)| (id(*number), (resource(who), *slot))).collect();
        let stays = before.iter().filter(|(number, _, _)| plan.iter().all(|operation| operation.booking != id(*number)));
        prop_assert!(stays.clone().count() <= ends.len());
        prop_assert_eq!(lies, ends);
    }

    #[test]
    fn every_operation_is_there_once((before, after) in (any_day(), any_day()), new in 0..4_usize) {
        let plan = plan_between(&before[new..], &after);
        let ordered = order(plan.clone(), &[]);
        let ends = |operations: &[Operation]| {
            let mut ends: Vec<_> = operations
                .iter()
                .filter(|operation| !operation.force)
                .map(|operation| (operation.booking, operation.action.as_str(), operation.action.after().cloned()))
                .collect();
            ends.sort();
            ends
        };
        prop_assert_eq!(ends(&ordered), ends(&plan));
        let stops = ordered.iter().filter(|operation| operation.force);
        for stop in stops {
            let parked = matches!(stop.action, Action::Update { parking: true, .. });
            prop_assert!(parked, "only stops are forced");
        }
    }

    #[test]
    fn the_order_of_the_plan_does_not_matter((before, after) in (any_day(), any_day())) {
        let plan = plan_between(&before, &after);
        let reversed: Vec<Operation> = plan.iter().rev().cloned().collect();
        prop_assert_eq!(order(reversed, &[]), order(plan, &[]));
    }
}
