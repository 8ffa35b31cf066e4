//! Backups: a whole copy of a database in a file of its own, made while another process writes, and looked through
//! before it counts.
//!
//! **Guarantees.** A backup is one state of the database, is readable by its owner only, and has its name only once
//! everything is on the disk and has been checked. Nothing is ever overwritten.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use crate::connect::opening;
use crate::copy;
use crate::encode::instant;
use crate::error::StoreError;
use crate::files::{
    Found, beside, create_private, file_error, folder_exists, inspect, sync_folder, uri,
};
use crate::migrations;

/// The most findings of a check that are kept.
const FINDINGS_MAX: usize = 10;

const CHECK: &str = "SELECT integrity_check FROM pragma_integrity_check";
const ORPHANS: &str = "SELECT count(*) FROM pragma_foreign_key_check";
const LAST_RUN: &str = "SELECT began_at FROM run ORDER BY began_at DESC LIMIT 1";

/// What is in a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Bytes of the file.
    pub bytes: u64,
    /// The number of its schema.
    pub schema: u32,
    /// When the last run that it knows of began.
    pub last_run_at: Option<Timestamp>,
}

/// Writes a copy of the database at `database` to the new file `to`. Takes no lock, and leaves no trace beside the
/// database.
///
/// # Errors
/// The file is there already, there is no database, the copy cannot be written, or it turns out to be damaged.
pub fn backup(database: &Path, to: &Path) -> Result<Backup, StoreError> {
    if inspect(database)? == Found::Nothing {
        return Err(StoreError::NoDatabase(database.to_path_buf()));
    }
    folder_exists(to)?;
    if fs::symlink_metadata(to).is_ok() {
        return Err(StoreError::Exists(to.to_path_buf()));
    }
    let unfinished = beside(to, ".unfinished");
    remove_unfinished(&unfinished)?;
    let made = make(database, &unfinished, to);
    if made.is_err() {
        remove_unfinished(&unfinished)?;
    }
    made.map_err(|error| match error {
        // It is not the database's disk that is full.
        StoreError::Full => StoreError::NoRoom(to.to_path_buf()),
        error => error,
    })
}

fn make(database: &Path, unfinished: &Path, to: &Path) -> Result<Backup, StoreError> {
    create_private(unfinished)?;
    fill(database, unfinished)?;
    File::open(unfinished)
        .and_then(|file| file.sync_all())
        .map_err(|error| file_error("write", unfinished, error))?;
    let checked = verify(unfinished)?;
    name(unfinished, to)?;
    sync_folder(to)?;
    Ok(checked)
}

fn fill(database: &Path, unfinished: &Path) -> Result<(), StoreError> {
    let on_open = |error| opening(unfinished, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut file = Connection::open_with_flags(unfinished, flags).map_err(on_open)?;
    copy::copy(database, &mut file)?;
    // One file, that can be read from where nothing can be written.
    file.query_row("PRAGMA journal_mode = DELETE", [], |row| {
        row.get::<_, String>(0)
    })
    .map_err(on_open)?;
    file.close().map_err(|(_file, error)| on_open(error))
}

/// Gives the file its name unless something has that by now.
fn name(unfinished: &Path, to: &Path) -> Result<(), StoreError> {
    match fs::hard_link(unfinished, to) {
        Ok(()) => remove_if_there(unfinished),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Err(StoreError::Exists(to.to_path_buf()))
        }
        // A file system without hard links.
        Err(_unsupported) if fs::symlink_metadata(to).is_err() => {
            fs::rename(unfinished, to).map_err(|error| file_error("create", to, error))
        }
        Err(error) => Err(file_error("create", to, error)),
    }
}

/// Removes what a backup that did not come to its end has left.
fn remove_unfinished(unfinished: &Path) -> Result<(), StoreError> {
    ["-wal", "-shm", "-journal"]
        .iter()
        .try_for_each(|suffix| remove_if_there(&beside(unfinished, suffix)))?;
    remove_if_there(unfinished)
}

fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(file_error("remove", path, error)),
        _ => Ok(()),
    }
}

/// Looks through a backup: whether it is one of ours, whole, and of a version that this binary knows.
///
/// # Errors
/// It is not; [`StoreError::Corrupt`] where it is damaged.
pub fn verify(path: &Path) -> Result<Backup, StoreError> {
    if inspect(path)? == Found::Nothing {
        return Err(StoreError::NoDatabase(path.to_path_buf()));
    }
    // What stands in a log is part of a database, and a backup has none.
    if fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0) {
        return Err(StoreError::InUse(path.to_path_buf()));
    }
    let on_open = |error| opening(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn =
        Connection::open_with_flags(uri(path, "mode=ro&immutable=1"), flags).map_err(on_open)?;
    let schema = migrations::version(&conn).map_err(on_open)?;
    migrations::recognise(&conn, path, migrations::ALL)?;
    if schema == 0 {
        return Err(StoreError::Foreign(path.to_path_buf()));
    }
    let mut findings: Vec<String> = conn
        .prepare(CHECK)
        .and_then(|mut check| check.query_map([], |row| row.get(0))?.collect())
        .map_err(on_open)?;
    findings.retain(|line| line != "ok");
    let orphans: i64 = conn
        .query_row(ORPHANS, [], |row| row.get(0))
        .map_err(on_open)?;
    if orphans > 0 {
        findings.push(format!("{orphans} rows point at nothing"));
    }
    if !findings.is_empty() {
        findings.truncate(FINDINGS_MAX);
        return Err(StoreError::Corrupt {
            path: path.to_path_buf(),
            detail: findings.join("; "),
        });
    }
    let last_run: Option<i64> = conn
        .query_row(LAST_RUN, [], |row| row.get(0))
        .optional()
        .map_err(on_open)?;
    let last_run_at = last_run
        .map(instant)
        .transpose()
        .map_err(|error| error.at("run", "began_at", &"the last"))?;
    let size = fs::metadata(path).map_err(|error| file_error("look at", path, error))?;
    Ok(Backup {
        bytes: size.len(),
        schema,
        last_run_at,
    })
}
