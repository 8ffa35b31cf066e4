//! Invented bookings and platforms for the tests of this crate.

pub(crate) mod sides;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::model::{
    Booking, BookingId, Client, Field, Kind, PlatformName, Private, RemoteId, ResourceName,
    ServiceName, Slot, Status,
};
use crate::projection::{Projection, ServicesHeld, TextHeld};

/// So many minutes after an even hour on an ordinary day.
pub(crate) fn at(minute: i64) -> Timestamp {
    let morning: Timestamp = "2026-12-01T06:00:00Z".parse().unwrap();
    morning + SignedDuration::from_mins(minute)
}

pub(crate) fn slot(from: i64, to: i64) -> Slot {
    Slot::new(at(from), at(to)).unwrap()
}

pub(crate) fn platform(name: &str) -> PlatformName {
    PlatformName::new(name).unwrap()
}

pub(crate) fn resource(name: &str) -> ResourceName {
    ResourceName::new(name).unwrap()
}

pub(crate) fn service(name: &str) -> ServiceName {
    ServiceName::new(name).unwrap()
}

pub(crate) fn remote(id: &str) -> RemoteId {
    RemoteId::new(id)
}

pub(crate) fn id(number: u128) -> BookingId {
    BookingId::from_u128(number)
}

pub(crate) fn client(name: &str, phone: &str, email: &str) -> Client {
    let some = |text: &str| (!text.is_empty()).then(|| Private::new(text));
    Client {
        name: Private::new(name),
        phone: some(phone),
        email: some(email),
    }
}

/// Anna's booking of an hour from that minute on, for Vera.
pub(crate) fn booking(from: i64) -> Booking {
    Booking {
        resource: resource("anna"),
        services: vec![service("haircut")],
        slot: slot(from, from + 60),
        client: client("Вера Пробная", "+79000000001", "vera@example.com"),
        status: Status::Booked,
        comment: Private::new("у окна"),
        kind: Kind::Appointment,
    }
}

/// The booking with another value in one field, one of two.
pub(crate) fn changed(booking: &Booking, field: Field, value: char) -> Booking {
    let second = value == 'b';
    let pick = |one: &'static str, other: &'static str| if second { other } else { one };
    let mut changed = booking.clone();
    match field {
        Field::Resource => changed.resource = resource(pick("boris", "clara")),
        Field::Services => changed.services = vec![service(pick("beard", "shave"))],
        Field::Slot => {
            changed.slot = if second {
                slot(240, 330)
            } else {
                slot(600, 630)
            }
        }
        Field::ClientName => changed.client.name = Private::new(pick("Пётр", "Павел")),
        Field::ClientPhone => {
            changed.client.phone = Some(Private::new(pick("+79000000002", "+79000000003")));
        }
        Field::ClientEmail => {
            changed.client.email = Some(Private::new(pick("a@example.com", "b@example.com")));
        }
        Field::Status => {
            changed.status = if second {
                Status::Arrived
            } else {
                Status::Confirmed
            };
        }
        Field::Comment => changed.comment = Private::new(pick("на диване", "без музыки")),
    }
    changed
}

fn text() -> impl Strategy<Value = Private> {
    prop::sample::select(vec![
        "",
        "а",
        "Вера",
        "Вера Пробная",
        "вера пробная",
        "у окна, потом чай",
        "x y z",
    ])
    .prop_map(Private::new)
}

/// Bookings that differ in all that can differ, often enough equal in parts.
pub(crate) fn any_booking() -> impl Strategy<Value = Booking> {
    let contact = |values: [&'static str; 3]| {
        prop::option::of(prop::sample::select(values.to_vec()).prop_map(Private::new))
    };
    let services = prop::sample::subsequence(vec!["haircut", "beard", "shave"], 0..=3);
    let live = [
        Status::Booked,
        Status::Confirmed,
        Status::Arrived,
        Status::NoShow,
    ];
    (
        prop::sample::select(vec!["anna", "boris"]),
        services,
        (0_i64..200, 0_i64..90),
        (
            text(),
            contact(["+79000000001", "+79000000002", "8900"]),
            contact(["a@example.com", "A@example.com", "b@e"]),
        ),
        prop::sample::select(live.to_vec()),
        text(),
        prop::sample::select(vec![Kind::Appointment, Kind::Appointment, Kind::Block]),
    )
        .prop_map(
            |(who, services, (start, length), (name, phone, email), status, comment, kind)| {
                Booking {
                    resource: resource(who),
                    services: services.into_iter().map(service).collect(),
                    slot: slot(start, start + length),
                    client: Client { name, phone, email },
                    status,
                    comment,
                    kind,
                }
            },
        )
}

fn any_text_held() -> impl Strategy<Value = TextHeld> {
    prop_oneof![
        3 => Just(TextHeld::Whole),
        2 => (0_usize..12).prop_map(|chars_max| TextHeld::Cut { chars_max }),
        1 => Just(TextHeld::Not),
    ]
}

/// Projections that keep their law; a status that a platform has no word for becomes a plain booking there.
pub(crate) fn any_projection() -> impl Strategy<Value = Projection> {
    (
        prop::sample::select(vec![
            ServicesHeld::Many,
            ServicesHeld::One,
            ServicesHeld::Not,
        ]),
        prop::sample::select(vec![0_i64, 1, 60, 300, 900, 3_600, 7_000]),
        [
            any_text_held(),
            any_text_held(),
            any_text_held(),
            any_text_held(),
        ],
        [any::<bool>(), any::<bool>(), any::<bool>()],
    )
        .prop_map(
            |(services, step, [name, phone, email, comment], [confirmed, arrived, no_show])| {
                let held = |holds, status| if holds { status } else { Status::Booked };
                Projection {
                    services,
                    slot_step: SignedDuration::from_secs(step),
                    name,
                    phone,
                    email,
                    comment,
                    statuses: [
                        Status::Booked,
                        held(confirmed, Status::Confirmed),
                        held(arrived, Status::Arrived),
                        held(no_show, Status::NoShow),
                        Status::Cancelled,
                    ],
                }
            },
        )
}
