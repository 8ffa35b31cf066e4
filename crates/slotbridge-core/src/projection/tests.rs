//! What a platform can hold of a booking; projecting twice changes nothing.

use proptest::prelude::*;

use super::*;
use crate::testing::{any_booking, any_projection, at, booking, changed, service, slot};

#[test]
fn a_platform_rounds_so_that_the_slot_stays_covered() {
    for (step_mins, from, to, expected) in [
        (15, 0, 60, (0, 60)),
        (15, 5, 50, (0, 60)),
        (15, 15, 16, (15, 30)),
        (60, 59, 61, (0, 120)),
        (0, 5, 50, (5, 50)),
    ] {
        let projection = Projection {
            slot_step: SignedDuration::from_mins(step_mins),
            ..Projection::WHOLE
        };
        let mut shown = booking(0);
        shown.slot = slot(from, to);
        let (from, to) = expected;
        assert_eq!(
            projection.project(&shown).slot,
            slot(from, to),
            "{step_mins}"
        );
    }
}

#[test]
fn parts_of_a_second_are_rounded_too() {
    let half = SignedDuration::from_millis(500);
    let mut shown = booking(0);
    shown.slot = Slot::new(at(0) + half, at(60) + half).unwrap();
    let rounded = Projection::WHOLE.project(&shown).slot;
    assert_eq!(rounded.start(), at(0));
    assert_eq!(rounded.end(), at(60) + SignedDuration::from_secs(1));
}

#[test]
fn a_platform_shows_what_it_can_hold() {
    let mut whole = booking(0);
    whole.services.push(service("beard"));
    whole.status = Status::Arrived;
    let narrow = Projection {
        services: ServicesHeld::One,
        name: TextHeld::Cut { chars_max: 5 },
        phone: TextHeld::Not,
        email: TextHeld::Not,
        comment: TextHeld::Not,
        statuses: [
            Status::Booked,
            Status::Confirmed,
            Status::Confirmed,
            Status::NoShow,
            Status::Cancelled,
        ],
        ..Projection::WHOLE
    };
    let shown = narrow.project(&whole);
    assert_eq!(shown.services, [service("haircut")]);
    assert_eq!(
        shown.client.name.expose(),
        "Вера",
        "the cut may not end in white space"
    );
    assert_eq!(shown.client.phone, None);
    assert_eq!(shown.client.email, None);
    assert_eq!(shown.comment.expose(), "");
    assert_eq!(shown.status, Status::Confirmed);
    assert_eq!(narrow.differing(&whole, &shown), []);
}

#[test]
fn a_platform_that_learns_only_the_time_gets_nothing_of_the_client() {
    let shown = Projection::WHOLE.busy().project(&booking(0));
    assert_eq!(shown.client, Client::default());
    assert!(shown.comment.is_blank());
    assert_eq!(shown.slot, booking(0).slot);
    let block = as_block(&booking(0));
    assert_eq!(
        (block.client, block.comment),
        (Client::default(), Private::default())
    );
    assert_eq!(block.kind, Kind::Block);
}

#[test]
fn spelling_alone_is_no_difference() {
    let base = booking(0);
    let mut renamed = base.clone();
    renamed.client.name = Private::new("вера  ПРОБНАЯ");
    assert!(same_value(Field::ClientName, &base, &renamed));
    let mut recased = base.clone();
    recased.client.email = Some(Private::new("VERA@example.com "));
    assert!(same_value(Field::ClientEmail, &base, &recased));
    for field in Field::ALL {
        assert!(
            !same_value(field, &base, &changed(&base, field, 'a')),
            "{}",
            field.as_str()
        );
    }
}

proptest! {
    #[test]
    fn projecting_twice_changes_nothing_more(projection in any_projection(), booking in any_booking()) {
        for projection in [projection.busy(), projection] {
            let once = projection.project(&booking);
            prop_assert_eq!(&projection.project(&once), &once);
            prop_assert_eq!(projection.differing(&booking, &once), []);
        }
    }

    #[test]
    fn a_projected_slot_covers_the_real_one(projection in any_projection(), booking in any_booking()) {
        let shown = projection.project(&booking).slot;
        prop_assert!(shown.start() <= booking.slot.start() && booking.slot.end() <= shown.end());
    }
}
