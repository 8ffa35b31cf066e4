//! What replies mean, by status and body.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use slotbridge_core::model::RemoteId;
use slotbridge_platform::client::{Judgement, Reply};
use slotbridge_platform::webhook::HintKind;
use slotbridge_platform::{ErrorKind, Retry};

use super::support::{BRANCH, fixture, names};
use crate::error::judge;
use crate::request::{self, Ask, Part};
use crate::webhook;

/// What a reply is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Accepted,
    Throttled,
    Unavailable,
    Failed(ErrorKind, Retry),
}
use Meaning::{Accepted, Failed, Throttled, Unavailable};

const NEVER: Retry = Retry::Never;
const DOUBT: Retry = Retry::AfterObserving;

/// A fixture, its status, and what it means to a read and to a write.
const REPLIES: &[(&str, u16, Meaning, Meaning)] = &[
    (
        "unauthorized.json",
        401,
        Failed(ErrorKind::Unauthenticated, NEVER),
        Failed(ErrorKind::Unauthenticated, NEVER),
    ),
    (
        "forbidden.json",
        403,
        Failed(ErrorKind::Forbidden, NEVER),
        Failed(ErrorKind::Forbidden, NEVER),
    ),
    (
        "not_found.json",
        404,
        Failed(ErrorKind::NotFound, NEVER),
        Failed(ErrorKind::NotFound, NEVER),
    ),
    (
        "page_for_people.txt",
        404,
        Failed(ErrorKind::BadReply, Retry::Later),
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "bad_request.json",
        400,
        Failed(ErrorKind::Refused, NEVER),
        Failed(ErrorKind::Refused, NEVER),
    ),
    (
        "method_not_allowed.json",
        405,
        Failed(ErrorKind::Refused, NEVER),
        Failed(ErrorKind::Refused, NEVER),
    ),
    ("server_error.json", 500, Unavailable, Unavailable),
    ("page_for_people.txt", 503, Unavailable, Unavailable),
    ("page_for_people.txt", 502, Unavailable, Unavailable),
    ("nothing.txt", 504, Unavailable, Unavailable),
    ("too_many.txt", 429, Throttled, Throttled),
    (
        "page_for_people.txt",
        200,
        Failed(ErrorKind::BadReply, Retry::Later),
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "page_for_people.txt",
        302,
        Failed(ErrorKind::BadReply, Retry::Later),
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "nothing.txt",
        200,
        Failed(ErrorKind::BadReply, Retry::Later),
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "half.txt",
        200,
        Failed(ErrorKind::BadReply, Retry::Later),
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "a_text.txt",
        200,
        Failed(ErrorKind::BadReply, Retry::Later),
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "something_else.json",
        200,
        Failed(ErrorKind::BadReply, Retry::Later),
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "rows.json",
        200,
        Accepted,
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "rows_none.json",
        200,
        Accepted,
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "rows_null.json",
        200,
        Accepted,
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "rows_as_texts.json",
        200,
        Accepted,
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "rows_numbered.json",
        200,
        Accepted,
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "rows_null_but_some.json",
        200,
        Failed(ErrorKind::BadReply, Retry::Later),
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "rows_in_a_map.json",
        200,
        Failed(ErrorKind::BadReply, Retry::Later),
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "rows_missing.json",
        200,
        Failed(ErrorKind::BadReply, Retry::Later),
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "rows_bare_list.json",
        200,
        Failed(ErrorKind::BadReply, Retry::Later),
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "done.json",
        200,
        Failed(ErrorKind::BadReply, Retry::Later),
        Accepted,
    ),
    (
        "done_errors_map.json",
        201,
        Failed(ErrorKind::BadReply, Retry::Later),
        Accepted,
    ),
    (
        "done_errors_null.json",
        200,
        Failed(ErrorKind::BadReply, Retry::Later),
        Accepted,
    ),
    (
        "done_errors_empty_text.json",
        200,
        Failed(ErrorKind::BadReply, Retry::Later),
        Accepted,
    ),
    (
        "done_without_success.json",
        200,
        Failed(ErrorKind::BadReply, Retry::Later),
        Accepted,
    ),
    (
        "done_without_model.json",
        200,
        Failed(ErrorKind::BadReply, Retry::Later),
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "done_model_is_a_list.json",
        200,
        Failed(ErrorKind::BadReply, Retry::Later),
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "done_model_without_id.json",
        200,
        Failed(ErrorKind::BadReply, Retry::Later),
        Failed(ErrorKind::BadReply, DOUBT),
    ),
    (
        "refused_room.json",
        200,
        Failed(ErrorKind::SlotTaken, NEVER),
        Failed(ErrorKind::SlotTaken, NEVER),
    ),
    (
        "refused_room.json",
        422,
        Failed(ErrorKind::SlotTaken, NEVER),
        Failed(ErrorKind::SlotTaken, NEVER),
    ),
    (
        "refused_teacher.json",
        200,
        Failed(ErrorKind::SlotTaken, NEVER),
        Failed(ErrorKind::SlotTaken, NEVER),
    ),
    (
        "refused_lesson_type.json",
        200,
        Failed(ErrorKind::Refused, NEVER),
        Failed(ErrorKind::Refused, NEVER),
    ),
    (
        "refused_period.json",
        200,
        Failed(ErrorKind::Refused, NEVER),
        Failed(ErrorKind::Refused, NEVER),
    ),
    (
        "refused_date_of_lessons.json",
        400,
        Failed(ErrorKind::Refused, NEVER),
        Failed(ErrorKind::Refused, NEVER),
    ),
    (
        "refused_several.json",
        200,
        Failed(ErrorKind::Refused, NEVER),
        Failed(ErrorKind::Refused, NEVER),
    ),
    (
        "refused_text.json",
        200,
        Failed(ErrorKind::Refused, NEVER),
        Failed(ErrorKind::Refused, NEVER),
    ),
    (
        "refused_list.json",
        200,
        Failed(ErrorKind::Refused, NEVER),
        Failed(ErrorKind::Refused, NEVER),
    ),
    (
        "refused_without_words.json",
        200,
        Failed(ErrorKind::Refused, NEVER),
        Failed(ErrorKind::Refused, NEVER),
    ),
    (
        "refused_errors_only.json",
        200,
        Failed(ErrorKind::Refused, NEVER),
        Failed(ErrorKind::Refused, NEVER),
    ),
    (
        "refused_but_success.json",
        200,
        Failed(ErrorKind::Refused, NEVER),
        Failed(ErrorKind::Refused, NEVER),
    ),
    (
        "refused_field_without_words.json",
        200,
        Failed(ErrorKind::Refused, NEVER),
        Failed(ErrorKind::Refused, NEVER),
    ),
];

