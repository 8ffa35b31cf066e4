//! A saved plan from the command line: carried out as it was saved, or refused with what has moved.

use std::process::Stdio;

use slotbridge_sim::Hand as _;

use crate::support::{Ran, Stage, at, signal, wait_until};

fn save(stage: &Stage) -> String {
    let plan = stage.folder.path().join("plan.json");
    let plan = plan.to_str().unwrap().to_owned();
    let ran = stage.run(&[
        "reconcile",
        "--dry-run",
        "--format",
        "json",
        "--output",
        &plan,
    ]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    plan
}

#[test]
fn a_saved_plan_is_carried_out_exactly_and_only_once() {
    let stage = Stage::week();
    let plan = save(&stage);
    let saved: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&plan).unwrap()).unwrap();
    let wanted = saved["bridges"][0]["operations"].as_array().unwrap().len();
    let ran = stage.run(&["apply", &plan]);
    assert_eq!((ran.code, stage.writes()), (Some(0), wanted), "{ran:?}");
    stage.assert_in_step();
    let again = stage.run(&["apply", &plan]);
    assert_eq!((again.code, stage.writes()), (Some(3), wanted), "{again:?}");
    assert!(
        again.stderr.contains("no longer wanted: create on"),
        "{}",
        again.stderr
    );
}

#[test]
fn a_plan_whose_ground_has_moved_writes_nothing_and_says_what_moved() {
    let stage = Stage::empty();
    let [first, ..] = stage.book_haircuts(2)[..] else {
        panic!("two bookings")
    };
    let plan = save(&stage);
    stage.world.yclients.move_to(first, at(3, 15)).unwrap();
    let ran = stage.run(&["apply", &plan]);
    assert_eq!((ran.code, stage.writes()), (Some(3), 0), "{ran:?}");
    for says in [
        "nothing was written",
        "no longer wanted",
        "now wanted: create on site",
        "--dry-run",
    ] {
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
    }
}

#[test]
fn what_is_no_plan_is_refused_with_the_way_to_one() {
    let stage = Stage::empty();
    stage.book_haircuts(1);
    let plan = save(&stage);
    let gone = stage.run(&["apply", "gone.json"]);
    assert_eq!(gone.code, Some(2), "{gone:?}");
    let text = std::fs::read_to_string(&plan).unwrap();
    for (from, to, says) in [
        (
            "\"dry_run\": true",
            "\"dry_run\": false",
            "not of a dry run",
        ),
        ("\"main\"", "\"mian\"", "did you mean \"main\"?"),
        ("\"schema\"", "\"scheme\"", "is not the JSON report"),
    ] {
        std::fs::write(&plan, text.replacen(from, to, 1)).unwrap();
        let ran = stage.run(&["apply", &plan]);
        assert_eq!((ran.code, stage.writes()), (Some(2), 0), "{from}: {ran:?}");
        assert!(ran.stderr.contains(says), "{from}: {}", ran.stderr);
    }
}

#[test]
fn under_a_running_daemon_it_names_who_holds_the_database() {
    let stage = Stage::empty();
    stage.book_haircuts(1);
    let plan = save(&stage);
    let mut daemon = stage.command(&["run"]);
    let mut daemon = daemon.stderr(Stdio::null()).spawn().unwrap();
    let socket = stage.folder.path().join("slotbridge.db.sock");
    wait_until("the daemon listens", || socket.exists());
    let ran = Ran::from(
        stage
            .command(&["apply", &plan, "--wait", "0s"])
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("slotbridge run"), "{}", ran.stderr);
    signal(&daemon, "TERM");
    assert!(daemon.wait().unwrap().success());
}
