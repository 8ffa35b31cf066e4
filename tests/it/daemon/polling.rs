//! Without webhooks: what a person does is noticed by looking.

use slotbridge_sim::world::Place;

use super::rig::{OFTEN, Rig, hour};
use crate::support::wait_until;

#[test]
fn what_happens_on_a_platform_that_can_list_is_noticed_by_polling() {
    let rig = Rig::empty(OFTEN);
    let mut daemon = rig.start();
    for (day, source) in (1..).zip([Place::Yclients, Place::Simplybook, Place::Alfacrm]) {
        let what = |act| format!("{act} on {}", source.title());
        let hand = rig.world.side(source).hand;
        let id = rig.book(source, hour(day, 10));
        rig.wait_in_step(&mut daemon, &what("booked"), 1);
        rig.wait_at_rest(&daemon);
        hand.move_to(id, hour(day, 15)).unwrap();
        wait_until(&what("moved"), || {
            let sides = rig.world.sides();
            sides
                .iter()
                .all(|side| rig.at(side.place, hour(day, 15)).is_some())
        });
        rig.wait_in_step(&mut daemon, &what("moved"), 1);
        hand.cancel(id).unwrap();
        rig.wait_in_step(&mut daemon, &what("cancelled"), 0);
    }
    daemon.stop();
}

#[test]
fn on_a_platform_that_cannot_list_known_records_are_read_in_turn_and_other_busy_times_kept_free() {
    let rig = Rig::empty(OFTEN);
    let mut daemon = rig.start();
    rig.book(Place::Yclients, hour(1, 10));
    rig.wait_in_step(&mut daemon, "booked elsewhere", 1);
    // What a platform makes of our write before we have read it back is not told from what a person does to it.
    rig.wait_at_rest(&daemon);
    let site = rig.world.side(Place::Rubitime);
    let known = rig.at(Place::Rubitime, hour(1, 10)).unwrap().id;
    site.hand.move_to(known, hour(1, 12)).unwrap();
    wait_until("the move has arrived", || {
        rig.at(Place::Yclients, hour(1, 12)).is_some()
    });
    rig.wait_in_step(&mut daemon, "moved", 1);

    // One that nobody told us of: only its time can be seen.
    let id = rig.book(Place::Rubitime, hour(2, 10));
    rig.wait_in_step(&mut daemon, "a busy time", 2);
    let kept = rig.at(Place::Yclients, hour(2, 10)).unwrap();
    assert!(
        !kept.phone.contains("9000000101"),
        "nobody can know whose it is"
    );
    site.hand.cancel(id).unwrap();
    rig.wait_in_step(&mut daemon, "free again", 1);
    daemon.stop();
}
