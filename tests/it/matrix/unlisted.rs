//! Bookings that people make where nothing can be listed: only their times are known, and those are protected.

use slotbridge_sim::world::{PLACES, Place, RESOURCES};

use super::rig::Rig;
use super::{Booked, bookings};
use crate::support::at;

/// The records of a platform that take a booking's time.
fn takers(rig: &Rig, place: Place, booked: &Booked) -> usize {
    let staff = place.staff(&RESOURCES[booked.staff]);
    let mut live = rig.world.side(place).view.live();
    live.retain(|seen| {
        seen.staff == staff && seen.start <= booked.start && booked.start < seen.end
    });
    live.len()
}

fn unlisted(rig: &Rig, place: Place) {
    let what = place.title();
    // Free times come before it, and it is free on other days: nothing but a booking explains that it is taken.
    let booked = &Booked {
        start: at(3, 13),
        ..bookings(0).remove(0)
    };
    let id = rig.book_quietly(place, booked);
    // A busy time is protected once it was seen twice.
    rig.settle(3).unwrap();
    rig.settle(3).unwrap();
    let others = PLACES.into_iter().filter(|other| *other != place);
    for other in others.clone() {
        assert_eq!(takers(rig, other, booked), 1, "{what}: {other:?}");
        let all = format!("{:?}", rig.world.side(other).view.all());
        for private in [&booked.name, &booked.phone, &booked.email, &booked.comment] {
            assert!(!all.contains(private), "{what}: {other:?} knows {private}");
        }
    }
    rig.assert_nothing_doubled(what);

    rig.world.side(place).hand.cancel(id).unwrap();
    rig.settle(3).unwrap();
    rig.settle(3).unwrap();
    for other in others {
        assert_eq!(
            takers(rig, other, booked),
            0,
            "{what}: {other:?} is still taken"
        );
    }
}

#[test]
fn a_booking_made_on_rubitime_that_nobody_told_of_protects_its_time_everywhere() {
    unlisted(&Rig::admin(), Place::Rubitime);
}

#[test]
fn a_booking_made_on_simplybook_in_public_mode_protects_its_time_everywhere() {
    unlisted(&Rig::public(), Place::Simplybook);
}
