//! What users of comparable tools were hurt by, tried on the whole program. `docs/requirements.md` has the list.

use slotbridge_sim::{Booking, Edit, Fault, Hand as _, Inspect as _, Which};

use crate::support::{Stage, at};

/// Asserts that a pass exits with 0 and writes nothing.
fn assert_quiet(stage: &Stage, what: &str) {
    let writes = stage.writes();
    let (code, report) = stage.reconcile(&[]);
    assert_eq!((code, stage.writes()), (0, writes), "{what}: {report:#}");
}

// R3
#[test]
fn what_falls_out_of_the_window_is_not_removed_and_comes_back_into_it_as_it_was() {
    let stage = Stage::empty();
    let far = stage
        .world
        .yclients
        .book(&Booking::new(8886, 331, at(30, 12), 60));
    stage.book_haircuts(2);
    stage.settle(4);
    let before = stage.fingerprints();
    stage.change_config(
        "name = \"main\"\n",
        "name = \"main\"\nwindow_future = \"10d\"\n",
    );
    for _ in 0..2 {
        assert_quiet(&stage, "a narrower window");
    }
    assert_eq!(stage.fingerprints(), before);
    // Moved out there, it is moved; nothing takes it for gone.
    stage.change_config("window_future = \"10d\"\n", "");
    assert_quiet(&stage, "a wider window");
    stage.world.yclients.move_to(far, at(31, 12)).unwrap();
    stage.settle(4);
    stage.assert_in_step();
    assert_eq!(stage.world.rubitime.live().len(), 3);
}

// R4
#[test]
fn an_empty_answer_that_worked_travels_neither_there_nor_back() {
    let stage = Stage::week();
    stage.settle(5);
    let before = stage.fingerprints();
    stage
        .world
        .yclients
        .faults()
        .add("empty", "records.list", Which::Nth(1), Fault::EmptyListing);
    let writes = stage.writes();
    let (code, report) = stage.reconcile(&[]);
    assert_eq!((code, stage.writes()), (3, writes), "{report:#}");
    let guard = &report["bridges"][0]["guard"];
    assert_eq!(guard["what"], "suddenly_empty", "{report:#}");
    assert_eq!(stage.world.yclients.faults().fired("empty"), Some(1));
    // It has recovered, and nothing that it shows again is news.
    assert_quiet(&stage, "after it");
    assert_eq!(stage.fingerprints(), before);
}

// R5
#[test]
fn guards_leave_a_small_calendar_alone_and_an_empty_one_is_no_alarm() {
    let stage = Stage::empty();
    for _ in 0..2 {
        assert_quiet(&stage, "two empty calendars");
    }
    let booked = stage.book_haircuts(3);
    stage.settle(4);
    for booking in booked {
        stage.world.yclients.cancel(booking).unwrap();
    }
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(
        (code, &report["totals"]["remove"]),
        (0, &3.into()),
        "{report:#}"
    );
    assert_quiet(&stage, "two calendars that have become empty");
    stage.assert_in_step();
}

// R9
#[test]
fn what_the_config_does_not_map_any_more_is_not_removed() {
    let stage = Stage::empty();
    stage.book_haircuts(2);
    let other = Booking::new(8887, 331, at(4, 12), 60);
    stage
        .world
        .yclients
        .book(&other.client("Пробный Пётр", "+79000002000"));
    stage.settle(4);
    let before = stage.fingerprints();
    let config = std::fs::read_to_string(stage.config()).unwrap();
    let row = config
        .split("\n[[bridge.resource]]\n")
        .find(|row| row.contains("salon = 8887\n"))
        .unwrap();
    let row = row.split("\n[[").next().unwrap();
    stage.change_config(&format!("\n[[bridge.resource]]\n{row}"), "\n");
    let writes = stage.writes();
    for _ in 0..2 {
        let (_, report) = stage.reconcile(&[]);
        assert_eq!(stage.writes(), writes, "{report:#}");
        assert_eq!(report["totals"]["remove"], 0, "{report:#}");
    }
    assert_eq!(stage.fingerprints(), before);
    // Mapped again, everything is as it was.
    stage.write_config(&config);
    assert_quiet(&stage, "mapped again");
}

