//! From its start to a week in step: pages, figures, the status.

use serde_json::Value;

use super::rig::{NEVER, Rig};
use crate::support::wait_until;

#[test]
fn four_platforms_without_a_booking_come_to_rest_and_are_reported_ready() {
    let rig = Rig::empty(NEVER);
    let daemon = rig.start();
    assert_eq!(daemon.get("/healthz"), (200, "ok\n".to_owned()));
    wait_until("it is ready", || daemon.get("/readyz").0 == 200);
    rig.wait_at_rest(&daemon);
    assert_eq!(rig.writes(), 0);
    assert_eq!(daemon.get("/nothing").0, 404);
    let said = daemon.stop();
    assert!(said.contains("stopped"), "{said}");
}

#[test]
fn a_week_of_four_comes_into_step_and_stays_as_it_is() {
    let rig = Rig::week("1s");
    let mut daemon = rig.start();
    rig.wait_in_step(&mut daemon, "the week", rig.world.bookings.len());
    rig.wait_at_rest(&daemon);
    let (writes, fingerprints) = (rig.writes(), rig.fingerprints());

    let looks = || {
        let figures = daemon.figures("slotbridge_looks_total{platform=\"salon\"");
        figures.into_iter().sum::<f64>()
    };
    let before = looks();
    wait_until("it has looked again", || looks() > before + 1.0);
    assert_eq!((rig.writes(), rig.fingerprints()), (writes, fingerprints));

    let page = daemon.metrics();
    for line in [
        "slotbridge_platform_up{platform=\"school\"} 1.0",
        "slotbridge_inbox_waiting{platform=\"salon\"} 0.0",
        "slotbridge_journal_open{bridge=\"main\"} 0.0",
        "slotbridge_polling_near_seconds{platform=\"world\"} 1.0",
        "# EOF",
    ] {
        assert!(
            page.iter().any(|one| one == line),
            "{line} is not in {page:#?}"
        );
    }

    let status = rig.run(&["status"]);
    assert_eq!(status.code, Some(0), "{status:?}");
    for part in ["every 1 s", "in reach", "after about"] {
        assert!(status.stdout.contains(part), "{}", status.stdout);
    }
    let status = rig.run(&["status", "--format", "json"]);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert!(status.to_string().contains("near_ms"), "{status:#}");
    daemon.stop();
    let status = rig.run(&["status"]);
    assert!(
        status.stdout.contains("No daemon runs"),
        "{}",
        status.stdout
    );
}
