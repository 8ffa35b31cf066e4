//! Taking back a run as a user does it: everything as it was before, except what people have changed since.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;
use slotbridge_sim::{Booking, Edit, Hand as _, Inspect as _, Seen};

use crate::support::{Ran, Stage, at};

/// What a person sees of a record: without the marker, which is ours.
type Sight = (u64, i64, i64, Vec<u64>, String, String, String, i64);

fn sights(seen: Vec<Seen>) -> Vec<Sight> {
    let mut sights: Vec<Sight> = seen
        .into_iter()
        .map(|seen| {
            let (start, end) = (seen.start.as_second(), seen.end.as_second());
            (
                seen.staff,
                start,
                end,
                seen.services,
                seen.name,
                seen.phone,
                seen.comment,
                seen.status,
            )
        })
        .collect();
    sights.sort();
    sights
}

/// A stage whose bridge lets 200 creates through and 20 removals, as by default, with bookings of its own on each
/// platform.
fn backfilled(on_each: i64) -> (Stage, [Vec<Sight>; 2], String) {
    let stage = Stage::empty();
    let mut known = Vec::new();
    for number in 0..on_each {
        let (day, hour) = (number / 4 + 1, 10 + i8::try_from(number % 4).unwrap() * 2);
        let phone = |base: i64| format!("+7900{:07}", base + number);
        stage.world.yclients.book(
            &Booking::new(8886, 331, at(day, hour), 60).client("Пробная Вера", &phone(1_000)),
        );
        known.push(
            stage
                .world
                .rubitime
                .book(
                    &Booking::new(1703, 3925, at(day, hour), 60)
                        .client("Пробный Пётр", &phone(2_000)),
                )
                .to_string(),
        );
    }
    stage.change_config(
        "branch_id = 1013\n",
        &format!("branch_id = 1013\nknown_records = [{}]\n", known.join(", ")),
    );
    let before = shown(&stage);
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["totals"]["create"], 2 * on_each, "{report:#}");
    (stage, before, report["run"].as_str().unwrap().to_owned())
}

fn shown(stage: &Stage) -> [Vec<Sight>; 2] {
    [
        sights(stage.world.yclients.live()),
        sights(stage.world.rubitime.live()),
    ]
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("no report: {ran:?}"))
}

#[test]
fn a_backfill_of_200_bookings_is_taken_back_except_what_people_changed_since() {
    let (stage, before, run) = backfilled(100);
    let copies: Vec<Seen> = stage
        .world
        .rubitime
        .live()
        .into_iter()
        .filter(|seen| seen.marker.is_some())
        .collect();
    // One moves on the copy's side, one is edited on the original's, one is cancelled there.
    let (site, salon) = (&stage.world.rubitime, &stage.world.yclients);
    site.move_to(copies[0].id, at(40, 12)).unwrap();
    let originals: Vec<u64> = salon
        .live()
        .into_iter()
        .filter(|seen| seen.marker.is_none())
        .map(|seen| seen.id)
        .collect();
    salon.move_to(originals[50], at(41, 12)).unwrap();
    salon.cancel(originals[70]).unwrap();
    let changed = shown(&stage);

    // Far more than the guard lets through: held, approved, done.
    let held = stage.run(&["undo", &run, "--yes"]);
    assert_eq!(held.code, Some(3), "{held:?}");
    assert!(held.stderr.contains("slotbridge approve main"), "{held:?}");
    assert_eq!(shown(&stage), changed, "a held plan was written");
    assert_eq!(stage.run(&["approve", "main"]).code, Some(0));
    let ran = stage.run(&["undo", &run, "--yes", "--format", "json"]);
    let report = json(&ran);
    assert_eq!(ran.code, Some(4), "{report:#}");
    assert_eq!(report["totals"]["remove"], 197, "{report:#}");

    let [salon_now, site_now] = shown(&stage);
    let differ = |now: &[Sight], then: &[Sight]| {
        let gone = then.iter().filter(|row| !now.contains(row)).count();
        let new = now.iter().filter(|row| !then.contains(row)).count();
        (gone, new)
    };
    // The salon: one moved, one cancelled, by people. The site: three copies are left.
    assert_eq!(differ(&salon_now, &before[0]), (2, 1));
    assert_eq!(differ(&site_now, &before[1]), (0, 3));
    let text = stage.run(&["undo", &run, "--yes"]);
    assert_eq!(text.code, Some(4), "{text:?}");
    assert!(
        text.stdout.contains("Waiting for you (3)"),
        "{}",
        text.stdout
    );

    // What was taken back is not done again, and what people did arrives.
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["totals"]["create"], 0, "{report:#}");
    assert_eq!(report["totals"]["remove"], 1, "{report:#}");
    let writes = stage.writes();
    let (code, report) = stage.reconcile(&[]);
    assert_eq!((code, stage.writes()), (0, writes), "{report:#}");
}