fn read() -> Ask {
    request::list_subjects(BRANCH, Part::ONE)
}

fn write() -> Ask {
    request::create_lesson(BRANCH, json!({}))
}

fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::from(body.to_owned()),
    }
}

fn meaning(judgement: &Judgement) -> Meaning {
    match judgement {
        Judgement::Accept => Accepted,
        Judgement::Throttled { .. } => Throttled,
        Judgement::Unavailable(_) => Unavailable,
        Judgement::Fail(error) => Failed(error.kind, error.retry),
    }
}

#[test]
fn every_reply_means_what_the_table_says() {
    for (name, status, to_read, to_write) in REPLIES {
        let reply = reply(*status, &fixture(&format!("replies/{name}")));
        for (ask, expected) in [(read(), to_read), (write(), to_write)] {
            let judged = judge(&ask, &reply);
            assert_eq!(
                meaning(&judged),
                *expected,
                "{name} with {status} to {}: {judged:?}",
                ask.operation
            );
        }
    }
    for name in names("replies") {
        assert!(
            REPLIES.iter().any(|case| case.0 == name),
            "no row has {name}"
        );
    }
}

#[test]
fn a_refusal_says_which_field_and_why() {
    let said = |name: &str| {
        let reply = reply(200, &fixture(&format!("replies/{name}.json")));
        match judge(&write(), &reply) {
            Judgement::Fail(error) => error.message,
            other => panic!("{name}: {other:?}"),
        }
    };
    assert_eq!(said("refused_room"), "refused: room_id: Аудитория занята");
    assert_eq!(said("refused_text"), "refused: Урок закрыт");
    assert_eq!(said("refused_field_without_words"), "refused: note");
    assert_eq!(said("refused_without_words"), "refused: without a reason");
    let several = said("refused_several");
    assert!(
        several.contains("name: ") && several.contains("legal_type: Неверно."),
        "{several}"
    );
}

