//! Leaving any of the four platforms, with the database and from the marks alone.

use slotbridge_sim::Seen;
use slotbridge_sim::world::{PLACES, Place};

use super::rig::Rig;

/// What people made on a platform, as they see it.
fn of_people(seen: &[Seen]) -> Vec<(u64, jiff::Timestamp, u64)> {
    let theirs = seen.iter().filter(|seen| seen.marker.is_none());
    theirs
        .map(|seen| (seen.id, seen.start, seen.staff))
        .collect()
}

/// Leaves a platform that was in step with the others.
fn leave(place: Place, lost: bool) {
    let what = format!("{place:?}, database lost: {lost}");
    let rig = Rig::week();
    rig.settle(5).unwrap();
    let live = |place| rig.world.side(place).view.live();
    let before = PLACES.map(live);
    let theirs = of_people(&live(place));
    assert!(
        theirs.len() < live(place).len(),
        "{what}: there is nothing to purge"
    );
    if lost {
        rig.lose_the_database();
    }
    let name = place.name();
    // Nobody can answer: shown, and nothing is written.
    let writes = rig.writes().len();
    let shown = rig.run(&["purge", name]);
    assert_eq!(
        (shown.code, rig.writes().len()),
        (Some(5), writes),
        "{what}: {shown:?}"
    );
    let done = rig.run(&["purge", name, "--yes"]);
    assert_eq!(done.code, Some(0), "{what}: {done:?}");
    assert_eq!(of_people(&live(place)), theirs, "{what}");
    assert_eq!(
        live(place).len(),
        theirs.len(),
        "{what}: something was left"
    );
    for (nth, other) in PLACES.into_iter().enumerate() {
        let untouched = other == place || live(other) == before[nth];
        assert!(untouched, "{what}: {other:?} was written to");
    }
    rig.assert_nothing_doubled(&what);
}

// R44
#[test]
fn what_was_made_on_a_platform_that_can_list_goes_and_what_people_made_stays() {
    std::thread::scope(|scope| {
        for place in [Place::Yclients, Place::Simplybook, Place::Alfacrm] {
            for lost in [false, true] {
                scope.spawn(move || leave(place, lost));
            }
        }
    });
}
