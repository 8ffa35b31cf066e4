//! Looking after the database: the check, the statistics, the write-ahead log, and free space.
//!
//! Nothing here waits: where a reader is in the way, the log stays for the next time. A file is only rewritten when a
//! good part of it is free and it is small enough for that to be a matter of a second; the free pages of a large one
//! are used again by what comes.

use std::time::Duration;

use rusqlite::Connection;

use crate::connect::BUSY_WAIT;
use crate::error::StoreError;
use crate::rows::Upkeep;

/// The most findings of a check that are kept.
const FINDINGS_MAX: usize = 10;
/// The largest file that is rewritten.
const REWRITE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// What is free below this is not worth a rewrite.
const FREE_BYTES_MIN: u64 = 1024 * 1024;
/// One part in so many must be free to make a rewrite worthwhile.
const FREE_SHARE: u64 = 4;

const TABLES: &str = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
const CHECK: &str = "SELECT quick_check FROM pragma_quick_check(?1)";

/// Checks table after table, so that no read transaction lasts for the whole file. What SQLite says names tables,
/// indexes, columns and row numbers, never content.
pub(crate) fn check(conn: &Connection) -> Result<Vec<String>, StoreError> {
    let tables: Vec<String> = conn
        .prepare(TABLES)?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut found = Vec::new();
    for table in tables {
        let lines = match check_table(conn, &table) {
            // The check itself can meet a page that it cannot read.
            Err(StoreError::Damaged(_)) => vec!["SQLite cannot read its pages".to_owned()],
            lines => lines?,
        };
        let lines = lines.into_iter().filter(|line| line != "ok");
        found.extend(lines.map(|line| format!("{table}: {line}")));
    }
    found.truncate(FINDINGS_MAX);
    Ok(found)
}

fn check_table(conn: &Connection, table: &str) -> Result<Vec<String>, StoreError> {
    let mut query = conn.prepare_cached(CHECK)?;
    let lines = query.query_map([table], |row| row.get(0))?;
    Ok(lines.collect::<Result<_, _>>()?)
}

/// Bytes of the file, and bytes of it that are free.
pub(crate) fn size(conn: &Connection) -> Result<(u64, u64), StoreError> {
    let number = |name| {
        conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .map(|number| u64::try_from(number).unwrap_or_default())
    };
    let page = number("page_size")?;
    Ok((
        page.saturating_mul(number("page_count")?),
        page.saturating_mul(number("freelist_count")?),
    ))
}

/// Whether a file is worth being rewritten.
pub(crate) fn worth_rewriting(bytes: u64, free: u64) -> bool {
    bytes <= REWRITE_BYTES_MAX && free >= FREE_BYTES_MIN && free >= bytes / FREE_SHARE
}

/// Renews the statistics, rewrites the file if that is worth it, and folds the log into it.
pub(crate) fn tidy(conn: &Connection) -> Result<Upkeep, StoreError> {
    conn.execute_batch("PRAGMA optimize")?;
    let (before, free) = size(conn)?;
    if worth_rewriting(before, free) {
        conn.flush_prepared_statement_cache();
        conn.execute_batch("VACUUM")?;
    }
    let folded = fold(conn)?;
    let (bytes, free) = size(conn)?;
    Ok(Upkeep {
        damage: Vec::new(),
        folded,
        bytes,
        free,
        given_back: before.saturating_sub(bytes),
    })
}

/// Rewrites the file and empties the log. Freed cells are overwritten anyway; pages that were only rearranged may still
/// hold old bytes in their gaps.
pub(crate) fn scrub(conn: &Connection) -> Result<bool, StoreError> {
    conn.flush_prepared_statement_cache();
    conn.execute_batch("VACUUM")?;
    fold(conn)
}

/// Does as [`scrub`] does where the file is small enough to keep nobody waiting for long; else only empties the log.
pub(crate) fn scrub_if_small(conn: &Connection) -> Result<bool, StoreError> {
    let (bytes, _free) = size(conn)?;
    if bytes <= REWRITE_BYTES_MAX {
        scrub(conn)
    } else {
        fold(conn)
    }
}

/// Folds the write-ahead log into the file without waiting for readers.
pub(crate) fn fold(conn: &Connection) -> Result<bool, StoreError> {
    conn.busy_timeout(Duration::ZERO)?;
    let busy = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, i64>(0)
    });
    conn.busy_timeout(BUSY_WAIT)?;
    Ok(busy? == 0)
}
