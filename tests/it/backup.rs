//! Backups from the command line: made beside a running daemon, checked, and put back.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use slotbridge_sim::{Hand as _, Inspect as _};

use crate::support::{Stage, at, signal, wait_until};

#[test]
fn a_backup_is_made_while_the_daemon_runs_and_can_be_put_back() {
    let stage = Stage::empty();
    let booked = stage.book_haircuts(2);
    stage.settle(4);
    let mut daemon = stage.command(&["run"]);
    let mut daemon = daemon.stderr(Stdio::null()).spawn().unwrap();
    let socket = stage.folder.path().join("slotbridge.db.sock");
    wait_until("the daemon listens", || socket.exists());
    let file = stage.folder.path().join("kept.db");
    let name = file.to_str().unwrap();
    let made = stage.run(&["backup", name]);
    assert_eq!(made.code, Some(0), "{made:?}");
    assert!(made.stdout.contains("written and checked"), "{made:?}");
    assert_eq!(
        std::fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let again = stage.run(&["backup", name]);
    assert_eq!(again.code, Some(1), "{again:?}");
    assert!(
        again.stderr.contains("overwrites nothing"),
        "{}",
        again.stderr
    );
    let checked = stage.run(&["backup", "--verify", name, "--format", "json"]);
    let row: serde_json::Value = serde_json::from_str(&checked.stdout).unwrap();
    assert_eq!(row["bytes"], std::fs::metadata(&file).unwrap().len());
    signal(&daemon, "TERM");
    assert!(daemon.wait().unwrap().success());

    // The database is lost; the backup takes its place, and what happened since is caught up.
    stage.world.yclients.move_to(booked[0], at(5, 12)).unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", stage.database().display());
        drop(std::fs::remove_file(path));
    }
    std::fs::rename(&file, stage.database()).unwrap();
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["totals"]["update"], 1, "{report:#}");
    assert_eq!(report["totals"]["create"], 0, "{report:#}");
    stage.assert_in_step();
}

#[test]
fn without_any_backup_one_pass_finds_the_pairs_again() {
    let stage = Stage::empty();
    stage.book_haircuts(2);
    stage.settle(4);
    let known: Vec<String> = stage
        .world
        .rubitime
        .live()
        .iter()
        .map(|seen| seen.id.to_string())
        .collect();
    // Rubitime lists nothing: its records are named to it.
    stage.change_config(
        "branch_id = 1013\n",
        &format!("branch_id = 1013\nknown_records = [{}]\n", known.join(", ")),
    );
    for suffix in ["", "-wal", "-shm"] {
        let path = format!("{}{suffix}", stage.database().display());
        drop(std::fs::remove_file(path));
    }
    let writes = stage.writes();
    let (code, report) = stage.reconcile(&[]);
    assert_eq!((code, stage.writes()), (0, writes), "{report:#}");
    assert_eq!(report["totals"]["adopted"], 2, "{report:#}");
    stage.assert_in_step();
}

#[test]
fn what_is_no_backup_is_refused() {
    let stage = Stage::empty();
    let file = stage.folder.path().join("note.db");
    let name = file.to_str().unwrap();
    let gone = stage.run(&["backup", "--verify", name]);
    assert_eq!(gone.code, Some(1), "{gone:?}");
    assert!(gone.stderr.contains("no database at"), "{}", gone.stderr);
    crate::support::write_private(&file, &b"text ".repeat(1_000));
    let text = stage.run(&["backup", "--verify", name]);
    assert_eq!(text.code, Some(1), "{text:?}");
    assert!(text.stderr.contains("is not a database"), "{}", text.stderr);
    let nothing_yet = stage.run(&["backup", "new.db"]);
    assert_eq!(nothing_yet.code, Some(1), "{nothing_yet:?}");
}
