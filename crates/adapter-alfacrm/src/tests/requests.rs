//! Requests, byte by byte.

use std::collections::BTreeSet;

use http::HeaderValue;
use jiff::civil::date;
use jiff::tz::TimeZone;
use serde_json::Value;
use slotbridge_core::model::{Field, Kind, Private, ResourceKey, ServiceKey, Slot};
use slotbridge_platform::ErrorKind;
use slotbridge_platform::client::Repeat;
use slotbridge_platform::platform::{Draft, Edit};

use super::support::{BRANCH, at, draft, json, lesson_with, moscow, reader};
use crate::form::Writer;
use crate::request::{self, Ask, CustomerFilter, LessonFilter, Part};
use crate::service_key;

const PART: Part = Part {
    page: 1,
    page_size: 200,
};

fn writer() -> Writer {
    Writer {
        zone: moscow(),
        room: None,
        busy_subject: None,
    }
}

fn bytes(ask: &Ask) -> (String, String) {
    let request = ask.to_http("https://school.example", None, None).unwrap();
    let body = String::from_utf8(request.body().to_vec()).unwrap();
    (request.uri().to_string(), body)
}

fn created(writer: &Writer, draft: &Draft) -> String {
    writer
        .create(&writer.form(draft).unwrap(), 3105)
        .to_string()
}

fn updated(row: &Value, desired: Draft, fields: impl IntoIterator<Item = Field>) -> String {
    let edit = Edit {
        desired,
        fields: BTreeSet::from_iter(fields),
        expected: None,
    };
    let lesson = reader().lesson(row).unwrap();
    Value::Object(writer().update(&lesson, &edit).unwrap()).to_string()
}

#[expect(clippy::too_many_lines, reason = "one table of every read")]
#[test]
fn reads_name_everything_that_the_platform_would_choose_otherwise() {
    let lessons = |days, teacher, id| LessonFilter {
        status: 1,
        days,
        teacher,
        id,
    };
    let days = Some((date(2031, 5, 4), date(2031, 12, 31)));
    let table = [
        (
            request::list_lessons(BRANCH, lessons(days, None, None), PART),
            "2/lesson/index",
            r#"{"date_from":"04.05.2031","date_to":"31.12.2031","page":1,"pageSize":200,"status":1}"#,
        ),
        (
            request::list_lessons(BRANCH, lessons(days, Some(17), None), PART),
            "2/lesson/index",
            r#"{"date_from":"04.05.2031","date_to":"31.12.2031","page":1,"pageSize":200,"status":1,"teacher_id":17}"#,
        ),
        (
            request::list_lessons(BRANCH, lessons(None, None, Some(9001)), Part::ONE),
            "2/lesson/index",
            r#"{"id":9001,"page":0,"pageSize":20,"status":1}"#,
        ),
        (
            request::list_customers(BRANCH, &CustomerFilter::Everyone, true, PART),
            "2/customer/index",
            r#"{"is_study":1,"page":1,"pageSize":200,"removed":1}"#,
        ),
        (
            request::list_customers(
                BRANCH,
                &CustomerFilter::Contact("9000000003".to_owned()),
                false,
                Part::ONE,
            ),
            "2/customer/index",
            r#"{"is_study":0,"page":0,"pageSize":20,"phone":"9000000003","removed":1}"#,
        ),
        (
            request::list_customers(
                BRANCH,
                &CustomerFilter::Name("Занято".to_owned()),
                true,
                Part::ONE,
            ),
            "2/customer/index",
            r#"{"is_study":1,"name":"Занято","page":0,"pageSize":20,"removed":1}"#,
        ),
        (
            request::list_customers(BRANCH, &CustomerFilter::Id(3105), true, Part::ONE),
            "2/customer/index",
            r#"{"id":3105,"is_study":1,"page":0,"pageSize":20,"removed":1}"#,
        ),
        (
            request::list_rules(BRANCH, None, PART),
            "2/regular-lesson/index",
            r#"{"page":1,"pageSize":200}"#,
        ),
        (
            request::list_rules(BRANCH, Some(12), PART),
            "2/regular-lesson/index",
            r#"{"id":12,"page":1,"pageSize":200}"#,
        ),
        (
            request::list_teachers(BRANCH, false, PART),
            "2/teacher/index",
            r#"{"page":1,"pageSize":200}"#,
        ),
        (
            request::list_teachers(BRANCH, true, PART),
            "2/teacher/index",
            r#"{"page":1,"pageSize":200,"removed":2}"#,
        ),
        (
            request::list_subjects(BRANCH, PART),
            "2/subject/index",
            r#"{"page":1,"pageSize":200}"#,
        ),
        (
            request::list_lesson_types(BRANCH, PART),
            "2/lesson-type/index",
            r#"{"page":1,"pageSize":200}"#,
        ),
        (
            request::list_rooms(BRANCH, PART),
            "2/room/index",
            r#"{"page":1,"pageSize":200}"#,
        ),
        (
            request::list_branches(PART),
            "branch/index",
            r#"{"page":1,"pageSize":200}"#,
        ),
    ];
    for (ask, path, body) in table {
        assert_eq!(
            bytes(&ask),
            (
                format!("https://school.example/v2api/{path}"),
                body.to_owned()
            )
        );
        assert_eq!(ask.repeat, Repeat::Safe, "{path}");
    }
}

