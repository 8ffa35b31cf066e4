//! Erasing clients: what goes, what stays, and what does not come back.

use slotbridge_core::record::RecordState;

use slotbridge_core::model::FieldValue;

use super::*;
use crate::{Body, Erased, Outcome};

/// Far after everything in these tests.
const LATER: i64 = 10_000_000;

async fn erase(store: &Store, now: i64, to_come_too: bool) -> Erased {
    let phones = vec!["+79000000001".to_owned()];
    store
        .erase_client(phones, Vec::new(), second(now), to_come_too)
        .await
        .unwrap()
}

/// One booking with a record on each platform, everything that is noted about it, and what belongs to somebody else.
fn planted() -> Vec<Change> {
    let mut other = record("other", 0);
    other.client = Client {
        name: Private::new("Somebody Else"),
        phone: Some(Private::new("+79000000009")),
        email: None,
    };
    other.comment = Private::default();
    let mut narrow = record("2", 0);
    narrow.client = Client::default();
    vec![
        began(1),
        seen(record("1", 0), 0),
        Change::MirrorSeen {
            platform: site(),
            record: narrow,
            at: second(0),
        },
        seen(other, 0),
        stored(1, live(0), 0),
        linked(1, salon(), Some("1"), shadow(0), 0),
        linked(1, site(), Some("2"), shadow(0), 0),
        intent(1, update(1, &site()), second(0)),
        came_out(1, Outcome::Applied, 1),
        Change::Conflict {
            bridge: main_bridge(),
            booking: booking_id(1),
            conflict: conflicts::phone(&[("salon", "+79000000001", 0), ("site", "2", 1)], None),
            at: second(0),
        },
        webhook(1, "1", "{\"phone\": \"8 (900) 000-00-01\"}"),
        webhook(2, "unknown", "{\"phone\": \"8 (900) 000-00-01\"}"),
        webhook(3, "1", "{\"phone\": \"8 (900) 000-00-09\"}"),
    ]
}

fn webhook(n: u8, id: &str, body: &str) -> Change {
    Change::Inbox {
        platform: salon(),
        id: Some(remote(id)),
        body_hash: [n; 32],
        body: Body::from(body.as_bytes().to_vec()),
        at: second(0),
    }
}

fn came_out(op: u128, outcome: Outcome, at: i64) -> Change {
    Change::Outcome {
        op: op_id(op),
        outcome,
        remote_id: None,
        error: None,
        at: second(at),
    }
}

async fn row(store: &Store, id: &str) -> crate::MirrorRow {
    let rows = store.mirror_rows(&salon(), vec![remote(id)]).await.unwrap();
    rows.into_iter().next().unwrap()
}

#[tokio::test]
async fn everything_of_the_client_goes_and_ids_links_and_times_stay() {
    everywhere(async |store| {
        store.apply(planted()).await.unwrap();
        let before = store.bridge(&main_bridge(), Timestamp::MIN).await.unwrap();
        let erased = erase(&store, LATER, false).await;
        let counts = (
            erased.bookings,
            erased.records,
            erased.operations,
            erased.conflicts,
            erased.webhooks,
            erased.open,
        );
        // The narrow record has a comment only. The webhook about an unknown record waits for its pass.
        assert_eq!(counts, (1, 2, 1, 1, 1, 1));
        let after = store.bridge(&main_bridge(), Timestamp::MIN).await.unwrap();
        let printed = format!("{:?}", store.journal_of_run(run_id(1)).await.unwrap());
        assert!(printed.contains("is_erased: true"), "{printed}");
        assert!(after.bookings[0].is_erased && after.links.iter().all(|link| link.is_erased));
        let blank = |presence: &Presence| {
            let booking = presence.live().unwrap();
            (
                booking.client == Client::default() && booking.comment.is_blank(),
                booking.slot,
                booking.resource.clone(),
            )
        };
        assert_eq!(
            blank(&after.bookings[0].canonical),
            (true, booking(0).slot, booking(0).resource)
        );
        for (link, was) in after.links.iter().zip(&before.links) {
            assert!(blank(&link.shadow.kept).0 && blank(&link.shadow.agreed).0);
            assert_eq!((&link.remote_id, link.at), (&was.remote_id, was.at));
        }
        let open = &store.conflicts(None).await.unwrap()[0];
        let values: Vec<_> = open
            .conflict
            .claims
            .iter()
            .map(|claim| claim.value.clone())
            .collect();
        assert_eq!(
            values,
            [Some(FieldValue::Text(None)), Some(FieldValue::Text(None))]
        );
        assert!(!row(&store, "other").await.is_erased);
        assert!(row(&store, "other").await.record.client.phone.is_some());
        assert_eq!(store.inbox_pending(&salon()).await.unwrap().len(), 2);
        // The second time finds only what waits.
        let again = erase(&store, LATER, false).await;
        assert!(again.is_nothing() && again.open == 1, "{again:?}");
    })
    .await;
}

