//! Rows as records: every spelling, every state, and what cannot be read.

use jiff::civil::date;
use serde_json::Value;
use slotbridge_core::model::{Private, RemoteId, ResourceKey, Status};
use slotbridge_core::record::{Record, RecordState, Support};

use super::support::{BOOKING, MARKER, at, json, lesson_with, names, reader};
use crate::convert::{Foreign, Lesson};
use crate::service_key;

/// A fixture, and what it changes in the record of the plain row.
type Case = (&'static str, fn(&mut Record));

const CHANGED: &[Case] = &[
    ("note_null", without_note),
    ("note_empty", without_note),
    ("note_absent", without_note),
    ("no_end", |record| record.end = None),
    ("end_empty", |record| record.end = None),
    ("no_subject", |record| record.services.clear()),
    ("another_type", |record| {
        record.services = vec![service_key(6, 4)];
    }),
    ("trial", |record| record.services = vec![service_key(6, 3)]),
    ("no_type", |_| {}),
    ("no_teacher", |record| {
        record.resource = ResourceKey::new("none");
        record.resource_title = Some("no teacher".to_owned());
    }),
    ("type_has_a_name", |record| {
        record.service_title = Some("Индивидуальный".to_owned());
    }),
    ("crosses_midnight", |record| {
        record.start = at("2031-05-07T20:30:00Z");
        record.end = Some(at("2031-05-07T21:15:00Z"));
    }),
    ("block", |record| {
        record.comment = Private::default();
        record.is_block = true;
    }),
    ("marker_inside", |_| {}),
    ("status_1", |_| {}),
    ("status_2", cancelled),
    ("status_2_as_text", cancelled),
    ("status_3_attended", |record| {
        record.status = Status::Arrived;
    }),
    ("status_3_missed", |record| record.status = Status::NoShow),
    ("status_3_missed_as_text", |record| {
        record.status = Status::NoShow;
    }),
    ("status_3_false", |record| record.status = Status::NoShow),
    ("status_3_unknown", |record| record.status = Status::Arrived),
    ("group_by_type", |record| {
        record.services = vec![service_key(6, 2)];
        record.support = Support::Occupancy {
            why: "a group lesson",
        };
    }),
    ("group_by_list", |record| {
        record.support = Support::Occupancy {
            why: "a group lesson",
        };
    }),
    ("group_of_details", |record| {
        record.services = vec![service_key(6, 2)];
        record.support = Support::Occupancy {
            why: "a group lesson",
        };
    }),
    ("of_a_rule", of_a_rule),
    ("of_a_rule_as_text", of_a_rule),
    ("two_customers", of_several),
    ("two_people_in_details", of_several),
    ("no_customer", |record| {
        record.support = Support::Occupancy {
            why: "a lesson without a customer",
        };
    }),
    ("held_without_customer", |record| {
        record.status = Status::Arrived;
        record.support = Support::Occupancy {
            why: "a lesson without a customer",
        };
    }),
    ("two_teachers", |record| {
        record.support = Support::Occupancy {
            why: "a lesson of several teachers",
        };
    }),
];

/// A fixture, whether its id can be read, and what is said.
const BROKEN: &[(&str, bool, &str)] = &[
    ("broken_no_id", false, "without an id"),
    ("broken_id_zero", false, "without an id"),
    ("broken_id_is_a_word", false, "without an id"),
    ("broken_no_status", true, "no status is named"),
    ("broken_status_4", true, "an unknown status 4"),
    ("broken_status_is_a_word", true, "no status is named"),
    ("broken_no_start", true, "no start is named"),
    ("broken_start_is_a_map", true, "no start is named"),
    ("broken_start_is_a_word", true, "the start cannot be read"),
    (
        "broken_bare_start_without_a_day",
        true,
        "the start cannot be read",
    ),
    ("broken_end_is_a_word", true, "the end cannot be read"),
    (
        "broken_end_before_start",
        true,
        "the end lies before the start",
    ),
    (
        "broken_teachers",
        true,
        "a list of ids holds something else",
    ),
    (
        "broken_customers",
        true,
        "a list of ids holds something else",
    ),
    ("broken_groups", true, "a list of ids holds something else"),
    (
        "broken_start_in_a_gap",
        true,
        "does not exist in Europe/Moscow",
    ),
];

fn without_note(record: &mut Record) {
    record.comment = Private::default();
    record.marker = None;
}

fn cancelled(record: &mut Record) {
    record.state = RecordState::Cancelled;
    record.status = Status::Cancelled;
}

fn of_a_rule(record: &mut Record) {
    record.support = Support::Occupancy {
        why: "a lesson of a recurring rule",
    };
}

fn of_several(record: &mut Record) {
    record.support = Support::Occupancy {
        why: "a lesson of several customers",
    };
}

/// What the plain row stands for, but for its client, whose card stands elsewhere.
fn plain() -> Record {
    Record {
        id: RemoteId::new("9001"),
        state: RecordState::Live,
        resource: ResourceKey::new("17"),
        services: vec![service_key(6, 1)],
        start: at("2031-05-07T13:30:00Z"),
        end: Some(at("2031-05-07T14:15:00Z")),
        client: slotbridge_core::model::Client::default(),
        status: Status::Booked,
        comment: Private::new("взять ноты"),
        marker: Some(BOOKING),
        is_block: false,
        changed_at: None,
        created_at: None,
        resource_title: None,
        service_title: None,
        group: None,
        support: Support::Full,
    }
}

fn row(name: &str) -> Value {
    let variant = json(&format!("lessons/{name}.json"));
    let without: Vec<&str> = variant["without"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key.as_str().unwrap())
        .collect();
    lesson_with(&variant["set"], &without)
}

fn read(name: &str) -> Lesson {
    reader()
        .lesson(&row(name))
        .unwrap_or_else(|why| panic!("{name}: {why:?}"))
}

#[test]
fn the_plain_lesson_is_read_with_its_customer() {
    let lesson = reader().lesson(&json("lesson.json")).unwrap();
    assert_eq!(lesson.record, plain());
    assert_eq!(lesson.customer, Some(3105));
    assert_eq!((lesson.id, lesson.status, lesson.rule), (9001, 1, None));
    assert_eq!(lesson.date, date(2031, 5, 7));
}

#[test]
fn every_spelling_reads_the_same() {
    let odd: Vec<String> = names("lessons")
        .into_iter()
        .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
        .filter(|name| name.starts_with("odd_"))
        .collect();
    assert!(odd.len() > 20, "the fixtures are gone: {odd:?}");
    for name in odd {
        let lesson = read(&name);
        assert_eq!(lesson.record, plain(), "{name}");
        assert_eq!(lesson.customer, Some(3105), "{name}");
    }
}

// R39
#[test]
fn each_variant_changes_what_it_should() {
    for (name, change) in CHANGED {
        let mut expected = plain();
        change(&mut expected);
        assert_eq!(read(name).record, expected, "{name}");
    }
}

#[test]
fn what_cannot_be_read_is_told_with_its_id_and_without_its_content() {
    for (name, has_id, said) in BROKEN {
        let Err(Foreign::Unreadable(unreadable)) = reader().lesson(&row(name)) else {
            panic!("{name} is read");
        };
        let id = has_id.then(|| RemoteId::new("9001"));
        assert_eq!(unreadable.id, id, "{name}");
        assert!(unreadable.why.contains(said), "{name}: {}", unreadable.why);
        assert!(
            !unreadable.why.contains("ноты"),
            "{name}: {}",
            unreadable.why
        );
    }
    assert!(matches!(
        reader().lesson(&Value::from("a text")),
        Err(Foreign::Unreadable(row)) if row.id.is_none()
    ));
}

#[test]
fn a_lesson_of_another_branch_is_none_of_ours() {
    assert!(matches!(
        reader().lesson(&row("another_branch")),
        Err(Foreign::Branch)
    ));
}

#[test]
fn every_fixture_of_a_lesson_is_in_a_table() {
    for name in names("lessons") {
        let name = name.trim_end_matches(".json");
        let listed = CHANGED.iter().any(|case| case.0 == name)
            || BROKEN.iter().any(|case| case.0 == name)
            || name.starts_with("odd_")
            || name == "another_branch";
        assert!(listed, "no table has {name}");
    }
}

#[test]
fn a_card_is_needed_for_one_customer_alone() {
    for name in [
        "block",
        "of_a_rule",
        "two_customers",
        "two_teachers",
        "group_by_list",
    ] {
        assert_eq!(read(name).customer, None, "{name}");
    }
    for name in ["trial", "no_teacher", "status_3_missed"] {
        assert_eq!(read(name).customer, Some(3105), "{name}");
    }
}

#[test]
fn each_further_teacher_gets_the_time_of_the_lesson() {
    let records = read("two_teachers").records();
    let ids: Vec<_> = records.iter().map(|record| record.id.as_str()).collect();
    assert_eq!(ids, ["9001", "9001@18"]);
    let [first, second] = records.as_slice() else {
        panic!("{records:?}")
    };
    assert_eq!(second.resource, ResourceKey::new("18"));
    assert_eq!((second.start, second.end), (first.start, first.end));
    assert_eq!(second.support, first.support);
    // A marker on both would make them two records of one booking.
    assert_eq!((first.marker, second.marker), (Some(BOOKING), None));
    assert!(second.comment.is_blank());
    assert_eq!(
        read("two_teachers").record_of(Some(18)).as_ref(),
        Some(second)
    );
    assert_eq!(read("two_teachers").record_of(Some(19)), None);
}

#[test]
fn a_marker_is_taken_out_of_the_note_wherever_it_stands() {
    let lesson = read("marker_inside");
    assert_eq!(lesson.record.comment.expose(), "взять ноты");
    assert!(
        row("marker_inside")["note"]
            .as_str()
            .unwrap()
            .contains(MARKER)
    );
}

#[test]
fn an_hour_that_occurs_twice_is_the_first_and_keeps_its_length() {
    let berlin = crate::convert::Reader {
        branch: 2,
        zone: jiff::tz::TimeZone::get("Europe/Berlin").unwrap(),
    };
    let set = serde_json::json!({
        "date": "2031-10-26", "time_from": "2031-10-26 02:30:01", "time_to": "2031-10-26 03:30:00",
    });
    let record = berlin.lesson(&lesson_with(&set, &[])).unwrap().record;
    assert_eq!(record.start, at("2031-10-26T00:30:00Z"));
    // Sixty minutes, as staff see it and as it was written; the clocks went back in between.
    assert_eq!(record.end, Some(at("2031-10-26T01:30:00Z")));
}

#[test]
fn ids_have_one_spelling() {
    let parse = |id: &str| crate::convert::parse_id(&RemoteId::new(id));
    assert_eq!(parse("9001"), Some((9001, None)));
    assert_eq!(parse("9001@18"), Some((9001, Some(18))));
    for odd in [
        "",
        "0",
        "09001",
        "+9001",
        "9001@",
        "9001@0",
        "@18",
        "9001@18@19",
        " 9001",
        "rule:1",
    ] {
        assert_eq!(parse(odd), None, "{odd:?}");
    }
}

#[test]
fn services_are_a_lesson_type_and_a_subject() {
    assert_eq!(service_key(6, 1).as_str(), "lesson_type_id=1;subject_id=6");
    assert_eq!(
        crate::convert::parse_service(&service_key(6, 1)),
        Some((6, 1))
    );
    assert_eq!(
        crate::check_service_id("lesson_type_id=1;subject_id=6"),
        Ok(())
    );
    for odd in [
        "6",
        "subject_id=6",
        "subject_id=6;lesson_type_id=1",
        "lesson_type_id=0;subject_id=6",
        "lesson_type_id=1;subject_id=",
        "lesson_type_id=1;subject_id=6;room_id=5",
    ] {
        assert!(crate::check_service_id(odd).is_err(), "{odd}");
    }
}
