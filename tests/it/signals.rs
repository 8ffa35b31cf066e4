//! Being asked to stop: what is under way is finished, the report still comes, and nothing is done twice.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use slotbridge_sim::{Fault, Inspect as _, Which};

use crate::support::{Ran, Stage, signal, wait_until};

#[test]
fn a_stopped_pass_waits_for_the_write_under_way_and_reports() {
    for name in ["INT", "TERM"] {
        let stage = Stage::week();
        let slow = Fault::SlowAnswer {
            delay: Duration::from_millis(700),
        };
        stage
            .world
            .rubitime
            .faults()
            .add("slow", "create-record", Which::Every, slow);
        let mut command = stage.command(&["reconcile", "--format", "json"]);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_until("a create is under way", || {
            stage.world.rubitime.count("create-record") > 0
        });
        signal(&child, name);
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(1), "{name}: {ran:?}");
        assert!(ran.stderr.contains("stopping"), "{name}: {}", ran.stderr);
        let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(report["cancelled"], true, "{name}: {report:#}");
        assert_eq!(report["totals"]["unknown"], 0, "{name}: {report:#}");
        let landed = stage
            .world
            .rubitime
            .calls()
            .iter()
            .filter(|call| call.landed)
            .count();
        let operations = report["bridges"][0]["operations"].as_array().unwrap();
        let applied = operations
            .iter()
            .filter(|one| one["platform"] == "site" && one["outcome"] == "applied")
            .count();
        assert_eq!(applied, landed, "{name}: {report:#}");
        assert!(
            operations.iter().any(|one| one["outcome"] == "planned"),
            "{name}: {report:#}"
        );
        stage.settle(5);
        stage.assert_in_step();
    }
}

// R31
#[test]
fn a_second_signal_ends_the_process_at_once_and_the_next_pass_settles_it() {
    let stage = Stage::week();
    let slow = Fault::Slow {
        delay: Duration::from_secs(2),
    };
    stage
        .world
        .rubitime
        .faults()
        .add("slow", "create-record", Which::Nth(1), slow);
    let mut command = stage.command(&["reconcile"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("a create is under way", || {
        stage.world.rubitime.count("create-record") > 0
    });
    signal(&child, "TERM");
    // Two at once would be one signal: the process has to say that it has heard the first.
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.by_ref().any(|line| line.unwrap().contains("stopping")));
    signal(&child, "TERM");
    assert!(said.any(|line| line.unwrap().contains("stopped at once")));
    assert_eq!(child.wait().unwrap().code(), Some(1));
    wait_until("the slow create has landed", || {
        stage.world.rubitime.calls().iter().any(|call| call.landed)
    });
    stage.settle(6);
    stage.assert_in_step();
}