#[tokio::test]
async fn a_record_that_is_over_does_not_bring_its_client_back() {
    everywhere(async |store| {
        store.apply(planted()).await.unwrap();
        erase(&store, LATER, false).await;
        let erased = row(&store, "1").await;
        assert_eq!(erased.record.client, Client::default());
        // The same again, another spelling, and the removal of it.
        let mut noisy = record("1", 0);
        noisy.comment = Private::new("another comment");
        let mut deleted = noisy.clone();
        deleted.state = RecordState::Deleted;
        for shown in [record("1", 0), noisy, deleted] {
            store.apply(vec![seen(shown.clone(), LATER)]).await.unwrap();
            let now = row(&store, "1").await;
            assert!(now.is_erased && now.record.comment.is_blank());
            assert_eq!(now.record.client, Client::default());
            assert_eq!(now.record.state, shown.state);
        }
        // Moved to a time that is still to come, it is a booking like any other again.
        store
            .apply(vec![seen(record("1", LATER + 3_600), LATER)])
            .await
            .unwrap();
        assert_eq!(row(&store, "1").await.record, record("1", LATER + 3_600));
    })
    .await;
}

#[tokio::test]
async fn what_is_to_come_is_only_erased_when_it_is_meant_and_comes_back() {
    everywhere(async |store| {
        store.apply(planted()).await.unwrap();
        let left = erase(&store, -1, false).await;
        assert!(
            left.operations + left.bookings + left.records == 0,
            "{left:?}"
        );
        let [to_come] = &left.to_come[..] else {
            panic!("{left:?}")
        };
        assert_eq!(to_come.starts_at, second(0));
        assert_eq!(to_come.platforms, ["salon", "site"]);
        let erased = erase(&store, -1, true).await;
        assert_eq!((erased.bookings, erased.records), (1, 2));
        assert!(row(&store, "1").await.is_erased);
        store.apply(vec![seen(record("1", 0), -1)]).await.unwrap();
        let back = row(&store, "1").await;
        assert_eq!((back.record, back.is_erased), (record("1", 0), false));
        assert_eq!(back.noticed_at, second(0), "coming back is no change");
    })
    .await;
}

#[tokio::test]
async fn what_is_under_way_is_left() {
    everywhere(async |store| {
        store.apply(planted()).await.unwrap();
        store
            .apply(vec![intent(2, remove(1, &site()), second(5))])
            .await
            .unwrap();
        let left = erase(&store, LATER, true).await;
        assert_eq!((left.bookings, left.records, left.open), (0, 0, 2));
        assert!(!row(&store, "1").await.is_erased);
    })
    .await;
}

#[tokio::test]
async fn what_is_over_for_long_is_erased_and_what_is_not_stays() {
    everywhere(async |store| {
        store.apply(planted()).await.unwrap();
        let mut late = record("late", 500_000);
        late.client.phone = Some(Private::new("+79000000007"));
        store
            .apply(vec![
                seen(late, 0),
                stored(2, live(500_000), 0),
                linked(2, salon(), Some("late"), shadow(500_000), 0),
            ])
            .await
            .unwrap();
        let erased = store.erase_over(second(400_000)).await.unwrap();
        // The booking's two records, and one that belongs to no booking.
        assert_eq!((erased.bookings, erased.records), (1, 3), "{erased:?}");
        assert!(row(&store, "1").await.is_erased && row(&store, "other").await.is_erased);
        assert!(!row(&store, "late").await.is_erased);
        let again = store.erase_over(second(400_000)).await.unwrap();
        assert_eq!(again, Erased::default());
    })
    .await;
}

#[tokio::test]
async fn nothing_is_left_in_any_file() {
    let (folder, path) = nowhere();
    let store = open(&path).unwrap();
    store.apply(planted()).await.unwrap();
    let mut more = Vec::new();
    for n in 10..400_u32 {
        let id = n.to_string();
        more.push(seen(record(&id, i64::from(n)), 0));
        more.push(stored(u128::from(n), live(i64::from(n)), 0));
        more.push(linked(
            u128::from(n),
            salon(),
            Some(&id),
            shadow(i64::from(n)),
            0,
        ));
    }
    store.apply(more).await.unwrap();
    erase(&store, LATER, false).await;
    assert!(store.scrub().await.unwrap());
    // While it is open, so that the log is looked at too.
    for entry in fs::read_dir(folder.path()).unwrap() {
        let file = entry.unwrap().path();
        let bytes = fs::read(&file).unwrap();
        for secret in [SECRET, "+79000000001", "wants tea"] {
            let there = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!there, "{secret} in {}", file.display());
        }
    }
}
