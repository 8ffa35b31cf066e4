//! One process writes.

use super::child::Holding;
use super::*;

#[test]
fn a_second_process_is_told_who_holds_the_database() {
    let (_folder, path) = nowhere();
    let child = Holding::start(&path, "022");
    let error = open(&path).unwrap_err();
    let StoreError::Locked {
        holder: Some(holder),
        waited,
        ..
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!(
        (holder.what.as_str(), holder.pid, *waited),
        ("slotbridge reconcile", child.pid(), Duration::ZERO)
    );
    let said = error.to_string();
    assert!(
        said.contains(&format!(
            "slotbridge reconcile (pid {}, since 20",
            child.pid()
        )),
        "{said}"
    );
    assert!(said.contains("--wait"), "{said}");
    child.release();
}

#[test]
fn a_second_handle_of_the_same_process_is_refused_too() {
    let (_folder, path) = nowhere();
    let first = open(&path).unwrap();
    let error = open(&path).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
    drop(first);
    open(&path).unwrap();
}

#[test]
fn an_open_waits_until_the_other_process_lets_go() {
    let (_folder, path) = nowhere();
    let child = Holding::start(&path, "022");
    let opening = {
        let path = path.clone();
        std::thread::spawn(move || Store::open(&path, &patient("slotbridge run")).map(drop))
    };
    child.release();
    opening.join().unwrap().unwrap();
}

#[test]
fn an_open_gives_up_after_the_time_that_it_was_given() {
    let (_folder, path) = nowhere();
    let _first = open(&path).unwrap();
    let options = OpenOptions {
        lock_wait: Duration::from_millis(120),
        holder: "a test".to_owned(),
    };
    let error = Store::open(&path, &options).unwrap_err();
    let StoreError::Locked { waited, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(waited, Duration::from_millis(120));
}

// R31
#[test]
fn the_lock_dies_with_the_process() {
    let (_folder, path) = nowhere();
    Holding::start(&path, "022").kill();
    open(&path).unwrap();
}

#[tokio::test]
async fn closing_lets_go_of_the_lock_even_while_other_handles_exist() {
    let (_folder, path) = nowhere();
    for options in [hasty(), patient("again")] {
        let store = Store::open(&path, &options).unwrap();
        let other = store.clone();
        store.close().await.unwrap();
        let error = other.apply(vec![began(1)]).await.unwrap_err();
        assert!(matches!(error, StoreError::Closed), "{error:?}");
        let error = other.summary().await.unwrap_err();
        assert!(matches!(error, StoreError::Closed), "{error:?}");
    }
}

#[test]
fn a_holders_text_cannot_fake_lines_of_the_lock_file() {
    let (_folder, path) = nowhere();
    let options = OpenOptions {
        lock_wait: Duration::ZERO,
        holder: "one\n99\ntwo\u{1b}[31m".to_owned(),
    };
    let _first = Store::open(&path, &options).unwrap();
    let error = open(&path).unwrap_err();
    let StoreError::Locked {
        holder: Some(holder),
        ..
    } = error
    else {
        panic!("{error:?}")
    };
    assert_eq!(
        (holder.what.as_str(), holder.pid),
        ("one99two[31m", std::process::id())
    );
}
