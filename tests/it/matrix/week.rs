//! A first pass over a week that is spread over all four platforms.

use std::collections::BTreeMap;

use jiff::Timestamp;
use slotbridge_sim::world::{PLACES, Place, RESOURCES, SERVICES};

use super::rig::Rig;

/// A member of staff, a service, start and end.
type Row = (usize, usize, Timestamp, Timestamp);

/// What a platform holds, and how often.
fn shown(rig: &Rig, place: Place) -> BTreeMap<Row, usize> {
    let mut rows = BTreeMap::new();
    for seen in rig.world.side(place).view.live() {
        let staff = RESOURCES
            .iter()
            .position(|one| place.staff(one) == seen.staff);
        let service = SERVICES
            .iter()
            .position(|one| [place.service(one)] == seen.services[..]);
        let row = (staff.unwrap(), service.unwrap(), seen.start, seen.end);
        *rows.entry(row).or_default() += 1;
    }
    rows
}

#[test]
fn a_week_spread_over_four_platforms_ends_the_same_on_all_and_twins_are_adopted() {
    let rig = Rig::week();
    let mut wanted = BTreeMap::new();
    for records in &rig.world.bookings {
        let (place, id) = records[0];
        let single = rig.world.side(place).view.seen(id).unwrap();
        let row = shown(&rig, place)
            .into_keys()
            .find(|row| row.2 == single.start && place.staff(&RESOURCES[row.0]) == single.staff);
        wanted.insert(row.unwrap(), 1);
    }
    let twins = rig
        .world
        .bookings
        .iter()
        .filter(|records| records.len() > 1);
    let missing: usize = rig
        .world
        .bookings
        .iter()
        .map(|records| PLACES.len() - records.len())
        .sum();
    let (code, report, stderr) = rig.pass();
    assert_eq!(code, Some(0), "{report:#} {stderr}");
    assert_eq!(
        report["totals"]["adopted"],
        twins.count(),
        "{:#}",
        report["totals"]
    );
    assert_eq!(
        report["totals"]["create"], missing,
        "{:#}",
        report["totals"]
    );
    rig.settle(4).unwrap();
    for place in PLACES {
        assert_eq!(shown(&rig, place), wanted, "{place:?}");
    }
    rig.assert_nothing_doubled("the week");
}

#[test]
fn with_its_database_lost_one_pass_finds_the_pairs_of_all_four_again_and_writes_nothing() {
    let rig = Rig::week();
    rig.settle(5).unwrap();
    let before = PLACES.map(|place| shown(&rig, place));
    let writes = rig.writes().len();
    rig.lose_the_database();
    let (code, report, stderr) = rig.pass();
    assert_eq!(code, Some(0), "{report:#} {stderr}");
    assert_eq!(rig.writes().len(), writes, "{:#}", report["totals"]);
    let bookings = before[0].values().sum::<usize>();
    assert_eq!(
        report["totals"]["adopted"], bookings,
        "{:#}",
        report["totals"]
    );
    // The links are there again: what happens next arrives.
    let moved = rig.world.side(Place::Yclients).view.live().remove(0);
    let later = moved.start + jiff::SignedDuration::from_hours(24 * 20);
    rig.world
        .side(Place::Yclients)
        .hand
        .move_to(moved.id, later)
        .unwrap();
    rig.settle(5).unwrap();
    let after = PLACES.map(|place| shown(&rig, place));
    assert_ne!(after, before);
    assert!(after.iter().all(|rows| *rows == after[0]), "{after:#?}");
    rig.assert_nothing_doubled("after the database was lost");
}
