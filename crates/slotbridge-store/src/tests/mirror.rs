//! The mirror, the quarantine, and what is known of platforms.

use slotbridge_core::record::Window;

use super::*;
use crate::{MirrorRow, PlatformState};

async fn mirror(store: &Store) -> Vec<MirrorRow> {
    store.mirror(&salon(), Timestamp::MIN).await.unwrap()
}

#[tokio::test]
async fn an_unchanged_record_is_only_seen_again() {
    everywhere(async |store| {
        store.apply(vec![seen(record("1", 0), 10)]).await.unwrap();
        store.apply(vec![seen(record("1", 0), 20)]).await.unwrap();
        let [row] = mirror(&store).await.try_into().unwrap();
        assert_eq!(row.record, record("1", 0));
        assert_eq!(
            (row.first_seen_at, row.noticed_at, row.seen_at),
            (second(10), second(10), second(20))
        );
    })
    .await;
}

#[tokio::test]
async fn a_changed_record_is_noticed_when_it_changed() {
    everywhere(async |store| {
        let changed = Record {
            status: Status::Confirmed,
            ..record("1", 0)
        };
        store
            .apply(vec![seen(record("1", 0), 10), seen(changed.clone(), 20)])
            .await
            .unwrap();
        store.apply(vec![seen(changed.clone(), 30)]).await.unwrap();
        let [row] = mirror(&store).await.try_into().unwrap();
        assert_eq!(row.record, changed);
        assert_eq!(
            (row.first_seen_at, row.noticed_at, row.seen_at),
            (second(10), second(20), second(30))
        );
    })
    .await;
}

#[tokio::test]
async fn a_new_title_is_stored_but_is_no_change_of_the_record() {
    everywhere(async |store| {
        let renamed = Record {
            resource_title: Some("Anna K.".to_owned()),
            ..record("1", 0)
        };
        store
            .apply(vec![seen(record("1", 0), 10), seen(renamed.clone(), 20)])
            .await
            .unwrap();
        let [row] = mirror(&store).await.try_into().unwrap();
        assert_eq!((row.record, row.noticed_at), (renamed, second(10)));
    })
    .await;
}

#[tokio::test]
async fn a_missing_record_stays_as_a_tombstone_and_can_come_back() {
    everywhere(async |store| {
        let missing = |at| Change::MirrorMissing {
            platform: salon(),
            id: remote("1"),
            at: second(at),
        };
        store
            .apply(vec![seen(record("1", 0), 10), missing(20), missing(30)])
            .await
            .unwrap();
        let [row] = mirror(&store).await.try_into().unwrap();
        assert_eq!(
            row.record,
            Record {
                state: RecordState::Deleted,
                ..record("1", 0)
            }
        );
        assert_eq!((row.noticed_at, row.seen_at), (second(20), second(30)));
        store.apply(vec![seen(record("1", 0), 40)]).await.unwrap();
        let [row] = mirror(&store).await.try_into().unwrap();
        assert_eq!(
            (row.record, row.noticed_at, row.first_seen_at),
            (record("1", 0), second(40), second(10))
        );
    })
    .await;
}

#[tokio::test]
async fn a_record_that_was_never_mirrored_leaves_no_tombstone() {
    everywhere(async |store| {
        let missing = Change::MirrorMissing {
            platform: salon(),
            id: remote("1"),
            at: second(1),
        };
        store.apply(vec![missing]).await.unwrap();
        assert_eq!(mirror(&store).await, []);
    })
    .await;
}

