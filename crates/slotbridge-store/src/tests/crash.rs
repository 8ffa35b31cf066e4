//! What stands after a process died at a bad moment.

use super::child::Holding;
use super::*;
use crate::JournalState;

#[tokio::test]
async fn an_intent_without_outcome_is_open_after_a_kill() {
    let (_folder, path) = nowhere();
    Holding::start(&path, "022").kill();
    let store = open(&path).unwrap();
    let open = store.journal_open(&main_bridge()).await.unwrap();
    let [row] = open.as_slice() else {
        panic!("{} entries", open.len())
    };
    assert_eq!((row.op, row.state), (op_id(7), JournalState::Intended));
    assert_eq!(row.operation, create(1, &site()));
    let runs = store.last_runs(5).await.unwrap();
    assert_eq!((runs.len(), runs[0].ended_at), (1, None));
}

#[tokio::test]
async fn an_intent_without_outcome_is_open_after_a_drop() {
    let (_folder, path) = nowhere();
    let store = open(&path).unwrap();
    store
        .apply(vec![began(1), intent(7, create(1, &site()), second(10))])
        .await
        .unwrap();
    drop(store);
    let store = open(&path).unwrap();
    assert_eq!(store.journal_open(&main_bridge()).await.unwrap().len(), 1);
}

/// The disk as it was at the moment of each answer: what was answered is in it.
#[tokio::test]
async fn what_was_answered_is_on_the_disk() {
    let (folder, path) = nowhere();
    let store = open(&path).unwrap();
    for n in 0..20 {
        store
            .apply(vec![seen(record(&n.to_string(), n), n)])
            .await
            .unwrap();
        let disk = tempfile::tempdir().unwrap();
        for (name, (mode, content)) in listing(folder.path()) {
            // The index of the log is rebuilt from the log after a crash of the machine.
            if !name.ends_with("-shm") {
                let file = disk.path().join(name);
                fs::write(&file, content).unwrap();
                fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
        let after = open(&disk.path().join("slotbridge.db")).unwrap();
        let records = after.mirror(&salon(), Timestamp::MIN).await.unwrap();
        assert_eq!(i64::try_from(records.len()).unwrap(), n + 1);
    }
}
