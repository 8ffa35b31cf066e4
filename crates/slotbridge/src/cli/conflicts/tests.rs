//! What a person types as a value, and what is wrong with it.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use slotbridge_core::merge::Subject;
use slotbridge_core::model::{Field, FieldValue, Private, Status};

use super::value::Terms;
use crate::config::tests::small;

fn read_in(zone: &str, about: Subject, text: &str) -> Result<FieldValue, (String, String)> {
    let config = small();
    let terms = Terms {
        subject: about,
        zone: Some(TimeZone::get(zone).unwrap()),
        country: "RU",
        length: Some(SignedDuration::from_mins(45)),
        bridge: &config.bridges[0],
    };
    terms.read(text)
}

fn read(about: Field, text: &str) -> Result<FieldValue, (String, String)> {
    read_in("Europe/Moscow", Subject::Field(about), text)
}

fn slot(text: &str) -> Result<(String, String), String> {
    slot_in("Europe/Moscow", text)
}

fn slot_in(zone: &str, text: &str) -> Result<(String, String), String> {
    let text = format!("slot={text}");
    match read_in(zone, Subject::Field(Field::Slot), &text) {
        Ok(FieldValue::Slot(slot)) => Ok((slot.start().to_string(), slot.end().to_string())),
        Ok(other) => panic!("{other:?}"),
        Err((message, _)) => Err(message),
    }
}

#[test]
fn a_slot_is_read_by_the_bridges_clock() {
    let noon = |end: &str| {
        Ok((
            "2026-12-01T09:00:00Z".to_owned(),
            format!("2026-12-0{end}:00Z"),
        ))
    };
    for (text, end) in [
        ("2026-12-01 12:00-13:00", "1T10:00"),
        ("2026-12-01T12:00/13:00", "1T10:00"),
        ("2026-12-01 12:00–13:30", "1T10:30"),
        ("2026-12-01 12:00 - 2026-12-02 01:00", "1T22:00"),
        // Without an end, the booking keeps its length.
        ("2026-12-01 12:00", "1T09:45"),
    ] {
        assert_eq!(slot(text), noon(end), "{text}");
    }
    for text in [
        "",
        "12:00-13:00",
        "2026-12-01",
        "tomorrow",
        "2026-13-01 12:00",
        "2026-12-01 12:00-",
    ] {
        let message = slot(text).unwrap_err();
        assert!(message.contains("is not a slot"), "{text}: {message}");
    }
    for text in ["2026-12-01 12:00-11:00", "2026-12-01 12:00-12:00"] {
        let message = slot(text).unwrap_err();
        assert!(message.contains("before it starts"), "{text}: {message}");
    }
}

#[test]
fn an_hour_that_the_clocks_skip_is_refused_and_of_a_doubled_one_the_first_is_meant() {
    let gap = slot_in("Europe/Berlin", "2027-03-28 02:30-04:00").unwrap_err();
    assert!(gap.contains("the clocks skip it"), "{gap}");
    let doubled = slot_in("Europe/Berlin", "2026-10-25 02:30-04:00").unwrap();
    assert_eq!(doubled.0, "2026-10-25T00:30:00Z");
}

#[test]
fn contacts_and_texts_are_read_as_the_platforms_would() {
    let text = |text: &str| Ok(FieldValue::Text(Some(Private::new(text))));
    for (field, typed, value) in [
        (Field::ClientPhone, "phone=8 900 000-00-01", "+79000000001"),
        (
            Field::ClientPhone,
            "client.phone=+49 30 123456",
            "+4930123456",
        ),
        (
            Field::ClientEmail,
            "email= vera@example.com ",
            "vera@example.com",
        ),
        (Field::ClientName, "name=Вера   Пробная", "Вера Пробная"),
        (Field::Comment, "comment=two = three", "two = three"),
        (Field::Comment, "comment=", ""),
    ] {
        assert_eq!(read(field, typed), text(value), "{typed}");
    }
    let status = read(Field::Status, "status=no_show");
    assert_eq!(status, Ok(FieldValue::Status(Status::NoShow)));
}

#[test]
fn what_is_wrong_is_said_without_a_clients_data_and_with_the_way_out() {
    let secret = "Zinaida-Secretova";
    for (field, typed, says) in [
        (
            Field::ClientPhone,
            "phone=Zinaida-Secretova",
            "no phone number",
        ),
        (
            Field::ClientEmail,
            "email=Zinaida-Secretova",
            "no e-mail address",
        ),
        (Field::ClientPhone, "phone=", "would be written nowhere"),
        (Field::ClientName, "name= ", "would be written nowhere"),
        (
            Field::Comment,
            "phone=Zinaida-Secretova",
            "about comment, not about client.phone",
        ),
        (Field::Comment, "Zinaida-Secretova", "FIELD=VALUE"),
        (
            Field::Status,
            "status=cancelled",
            "not cancelled by a value",
        ),
        (Field::Status, "status=confirm", "no status"),
        (Field::Resource, "resource=nobody", "no resource"),
        (Field::Services, "services=", "no service is named"),
        (
            Field::Services,
            "services=nothing",
            "no service \"nothing\"",
        ),
        (Field::Slot, "slott=1", "no field \"slott\""),
    ] {
        let (message, hint) = read(field, typed).unwrap_err();
        assert!(message.contains(says), "{typed}: {message}");
        assert!(!hint.is_empty(), "{typed}");
        assert!(
            !message.contains(secret) && !hint.contains(secret),
            "{typed}"
        );
    }
    let (_, hint) = read(Field::Status, "status=confirm").unwrap_err();
    assert_eq!(hint, "did you mean \"confirmed\"?");
    let removal = read_in("UTC", Subject::Removal, "comment=x").unwrap_err();
    assert!(removal.1.contains("--take"), "{removal:?}");
}

#[test]
fn resources_and_services_are_the_bridges_own_words() {
    let config = small();
    let mapping = &config.bridges[0].members[0].mapping;
    let resource = mapping.resources().next().unwrap().0.clone();
    let service = mapping.services().next().unwrap().0.clone();
    let typed = format!("resource={resource}");
    assert_eq!(
        read(Field::Resource, &typed),
        Ok(FieldValue::Resource(resource))
    );
    let typed = format!("services={service}, {service}");
    assert_eq!(
        read(Field::Services, &typed),
        Ok(FieldValue::Services(vec![service]))
    );
}
