//! The end: a write under way is waited for, but not for ever, and is not made a second time by the next start.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use slotbridge_sim::world::Place;
use slotbridge_sim::{Fault, Which};

use super::rig::{NEVER, Rig, hour};
use crate::support::wait_until;

/// Where the slow write goes. (On AlfaCRM the next start's login would end the token of the write that is on its way.)
const TARGET: Place = Place::Yclients;

/// Asks a daemon to stop while a record is being made so slowly; gives what it said.
fn stopped_while_writing(rig: &Rig, delay: Duration) -> String {
    let salon = rig.world.side(TARGET).view;
    rig.fault(
        TARGET,
        "slow",
        "records.create",
        Which::Nth(1),
        Fault::Slow { delay },
    );
    let mut daemon = rig.start_with_webhooks();
    rig.wait_at_rest(&daemon);
    rig.book(Place::Simplybook, hour(1, 10));
    wait_until("a record is being made", || {
        daemon.assert_runs();
        salon.count("records.create") > 0
    });
    // Nor is somebody waited for who has begun to speak and says no more.
    let mut stranger = TcpStream::connect(daemon.address.unwrap()).unwrap();
    stranger.write_all(b"POST /webhooks/salon/").unwrap();
    daemon.signal("TERM");
    let began = Instant::now();
    let (status, _, said) = daemon.end();
    assert_eq!(status.code(), Some(0), "{said}");
    // What the unit allows; the rest of the test does not depend on it.
    assert!(began.elapsed() < Duration::from_secs(10), "{said}");
    assert!(
        said.contains("stopping: writes that are under way are waited for"),
        "{said}"
    );
    said
}

fn goes_on_without_a_second_write(rig: &Rig) {
    let mut daemon = rig.start_with_webhooks();
    rig.wait_in_step(&mut daemon, "after the restart", 1);
    rig.wait_at_rest(&daemon);
    rig.wait_in_step(&mut daemon, "after the restart", 1);
    let creates = rig.world.side(TARGET).view.count("records.create");
    assert_eq!(creates, 1, "{}", daemon.log());
    daemon.stop();
}

#[test]
fn a_slow_write_is_waited_for_and_known_to_the_next_start() {
    let rig = Rig::empty(NEVER);
    let said = stopped_while_writing(&rig, Duration::from_millis(1_500));
    assert!(!said.contains("has no answer yet"), "{said}");
    let landed = rig.world.side(TARGET).view.calls();
    assert!(
        landed
            .iter()
            .any(|call| call.method == "records.create" && call.landed)
    );
    goes_on_without_a_second_write(&rig);
}

#[test]
fn a_write_that_takes_too_long_is_left_to_the_next_start() {
    let rig = Rig::empty(NEVER);
    // It lands after the daemon has given up on it, and within the time that a cut off request is given for that.
    let said = stopped_while_writing(&rig, Duration::from_millis(6_200));
    assert!(said.contains("A write has no answer yet"), "{said}");
    goes_on_without_a_second_write(&rig);
}

#[test]
fn ctrl_c_ends_it_too() {
    let rig = Rig::empty(NEVER);
    let daemon = rig.start();
    rig.wait_at_rest(&daemon);
    daemon.signal("INT");
    let (status, _, said) = daemon.end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(said.contains("stopped"), "{said}");
    let files = rig.files();
    assert!(
        !files.contains_key("slotbridge.db.sock"),
        "{:?}",
        files.keys()
    );
}
