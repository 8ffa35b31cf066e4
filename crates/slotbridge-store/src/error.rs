//! What can go wrong with the database, each with the way out.
//!
//! Messages name files, tables, columns and ids, never what is in a row. SQLite's own messages name columns only; JSON
//! messages quote values, so they are left out.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

/// Who holds the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// What the process is doing, in its own words.
    pub what: String,
    /// Its process id.
    pub pid: u32,
    /// Since when it holds the database.
    pub since: Timestamp,
}

/// Why a migration did not run.
#[derive(Debug, thiserror::Error)]
pub enum MigrationFault {
    /// SQLite refused a statement.
    #[error("SQLite refused a statement")]
    Sql(#[from] rusqlite::Error),
    /// Rows would be left without what they belong to.
    #[error("{0} rows would point at nothing")]
    Orphans(i64),
}

/// The database could not be opened, read or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The folder of the database is not there.
    #[error(
        "there is no folder {0}: create it, owned by the user that slotbridge runs as, or change [store] path"
    )]
    NoFolder(PathBuf),
    /// The path is a symbolic link. The write-ahead log and the lock would then stand next to the link and not protect
    /// the file.
    #[error("{path} is a symbolic link to {target}: name the file itself in [store] path")]
    Symlink {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// The path is a folder, a device or a socket.
    #[error("{0} is not a regular file: name a file in [store] path")]
    NotAFile(PathBuf),
    /// The file or its folder may not be written.
    #[error(
        "{0} cannot be written: give the user that slotbridge runs as the right to write the file and its folder, and check that the disk is not mounted read-only"
    )]
    ReadOnly(PathBuf),
    /// Everybody on the machine may read the clients' data.
    #[error(
        "{path} can be read or written by everybody on this machine (mode {mode:03o}): run `chmod 600 {path}`"
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Another process has the database.
    #[error("{}", locked_message(path, holder.as_ref(), *waited))]
    Locked {
        /// The database.
        path: PathBuf,
        /// Who has it, if that could be read.
        holder: Option<Holder>,
        /// How long was waited.
        waited: Duration,
    },
    /// The file is not an SQLite database.
    #[error("{0} is not a database: name another file in [store] path, or move this one away")]
    NotADatabase(PathBuf),
    /// The file is an SQLite database of another program.
    #[error("{0} is a database of another program: name another file in [store] path")]
    Foreign(PathBuf),
    /// The file is damaged.
    #[error(
        "the database {path} is damaged ({detail}): put back a copy, or move it away and run `slotbridge reconcile`, which finds the pairs again by their markers"
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found, without content.
        detail: String,
    },
    /// The database was written by a later version.
    #[error(
        "the database {path} has schema {found}, written by slotbridge {by}; this is slotbridge {ours}, which knows schemas up to {known}: install {by} or later"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// Which version wrote it.
        by: String,
        /// The latest schema that this version knows.
        known: u32,
        /// This version.
        ours: &'static str,
    },
    /// A migration that the database went through is not the one that this binary holds.
    #[error(
        "the database {path} was migrated by another script {version:04} ({name}) than the one in this binary: install the release that it comes from"
    )]
    HistoryChanged {
        /// The file.
        path: PathBuf,
        /// The number of the script.
        version: u32,
        /// Its name.
        name: String,
    },
    /// A migration did not run.
    #[error("migration {version:04} ({name}) of the database did not run; nothing of it was kept")]
    Migration {
        /// The number of the script.
        version: u32,
        /// Its name.
        name: String,
        /// Why.
        source: Arc<MigrationFault>,
    },
    /// The file system cannot carry the database.
    #[error(
        "{path} cannot use a write-ahead log (SQLite chose {mode}): put the database on a local disk"
    )]
    NoWal {
        /// The file.
        path: PathBuf,
        /// What SQLite uses instead.
        mode: String,
    },
    /// SQLite cannot open the file.
    #[error(
        "{path} cannot be opened: check that the user that slotbridge runs as may read and write it and its folder"
    )]
    CannotOpen {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: Arc<rusqlite::Error>,
    },
    /// Another process changed the files again and again while they were copied.
    #[error("{0} changes while it is being copied: try again")]
    Changing(PathBuf),
    /// The file turned out to be damaged while it was in use.
    #[error(
        "the database is damaged: stop slotbridge, put back a copy, or move the file away and run `slotbridge reconcile`, which finds the pairs again by their markers"
    )]
    Damaged(#[source] Arc<rusqlite::Error>),
    /// The disk is full.
    #[error("the disk of the database is full: make room; nothing of this change was kept")]
    Full,
    /// There is no database to be copied or looked through.
    #[error("there is no database at {0}")]
    NoDatabase(PathBuf),
    /// A file stands where a backup was to be written.
    #[error("{0} is there already, and a backup overwrites nothing: name another file")]
    Exists(PathBuf),
    /// There is no room for a backup.
    #[error(
        "there is no room for {0}: free some space, or name a file on another disk; the database is not affected"
    )]
    NoRoom(PathBuf),
    /// A database that somebody uses, and not a backup.
    #[error(
        "{0} has a write-ahead log beside it: it is a database in use or one that was killed, not a backup; `slotbridge backup FILE` makes one of it"
    )]
    InUse(PathBuf),
    /// The disk failed.
    #[error(
        "the disk of the database failed: check the system log; nothing of this change was kept"
    )]
    Disk(#[source] Arc<rusqlite::Error>),
    /// A file could not be handled.
    #[error("cannot {doing} {path}")]
    File {
        /// What was being done: `open`, `create`.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// Another process kept the database busy for too long.
    #[error("another process keeps the database busy: is a copy of it being made? Try again")]
    Busy(#[source] Arc<rusqlite::Error>),
    /// A change contradicts what is stored.
    #[error("a change contradicts what is stored; nothing of it was kept")]
    Constraint(#[source] Arc<rusqlite::Error>),
    /// A change continues something that is not there, or not in the state for it.
    #[error("there is no {what} {key}")]
    NoSuch {
        /// What was looked for.
        what: &'static str,
        /// Its id.
        key: String,
    },
    /// A stored value cannot be understood.
    #[error("column {column} of table {table} cannot be read in row {key}")]
    Row {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The id of the row.
        key: String,
    },
    /// Anything else that SQLite said.
    #[error("the database refused")]
    Database(#[source] Arc<rusqlite::Error>),
    /// A call into the store panicked, or lost its transaction; nothing of it was kept.
    #[error("a fault in slotbridge's store stopped a call; nothing of it was kept")]
    Fault,
    /// The store was closed.
    #[error("the database is closed")]
    Closed,
}

fn locked_message(path: &std::path::Path, holder: Option<&Holder>, waited: Duration) -> String {
    let who = match holder {
        Some(holder) => format!(
            "{} (pid {}, since {} UTC)",
            holder.what,
            holder.pid,
            holder.since.strftime("%Y-%m-%d %H:%M")
        ),
        None => "another process".to_owned(),
    };
    format!(
        "the database {} is in use by {who}; waited {} s: stop it, or wait longer with --wait",
        path.display(),
        waited.as_secs()
    )
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::SystemIoFailure) => Self::Disk(Arc::new(error)),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Self::Busy(Arc::new(error))
            }
            Some(ErrorCode::ConstraintViolation) => Self::Constraint(Arc::new(error)),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(Arc::new(error))
            }
            _ => Self::Database(Arc::new(error)),
        }
    }
}
