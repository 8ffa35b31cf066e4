//! Several callers share a commit, and only that.

use std::sync::mpsc;

use super::*;

/// A store whose writer is busy until the sender is used or dropped.
async fn busy() -> (
    TempDir,
    Store,
    mpsc::Sender<()>,
    tokio::task::JoinHandle<Result<(), StoreError>>,
) {
    let (folder, path) = nowhere();
    let store = open(&path).unwrap();
    let (release, released) = mpsc::channel();
    let (started, starting) = tokio::sync::oneshot::channel();
    let blocked = {
        let store = store.clone();
        tokio::spawn(async move {
            store
                .worker()
                .write(move |_conn| {
                    started.send(()).unwrap();
                    released.recv().unwrap();
                    Ok(())
                })
                .await
        })
    };
    starting.await.unwrap();
    (folder, store, release, blocked)
}

type Calls = Vec<tokio::task::JoinHandle<Result<(), StoreError>>>;

async fn queue(store: &Store, calls: &mut Calls, changes: Vec<Change>) {
    let before = store.worker().queued_writes();
    let handle = store.clone();
    calls.push(tokio::spawn(async move { handle.apply(changes).await }));
    until_queued(store, before + 1).await;
}

async fn until_queued(store: &Store, count: usize) {
    while store.worker().queued_writes() < count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_waits_together_is_committed_together() {
    let (_folder, store, release, blocked) = busy().await;
    let before = store.commits();
    let mut calls = Vec::new();
    for n in 0..50 {
        queue(&store, &mut calls, vec![seen(record(&n.to_string(), n), 0)]).await;
    }
    release.send(()).unwrap();
    blocked.await.unwrap().unwrap();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(
        store.mirror(&salon(), Timestamp::MIN).await.unwrap().len(),
        50
    );
    // One for the call that kept the writer busy, one for all of the others.
    assert_eq!(store.commits() - before, 2);
}

#[tokio::test]
async fn one_callers_contradiction_is_nobody_elses() {
    let (_folder, store, release, blocked) = busy().await;
    let mut calls = Vec::new();
    queue(&store, &mut calls, vec![seen(record("1", 0), 0)]).await;
    queue(
        &store,
        &mut calls,
        vec![
            seen(record("2", 0), 0),
            linked(9, salon(), Some("2"), shadow(0), 0),
        ],
    )
    .await;
    queue(&store, &mut calls, vec![seen(record("3", 0), 0)]).await;
    release.send(()).unwrap();
    blocked.await.unwrap().unwrap();
    let [first, bad, last] = calls.try_into().unwrap();
    first.await.unwrap().unwrap();
    last.await.unwrap().unwrap();
    assert!(matches!(bad.await.unwrap(), Err(StoreError::Constraint(_))));
    let ids: Vec<RemoteId> = store
        .mirror(&salon(), Timestamp::MIN)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.record.id)
        .collect();
    assert_eq!(ids, [remote("1"), remote("3")]);
}

/// Queues one good call, then `last` as a raw job, and lets the group go.
async fn with_last(
    last: impl FnOnce(&rusqlite::Connection) -> Result<(), StoreError> + Send + 'static,
) -> (
    Store,
    Result<(), StoreError>,
    Result<(), StoreError>,
    TempDir,
) {
    let (folder, store, release, blocked) = busy().await;
    let mut calls = Vec::new();
    queue(&store, &mut calls, vec![seen(record("1", 0), 0)]).await;
    let waiting = store.worker().queued_writes();
    let raw = {
        let store = store.clone();
        tokio::spawn(async move { store.worker().write(last).await })
    };
    until_queued(&store, waiting + 1).await;
    release.send(()).unwrap();
    blocked.await.unwrap().unwrap();
    let good = calls.pop().unwrap().await.unwrap();
    (store, good, raw.await.unwrap(), folder)
}

