//! What every status, body form and code means.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use serde_json::json;
use slotbridge_platform::client::{Judgement, Repeat};
use slotbridge_platform::{ErrorKind, PlatformError, Retry};

use super::support::{fixture, json as fixture_json, names, reply};
use crate::error::judge;

const SAFE: &str = "records.list";

fn judged(
    operation: &'static str,
    repeat: Repeat,
    status: u16,
    body: impl Into<Bytes>,
) -> Judgement {
    judge(operation, repeat, &reply(status, body))
}

fn failure(judgement: Judgement) -> PlatformError {
    match judgement {
        Judgement::Fail(error) => error,
        other => panic!("{other:?}"),
    }
}

/// Fixture, status, kind, and a word of the message.
const REFUSALS: &[(&str, u16, ErrorKind, &str)] = &[
    (
        "400_filter",
        400,
        ErrorKind::Refused,
        "filters: Неизвестный тип",
    ),
    (
        "400_format",
        400,
        ErrorKind::Refused,
        "Недопустимый формат запроса",
    ),
    (
        "401",
        401,
        ErrorKind::Unauthenticated,
        "Необходима авторизация",
    ),
    (
        "401_without_data",
        401,
        ErrorKind::Unauthenticated,
        "Необходима авторизация",
    ),
    (
        "401_company",
        401,
        ErrorKind::Unauthenticated,
        "Необходима авторизация",
    ),
    ("402_licence", 402, ErrorKind::Forbidden, "licence"),
    ("403_rights", 403, ErrorKind::Forbidden, "lacks a right"),
    (
        "403_branch",
        403,
        ErrorKind::Forbidden,
        "Нет прав на управление филиалом",
    ),
    ("403_blacklist", 403, ErrorKind::Refused, "blacklist"),
    ("404_record", 404, ErrorKind::NotFound, "Не найдено"),
    ("404_branch", 404, ErrorKind::Forbidden, "check company_id"),
    (
        "404_branch_missing",
        404,
        ErrorKind::Forbidden,
        "check company_id",
    ),
    ("404_company", 404, ErrorKind::Forbidden, "check company_id"),
    ("404_staff", 404, ErrorKind::Refused, "Сотрудник не найден."),
    ("404_service", 404, ErrorKind::Refused, "Услуга не найдена."),
    ("409_busy", 409, ErrorKind::SlotTaken, "Мастер занят"),
    ("422_busy", 422, ErrorKind::SlotTaken, "нерабочим"),
    ("422_staff", 422, ErrorKind::Refused, "Сотрудник не найден."),
    ("422_paid", 422, ErrorKind::Refused, "полностью оплачена"),
    ("422_lesson", 422, ErrorKind::Refused, "занятием"),
    (
        "422_fields_object",
        422,
        ErrorKind::Refused,
        "datetime: Поле обязательно для заполнения",
    ),
    (
        "422_fields_list",
        422,
        ErrorKind::Refused,
        "phone: Неверный формат",
    ),
    (
        "422_fields_named",
        422,
        ErrorKind::Refused,
        "phone: Неверный формат",
    ),
];

#[test]
fn every_refusal_has_a_kind_and_is_never_simply_repeated() {
    for (name, status, kind, word) in REFUSALS {
        let error = failure(judged(
            "records.update",
            Repeat::Once,
            *status,
            fixture(&format!("errors/{name}.json")),
        ));
        assert_eq!((error.kind, error.retry), (*kind, Retry::Never), "{name}");
        assert!(error.message.contains(word), "{name}: {}", error.message);
        assert!(
            !error.message.contains("79000000002"),
            "{name}: {}",
            error.message
        );
        assert_eq!(error.context, [("status", status.to_string())], "{name}");
    }
}

#[test]
fn a_create_that_names_somebody_unknown_finds_nothing() {
    for (name, status) in [("404_staff", 404), ("404_service", 404), ("422_staff", 422)] {
        let error = failure(judged(
            "records.create",
            Repeat::Once,
            status,
            fixture(&format!("errors/{name}.json")),
        ));
        assert_eq!(error.kind, ErrorKind::NotFound, "{name}");
    }
}

/// The business codes, which may stand in any of four places.
#[test]
fn every_business_code_is_known_wherever_it_stands() {
    let table = [
        (431, ErrorKind::Refused),
        (432, ErrorKind::Refused),
        (433, ErrorKind::SlotTaken),
        (434, ErrorKind::Refused),
        (435, ErrorKind::Refused),
        (436, ErrorKind::SlotTaken),
        (437, ErrorKind::SlotTaken),
        (438, ErrorKind::NotFound),
        (439, ErrorKind::Refused),
    ];
    for (code, kind) in table {
        for body in [
            json!({"success": false, "data": null, "meta": {"message": "…", "code": code}}),
            json!({"success": false, "data": null, "meta": {"message": "…", "errors": [{"code": code, "message": "…"}]}}),
            json!({"success": false, "data": null, "meta": {"errors": {"code": code.to_string()}}}),
            json!({"errors": {"code": code, "message": "…"}, "meta": {"message": "…"}}),
        ] {
            let error = failure(judged(
                "records.create",
                Repeat::Once,
                422,
                body.to_string(),
            ));
            assert_eq!(error.kind, kind, "{body}");
        }
    }
}

