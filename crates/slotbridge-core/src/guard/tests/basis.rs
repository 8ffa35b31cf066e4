//! The fingerprint by which a saved plan is known again: of everything that its operations rest on.

use super::*;
use crate::model::Field;

fn because(operation: Operation, records: &[(&str, &str)]) -> Operation {
    Operation {
        because: records
            .iter()
            .map(|(name, id)| (platform(name), remote(id)))
            .collect(),
        ..operation
    }
}

#[test]
fn a_booking_that_gets_another_id_in_every_dry_run_makes_no_other_plan() {
    let records = [("site", "7"), ("world", "9")];
    let reversed = [("world", "9"), ("site", "7")];
    let renamed = |operation: Operation| Operation {
        booking: id(777),
        ..operation
    };
    for operation in [create(1), update(1), remove(1)] {
        let one = because(operation, &records);
        let plan = basis_hash([&one]);
        assert_eq!(basis_hash([&renamed(one.clone())]), plan);
        assert_eq!(basis_hash([&because(one, &reversed)]), plan);
    }
    // Without any record, the id is all there is.
    assert_ne!(basis_hash([&create(1)]), basis_hash([&renamed(create(1))]));
}

#[test]
fn the_order_of_operations_does_not_matter_and_their_number_does() {
    let (one, other) = (update(1), remove(2));
    assert_eq!(basis_hash([&one, &other]), basis_hash([&other, &one]));
    assert_ne!(basis_hash([&one, &other]), basis_hash([&one]));
    assert_ne!(basis_hash([&one, &one]), basis_hash([&one]));
    assert_ne!(basis_hash([&one]), basis_hash([]));
}

#[test]
fn whatever_an_operation_rests_on_or_does_makes_another_plan() {
    let base = because(update(1), &[("site", "7")]);
    let mut seen = vec![basis_hash([&base])];
    let mut differs = |what: &str, operation: Operation| {
        let hash = basis_hash([&operation]);
        assert!(!seen.contains(&hash), "{what}");
        seen.push(hash);
    };
    differs("its reason", because(update(1), &[("site", "8")]));
    differs("whose reason", because(update(1), &[("world", "7")]));
    differs("the platform", on("site", base.clone()));
    let edited = |change: &dyn Fn(&mut Action)| {
        let mut operation = base.clone();
        change(&mut operation.action);
        operation
    };
    for field in Field::ALL {
        // What the platform shows, also in fields that are not written, and what is written.
        for value in ['a', 'b'] {
            let before = edited(&|action| {
                if let Action::Update { shown, .. } = action {
                    *shown = changed(shown, field, value);
                }
            });
            differs(&format!("{} before", field.as_str()), before);
            let after = edited(&|action| {
                if let Action::Update { desired, .. } = action {
                    // The base sets one of the comments already.
                    let value = if field == Field::Comment { 'b' } else { value };
                    let length = i64::from(value == 'b');
                    *desired = changed(desired, field, value);
                    desired.slot = slot(3_000 + length, 3_100);
                    if field == Field::Slot {
                        desired.slot = slot(4_000 + length, 4_100);
                    }
                }
            });
            if field != Field::Comment || value == 'b' {
                differs(&format!("{} after {value}", field.as_str()), after);
            }
        }
    }
    let parked = edited(&|action| {
        if let Action::Update { parking, .. } = action {
            *parking = true;
        }
    });
    differs("parking", parked);
    let record = edited(&|action| {
        if let Action::Update { remote_id, .. } = action {
            *remote_id = remote("2");
        }
    });
    differs("the record", record);
    differs("another action", because(remove(1), &[("site", "7")]));
    differs("a create", because(create(1), &[("site", "7")]));
}
