//! Records in the bridge's words, and what has no word there.

use super::*;
use crate::model::{BookingId, Client, Private, RemoteId, Status};
use crate::record::RecordState;
use crate::testing::{at, client, platform, resource, service, slot};

fn key(text: &str) -> ServiceKey {
    ServiceKey::new(text)
}

fn mapping() -> Mapping {
    let mut mapping = Mapping::default();
    let salon = platform("salon");
    mapping
        .add_resource(&salon, &resource("anna"), ResourceKey::new("8886"))
        .unwrap();
    for (name, id, mins) in [
        ("haircut", "331", Some(60)),
        ("beard", "332", Some(30)),
        ("talk", "333", None),
    ] {
        let length = mins.map(SignedDuration::from_mins);
        mapping
            .add_service(&salon, &service(name), key(id), length)
            .unwrap();
    }
    mapping
}

fn record() -> Record {
    Record {
        id: RemoteId::new("501"),
        state: RecordState::Live,
        resource: ResourceKey::new("8886"),
        services: vec![key("331")],
        start: at(0),
        end: Some(at(45)),
        client: client("  Вера \n Пробная ", "+79000000001", "vera@example.com"),
        status: Status::Confirmed,
        comment: Private::new("у окна \r\n"),
        marker: Some(BookingId::from_u128(1)),
        is_block: false,
        changed_at: None,
        created_at: None,
        resource_title: Some("Анна".to_owned()),
        service_title: Some("Стрижка".to_owned()),
        group: None,
        support: Support::Full,
    }
}

#[test]
fn a_record_is_told_in_the_bridges_words() {
    let booking = to_booking(&record(), &mapping()).unwrap();
    assert_eq!(booking.resource, resource("anna"));
    assert_eq!(booking.services, [service("haircut")]);
    assert_eq!(booking.slot, slot(0, 45));
    assert_eq!(
        booking.client,
        client("Вера Пробная", "+79000000001", "vera@example.com")
    );
    assert_eq!(booking.comment.expose(), "у окна");
    assert_eq!(
        (booking.status, booking.kind),
        (Status::Confirmed, Kind::Appointment)
    );
}

#[test]
fn services_give_the_length_where_the_platform_does_not() {
    for (services, end, expected) in [
        (vec!["331"], Some(45), Ok(45)),
        (vec!["331"], None, Ok(60)),
        (vec!["331", "332"], None, Ok(90)),
        (vec!["332", "332"], None, Ok(30)),
        (vec!["331", "333"], None, Err(Unmapped::NoLength)),
        (vec![], None, Err(Unmapped::NoLength)),
        (vec![], Some(45), Ok(45)),
        (vec!["331"], Some(-5), Err(Unmapped::NoLength)),
    ] {
        let shown = Record {
            services: services.iter().map(|id| key(id)).collect(),
            end: end.map(at),
            ..record()
        };
        let read = to_booking(&shown, &mapping()).map(|booking| booking.slot);
        assert_eq!(read, expected.map(|to| slot(0, to)), "{services:?} {end:?}");
    }
}

#[test]
fn what_is_not_mapped_is_named() {
    let stranger = Record {
        resource: ResourceKey::new("9"),
        ..record()
    };
    let expected = Unmapped::Resource {
        key: ResourceKey::new("9"),
        title: Some("Анна".to_owned()),
    };
    assert_eq!(to_booking(&stranger, &mapping()), Err(expected));
    let odd = Record {
        services: vec![key("331"), key("9")],
        ..record()
    };
    let expected = Unmapped::Service {
        key: key("9"),
        title: Some("Стрижка".to_owned()),
    };
    assert_eq!(to_booking(&odd, &mapping()), Err(expected));
}

#[test]
fn a_record_that_only_takes_time_becomes_an_anonymous_block() {
    for shown in [
        Record {
            is_block: true,
            ..record()
        },
        Record {
            support: Support::Occupancy {
                why: "a group event",
            },
            ..record()
        },
        // A service that is not mapped does not keep its time from being protected.
        Record {
            support: Support::Occupancy {
                why: "a group event",
            },
            services: vec![key("9")],
            ..record()
        },
    ] {
        let block = to_booking(&shown, &mapping()).unwrap();
        assert_eq!(
            (block.kind, block.slot, block.status),
            (Kind::Block, slot(0, 45), Status::Booked)
        );
        assert_eq!(
            (block.client, block.comment),
            (Client::default(), Private::default())
        );
    }
}

#[test]
fn an_id_belongs_to_one_name() {
    let mut mapping = mapping();
    let salon = platform("salon");
    let twice = mapping
        .add_resource(&salon, &resource("boris"), ResourceKey::new("8886"))
        .unwrap_err();
    assert_eq!(
        twice.to_string(),
        "resource 8886 of platform salon is mapped to both \"anna\" and \"boris\""
    );
    let twice = mapping
        .add_service(&salon, &service("shave"), key("332"), None)
        .unwrap_err();
    assert_eq!(
        twice.to_string(),
        "service 332 of platform salon is mapped to both \"beard\" and \"shave\""
    );
    assert_eq!(
        mapping.resource_name(&ResourceKey::new("8886")),
        Some(&resource("anna"))
    );
    assert_eq!(mapping.resource_key(&resource("boris")), None);
    assert_eq!(mapping.service_key(&service("beard")), Some(&key("332")));
    assert_eq!(mapping.resources().count(), 1);
    let lengths: Vec<_> = mapping
        .services()
        .map(|(name, _, length)| (name.as_str(), length))
        .collect();
    let mins = |mins| Some(SignedDuration::from_mins(mins));
    assert_eq!(
        lengths,
        [("beard", mins(30)), ("haircut", mins(60)), ("talk", None)]
    );
}
