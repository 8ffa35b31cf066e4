//! Other commands while the daemon runs: it holds the database, and what it can be asked, it does.

use slotbridge_sim::Hand as _;
use slotbridge_sim::world::Place;

use super::rig::{NEVER, Rig, hour};
use crate::support::wait_until;

#[test]
fn what_needs_the_database_is_told_who_holds_it() {
    let rig = Rig::empty(NEVER);
    let mut daemon = rig.start();
    rig.wait_at_rest(&daemon);
    let holder = format!("is in use by slotbridge run (pid {}", daemon.child.id());
    for command in ["run", "reconcile"] {
        let before = rig.writes();
        let ran = rig.run(&[command, "--wait", "100ms"]);
        assert_eq!(ran.code, Some(1), "{command}: {ran:?}");
        assert!(ran.stderr.contains(&holder), "{command}: {}", ran.stderr);
        assert_eq!(rig.writes(), before);
    }
    daemon.assert_runs();
    assert_eq!(
        daemon.get("/healthz").0,
        200,
        "the second start has done no harm"
    );
    assert_eq!(rig.run(&["reconcile", "--dry-run"]).code, Some(0));
    daemon.stop();
    assert_eq!(rig.run(&["reconcile", "--wait", "100ms"]).code, Some(0));
}

#[test]
fn an_approval_reaches_the_running_daemon_which_goes_to_work_at_once() {
    let rig = Rig::empty(NEVER);
    rig.change_config("[[bridge]]\n", "[guard]\nremovals_max = 2\n\n[[bridge]]\n");
    let mut daemon = rig.start_with_webhooks();
    rig.wait_at_rest(&daemon);
    let ids: Vec<u64> = (1..=4)
        .map(|day| rig.book(Place::Yclients, hour(day, 10)))
        .collect();
    rig.wait_in_step(&mut daemon, "four bookings", 4);
    rig.wait_at_rest(&daemon);
    for id in &ids[..3] {
        rig.world.two.yclients.cancel(*id).unwrap();
    }
    // Rubitime, SimplyBook.me and AlfaCRM would each lose three, which is one too many.
    wait_until("a guard stands", || {
        daemon.figures("slotbridge_guards_latched{") == [3.0]
    });
    rig.wait_at_rest(&daemon);
    let status = rig.run(&["status"]);
    assert!(
        status.stdout.contains("slotbridge approve main"),
        "{}",
        status.stdout
    );
    let before = rig.fingerprints();
    let unknown = rig.run(&["approve", "nobody"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
    assert_eq!(rig.fingerprints(), before, "a held plan was written");

    let approved = rig.run(&["approve", "main"]);
    assert_eq!(approved.code, Some(0), "{approved:?}");
    assert!(
        approved.stdout.contains("The running daemon"),
        "{}",
        approved.stdout
    );
    rig.wait_in_step(&mut daemon, "approved", 1);
    wait_until("the guard is gone", || {
        daemon.figures("slotbridge_guards_latched{") == [0.0]
    });
    daemon.stop();
}
