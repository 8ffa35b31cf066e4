//! Looking after the database, and what it finds.

use std::io::{Seek as _, SeekFrom, Write as _};

use super::*;
use crate::upkeep::worth_rewriting;

const MIB: u64 = 1024 * 1024;

async fn fill(store: &Store, rows: i64) {
    let bookings = (0..rows)
        .map(|n| stored(u128::try_from(n).unwrap(), live(n), n))
        .collect();
    store.apply(bookings).await.unwrap();
}

#[tokio::test]
async fn a_healthy_database_is_tidied_and_still_holds_everything() {
    everywhere(async |store| {
        fill(&store, 50).await;
        let upkeep = store.upkeep().await.unwrap();
        assert_eq!(upkeep.damage, Vec::<String>::new());
        assert!(upkeep.folded);
        assert!(upkeep.bytes > 0);
        assert_eq!(upkeep.given_back, 0);
        let state = store.bridge(&main_bridge(), Timestamp::MIN).await.unwrap();
        assert_eq!(state.bookings.len(), 50);
        // The connection is as usable as before.
        fill(&store, 60).await;
    })
    .await;
}

#[tokio::test]
async fn the_log_is_folded_into_the_file() {
    let (folder, path) = nowhere();
    let store = open(&path).unwrap();
    fill(&store, 500).await;
    let log = || {
        fs::metadata(folder.path().join("slotbridge.db-wal"))
            .unwrap()
            .len()
    };
    assert!(log() > 0);
    assert!(store.upkeep().await.unwrap().folded);
    assert_eq!(log(), 0);
}

#[tokio::test]
async fn a_reader_in_the_way_is_not_waited_for() {
    let (_folder, path) = nowhere();
    let store = open(&path).unwrap();
    fill(&store, 10).await;
    let reader = rusqlite::Connection::open(&path).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM booking;")
        .unwrap();
    fill(&store, 20).await;
    let upkeep = store.upkeep().await.unwrap();
    assert!(!upkeep.folded, "a reader holds an older state");
    reader.execute_batch("ROLLBACK").unwrap();
    assert!(store.upkeep().await.unwrap().folded);
}

#[tokio::test]
async fn a_small_file_with_much_free_space_is_made_smaller() {
    let (_folder, path) = nowhere();
    let store = open(&path).unwrap();
    let inbox = |n: u8| Change::Inbox {
        platform: salon(),
        id: None,
        body_hash: [n; 32],
        body: vec![n; 200_000].into(),
        at: second(i64::from(n)),
    };
    store.apply((0..20).map(inbox).collect()).await.unwrap();
    fill(&store, 50).await;
    let before = store.upkeep().await.unwrap();
    assert_eq!(before.given_back, 0, "{before:?}");
    let rows = store.inbox_pending(&salon()).await.unwrap();
    let rows = rows.into_iter().map(|row| row.id).collect();
    store.apply(vec![Change::InboxDone { rows }]).await.unwrap();
    let after = store.upkeep().await.unwrap();
    assert!(after.given_back > 3 * MIB, "{after:?}");
    assert_eq!(after.bytes + after.given_back, before.bytes);
    assert_eq!(fs::metadata(&path).unwrap().len(), after.bytes);
    let state = store.bridge(&main_bridge(), Timestamp::MIN).await.unwrap();
    assert_eq!(state.bookings.len(), 50);
}

#[test]
fn a_rewrite_must_be_worth_it_and_short() {
    for (bytes, free, worth) in [
        (0, 0, false),
        (2 * MIB, MIB - 1, false),
        (2 * MIB, MIB, true),
        (8 * MIB, 2 * MIB, true),
        (8 * MIB, 2 * MIB - 1, false),
        (64 * MIB, 60 * MIB, true),
        (64 * MIB + 1, 60 * MIB, false),
    ] {
        assert_eq!(worth_rewriting(bytes, free), worth, "{free} of {bytes}");
    }
}

#[tokio::test]
async fn damage_is_told_without_content_and_the_file_left_as_it_is() {
    let (_folder, path) = nowhere();
    let store = open(&path).unwrap();
    fill(&store, 2_000).await;
    store.close().await.unwrap();
    let pages = fs::metadata(&path).unwrap().len() / 4096;
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    for page in pages / 2..pages {
        file.seek(SeekFrom::Start(page * 4096)).unwrap();
        file.write_all(&[0xa5; 4096]).unwrap();
    }
    drop(file);
    let store = open(&path).unwrap();
    let damaged = fs::read(&path).unwrap();
    let upkeep = store.upkeep().await.unwrap();
    assert!(!upkeep.damage.is_empty());
    assert!(upkeep.damage.len() <= 10, "{:?}", upkeep.damage);
    assert!(
        upkeep
            .damage
            .iter()
            .any(|line| line.starts_with("booking: ")),
        "{:?}",
        upkeep.damage
    );
    assert!(!format!("{upkeep:?}").contains(SECRET));
    assert!(!upkeep.folded);
    assert_eq!(fs::read(&path).unwrap(), damaged);
}

#[tokio::test]
async fn nothing_is_looked_after_once_the_database_is_closed() {
    let (_folder, path) = nowhere();
    let store = open(&path).unwrap();
    store.clone().close().await.unwrap();
    assert!(matches!(
        store.upkeep().await.unwrap_err(),
        StoreError::Closed
    ));
}
