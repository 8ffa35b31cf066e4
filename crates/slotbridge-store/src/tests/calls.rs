//! The call journal.

use super::*;
use crate::CallJournal;

fn hours(n: i64) -> Timestamp {
    second(n * 3600)
}

#[test]
fn calls_are_known_to_another_process_at_once_and_after_a_restart() {
    let (_folder, path) = nowhere();
    let one = CallJournal::open(&path).unwrap();
    let two = CallJournal::open(&path).unwrap();
    one.note("salon", second(20)).unwrap();
    two.note("salon", second(10)).unwrap();
    one.note("salon", second(20)).unwrap();
    let all = Some(vec![second(10), second(20), second(20)]);
    assert_eq!(one.load("salon", second(0)).unwrap(), all);
    assert_eq!(two.load("salon", second(0)).unwrap(), all);
    drop((one, two));
    let again = CallJournal::open(&path).unwrap();
    assert_eq!(
        again.load("salon", second(20)).unwrap(),
        Some(vec![second(20), second(20)])
    );
}

#[test]
fn a_scope_that_was_never_noted_is_told_from_one_without_calls() {
    let calls = CallJournal::in_memory().unwrap();
    assert_eq!(calls.load("salon", second(0)).unwrap(), None);
    calls.note("salon", second(10)).unwrap();
    assert_eq!(calls.load("salon", second(11)).unwrap(), Some(vec![]));
    assert_eq!(calls.load("site", second(0)).unwrap(), None);
}

#[test]
fn calls_are_kept_for_a_day_and_an_hour() {
    let calls = CallJournal::in_memory().unwrap();
    for hour in [0, 1, 2] {
        calls.note("salon", hours(hour)).unwrap();
    }
    calls.note("site", hours(0)).unwrap();
    calls.note("salon", hours(26)).unwrap();
    assert_eq!(
        calls.load("salon", hours(-9)).unwrap(),
        Some(vec![hours(1), hours(2), hours(26)])
    );
    assert_eq!(calls.load("site", hours(-9)).unwrap(), Some(vec![hours(0)]));
}

#[test]
fn a_dry_run_uses_the_file_that_is_there_and_else_creates_nothing() {
    let (folder, path) = nowhere();
    let memory = CallJournal::open_existing_or_memory(&path).unwrap();
    memory.note("salon", second(1)).unwrap();
    assert_eq!(
        memory.load("salon", second(0)).unwrap(),
        Some(vec![second(1)])
    );
    assert!(listing(folder.path()).is_empty());
    CallJournal::open(&path)
        .unwrap()
        .note("salon", second(2))
        .unwrap();
    let dry = CallJournal::open_existing_or_memory(&path).unwrap();
    assert_eq!(dry.load("salon", second(0)).unwrap(), Some(vec![second(2)]));
    dry.note("salon", second(3)).unwrap();
    drop(dry);
    let real = CallJournal::open(&path).unwrap();
    assert_eq!(
        real.load("salon", second(0)).unwrap(),
        Some(vec![second(2), second(3)])
    );
}

#[test]
fn the_file_belongs_to_its_owner_and_holds_no_scope_in_words() {
    let (folder, path) = nowhere();
    let calls = CallJournal::open(&path).unwrap();
    calls.note("secret-key-4711", second(1)).unwrap();
    let files = listing(folder.path());
    let names: Vec<&String> = files.keys().collect();
    assert_eq!(
        names,
        [
            "slotbridge.db.calls",
            "slotbridge.db.calls-shm",
            "slotbridge.db.calls-wal"
        ]
    );
    for (name, (mode, content)) in &files {
        assert_eq!(*mode, 0o600, "{name}");
        assert!(
            !content.windows(10).any(|window| window == b"secret-key"),
            "{name}"
        );
    }
    assert!(!format!("{calls:?}").contains("secret"));
}

#[test]
fn many_writers_lose_no_call() {
    let (_folder, path) = nowhere();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let path = path.clone();
            std::thread::spawn(move || {
                let calls = CallJournal::open(&path).unwrap();
                for n in 0..25 {
                    calls.note("salon", second(writer * 100 + n)).unwrap();
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let calls = CallJournal::open(&path).unwrap();
    assert_eq!(calls.load("salon", second(0)).unwrap().unwrap().len(), 100);
}

#[test]
fn a_file_of_something_else_is_refused() {
    let (_folder, path) = nowhere();
    drop(open(&path).unwrap());
    fs::copy(&path, path.with_file_name("slotbridge.db.calls")).unwrap();
    let error = CallJournal::open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Foreign(_)), "{error:?}");
    fs::write(path.with_file_name("slotbridge.db.calls"), "a".repeat(5000)).unwrap();
    let error = CallJournal::open_existing_or_memory(&path).unwrap_err();
    assert!(matches!(error, StoreError::NotADatabase(_)), "{error:?}");
}
