//! The JSON report against the shape of the outside contract: every key, with its type, in a report that has one of
//! everything that two platforms can be brought to show.

use serde_json::Value;
use slotbridge_sim::{Booking, Edit, Hand as _};

use crate::support::{Stage, at};

/// Asserts that an object has these keys with these types. `?` after a type allows null.
fn assert_shape(what: &str, value: &Value, shape: &[(&str, &str)]) {
    for (key, expected) in shape {
        let Some(found) = value.get(key) else {
            panic!("{what} has no {key}: {value:#}")
        };
        let nullable = expected.strip_suffix('?');
        let fits = match (nullable.unwrap_or(expected), found) {
            (_, Value::Null) => nullable.is_some(),
            ("text", Value::String(_))
            | ("flag", Value::Bool(_))
            | ("list", Value::Array(_))
            | ("object", Value::Object(_)) => true,
            ("number", Value::Number(number)) => number.is_u64(),
            ("instant", Value::String(text)) => {
                text.ends_with('Z') && text.parse::<jiff::Timestamp>().is_ok()
            }
            _ => false,
        };
        assert!(fits, "{what}.{key} should be {expected}: {found}");
    }
}

fn items<'a>(bridge: &'a Value, key: &str) -> &'a [Value] {
    bridge[key].as_array().map_or(&[], Vec::as_slice)
}

/// A bridge with an overlap, a conflict for a person, and a service that is not mapped.
fn eventful() -> (Stage, Value) {
    let stage = Stage::empty();
    stage.change_config("name = \"main\"\n", "name = \"main\"\nconflict = \"ask\"\n");
    let [shared, ..] = stage.book_haircuts(2)[..] else {
        panic!("two bookings")
    };
    stage.settle(4);
    let (yclients, rubitime) = (&stage.world.yclients, &stage.world.rubitime);
    let copy = slotbridge_sim::Inspect::live(rubitime)
        .into_iter()
        .find(|seen| seen.start == at(1, 10))
        .unwrap();
    let comment = |text: &str| Edit {
        comment: Some(text.to_owned()),
        ..Edit::default()
    };
    yclients.edit(shared, &comment("one thing")).unwrap();
    rubitime.edit(copy.id, &comment("another thing")).unwrap();
    yclients.book(&Booking::new(
        8886,
        331,
        at(2, 10) + jiff::SignedDuration::from_mins(30),
        60,
    ));
    yclients.add_service(999, "Маникюр", 60, 1000);
    yclients.book(&Booking::new(8886, 999, at(3, 15), 60).client("Тестов Иван", "+79000000222"));
    yclients.book(&Booking::new(8887, 331, at(4, 15), 60).client("Тестов Иван", "+79000000222"));
    let (_, report) = stage.reconcile(&["--dry-run"]);
    (stage, report)
}

#[test]
fn a_report_with_one_of_everything_has_the_keys_and_types_of_the_contract() {
    let (_stage, report) = eventful();
    assert_eq!(report["schema"], 1);
    let lists = [("totals", "object"), ("bridges", "list")];
    let facts = [
        ("run", "text"),
        ("generated_at", "instant"),
        ("dry_run", "flag"),
    ];
    assert_shape("report", &report, &[&lists[..], &facts].concat());
    assert_shape(
        "totals",
        &report["totals"],
        &TOTALS.map(|key| (key, "number")),
    );
    let bridge = &report["bridges"][0];
    let lists = LISTS.map(|key| (key, "list"));
    assert_shape(
        "bridge",
        bridge,
        &[&lists[..], &[("name", "text"), ("guard", "object?")]].concat(),
    );
    for platform in items(bridge, "platforms") {
        let texts = [("name", "text"), ("coverage", "text"), ("error", "text?")];
        let numbers = [("records", "number"), ("requests", "number")];
        assert_shape("platform", platform, &[&texts[..], &numbers].concat());
    }
    assert_operations(items(bridge, "operations"));
    assert_conflict(items(bridge, "conflicts"));
    assert_overlap(items(bridge, "overlaps"));
    let [unmapped] = items(bridge, "unmapped") else {
        panic!("one unmapped record: {bridge:#}")
    };
    assert_shape(
        "unmapped",
        unmapped,
        &[("platform", "text"), ("remote_id", "text?")],
    );
    for (key, expected) in [("what", "service"), ("id", "999"), ("title", "Маникюр")] {
        assert_eq!(unmapped[key], expected);
    }
    for key in ["overlaps", "conflicts", "unmapped"] {
        assert_eq!(report["totals"][key], 1, "{key}");
    }
}

