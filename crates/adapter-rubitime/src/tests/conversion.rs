//! Rows as records.

use slotbridge_core::model::{Client, Private, RemoteId, ResourceKey, ServiceKey, Status};
use slotbridge_core::record::{Record, RecordState, Support, Unreadable};

use super::{BOOKING, at, row, sink, terms, terms_with_field};
use crate::convert::{MarkerHome, Terms, code_of, status_of};

/// A fixture, and what it changes in the record of the plain row.
type Case = (&'static str, fn(&mut Record));

const STATUSES: &[(&str, Status)] = &[
    ("status/0.json", Status::Booked),
    ("status/1.json", Status::Arrived),
    ("status/2.json", Status::Arrived),
    ("status/2_as_text.json", Status::Arrived),
    ("status/3.json", Status::Booked),
    ("status/4.json", Status::Cancelled),
    ("status/4_as_text.json", Status::Cancelled),
    ("status/5.json", Status::Booked),
    ("status/6.json", Status::Booked),
    ("status/7.json", Status::Booked),
    ("status/9.json", Status::Booked),
];

const ODD: &[Case] = &[
    ("odd/strings_for_numbers.json", |_| {}),
    ("odd/numbers_for_strings.json", |_| {}),
    ("odd/fractions.json", |_| {}),
    ("odd/never_changed.json", |record| {
        record.created_at = Some(at("2031-05-01T06:00:00Z"));
        record.changed_at = Some(at("2031-05-01T06:00:00Z"));
    }),
    ("odd/no_stamps.json", |_| {}),
    ("odd/start_without_seconds.json", |_| {}),
    ("odd/start_with_t.json", |_| {}),
    ("odd/phone_with_8.json", |_| {}),
    ("odd/phone_with_7.json", |_| {}),
    ("odd/phone_is_no_number.json", |record| {
        record.client.phone = Some(Private::new("спросить у Лиды"));
    }),
    ("odd/nothing_but_null.json", without_texts),
    ("odd/nothing_but_empty.json", without_texts),
    ("odd/absent_texts.json", without_texts),
    ("odd/duration_null.json", |record| record.end = None),
    ("odd/duration_0.json", |record| record.end = None),
    ("odd/duration_empty.json", |record| record.end = None),
    ("odd/duration_absent.json", |record| record.end = None),
    ("odd/nested.json", |_| {}),
    ("odd/part_of_a_visit.json", |record| {
        record.group = Some("7000100".to_owned());
    }),
    ("odd/message_found.json", |_| {}),
    ("odd/unknown_keys.json", |_| {}),
    ("odd/spaces.json", |_| {}),
];

const UNREADABLE: &[(&str, bool, &str)] = &[
    ("unreadable/no_id.json", false, "id is missing"),
    (
        "unreadable/id_is_a_word.json",
        false,
        "id is missing or no number",
    ),
    ("unreadable/no_start.json", true, "no start"),
    ("unreadable/start_is_a_date.json", true, "no local time"),
    ("unreadable/start_is_zero.json", true, "no local time"),
    (
        "unreadable/start_in_a_gap.json",
        true,
        "does not exist in Europe/Moscow",
    ),
    ("unreadable/no_status.json", true, "status is missing"),
    ("unreadable/status_is_a_word.json", true, "no code"),
    (
        "unreadable/no_cooperator.json",
        true,
        "cooperator_id is missing",
    ),
    (
        "unreadable/duration_is_a_word.json",
        true,
        "no number of minutes",
    ),
    (
        "unreadable/duration_is_a_list.json",
        true,
        "no number of minutes",
    ),
    (
        "unreadable/duration_is_negative.json",
        true,
        "no number of minutes",
    ),
    ("unreadable/duration_is_endless.json", true, "out of range"),
    (
        "unreadable/another_branch.json",
        true,
        "another branch than 1013",
    ),
];

/// Fixture; whether the marker is found without and with a field set aside; where it belongs then; is it a block.
const MARKERS: &[(&str, bool, bool, MarkerHome, bool)] = &[
    (
        "marker/none.json",
        false,
        false,
        MarkerHome::EmptyField,
        false,
    ),
    (
        "marker/in_the_field.json",
        false,
        true,
        MarkerHome::Elsewhere,
        false,
    ),
    (
        "marker/in_the_comment.json",
        true,
        true,
        MarkerHome::EmptyField,
        false,
    ),
    (
        "marker/in_the_comment_beside_a_foreign_field.json",
        true,
        true,
        MarkerHome::Comment,
        false,
    ),
    (
        "marker/in_another_field.json",
        false,
        false,
        MarkerHome::EmptyField,
        false,
    ),
    (
        "marker/of_a_block.json",
        true,
        true,
        MarkerHome::EmptyField,
        true,
    ),
];

pub(super) fn fixtures() -> Vec<&'static str> {
    let mut all = vec!["record/whole.json", "marker/in_both.json"];
    all.extend(STATUSES.iter().map(|case| case.0));
    all.extend(ODD.iter().map(|case| case.0));
    all.extend(UNREADABLE.iter().map(|case| case.0));
    all.extend(MARKERS.iter().map(|case| case.0));
    all
}

fn without_texts(record: &mut Record) {
    record.client = Client::default();
    record.comment = Private::default();
    record.services.clear();
}

