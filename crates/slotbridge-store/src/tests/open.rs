//! What may stand at the path of a database, and who may read it.

use std::io::ErrorKind;
use std::os::unix::fs::symlink;

use super::child::Holding;
use super::*;
use crate::files::file_error;

fn modes(folder: &Path) -> BTreeMap<String, u32> {
    listing(folder)
        .into_iter()
        .map(|(name, (mode, _content))| (name, mode))
        .collect()
}

#[test]
fn every_file_belongs_to_its_owner_alone_whatever_the_umask_says() {
    for umask in ["000", "022", "0777"] {
        let (folder, path) = nowhere();
        let child = Holding::start(&path, umask);
        let expected: BTreeMap<String, u32> = [
            "slotbridge.db",
            "slotbridge.db-shm",
            "slotbridge.db-wal",
            "slotbridge.db.lock",
        ]
        .map(|name| (name.to_owned(), 0o600))
        .into();
        assert_eq!(modes(folder.path()), expected, "umask {umask}");
        child.release();
    }
}

#[tokio::test]
async fn a_closed_database_leaves_no_log_behind() {
    let (folder, path) = nowhere();
    let store = open(&path).unwrap();
    store.apply(vec![began(1)]).await.unwrap();
    store.close().await.unwrap();
    let names: Vec<String> = listing(folder.path()).into_keys().collect();
    assert_eq!(names, ["slotbridge.db", "slotbridge.db.lock"]);
}

#[tokio::test]
async fn dropping_the_last_handle_closes_the_database() {
    let (folder, path) = nowhere();
    let store = open(&path).unwrap();
    store.apply(vec![began(1)]).await.unwrap();
    drop(store);
    let names: Vec<String> = listing(folder.path()).into_keys().collect();
    assert_eq!(names, ["slotbridge.db", "slotbridge.db.lock"]);
}

#[test]
fn a_database_that_everybody_can_read_is_refused_with_the_way_out() {
    let (_folder, path) = nowhere();
    drop(open(&path).unwrap());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = open(&path).unwrap_err();
    assert!(
        matches!(error, StoreError::Exposed { mode: 0o644, .. }),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .contains(&format!("chmod 600 {}", path.display())),
        "{error}"
    );
    assert!(matches!(
        Store::open_copy(&path),
        Err(StoreError::Exposed { .. })
    ));
    // The owner's group is the owner's choice.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    open(&path).unwrap();
}

#[test]
fn a_folder_that_is_not_there_is_not_made() {
    let (folder, _path) = nowhere();
    let path = folder.path().join("missing").join("slotbridge.db");
    let error = open(&path).unwrap_err();
    assert!(
        matches!(&error, StoreError::NoFolder(missing) if missing == path.parent().unwrap()),
        "{error:?}"
    );
    assert!(listing(folder.path()).is_empty());
}

#[test]
fn a_file_where_the_folder_should_be_is_named() {
    let (folder, _path) = nowhere();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open(&file.join("slotbridge.db")).unwrap_err();
    assert!(
        matches!(&error, StoreError::NoFolder(missing) if *missing == file),
        "{error:?}"
    );
}

#[test]
fn a_symbolic_link_is_refused_and_its_target_named() {
    let (folder, path) = nowhere();
    let target = folder.path().join("elsewhere.db");
    drop(open(&target).unwrap());
    symlink(&target, &path).unwrap();
    for result in [open(&path), Store::open_copy(&path)] {
        let error = result.unwrap_err();
        assert!(
            matches!(&error, StoreError::Symlink { target: to, .. } if *to == target),
            "{error:?}"
        );
    }
}

#[test]
fn a_folder_in_the_place_of_the_file_is_refused() {
    let (_folder, path) = nowhere();
    fs::create_dir(&path).unwrap();
    for result in [open(&path), Store::open_copy(&path)] {
        let error = result.unwrap_err();
        assert!(matches!(error, StoreError::NotAFile(_)), "{error:?}");
    }
}

#[test]
fn an_empty_file_becomes_a_database() {
    let (_folder, path) = nowhere();
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    open(&path).unwrap();
}

#[test]
fn a_folder_that_may_not_be_written_is_named_with_the_way_out() {
    let (folder, path) = nowhere();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(folder.path().join("probe"), "").is_ok() {
        println!("skipped: this user may write everywhere");
        return;
    }
    let error = open(&path).unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly(_)), "{error:?}");
}

#[test]
fn what_the_file_system_says_becomes_what_the_user_can_do() {
    let path = Path::new("/var/lib/slotbridge/slotbridge.db");
    let table = [
        (
            ErrorKind::PermissionDenied,
            "right to write the file and its folder",
        ),
        (ErrorKind::ReadOnlyFilesystem, "mounted read-only"),
        (ErrorKind::StorageFull, "make room"),
        (ErrorKind::QuotaExceeded, "make room"),
        (
            ErrorKind::TooManyLinks,
            "cannot create /var/lib/slotbridge/slotbridge.db",
        ),
    ];
    for (kind, said) in table {
        let error = file_error("create", path, kind.into());
        assert!(error.to_string().contains(said), "{kind}: {error}");
    }
}

#[tokio::test]
async fn a_path_with_special_characters_is_one_path() {
    let (folder, _path) = nowhere();
    let path = folder.path().join("a?b#c%41 d.db");
    let store = open(&path).unwrap();
    store.apply(vec![began(1)]).await.unwrap();
    let copy = Store::open_copy(&path).unwrap();
    assert_eq!(copy.last_runs(5).await.unwrap().len(), 1);
    store.close().await.unwrap();
    let copy = Store::open_copy(&path).unwrap();
    assert_eq!(copy.last_runs(5).await.unwrap().len(), 1);
    let names: Vec<String> = listing(folder.path()).into_keys().collect();
    assert_eq!(names, ["a?b#c%41 d.db", "a?b#c%41 d.db.lock"]);
}
