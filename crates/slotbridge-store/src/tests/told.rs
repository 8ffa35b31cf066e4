//! What was told to people, and what was done on schedule.

use rusqlite::Connection;

use super::*;
use crate::NoticeRow;
use crate::migrations::{ALL, Before, migrate};

fn told(kind: &str, subject: &str, since: i64, at: i64) -> Change {
    Change::NoticeTold {
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        since: second(since),
        at: second(at),
    }
}

fn row(kind: &str, subject: &str, since: i64, told_at: i64) -> NoticeRow {
    NoticeRow {
        kind: kind.to_owned(),
        subject: subject.to_owned(),
        since: second(since),
        told_at: second(told_at),
    }
}

fn over(kind: &str, subject: &str) -> Change {
    Change::NoticeOver {
        kind: kind.to_owned(),
        subject: subject.to_owned(),
    }
}

#[tokio::test]
async fn what_was_told_stands_until_it_is_over() {
    everywhere(async |store| {
        assert_eq!(store.notices().await.unwrap(), []);
        let first = vec![
            told("overlap", "main/anna", 1, 2),
            told("guard", "main/anna", 3, 4),
            told("guard", "main/bella", 5, 6),
        ];
        store.apply(first).await.unwrap();
        // Told again: one row, the newest times.
        let again = vec![
            told("guard", "main/anna", 3, 90),
            over("guard", "main/bella"),
            over("guard", "main/nobody"),
        ];
        store.apply(again).await.unwrap();
        assert_eq!(
            store.notices().await.unwrap(),
            [
                row("guard", "main/anna", 3, 90),
                row("overlap", "main/anna", 1, 2)
            ]
        );
    })
    .await;
}

#[tokio::test]
async fn a_schedule_only_moves_forward() {
    everywhere(async |store| {
        let done = |name: &str, at| Change::ScheduleDone {
            name: name.to_owned(),
            at: second(at),
        };
        assert_eq!(store.schedules().await.unwrap(), BTreeMap::new());
        store
            .apply(vec![done("sweep", 10), done("upkeep", 7), done("sweep", 9)])
            .await
            .unwrap();
        let expected = BTreeMap::from([
            ("sweep".to_owned(), second(10)),
            ("upkeep".to_owned(), second(7)),
        ]);
        assert_eq!(store.schedules().await.unwrap(), expected);
        store.apply(vec![done("sweep", 11)]).await.unwrap();
        assert_eq!(store.schedules().await.unwrap()["sweep"], second(11));
    })
    .await;
}

#[tokio::test]
async fn a_told_notice_that_nobody_sees_any_more_is_forgotten_in_the_end() {
    let store = Store::in_memory().unwrap();
    let rows = vec![told("guard", "old", 0, 99), told("guard", "new", 0, 100)];
    store.apply(rows).await.unwrap();
    assert_eq!(store.prune(second(100)).await.unwrap().notices, 1);
    assert_eq!(
        store.notices().await.unwrap(),
        [row("guard", "new", 0, 100)]
    );
}

#[tokio::test]
async fn a_database_of_the_first_schema_gets_the_new_tables_and_keeps_what_it_has() {
    let (folder, path) = nowhere();
    drop(open(&path).unwrap());
    fs::remove_file(&path).unwrap();
    let mut conn = Connection::open(&path).unwrap();
    migrate(&mut conn, &path, &ALL[..1], Before::Nothing).unwrap();
    conn.execute(
        "INSERT INTO run (id, kind, began_at) VALUES (randomblob(16), 'reconcile', 5)",
        [],
    )
    .unwrap();
    conn.close().unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let store = open(&path).unwrap();
    assert_eq!(store.last_runs(5).await.unwrap().len(), 1);
    store
        .apply(vec![told("guard", "main", 1, 2)])
        .await
        .unwrap();
    assert_eq!(store.notices().await.unwrap().len(), 1);
    assert!(folder.path().join("slotbridge.db.before-0002").exists());
}