#[test]
fn a_refused_login_is_a_matter_of_credentials_whatever_its_status() {
    let login = request::login("sync@example.com", "key");
    for (status, name) in [(401, "unauthorized"), (403, "forbidden")] {
        let reply = reply(status, &fixture(&format!("replies/{name}.json")));
        assert_eq!(
            meaning(&judge(&login, &reply)),
            Failed(ErrorKind::Unauthenticated, NEVER)
        );
    }
}

#[test]
fn a_wait_is_taken_from_the_throttle_where_it_names_one() {
    let mut throttled = reply(429, "");
    for (named, expected) in [
        (None, None),
        (Some("2"), Some(2)),
        (Some("86400"), Some(600)),
        (Some("soon"), None),
    ] {
        throttled.headers.remove(header::RETRY_AFTER);
        if let Some(named) = named {
            throttled
                .headers
                .insert(header::RETRY_AFTER, HeaderValue::from_static(named));
        }
        let Judgement::Throttled { after } = judge(&read(), &throttled) else {
            panic!("{named:?}")
        };
        assert_eq!(after.map(|after| after.as_secs()), expected, "{named:?}");
    }
}

/// A webhook, and what it points at; none of them is refused.
const HOOKS: &[(&str, Option<HintKind>)] = &[
    ("lesson_update", Some(HintKind::Updated)),
    ("lesson_create", Some(HintKind::Created)),
    ("lesson_delete", Some(HintKind::Removed)),
    ("restored", Some(HintKind::Updated)),
    ("numbers_as_texts", Some(HintKind::Updated)),
    ("without_relations", Some(HintKind::Updated)),
    ("without_branch", Some(HintKind::Updated)),
    ("payment", None),
    ("customer", None),
    ("another_branch", None),
];

#[test]
fn webhooks_are_hints_at_lessons_of_the_branch() {
    for (name, kind) in HOOKS {
        let body = fixture(&format!("webhooks/{name}.json"));
        let hints = webhook::hints(BRANCH, body.as_bytes()).unwrap();
        let told: Vec<_> = hints
            .iter()
            .map(|hint| (hint.id.clone(), hint.kind, hint.record.is_none()))
            .collect();
        let expected: Vec<_> = kind
            .iter()
            .map(|kind| (RemoteId::new("9001"), *kind, true))
            .collect();
        assert_eq!(told, expected, "{name}");
    }
}

#[test]
fn a_body_that_is_no_webhook_is_refused_without_its_content() {
    for name in names("webhooks") {
        let hook = name.trim_end_matches(".json");
        let body = fixture(&format!("webhooks/{name}"));
        let refused = webhook::hints(BRANCH, body.as_bytes()).is_err();
        assert_eq!(refused, hook.starts_with("broken_"), "{name}");
        assert!(
            refused || HOOKS.iter().any(|case| case.0 == hook),
            "no table has {name}"
        );
    }
    let body = br#"{"entity":"Lesson","note":"a private word"}"#;
    let error = webhook::hints(BRANCH, body).unwrap_err();
    assert!(!error.to_string().contains("private"), "{error}");
}
