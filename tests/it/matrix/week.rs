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
