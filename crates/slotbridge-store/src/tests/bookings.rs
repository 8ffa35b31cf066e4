//! Bookings and links.

use super::*;
use crate::{BookingRow, BridgeState, LinkRow, Outcome};

async fn only_booking(store: &Store) -> BookingRow {
    let [row] = store
        .bridge(&main_bridge(), Timestamp::MIN)
        .await
        .unwrap()
        .bookings
        .try_into()
        .unwrap();
    row
}

async fn only_link(store: &Store) -> LinkRow {
    let [link] = store
        .bridge(&main_bridge(), Timestamp::MIN)
        .await
        .unwrap()
        .links
        .try_into()
        .unwrap();
    link
}

#[tokio::test]
async fn a_booking_that_goes_keeps_its_slot_and_loses_its_content() {
    everywhere(async |store| {
        store
            .apply(vec![stored(1, live(0), 10), stored(1, live(0), 15)])
            .await
            .unwrap();
        let first = only_booking(&store).await;
        assert_eq!(
            (first.created_at, first.changed_at, first.canonical),
            (second(10), second(10), live(0))
        );
        store
            .apply(vec![stored(1, Presence::Gone, 20)])
            .await
            .unwrap();
        let gone = only_booking(&store).await;
        assert_eq!(
            (gone.created_at, gone.changed_at, gone.canonical),
            (second(10), second(20), Presence::Gone)
        );
        assert_eq!(gone.last_slot, Some(booking(0).slot));
        let content: Option<String> = store
            .worker()
            .read(|conn| Ok(conn.query_row("SELECT content FROM booking", [], |row| row.get(0))?))
            .await
            .unwrap();
        assert_eq!(content, None);
        store.apply(vec![stored(1, live(7200), 30)]).await.unwrap();
        assert_eq!(
            only_booking(&store).await.last_slot,
            Some(booking(7200).slot)
        );
    })
    .await;
}

/// Ends, changes, open entries and moved records each bring a booking in; nothing else does.
#[tokio::test]
async fn a_bridge_is_read_as_far_back_as_it_matters() {
    everywhere(async |store| {
        let settled = Change::Outcome {
            op: op_id(8),
            outcome: Outcome::Applied,
            remote_id: None,
            error: None,
            at: second(1),
        };
        let mut changes = vec![
            began(1),
            // Over, and nothing of it matters any more, live or not.
            stored(1, live(0), 0),
            stored(2, live(0), 0),
            stored(2, Presence::Gone, 1),
            // Ends just then, ends just after.
            stored(3, live(96_400), 0),
            stored(4, live(96_401), 0),
            stored(5, live(96_401), 0),
            stored(5, Presence::Gone, 1),
            // Over, but changed just then.
            stored(6, live(0), 100_000),
            // Over, with an open entry; with a settled one.
            stored(7, live(0), 0),
            intent(7, create(7, &site()), second(0)),
            stored(8, live(0), 0),
            intent(8, create(8, &site()), second(0)),
            settled,
            // Over, but its record was moved to later.
            stored(9, live(0), 0),
            seen(record("nine", 200_000), 0),
        ];
        changes.extend((1..10).map(|n| linked(n, site(), Some(&n.to_string()), shadow(0), 0)));
        changes.push(linked(9, salon(), Some("nine"), shadow(0), 0));
        store.apply(changes).await.unwrap();
        let state = store.bridge(&main_bridge(), second(100_000)).await.unwrap();
        let ids: Vec<u128> = state.bookings.iter().map(|row| row.id.as_u128()).collect();
        assert_eq!(ids, [4, 5, 6, 7, 9]);
        let links: Vec<(u128, &str)> = state
            .links
            .iter()
            .map(|link| (link.booking.as_u128(), link.platform.as_str()))
            .collect();
        assert_eq!(
            links,
            [
                (4, "site"),
                (5, "site"),
                (6, "site"),
                (7, "site"),
                (9, "salon"),
                (9, "site")
            ]
        );
        let other = BridgeName::new("other").unwrap();
        assert_eq!(
            store.bridge(&other, Timestamp::MIN).await.unwrap(),
            BridgeState::default()
        );
        assert_eq!(
            store
                .bridge(&main_bridge(), Timestamp::MIN)
                .await
                .unwrap()
                .bookings
                .len(),
            9
        );
        // Only the open entry is left.
        assert_eq!(
            store
                .bridge(&main_bridge(), second(1_000_000))
                .await
                .unwrap()
                .bookings
                .len(),
            1
        );
    })
    .await;
}

