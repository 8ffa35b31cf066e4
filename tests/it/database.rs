//! A database that cannot be used: a clear message, exit 1, and no write to any platform.

use std::process::Command;
use std::time::Duration;

use slotbridge_store::{OpenOptions, Store};

use crate::support::{Ran, Stage, write_private};

/// Asserts that a pass fails with these words and that the platforms are as they were.
fn assert_refused(stage: &Stage, arguments: &[&str], expected: &[&str]) {
    let before = (stage.fingerprints(), stage.writes());
    let ran = stage.run(&[&["--reconcile"], arguments].concat());
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for part in expected {
        assert!(
            ran.stderr.contains(part),
            "expected {part:?} in {}",
            ran.stderr
        );
    }
    assert_eq!((stage.fingerprints(), stage.writes()), before);
}

#[test]
fn a_locked_database_names_who_holds_it() {
    let stage = Stage::week();
    let options = OpenOptions {
        lock_wait: Duration::ZERO,
        holder: "a long pass".to_owned(),
    };
    let held = Store::open(&stage.database(), &options).unwrap();
    let pid = format!("pid {}", std::process::id());
    assert_refused(
        &stage,
        &["--wait", "100ms"],
        &["is in use by a long pass", &pid, "--wait"],
    );
    // Reading is possible all the same.
    assert_eq!(stage.run(&["--reconcile", "--dry-run"]).code, Some(5));
    assert_eq!(stage.run(&["status"]).code, Some(0));
    drop(held);
    assert_eq!(stage.run(&["--reconcile"]).code, Some(0));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let stage = Stage::week();
    stage.change_config("slotbridge.db", "missing/slotbridge.db");
    assert_refused(
        &stage,
        &[],
        &["there is no folder", "missing", "[store] path"],
    );
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let stage = Stage::week();
    // Not even the superuser, as whom tests may run, can make a file there.
    stage.change_config("slotbridge.db", "/proc/slotbridge.db");
    assert_refused(&stage, &[], &["/proc/slotbridge.db"]);
}

#[test]
fn a_disk_that_takes_no_more_stops_the_pass_before_the_first_write() {
    let stage = Stage::week();
    let before = stage.fingerprints();
    // A limit on the size of files stands in for a full disk.
    let limited = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "sh"])
        .arg(env!("CARGO_BIN_EXE_slotbridge"))
        .args(["--reconcile", "--config"])
        .arg(stage.config())
        .output()
        .unwrap();
    let ran = Ran::from(limited);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stderr.contains("error:") && ran.stderr.contains("disk"),
        "{}",
        ran.stderr
    );
    assert_eq!(stage.fingerprints(), before);
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let stage = Stage::week();
    write_private(
        &stage.database(),
        b"a shopping list\n".repeat(100).as_slice(),
    );
    assert_refused(&stage, &[], &["is not a database", "slotbridge.db"]);
    let content = std::fs::read(stage.database()).unwrap();
    assert!(content.starts_with(b"a shopping list"));
    let check = stage.run(&["check"]);
    assert_eq!(check.code, Some(1), "{check:?}");
    assert!(
        check.stdout.contains("problem  database: "),
        "{}",
        check.stdout
    );
}

#[test]
fn a_damaged_database_is_told_from_a_good_one() {
    let stage = Stage::week();
    stage.settle(4);
    let mut bytes = std::fs::read(stage.database()).unwrap();
    // Everything behind the first page.
    for byte in &mut bytes[4096..] {
        *byte ^= 0x5a;
    }
    write_private(&stage.database(), &bytes);
    assert_refused(&stage, &[], &["slotbridge.db", "damaged"]);
}

#[test]
fn a_database_of_a_newer_version_is_refused() {
    let stage = Stage::week();
    stage.settle(4);
    let mut bytes = std::fs::read(stage.database()).unwrap();
    // The user version of the file format's header.
    bytes[60..64].copy_from_slice(&9_999_u32.to_be_bytes());
    write_private(&stage.database(), &bytes);
    assert_refused(&stage, &[], &["schema 9999", "slotbridge.db"]);
}

#[test]
fn a_database_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = Stage::week();
    stage.settle(4);
    std::fs::set_permissions(stage.database(), std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_refused(&stage, &[], &["chmod 600"]);
}
