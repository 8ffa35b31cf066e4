//! A pass and its dry run as a user sees them: what is written, what is not, and what is left to do.

use std::os::unix::fs::PermissionsExt as _;

use slotbridge_sim::{Booking, Hand as _, Inspect as _};

use crate::support::{Stage, at};

// R41
#[test]
fn a_dry_run_leaves_platforms_and_database_byte_for_byte() {
    let stage = Stage::week();
    let (platforms, files) = (stage.fingerprints(), stage.files());
    let (code, report) = stage.reconcile(&["--dry-run"]);
    assert_eq!((code, &report["dry_run"]), (5, &true.into()));
    assert_eq!(stage.fingerprints(), platforms);
    assert_eq!(stage.files(), files, "a dry run made a file");

    stage.settle(5);
    stage
        .world
        .yclients
        .cancel(stage.world.only_yclients[0])
        .unwrap();
    let database = |stage: &Stage| {
        let mut files = stage.files();
        // The calls of a dry run count against the quota like any others; they are kept apart from the database.
        files
            .remove("slotbridge.db.calls")
            .expect("calls are counted");
        files
    };
    let (platforms, files) = (stage.fingerprints(), database(&stage));
    let (code, report) = stage.reconcile(&["--dry-run"]);
    assert_eq!(
        (code, &report["totals"]["remove"]),
        (5, &1.into()),
        "{report:#}"
    );
    assert_eq!(stage.fingerprints(), platforms);
    assert_eq!(database(&stage), files, "a dry run changed the database");
}

// R16
#[test]
fn a_second_pass_makes_no_write() {
    let stage = Stage::week();
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 0, "{report:#}");
    assert_eq!(report["totals"]["adopted"], 13, "{report:#}");
    assert_eq!(report["totals"]["create"], 15, "{report:#}");
    stage.assert_in_step();
    let writes = stage.writes();
    let before = stage.fingerprints();
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 0, "{report:#}");
    for what in ["create", "update", "remove", "adopted"] {
        assert_eq!(report["totals"][what], 0, "{what}: {report:#}");
    }
    assert_eq!(stage.writes(), writes);
    assert_eq!(stage.fingerprints(), before);
}

#[test]
fn what_a_dry_run_plans_is_what_the_next_pass_does() {
    let stage = Stage::week();
    let operations = |report: &serde_json::Value| {
        let mut rows: Vec<String> = report["bridges"][0]["operations"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                format!(
                    "{} {} {} {}",
                    one["op"], one["platform"], one["start"], one["resource"]
                )
            })
            .collect();
        rows.sort();
        rows
    };
    let (_, planned) = stage.reconcile(&["--dry-run"]);
    let (_, done) = stage.reconcile(&[]);
    assert_eq!(operations(&planned), operations(&done));
    let outcomes = done["bridges"][0]["operations"].as_array().unwrap();
    assert!(
        outcomes
            .iter()
            .all(|one| one["outcome"] == "applied" && one["remote_id"].is_string()),
        "{done:#}"
    );
}

// R8
#[test]
fn moves_edits_and_cancellations_arrive_on_the_other_platform() {
    let stage = Stage::week();
    stage.settle(4);
    let (yclients, rubitime) = (&stage.world.yclients, &stage.world.rubitime);
    let [(first, _), (_, second), (third, _), (_, fourth), ..] = stage.world.both[..] else {
        panic!("four pairs")
    };
    yclients.move_to(first, at(8, 9)).unwrap();
    rubitime.move_to(second, at(8, 9)).unwrap();
    yclients.cancel(third).unwrap();
    rubitime.remove(fourth).unwrap();
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(
        (
            code,
            &report["totals"]["update"],
            &report["totals"]["remove"]
        ),
        (0, &2.into(), &2.into()),
        "{report:#}"
    );
    stage.settle(4);
    stage.assert_in_step();
}

#[test]
fn a_booking_that_rubitime_cannot_show_is_protected_once_it_was_seen_twice() {
    let stage = Stage::empty();
    stage.settle(2);
    let booking = Booking::new(1702, 3925, at(2, 11), 60).client("Тестов Иван", "8 900 000-02-22");
    stage.world.rubitime.book(&booking);
    let (_, first) = stage.reconcile(&[]);
    assert_eq!(first["totals"]["create"], 0, "{first:#}");
    let (_, second) = stage.reconcile(&[]);
    assert_eq!(second["totals"]["create"], 1, "{second:#}");
    stage.assert_in_step();
    let block = stage.world.yclients.live().remove(0);
    assert!(
        !block.name.contains("Тестов") && block.phone.is_empty(),
        "{block:?}"
    );
    stage.settle(2);
}

#[test]
fn only_the_bridge_that_was_asked_for_is_worked_on() {
    let stage = Stage::empty();
    let text = std::fs::read_to_string(stage.config()).unwrap();
    let second = "\n[[bridge]]\nname = \"second\"\nplatforms = [\"salon\", \"site\"]\n";
    stage.write_config(&format!("{text}{second}"));
    let (_, report) = stage.reconcile(&["--bridge", "second"]);
    let names: Vec<&str> = report["bridges"]
        .as_array()
        .unwrap()
        .iter()
        .map(|bridge| bridge["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["second"]);
}

#[test]
fn the_database_and_its_neighbours_are_for_their_owner_only() {
    let stage = Stage::week();
    stage.settle(4);
    for entry in std::fs::read_dir(stage.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
}

#[test]
fn status_tells_what_the_database_knows_without_asking_a_platform() {
    let stage = Stage::week();
    let empty = stage.run(&["status"]);
    assert_eq!(empty.code, Some(0));
    assert!(
        empty.stdout.contains("There is no database yet"),
        "{}",
        empty.stdout
    );
    stage.settle(4);
    let calls = stage.world.yclients.calls().len() + stage.world.rubitime.calls().len();
    let status = stage.run(&["status", "--format", "json"]);
    let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
    let salon = &status["platforms"][0];
    assert_eq!(
        (&salon["name"], &salon["records"]),
        (&"salon".into(), &28.into()),
        "{status:#}"
    );
    assert!(salon["complete_age_s"].as_u64().unwrap() < 60, "{status:#}");
    let bridge = &status["bridges"][0];
    assert_eq!(
        (&bridge["bookings"], &bridge["journal_open"]),
        (&28.into(), &0.into()),
        "{status:#}"
    );
    assert_eq!(status["runs"][0]["exit_code"], 0);
    let text = stage.run(&["status"]).stdout;
    assert!(
        text.contains("salon") && text.contains("reconcile"),
        "{text}"
    );
    assert_eq!(
        stage.world.yclients.calls().len() + stage.world.rubitime.calls().len(),
        calls
    );
}

#[test]
fn a_zone_that_the_config_does_not_name_is_asked_for_and_its_change_is_held() {
    let stage = Stage::week();
    stage.change_config("time_zone = \"Europe/Moscow\"\n", "");
    stage.settle(4);
    stage.assert_in_step();
    let text = stage.run(&["--reconcile"]).stdout;
    assert!(text.contains("times in Europe/Moscow"), "{text}");
    let writes = stage.writes();
    let elsewhere = jiff::tz::TimeZone::get("Asia/Yekaterinburg").unwrap();
    stage.world.yclients.set_time_zone(elsewhere);
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 3, "{report:#}");
    assert_eq!(stage.writes(), writes);
}
