//! `slotbridge map` as a user sees it: from a config without rows to one that keeps the platforms in step.

use slotbridge_sim::world::{RESOURCES, SERVICES};

use crate::support::Stage;

/// A week of bookings, and a config that maps nothing.
fn unmapped() -> Stage {
    let stage = Stage::week();
    let text = std::fs::read_to_string(stage.config()).unwrap();
    let (head, _) = text.split_once("[[bridge.resource]]").unwrap();
    stage.write_config(head);
    stage
}

/// The lines that are no comments.
fn live(toml: &str) -> Vec<&str> {
    toml.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .collect()
}

#[test]
fn before_a_pass_the_other_platforms_ids_are_left_to_be_typed_and_nothing_is_written() {
    let stage = unmapped();
    let (platforms, files) = (stage.fingerprints(), stage.files());
    let ran = stage.run(&["map"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!((stage.fingerprints(), stage.writes()), (platforms, 0));
    assert_eq!(stage.files(), files, "map made or changed a file");
    let live = live(&ran.stdout);
    for staff in RESOURCES {
        assert!(ran.stdout.contains(staff.title), "{}", ran.stdout);
        assert!(
            live.contains(&&*format!("salon = {}", staff.yclients)),
            "{}",
            ran.stdout
        );
    }
    for service in SERVICES {
        assert!(
            live.contains(&&*format!("salon = {}", service.yclients)),
            "{}",
            ran.stdout
        );
        assert!(
            live.contains(&&*format!("duration = \"{}m\"", service.minutes)),
            "{}",
            ran.stdout
        );
    }
    assert!(
        !live.iter().any(|line| line.starts_with("site")),
        "{}",
        ran.stdout
    );
    let by_hand = ran.stdout.matches("# site = …").count();
    assert_eq!(by_hand, RESOURCES.len() + SERVICES.len(), "{}", ran.stdout);
    assert!(ran.stdout.contains("known_records"), "{}", ran.stdout);
}

#[test]
fn after_a_pass_the_rows_are_whole_and_pasting_them_brings_the_platforms_into_step() {
    let stage = unmapped();
    let (_, report) = stage.reconcile(&[]);
    assert_eq!(
        stage.writes(),
        0,
        "without a mapping nothing may be written: {report:#}"
    );
    let path = stage.folder.path().join("rows.toml");
    let ran = stage.run(&["map", "--output", path.to_str().unwrap()]);
    assert_eq!((ran.code, &*ran.stdout), (Some(0), ""), "{ran:?}");
    let rows = std::fs::read_to_string(&path).unwrap();
    let shown = live(&rows);
    let site = RESOURCES.map(|staff| staff.rubitime).into_iter();
    for id in site.chain(SERVICES.map(|service| service.rubitime)) {
        assert!(
            shown.contains(&&*format!("site = {id}")),
            "{id} is not in\n{rows}"
        );
    }
    let config = std::fs::read_to_string(stage.config()).unwrap();
    stage.write_config(&format!("{config}\n{rows}"));
    let checked = stage.run(&["check"]);
    assert_eq!(checked.code, Some(0), "{}", checked.stdout);
    stage.settle(4);
    stage.assert_in_step();

    // What is mapped is not proposed again.
    let ran = stage.run(&["map"]);
    assert_eq!(
        (ran.code, live(&ran.stdout)),
        (Some(0), Vec::new()),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("There is no new row to propose."),
        "{}",
        ran.stdout
    );
}

#[test]
fn programs_get_the_same_as_json_and_only_of_the_bridge_that_was_asked_for() {
    let stage = unmapped();
    let config = std::fs::read_to_string(stage.config()).unwrap();
    let second = "\n[[bridge]]\nname = \"second\"\nplatforms = [\"site\", \"salon\"]\n";
    stage.write_config(&format!("{config}{second}"));
    let ran = stage.run(&["map", "--bridge", "second", "--format", "json"]);
    let shown: serde_json::Value =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"));
    let bridges = shown["bridges"].as_array().unwrap();
    assert_eq!((bridges.len(), &bridges[0]["name"]), (1, &"second".into()));
    let services = bridges[0]["services"].as_array().unwrap();
    assert_eq!(services.len(), SERVICES.len());
    assert!(
        services
            .iter()
            .all(|row| row["by_hand"][0] == "site" && row["certainty"] == "alone"),
        "{shown:#}"
    );
    let unknown = stage.run(&["map", "--bridge", "mian"]);
    assert_eq!(unknown.code, Some(2), "{unknown:?}");
}

#[test]
fn a_platform_that_does_not_answer_is_named_and_the_others_are_shown() {
    let stage = unmapped();
    stage.reconcile(&[]);
    stage.change_config(
        "partner_token = \"demo-partner-token\"",
        "partner_token = \"wrong\"",
    );
    let ran = stage.run(&["map"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.stdout
            .contains("salon (YCLIENTS): its catalogue could not be read"),
        "{}",
        ran.stdout
    );
    for staff in RESOURCES {
        assert!(
            ran.stdout.contains(&staff.rubitime.to_string()),
            "{}",
            ran.stdout
        );
    }
    stage.change_config("company_id = 4564", "company_id = \"x\"");
    assert_eq!(stage.run(&["map"]).code, Some(2));
}
