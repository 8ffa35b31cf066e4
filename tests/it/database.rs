//! A database that cannot be used: a clear message, exit 1, and no write to any platform.

use std::path::{Path, PathBuf};
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

// R30
#[test]
fn a_disk_that_fills_up_or_dies_in_the_middle_costs_no_booking_and_makes_no_twin() {
    let folder = tempfile::tempdir().unwrap();
    let shim = dying_disk(folder.path());
    // How much a pass writes, and how often it waits for the disk.
    let whole = Stage::week();
    let counted = folder.path().join("syncs");
    let ran = reconcile_on(
        &whole,
        &shim,
        &[("SYNCS_COUNTED", counted.to_str().unwrap())],
        None,
    );
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let syncs: u64 = std::fs::read_to_string(&counted)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(
        syncs > 20,
        "only {syncs} waits for the disk: the shim is not in the way"
    );
    let writes = whole.writes();
    let mut troubles: Vec<(String, &str, String, Option<u64>)> = Vec::new();
    for part in 1..=6 {
        let nth = (syncs * part / 7).to_string();
        troubles.push((
            format!("dead from {nth}"),
            "SYNCS_FAIL_FROM",
            nth.clone(),
            None,
        ));
        troubles.push((format!("fails at {nth}"), "SYNC_FAILS_AT", nth, None));
    }
    // In blocks of 512 bytes.
    for blocks in [400, 800, 1_200, 1_600] {
        troubles.push((
            format!("{blocks} blocks"),
            "SYNCS_LEFT_ALONE",
            String::new(),
            Some(blocks),
        ));
    }
    // Side by side: putting it right mostly waits for the platforms' limits.
    let stopped_in_the_middle: usize = std::thread::scope(|scope| {
        let shim = &shim;
        let each = troubles.iter().map(|(trouble, name, value, blocks)| {
            scope.spawn(move || {
                let stage = Stage::week();
                let ran = reconcile_on(&stage, shim, &[(name, value)], *blocks);
                let done = stage.writes();
                if ran.code != Some(0) {
                    assert_eq!(ran.code, Some(1), "{trouble}: {ran:?}");
                    assert!(ran.stderr.contains("error:"), "{trouble}: {ran:?}");
                }
                // Room was made, or another disk: nothing is written twice, and nothing is missing.
                stage.settle(6);
                stage.assert_in_step();
                usize::from(ran.code != Some(0) && done > 0 && done < writes)
            })
        });
        let each: Vec<_> = each.collect();
        each.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert!(
        stopped_in_the_middle > 2,
        "hardly any trouble came in the middle"
    );
}

/// A pass whose waits for the disk the shim listens to, with a limit on the size of files.
fn reconcile_on(
    stage: &Stage,
    shim: &Path,
    variables: &[(&str, &str)],
    blocks: Option<u64>,
) -> Ran {
    let limit = blocks.map_or_else(|| "unlimited".to_owned(), |blocks| blocks.to_string());
    let output = Command::new("sh")
        .args([
            "-c",
            &format!("trap '' XFSZ; ulimit -f {limit}; exec \"$@\""),
            "sh",
        ])
        .arg("env")
        .arg(format!("LD_PRELOAD={}", shim.display()))
        .args(
            variables
                .iter()
                .map(|(name, value)| format!("{name}={value}")),
        )
        .arg(env!("CARGO_BIN_EXE_slotbridge"))
        .args(["--reconcile", "--config"])
        .arg(stage.config())
        .output()
        .unwrap();
    Ran::from(output)
}

/// A library that stands in for a disk that dies: `fsync` and `fdatasync` fail from a certain one on, or just once.
fn dying_disk(folder: &Path) -> PathBuf {
    const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long calls;

static long number(const char *name) {
    const char *text = getenv(name);
    return text ? atol(text) : 0;
}

static int synced(long call, int file) {
    long nth = atomic_fetch_add(&calls, 1) + 1;
    const char *counted = getenv("SYNCS_COUNTED");
    if (counted) {
        char text[32];
        int length = snprintf(text, sizeof text, "%ld\n", nth);
        int out = open(counted, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (out >= 0) {
            if (write(out, text, length) < 0) abort();
            close(out);
        }
    }
    long from = number("SYNCS_FAIL_FROM"), at = number("SYNC_FAILS_AT");
    if ((from && nth >= from) || (at && nth == at)) {
        errno = EIO;
        return -1;
    }
    return syscall(call, file);
}

int fsync(int file) { return synced(SYS_fsync, file); }
int fdatasync(int file) { return synced(SYS_fdatasync, file); }
"#;
    let (source, library) = (folder.join("shim.c"), folder.join("shim.so"));
    std::fs::write(&source, SOURCE).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(&source)
        .status();
    assert!(
        built.unwrap().success(),
        "a C compiler is needed to build slotbridge, too"
    );
    library
}

#[test]
fn a_link_in_the_place_of_the_database_is_refused_and_its_target_left_alone() {
    let stage = Stage::week();
    let target = stage.folder.path().join("somebody-elses");
    write_private(&target, b"precious");
    for suffix in ["", ".calls"] {
        let link = format!("{}{suffix}", stage.database().display());
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert_refused(&stage, &[], &["symbolic link", "somebody-elses"]);
        std::fs::remove_file(&link).unwrap();
    }
    assert_eq!(std::fs::read(&target).unwrap(), b"precious");
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