// R18
#[test]
fn a_record_is_moved_and_edited_in_place() {
    let stage = Stage::empty();
    let [booking, ..] = stage.book_haircuts(1)[..] else {
        panic!("one booking")
    };
    stage.settle(4);
    let copy = stage.world.rubitime.live()[0].id;
    stage.world.yclients.move_to(booking, at(5, 16)).unwrap();
    let comment = Edit {
        comment: Some("у окна".to_owned()),
        ..Edit::default()
    };
    stage.world.yclients.edit(booking, &comment).unwrap();
    let writes = stage.writes();
    stage.settle(4);
    assert_eq!(stage.writes(), writes + 1);
    let [all] = &stage.world.rubitime.all()[..] else {
        panic!("another record was made")
    };
    assert_eq!((all.id, all.start), (copy, at(5, 16)));
}

// R37
#[test]
fn other_settings_rewrite_nothing() {
    let stage = Stage::week();
    stage.settle(5);
    let config = std::fs::read_to_string(stage.config()).unwrap();
    for (what, from, to) in [
        (
            "another name for a resource",
            "name = \"anna\"",
            "name = \"anya\"",
        ),
        (
            "another policy",
            "name = \"main\"\n",
            "name = \"main\"\nconflict = { prefer = [\"site\", \"salon\"] }\n",
        ),
        (
            "other guards",
            "[[bridge]]\n",
            "[guard]\nremovals_max = 3\n\n[[bridge]]\n",
        ),
        (
            "another order",
            "platforms = [\"salon\", \"site\"]",
            "platforms = [\"site\", \"salon\"]",
        ),
        (
            "another wait",
            "company_id = 4564\n",
            "company_id = 4564\ntimeout = \"20s\"\n",
        ),
    ] {
        stage.change_config(from, to);
        assert_quiet(&stage, what);
        stage.write_config(&config);
        assert_quiet(&stage, &format!("{what}, and back"));
    }
}

// R38
#[test]
fn the_machines_own_zone_does_not_matter() {
    for zone in ["Pacific/Kiritimati", "America/Los_Angeles"] {
        let stage = Stage::empty();
        stage.book_haircuts(2);
        let site = Booking::new(1703, 3925, at(2, 9), 60);
        let site = stage
            .world
            .rubitime
            .book(&site.client("Пробный Пётр", "+79000002000"));
        stage.change_config(
            "branch_id = 1013\n",
            &format!("branch_id = 1013\nknown_records = [{site}]\n"),
        );
        let ran = stage
            .command(&["reconcile"])
            .env("TZ", zone)
            .output()
            .unwrap();
        assert_eq!(ran.status.code(), Some(0), "{ran:?}");
        assert_eq!(stage.world.yclients.live().len(), 3);
        stage.assert_in_step();
        assert_quiet(&stage, "in the machine's own zone");
    }
}

// R45
#[test]
fn a_bridge_that_only_lists_removals_removes_nothing_until_that_is_switched_on() {
    let stage = Stage::empty();
    stage.change_config(
        "name = \"main\"\n",
        "name = \"main\"\nremovals = \"hold\"\n",
    );
    let booked = stage.book_haircuts(2);
    stage.settle(4);
    stage.world.yclients.cancel(booked[0]).unwrap();
    let writes = stage.writes();
    let ran = stage.run(&["reconcile"]);
    assert_eq!((ran.code, stage.writes()), (Some(4), writes), "{ran:?}");
    assert!(ran.stdout.contains("removals = \"hold\""), "{}", ran.stdout);
    assert_eq!(stage.world.rubitime.live().len(), 2);
    stage.change_config("removals = \"hold\"\n", "");
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(
        (code, &report["totals"]["remove"]),
        (0, &1.into()),
        "{report:#}"
    );
    stage.assert_in_step();
}