#[tokio::test]
async fn an_unreadable_record_keeps_its_last_good_content_until_it_is_read_again() {
    everywhere(async |store| {
        let unreadable = |at, why: &str| Change::MirrorUnreadable {
            platform: salon(),
            id: Some(remote("1")),
            why: why.to_owned(),
            at: second(at),
        };
        store
            .apply(vec![seen(record("1", 0), 10), unreadable(20, "no start")])
            .await
            .unwrap();
        store.apply(vec![unreadable(30, "no end")]).await.unwrap();
        let [row] = mirror(&store).await.try_into().unwrap();
        assert_eq!(
            (row.record, row.unreadable.as_deref()),
            (record("1", 0), Some("no end"))
        );
        assert_eq!((row.noticed_at, row.seen_at), (second(10), second(10)));
        let [quarantined] = store
            .unreadable(&salon())
            .await
            .unwrap()
            .try_into()
            .unwrap();
        assert_eq!(
            (quarantined.first_at, quarantined.at),
            (second(20), second(30))
        );
        store.apply(vec![seen(record("1", 0), 40)]).await.unwrap();
        assert_eq!(mirror(&store).await[0].unreadable, None);
        assert_eq!(store.unreadable(&salon()).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn unreadable_rows_without_id_go_with_the_next_complete_reading() {
    everywhere(async |store| {
        let row = |id: Option<&str>, why: &str, at| Change::MirrorUnreadable {
            platform: salon(),
            id: id.map(remote),
            why: why.to_owned(),
            at: second(at),
        };
        let read = |complete, at| Change::PlatformSeen {
            platform: salon(),
            cursor: None,
            complete,
            at: second(at),
            time_zone: None,
        };
        let whys = async |store: &Store| -> Vec<(Option<RemoteId>, String)> {
            store
                .unreadable(&salon())
                .await
                .unwrap()
                .into_iter()
                .map(|row| (row.id, row.why))
                .collect()
        };
        let rows = vec![
            row(Some("9"), "no start", 10),
            row(None, "no id", 10),
            row(None, "no id", 20),
            row(None, "a list", 20),
        ];
        store.apply(rows).await.unwrap();
        assert_eq!(whys(&store).await.len(), 3);
        store.apply(vec![read(None, 30)]).await.unwrap();
        assert_eq!(whys(&store).await.len(), 3);
        let window = Window {
            from: second(0),
            to: second(100),
        };
        store
            .apply(vec![row(None, "a list", 40), read(Some(window), 40)])
            .await
            .unwrap();
        let left = [
            (Some(remote("9")), "no start".to_owned()),
            (None, "a list".to_owned()),
        ];
        assert_eq!(whys(&store).await, left);
        // What could not be read is no mirrored record.
        assert_eq!(mirror(&store).await, []);
    })
    .await;
}

#[tokio::test]
async fn the_mirror_is_read_from_a_start_on_in_order_and_by_platform() {
    everywhere(async |store| {
        let elsewhere = Change::MirrorSeen {
            platform: site(),
            record: record("x", 50),
            at: second(1),
        };
        let order = ["c", "b", "a", "d"].into_iter().zip([50, 50, 20, 90]);
        let mut changes: Vec<Change> = order
            .map(|(id, start)| seen(record(id, start), 1))
            .collect();
        changes.push(elsewhere);
        store.apply(changes).await.unwrap();
        let ids = |rows: Vec<MirrorRow>| -> Vec<String> {
            rows.into_iter()
                .map(|row| row.record.id.as_str().to_owned())
                .collect()
        };
        assert_eq!(
            ids(store.mirror(&salon(), second(50)).await.unwrap()),
            ["b", "c", "d"]
        );
        assert_eq!(
            ids(store.mirror(&salon(), second(91)).await.unwrap()),
            [""; 0]
        );
        let wanted = ["d", "nobody", "a", "d", "x"].map(remote).to_vec();
        assert_eq!(
            ids(store.mirror_rows(&salon(), wanted).await.unwrap()),
            ["a", "d"]
        );
        assert_eq!(
            ids(store.mirror_rows(&salon(), Vec::new()).await.unwrap()),
            [""; 0]
        );
    })
    .await;
}

#[tokio::test]
async fn a_platforms_state_keeps_what_a_reading_does_not_tell() {
    everywhere(async |store| {
        assert_eq!(
            store.platform_state(&salon()).await.unwrap(),
            PlatformState::default()
        );
        let window = Window {
            from: second(0),
            to: second(100),
        };
        let read = |cursor: Option<&str>, complete, at, zone: Option<&str>| Change::PlatformSeen {
            platform: salon(),
            cursor: cursor.map(str::to_owned),
            complete,
            at: second(at),
            time_zone: zone.map(str::to_owned),
        };
        store
            .apply(vec![read(
                Some("c1"),
                Some(window),
                10,
                Some("Europe/Moscow"),
            )])
            .await
            .unwrap();
        store.apply(vec![read(None, None, 20, None)]).await.unwrap();
        let expected = PlatformState {
            cursor: Some("c1".to_owned()),
            cursor_at: Some(second(10)),
            complete: Some(window),
            complete_at: Some(second(10)),
            seen_at: Some(second(20)),
            time_zone: Some("Europe/Moscow".to_owned()),
        };
        assert_eq!(store.platform_state(&salon()).await.unwrap(), expected);
        store
            .apply(vec![Change::CursorDropped { platform: salon() }])
            .await
            .unwrap();
        let expected = PlatformState {
            cursor: None,
            cursor_at: None,
            ..expected
        };
        assert_eq!(store.platform_state(&salon()).await.unwrap(), expected);
    })
    .await;
}

#[tokio::test]
async fn a_listing_is_older_than_what_was_seen_after_it_was_begun() {
    everywhere(async |store| {
        let old = record("1", 0);
        let new = Record {
            status: Status::Confirmed,
            ..record("1", 0)
        };
        let listed = |record: &Record, begun_at, at| Change::MirrorListed {
            platform: salon(),
            record: record.clone(),
            begun_at: second(begun_at),
            at: second(at),
        };
        // Begun before the record was seen otherwise, and there only afterwards: the older word is left.
        store
            .apply(vec![seen(old.clone(), 10), seen(new.clone(), 20)])
            .await
            .unwrap();
        store.apply(vec![listed(&old, 15, 30)]).await.unwrap();
        let [row] = mirror(&store).await.try_into().unwrap();
        assert_eq!((&row.record, row.seen_at), (&new, second(20)));
        // Begun at the same moment or later: it counts.
        store.apply(vec![listed(&old, 20, 40)]).await.unwrap();
        let [row] = mirror(&store).await.try_into().unwrap();
        assert_eq!((&row.record, row.seen_at), (&old, second(40)));
        // It lay about for a moment before it was stored, and somebody else was faster with what came after it.
        store
            .apply(vec![seen(new.clone(), 52), listed(&old, 45, 50)])
            .await
            .unwrap();
        let [row] = mirror(&store).await.try_into().unwrap();
        assert_eq!((&row.record, row.seen_at), (&new, second(52)));
        // A stamp ahead of the listing comes from a clock that was set back, and says nothing.
        store
            .apply(vec![seen(new.clone(), 900), listed(&old, 50, 60)])
            .await
            .unwrap();
        let [row] = mirror(&store).await.try_into().unwrap();
        assert_eq!(row.record, old);
    })
    .await;
}

#[tokio::test]
async fn a_listing_does_not_bring_back_what_was_proven_gone_after_it_was_begun() {
    everywhere(async |store| {
        let shown = record("1", 0);
        let listed = |begun_at, at| Change::MirrorListed {
            platform: salon(),
            record: shown.clone(),
            begun_at: second(begun_at),
            at: second(at),
        };
        let gone = Change::MirrorMissing {
            platform: salon(),
            id: remote("1"),
            at: second(20),
        };
        store
            .apply(vec![seen(shown.clone(), 10), gone])
            .await
            .unwrap();
        store.apply(vec![listed(15, 30)]).await.unwrap();
        let [row] = mirror(&store).await.try_into().unwrap();
        assert_eq!(row.record.state, RecordState::Deleted);
        // A listing that was begun afterwards shows that somebody has brought it back.
        store.apply(vec![listed(25, 40)]).await.unwrap();
        let [row] = mirror(&store).await.try_into().unwrap();
        assert_eq!(row.record.state, RecordState::Live);
    })
    .await;
}

#[tokio::test]
async fn a_window_shows_what_starts_inside_it_and_live_ones_can_be_counted() {
    everywhere(async |store| {
        let cancelled = Record {
            state: RecordState::Cancelled,
            ..record("4", 300)
        };
        let rows = [
            record("1", 0),
            record("2", 100),
            record("3", 200),
            cancelled,
        ];
        let changes = rows.into_iter().map(|record| seen(record, 10)).collect();
        store.apply(changes).await.unwrap();
        let start = async |id: &str| {
            let rows = store.mirror_rows(&salon(), vec![remote(id)]).await.unwrap();
            rows[0].record.start
        };
        let window = Window {
            from: start("2").await,
            to: start("3").await,
        };
        let inside = store.mirror_within(&salon(), window).await.unwrap();
        let ids: Vec<&RemoteId> = inside.iter().map(|row| &row.record.id).collect();
        assert_eq!(ids, [&remote("2")]);
        assert_eq!(store.mirror_within(&site(), window).await.unwrap(), []);
        for (from, live) in [("1", 3), ("2", 2), ("4", 0)] {
            let since = start(from).await;
            assert_eq!(
                store.live_since(&salon(), since).await.unwrap(),
                live,
                "{from}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn a_look_is_older_than_a_proof_of_absence_that_came_after_it_was_begun() {
    everywhere(async |store| {
        let listed = |begun_at, at| Change::MirrorListed {
            platform: salon(),
            record: record("1", 0),
            begun_at: second(begun_at),
            at: second(at),
        };
        let missing = Change::MirrorMissing {
            platform: salon(),
            id: remote("1"),
            at: second(20),
        };
        store
            .apply(vec![seen(record("1", 0), 10), missing, listed(15, 30)])
            .await
            .unwrap();
        let [row] = mirror(&store).await.try_into().unwrap();
        assert_eq!(row.record.state, RecordState::Deleted);
        // One that was begun later tells that it came back.
        store.apply(vec![listed(25, 40)]).await.unwrap();
        let [row] = mirror(&store).await.try_into().unwrap();
        assert_eq!(row.record.state, RecordState::Live);
    })
    .await;
}