#[test]
fn too_many_calls_wait_as_long_as_the_platform_says() {
    let wait = |name: &str, header: Option<&'static str>| {
        let mut reply = reply(429, fixture(&format!("errors/{name}.json")));
        if let Some(value) = header {
            reply
                .headers
                .insert("retry-after", HeaderValue::from_static(value));
        }
        match judge("records.create", Repeat::Once, &reply) {
            Judgement::Throttled { after } => after,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(wait("429_wait", None), Some(Duration::from_secs(7)));
    assert_eq!(wait("429_wait", Some("3")), Some(Duration::from_secs(3)));
    assert_eq!(wait("429_zero", None), Some(Duration::from_secs(1)));
    assert_eq!(wait("429_silent", None), None);
    assert_eq!(
        wait("429_silent", Some("Fri, 31 Dec 2031 23:59:59 GMT")),
        None
    );
}

#[test]
fn servers_in_trouble_are_unavailable_whatever_they_say() {
    for status in [500, 502, 503, 504, 520, 408] {
        for body in [
            fixture("errors/500.json"),
            fixture("errors/502.html"),
            String::new(),
        ] {
            let judgement = judged(SAFE, Repeat::Safe, status, body.clone());
            let Judgement::Unavailable(why) = judgement else {
                panic!("{status} {body}: {judgement:?}")
            };
            assert!(why.contains(&status.to_string()), "{why}");
            assert!(!why.contains('<'), "{why}");
        }
    }
}

#[test]
fn a_success_that_makes_no_sense_may_have_landed() {
    let table: [(u16, Bytes); 5] = [
        (200, Bytes::new()),
        (200, fixture("errors/502.html").into()),
        (201, Bytes::from_static(b"{\"success\": tr")),
        (200, Bytes::from_static(b"[1,2]")),
        (302, Bytes::new()),
    ];
    for (status, body) in table {
        let read = failure(judged(SAFE, Repeat::Safe, status, body.clone()));
        assert_eq!(
            (read.kind, read.retry),
            (ErrorKind::BadReply, Retry::Later),
            "{status}"
        );
        let write = failure(judged("records.create", Repeat::Once, status, body));
        assert_eq!(
            (write.kind, write.retry),
            (ErrorKind::BadReply, Retry::AfterObserving),
            "{status}"
        );
    }
}

#[test]
fn a_gateways_page_is_never_the_platforms_word() {
    for status in [400, 402, 403, 404, 409, 410, 422] {
        for body in [
            fixture("errors/502.html"),
            String::new(),
            "Not Found".to_owned(),
        ] {
            let read = failure(judged(SAFE, Repeat::Safe, status, body.clone()));
            assert_eq!(
                (read.kind, read.retry),
                (ErrorKind::BadReply, Retry::Later),
                "{status} {body}"
            );
            let write = failure(judged("records.update", Repeat::Once, status, body));
            assert_eq!(
                (write.kind, write.retry),
                (ErrorKind::BadReply, Retry::AfterObserving),
                "{status}"
            );
        }
    }
    // A token that is refused is refused, whoever says so; too many calls are too many.
    assert_eq!(
        failure(judged(SAFE, Repeat::Safe, 401, "")).kind,
        ErrorKind::Unauthenticated
    );
    assert!(matches!(
        judged(SAFE, Repeat::Safe, 429, ""),
        Judgement::Throttled { after: None }
    ));
}

#[test]
fn a_success_that_calls_itself_a_failure_is_one() {
    for body in [
        fixture("errors/success_false.json"),
        fixture("errors/404_company.json"),
        r#"{"success": 0}"#.to_owned(),
    ] {
        let read = failure(judged(SAFE, Repeat::Safe, 200, body.clone()));
        assert_eq!(
            (read.kind, read.retry),
            (ErrorKind::Refused, Retry::Never),
            "{body}"
        );
        let write = failure(judged("records.update", Repeat::Once, 200, body.clone()));
        assert_eq!(
            (write.kind, write.retry),
            (ErrorKind::Refused, Retry::AfterObserving),
            "{body}"
        );
    }
}

#[test]
fn a_removal_needs_no_body() {
    assert!(matches!(
        judged("records.remove", Repeat::Once, 204, ""),
        Judgement::Accept
    ));
    assert!(matches!(
        judged(
            "records.remove",
            Repeat::Once,
            200,
            fixture("replies/garbage.json")
        ),
        Judgement::Accept
    ));
    let refused = failure(judged(
        "records.remove",
        Repeat::Once,
        200,
        fixture("errors/success_false.json"),
    ));
    assert_eq!(refused.kind, ErrorKind::Refused);
}

#[test]
fn a_page_for_people_does_not_say_that_a_record_was_removed() {
    for page in [
        "<html><body><h1>Сервис временно недоступен</h1>",
        "null",
        "[]",
    ] {
        let error = failure(judged("records.remove", Repeat::Once, 200, page));
        assert_eq!(
            (error.kind, error.retry),
            (ErrorKind::BadReply, Retry::AfterObserving),
            "{page}"
        );
    }
}

#[test]
fn every_fixture_of_an_error_is_looked_at() {
    let tabled = REFUSALS.iter().map(|(name, ..)| *name);
    let elsewhere = [
        "429_wait",
        "429_zero",
        "429_silent",
        "500",
        "502",
        "success_false",
    ];
    let known = tabled.chain(elsewhere).map(str::to_owned).collect();
    assert_eq!(names("errors"), known);
    assert!(fixture_json("errors/500.json").is_object());
}
