//! Erasing a client: nothing of theirs is left in any file, nothing is made again, and what is over does not come back.

use std::process::Stdio;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use slotbridge_sim::{Booking, Edit, Hand as _, Inspect as _};
use slotbridge_store::{Change, OpenOptions, Store};

use crate::support::{Stage, at, signal, wait_until};

const NAME: &str = "Вымыслова Аглая";
const PHONE: &str = "+79005554433";
const EMAIL: &str = "aglaya@example.org";
const COMMENT: &str = "просит тихую музыку";

/// What of the client stands in which file of the stage's folder: the database, its log, the account of calls and
/// whatever else is there, in every spelling in which a platform or a person writes it.
fn traces(stage: &Stage) -> Vec<String> {
    let escaped = |text: &str| {
        let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
        units.collect::<String>()
    };
    let mut planted: Vec<String> = [
        NAME,
        COMMENT,
        EMAIL,
        "Аглая",
        "Вымыслова",
        "aglaya",
        "aglaya%40",
        "тихую",
        "79005554433",
        "9005554433",
        "+7 900 555-44-33",
        "8 (900) 555-44-33",
        "555-44-33",
        "5554433",
        "555%2D44",
    ]
    .map(str::to_owned)
    .to_vec();
    planted.extend(["Аглая", "Вымыслова", "тихую"].map(escaped));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(stage.folder.path()).unwrap() {
        let entry = entry.unwrap();
        // The daemon's socket holds nothing.
        if !entry.file_type().unwrap().is_file() {
            continue;
        }
        let bytes = std::fs::read(entry.path()).unwrap();
        for text in &planted {
            let there = bytes
                .windows(text.len())
                .any(|window| window.eq_ignore_ascii_case(text.as_bytes()));
            if there {
                found.push(format!("{text} in {}", entry.file_name().display()));
            }
        }
    }
    found
}

/// The last full hour but two: over, and still inside the window.
fn over() -> Timestamp {
    let now = Timestamp::now().as_second();
    Timestamp::from_second(now - now.rem_euclid(3_600)).unwrap() - SignedDuration::from_hours(3)
}

fn of_client(staff: u64, service: u64, start: Timestamp) -> Booking {
    Booking::new(staff, service, start, 60)
        .client(NAME, PHONE)
        .email(EMAIL)
        .comment(COMMENT)
}

/// A visit that is over, known on both platforms, and bookings of somebody else.
fn visited() -> Stage {
    let stage = Stage::empty();
    stage.world.yclients.book(&of_client(8886, 331, over()));
    let known = stage.world.rubitime.book(&of_client(1702, 3925, over()));
    stage.change_config(
        "branch_id = 1013\n",
        &format!("branch_id = 1013\nknown_records = [{known}]\n"),
    );
    stage.book_haircuts(2);
    stage.settle(4);
    assert!(!traces(&stage).is_empty(), "the client is not known at all");
    stage
}

