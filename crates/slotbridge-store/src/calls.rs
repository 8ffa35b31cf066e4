//! The calls that were made to each quota scope over the last day, in a small file of their own next to the database,
//! so that a restart never starts a fresh budget and a dry run can count its calls without touching the database.
//!
//! **Guarantees.** Several processes may use the file at once. A noted call is known to every process at once and
//! survives the death of this one; a power cut may lose the last few (the file is not synced on each call).
//!
//! **Caveats.** Scopes are stored as hashes: a caller may name one after a key, and keys belong into no file of ours.

use std::fmt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, TransactionBehavior, params};

use crate::connect::{bare_memory, opening};
use crate::encode::{instant, micros};
use crate::error::StoreError;
use crate::files::{self, Found, beside, create_private};

/// Marks the file as ours (`slbc`).
const APPLICATION_ID: i32 = 0x736c_6263;
const VERSION: i32 = 1;
/// The longest quota is a day; the hour is for clocks that differ.
const KEPT: SignedDuration = SignedDuration::from_hours(25);
const BUSY_WAIT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS scope (
        seq  INTEGER PRIMARY KEY,
        hash BLOB NOT NULL CHECK (length(hash) = 32)
    ) STRICT;
    CREATE UNIQUE INDEX IF NOT EXISTS scope_by_hash ON scope (hash);
    CREATE TABLE IF NOT EXISTS call (
        seq   INTEGER PRIMARY KEY,
        scope INTEGER NOT NULL REFERENCES scope (seq),
        at    INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX IF NOT EXISTS call_by_time ON call (scope, at);";

const SCOPE: &str = "SELECT seq FROM scope WHERE hash = ?1";
const ADD_SCOPE: &str = "INSERT INTO scope (hash) VALUES (?1) ON CONFLICT (hash) DO NOTHING";
const CALLS: &str = "SELECT at FROM call WHERE scope = ?1 AND at >= ?2 ORDER BY at";
const ADD_CALL: &str = "INSERT INTO call (scope, at) SELECT seq, ?2 FROM scope WHERE hash = ?1";
const FORGET: &str =
    "DELETE FROM call WHERE scope = (SELECT seq FROM scope WHERE hash = ?1) AND at < ?2";

/// The calls of the last 25 hours.
pub struct CallJournal {
    conn: Mutex<Connection>,
}

impl fmt::Debug for CallJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallJournal").finish_non_exhaustive()
    }
}

impl CallJournal {
    /// Opens the call journal of a database (`<database>.calls`), creating it (mode 0600) if need be.
    pub fn open(database: &Path) -> Result<Self, StoreError> {
        let path = beside(database, ".calls");
        files::folder_exists(&path)?;
        if files::inspect(&path)? == Found::Nothing {
            match create_private(&path) {
                // Another process was quicker.
                Err(StoreError::File { source, .. })
                    if source.kind() == std::io::ErrorKind::AlreadyExists => {}
                created => created?,
            }
        }
        Self::open_file(&path)
    }

    /// Opens the call journal of a database if there is one, else one in memory: creates nothing on the disk.
    pub fn open_existing_or_memory(database: &Path) -> Result<Self, StoreError> {
        let path = beside(database, ".calls");
        match files::inspect(&path)? {
            Found::File => Self::open_file(&path),
            Found::Nothing => Self::in_memory(),
        }
    }

    /// A call journal in memory.
    pub fn in_memory() -> Result<Self, StoreError> {
        let mut conn = bare_memory()?;
        prepare(&mut conn)?;
        Ok(Self {
            conn: Mutex::new(conn),
        })
    }

    /// When calls were made at or after `since`, ascending; `None` when the scope was never noted.
    pub fn load(
        &self,
        scope: &str,
        since: Timestamp,
    ) -> Result<Option<Vec<Timestamp>>, StoreError> {
        let conn = self.conn();
        let known: Option<i64> = conn
            .prepare_cached(SCOPE)?
            .query_row([hash(scope)], |row| row.get(0))
            .optional()?;
        let Some(known) = known else { return Ok(None) };
        conn.prepare_cached(CALLS)?
            .query_and_then(params![known, micros(since)], |row| {
                instant(row.get(0)?).map_err(|error| error.at("call", "at", &known))
            })?
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Notes a call, and forgets the scope's calls of more than 25 hours before it.
    pub fn note(&self, scope: &str, at: Timestamp) -> Result<(), StoreError> {
        let hash = hash(scope);
        let mut conn = self.conn();
        let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.prepare_cached(ADD_SCOPE)?.execute([hash])?;
        transaction
            .prepare_cached(ADD_CALL)?
            .execute(params![hash, micros(at)])?;
        let forgotten = at.saturating_sub(KEPT).unwrap_or(Timestamp::MIN);
        transaction
            .prepare_cached(FORGET)?
            .execute(params![hash, micros(forgotten)])?;
        Ok(transaction.commit()?)
    }

    fn conn(&self) -> MutexGuard<'_, Connection> {
        // A panic in between leaves the connection as the last transaction left it.
        self.conn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_file(path: &Path) -> Result<Self, StoreError> {
        let on_open = |error| opening(path, error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut conn = Connection::open_with_flags(path, flags).map_err(on_open)?;
        conn.busy_timeout(BUSY_WAIT).map_err(on_open)?;
        let application: i32 = conn
            .pragma_query_value(None, "application_id", |row| row.get(0))
            .map_err(on_open)?;
        if application != 0 && application != APPLICATION_ID {
            return Err(StoreError::Foreign(path.to_path_buf()));
        }
        let mode = write_ahead(&conn).map_err(on_open)?;
        if mode != "wal" {
            return Err(StoreError::NoWal {
                path: path.to_path_buf(),
                mode,
            });
        }
        prepare(&mut conn).map_err(on_open)?;
        Ok(Self {
            conn: Mutex::new(conn),
        })
    }
}

/// Turns the write-ahead log on. SQLite does not wait for another process that does the same at the same moment, so
/// this asks again for a while.
fn write_ahead(conn: &Connection) -> rusqlite::Result<String> {
    let mut attempts_left = 50;
    loop {
        match conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)) {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && attempts_left > 0 =>
            {
                attempts_left -= 1;
                std::thread::sleep(Duration::from_millis(20));
            }
            mode => return mode,
        }
    }
}

fn prepare(conn: &mut Connection) -> rusqlite::Result<()> {
    conn.execute_batch(
        "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;",
    )?;
    let transaction = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(SCHEMA)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

fn hash(scope: &str) -> [u8; 32] {
    *blake3::hash(scope.as_bytes()).as_bytes()
}
