//! A platform that is not there when the daemon starts: the others do not wait for it, and it is caught up.

use std::time::Duration;

use slotbridge_sim::world::{PLACES, Place};
use slotbridge_sim::{Fault, Which};

use super::process::Daemon;
use super::rig::{OFTEN, Rig, hour, slots};
use crate::support::wait_until;

/// Books on a platform that is there and can list, and waits until all that are there show it.
fn the_others_go_on(rig: &Rig, daemon: &mut Daemon, without: Place, day: i64) {
    let there: Vec<Place> = PLACES
        .into_iter()
        .filter(|place| *place != without)
        .collect();
    let source = match without {
        Place::Yclients => Place::Simplybook,
        _ => Place::Yclients,
    };
    rig.book(source, hour(day, 10));
    let what = format!("the others are in step without {}", without.title());
    wait_until(&what, || {
        daemon.assert_runs();
        there
            .iter()
            .all(|place| rig.at(*place, hour(day, 10)).is_some())
    });
    assert_eq!(slots(&rig.world.side(without)), [], "{}", without.title());
}

#[test]
fn a_platform_that_refuses_connections_holds_up_nobody_and_is_caught_up() {
    std::thread::scope(|scope| {
        for place in PLACES {
            scope.spawn(move || {
                let rig = Rig::empty(OFTEN);
                let address = rig.unplug(place);
                let mut daemon = rig.start();
                the_others_go_on(&rig, &mut daemon, place, 1);
                assert_eq!(daemon.get("/healthz").0, 200);
                wait_until("it is named as down", || {
                    let (status, page) = daemon.get("/readyz");
                    status == 503 && page.contains(&format!("platform {} ", place.name()))
                });
                the_others_go_on(&rig, &mut daemon, place, 2);
                rig.plug_in(place, address);
                rig.wait_in_step(&mut daemon, place.title(), 2);
                wait_until("it is ready", || daemon.get("/readyz").0 == 200);
                daemon.stop();
            });
        }
    });
}

// R36
#[test]
fn a_platform_that_does_not_answer_holds_up_nobody() {
    std::thread::scope(|scope| {
        for place in PLACES {
            scope.spawn(move || {
                let rig = Rig::empty(OFTEN);
                let silent = Fault::Slow {
                    delay: Duration::from_secs(100),
                };
                rig.fault(place, "silent", "*", Which::Every, silent);
                let mut daemon = rig.start();
                the_others_go_on(&rig, &mut daemon, place, 1);
                let calls = rig.world.side(place).view.faults().fired("silent");
                assert!(calls > Some(0), "{} was not asked", place.title());
                daemon.stop();
            });
        }
    });
}
