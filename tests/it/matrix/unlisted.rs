//! Bookings that people make where nothing can be listed: only their times are known, and those are protected.

use slotbridge_sim::world::{PLACES, Place, RESOURCES};

use super::rig::Rig;
use super::table::Cell;
use super::{Booked, Column, bookings, judge};
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

/// A booking with free times before it that is free on other days: nothing else explains that its time is taken.
fn midday() -> Booked {
    Booked {
        start: at(3, 13),
        ..bookings(0).remove(0)
    }
}

/// A person books where nobody can look; then every other platform holds the time and nothing of the client.
fn protected(rig: &Rig, place: Place, booked: &Booked) -> u64 {
    let what = place.title();
    let id = rig.book_quietly(place, booked);
    // A busy time is protected once it was seen twice.
    rig.settle(3).unwrap();
    rig.settle(3).unwrap();
    for other in PLACES.into_iter().filter(|other| *other != place) {
        assert_eq!(takers(rig, other, booked), 1, "{what}: {other:?}");
        let all = format!("{:?}", rig.world.side(other).view.all());
        for private in [&booked.name, &booked.phone, &booked.email, &booked.comment] {
            assert!(!all.contains(private), "{what}: {other:?} knows {private}");
        }
    }
    rig.assert_nothing_doubled(what);
    id
}

/// The same, and the time is free again everywhere once the person cancels.
fn protected_and_freed(rig: &Rig, place: Place) {
    let booked = midday();
    let id = protected(rig, place, &booked);
    rig.world.side(place).hand.cancel(id).unwrap();
    rig.settle(3).unwrap();
    rig.settle(3).unwrap();
    for other in PLACES {
        assert_eq!(takers(rig, other, &booked), 0, "{other:?} is still taken");
    }
}

// R24
#[test]
fn a_booking_made_on_rubitime_that_nobody_told_of_protects_its_time_everywhere() {
    protected_and_freed(&Rig::admin(), Place::Rubitime);
}

#[test]
fn a_booking_made_on_simplybook_in_public_mode_protects_its_time_everywhere() {
    protected_and_freed(&Rig::public(), Place::Simplybook);
}

#[test]
fn a_protected_time_becomes_the_booking_itself_once_the_config_names_its_record() {
    let rig = Rig::admin();
    let booked = midday();
    let id = protected(&rig, Place::Rubitime, &booked);
    rig.name_in_config(id);
    rig.settle(6).unwrap();
    for to in [Column::Yclients, Column::SimplybookAdmin, Column::Alfacrm] {
        let cell = judge(&rig, Column::Rubitime, to, &booked, false);
        assert_eq!(cell, Cell::Ok, "{to:?}");
        assert_eq!(takers(&rig, to.place(), &booked), 1, "{to:?}");
    }
    rig.assert_nothing_doubled("named later");
}
