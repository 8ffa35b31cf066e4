//! Webhooks: what a person does on one platform arrives on the others at once, with one reading and one write each.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use slotbridge_sim::world::{PLACES, Place};
use slotbridge_sim::{Fault, Which};

use super::methods::{create_of, listings_of, read_of, writes_of};
use super::process::{Daemon, post};
use super::rig::{NEVER, Rig, hour, token};
use crate::support::wait_until;

/// The day of the first booking: so far ahead that no lesson can be going on, which AlfaCRM would be asked for too.
const FIRST_DAY: i64 = 2;

/// What a person does to one booking, one after the other.
#[derive(Debug, Clone, Copy)]
enum Act {
    Book,
    Move,
    Cancel,
}

/// Does it on a platform, waits until all of them show it and the daemon is at rest, and gives the calls since.
fn act(
    rig: &Rig,
    daemon: &mut Daemon,
    source: Place,
    (day, id): (i64, &mut u64),
    act: Act,
) -> BTreeMap<Place, BTreeMap<&'static str, usize>> {
    let what = format!("{act:?} on {}", source.title());
    let (marks, hand) = (rig.marks(), rig.world.side(source).hand);
    match act {
        Act::Book => *id = rig.book(source, hour(day, 10)),
        Act::Move => hand.move_to(*id, hour(day, 15)).unwrap(),
        Act::Cancel => hand.cancel(*id).unwrap(),
    }
    let shown: Vec<Timestamp> = match act {
        Act::Book => vec![hour(day, 10)],
        Act::Move => vec![hour(day, 15)],
        Act::Cancel => vec![],
    };
    wait_until(&what, || {
        daemon.assert_runs();
        rig.world.sides().iter().all(|side| {
            let live = side.view.live();
            live.iter().map(|seen| seen.start).eq(shown.iter().copied())
        })
    });
    rig.wait_at_rest(daemon);
    rig.assert_clean(&what);
    rig.since(&marks)
}

fn count(calls: &BTreeMap<&'static str, usize>, methods: &[&str]) -> usize {
    methods.iter().filter_map(|method| calls.get(method)).sum()
}

#[test]
fn a_change_told_by_webhook_costs_one_reading_and_one_write_per_other_platform() {
    let rig = Rig::empty(NEVER);
    rig.echo(false);
    let mut daemon = rig.start_with_webhooks();
    rig.wait_at_rest(&daemon);
    for (day, source) in (FIRST_DAY..).zip(PLACES) {
        let mut id = 0;
        for one in [Act::Book, Act::Move, Act::Cancel] {
            let calls = act(&rig, &mut daemon, source, (day, &mut id), one);
            for (place, calls) in calls {
                let what = format!(
                    "{one:?} on {} as {} sees it: {calls:?}",
                    source.title(),
                    place.title()
                );
                let (reads, writes) = (
                    count(&calls, &[read_of(place)]),
                    count(&calls, writes_of(place)),
                );
                if place == source {
                    // AlfaCRM finds a lesson only under its status: a cancelled one takes a second question.
                    let most = if place == Place::Alfacrm { 2 } else { 1 };
                    assert!((1..=most).contains(&reads), "{what}");
                    assert_eq!(writes, 0, "{what}");
                } else {
                    assert_eq!(writes, 1, "{what}");
                    // Before the write and after it.
                    assert!(reads <= 2, "{what}");
                }
                // AlfaCRM does not refuse a time that is taken, so the teacher's day is looked at before a write.
                let own = usize::from(place == Place::Alfacrm && place != source);
                assert!(count(&calls, listings_of(place)) <= own, "{what}");
            }
        }
    }
    daemon.stop();
}

// R19
#[test]
fn the_webhooks_of_our_own_writes_set_nothing_off() {
    let rig = Rig::empty(NEVER);
    let mut daemon = rig.start_with_webhooks();
    rig.wait_at_rest(&daemon);
    for (day, source) in (FIRST_DAY..).zip(PLACES) {
        let mut id = 0;
        for one in [Act::Book, Act::Move, Act::Cancel] {
            let before = rig.writes();
            let calls = act(&rig, &mut daemon, source, (day, &mut id), one);
            assert_eq!(
                rig.writes() - before,
                3,
                "{one:?} on {}: {calls:#?}",
                source.title()
            );
        }
    }
    for place in PLACES {
        let statuses = daemon.statuses(place);
        assert!(
            statuses.len() > 3,
            "{} sent only {statuses:?}",
            place.title()
        );
        assert!(
            statuses.iter().all(|status| *status == Some(200)),
            "{statuses:?}"
        );
    }
    daemon.stop();
}

// R27
#[test]
fn a_whole_record_in_a_webhook_is_used_before_it_is_read_and_a_removal_only_after() {
    let rig = Rig::empty(NEVER);
    let mut daemon = rig.start_with_webhooks();
    rig.wait_at_rest(&daemon);
    let site = rig.world.side(Place::Rubitime);
    let slow = Fault::SlowAnswer {
        delay: Duration::from_secs(3),
    };
    rig.fault(Place::Rubitime, "slow", "get-record", Which::Every, slow);
    let reads = || {
        let calls = site.view.calls();
        calls
            .into_iter()
            .filter(|call| call.method == "get-record")
            .map(|call| call.status)
            .collect::<Vec<_>>()
    };
    let id = rig.book(Place::Rubitime, hour(1, 10));
    rig.wait_in_step(&mut daemon, "booked", 1);
    let answered: Vec<_> = reads().into_iter().flatten().collect();
    assert_eq!(answered, [0_u16; 0], "nothing was read by then");
    for place in PLACES {
        let phone = rig.at(place, hour(1, 10)).unwrap().phone;
        assert!(
            phone.contains("9000000101"),
            "{}: not the client's",
            place.title()
        );
    }
    wait_until("it is confirmed", || reads().iter().flatten().count() > 0);

    let before = reads().len();
    site.hand.cancel(id).unwrap();
    rig.wait_in_step(&mut daemon, "cancelled", 0);
    let read = reads().split_off(before);
    assert!(
        read.contains(&Some(200)),
        "removed before it was read: {read:?}"
    );
    assert!(site.view.faults().fired("slow") >= Some(2));
}

#[test]
fn a_webhook_with_a_wrong_address_is_turned_away_and_one_without_sense_does_no_harm() {
    let rig = Rig::empty(NEVER);
    let mut daemon = rig.start();
    rig.wait_at_rest(&daemon);
    rig.book(Place::Yclients, hour(1, 10));
    let address = daemon.address.unwrap();
    let right = format!("/webhooks/salon/{}", token(Place::Yclients));
    for wrong in [
        format!("/webhooks/salon/{}", token(Place::Rubitime)),
        format!("/webhooks/nobody/{}", token(Place::Yclients)),
        "/webhooks/salon/".to_owned(),
        "/webhooks/salon".to_owned(),
    ] {
        assert_eq!(post(address, &wrong, "{}"), 404, "{wrong}");
    }
    assert_eq!(post(address, &right, &"x".repeat(256 * 1024 + 1)), 413);
    assert_eq!(
        rig.world
            .side(Place::Yclients)
            .view
            .count(read_of(Place::Yclients)),
        0
    );
    // What makes no sense may have been about anything, so the platform is looked at.
    assert_eq!(post(address, &right, "no JSON"), 200);
    rig.wait_in_step(&mut daemon, "after a look", 1);
    for place in [Place::Rubitime, Place::Simplybook, Place::Alfacrm] {
        assert_eq!(rig.world.side(place).view.count(create_of(place)), 1);
    }
}
