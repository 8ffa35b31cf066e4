//! The command line: help, wrong usage, where the config is found, where reports go.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Ran, Stage, binary};

fn run(arguments: &[&str]) -> Ran {
    Ran::from(binary().args(arguments).output().unwrap())
}

#[test]
fn help_lists_the_commands_that_are_there_and_shows_examples() {
    let shown = run(&["--help"]);
    assert_eq!(shown.code, Some(0));
    for part in [
        "reconcile",
        "check",
        "status",
        "approve",
        "demo",
        "--dry-run",
        "Examples:",
        "Exit codes:",
    ] {
        assert!(
            shown.stdout.contains(part),
            "{part} is not in\n{}",
            shown.stdout
        );
    }
    for command in [
        "run",
        "reconcile",
        "check",
        "map",
        "status",
        "approve",
        "undo",
        "forget",
        "purge",
        "apply",
        "conflicts",
        "explain",
        "backup",
        "demo",
    ] {
        let shown = run(&[command, "--help"]);
        assert_eq!(shown.code, Some(0), "{command}");
        assert!(
            shown.stdout.contains("--config"),
            "{command}: {}",
            shown.stdout
        );
    }
    let refused = run(&["nonsense"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("unrecognized subcommand"),
        "{}",
        refused.stderr
    );
    assert_eq!(
        run(&["--version"]).stdout,
        concat!("slotbridge ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn without_a_command_it_is_the_daemon_which_names_the_config_that_it_lacks() {
    for arguments in [&[][..], &["run"], &["--dry-run"]] {
        let refused = run(arguments);
        assert_eq!(refused.code, Some(2), "{arguments:?}");
        assert!(
            refused.stderr.contains("cannot read the config"),
            "{}",
            refused.stderr
        );
        assert_eq!(refused.stdout, "");
    }
}

#[test]
fn a_config_that_is_not_there_is_named_with_the_ways_to_name_another() {
    let missing = "/nonexistent/slotbridge.toml";
    let option = run(&["--reconcile", "--config", missing]);
    let variable = binary()
        .arg("status")
        .env("SLOTBRIDGE_CONFIG", missing)
        .output()
        .unwrap();
    for ran in [option, Ran::from(variable)] {
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(
            ran.stderr.contains(missing) && ran.stderr.contains("$SLOTBRIDGE_CONFIG"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn an_unknown_bridge_is_refused_with_the_nearest_known_one() {
    let stage = Stage::empty();
    let refused = stage.run(&["--reconcile", "--bridge", "mian"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused
            .stderr
            .contains("there is no bridge \"mian\"; did you mean \"main\"?"),
        "{}",
        refused.stderr
    );
    let refused = stage.run(&["approve", "other"]);
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("known here: main"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_report_goes_to_a_file_whole_and_for_its_owner_only() {
    let stage = Stage::empty();
    let path = stage.folder.path().join("report.json");
    let ran = stage.run(&[
        "reconcile",
        "--dry-run",
        "--format",
        "json",
        "--output",
        path.to_str().unwrap(),
    ]);
    assert_eq!(
        (ran.code, ran.stdout.as_str()),
        (Some(0), ""),
        "{}",
        ran.stderr
    );
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(report["schema"], 1);
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let left: Vec<String> = stage
        .files()
        .into_keys()
        .filter(|name| name.contains("report"))
        .collect();
    assert_eq!(left, ["report.json"]);
    let ran = stage.run(&[
        "reconcile",
        "--dry-run",
        "--output",
        "/nonexistent/report.txt",
    ]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr
            .contains("cannot write the report to /nonexistent/report.txt"),
        "{}",
        ran.stderr
    );
}

#[test]
fn colours_are_for_terminals_and_for_those_who_ask() {
    let stage = Stage::empty();
    let plain = stage.run(&["reconcile", "--dry-run"]);
    let asked = stage.run(&["reconcile", "--dry-run", "--color", "always"]);
    assert!(!plain.stdout.contains('\u{1b}'), "{}", plain.stdout);
    assert!(asked.stdout.contains('\u{1b}'), "{}", asked.stdout);
}