#[test]
fn a_call_is_a_post_with_the_token_in_its_header() {
    let token = HeaderValue::from_static("0123456789abcdef");
    let key = HeaderValue::from_static("an-app-key");
    let request = request::list_branches(PART)
        .to_http("https://school.example", Some(&token), Some(&key))
        .unwrap();
    assert_eq!(request.method(), "POST");
    let headers: Vec<_> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    assert_eq!(
        headers,
        [
            ("content-type", "application/json"),
            ("accept", "application/json"),
            ("x-alfacrm-token", "0123456789abcdef"),
            ("x-app-key", "an-app-key"),
        ]
    );
}

#[test]
fn a_login_sends_the_credentials_and_no_token() {
    let ask = request::login("sync@example.com", "a-key");
    let (uri, body) = bytes(&ask);
    assert_eq!(uri, "https://school.example/v2api/auth/login");
    assert_eq!(body, r#"{"api_key":"a-key","email":"sync@example.com"}"#);
    let request = ask.to_http("https://school.example", None, None).unwrap();
    assert!(!request.headers().contains_key("x-alfacrm-token"));
}

#[test]
fn writes_go_once_and_name_the_record_in_the_query() {
    let body = Value::from("body");
    for (ask, uri) in [
        (
            request::create_lesson(BRANCH, body.clone()),
            "2/lesson/create",
        ),
        (
            request::update_lesson(BRANCH, 9001, body.clone()),
            "2/lesson/update?id=9001",
        ),
        (
            request::create_customer(BRANCH, body.clone()),
            "2/customer/create",
        ),
        (
            request::update_customer(BRANCH, 3105, body),
            "2/customer/update?id=3105",
        ),
    ] {
        assert_eq!(
            bytes(&ask),
            (
                format!("https://school.example/v2api/{uri}"),
                "\"body\"".to_owned()
            )
        );
        assert_eq!(ask.repeat, Repeat::Once, "{uri}");
    }
    let cancel = request::cancel_lesson(BRANCH, 9001);
    assert_eq!(cancel.repeat, Repeat::Once);
    let expected = (
        "https://school.example/v2api/2/lesson/update?id=9001".to_owned(),
        r#"{"status":2}"#.to_owned(),
    );
    assert_eq!(bytes(&cancel), expected);
}

#[test]
fn a_create_is_spelled_by_the_branchs_clocks_in_the_words_of_writing() {
    assert_eq!(
        created(&writer(), &draft()),
        concat!(
            r#"{"customer_ids":[3105],"duration":45,"lesson_date":"07.05.2031","lesson_type_id":1,"#,
            r#""note":"взять ноты\n[sb:00000000-0000-0000-0000-00000000000a]","status":1,"#,
            r#""subject_id":6,"teacher_ids":[17],"time_from":"16:30"}"#
        )
    );
}

#[test]
fn a_room_is_named_where_one_is_configured() {
    let body = created(
        &Writer {
            room: Some(5),
            ..writer()
        },
        &draft(),
    );
    assert!(body.contains(r#""room_id":5"#), "{body}");
    assert!(!created(&writer(), &draft()).contains("room_id"));
}

#[test]
fn a_block_takes_the_subject_set_aside_for_it_and_marks_itself() {
    let block = Draft {
        kind: Kind::Block,
        services: Vec::new(),
        comment: Private::default(),
        ..draft()
    };
    let body = created(
        &Writer {
            busy_subject: Some(9),
            ..writer()
        },
        &block,
    );
    assert!(
        body.contains(r#""note":"[sb-busy:00000000-0000-0000-0000-00000000000a]""#),
        "{body}"
    );
    assert!(
        body.contains(r#""subject_id":9"#) && body.contains(r#""lesson_type_id":1"#),
        "{body}"
    );
    let error = writer().form(&block).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
    assert!(error.message.contains("busy_subject_id"), "{error}");
    // Only a block is booked under it: an appointment without a service is a mistake in the mapping.
    let appointment = Draft {
        services: Vec::new(),
        ..draft()
    };
    let error = Writer {
        busy_subject: Some(9),
        ..writer()
    }
    .form(&appointment)
    .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Refused);
}

#[test]
fn no_write_ever_says_that_a_lesson_was_held() {
    use slotbridge_core::model::Status;
    for status in Status::ALL {
        let desired = Draft { status, ..draft() };
        assert!(
            created(&writer(), &desired).contains(r#""status":1"#),
            "{status:?}"
        );
        let body = updated(&json("lesson.json"), desired, Field::ALL);
        assert_eq!(body, "{}", "{status:?}");
    }
}

#[test]
fn seconds_are_rounded_so_that_the_slot_stays_covered() {
    let slot = Slot::new(at("2031-05-07T13:30:40Z"), at("2031-05-07T14:15:10.5Z")).unwrap();
    let body = created(&writer(), &Draft { slot, ..draft() });
    assert!(
        body.contains(r#""time_from":"16:30""#) && body.contains(r#""duration":46"#),
        "{body}"
    );
}

#[test]
fn what_cannot_be_spelled_is_refused_before_anything_is_sent() {
    let berlin = Writer {
        zone: TimeZone::get("Europe/Berlin").unwrap(),
        ..writer()
    };
    let second_of_the_doubled =
        Slot::new(at("2031-10-26T01:10:00Z"), at("2031-10-26T01:40:00Z")).unwrap();
    let no_length = Slot::new(at("2031-05-07T13:30:00Z"), at("2031-05-07T13:30:00Z")).unwrap();
    for (draft, kind) in [
        (
            Draft {
                slot: second_of_the_doubled,
                ..draft()
            },
            ErrorKind::Unrepresentable,
        ),
        (
            Draft {
                slot: no_length,
                ..draft()
            },
            ErrorKind::Unrepresentable,
        ),
        (
            Draft {
                resource: ResourceKey::new("лида"),
                ..draft()
            },
            ErrorKind::Refused,
        ),
        (
            Draft {
                services: vec![ServiceKey::new("6")],
                ..draft()
            },
            ErrorKind::Refused,
        ),
    ] {
        assert_eq!(berlin.form(&draft).unwrap_err().kind, kind, "{draft:?}");
    }
}

#[test]
fn a_long_comment_is_cut_and_never_the_marker() {
    let long = Draft {
        comment: Private::new("ё".repeat(400)),
        ..draft()
    };
    let body: Value = serde_json::from_str(&created(&writer(), &long)).unwrap();
    let note = body["note"].as_str().unwrap();
    assert!(
        note.ends_with("\n[sb:00000000-0000-0000-0000-00000000000a]"),
        "{note}"
    );
    assert!(note.chars().count() <= 255);
    assert!(note.starts_with(&"ё".repeat(208)));
}

#[test]
fn an_update_sends_what_it_names_and_what_differs() {
    let plain = json("lesson.json");
    let later = Slot::new(at("2031-05-08T20:45:00Z"), at("2031-05-08T21:15:00Z")).unwrap();
    let table = [
        (
            Draft {
                slot: later,
                ..draft()
            },
            Field::Slot,
            r#"{"duration":30,"lesson_date":"08.05.2031","time_from":"23:45","time_to":"00:15"}"#,
        ),
        (
            Draft {
                resource: ResourceKey::new("18"),
                ..draft()
            },
            Field::Resource,
            r#"{"teacher_ids":[18]}"#,
        ),
        (
            Draft {
                services: vec![service_key(7, 3)],
                ..draft()
            },
            Field::Services,
            r#"{"lesson_type_id":3,"subject_id":7}"#,
        ),
        (
            Draft {
                comment: Private::new("без нот"),
                ..draft()
            },
            Field::Comment,
            r#"{"note":"без нот\n[sb:00000000-0000-0000-0000-00000000000a]"}"#,
        ),
    ];
    for (desired, field, expected) in table {
        assert_eq!(updated(&plain, desired.clone(), [field]), expected);
        let others = Field::ALL.into_iter().filter(|other| *other != field);
        assert_eq!(
            updated(&plain, desired, others),
            "{}",
            "{field:?} was not named"
        );
    }
    assert_eq!(updated(&plain, draft(), Field::ALL), "{}");
}

#[test]
fn an_owners_note_without_a_marker_gets_none() {
    let own = lesson_with(&serde_json::json!({"note": "свой комментарий"}), &[]);
    let desired = Draft {
        comment: Private::new("другой"),
        ..draft()
    };
    assert_eq!(
        updated(&own, desired, [Field::Comment]),
        r#"{"note":"другой"}"#
    );
}