/// What the plain row of the fixtures stands for.
pub(super) fn plain() -> Record {
    Record {
        id: RemoteId::new("7000123"),
        state: RecordState::Live,
        resource: ResourceKey::new("1702"),
        services: vec![ServiceKey::new("3925")],
        start: at("2031-05-06T07:30:00Z"),
        end: Some(at("2031-05-06T08:30:00Z")),
        client: Client {
            name: Private::new("Проба Пера"),
            phone: Some(Private::new("+79000000003")),
            email: Some(Private::new("Proba.Pera@example.com")),
        },
        status: Status::Booked,
        comment: Private::new("позвонить заранее"),
        marker: None,
        is_block: false,
        changed_at: None,
        created_at: None,
        resource_title: None,
        service_title: None,
        group: Some("7000123".to_owned()),
        support: Support::Full,
    }
}

fn read(terms: &Terms, path: &str) -> Record {
    terms
        .record(&row(path))
        .unwrap_or_else(|unreadable| panic!("{path}: {}", unreadable.why))
}

/// Compares by content, which the types' own output hides.
#[track_caller]
fn assert_same(path: &str, shown: &Record, expected: &Record) {
    let texts = |record: &Record| {
        let own = |text: &Option<Private>| text.as_ref().map(|text| text.expose().to_owned());
        let client = &record.client;
        (
            client.name.expose().to_owned(),
            own(&client.phone),
            own(&client.email),
            record.comment.expose().to_owned(),
        )
    };
    assert_eq!(texts(shown), texts(expected), "{path}");
    assert_eq!(shown, expected, "{path}");
}

#[test]
fn a_whole_row_becomes_a_record_with_titles_and_stamps() {
    let expected = Record {
        changed_at: Some(at("2031-05-02T11:05:30Z")),
        created_at: Some(at("2031-05-01T06:00:00Z")),
        resource_title: Some("Лида".to_owned()),
        service_title: Some("Массаж".to_owned()),
        ..plain()
    };
    assert_same(
        "record/whole.json",
        &read(&terms(), "record/whole.json"),
        &expected,
    );
}

#[test]
fn every_status_code_has_a_meaning() {
    for (path, status) in STATUSES {
        let record = read(&terms(), path);
        let state = if *status == Status::Cancelled {
            RecordState::Cancelled
        } else {
            RecordState::Live
        };
        assert_eq!((record.status, record.state), (*status, state), "{path}");
    }
}

#[test]
fn a_status_is_written_as_a_code_that_the_projection_foretells() {
    for status in Status::ALL {
        assert_eq!(
            status_of(code_of(status).into()),
            crate::PROJECTION.status(status),
            "{status:?}"
        );
    }
    let codes = Status::ALL.map(code_of);
    assert_eq!(codes, [0, 0, 2, 0, 4]);
}

#[test]
fn every_odd_spelling_is_read_as_the_same_record() {
    for (path, change) in ODD {
        let mut expected = plain();
        change(&mut expected);
        assert_same(path, &read(&terms(), path), &expected);
    }
}

#[test]
fn a_row_that_cannot_be_read_says_why_and_keeps_its_id() {
    for (path, with_id, why) in UNREADABLE {
        let Unreadable { id, why: said } = terms().record(&row(path)).unwrap_err();
        assert_eq!(id, with_id.then(|| RemoteId::new("7000123")), "{path}");
        assert!(said.contains(why), "{path}: {said}");
        for private in [
            "Проба",
            "900000",
            "example.com",
            "позвонить",
            "записан",
            "час",
            "новая",
        ] {
            assert!(!said.contains(private), "{path}: {said}");
        }
    }
}

#[test]
fn a_marker_is_found_in_its_field_and_in_the_comment() {
    for (path, without_field, with_field, home, block) in MARKERS {
        for (terms, found, home) in [
            (terms(), *without_field, MarkerHome::Comment),
            (terms_with_field(), *with_field, *home),
        ] {
            let record = read(&terms, path);
            assert_eq!(record.marker, found.then_some(BOOKING), "{path}");
            assert_eq!(record.is_block, *block, "{path}");
            let comment = if *block {
                ""
            } else {
                "позвонить заранее"
            };
            assert_eq!(record.comment.expose(), comment, "{path}");
            assert_eq!(terms.marked(&row(path)).home, home, "{path}");
        }
    }
}

#[test]
fn the_field_set_aside_outweighs_the_comment() {
    let path = "marker/in_both.json";
    assert_eq!(read(&terms_with_field(), path).marker, Some(BOOKING));
    assert_eq!(
        read(&terms(), path)
            .marker
            .map(slotbridge_core::model::BookingId::as_u128),
        Some(11)
    );
}

#[test]
fn a_block_shows_no_client() {
    let record = read(&terms(), "marker/of_a_block.json");
    assert_eq!(record.client, Client::default());
}

#[test]
fn a_sink_is_never_read_back_as_the_clients_contacts() {
    let mut terms = Terms {
        contacts: sink(),
        ..terms()
    };
    let shown = |terms: &Terms, phone: &str, email: &str| {
        let mut value = super::data("record/whole.json");
        value["phone"] = phone.into();
        value["email"] = email.into();
        let client = terms
            .record(&crate::wire::Row::from_value(value).unwrap())
            .unwrap()
            .client;
        let own = |text: Option<Private>| text.map(|text| text.expose().to_owned());
        (own(client.phone), own(client.email))
    };
    assert_eq!(
        shown(&terms, "8 900 000-00-99", " Sink@Example.com"),
        (None, None)
    );
    let real = (
        Some("+79000000003".to_owned()),
        Some("proba@example.com".to_owned()),
    );
    assert_eq!(shown(&terms, "+79000000003", "proba@example.com"), real);
    terms.contacts = slotbridge_platform::Contacts::Real;
    let as_written = (
        Some("+79000000099".to_owned()),
        Some("sink@example.com".to_owned()),
    );
    assert_eq!(
        shown(&terms, "+79000000099", "sink@example.com"),
        as_written
    );
}
