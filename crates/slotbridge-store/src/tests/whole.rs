//! Walking over everything a part at a time shows what loading all of it shows.

use slotbridge_core::record::Window;

use super::*;
use crate::{Base, Bound, MirrorKey, Place, RecordHash};

/// Every booking that a walk from an instant on shows, in its order.
async fn walked(store: &Store, since: Timestamp, limit: u32) -> Vec<Bound> {
    let (mut place, mut all) = (Some(Place::after(since)), Vec::new());
    while let Some(behind) = place {
        let (page, next) = store.walk(&main_bridge(), behind, limit).await.unwrap();
        assert!(page.len() <= usize::try_from(limit).unwrap());
        all.extend(page);
        place = next;
    }
    all
}

#[tokio::test]
async fn a_walk_shows_every_booking_that_ends_later_with_its_links_and_records() {
    everywhere(async |store| {
        let mut changes = Vec::new();
        for n in 0..23_i64 {
            let id = u128::try_from(n).unwrap();
            // Several end at the same time.
            let start = n / 3 * 7_200;
            let name = format!("record {n}");
            changes.push(stored(id, live(start), 100));
            changes.push(linked(id, salon(), Some(&name), shadow(start), 100));
            changes.push(linked(id, site(), None, shadow(start), 100));
            if n % 4 != 0 {
                changes.push(seen(record(&name, start), 100));
            }
        }
        changes.push(stored(99, Presence::Gone, 100));
        store.apply(changes).await.unwrap();
        for limit in [1, 2, 5, 23, 100] {
            for since in [-1, 0, 3_600, 10_800, 50_000, 100_000] {
                let all = walked(&store, second(since), limit).await;
                let expected: BTreeSet<BookingId> = store
                    .bridge(&main_bridge(), Timestamp::MAX)
                    .await
                    .unwrap()
                    .bookings
                    .iter()
                    .chain(
                        &store
                            .bridge(&main_bridge(), second(since))
                            .await
                            .unwrap()
                            .bookings,
                    )
                    .filter(|row| row.last_slot.is_some_and(|slot| slot.end() > second(since)))
                    .map(|row| row.id)
                    .collect();
                let ids: Vec<BookingId> = all.iter().map(|one| one.booking.id).collect();
                assert_eq!(ids.len(), expected.len(), "{limit} {since}");
                assert_eq!(ids.iter().copied().collect::<BTreeSet<_>>(), expected);
                assert!(all.is_sorted_by_key(|one| one.booking.last_slot.map(Slot::end)));
                for one in all {
                    assert_eq!(one.links.len(), 2);
                    let n = one.booking.id.as_u128();
                    let with_record = |bound: &Bound| bound.links[0].record.is_some();
                    assert_eq!(with_record(&one), n % 4 != 0);
                    assert_eq!(one.links[1].record, None);
                    assert_eq!(
                        store
                            .bound(&main_bridge(), vec![one.booking.id])
                            .await
                            .unwrap(),
                        [one]
                    );
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_shadow_that_is_the_booking_is_told_without_being_read() {
    everywhere(async |store| {
        let other = Shadow {
            kept: live(0),
            agreed: live(3_600),
        };
        store
            .apply(vec![
                stored(1, live(0), 10),
                linked(1, salon(), Some("same"), shadow(0), 10),
                linked(1, site(), Some("other"), other.clone(), 10),
                stored(2, live(0), 10),
                linked(2, salon(), Some("moved"), shadow(3_600), 10),
                stored(3, live(0), 10),
                linked(3, salon(), Some("gone"), Shadow::GONE, 10),
                stored(3, Presence::Gone, 20),
            ])
            .await
            .unwrap();
        let walk = walked(&store, second(0), 10).await;
        let bases: Vec<&Base> = walk
            .iter()
            .flat_map(|one| one.links.iter().map(|link| &link.base))
            .collect();
        let other_than = |shadow| Base::Other(Box::new(shadow));
        assert_eq!(
            bases,
            [
                &Base::Booking,
                &other_than(other),
                &other_than(shadow(3_600)),
                &other_than(Shadow::GONE)
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn what_a_walk_leaves_out_is_found_by_its_change_or_by_its_record() {
    everywhere(async |store| {
        store
            .apply(vec![
                // Over, and changed since.
                stored(1, live(0), 90_000),
                // Over and unchanged, but its record was moved to later.
                stored(2, live(0), 10),
                linked(2, salon(), Some("moved"), shadow(0), 10),
                seen(record("moved", 80_000), 20),
                // Over and unchanged.
                stored(3, live(0), 10),
                linked(3, salon(), Some("over"), shadow(0), 10),
                seen(record("over", 0), 10),
                // It never took a time.
                stored(4, Presence::Gone, 90_000),
                stored(5, live(80_000), 10),
                seen(record("alone", 80_000), 10),
                seen(
                    Record {
                        state: RecordState::Cancelled,
                        ..record("alone and gone", 80_000)
                    },
                    10,
                ),
                seen(record("alone and over", 0), 10),
            ])
            .await
            .unwrap();
        let (bridge, since) = (main_bridge(), second(50_000));
        let over = store.over_but_changed(&bridge, since).await.unwrap();
        assert_eq!(over, [booking_id(1), booking_id(4)]);
        let elsewhere = store.elsewhere(&bridge, &salon(), since).await.unwrap();
        assert_eq!(elsewhere, [booking_id(2)]);
        let mut all: BTreeSet<BookingId> = over.into_iter().chain(elsewhere).collect();
        let walk = walked(&store, since, 10).await;
        all.extend(walk.iter().map(|one| one.booking.id));
        let loaded = store.bridge(&bridge, since).await.unwrap();
        assert_eq!(all, loaded.bookings.iter().map(|row| row.id).collect());
        let (alone, linked) = store.unlinked(&bridge, &salon(), since).await.unwrap();
        let alone: Vec<(&str, RecordState)> = alone
            .iter()
            .map(|one| (one.id.as_str(), one.state))
            .collect();
        assert_eq!(
            alone,
            [
                ("alone", RecordState::Live),
                ("alone and gone", RecordState::Cancelled)
            ]
        );
        assert_eq!(linked, 1);
    })
    .await;
}

#[tokio::test]
async fn keys_come_in_order_and_tell_what_has_changed() {
    everywhere(async |store| {
        let records: Vec<Record> = (0..11)
            .map(|n| record(&format!("{:02}", 11 - n), n / 4 * 3_600))
            .collect();
        let changes = records.iter().map(|record| seen(record.clone(), 10));
        store.apply(changes.collect()).await.unwrap();
        let window = Window {
            from: second(0),
            to: second(7_200),
        };
        let (mut all, mut behind): (Vec<MirrorKey>, Option<MirrorKey>) = (Vec::new(), None);
        loop {
            let keys = store
                .mirror_keys(&salon(), window, behind.take(), 3)
                .await
                .unwrap();
            behind = keys.last().cloned();
            if keys.is_empty() {
                break;
            }
            all.extend(keys);
        }
        let mut expected: Vec<&Record> = records
            .iter()
            .filter(|record| window.contains(record.start))
            .collect();
        expected.sort_by_key(|record| (record.start, record.id.clone()));
        assert_eq!(all.len(), 8);
        for (key, record) in all.iter().zip(expected) {
            assert_eq!((&key.id, key.start), (&record.id, record.start));
            assert_eq!(key.hash, RecordHash::of(record));
            let renamed = Record {
                resource_title: Some("Anna K.".to_owned()),
                ..record.clone()
            };
            assert_ne!(key.hash, RecordHash::of(&renamed));
        }
        let cut = async |records| store.mirror_cut(&salon(), window, records).await.unwrap();
        assert_eq!(cut(8).await, None);
        assert_eq!(cut(7).await, Some(second(3_600)));
        assert_eq!(cut(2).await, Some(second(0)));
    })
    .await;
}

#[tokio::test]
async fn a_window_that_was_shown_counts_as_the_latest_sight_of_what_lives_in_it() {
    everywhere(async |store| {
        let gone = Record {
            state: RecordState::Cancelled,
            ..record("gone", 0)
        };
        let shown = Change::WindowShown {
            platform: salon(),
            window: Window {
                from: second(0),
                to: second(3_600),
            },
            at: second(50),
        };
        store
            .apply(vec![
                seen(record("in", 0), 10),
                seen(gone, 10),
                seen(record("out", 3_600), 10),
                shown,
            ])
            .await
            .unwrap();
        let seen_at = async |id: &str| {
            let rows = store.mirror_rows(&salon(), vec![remote(id)]).await.unwrap();
            rows[0].seen_at
        };
        assert_eq!(seen_at("in").await, second(50));
        assert_eq!(seen_at("gone").await, second(10));
        assert_eq!(seen_at("out").await, second(10));
        // A listing that was begun before is the older word on it, and on nothing else.
        let listed = |id: &str, start| Change::MirrorListed {
            platform: salon(),
            record: Record {
                status: Status::Arrived,
                ..record(id, start)
            },
            begun_at: second(40),
            at: second(60),
        };
        store
            .apply(vec![listed("in", 0), listed("out", 3_600)])
            .await
            .unwrap();
        let status = async |id: &str| {
            let rows = store.mirror_rows(&salon(), vec![remote(id)]).await.unwrap();
            rows[0].record.status
        };
        assert_eq!(status("in").await, Status::Booked);
        assert_eq!(status("out").await, Status::Arrived);
        store.apply(vec![seen(record("in", 0), 70)]).await.unwrap();
        assert_eq!(seen_at("in").await, second(70));
    })
    .await;
}