#[test]
fn a_small_run_is_taken_back_whole_and_changes_and_removals_too() {
    let (stage, before, run) = backfilled(4);
    let backfilled = shown(&stage);
    let ids: Vec<u64> = stage
        .world
        .yclients
        .live()
        .iter()
        .map(|seen| seen.id)
        .collect();
    stage.world.yclients.move_to(ids[0], at(20, 12)).unwrap();
    let edit = Edit {
        comment: Some("окно".to_owned()),
        ..Edit::default()
    };
    stage.world.yclients.edit(ids[1], &edit).unwrap();
    stage.world.yclients.cancel(ids[2]).unwrap();
    let by_people = shown(&stage)[0].clone();
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 0, "{report:#}");
    assert_ne!(shown(&stage)[1], backfilled[1]);
    let second = stage.run(&["undo", "last", "--yes"]);
    assert_eq!(second.code, Some(0), "{second:?}");
    assert_eq!(shown(&stage), [by_people.clone(), backfilled[1].clone()]);
    // The pass after it leaves it so.
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(shown(&stage), [by_people, backfilled[1].clone()]);
    // The backfill itself: three of its bookings went on.
    let first = stage.run(&["undo", &run, "--yes"]);
    assert_eq!(first.code, Some(4), "{first:?}");
    let left = shown(&stage)[1].len() - before[1].len();
    assert_eq!(left, 3, "{first:?}");
}

#[test]
fn it_is_shown_first_and_needs_a_yes() {
    let (stage, _, run) = backfilled(2);
    let (platforms, database) = (stage.fingerprints(), database(&stage));
    // Nobody can answer: shown, and nothing is written anywhere.
    for arguments in [
        &["undo", &run][..],
        &["undo", &run, "--dry-run", "--yes"],
        &["undo", &run[..13], "--format", "json"],
    ] {
        let ran = stage.run(arguments);
        assert_eq!(ran.code, Some(5), "{ran:?}");
        assert!(ran.stderr.contains("--yes"), "{ran:?}");
        assert_eq!(stage.fingerprints(), platforms);
        assert_eq!(self::database(&stage), database);
    }
    let listed = stage.run(&["undo"]);
    assert_eq!(listed.code, Some(0));
    assert!(
        listed.stdout.contains(&run) && listed.stdout.contains("create 4"),
        "{listed:?}"
    );
    for wrong in ["01900000-0000-7000-8000-000000000000", "abc", "../x"] {
        let refused = stage.run(&["undo", wrong, "--yes"]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("slotbridge undo"), "{refused:?}");
    }
}

#[test]
fn a_running_daemon_is_named_with_the_way_out() {
    let (stage, _, run) = backfilled(1);
    let holder = slotbridge_held(&stage);
    let refused = stage.run(&["undo", &run, "--yes"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused.stderr.contains("slotbridge run") && refused.stderr.contains("systemctl stop"),
        "{refused:?}"
    );
    drop(holder);
}

/// A daemon that holds the stage's database; it is ended when this is dropped.
fn slotbridge_held(stage: &Stage) -> Daemon {
    let mut child = stage
        .command(&["run"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Nothing is ever read from there; the pipe only has to be open.
    child.stdin.as_mut().unwrap().flush().unwrap();
    let socket = stage.folder.path().join("slotbridge.db.sock");
    crate::support::wait_until("the daemon holds the database", || socket.exists());
    Daemon(child)
}

struct Daemon(std::process::Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself; a test that hangs here would say nothing.
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

/// The database's files; the calls of a dry run count against the quota like any others.
fn database(stage: &Stage) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut files = stage.files();
    files.retain(|name, _| !name.contains(".calls"));
    files
}
