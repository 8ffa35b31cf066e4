//! Each exit code, brought about on the platforms.

use slotbridge_sim::{Booking, Fault, Hand as _, Inspect as _, Which};

use crate::support::{Stage, at};

#[test]
fn in_step_is_0_and_a_dry_run_with_changes_is_5() {
    let stage = Stage::empty();
    assert_eq!(stage.run(&["--reconcile"]).code, Some(0));
    stage.book_haircuts(1);
    assert_eq!(stage.run(&["--reconcile", "--dry-run"]).code, Some(5));
    assert_eq!(stage.run(&["--reconcile"]).code, Some(0));
    assert_eq!(stage.run(&["--reconcile", "--dry-run"]).code, Some(0));
}

// R32
#[test]
fn a_platform_that_cannot_be_read_is_1() {
    let stage = Stage::empty();
    stage.world.yclients.faults().add(
        "down",
        "records.list",
        Which::Every,
        Fault::HtmlError { status: 503 },
    );
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 1);
    assert!(
        report["bridges"][0]["platforms"][0]["error"].is_string(),
        "{report:#}"
    );
}

#[test]
fn a_wrong_config_is_2_and_beats_everything() {
    let stage = Stage::empty();
    stage
        .world
        .yclients
        .faults()
        .add("down", "*", Which::Every, Fault::HtmlError { status: 503 });
    stage.change_config("company_id = 4564", "company_id = \"4564\"");
    let ran = stage.run(&["--reconcile"]);
    assert_eq!(ran.code, Some(2));
    assert!(
        ran.stderr
            .contains("config.toml:7:14: platform.salon.company_id"),
        "{}",
        ran.stderr
    );
    assert_eq!(stage.world.yclients.calls(), []);
}

#[test]
fn a_guard_is_3_until_somebody_approves_what_it_holds() {
    let stage = Stage::empty();
    stage.change_config(
        "[[bridge]]\nname = \"main\"\n",
        "[guard]\nremovals_max = 2\n\n[[bridge]]\nname = \"main\"\n",
    );
    let ids = stage.book_haircuts(4);
    stage.settle(4);
    for id in &ids[..3] {
        stage.world.yclients.cancel(*id).unwrap();
    }
    let before = stage.fingerprints();
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(code, 3, "{report:#}");
    let guard = &report["bridges"][0]["guard"];
    assert_eq!(
        (&guard["platform"], &guard["what"]),
        (&"site".into(), &"removals_max".into()),
        "{report:#}"
    );
    assert_eq!((&guard["limit"], &guard["planned"]), (&2.into(), &3.into()));
    assert_eq!(stage.fingerprints(), before, "a held plan was written");

    let status = stage.run(&["status"]);
    assert!(
        status.stdout.contains("slotbridge approve main"),
        "{}",
        status.stdout
    );
    let approved = stage.run(&["approve", "main"]);
    assert_eq!(approved.code, Some(0), "{approved:?}");
    assert!(
        approved
            .stdout
            .contains("removals_max is 2, and 3 were planned"),
        "{}",
        approved.stdout
    );
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(
        (code, &report["totals"]["remove"]),
        (0, &3.into()),
        "{report:#}"
    );
    stage.assert_in_step();
    let again = stage.run(&["approve", "main"]);
    assert!(again.stdout.contains("Nothing is held"), "{}", again.stdout);
}

#[test]
fn a_platform_that_is_suddenly_empty_is_3_until_somebody_approves_that_it_is() {
    let stage = Stage::empty();
    let ids = stage.book_haircuts(6);
    stage.settle(4);
    // Gone, and no listing says so.
    for id in &ids {
        stage.world.yclients.cancel(*id).unwrap();
    }
    let faults = stage.world.yclients.faults();
    faults.add("empty", "records.list", Which::Every, Fault::EmptyListing);
    let before = stage.fingerprints();
    for _ in 0..2 {
        let (code, report) = stage.reconcile(&[]);
        assert_eq!(code, 3, "{report:#}");
        let guard = &report["bridges"][0]["guard"];
        assert_eq!(
            (&guard["what"], &guard["planned"]),
            (&"suddenly_empty".into(), &6.into()),
            "{report:#}"
        );
        assert_eq!(stage.fingerprints(), before);
    }
    let status = stage.run(&["status"]);
    let told = "none of the 6 known records is shown any more";
    assert!(status.stdout.contains(told), "{}", status.stdout);
    let approved = stage.run(&["approve", "main"]);
    assert!(approved.stdout.contains(told), "{}", approved.stdout);
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(
        (code, &report["totals"]["remove"]),
        (0, &6.into()),
        "{report:#}"
    );
    stage.assert_in_step();
}

#[test]
fn a_double_booking_waits_for_a_person_and_is_4() {
    let stage = Stage::empty();
    stage.book_haircuts(1);
    stage.settle(4);
    let half_past = at(1, 10) + jiff::SignedDuration::from_mins(30);
    stage
        .world
        .yclients
        .book(&Booking::new(8886, 331, half_past, 60).client("Тестов Иван", "+79000000222"));
    let (code, report) = stage.reconcile(&[]);
    assert_eq!(
        (code, &report["totals"]["overlaps"]),
        (4, &1.into()),
        "{report:#}"
    );
    assert_eq!(stage.world.rubitime.live().len(), 1);
}

#[test]
fn check_is_0_when_all_is_well_1_when_a_platform_is_not_and_2_when_an_id_is_wrong() {
    let stage = Stage::empty();
    let fine = stage.run(&["check"]);
    assert_eq!(fine.code, Some(0), "{fine:?}");
    assert!(
        fine.stdout.contains("all 5 mapped ids are there"),
        "{}",
        fine.stdout
    );
    assert!(fine.stdout.contains("silence"), "{}", fine.stdout);

    let text = std::fs::read_to_string(stage.config()).unwrap();
    stage.change_config("demo-user-token", "wrong-user-token");
    let refused = stage.run(&["check"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(
        refused
            .stdout
            .contains("problem  platform salon: credentials"),
        "{}",
        refused.stdout
    );

    stage.write_config(&text.replace("salon = 8886", "salon = 8868"));
    let wrong = stage.run(&["check"]);
    assert_eq!(wrong.code, Some(2), "{wrong:?}");
    let expected = "bridge.main.resource.anna.salon: there is no resource 8868; nearest: 8886 (Анна Вымышленная)";
    assert!(wrong.stdout.contains(expected), "{}", wrong.stdout);

    stage.write_config(&text);
    let mut mode = std::fs::metadata(stage.config()).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o644);
    std::fs::set_permissions(stage.config(), mode).unwrap();
    let exposed = stage.run(&["check"]);
    assert_eq!(exposed.code, Some(2), "{exposed:?}");
    assert!(
        exposed
            .stdout
            .contains("everybody on this machine can read"),
        "{}",
        exposed.stdout
    );
    let findings = stage.run(&["check", "--format", "json"]);
    let findings: serde_json::Value = serde_json::from_str(&findings.stdout).unwrap();
    let problems = findings["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["level"] == "problem");
    assert_eq!(problems.count(), 1, "{findings:#}");
}

#[test]
fn check_asks_the_platforms_without_writing_anything() {
    let stage = Stage::week();
    let (platforms, files) = (stage.fingerprints(), stage.files());
    let ran = stage.run(&["check"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(stage.fingerprints(), platforms);
    assert_eq!(stage.files(), files);
}
