//! Every odd spelling of a record, one fixture each.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use slotbridge_core::model::{
    BookingId, Client, Private, RemoteId, ResourceKey, ServiceKey, Status,
};
use slotbridge_core::record::{Record, RecordState, Support, Unreadable};
use slotbridge_platform::Contacts;

use super::support::{PHONE, at, names, plain, sink, text, variant, zone};
use crate::convert::{Read, Reader, attendance_of, is_whole, status_of};

fn read(name: &str, contacts: &Contacts) -> Result<Read, Unreadable> {
    let (row, zone) = variant(name);
    Reader {
        zone: &zone,
        country: "RU",
        contacts,
    }
    .record(&Value::Object(row))
}

/// What the plain record says.
fn expected() -> Record {
    Record {
        id: RemoteId::new("880011"),
        state: RecordState::Live,
        resource: ResourceKey::new("310"),
        services: vec![ServiceKey::new("42")],
        start: at("2031-05-06T07:30:00Z"),
        end: Some(at("2031-05-06T08:30:00Z")),
        client: Client {
            name: Private::new("Пётр"),
            phone: text(PHONE),
            email: text("petr@example.com"),
        },
        status: Status::Booked,
        comment: Private::new("у окна"),
        marker: None,
        is_block: false,
        changed_at: Some(at("2031-05-02T09:00:00Z")),
        created_at: Some(at("2031-05-01T06:00:05Z")),
        resource_title: Some("Лида".to_owned()),
        service_title: Some("Стрижка".to_owned()),
        group: Some("770022".to_owned()),
        support: Support::Full,
    }
}

type Change = fn(&mut Record);

/// Fixture, and how it is read differently from the plain record.
const ROWS: &[(&str, Change)] = &[
    ("attendance_no_show", |r| r.status = Status::NoShow),
    ("attendance_booked", |_| {}),
    ("attendance_arrived", |r| r.status = Status::Arrived),
    ("attendance_confirmed", |r| r.status = Status::Confirmed),
    ("attendance_only_of_visit", |r| r.status = Status::Confirmed),
    ("attendance_as_text", |r| r.status = Status::Confirmed),
    ("attendance_missing", |_| {}),
    ("deleted", deleted),
    ("deleted_as_number", deleted),
    ("deleted_as_text", deleted),
    ("deleted_missing", |_| {}),
    ("client_null", |r| r.client = Client::default()),
    ("client_empty_list", |r| r.client = Client::default()),
    ("client_missing", |r| r.client = Client::default()),
    ("client_stub", |r| r.client = Client::default()),
    ("client_three_names", |r| {
        r.client.name = Private::new("Пётр Ильич Пробный");
    }),
    ("client_display_name_only", |r| {
        r.client.name = Private::new("Гость с улицы");
    }),
    ("client_nulls", |r| r.client = Client::default()),
    ("phone_hidden", |r| {
        (r.client.phone, r.client.email) = (None, None);
    }),
    ("phone_masked", |r| {
        (r.client.phone, r.client.email) = (None, None);
    }),
    ("phone_digits", |_| {}),
    ("phone_number", |_| {}),
    ("phone_trunk_prefix", |_| {}),
    ("group_event", |r| {
        r.support = Support::Occupancy {
            why: "part of a group event",
        }
    }),
    ("group_event_as_text", |r| {
        r.support = Support::Occupancy {
            why: "part of a group event",
        }
    }),
    ("two_seats", |r| {
        r.support = Support::Occupancy {
            why: "several seats in one record",
        }
    }),
    ("visit_as_number", |_| {}),
    ("visit_none", |r| r.group = None),
    ("marked", |r| {
        r.marker = Some(BookingId::from_u128(
            0x0189_0000_0000_7000_8000_0000_0000_0001,
        ));
    }),
    ("marked_block", |r| {
        r.marker = Some(BookingId::from_u128(
            0x0189_0000_0000_7000_8000_0000_0000_0002,
        ));
        r.is_block = true;
        r.client = Client::default();
    }),
    ("api_id_foreign", |_| {}),
    ("api_id_number", |_| {}),
    ("api_id_zero", |_| {}),
    ("api_id_null", |_| {}),
    ("api_id_missing", |_| {}),
    ("offset_without_colon", |_| {}),
    ("offset_with_fractions", |_| {}),
    ("offset_wrong", |_| {}),
    ("datetime_other_wall_clock", |_| {}),
    ("datetime_other_offset", |_| {}),
    ("datetime_unix_seconds", |_| {}),
    ("datetime_naive", |_| {}),
    ("datetime_missing", |_| {}),
    ("date_missing", |_| {}),
    ("date_missing_unix_seconds", |_| {}),
    ("date_day_only", |_| {}),
    ("doubled_hour_first", |r| {
        berlin(r, "2031-10-26T00:30:00Z", "2031-10-26T01:30:00Z");
    }),
    ("doubled_hour_second", |r| {
        berlin(r, "2031-10-26T01:30:00Z", "2031-10-26T02:30:00Z");
    }),
    ("half_hour_zone", |r| {
        (r.start, r.end) = (at("2031-05-06T05:00:00Z"), Some(at("2031-05-06T06:00:00Z")));
    }),
    ("length_by_length", |r| {
        r.end = Some(at("2031-05-06T08:00:00Z"));
    }),
    ("length_zero", |r| r.end = Some(at("2031-05-06T09:00:00Z"))),
    ("length_as_text", |_| {}),
    ("length_none", |r| r.end = None),
    ("stamps_with_colon", |_| {}),
    ("stamps_naive", |_| {}),
    ("stamps_missing", |r| {
        (r.changed_at, r.created_at) = (None, None);
    }),
    ("services_none", |r| {
        (r.services, r.service_title) = (Vec::new(), None);
    }),
    ("services_two", two_services),
    ("services_as_object", two_services),
    ("service_gone", |r| {
        (r.services, r.service_title) = (Vec::new(), None);
    }),
    ("staff_empty_list", |r| r.resource_title = None),
    ("staff_id_in_object", |_| {}),
    ("numbers_as_text", |_| {}),
    ("comment_null", |r| r.comment = Private::default()),
    ("comment_line_ends", |r| {
        r.comment = Private::new("у окна\nс собакой");
    }),
    ("unknown_keys", |_| {}),
];

