//! Whatever is stored comes back as it was.

use proptest::option;
use proptest::prelude::*;
use slotbridge_core::merge::{Claim, Conflict, Stamp, Subject};
use slotbridge_core::model::FieldValue;

use super::*;
use crate::{Decider, JournalState};

fn instant() -> impl Strategy<Value = Timestamp> {
    // Whole microseconds, as documented.
    (-2_000_000_000_000_000_i64..4_000_000_000_000_000)
        .prop_map(|us| Timestamp::from_microsecond(us).unwrap())
}

fn text() -> impl Strategy<Value = String> {
    // With quotes, controls and letters of every kind.
    "(?s).{0,12}"
}

fn private() -> impl Strategy<Value = Private> {
    text().prop_map(Private::new)
}

fn name() -> impl Strategy<Value = String> {
    "[a-zа-яё0-9_.-]{1,12}"
}

fn key() -> impl Strategy<Value = String> {
    "[^\\x00]{1,12}"
}

fn slot() -> impl Strategy<Value = Slot> {
    (instant(), 0_i64..100_000_000_000).prop_map(|(start, length)| {
        let end = Timestamp::from_microsecond(start.as_microsecond() + length).unwrap();
        Slot::new(start, end).unwrap()
    })
}

fn clients() -> impl Strategy<Value = Client> {
    (private(), option::of(private()), option::of(private()))
        .prop_map(|(name, phone, email)| Client { name, phone, email })
}

fn status() -> impl Strategy<Value = Status> {
    prop::sample::select(Status::ALL.to_vec())
}

fn bookings() -> impl Strategy<Value = Booking> {
    let services = prop::collection::vec(
        name().prop_map(|name| ServiceName::new(name).unwrap()),
        0..4,
    );
    let kind = prop::sample::select(vec![Kind::Appointment, Kind::Block]);
    (
        name(),
        services,
        slot(),
        clients(),
        status(),
        private(),
        kind,
    )
        .prop_map(
            |(resource, services, slot, client, status, comment, kind)| Booking {
                resource: ResourceName::new(resource).unwrap(),
                services,
                slot,
                client,
                status,
                comment,
                kind,
            },
        )
}

fn presence() -> impl Strategy<Value = Presence> {
    prop_oneof![4 => bookings().prop_map(Presence::Live), 1 => Just(Presence::Gone)]
}

fn records() -> impl Strategy<Value = Record> {
    let state = prop::sample::select(vec![
        RecordState::Live,
        RecordState::Cancelled,
        RecordState::Deleted,
    ]);
    let support = prop::sample::select(vec![
        Support::Full,
        Support::Occupancy {
            why: "a group event",
        },
    ]);
    let what = (
        key(),
        state,
        key(),
        prop::collection::vec(key().prop_map(ServiceKey::new), 0..4),
        support,
    );
    let when = (
        instant(),
        option::of(instant()),
        option::of(instant()),
        option::of(instant()),
    );
    let who = (
        clients(),
        status(),
        private(),
        option::of(any::<u128>()),
        any::<bool>(),
    );
    let titles = (option::of(text()), option::of(text()), option::of(text()));
    (what, when, who, titles).prop_map(|(what, when, who, titles)| Record {
        id: RemoteId::new(what.0),
        state: what.1,
        resource: ResourceKey::new(what.2),
        services: what.3,
        start: when.0,
        end: when.1,
        client: who.0,
        status: who.1,
        comment: who.2,
        marker: who.3.map(BookingId::from_u128),
        is_block: who.4,
        changed_at: when.2,
        created_at: when.3,
        resource_title: titles.0,
        service_title: titles.1,
        group: titles.2,
        support: what.4,
    })
}

fn operations() -> impl Strategy<Value = Operation> {
    let fields = prop::sample::subsequence(Field::ALL.to_vec(), 0..=Field::ALL.len());
    let action = prop_oneof![
        bookings().prop_map(|desired| Action::Create { desired }),
        (key(), bookings(), bookings(), fields, any::<bool>()).prop_map(
            |(remote_id, shown, desired, fields, parking)| Action::Update {
                remote_id: RemoteId::new(remote_id),
                shown,
                desired,
                fields: fields.into_iter().collect(),
                parking,
            }
        ),
        (key(), bookings()).prop_map(|(remote_id, shown)| Action::Remove {
            remote_id: RemoteId::new(remote_id),
            shown
        }),
    ];
    let because = prop::collection::vec((name(), key()), 0..3);
    (any::<u128>(), name(), action, because, any::<[bool; 2]>()).prop_map(
        |(booking, platform, action, because, [force, undoes])| Operation {
            booking: BookingId::from_u128(booking),
            platform: PlatformName::new(platform).unwrap(),
            action,
            because: because
                .into_iter()
                .map(|(platform, id)| (PlatformName::new(platform).unwrap(), RemoteId::new(id)))
                .collect(),
            force,
            undoes,
        },
    )
}

