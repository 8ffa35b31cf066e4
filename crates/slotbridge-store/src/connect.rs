//! Opening connections: the settings that every one of them has, and the checks before the first is used.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::error::StoreError;
use crate::files::{self, Found, beside, create_private};
use crate::lock::Lock;
use crate::migrations::{self, Before};

/// More than the crate has statements, so that each is prepared once.
const STATEMENTS_MAX: usize = 128;
/// Another process only ever holds the database while it starts a copy.
pub(crate) const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Opens the writing connection of a database: creates the file, checks it if the last process died, migrates it.
/// Takes the lock as proof that nobody else does this.
pub(crate) fn open_writer(path: &Path, _lock: &Lock) -> Result<Connection, StoreError> {
    if files::inspect(path)? == Found::Nothing {
        create_private(path)?;
        files::sync_folder(path)?;
    }
    // A log that is left over means that the last writer was killed, or the machine was.
    let died = std::fs::metadata(beside(path, "-wal")).is_ok_and(|log| log.len() > 0);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut conn =
        Connection::open_with_flags(path, flags).map_err(|error| opening(path, error))?;
    prepare_writer(&mut conn, path, died)?;
    Ok(conn)
}

fn prepare_writer(conn: &mut Connection, path: &Path, died: bool) -> Result<(), StoreError> {
    let on_open = |error| opening(path, error);
    conn.busy_timeout(BUSY_WAIT).map_err(on_open)?;
    // Before anything is written, so that a file of another program stays as it is.
    migrations::recognise(conn, path, migrations::ALL)?;
    let mode: String = conn
        .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
        .map_err(on_open)?;
    if mode != "wal" {
        return Err(StoreError::NoWal {
            path: path.to_path_buf(),
            mode,
        });
    }
    settings(conn).map_err(on_open)?;
    if died {
        quick_check(conn, path)?;
    }
    migrations::migrate(conn, path, migrations::ALL, Before::CopyTheFile)
}

/// Opens a reading connection to a database that a writer has open.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|error| opening(path, error))?;
    conn.busy_timeout(BUSY_WAIT)?;
    settings(&conn)?;
    Ok(conn)
}

/// Opens an empty database in memory, migrated.
pub(crate) fn open_memory() -> Result<Connection, StoreError> {
    let mut conn = bare_memory()?;
    prepare_memory(&mut conn, Path::new(":memory:"))?;
    Ok(conn)
}

/// Opens a database in memory with nothing in it.
pub(crate) fn bare_memory() -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Ok(Connection::open_in_memory_with_flags(flags)?)
}

/// Checks and migrates a database in memory; `path` is where it came from, for messages.
pub(crate) fn prepare_memory(conn: &mut Connection, path: &Path) -> Result<(), StoreError> {
    migrations::recognise(conn, path, migrations::ALL)?;
    settings(conn)?;
    migrations::migrate(conn, path, migrations::ALL, Before::Nothing)
}

fn settings(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // A plan never depends on what is bound. Else every statement on a table with a partial index is compiled anew
    // whenever a parameter is bound, which takes longer than running it.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // FULL: an answered write survives a power cut. secure_delete: what was erased is not left in free pages.
    // Folding the log into the file takes several waits for the disk, during which nothing is committed: at eight times
    // the usual size of the log, webhooks that come in a burst meet it eight times more rarely.
    conn.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA foreign_keys = ON;
         PRAGMA secure_delete = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA wal_autocheckpoint = 8000;",
    )?;
    conn.execute_batch(crate::read::CHOSEN)
}

fn quick_check(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    tracing::info!(path = %path.display(), "The database was not closed cleanly; checking it");
    let found: String = conn
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| opening(path, error))?;
    if found == "ok" {
        Ok(())
    } else {
        Err(StoreError::Corrupt {
            path: path.to_path_buf(),
            detail: found,
        })
    }
}

/// Copies every page of one database over another.
pub(crate) fn copy_pages(source: &Connection, target: &mut Connection) -> rusqlite::Result<()> {
    match Backup::new(source, target)?.step(-1)? {
        StepResult::Done => Ok(()),
        _ => Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY),
            None,
        )),
    }
}

/// What an error means that SQLite gave while a database was opened.
pub(crate) fn opening(path: &Path, error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => StoreError::NotADatabase(path.to_path_buf()),
        Some(ErrorCode::DatabaseCorrupt) => StoreError::Corrupt {
            path: path.to_path_buf(),
            detail: "SQLite cannot read its pages".to_owned(),
        },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            StoreError::ReadOnly(path.to_path_buf())
        }
        Some(ErrorCode::CannotOpen) => StoreError::CannotOpen {
            path: path.to_path_buf(),
            source: Arc::new(error),
        },
        _ => error.into(),
    }
}
