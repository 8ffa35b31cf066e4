//! Replies as judgements.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use slotbridge_platform::client::{Judgement, Reply};
use slotbridge_platform::{ErrorKind, Retry};

use super::fixture;
use crate::error::read;
use crate::request::{Action, CANCEL, CREATE, READ, SCHEDULE, UPDATE};

const ACTIONS: [Action; 5] = [READ, SCHEDULE, CREATE, UPDATE, CANCEL];

/// A judgement in few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Is {
    Accepted,
    Throttled(u64),
    Failed(ErrorKind),
    Down,
}

/// What the business errors mean, whatever the call.
const ERRORS: &[(&str, Is)] = &[
    ("error/too_fast.json", Is::Throttled(5500)),
    ("error/too_fast_30_seconds.json", Is::Throttled(30_500)),
    ("error/too_fast_without_a_number.json", Is::Throttled(5500)),
    ("error/missing_field.json", Is::Failed(ErrorKind::Refused)),
    (
        "error/record_not_found.json",
        Is::Failed(ErrorKind::NotFound),
    ),
    (
        "error/record_not_found_with_id.json",
        Is::Failed(ErrorKind::NotFound),
    ),
    (
        "error/record_not_found_null_data.json",
        Is::Failed(ErrorKind::NotFound),
    ),
    // Words that only resemble it must not make a record look gone.
    (
        "error/branch_not_found.json",
        Is::Failed(ErrorKind::Refused),
    ),
    (
        "error/record_field_not_found.json",
        Is::Failed(ErrorKind::Refused),
    ),
    (
        "error/invalid_key.json",
        Is::Failed(ErrorKind::Unauthenticated),
    ),
    ("error/other.json", Is::Failed(ErrorKind::Refused)),
    ("error/no_message.json", Is::Failed(ErrorKind::Refused)),
    ("error/unknown_status.json", Is::Down),
    ("error/list.json", Is::Down),
    ("error/cut.json", Is::Down),
    ("error/empty.txt", Is::Down),
    ("error/page.html", Is::Down),
];

const CANCELLED: [&str; 2] = [
    "error/already_cancelled.json",
    "error/already_cancelled_russian.json",
];

pub(super) fn fixtures() -> Vec<&'static str> {
    ERRORS.iter().map(|case| case.0).chain(CANCELLED).collect()
}

fn reply(status: u16, body: &str) -> Reply {
    Reply {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn is(judgement: &Judgement) -> Is {
    match judgement {
        Judgement::Accept => Is::Accepted,
        Judgement::Throttled { after } => {
            Is::Throttled(after.map_or(0, |after| u64::try_from(after.as_millis()).unwrap()))
        }
        Judgement::Fail(error) => Is::Failed(error.kind),
        Judgement::Unavailable(_) => Is::Down,
    }
}

fn judge(action: Action, reply: &Reply) -> Judgement {
    read(action, reply).0
}

#[test]
fn every_error_means_the_same_on_every_call() {
    for (path, expected) in ERRORS {
        for action in ACTIONS {
            assert_eq!(
                is(&judge(action, &reply(200, &fixture(path)))),
                *expected,
                "{path} {}",
                action.operation
            );
        }
    }
}

#[test]
fn a_refusal_is_not_repeated_and_certainly_had_no_effect() {
    for (path, expected) in ERRORS {
        if let Judgement::Fail(error) = judge(CREATE, &reply(200, &fixture(path))) {
            assert_eq!(error.retry, Retry::Never, "{path}");
            assert_eq!(Is::Failed(error.kind), *expected, "{path}");
            assert_eq!(error.operation, "record.create");
        }
    }
}

#[test]
fn cancelling_what_is_cancelled_is_done_and_changing_it_is_refused() {
    for path in CANCELLED {
        assert_eq!(
            is(&judge(CANCEL, &reply(200, &fixture(path)))),
            Is::Accepted,
            "{path}"
        );
        assert_eq!(
            is(&judge(UPDATE, &reply(200, &fixture(path)))),
            Is::Failed(ErrorKind::Refused),
            "{path}"
        );
    }
}

#[test]
fn the_http_status_decides_only_where_the_api_does_not_speak() {
    let done = fixture("reply/id.json");
    let missing = fixture("error/record_not_found.json");
    let page = fixture("error/page.html");
    for (status, body, expected) in [
        (200, &done, Is::Accepted),
        (201, &done, Is::Accepted),
        (302, &done, Is::Down),
        (403, &page, Is::Down),
        (404, &page, Is::Down),
        // One integration guards against this status on a removal (rubitime contract, 5).
        (404, &missing, Is::Failed(ErrorKind::NotFound)),
        (404, &done, Is::Down),
        (429, &page, Is::Throttled(5500)),
        (500, &missing, Is::Down),
        (503, &done, Is::Down),
        (503, &page, Is::Down),
    ] {
        assert_eq!(
            is(&judge(READ, &reply(status, body))),
            expected,
            "{status} {body}"
        );
    }
}

#[test]
fn a_named_wait_is_kept_to_and_an_absurd_one_is_cut() {
    let mut throttle = reply(429, "");
    throttle
        .headers
        .insert("retry-after", HeaderValue::from_static("17"));
    assert_eq!(is(&judge(READ, &throttle)), Is::Throttled(17_000));
    let absurd = r#"{"status":"error","message":"Limit on the number of consecutive requests: 99999999 seconds"}"#;
    assert_eq!(
        is(&judge(READ, &reply(200, absurd))),
        Is::Throttled(3_600_500)
    );
    assert!(crate::error::GAP > Duration::from_secs(5));
}

#[test]
fn trouble_is_told_by_status_and_shape_without_the_page() {
    let told = |status, body: &str| match judge(READ, &reply(status, body)) {
        Judgement::Unavailable(why) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(told(503, "<html>"), "HTTP 503");
    assert_eq!(told(200, " \n"), "HTTP 200 without a body");
    assert_eq!(told(200, "<html>"), "HTTP 200 without a reply of the API");
}
