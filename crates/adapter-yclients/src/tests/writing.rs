//! What goes into a create and an update, and what is made of the replies.

use serde_json::{Map, Value, json};
use slotbridge_core::model::{Client, Field, Kind, Private, ResourceKey, ServiceKey, Status};
use slotbridge_platform::platform::{Draft, Edit};
use slotbridge_platform::{Contacts, ErrorKind, PlatformError, Retry};

use super::support::{PHONE, draft, plain, sink, slot, text, zone};
use crate::form::Writer;

fn create(draft: &Draft, contacts: &Contacts) -> Result<Value, PlatformError> {
    let zone = zone("Europe/Moscow");
    Writer {
        zone: &zone,
        country: "RU",
        contacts,
        busy_name: "Busy",
    }
    .create(draft)
}

fn update(current: &Map<String, Value>, desired: Draft, fields: &[Field]) -> Value {
    update_behind(&Contacts::Real, current, desired, fields).unwrap()
}

fn update_behind(
    contacts: &Contacts,
    current: &Map<String, Value>,
    desired: Draft,
    fields: &[Field],
) -> Result<Value, PlatformError> {
    let zone = zone("Europe/Moscow");
    let edit = Edit {
        desired,
        fields: fields.iter().copied().collect(),
        expected: None,
    };
    Writer {
        zone: &zone,
        country: "RU",
        contacts,
        busy_name: "Busy",
    }
    .update(current, &edit)
}

#[test]
fn a_create_is_whole_silent_and_marked() {
    let body = create(&draft(), &Contacts::Real).unwrap();
    let expected = json!({
        "staff_id": 310,
        "services": [{"id": 42}],
        "client": {"name": "Пётр", "phone": "79000000002", "email": "petr@example.com"},
        "save_if_busy": false,
        "datetime": "2031-05-06 10:30:00",
        "seance_length": 3600,
        "send_sms": false,
        "sms_remain_hours": 0,
        "email_remain_hours": 0,
        "comment": "у окна",
        "attendance": 0,
        "api_id": "sb:01890000-0000-7000-8000-000000000001",
    });
    assert_eq!(body, expected);
}

#[test]
fn a_create_says_what_the_draft_says() {
    let body = |change: fn(&mut Draft)| {
        let mut draft = draft();
        change(&mut draft);
        create(&draft, &Contacts::Real).unwrap()
    };
    assert_eq!(body(|d| d.force = true)["save_if_busy"], true);
    assert_eq!(
        body(|d| d.services = vec![ServiceKey::new("43"), ServiceKey::new("42")])["services"],
        json!([{"id": 43}, {"id": 42}])
    );
    assert_eq!(body(|d| d.services.clear())["services"], json!([]));
    for (status, code) in [
        (Status::Booked, 0),
        (Status::Confirmed, 2),
        (Status::Arrived, 1),
        (Status::NoShow, -1),
    ] {
        let draft = Draft { status, ..draft() };
        assert_eq!(create(&draft, &Contacts::Real).unwrap()["attendance"], code);
    }
    assert_eq!(body(|d| d.client = Client::default())["client"], json!({}));
    assert_eq!(
        body(|d| d.client.phone = text("112"))["client"]["phone"],
        "112"
    );
    assert_eq!(
        body(|d| d.slot = slot("2031-05-06T07:30:00Z", "2031-05-06T07:30:00.5Z"))["seance_length"],
        1
    );
}

#[test]
fn a_block_has_a_placeholder_and_a_marker_of_its_own() {
    let block = Draft {
        kind: Kind::Block,
        client: Client::default(),
        comment: Private::default(),
        ..draft()
    };
    let body = create(&block, &Contacts::Real).unwrap();
    assert_eq!(body["client"], json!({"name": "Busy"}));
    assert_eq!(
        body["api_id"],
        "sb-busy:01890000-0000-7000-8000-000000000001"
    );
    let body = create(&block, &sink()).unwrap();
    assert_eq!(
        body["client"],
        json!({"name": "Busy", "phone": "79000000099", "email": "sink@example.com"})
    );
}

