//! Backups: whole, private, checked, and never over something.

use super::child::Holding;
use super::*;
use crate::{Backup, backup, verify};

/// A database of some hundred pages, closed.
async fn filled(path: &Path) {
    let store = open(path).unwrap();
    let mut changes: Vec<Change> = (0..2_000)
        .map(|n| seen(record(&format!("record {n}"), n), 0))
        .collect();
    changes.push(began(1));
    store.apply(changes).await.unwrap();
    store.close().await.unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    listing(folder).into_keys().collect()
}

#[tokio::test]
async fn a_backup_is_private_and_holds_everything() {
    let (folder, path) = nowhere();
    filled(&path).await;
    let to = folder.path().join("copy.db");
    let made = backup(&path, &to).unwrap();
    let size = fs::metadata(&to).unwrap();
    assert_eq!(size.permissions().mode() & 0o777, 0o600);
    assert_eq!(
        made,
        Backup {
            bytes: size.len(),
            schema: u32::try_from(crate::migrations::ALL.len()).unwrap(),
            last_run_at: Some(second(0)),
        }
    );
    assert_eq!(verify(&to).unwrap(), made);
    // Neither making nor checking it left anything else.
    assert_eq!(
        names(folder.path()),
        ["copy.db", "slotbridge.db", "slotbridge.db.lock"]
    );
    // It is a database like the one that it was made of.
    let store = open(&to).unwrap();
    assert_eq!(
        store.mirror(&salon(), Timestamp::MIN).await.unwrap().len(),
        2_000
    );
    store.close().await.unwrap();
}

#[tokio::test]
async fn a_backup_of_a_database_in_use_has_what_stands_in_the_log() {
    let (folder, path) = nowhere();
    let child = Holding::start(&path, "022");
    let to = folder.path().join("copy.db");
    backup(&path, &to).unwrap();
    let copy = Store::open_copy(&to).unwrap();
    assert_eq!(copy.journal_open(&main_bridge()).await.unwrap().len(), 1);
    // The one in use is no backup.
    let error = verify(&path).unwrap_err();
    assert!(matches!(error, StoreError::InUse(_)), "{error:?}");
    child.release();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_while_others_write_is_one_state_and_no_mixture() {
    let (folder, path) = nowhere();
    let store = open(&path).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            let (mut stopped, mut written) = (stopped, 0_u32);
            while stopped.try_recv().is_err() {
                // A record, its booking and its link are one transaction.
                let (id, start) = (written.to_string(), i64::from(written));
                let one = vec![
                    seen(record(&id, start), start),
                    stored(u128::from(written), live(start), start),
                    linked(
                        u128::from(written),
                        salon(),
                        Some(&id),
                        shadow(start),
                        start,
                    ),
                ];
                store.apply(one).await.unwrap();
                written += 1;
                tokio::task::yield_now().await;
            }
            written
        }
    });
    let mut sizes = Vec::new();
    while sizes.len() < 5 {
        let to = folder.path().join(format!("{}.db", sizes.len()));
        let from = path.clone();
        let made = tokio::task::spawn_blocking(move || backup(&from, &to).map(|_| to));
        let copy = Store::open_copy(&made.await.unwrap().unwrap()).unwrap();
        let state = copy.bridge(&main_bridge(), Timestamp::MIN).await.unwrap();
        let records = copy.mirror(&salon(), Timestamp::MIN).await.unwrap().len();
        assert_eq!(
            (state.bookings.len(), state.links.len()),
            (records, records)
        );
        sizes.push(records);
    }
    stop.send(()).unwrap();
    let written = usize::try_from(writer.await.unwrap()).unwrap();
    assert!(
        sizes.is_sorted() && sizes[4] <= written,
        "{sizes:?} of {written}"
    );
    assert!(sizes[0] < sizes[4], "nobody wrote meanwhile: {sizes:?}");
    store.close().await.unwrap();
}

#[tokio::test]
async fn nothing_is_overwritten() {
    let (folder, path) = nowhere();
    filled(&path).await;
    let to = folder.path().join("copy.db");
    fs::write(&to, "mine").unwrap();
    let error = backup(&path, &to).unwrap_err();
    assert!(matches!(error, StoreError::Exists(_)), "{error:?}");
    assert_eq!(fs::read(&to).unwrap(), b"mine");
    // Not even a link that leads nowhere, and not the database itself.
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).unwrap();
    for taken in [&link, &path] {
        let error = backup(&path, taken).unwrap_err();
        assert!(matches!(error, StoreError::Exists(_)), "{error:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_backed_up_leaves_nothing_behind() {
    let (folder, path) = nowhere();
    let to = folder.path().join("copy.db");
    let error = backup(&path, &to).unwrap_err();
    assert!(matches!(error, StoreError::NoDatabase(_)), "{error:?}");
    assert!(names(folder.path()).is_empty());
    fs::write(
        &path,
        "no database, but long enough to be looked at".repeat(100),
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(backup(&path, &to).is_err());
    let missing = folder.path().join("missing").join("copy.db");
    let error = backup(&path, &missing).unwrap_err();
    assert!(matches!(error, StoreError::NoFolder(_)), "{error:?}");
    assert_eq!(names(folder.path()), ["slotbridge.db"]);
}

#[tokio::test]
async fn what_an_earlier_try_left_is_in_nobodys_way() {
    let (folder, path) = nowhere();
    filled(&path).await;
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let left = folder.path().join(format!("copy.db.unfinished{suffix}"));
        fs::write(left, b"left behind".repeat(1_000)).unwrap();
    }
    backup(&path, &folder.path().join("copy.db")).unwrap();
    assert_eq!(
        names(folder.path()),
        ["copy.db", "slotbridge.db", "slotbridge.db.lock"]
    );
}

#[tokio::test]
async fn a_backup_that_was_damaged_since_is_found_out() {
    let (folder, path) = nowhere();
    filled(&path).await;
    let to = folder.path().join("copy.db");
    backup(&path, &to).unwrap();
    let whole = fs::read(&to).unwrap();
    let damaged = |bytes: &[u8]| {
        fs::write(&to, bytes).unwrap();
        verify(&to).unwrap_err()
    };
    let mut scribbled = whole.clone();
    let middle = scribbled.len() / 2;
    scribbled[middle..middle + 4096].fill(0x5a);
    let error = damaged(&scribbled);
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    assert!(!error.to_string().contains(SECRET), "{error}");
    let error = damaged(&whole[..middle]);
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    let error = damaged(b"");
    assert!(matches!(error, StoreError::Foreign(_)), "{error:?}");
    let error = damaged(&b"text ".repeat(1_000));
    assert!(matches!(error, StoreError::NotADatabase(_)), "{error:?}");
    // What everybody can read is no safe place for clients' data.
    fs::write(&to, &whole).unwrap();
    fs::set_permissions(&to, fs::Permissions::from_mode(0o644)).unwrap();
    let error = verify(&to).unwrap_err();
    assert!(matches!(error, StoreError::Exposed { .. }), "{error:?}");
}
