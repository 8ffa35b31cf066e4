//! Requests, byte by byte.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;
use secrecy::SecretString;
use slotbridge_core::model::{Client, Field, Kind, Private, ResourceKey, ServiceKey, Slot, Status};
use slotbridge_platform::platform::{Draft, Edit};
use slotbridge_platform::{ErrorKind, PlatformError, Retry};

use super::{at, draft, sink, terms, terms_with_field};
use crate::convert::{MarkerHome, Terms};
use crate::request::{Action, CANCEL, CREATE, Fields, READ, SCHEDULE, UPDATE, build, cancel};

const MARKER: &str = r"\n[sb:00000000-0000-0000-0000-00000000000a]";

fn body(action: Action, fields: &Fields) -> String {
    let request = build(
        "https://rubitime.example",
        &SecretString::from("test-key"),
        action,
        fields,
    )
    .unwrap();
    String::from_utf8(request.body().to_vec()).unwrap()
}

fn created(terms: &Terms, draft: &Draft) -> String {
    body(CREATE, &terms.create(draft).unwrap())
}

fn updated(
    terms: &Terms,
    desired: Draft,
    fields: impl IntoIterator<Item = Field>,
    home: MarkerHome,
) -> String {
    let edit = Edit {
        desired,
        fields: BTreeSet::from_iter(fields),
        expected: None,
    };
    body(UPDATE, &terms.update(7_000_123, &edit, home).unwrap())
}

fn block() -> Draft {
    Draft {
        client: Client::default(),
        comment: Private::default(),
        kind: Kind::Block,
        services: Vec::new(),
        ..draft()
    }
}

#[track_caller]
fn assert_unspellable(result: Result<Fields, PlatformError>, why: &str) {
    let error = result.err().expect("it cannot be spelled");
    assert_eq!(
        (error.kind, error.retry),
        (ErrorKind::Unrepresentable, Retry::Never)
    );
    assert!(error.message.contains(why), "{error}");
}