#[test]
fn behind_a_sink_the_clients_contacts_stay_home() {
    let body = create(&draft(), &sink()).unwrap();
    assert_eq!(
        body["client"],
        json!({"name": "Пётр", "email": "sink@example.com"})
    );
    let desired = Draft {
        client: Client {
            name: Private::new("Анна"),
            phone: text("+79000000003"),
            email: text("anna@example.com"),
        },
        ..draft()
    };
    let fields = [Field::ClientName, Field::ClientPhone, Field::ClientEmail];
    let body = update_behind(&sink(), &plain(), desired, &fields).unwrap();
    assert_eq!(body["client"]["name"], "Анна");
    assert_eq!(
        (&body["client"]["phone"], &body["client"]["email"]),
        (&json!("79000000002"), &json!("petr@example.com"))
    );
}

#[test]
fn what_cannot_be_spelled_is_refused_before_any_call() {
    type Change = fn(&mut Draft);
    let table: [(Change, &str); 6] = [
        (|d| d.status = Status::Cancelled, "removed"),
        (
            |d| d.resource = ResourceKey::new("anna"),
            "resource \"anna\"",
        ),
        (|d| d.resource = ResourceKey::new("0"), "resource \"0\""),
        (
            |d| d.services = vec![ServiceKey::new("haircut")],
            "service \"haircut\"",
        ),
        (
            |d| d.slot = slot("2031-05-06T07:30:00Z", "2031-05-06T07:30:00Z"),
            "without length",
        ),
        (|d| d.resource = ResourceKey::new("../1"), "resource"),
    ];
    for (change, word) in table {
        let mut draft = draft();
        change(&mut draft);
        let error = create(&draft, &Contacts::Real).expect_err(word);
        assert_eq!(
            (error.kind, error.retry),
            (ErrorKind::Unrepresentable, Retry::Never),
            "{word}"
        );
        assert!(error.message.contains(word), "{error}");
    }
}

#[test]
fn the_second_of_a_doubled_hour_is_refused_and_the_first_is_written() {
    let berlin = zone("Europe/Berlin");
    let writer = Writer {
        zone: &berlin,
        country: "DE",
        contacts: &Contacts::Real,
        busy_name: "Busy",
    };
    let at_hour = |start, end| {
        writer.create(&Draft {
            slot: slot(start, end),
            ..draft()
        })
    };
    assert_eq!(
        at_hour("2031-10-26T00:30:00Z", "2031-10-26T02:30:00Z").unwrap()["datetime"],
        "2031-10-26 02:30:00"
    );
    // Two hours pass, whatever the clocks show at their end.
    assert_eq!(
        at_hour("2031-10-26T00:30:00Z", "2031-10-26T02:30:00Z").unwrap()["seance_length"],
        7200
    );
    let error =
        at_hour("2031-10-26T01:30:00Z", "2031-10-26T02:30:00Z").expect_err("the second hour");
    assert_eq!(error.kind, ErrorKind::Unrepresentable);
}

/// The record of an owner who uses everything that a record has.
fn marked_by_the_owner() -> Map<String, Value> {
    let mut row = plain();
    row.extend(
        json!({
            "services": [
                {"id": 42, "title": "Стрижка", "cost": "2250.00", "first_cost": 2500.5, "discount": 10, "amount": 1},
                {"id": "43", "title": "Укладка", "cost": 900, "first_cost": 1000, "discount": "10", "amount": 2},
            ],
            "record_labels": [{"id": "67345", "title": "VIP", "color": "#26c6da"}, {"id": 104_474, "title": "Новый"}],
            "custom_color": "#f44336",
            "custom_fields": {"source": "flyer", "wishes": ["tea", "quiet"]},
            "client_agreements": {"client_id": 5550, "company_id": 7001, "is_newsletter_allowed": false, "is_personal_data_processing_allowed": true},
            "technical_break_duration": 600,
            "sms_remain_hours": 6,
            "email_remain_hours": 24,
            "attendance": 2,
            "api_id": "crm-777",
            "master_request": 1,
            "resource_instance_ids": [9],
            "sms_now": 1,
            "paid_full": 1,
            "fast_payment": 1,
        })
        .as_object()
        .unwrap()
        .clone(),
    );
    row["client"]["surname"] = "Пробный".into();
    row["client"]["patronymic"] = "Ильич".into();
    row
}