/// Fixture, whether its id can be read, and a word of the reason.
const BAD: &[(&str, bool, &str)] = &[
    ("bad_no_id", false, "without an id"),
    ("bad_id_zero", false, "without an id"),
    ("bad_no_staff", true, "no member of staff"),
    ("bad_no_start", true, "start cannot be read"),
    ("bad_start", true, "start cannot be read"),
    ("bad_skipped_hour", true, "does not exist"),
    ("bad_attendance", true, "unknown attendance 7"),
    ("bad_length", true, "length makes no sense"),
];

/// Fixtures whose offset contradicts the zone.
const DOUBTFUL: &[&str] = &["offset_wrong", "datetime_other_wall_clock"];

fn deleted(record: &mut Record) {
    (record.state, record.status) = (RecordState::Deleted, Status::Cancelled);
}

fn berlin(record: &mut Record, start: &str, end: &str) {
    (record.start, record.end) = (at(start), Some(at(end)));
}

fn two_services(record: &mut Record) {
    record.services = vec![ServiceKey::new("43"), ServiceKey::new("42")];
    record.service_title = Some("Укладка".to_owned());
}

// R39
#[test]
fn every_odd_spelling_is_read_as_what_it_means() {
    for (name, change) in ROWS {
        let mut expected = expected();
        change(&mut expected);
        let read = read(name, &Contacts::Real)
            .unwrap_or_else(|unreadable| panic!("{name}: {unreadable:?}"));
        assert_eq!(read.record, expected, "{name}");
        assert_eq!(read.zone_doubt, DOUBTFUL.contains(name), "{name}");
    }
}

