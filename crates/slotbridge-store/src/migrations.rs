//! The schema and its history: an explicit list of scripts, each applied once, in one transaction.
//!
//! **Guarantees.** A script runs whole or not at all. What was applied is recorded with its BLAKE3; a database whose
//! history is not ours, or longer than ours, is refused and left as it is. An existing file is copied to
//! `<database>.before-NNNN` before its first new script.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags, OptionalExtension, TransactionBehavior, params};

use crate::connect::{copy_pages, opening};
use crate::error::{MigrationFault, StoreError};
use crate::files::{beside, create_private, file_error, sync_folder};

/// Marks the file as ours (`slbr`).
const APPLICATION_ID: i32 = 0x736c_6272;
const OURS: &str = env!("CARGO_PKG_VERSION");

/// One step of the schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Migration {
    /// Its number; the first is 1, and there are no gaps.
    pub(crate) version: u32,
    /// Its file, without folder.
    pub(crate) name: &'static str,
    /// What it does.
    pub(crate) sql: &'static str,
}

/// Every step. A released one is never edited, only followed.
pub(crate) const ALL: &[Migration] = &[
    Migration {
        version: 1,
        name: "0001_start.sql",
        sql: include_str!("../../../migrations/0001_start.sql"),
    },
    Migration {
        version: 2,
        name: "0002_notices_and_schedules.sql",
        sql: include_str!("../../../migrations/0002_notices_and_schedules.sql"),
    },
    Migration {
        version: 3,
        name: "0003_decisions.sql",
        sql: include_str!("../../../migrations/0003_decisions.sql"),
    },
    Migration {
        version: 4,
        name: "0004_whole_passes.sql",
        sql: include_str!("../../../migrations/0004_whole_passes.sql"),
    },
    Migration {
        version: 5,
        name: "0005_presumed.sql",
        sql: include_str!("../../../migrations/0005_presumed.sql"),
    },
];

/// What happens to an existing database before it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// Its file is copied.
    CopyTheFile,
    /// It is a copy already.
    Nothing,
}

/// Checks that a database is empty or ours, and not from the future. Changes nothing.
pub(crate) fn recognise(
    conn: &Connection,
    path: &Path,
    known: &[Migration],
) -> Result<(), StoreError> {
    let on_open = |error| opening(path, error);
    let application: i32 = pragma(conn, "application_id").map_err(on_open)?;
    let version = version(conn).map_err(on_open)?;
    if application != APPLICATION_ID {
        let tables: i64 = conn
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .map_err(on_open)?;
        let untouched = application == 0 && version == 0 && tables == 0;
        return if untouched {
            Ok(())
        } else {
            Err(StoreError::Foreign(path.to_path_buf()))
        };
    }
    let latest = known.last().map_or(0, |last| last.version);
    if version > latest {
        let by: Option<String> = conn
            .query_row(
                "SELECT applied_by FROM schema_history ORDER BY version DESC LIMIT 1",
                [],
                |row| row.get(0),
            )
            .optional()
            .map_err(on_open)?;
        return Err(StoreError::Newer {
            path: path.to_path_buf(),
            found: version,
            by: by.unwrap_or_else(|| "a later version".to_owned()),
            known: latest,
            ours: OURS,
        });
    }
    for migration in known
        .iter()
        .filter(|migration| migration.version <= version)
    {
        let applied: Option<[u8; 32]> = conn
            .query_row(
                "SELECT hash FROM schema_history WHERE version = ?1",
                [migration.version],
                |row| row.get(0),
            )
            .optional()
            .map_err(on_open)?;
        if applied != Some(hash(migration)) {
            return Err(StoreError::HistoryChanged {
                path: path.to_path_buf(),
                version: migration.version,
                name: migration.name.to_owned(),
            });
        }
    }
    Ok(())
}

/// Brings a recognised database to the latest schema.
pub(crate) fn migrate(
    conn: &mut Connection,
    path: &Path,
    known: &[Migration],
    before: Before,
) -> Result<(), StoreError> {
    let version = version(conn)?;
    let mut pending = known
        .iter()
        .filter(|migration| migration.version > version)
        .peekable();
    let Some(first) = pending.peek() else {
        return Ok(());
    };
    if version > 0 && before == Before::CopyTheFile {
        copy_before(conn, path, first.version)?;
    }
    // Scripts that rebuild a table need this; it cannot be changed inside a transaction.
    conn.pragma_update(None, "foreign_keys", false)?;
    let applied = pending.try_for_each(|migration| apply(conn, migration));
    conn.pragma_update(None, "foreign_keys", true)?;
    applied
}

fn apply(conn: &mut Connection, migration: &Migration) -> Result<(), StoreError> {
    run(conn, migration).map_err(|error| StoreError::Migration {
        version: migration.version,
        name: migration.name.to_owned(),
        source: Arc::new(error),
    })
}

fn run(conn: &mut Connection, migration: &Migration) -> Result<(), MigrationFault> {
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if migration.version == 1 {
        transaction.execute_batch(
            "CREATE TABLE schema_history (
                version    INTEGER PRIMARY KEY,
                name       TEXT NOT NULL,
                hash       BLOB NOT NULL CHECK (length(hash) = 32),
                applied_by TEXT NOT NULL
            ) STRICT;",
        )?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    }
    transaction.execute_batch(migration.sql)?;
    transaction.execute(
        "INSERT INTO schema_history (version, name, hash, applied_by) VALUES (?1, ?2, ?3, ?4)",
        params![migration.version, migration.name, hash(migration), OURS],
    )?;
    transaction.pragma_update(None, "user_version", migration.version)?;
    // Foreign keys were off; a script must not leave a row without its parent.
    let orphans: i64 =
        transaction.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| {
            row.get(0)
        })?;
    if orphans > 0 {
        return Err(MigrationFault::Orphans(orphans));
    }
    Ok(transaction.commit()?)
}

fn copy_before(conn: &Connection, path: &Path, version: u32) -> Result<(), StoreError> {
    let copy = beside(path, &format!(".before-{version:04}"));
    copy_to(conn, &copy)?;
    tracing::info!(copy = %copy.display(), "Copied the database before migrating it");
    Ok(())
}

/// Writes a whole copy of a database to a file, under its name only once it is complete.
pub(crate) fn copy_to(conn: &Connection, to: &Path) -> Result<(), StoreError> {
    let unfinished = beside(to, ".unfinished");
    match std::fs::remove_file(&unfinished) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(file_error("replace", &unfinished, error)),
    }
    create_private(&unfinished)?;
    fill(conn, &unfinished).map_err(|error| opening(&unfinished, error))?;
    std::fs::rename(&unfinished, to).map_err(|error| file_error("create", to, error))?;
    sync_folder(to)
}

fn fill(conn: &Connection, file: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(file, flags)?;
    copy_pages(conn, &mut copy)?;
    copy.close().map_err(|(_copy, error)| error)
}

fn hash(migration: &Migration) -> [u8; 32] {
    *blake3::hash(migration.sql.as_bytes()).as_bytes()
}

/// The number of the latest script that was applied; 0 for an empty database.
pub(crate) fn version(conn: &Connection) -> rusqlite::Result<u32> {
    pragma(conn, "user_version")
}

fn pragma<T: rusqlite::types::FromSql>(conn: &Connection, name: &str) -> rusqlite::Result<T> {
    conn.pragma_query_value(None, name, |row| row.get(0))
}
