//! The bytes that go out.

use http::{HeaderValue, header};
use jiff::civil::date;
use serde_json::json;
use slotbridge_platform::client::Repeat;

use super::support::COMPANY;
use crate::request::{self, Ask, Filter};

/// Everything that is ever asked, as method, URL and body.
#[test]
fn every_request_is_spelled_as_the_platform_documents_it() {
    let body = json!({"staff_id": 310});
    let days = Filter::Days(date(2031, 5, 6), date(2031, 5, 7));
    let since = Filter::ChangedAfter(date(2031, 5, 2).at(6, 55, 0, 0));
    let table: [(Ask, &str, &str); 11] = [
        (
            request::auth("sync@example.com", "p\"1"),
            "POST /auth",
            r#"{"login":"sync@example.com","password":"p\"1"}"#,
        ),
        (
            request::list_records(COMPANY, days, 3, 200),
            "GET /records/7001?start_date=2031-05-06&end_date=2031-05-07&with_deleted=1&page=3&count=200",
            "",
        ),
        (
            request::list_records(COMPANY, since, 1, 50),
            "GET /records/7001?changed_after=2031-05-02T06%3A55%3A00&with_deleted=1&page=1&count=50",
            "",
        ),
        (
            request::get_record(COMPANY, 880_011),
            "GET /record/7001/880011",
            "",
        ),
        (
            request::create_record(COMPANY, &body),
            "POST /records/7001",
            r#"{"staff_id":310}"#,
        ),
        (
            request::update_record(COMPANY, 880_011, &body),
            "PUT /record/7001/880011",
            r#"{"staff_id":310}"#,
        ),
        (
            request::delete_record(COMPANY, 880_011),
            "DELETE /record/7001/880011",
            "",
        ),
        (request::get_company(COMPANY), "GET /company/7001/", ""),
        (request::list_staff(COMPANY), "GET /company/7001/staff/", ""),
        (
            request::list_services(COMPANY),
            "GET /company/7001/services/",
            "",
        ),
        (
            request::get_permissions(COMPANY),
            "GET /user/permissions/7001",
            "",
        ),
    ];
    for (ask, line, body) in table {
        let http = ask
            .to_http(
                "https://api.example.com",
                HeaderValue::from_static("Bearer p, User u"),
            )
            .unwrap();
        let (method, path) = line.split_once(' ').unwrap();
        assert_eq!(http.method().as_str(), method, "{line}");
        assert_eq!(
            http.uri().to_string(),
            format!("https://api.example.com/api/v1{path}")
        );
        assert_eq!(std::str::from_utf8(http.body()).unwrap(), body, "{line}");
        assert_eq!(
            http.headers()[header::ACCEPT],
            "application/vnd.yclients.v2+json",
            "{line}"
        );
        assert_eq!(
            http.headers()[header::CONTENT_TYPE],
            "application/json",
            "{line}"
        );
        assert_eq!(
            http.headers()[header::AUTHORIZATION],
            "Bearer p, User u",
            "{line}"
        );
        assert_eq!(http.headers().len(), 3, "{line}");
    }
}

#[test]
fn only_what_changes_records_may_not_be_repeated() {
    let body = json!({});
    for (ask, repeat) in [
        (request::create_record(1, &body), Repeat::Once),
        (request::update_record(1, 2, &body), Repeat::Once),
        (request::delete_record(1, 2), Repeat::Once),
        (request::get_record(1, 2), Repeat::Safe),
        (request::get_permissions(1), Repeat::Safe),
        (request::auth("l", "p"), Repeat::Safe),
    ] {
        assert_eq!(ask.repeat, repeat, "{}", ask.operation);
    }
}

#[test]
fn base_urls_are_taken_as_people_copy_them() {
    for (base, url, accept) in [
        (
            "https://api.yclients.com",
            "https://api.yclients.com/api/v1/company/1/",
            "application/vnd.yclients.v2+json",
        ),
        (
            "https://api.yclients.com/",
            "https://api.yclients.com/api/v1/company/1/",
            "application/vnd.yclients.v2+json",
        ),
        (
            "https://api.yclients.com/api/v1",
            "https://api.yclients.com/api/v1/company/1/",
            "application/vnd.yclients.v2+json",
        ),
        (
            "https://api.alteg.io",
            "https://api.alteg.io/api/v1/company/1/",
            "application/vnd.api.v2+json",
        ),
        (
            "https://api.alteg.io:443/api/v1/",
            "https://api.alteg.io:443/api/v1/company/1/",
            "application/vnd.api.v2+json",
        ),
        (
            "http://127.0.0.1:8080",
            "http://127.0.0.1:8080/api/v1/company/1/",
            "application/vnd.yclients.v2+json",
        ),
        (
            "https://notalteg.io",
            "https://notalteg.io/api/v1/company/1/",
            "application/vnd.yclients.v2+json",
        ),
    ] {
        let http = request::get_company(1)
            .to_http(base, HeaderValue::from_static("x"))
            .unwrap();
        assert_eq!(http.uri().to_string(), url);
        assert_eq!(http.headers()[header::ACCEPT], accept, "{base}");
    }
}

#[test]
fn both_tokens_go_in_one_header_that_prints_without_them() {
    let both = request::authorization("partner", Some("user")).unwrap();
    assert_eq!(both, "Bearer partner, User user");
    assert!(both.is_sensitive());
    assert_eq!(
        request::authorization("partner", None).unwrap(),
        "Bearer partner"
    );
    assert_eq!(request::authorization("partner", Some("us\ner")), None);
}
