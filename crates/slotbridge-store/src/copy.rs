//! Copying a database into memory without leaving a trace on the disk.
//!
//! SQLite reads a database with a write-ahead log through a shared index file, and creates log and index where they
//! are missing, even for a connection that only reads. So how the copy is made depends on what is there:
//!
//! - **log and index** (a process has the database open, or was killed): SQLite's own locks give a consistent view;
//!   the index is opened for reading only, and where it is stale SQLite builds one in memory.
//! - **a log without index** (a copied folder): the log is read without locks, its index kept in memory.
//! - **no log**: the file alone is read, as one that nobody changes.
//!
//! The last two hold no lock, so they count only if the files were the same before and after.
//!
//! **Caveat.** If the process that has the database open closes it in the instant between the look and the first of
//! these, SQLite leaves an empty log behind; the next writer takes it away.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::connect::{bare_memory, copy_pages, opening, prepare_memory};
use crate::error::StoreError;
use crate::files::{Found, beside, file_error, inspect, uri};

/// How often the files may change under the copy before it gives up.
const ATTEMPTS_MAX: u32 = 20;
const PAUSE: Duration = Duration::from_millis(20);
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// Copies a database into memory, and migrates the copy. No file gives an empty database.
pub(crate) fn into_memory(path: &Path) -> Result<Connection, StoreError> {
    let mut memory = bare_memory()?;
    if inspect(path)? == Found::File {
        copy(path, &mut memory)?;
    }
    prepare_memory(&mut memory, path)?;
    Ok(memory)
}

/// Copies a database over another one, whoever is writing it.
pub(crate) fn copy(path: &Path, memory: &mut Connection) -> Result<(), StoreError> {
    let mut last = StoreError::Changing(path.to_path_buf());
    for _ in 0..ATTEMPTS_MAX {
        let before = Files::of(path)?;
        if before.database.is_none() {
            return Ok(());
        }
        let way = before.way();
        let copied = attempt(path, way, memory);
        let held_still = way == Way::Shared || Files::of(path)? == before;
        match copied {
            Ok(()) if held_still => return Ok(()),
            Ok(()) => {}
            // A process that is just opening or closing the database: its files come and go.
            Err(
                error @ (StoreError::Changing(_)
                | StoreError::Busy(_)
                | StoreError::CannotOpen { .. }),
            ) => last = error,
            Err(error) if held_still => return Err(error),
            Err(error) => last = error,
        }
        std::thread::sleep(PAUSE);
    }
    Err(last)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Shared,
    LogAlone,
    FileAlone,
}

/// What is there, as far as it shows whether somebody wrote.
#[derive(Debug, PartialEq, Eq)]
struct Files {
    database: Option<(u64, SystemTime)>,
    log: Option<(u64, SystemTime)>,
    index: bool,
}

impl Files {
    fn of(path: &Path) -> Result<Self, StoreError> {
        let (log, index) = (beside(path, "-wal"), beside(path, "-shm"));
        Ok(Self {
            database: stamp(path)?,
            log: stamp(&log)?,
            index: stamp(&index)?.is_some(),
        })
    }

    fn way(&self) -> Way {
        match self.log {
            Some(_) if self.index => Way::Shared,
            Some((bytes, _)) if bytes > 0 => Way::LogAlone,
            Some(_) | None => Way::FileAlone,
        }
    }
}

fn stamp(path: &Path) -> Result<Option<(u64, SystemTime)>, StoreError> {
    let look = |error| file_error("look at", path, error);
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some((metadata.len(), metadata.modified().map_err(look)?))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(look(error)),
    }
}

fn attempt(path: &Path, way: Way, memory: &mut Connection) -> Result<(), StoreError> {
    let on_open = |error: rusqlite::Error| match error.sqlite_error_code() {
        // The index is not fit to be read yet; nothing here is ever written.
        Some(ErrorCode::ReadOnly) => StoreError::Changing(path.to_path_buf()),
        _ => opening(path, error),
    };
    let parameters = match way {
        Way::Shared => "mode=ro&readonly_shm=1",
        Way::LogAlone => "mode=ro&vfs=unix-none",
        Way::FileAlone => "mode=ro&immutable=1",
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let source = Connection::open_with_flags(uri(path, parameters), flags).map_err(on_open)?;
    // Else the last connection to go would fold the log into the file.
    source
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .map_err(on_open)?;
    if way == Way::LogAlone {
        // With this, SQLite keeps the log's index in memory.
        source
            .pragma_update(None, "locking_mode", "EXCLUSIVE")
            .map_err(on_open)?;
    }
    source.busy_timeout(BUSY_WAIT).map_err(on_open)?;
    // A read transaction around the copy, so that a write in between does not make it start again.
    source
        .execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema;")
        .map_err(on_open)?;
    copy_pages(&source, memory).map_err(on_open)
}