#[test]
fn a_row_that_cannot_be_read_keeps_its_id_and_says_why() {
    for (name, known, why) in BAD {
        let unreadable = read(name, &Contacts::Real).expect_err(name);
        assert_eq!(
            unreadable.id,
            known.then(|| RemoteId::new("880011")),
            "{name}"
        );
        assert!(unreadable.why.contains(why), "{name}: {}", unreadable.why);
        assert!(!unreadable.why.contains("Пётр"), "{name}");
    }
}

// R24
#[test]
fn it_does_not_matter_who_made_a_record() {
    let made = super::support::read(&plain());
    // By a client online, by staff, by another program, by a widget that is gone.
    for by in [
        json!({"online": true, "from_url": "https://n7001.example.com/", "created_user_id": 0, "is_sale_bill_printed": false}),
        json!({"online": false, "created_user_id": 4711, "custom_color": "f44336"}),
        json!({"online": false, "created_user_id": 0, "record_from": "API", "bookform_id": 0}),
        json!({"online": 1, "created_user_id": null, "bookform_id": 12, "is_mobile": true}),
    ] {
        let mut row = plain();
        row.extend(by.as_object().unwrap().clone());
        assert_eq!(super::support::read(&row), made, "{by}");
    }
}

#[test]
fn every_fixture_of_a_record_is_in_a_table() {
    let tabled: BTreeSet<String> = ROWS
        .iter()
        .map(|(name, _)| *name)
        .chain(BAD.iter().map(|(name, ..)| *name))
        .map(str::to_owned)
        .collect();
    assert_eq!(tabled, names("records"));
}

#[test]
fn a_row_that_is_no_object_is_unreadable() {
    let moscow = zone("Europe/Moscow");
    let reader = Reader {
        zone: &moscow,
        country: "RU",
        contacts: &Contacts::Real,
    };
    for row in [
        Value::Null,
        Value::from(7),
        Value::from("880011"),
        Value::Array(Vec::new()),
    ] {
        assert_eq!(
            reader.record(&row).expect_err("no object").id,
            None,
            "{row}"
        );
    }
}

#[test]
fn the_contacts_of_a_sink_are_nobodys() {
    let (mut row, moscow) = variant("phone_digits");
    let contacts = sink();
    let reader = Reader {
        zone: &moscow,
        country: "RU",
        contacts: &contacts,
    };
    let real = reader
        .record(&Value::Object(row.clone()))
        .unwrap()
        .record
        .client;
    assert_eq!(
        (real.phone, real.email),
        (text(PHONE), text("petr@example.com"))
    );
    row["client"]["phone"] = "79000000099".into();
    row["client"]["email"] = "Sink@Example.com".into();
    let sunk = reader.record(&Value::Object(row)).unwrap().record.client;
    assert_eq!(
        sunk,
        Client {
            name: Private::new("Пётр"),
            phone: None,
            email: None
        }
    );
}

#[test]
fn statuses_and_attendances_are_one_to_one() {
    for status in Status::ALL {
        match attendance_of(status) {
            Some(code) => assert_eq!(status_of(code), Some(status)),
            None => assert_eq!(status, Status::Cancelled),
        }
    }
    let known: Vec<_> = (-5..=5).filter_map(status_of).collect();
    assert_eq!(
        known,
        [
            Status::NoShow,
            Status::Booked,
            Status::Arrived,
            Status::Confirmed
        ]
    );
}

#[test]
fn only_a_record_with_all_that_is_read_counts_as_whole() {
    assert!(is_whole(&plain()));
    let reduced = super::support::json("replies/record_reduced.json");
    assert!(!is_whole(reduced["data"].as_object().unwrap()));
    for key in [
        "staff_id",
        "date",
        "seance_length",
        "attendance",
        "deleted",
        "last_change_date",
    ] {
        let mut row = plain();
        row.remove(key);
        assert!(!is_whole(&row), "{key}");
    }
}

#[test]
fn a_record_prints_nothing_about_its_client() {
    let record = read("client_three_names", &Contacts::Real).unwrap().record;
    let printed = format!("{record:?}");
    for private in [
        "Пётр",
        "Пробный",
        "79000000002",
        "petr@example.com",
        "у окна",
    ] {
        assert!(!printed.contains(private), "{private}");
    }
}