#[test]
fn an_update_of_nothing_sends_everything_as_the_owner_has_it() {
    let expected = json!({
        "staff_id": 310,
        "services": [
            {"id": 42, "first_cost": 2500.5, "discount": 10, "cost": 2250},
            {"id": 43, "first_cost": 1000, "discount": 10, "cost": 900, "amount": 2},
        ],
        "client": {"id": 5550, "name": "Пётр", "surname": "Пробный", "patronymic": "Ильич", "phone": "79000000002", "email": "petr@example.com"},
        "save_if_busy": true,
        "datetime": "2031-05-06 10:30:00",
        "seance_length": 3600,
        "send_sms": false,
        "comment": "у окна",
        "attendance": 2,
        "api_id": "crm-777",
        "custom_color": "f44336",
        "record_labels": ["67345", "104474"],
        "custom_fields": {"source": "flyer", "wishes": ["tea", "quiet"]},
        "client_agreements": {"is_newsletter_allowed": false, "is_personal_data_processing_allowed": true},
        "technical_break_duration": 600,
        "sms_remain_hours": 6,
        "email_remain_hours": 24,
        "master_request": 1,
        "resource_instance_ids": [9],
    });
    assert_eq!(update(&marked_by_the_owner(), draft(), &[]), expected);
}

/// One field, and what is other in the body than in an update of nothing.
#[test]
fn an_update_of_one_field_changes_that_alone() {
    let desired = Draft {
        resource: ResourceKey::new("311"),
        services: vec![ServiceKey::new("43"), ServiceKey::new("44")],
        slot: slot("2031-05-06T09:00:00Z", "2031-05-06T09:30:00Z"),
        client: Client {
            name: Private::new("Анна Ивановна Пробная"),
            phone: text("+79000000003"),
            email: text("anna@example.com"),
        },
        status: Status::Arrived,
        comment: Private::new("с собакой"),
        ..draft()
    };
    let table = [
        (
            Field::Resource,
            json!({"staff_id": 311, "save_if_busy": false}),
        ),
        (
            Field::Services,
            json!({"services": [{"id": 43, "first_cost": 1000, "discount": 10, "cost": 900, "amount": 2}, {"id": 44}]}),
        ),
        (
            Field::Slot,
            json!({"datetime": "2031-05-06 12:00:00", "seance_length": 1800, "save_if_busy": false}),
        ),
        (
            Field::ClientName,
            json!({"client": {"id": 5550, "name": "Анна", "surname": "Пробная", "patronymic": "Ивановна", "phone": "79000000002", "email": "petr@example.com"}}),
        ),
        (
            // Another card: the old one keeps its number.
            Field::ClientPhone,
            json!({"client": {"name": "Пётр", "surname": "Пробный", "patronymic": "Ильич", "phone": "79000000003", "email": "petr@example.com"}}),
        ),
        (
            Field::ClientEmail,
            json!({"client": {"id": 5550, "name": "Пётр", "surname": "Пробный", "patronymic": "Ильич", "phone": "79000000002", "email": "anna@example.com"}}),
        ),
        (Field::Status, json!({"attendance": 1})),
        (Field::Comment, json!({"comment": "с собакой"})),
    ];
    assert_eq!(table.len(), Field::ALL.len());
    let unchanged = update(&marked_by_the_owner(), desired.clone(), &[]);
    for (field, changes) in table {
        let mut expected = unchanged.as_object().unwrap().clone();
        expected.extend(changes.as_object().unwrap().clone());
        let body = update(&marked_by_the_owner(), desired.clone(), &[field]);
        assert_eq!(body, Value::Object(expected), "{field:?}");
    }
}