#[test]
fn a_client_whose_visits_are_over_is_erased_for_good() {
    let stage = visited();
    let shown = stage.run(&["forget", "8 (900) 555-44-33", "--dry-run"]);
    assert_eq!(shown.code, Some(5), "{shown:?}");
    let platforms = stage.fingerprints();
    let done = stage.run(&["forget", "8 (900) 555-44-33"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("Erased"), "{done:?}");
    assert_eq!(traces(&stage), Vec::<String>::new());
    for text in [&done.stdout, &done.stderr] {
        assert!(!text.contains("555") && !text.contains(NAME), "{text}");
    }
    // The platforms still show the visit, also with another status: neither comes back, and nothing is written.
    let writes = stage.writes();
    for pass in 0..3 {
        let (code, report) = stage.reconcile(&[]);
        assert_eq!(code, 0, "{report:#}");
        assert_eq!(traces(&stage), Vec::<String>::new(), "pass {pass}");
        let visit = stage
            .world
            .yclients
            .all()
            .into_iter()
            .find(|seen| seen.name == NAME)
            .unwrap();
        let edit = Edit {
            comment: Some(format!("{COMMENT} {pass}")),
            ..Edit::default()
        };
        stage.world.yclients.edit(visit.id, &edit).unwrap();
    }
    assert_eq!(stage.writes(), writes);
    let (site, salon) = (stage.world.rubitime.live(), stage.world.yclients.live());
    assert_eq!((site.len(), salon.len()), (3, 3));
    assert_ne!(
        stage.fingerprints(),
        platforms,
        "the person's edits are there"
    );
    let again = stage.run(&["forget", EMAIL]);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert!(again.stdout.contains("knows nothing"), "{again:?}");
}

#[test]
fn a_booking_to_come_is_asked_about_and_comes_back_without_a_write() {
    let stage = visited();
    let to_come = stage.world.yclients.book(&of_client(8887, 331, at(5, 12)));
    stage.settle(4);
    let refused = stage.run(&["forget", EMAIL]);
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(
        refused.stdout.contains("Nothing was erased") && refused.stdout.contains("--yes"),
        "{refused:?}"
    );
    assert!(!traces(&stage).is_empty(), "a refusal erased something");
    let platforms = stage.fingerprints();
    let done = stage.run(&["forget", EMAIL, "--yes"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(traces(&stage), Vec::<String>::new());
    // It comes back as it was: nothing is taken for a change.
    let writes = stage.writes();
    for _ in 0..2 {
        let (code, report) = stage.reconcile(&[]);
        assert_eq!((code, stage.writes()), (0, writes), "{report:#}");
    }
    assert_eq!(stage.fingerprints(), platforms);
    assert!(!traces(&stage).is_empty(), "it did not come back");
    // And it is still kept in step.
    stage.world.yclients.move_to(to_come, at(6, 12)).unwrap();
    stage.settle(4);
    stage.assert_in_step();
    // Cancelled everywhere, it goes for good.
    stage.world.yclients.cancel(to_come).unwrap();
    stage.settle(4);
    let done = stage.run(&["forget", EMAIL]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(traces(&stage), Vec::<String>::new());
}

#[test]
fn what_is_no_client_is_refused_without_being_repeated() {
    let stage = Stage::empty();
    for wrong in ["Вымыслова", "12", "a@"] {
        let refused = stage.run(&["forget", wrong]);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.contains("hint"), "{refused:?}");
        assert!(!refused.stderr.contains("Вымыслова"), "{refused:?}");
    }
    let unknown = stage.run(&["forget", "+79001112233"]);
    assert_eq!(unknown.code, Some(0), "{unknown:?}");
    assert!(unknown.stdout.contains("knows nothing"), "{unknown:?}");
}

#[test]
fn an_erased_operation_is_not_taken_back() {
    let stage = Stage::empty();
    stage.world.yclients.book(&of_client(8886, 331, at(3, 12)));
    let (_, report) = stage.reconcile(&[]);
    let run = report["run"].as_str().unwrap().to_owned();
    assert_eq!(stage.run(&["forget", PHONE, "--yes"]).code, Some(0));
    let refused = stage.run(&["undo", &run, "--yes"]);
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.stdout.contains("erased since"), "{refused:?}");
    assert_eq!(stage.world.rubitime.live().len(), 1);
}

fn comment(text: &str) -> Edit {
    Edit {
        comment: Some(text.to_owned()),
        ..Edit::default()
    }
}

/// A visit that was moved, edited on both sides, and decided about, so that mirror, booking, shadows, journal, conflict
/// and decision hold the client.
fn decided_about() -> Stage {
    let stage = Stage::empty();
    stage.change_config("name = \"main\"\n", "name = \"main\"\nconflict = \"ask\"\n");
    let visit = stage.world.yclients.book(&of_client(8886, 331, at(3, 12)));
    stage.settle(4);
    stage.world.yclients.move_to(visit, at(3, 14)).unwrap();
    stage.settle(4);
    let copy = stage.world.rubitime.live()[0].id;
    stage
        .world
        .yclients
        .edit(visit, &comment("тихую музыку, пожалуйста"))
        .unwrap();
    stage
        .world
        .rubitime
        .edit(copy, &comment("не тихую"))
        .unwrap();
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 4, "{report:#}");
    let set = "comment=тихую, и чай";
    let decided = stage.run(&["conflicts", "resolve", "1", "--set", set]);
    assert_eq!(decided.code, Some(0), "{decided:?}");
    stage
}

#[test]
fn what_a_person_decided_about_a_client_is_erased_too() {
    let stage = decided_about();
    assert!(!traces(&stage).is_empty());
    let done = stage.run(&["forget", "+7 900 555 44 33", "--yes"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(traces(&stage), Vec::<String>::new());
    // What the platforms still show comes back as it is; nobody is asked about it again, and nothing is written.
    let writes = stage.writes();
    let (code, report) = stage.reconcile(&[]);
    assert_eq!((code, stage.writes()), (0, writes), "{report:#}");
    assert_eq!(stage.run(&["conflicts"]).code, Some(0));
}

// R29
#[test]
fn nobody_is_asked_about_a_visit_that_is_over_and_erased() {
    let stage = Stage::empty();
    stage.change_config("name = \"main\"\n", "name = \"main\"\nconflict = \"ask\"\n");
    let visit = stage.world.yclients.book(&of_client(8886, 331, over()));
    let known = stage.world.rubitime.book(&of_client(1702, 3925, over()));
    stage.change_config(
        "branch_id = 1013\n",
        &format!("branch_id = 1013\nknown_records = [{known}]\n"),
    );
    stage.settle(4);
    stage
        .world
        .yclients
        .edit(visit, &comment("тихую музыку, пожалуйста"))
        .unwrap();
    stage
        .world
        .rubitime
        .edit(known, &comment("не тихую"))
        .unwrap();
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 4, "{report:#}");
    let done = stage.run(&["forget", EMAIL]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(stage.run(&["conflicts"]).code, Some(0));
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(traces(&stage), Vec::<String>::new());
}

#[test]
fn what_is_over_for_longer_than_the_config_keeps_is_erased_by_the_daemon_and_stays_so() {
    let stage = Stage::empty();
    stage.change_config(
        "name = \"main\"\n",
        "name = \"main\"\nwindow_past = \"90d\"\n",
    );
    let long_ago = over() - SignedDuration::from_hours(24 * 40);
    stage.world.yclients.book(&of_client(8886, 331, long_ago));
    let known = stage.world.rubitime.book(&of_client(1702, 3925, long_ago));
    stage.change_config(
        "branch_id = 1013\n",
        &format!("branch_id = 1013\nknown_records = [{known}]\n"),
    );
    let cancelled = long_ago - SignedDuration::from_hours(48);
    let cancelled = stage.world.yclients.book(&of_client(8886, 331, cancelled));
    stage.book_haircuts(2);
    stage.settle(4);
    stage.world.yclients.cancel(cancelled).unwrap();
    stage.settle(4);
    assert!(!traces(&stage).is_empty());
    stage.change_config(
        "path = \"slotbridge.db\"\n",
        "path = \"slotbridge.db\"\nkeep_clients = \"30d\"\n[schedule]\njitter = \"0s\"\n",
    );
    // The machine was off in the night: the daemon catches up.
    let options = OpenOptions {
        lock_wait: Duration::ZERO,
        holder: "a test".to_owned(),
    };
    let store = Store::open(&stage.database(), &options).unwrap();
    let yesterday = Change::ScheduleDone {
        name: "retention".to_owned(),
        at: Timestamp::now() - SignedDuration::from_hours(48),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        store.apply(vec![yesterday]).await.unwrap();
        store.close().await.unwrap();
    });
    let (platforms, writes) = (stage.fingerprints(), stage.writes());
    let mut daemon = stage
        .command(&["run"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("the clients are erased", || traces(&stage).is_empty());
    signal(&daemon, "TERM");
    assert!(daemon.wait().unwrap().success());
    // Listed by the platforms all the same, it is neither made again nor taken for changed, and does not come back.
    for _ in 0..2 {
        let (code, report) = stage.reconcile(&[]);
        assert_eq!((code, stage.writes()), (0, writes), "{report:#}");
        assert_eq!(traces(&stage), Vec::<String>::new());
    }
    assert_eq!(stage.fingerprints(), platforms);
    // What is to come is kept, and kept in step.
    let shown = stage.run(&["forget", "+79000001000", "--dry-run"]);
    assert_eq!(shown.code, Some(5), "{shown:?}");
    stage.assert_in_step();
}