const TOTALS: [&str; 11] = [
    "create",
    "update",
    "remove",
    "adopted",
    "conflicts",
    "overlaps",
    "ambiguous",
    "unmapped",
    "failed",
    "refused",
    "unknown",
];

const LISTS: [&str; 6] = [
    "platforms",
    "operations",
    "conflicts",
    "overlaps",
    "ambiguous",
    "unmapped",
];

fn assert_operations(operations: &[Value]) {
    assert!(!operations.is_empty());
    for operation in operations {
        let texts = ["op", "platform", "booking", "resource", "outcome"].map(|key| (key, "text"));
        let others = [
            ("remote_id", "text?"),
            ("start", "instant"),
            ("end", "instant"),
            ("because", "list"),
            ("changes", "list"),
            ("error", "text?"),
        ];
        assert_shape("operation", operation, &[&texts[..], &others].concat());
        assert_eq!(operation["outcome"], "planned");
        for because in items(operation, "because") {
            assert_shape(
                "because",
                because,
                &[("platform", "text"), ("remote_id", "text")],
            );
        }
        for change in items(operation, "changes") {
            assert_shape(
                "change",
                change,
                &[("field", "text"), ("from", "text?"), ("to", "text?")],
            );
        }
    }
}

fn assert_conflict(conflicts: &[Value]) {
    let [conflict] = conflicts else {
        panic!("one conflict: {conflicts:#?}")
    };
    let texts = ["booking", "resource", "field"].map(|key| (key, "text"));
    let others = [
        ("id", "text?"),
        ("start", "instant"),
        ("values", "list"),
        ("decided", "object?"),
    ];
    assert_shape("conflict", conflict, &[&texts[..], &others].concat());
    assert_eq!(conflict["field"], "comment");
    assert!(conflict["decided"].is_null(), "{conflict:#}");
    let values = items(conflict, "values");
    assert_eq!(values.len(), 2, "{conflict:#}");
    for value in values {
        let shape = [
            ("platform", "text"),
            ("value", "text?"),
            ("changed_at", "instant"),
        ];
        assert_shape("value", value, &shape);
    }
}

fn assert_overlap(overlaps: &[Value]) {
    let [overlap] = overlaps else {
        panic!("one overlap: {overlaps:#?}")
    };
    assert_shape(
        "overlap",
        overlap,
        &[("resource", "text"), ("bookings", "list")],
    );
    let bookings = items(overlap, "bookings");
    assert_eq!(bookings.len(), 2, "{overlap:#}");
    for booking in bookings {
        let shape = [
            ("booking", "text"),
            ("start", "instant"),
            ("end", "instant"),
        ];
        assert_shape("overlapping booking", booking, &shape);
        let shape = [("platform", "text"), ("at", "instant")];
        assert_shape("first_seen", &booking["first_seen"], &shape);
    }
}

#[test]
fn clients_are_hidden_in_reports_until_they_are_asked_for() {
    let stage = Stage::empty();
    stage.book_haircuts(1);
    for format in ["text", "json", "markdown"] {
        let hidden = stage.run(&["reconcile", "--dry-run", "--format", format]);
        let shown = stage.run(&[
            "reconcile",
            "--dry-run",
            "--format",
            format,
            "--show-clients",
        ]);
        assert!(!hidden.stdout.contains("Пробная"), "{}", hidden.stdout);
        assert!(shown.stdout.contains("Пробная"), "{}", shown.stdout);
    }
    let (_, report) = stage.reconcile(&["--dry-run"]);
    let changes = items(&report["bridges"][0]["operations"][0], "changes").to_vec();
    let phone = changes
        .iter()
        .find(|change| change["field"] == "client.phone")
        .unwrap();
    assert_eq!(phone["to"], "‹hidden›");
}

#[test]
fn every_format_names_the_same_operations() {
    let stage = Stage::week();
    let (code, report) = stage.reconcile(&["--dry-run"]);
    assert_eq!(code, 5);
    let operations = items(&report["bridges"][0], "operations").len();
    assert!(operations > 10, "{report:#}");
    let text = stage.run(&["reconcile", "--dry-run"]).stdout;
    let markdown = stage
        .run(&["reconcile", "--dry-run", "--format", "markdown"])
        .stdout;
    assert_eq!(text.matches("+ create on ").count(), operations, "{text}");
    assert_eq!(
        markdown.matches("- **create on ").count(),
        operations,
        "{markdown}"
    );
}
