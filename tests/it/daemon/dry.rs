//! `slotbridge run --dry-run`: it watches and says once what it would do, and writes nothing anywhere.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use slotbridge_sim::world::{PLACES, Place};

use super::methods::listings_of;
use super::process::{Daemon, spawn};
use super::rig::{OFTEN, Rig, hour};
use crate::support::wait_until;

/// What an operation would do, as a report has it.
type Told = (String, String, String, String, String);

fn told(operation: &Value) -> Told {
    let text = |name: &str| operation[name].to_string();
    (
        text("op"),
        text("platform"),
        text("resource"),
        text("start"),
        text("remote_id"),
    )
}

/// The operations of all reports that a daemon has shown so far.
fn told_by(shown: &str) -> Vec<Told> {
    let reports = serde_json::Deserializer::from_str(shown).into_iter::<Value>();
    let mut all = Vec::new();
    // The last one may still be on its way.
    for report in reports.map_while(Result::ok) {
        assert_eq!(report["dry_run"], true, "{report:#}");
        for operation in report["bridges"][0]["operations"].as_array().unwrap() {
            assert_eq!(operation["outcome"], "planned", "{operation:#}");
            all.push(told(operation));
        }
    }
    all
}

/// What one pass would do.
fn planned(rig: &Rig) -> BTreeSet<Told> {
    let ran = rig.run(&["reconcile", "--dry-run", "--format", "json"]);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let operations = report["bridges"][0]["operations"].as_array().unwrap();
    operations.iter().map(told).collect()
}

fn as_set(all: &[Told]) -> BTreeSet<Told> {
    all.iter().cloned().collect()
}

/// Waits until every platform was looked at a few times more.
fn wait_for_looks(rig: &Rig) {
    let listed = || {
        PLACES.map(|place| {
            let view = rig.world.side(place).view;
            listings_of(place)
                .iter()
                .map(|method| view.count(method))
                .sum::<usize>()
        })
    };
    let before = listed();
    wait_until("all were looked at again", || {
        listed()
            .iter()
            .zip(before)
            .all(|(now, before)| *now >= before + 3)
    });
}

fn stop(daemon: Daemon) -> String {
    daemon.signal("INT");
    let (status, shown, said) = daemon.end();
    assert_eq!(status.code(), Some(0), "{said}");
    shown
}

/// Everything in the folder but the count of calls, which a dry run adds its own to.
fn files(rig: &Rig) -> BTreeMap<String, Vec<u8>> {
    let mut files = rig.files();
    files.retain(|name, _| !name.contains(".calls"));
    files
}

#[test]
fn without_a_database_none_is_made_and_every_planned_operation_is_told_once() {
    let rig = Rig::week(OFTEN);
    let (files, fingerprints) = (rig.files(), rig.fingerprints());
    let expected = planned(&rig);
    assert!(expected.len() > 20, "{expected:#?}");
    let daemon = spawn(rig.command(&["--dry-run", "--format", "json"]));
    wait_until("all of it is told", || {
        as_set(&told_by(&daemon.shown())).is_superset(&expected)
    });
    wait_for_looks(&rig);
    let shown = stop(daemon);
    let all = told_by(&shown);
    assert_eq!(as_set(&all), expected);
    assert_eq!(
        all.len(),
        expected.len(),
        "something was told twice:\n{shown}"
    );
    assert_eq!(rig.files(), files);
    assert_eq!((rig.writes(), rig.fingerprints()), (0, fingerprints));
}

// R41
#[test]
fn beside_a_database_it_stays_byte_for_byte_and_what_comes_up_is_told_as_it_does() {
    let rig = Rig::empty(OFTEN);
    let mut daemon = rig.start();
    rig.book(Place::Yclients, hour(1, 10));
    rig.wait_in_step(&mut daemon, "first", 1);
    rig.wait_at_rest(&daemon);
    daemon.stop();
    let (before, writes) = (files(&rig), rig.writes());
    assert!(before.contains_key("slotbridge.db"));

    let id = rig.book(Place::Simplybook, hour(2, 10));
    let daemon = spawn(rig.command(&["--dry-run"]));
    let creates = |place: Place| {
        let line = format!("+ create on {} ", place.name());
        daemon.shown().matches(&line).count()
    };
    let others = [Place::Yclients, Place::Rubitime, Place::Alfacrm];
    wait_until("three creates are told", || {
        others.iter().all(|place| creates(*place) == 1)
    });
    wait_for_looks(&rig);
    rig.world
        .side(Place::Simplybook)
        .hand
        .move_to(id, hour(2, 15))
        .unwrap();
    wait_until("they are told with their new time", || {
        others.iter().all(|place| creates(*place) == 2)
    });
    wait_for_looks(&rig);
    for place in others {
        assert_eq!(creates(place), 2, "{}", daemon.shown());
    }
    assert!(daemon.shown().contains("10:00–11:00") && daemon.shown().contains("15:00–16:00"));
    let shown = stop(daemon);
    assert!(shown.contains("Dry run, nothing was written"), "{shown}");
    let after = files(&rig);
    assert!(before.keys().eq(after.keys()), "{:?}", after.keys());
    for (name, content) in &after {
        assert!(before[name] == *content, "{name} has changed");
    }
    assert_eq!(rig.writes(), writes);
}