#[tokio::test]
async fn a_commit_that_fails_is_told_to_every_caller_of_the_group() {
    let (store, good, last, _folder) = with_last(|conn| {
        // Checked only when the whole transaction is committed.
        conn.execute_batch("PRAGMA defer_foreign_keys = ON")?;
        conn.execute_batch("INSERT INTO mirror_seen (record, at) VALUES (4711, 0)")?;
        Ok(())
    })
    .await;
    assert!(matches!(good, Err(StoreError::Constraint(_))), "{good:?}");
    assert!(matches!(last, Err(StoreError::Constraint(_))), "{last:?}");
    assert_eq!(store.mirror(&salon(), Timestamp::MIN).await.unwrap(), []);
    store.apply(vec![seen(record("2", 0), 0)]).await.unwrap();
    assert_eq!(
        store.mirror(&salon(), Timestamp::MIN).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_transaction_that_sqlite_gave_up_is_told_to_every_caller_of_the_group() {
    let (store, good, last, _folder) = with_last(|conn| Ok(conn.execute_batch("ROLLBACK")?)).await;
    assert!(matches!(good, Err(StoreError::Fault)), "{good:?}");
    assert!(matches!(last, Err(StoreError::Fault)), "{last:?}");
    assert_eq!(store.mirror(&salon(), Timestamp::MIN).await.unwrap(), []);
    store.apply(vec![seen(record("2", 0), 0)]).await.unwrap();
}

#[tokio::test]
async fn a_panic_is_the_callers_own_and_the_writer_goes_on() {
    let (store, good, last, _folder) = with_last(|conn| {
        conn.execute_batch("DELETE FROM mirror_seen; DELETE FROM mirror_record;")?;
        panic!("this panic belongs to a test");
    })
    .await;
    good.unwrap();
    assert!(matches!(last, Err(StoreError::Fault)), "{last:?}");
    assert_eq!(
        store.mirror(&salon(), Timestamp::MIN).await.unwrap().len(),
        1
    );
    store.apply(vec![seen(record("2", 0), 0)]).await.unwrap();
}

#[tokio::test]
async fn a_panic_in_a_query_is_the_callers_own() {
    everywhere(async |store| {
        let answer: Result<(), StoreError> = store
            .worker()
            .read(|_conn| panic!("this panic belongs to a test"))
            .await;
        assert!(matches!(answer, Err(StoreError::Fault)), "{answer:?}");
        store.apply(vec![began(1)]).await.unwrap();
        assert_eq!(store.last_runs(1).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_call_whose_future_is_dropped_is_carried_out() {
    let (_folder, store, release, blocked) = busy().await;
    let mut calls = Vec::new();
    queue(&store, &mut calls, vec![seen(record("1", 0), 0)]).await;
    calls.pop().unwrap().abort();
    release.send(()).unwrap();
    blocked.await.unwrap().unwrap();
    // The next write is answered after the dropped one was worked off.
    store.apply(vec![began(1)]).await.unwrap();
    assert_eq!(
        store.mirror(&salon(), Timestamp::MIN).await.unwrap().len(),
        1
    );
}

#[tokio::test]
async fn a_read_does_not_wait_for_the_writer() {
    let (_folder, store, release, blocked) = busy().await;
    assert_eq!(store.last_runs(1).await.unwrap(), []);
    release.send(()).unwrap();
    blocked.await.unwrap().unwrap();
}

#[tokio::test]
async fn closing_finishes_what_is_queued() {
    let (_folder, store, release, blocked) = busy().await;
    let mut calls = Vec::new();
    queue(&store, &mut calls, vec![seen(record("1", 0), 0)]).await;
    let waiting = store.worker().queued_writes();
    let path = store.path.clone().unwrap();
    let closing = tokio::spawn(store.clone().close());
    until_queued(&store, waiting + 1).await;
    release.send(()).unwrap();
    blocked.await.unwrap().unwrap();
    calls.pop().unwrap().await.unwrap().unwrap();
    closing.await.unwrap().unwrap();
    let again = open(&path).unwrap();
    assert_eq!(
        again.mirror(&salon(), Timestamp::MIN).await.unwrap().len(),
        1
    );
}
