//! A copy for a dry run leaves no trace.

use super::child::Holding;
use super::*;

/// Makes a copy, uses it, and compares the folder from before and after.
async fn copied_without_a_trace(folder: &Path, path: &Path) -> Store {
    let before = listing(folder);
    let copy = Store::open_copy(path).unwrap();
    copy.apply(vec![seen(record("only in the copy", 0), 0)])
        .await
        .unwrap();
    assert_eq!(
        copy.mirror(&salon(), Timestamp::MIN).await.unwrap().len(),
        1
    );
    let after = listing(folder);
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>()
    );
    assert!(before == after, "a file has changed");
    copy
}

#[tokio::test]
async fn of_nothing_is_empty_and_creates_nothing() {
    let (folder, path) = nowhere();
    let copy = copied_without_a_trace(folder.path(), &path).await;
    assert_eq!(copy.last_runs(5).await.unwrap(), []);
    copy.close().await.unwrap();
    assert!(listing(folder.path()).is_empty());
    // Not even where the folder is missing.
    Store::open_copy(&folder.path().join("missing").join("slotbridge.db")).unwrap();
    assert!(listing(folder.path()).is_empty());
}

#[tokio::test]
async fn of_a_closed_database_touches_nothing() {
    let (folder, path) = nowhere();
    let store = open(&path).unwrap();
    store.apply(vec![began(1)]).await.unwrap();
    store.close().await.unwrap();
    let copy = copied_without_a_trace(folder.path(), &path).await;
    assert_eq!(copy.last_runs(5).await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_a_live_database_sees_its_log_and_touches_nothing() {
    let (folder, path) = nowhere();
    let child = Holding::start(&path, "022");
    assert!(
        listing(folder.path())["slotbridge.db-wal"].1.len() > 4096,
        "nothing is in the log"
    );
    let copy = copied_without_a_trace(folder.path(), &path).await;
    assert_eq!(copy.journal_open(&main_bridge()).await.unwrap().len(), 1);
    child.release();
}

#[tokio::test]
async fn of_a_killed_database_sees_its_log_and_touches_nothing() {
    let (folder, path) = nowhere();
    Holding::start(&path, "022").kill();
    assert!(listing(folder.path()).contains_key("slotbridge.db-shm"));
    let copy = copied_without_a_trace(folder.path(), &path).await;
    assert_eq!(copy.journal_open(&main_bridge()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_files_without_the_index_of_their_log_sees_the_log_and_makes_no_index() {
    let (folder, path) = nowhere();
    Holding::start(&path, "022").kill();
    fs::remove_file(folder.path().join("slotbridge.db-shm")).unwrap();
    let copy = copied_without_a_trace(folder.path(), &path).await;
    assert_eq!(copy.journal_open(&main_bridge()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn of_a_database_whose_log_is_empty_touches_nothing() {
    let (folder, path) = nowhere();
    let store = open(&path).unwrap();
    store.apply(vec![began(1)]).await.unwrap();
    store.close().await.unwrap();
    fs::write(folder.path().join("slotbridge.db-wal"), "").unwrap();
    let copy = copied_without_a_trace(folder.path(), &path).await;
    assert_eq!(copy.last_runs(5).await.unwrap().len(), 1);
}

#[tokio::test]
async fn is_one_state_of_the_database_while_the_writer_goes_on() {
    let (_folder, path) = nowhere();
    let store = open(&path).unwrap();
    let writing = {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..300 {
                // Always both or neither.
                let pair = vec![
                    seen(record(&format!("{n} a"), n), n),
                    seen(record(&format!("{n} b"), n), n),
                ];
                store.apply(pair).await.unwrap();
            }
        })
    };
    let mut sizes = BTreeSet::new();
    while !writing.is_finished() {
        let copy = Store::open_copy(&path).unwrap();
        let records = copy.mirror(&salon(), Timestamp::MIN).await.unwrap().len();
        assert_eq!(records % 2, 0);
        sizes.insert(records);
        tokio::task::yield_now().await;
    }
    writing.await.unwrap();
    assert!(sizes.len() > 1, "the copies saw no progress");
    assert_eq!(
        Store::open_copy(&path)
            .unwrap()
            .mirror(&salon(), Timestamp::MIN)
            .await
            .unwrap()
            .len(),
        600
    );
}

#[tokio::test]
async fn a_backup_is_a_whole_database_for_its_owner_alone() {
    everywhere(async |store| {
        let (folder, path) = nowhere();
        store
            .apply(vec![began(1), seen(record("1", 0), 0)])
            .await
            .unwrap();
        store.backup(&path).await.unwrap();
        let files: Vec<(String, u32)> = listing(folder.path())
            .into_iter()
            .map(|(name, (mode, _content))| (name, mode))
            .collect();
        assert_eq!(files, [("slotbridge.db".to_owned(), 0o600)]);
        let copy = open(&path).unwrap();
        assert_eq!(
            copy.mirror(&salon(), Timestamp::MIN).await.unwrap().len(),
            1
        );
        // Made again, it replaces the old one.
        copy.close().await.unwrap();
        store.apply(vec![seen(record("2", 0), 0)]).await.unwrap();
        store.backup(&path).await.unwrap();
        let again = Store::open_copy(&path).unwrap();
        assert_eq!(
            again.mirror(&salon(), Timestamp::MIN).await.unwrap().len(),
            2
        );
    })
    .await;
}