fn conflicting() -> impl Strategy<Value = Conflict> {
    let value = prop_oneof![
        name().prop_map(|name| FieldValue::Resource(ResourceName::new(name).unwrap())),
        prop::collection::vec(
            name().prop_map(|name| ServiceName::new(name).unwrap()),
            0..3
        )
        .prop_map(FieldValue::Services),
        slot().prop_map(FieldValue::Slot),
        option::of(private()).prop_map(FieldValue::Text),
        status().prop_map(FieldValue::Status),
    ];
    let stamp = prop::sample::select(vec![Stamp::Platform, Stamp::FirstSeen]);
    let claim = (name(), option::of(value), instant(), stamp).prop_map(
        |(platform, value, changed_at, stamp)| Claim {
            platform: PlatformName::new(platform).unwrap(),
            value,
            changed_at,
            stamp,
        },
    );
    let mut subjects: Vec<Subject> = Field::ALL.into_iter().map(Subject::Field).collect();
    subjects.push(Subject::Removal);
    (
        prop::sample::select(subjects),
        prop::collection::vec(claim, 1..4),
        option::of(name()),
    )
        .prop_map(|(subject, claims, decided)| Conflict {
            subject,
            claims,
            decided: decided.map(|name| PlatformName::new(name).unwrap()),
        })
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(test)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn a_record_comes_back(record in records(), at in instant()) {
        run(async {
            let store = Store::in_memory().unwrap();
            store.apply(vec![Change::MirrorSeen { platform: salon(), record: record.clone(), at }]).await.unwrap();
            let rows = store.mirror(&salon(), Timestamp::MIN).await.unwrap();
            prop_assert_eq!(rows.len(), 1);
            prop_assert_eq!(&rows[0].record, &record);
            prop_assert_eq!(rows[0].first_seen_at, at);
            let by_id = store.mirror_rows(&salon(), vec![record.id.clone()]).await.unwrap();
            prop_assert_eq!(by_id, rows);
            Ok(())
        })?;
    }

    #[test]
    fn a_record_that_differs_in_anything_is_stored_anew(one in records(), other in records()) {
        run(async {
            let store = Store::in_memory().unwrap();
            let other = Record { id: one.id.clone(), ..other };
            let seen = |record: &Record, at| Change::MirrorSeen { platform: salon(), record: record.clone(), at: second(at) };
            store.apply(vec![seen(&one, 1), seen(&other, 2)]).await.unwrap();
            let rows = store.mirror(&salon(), Timestamp::MIN).await.unwrap();
            prop_assert_eq!(&rows[0].record, &other);
            let differs = Record {
                resource_title: one.resource_title.clone(),
                service_title: one.service_title.clone(),
                ..other.clone()
            } != one;
            prop_assert_eq!(rows[0].noticed_at, second(if differs { 2 } else { 1 }));
            Ok(())
        })?;
    }

    #[test]
    fn a_booking_and_its_link_come_back(canonical in presence(), kept in presence(), agreed in presence(), id in any::<u128>()) {
        run(async {
            let store = Store::in_memory().unwrap();
            let shadow = Shadow { kept, agreed };
            store.apply(vec![stored(id, canonical.clone(), 1), linked(id, salon(), Some("r"), shadow.clone(), 2)]).await.unwrap();
            let state = store.bridge(&main_bridge(), Timestamp::MIN).await.unwrap();
            prop_assert_eq!(&state.bookings[0].canonical, &canonical);
            prop_assert_eq!(state.bookings[0].id, booking_id(id));
            prop_assert_eq!(state.bookings[0].last_slot, canonical.live().map(|booking| booking.slot));
            prop_assert_eq!(&state.links[0].shadow, &shadow);
            let by_id = store.bookings(&main_bridge(), vec![booking_id(id)]).await.unwrap();
            prop_assert_eq!(by_id, state);
            Ok(())
        })?;
    }

    #[test]
    fn an_operation_comes_back(operation in operations(), fingerprint in text(), op in any::<u128>()) {
        run(async {
            let store = Store::in_memory().unwrap();
            let intent = Change::Intent {
                op: op_id(op),
                run: run_id(1),
                bridge: main_bridge(),
                operation: operation.clone(),
                fingerprint: fingerprint.clone(),
                at: second(5),
            };
            store.apply(vec![began(1), intent]).await.unwrap();
            let rows = store.journal_open(&main_bridge()).await.unwrap();
            prop_assert_eq!(&rows[0].operation, &operation);
            prop_assert_eq!((rows[0].op, rows[0].state), (op_id(op), JournalState::Intended));
            prop_assert_eq!(&rows[0].fingerprint, &fingerprint);
            prop_assert_eq!(rows[0].remote_id.as_ref(), operation.action.remote_id());
            Ok(())
        })?;
    }

    #[test]
    fn a_conflict_comes_back(conflict in conflicting()) {
        run(async {
            let store = Store::in_memory().unwrap();
            let found = Change::Conflict { bridge: main_bridge(), booking: booking_id(1), conflict: conflict.clone(), at: second(5) };
            store.apply(vec![stored(1, live(0), 0), found]).await.unwrap();
            let mut rows = store.conflicts(None).await.unwrap();
            rows.extend(store.conflicts_decided(&main_bridge(), Timestamp::MIN).await.unwrap());
            prop_assert_eq!(rows.len(), 1);
            prop_assert_eq!(&rows[0].conflict, &conflict);
            prop_assert_eq!(rows[0].decided_by, conflict.decided.as_ref().map(|_| Decider::Policy));
            Ok(())
        })?;
    }
}

#[test]
fn ids_are_read_back_from_their_text() {
    let run = RunId::from_parts(second(0), [7; 10]);
    assert_eq!(run.to_string().parse(), Ok(run));
    let op = OpId::from_parts(second(0), [7; 10]);
    assert_eq!(op.to_string().parse(), Ok(op));
    assert!(
        op < OpId::from_parts(second(1), [0; 10]),
        "ids sort by time"
    );
    for not_an_id in ["", "1", "018f0000000070008000000000000000"] {
        assert!(
            not_an_id.parse::<RunId>().is_err() && not_an_id.parse::<OpId>().is_err(),
            "{not_an_id}"
        );
    }
}