#[test]
fn a_call_is_one_post_of_one_flat_object_with_the_key_in_it() {
    let request = build(
        "https://rubitime.example",
        &SecretString::from("test-key"),
        READ,
        &Fields::of(7_000_123),
    )
    .unwrap();
    assert_eq!(request.method(), http::Method::POST);
    assert_eq!(request.uri(), "https://rubitime.example/api2/get-record");
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(request.headers()["accept"], "application/json");
    assert_eq!(request.body(), r#"{"rk":"test-key","id":7000123}"#);
}

#[test]
fn each_method_is_called_under_its_own_name() {
    let path = |action| {
        let request = build(
            "http://127.0.0.1:1",
            &SecretString::from("k"),
            action,
            &Fields::of(1),
        )
        .unwrap();
        request.uri().path().to_owned()
    };
    let paths = [READ, SCHEDULE, CREATE, UPDATE, CANCEL].map(path);
    assert_eq!(
        paths,
        [
            "/api2/get-record",
            "/api2/get-schedule",
            "/api2/create-record",
            "/api2/update-record",
            "/api2/update-record"
        ]
    );
}

#[test]
fn a_schedule_is_asked_for_whole() {
    assert_eq!(
        body(SCHEDULE, &Fields::of_schedule(1013, 1702, 3925)),
        r#"{"rk":"test-key","branch_id":1013,"cooperator_id":1702,"service_id":3925}"#
    );
}

#[test]
fn a_cancellation_names_the_status_and_nothing_else() {
    assert_eq!(
        body(CANCEL, &cancel(7_000_123)),
        r#"{"rk":"test-key","id":7000123,"status":4}"#
    );
}

#[test]
fn a_record_is_created_silently_with_its_marker_at_the_end_of_the_comment() {
    let expected = format!(
        concat!(
            r#"{{"rk":"test-key","branch_id":1013,"cooperator_id":1702,"service_id":3925,"status":0,"#,
            r#""record":"2031-05-06 10:30:00","duration":60,"name":"Проба Пера","phone":"+79000000003","#,
            r#""email":"proba.pera@example.com","comment":"позвонить заранее{}","reminder":null}}"#
        ),
        MARKER
    );
    assert_eq!(created(&terms(), &draft()), expected);
}

#[test]
fn the_marker_goes_into_the_field_set_aside_for_it() {
    let text = created(&terms_with_field(), &draft());
    let end = concat!(
        r#""comment":"позвонить заранее","custom_field3":"sb:00000000-0000-0000-0000-00000000000a","#,
        r#""reminder":null}"#
    );
    assert!(text.ends_with(end), "{text}");
}

#[test]
fn what_is_not_known_of_the_client_is_not_sent() {
    let mut draft = draft();
    draft.client = Client {
        name: Private::new("Проба"),
        phone: None,
        email: None,
    };
    let text = created(&terms(), &draft);
    assert!(text.contains(r#""name":"Проба","comment""#), "{text}");
}

#[test]
fn a_block_carries_a_placeholder_and_nothing_of_the_client() {
    let terms = Terms {
        busy_service: Some(ServiceKey::new("3927")),
        ..terms()
    };
    let nosy = Draft {
        client: draft().client,
        ..block()
    };
    let expected = concat!(
        r#"{"rk":"test-key","branch_id":1013,"cooperator_id":1702,"service_id":3927,"status":0,"#,
        r#""record":"2031-05-06 10:30:00","duration":60,"name":"Занято","#,
        r#""comment":"[sb-busy:00000000-0000-0000-0000-00000000000a]","reminder":null}"#
    );
    assert_eq!(created(&terms, &nosy), expected);
    let terms = Terms {
        contacts: sink(),
        ..terms
    };
    let text = created(&terms, &nosy);
    assert!(
        text.contains(
            r#""name":"Занято","phone":"+79000000099","email":"sink@example.com","comment""#
        ),
        "{text}"
    );
}

#[test]
fn a_sink_stands_in_for_the_clients_contacts_and_the_name_stays() {
    let terms = Terms {
        contacts: sink(),
        ..terms()
    };
    let text = created(&terms, &draft());
    assert!(
        text.contains(r#""name":"Проба Пера","phone":"+79000000099","email":"sink@example.com""#),
        "{text}"
    );
    let text = updated(
        &terms,
        draft(),
        [Field::ClientPhone, Field::ClientEmail],
        MarkerHome::Comment,
    );
    assert_eq!(
        text,
        r#"{"rk":"test-key","id":7000123,"phone":"+79000000099","email":"sink@example.com"}"#
    );
}

#[test]
fn an_update_sends_exactly_the_fields_that_differ() {
    let desired = Draft {
        status: Status::Arrived,
        ..draft()
    };
    for (field, sent) in [
        (Field::Resource, r#""cooperator_id":1702"#),
        (Field::Services, r#""service_id":3925"#),
        (
            Field::Slot,
            r#""record":"2031-05-06 10:30:00","duration":60"#,
        ),
        (Field::ClientName, r#""name":"Проба Пера""#),
        (Field::ClientPhone, r#""phone":"+79000000003""#),
        (Field::ClientEmail, r#""email":"proba.pera@example.com""#),
        (Field::Status, r#""status":2"#),
        (Field::Comment, r#""comment":"позвонить заранее""#),
    ] {
        let text = updated(&terms(), desired.clone(), [field], MarkerHome::Elsewhere);
        assert_eq!(
            text,
            format!(r#"{{"rk":"test-key","id":7000123,{sent}}}"#),
            "{field:?}"
        );
    }
}

#[test]
fn a_contact_that_was_cleared_is_sent_empty() {
    let mut desired = draft();
    desired.client.phone = None;
    let text = updated(&terms(), desired, [Field::ClientPhone], MarkerHome::Comment);
    assert_eq!(text, r#"{"rk":"test-key","id":7000123,"phone":""}"#);
}

#[test]
fn a_new_comment_takes_the_marker_along_where_it_belongs_there() {
    let with_marker =
        format!(r#"{{"rk":"test-key","id":7000123,"comment":"позвонить заранее{MARKER}"}}"#);
    let plain = r#"{"rk":"test-key","id":7000123,"comment":"позвонить заранее"}"#.to_owned();
    let moved = concat!(
        r#"{"rk":"test-key","id":7000123,"comment":"позвонить заранее","#,
        r#""custom_field3":"sb:00000000-0000-0000-0000-00000000000a"}"#
    )
    .to_owned();
    for (terms, home, expected) in [
        (terms(), MarkerHome::Comment, &with_marker),
        (terms(), MarkerHome::Elsewhere, &plain),
        (terms_with_field(), MarkerHome::Comment, &with_marker),
        (terms_with_field(), MarkerHome::Elsewhere, &plain),
        (terms_with_field(), MarkerHome::EmptyField, &moved),
    ] {
        assert_eq!(
            updated(&terms, draft(), [Field::Comment], home),
            *expected,
            "{home:?}"
        );
    }
}

#[test]
fn a_booking_that_cannot_be_spelled_is_refused_with_its_reason() {
    let with = |change: fn(&mut Draft)| {
        let mut draft = draft();
        change(&mut draft);
        terms().create(&draft)
    };
    assert_unspellable(with(|draft| draft.services.clear()), "needs a service");
    assert_unspellable(
        with(|draft| draft.resource = ResourceKey::new("anna")),
        r#"resource "anna" is no Rubitime id"#,
    );
    assert_unspellable(
        with(|draft| draft.services = vec![ServiceKey::new("0")]),
        "is no Rubitime id",
    );
    let start = at("2031-05-06T07:30:00Z");
    let mut instant = draft();
    instant.slot = Slot::new(start, start).unwrap();
    assert_unspellable(terms().create(&instant), "length of at least a minute");
    assert_unspellable(terms().create(&block()), "needs a service");
}

#[test]
fn the_second_of_a_doubled_hour_is_refused_and_the_first_is_written() {
    let terms = Terms {
        zone: TimeZone::get("Europe/Berlin").unwrap(),
        ..terms()
    };
    let slot = |start| Slot::new(at(start), at("2031-10-26T02:00:00Z")).unwrap();
    // The clocks go back from 03:00 to 02:00 at 01:00 UTC.
    let first = Draft {
        slot: slot("2031-10-26T00:30:00Z"),
        ..draft()
    };
    assert!(created(&terms, &first).contains(r#""record":"2031-10-26 02:30:00","duration":90"#));
    let second = Draft {
        slot: slot("2031-10-26T01:30:00Z"),
        ..draft()
    };
    assert_unspellable(terms.create(&second), "twice");
    let after = Draft {
        slot: Slot::new(at("2031-10-26T02:00:00Z"), at("2031-10-26T02:45:30Z")).unwrap(),
        ..draft()
    };
    assert!(
        created(&terms, &after).contains(r#""record":"2031-10-26 03:00:00","duration":46"#),
        "rounded up"
    );
}

#[test]
fn an_update_of_a_block_leaves_its_service_alone() {
    let text = updated(
        &terms(),
        block(),
        [Field::Services, Field::Slot],
        MarkerHome::Comment,
    );
    assert_eq!(
        text,
        r#"{"rk":"test-key","id":7000123,"record":"2031-05-06 10:30:00","duration":60}"#
    );
}