#[test]
fn a_new_name_is_read_back_as_it_was_written() {
    for (surname, patronymic) in [
        ("", ""),
        ("Пробный", ""),
        ("Пробный", "Ильич"),
        ("", "Ильич"),
    ] {
        for name in [
            "Анна",
            "Анна Пробная",
            "Анна Ивановна Пробная",
            "Анна Мария Ивановна Пробная",
        ] {
            let mut row = plain();
            row["client"]["surname"] = surname.into();
            row["client"]["patronymic"] = patronymic.into();
            let desired = Draft {
                client: Client {
                    name: Private::new(name),
                    ..Client::default()
                },
                ..draft()
            };
            let written = update(&row, desired, &[Field::ClientName])["client"].clone();
            assert_eq!(
                crate::convert::full_name(written.as_object().unwrap()),
                Private::new(name),
                "{surname} {patronymic}"
            );
        }
    }
}

#[test]
fn what_is_not_known_elsewhere_clears_nothing_here() {
    let fields = [Field::ClientName, Field::ClientPhone, Field::ClientEmail];
    let unchanged = update(&plain(), draft(), &[])["client"].clone();
    let desired = Draft {
        client: Client::default(),
        ..draft()
    };
    assert_eq!(update(&plain(), desired, &fields)["client"], unchanged);
    // Neither does the same client in another spelling.
    let desired = Draft {
        client: Client {
            name: Private::new(" Пётр "),
            phone: text(PHONE),
            email: text("petr@example.com"),
        },
        ..draft()
    };
    assert_eq!(update(&plain(), desired, &fields)["client"], unchanged);
}

#[test]
fn a_record_without_a_client_stays_so_until_one_is_named() {
    for client in [Value::Null, json!([])] {
        let mut row = plain();
        row.insert("client".to_owned(), client);
        assert_eq!(
            update(&row, draft(), &[Field::Comment])["client"],
            json!({})
        );
        let named = update(&row, draft(), &[Field::ClientName])["client"].clone();
        assert_eq!(
            named,
            json!({"name": "Пётр", "phone": "79000000002", "email": "petr@example.com"})
        );
    }
}

#[test]
fn an_address_shown_as_stars_is_never_written_back() {
    let mut row = plain();
    row["client"]["email"] = "p***@example.com".into();
    let client = update(&row, draft(), &[Field::Comment])["client"].clone();
    assert_eq!(client.get("email"), None);
    assert_eq!(client["phone"], "79000000002");
}

#[test]
fn our_marker_takes_a_free_place_only() {
    let ours = "sb:01890000-0000-7000-8000-000000000001";
    for (standing, kept) in [
        (json!(""), ours),
        (json!("0"), ours),
        (json!(null), ours),
        (json!("sb:01890000-0000-7000-8000-00000000ffff"), ours),
        (json!("crm-777"), "crm-777"),
        (json!(777), "777"),
    ] {
        let mut row = plain();
        row.insert("api_id".to_owned(), standing.clone());
        assert_eq!(update(&row, draft(), &[])["api_id"], kept, "{standing}");
    }
}

// R15
#[test]
fn no_body_ever_asks_for_a_message_or_a_payment() {
    let mut owners = marked_by_the_owner();
    owners.insert("send_sms".to_owned(), true.into());
    for body in [
        create(&draft(), &Contacts::Real).unwrap(),
        update(&owners, draft(), &Field::ALL),
    ] {
        assert_eq!(body["send_sms"], false);
        for key in [
            "fast_payment",
            "notify_by_sms",
            "notify_by_email",
            "sms_now",
            "email_now",
        ] {
            assert_eq!(body.get(key), None, "{key}");
        }
    }
}