#[tokio::test]
async fn bookings_are_found_by_their_id_and_by_their_records() {
    everywhere(async |store| {
        let changes = (1..4)
            .flat_map(|n| {
                [
                    stored(n, live(0), 0),
                    linked(n, salon(), Some(&n.to_string()), shadow(0), 0),
                ]
            })
            .chain([linked(2, site(), Some("1"), shadow(0), 0)]);
        store.apply(changes.collect()).await.unwrap();
        let found = |state: BridgeState| -> (Vec<u128>, usize) {
            (
                state.bookings.iter().map(|row| row.id.as_u128()).collect(),
                state.links.len(),
            )
        };
        let by_id = store
            .bookings(&main_bridge(), [3, 2, 9, 2].map(booking_id).to_vec())
            .await
            .unwrap();
        assert_eq!(found(by_id), (vec![2, 3], 3));
        let records = ["2", "3", "77"].map(remote).to_vec();
        let by_record = store
            .bookings_of(&main_bridge(), &salon(), records.clone())
            .await
            .unwrap();
        assert_eq!(found(by_record), (vec![2, 3], 3));
        let by_record = store
            .bookings_of(&main_bridge(), &site(), vec![remote("1")])
            .await
            .unwrap();
        assert_eq!(found(by_record), (vec![2], 2));
        assert_eq!(
            found(
                store
                    .bookings_of(&main_bridge(), &site(), records)
                    .await
                    .unwrap()
            ),
            (vec![], 0)
        );
        let presumed = linked(3, site(), None, shadow(0), 0);
        store.apply(vec![presumed]).await.unwrap();
        for (platform, expected) in [(site(), (vec![3], 2)), (salon(), (vec![], 0))] {
            let presumed = store.presumed(&main_bridge(), &platform).await.unwrap();
            assert_eq!(found(presumed), expected);
        }
    })
    .await;
}

// R11
#[tokio::test]
async fn a_link_is_replaced_in_place_and_remembers_the_record_that_it_had() {
    everywhere(async |store| {
        store
            .apply(vec![
                stored(1, live(0), 0),
                linked(1, salon(), None, shadow(0), 10),
            ])
            .await
            .unwrap();
        assert_eq!(only_link(&store).await.remote_id, None);
        store
            .apply(vec![linked(1, salon(), Some("a"), shadow(0), 20)])
            .await
            .unwrap();
        store
            .apply(vec![linked(1, salon(), Some("a"), shadow(0), 30)])
            .await
            .unwrap();
        let expected = LinkRow {
            booking: booking_id(1),
            platform: salon(),
            remote_id: Some(remote("a")),
            shadow: shadow(0),
            at: second(20),
            is_erased: false,
        };
        assert_eq!(only_link(&store).await, expected);
        assert_eq!(
            store
                .past_links(&main_bridge(), Timestamp::MIN)
                .await
                .unwrap(),
            []
        );
        store
            .apply(vec![linked(1, salon(), Some("b"), shadow(7200), 40)])
            .await
            .unwrap();
        let expected = LinkRow {
            remote_id: Some(remote("b")),
            shadow: shadow(7200),
            at: second(40),
            ..expected
        };
        assert_eq!(only_link(&store).await, expected);
        let past = store
            .past_links(&main_bridge(), Timestamp::MIN)
            .await
            .unwrap();
        assert_eq!(
            (past.len(), past[0].remote_id.clone(), past[0].until),
            (1, Some(remote("a")), second(40))
        );
    })
    .await;
}

// R11
#[tokio::test]
async fn an_unlinked_pair_becomes_a_past_one_and_the_record_can_be_linked_anew() {
    everywhere(async |store| {
        let unlink = |at| Change::Unlink {
            bridge: main_bridge(),
            booking: booking_id(1),
            platform: salon(),
            at: second(at),
        };
        let changes = vec![
            stored(1, live(0), 0),
            stored(2, live(0), 0),
            linked(1, salon(), Some("a"), shadow(0), 10),
        ];
        store.apply(changes).await.unwrap();
        store
            .apply(vec![
                unlink(20),
                unlink(30),
                linked(2, salon(), Some("a"), shadow(0), 30),
            ])
            .await
            .unwrap();
        assert_eq!(only_link(&store).await.booking, booking_id(2));
        let past = store.past_links(&main_bridge(), second(20)).await.unwrap();
        assert_eq!(
            (past.len(), past[0].booking, past[0].until),
            (1, booking_id(1), second(20))
        );
        assert_eq!(
            store.past_links(&main_bridge(), second(21)).await.unwrap(),
            []
        );
    })
    .await;
}

#[tokio::test]
async fn a_window_shows_the_bookings_that_meet_it() {
    everywhere(async |store| {
        let lasting = |from: i64, to: i64| {
            let slot = Slot::new(second(from), second(to)).unwrap();
            Presence::Live(Booking { slot, ..booking(0) })
        };
        let hour = 3_600;
        store
            .apply(vec![
                stored(1, lasting(0, hour), 1),
                stored(2, lasting(hour, 2 * hour), 1),
                stored(3, lasting(2 * hour, 3 * hour), 1),
                // A day long, and over only after all the others.
                stored(4, lasting(-hour, 23 * hour), 1),
                stored(5, lasting(hour, 2 * hour), 1),
            ])
            .await
            .unwrap();
        // One that is gone is still known by the time that it had.
        store
            .apply(vec![stored(5, Presence::Gone, 2)])
            .await
            .unwrap();
        let meeting = async |from, to| {
            let window = slotbridge_core::record::Window {
                from: second(from),
                to: second(to),
            };
            let state = store.bookings_within(&main_bridge(), window).await.unwrap();
            state
                .bookings
                .into_iter()
                .map(|row| row.id)
                .collect::<Vec<_>>()
        };
        let ids = |ids: &[u128]| ids.iter().map(|id| booking_id(*id)).collect::<Vec<_>>();
        assert_eq!(meeting(hour, 2 * hour).await, ids(&[2, 4, 5]));
        assert_eq!(meeting(hour - 1, hour).await, ids(&[1, 4]));
        assert_eq!(meeting(40 * hour, 50 * hour).await, []);
    })
    .await;
}
