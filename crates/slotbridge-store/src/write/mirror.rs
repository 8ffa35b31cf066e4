//! The mirror, the quarantine, and what is known of platforms.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use slotbridge_core::model::{PlatformName, RemoteId};
use slotbridge_core::record::{Record, RecordState, Window};

use crate::encode::{RecordRow, micros, record_state_word};
use crate::error::StoreError;

#[cfg(test)]
pub(super) const SQL: &[&str] = &[
    FIND,
    LOAD,
    ADD,
    CHANGE,
    FIRST_SEEN,
    SEEN_BETWEEN,
    SEEN_AGAIN,
    QUARANTINE,
    QUARANTINE_NAMELESS,
    READABLE_AGAIN,
    NAMELESS_GONE,
    PLATFORM_SEEN,
    WINDOW_SHOWN,
    CURSOR_DROPPED,
];

const FIND: &str = "SELECT seq, hash FROM mirror_record WHERE platform = ?1 AND remote_id = ?2";
const LOAD: &str = "SELECT state, starts_at, content, noticed_at FROM mirror_record WHERE seq = ?1";
const ADD: &str = "
    INSERT INTO mirror_record (platform, remote_id, state, starts_at, content, hash, first_seen_at, noticed_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)";
const CHANGE: &str = "
    UPDATE mirror_record SET state = ?2, starts_at = ?3, content = ?4, hash = ?5, noticed_at = ?6 WHERE seq = ?1";
const FIRST_SEEN: &str = "INSERT INTO mirror_seen (record, at) VALUES (?1, ?2)";
/// Seen, or proven to be gone, which nobody has seen.
const SEEN_BETWEEN: &str = "
    SELECT 1 FROM mirror_record AS m JOIN mirror_seen AS s ON s.record = m.seq
    WHERE m.platform = ?1 AND m.remote_id = ?2 AND (
        (s.at > ?3 AND s.at <= ?4)
        OR (m.state = 'deleted' AND m.noticed_at > ?3 AND m.noticed_at <= ?4)
        OR EXISTS (
            SELECT 1 FROM platform AS p
            WHERE p.name = m.platform AND p.shown_at > ?3 AND p.shown_at <= ?4
            AND m.state = 'live' AND m.starts_at >= p.shown_from AND m.starts_at < p.shown_to))";
const SEEN_AGAIN: &str = "UPDATE mirror_seen SET at = ?2 WHERE record = ?1 AND at <> ?2";
const QUARANTINE: &str = "
    INSERT INTO quarantine (platform, remote_id, why, first_at, at) VALUES (?1, ?2, ?3, ?4, ?4)
    ON CONFLICT (platform, remote_id) WHERE remote_id IS NOT NULL DO UPDATE SET why = excluded.why, at = excluded.at";
const QUARANTINE_NAMELESS: &str = "
    INSERT INTO quarantine (platform, why, first_at, at) VALUES (?1, ?2, ?3, ?3)
    ON CONFLICT (platform, why) WHERE remote_id IS NULL DO UPDATE SET at = excluded.at";
const READABLE_AGAIN: &str = "DELETE FROM quarantine WHERE platform = ?1 AND remote_id = ?2";
const NAMELESS_GONE: &str =
    "DELETE FROM quarantine WHERE platform = ?1 AND remote_id IS NULL AND at < ?2";
const PLATFORM_SEEN: &str = "
    INSERT INTO platform (name, cursor, cursor_at, complete_from, complete_to, complete_at, seen_at, time_zone)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (name) DO UPDATE SET
        cursor = coalesce(excluded.cursor, cursor),
        cursor_at = coalesce(excluded.cursor_at, cursor_at),
        complete_from = coalesce(excluded.complete_from, complete_from),
        complete_to = coalesce(excluded.complete_to, complete_to),
        complete_at = coalesce(excluded.complete_at, complete_at),
        seen_at = excluded.seen_at,
        time_zone = coalesce(excluded.time_zone, time_zone)";
const WINDOW_SHOWN: &str = "
    INSERT INTO platform (name, shown_from, shown_to, shown_at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (name) DO UPDATE SET
        shown_from = excluded.shown_from,
        shown_to = excluded.shown_to,
        shown_at = excluded.shown_at";
const CURSOR_DROPPED: &str = "UPDATE platform SET cursor = NULL, cursor_at = NULL WHERE name = ?1";

/// How long a listing may lie about before it is stored: what was seen that long after it is still newer.
const MEANWHILE: SignedDuration = SignedDuration::from_secs(10);

pub(super) fn seen(
    conn: &Connection,
    platform: &PlatformName,
    record: &Record,
    at: Timestamp,
) -> Result<(), StoreError> {
    let row = RecordRow::of(record);
    match find(conn, platform, &record.id)? {
        None => {
            conn.prepare_cached(ADD)?.execute(params![
                platform.as_str(),
                row.remote_id,
                row.state,
                row.starts_at,
                row.content,
                row.hash(),
                micros(at)
            ])?;
            conn.prepare_cached(FIRST_SEEN)?
                .execute(params![conn.last_insert_rowid(), micros(at)])?;
        }
        Some((seq, hash)) => {
            if hash != row.hash() {
                let over =
                    record.state != RecordState::Live || record.end.unwrap_or(record.start) <= at;
                replace(conn, seq, platform, row, over, at)?;
            }
            conn.prepare_cached(SEEN_AGAIN)?
                .execute(params![seq, micros(at)])?;
        }
    }
    readable_again(conn, platform, &record.id)
}

/// A stamp that lies ahead says nothing: then the clock was set back.
pub(super) fn listed(
    conn: &Connection,
    platform: &PlatformName,
    record: &Record,
    begun_at: Timestamp,
    at: Timestamp,
) -> Result<(), StoreError> {
    let seen_meanwhile = conn.prepare_cached(SEEN_BETWEEN)?.exists(params![
        platform.as_str(),
        record.id.as_str(),
        micros(begun_at),
        micros(at.saturating_add(MEANWHILE).unwrap_or(Timestamp::MAX))
    ])?;
    if seen_meanwhile {
        return Ok(());
    }
    seen(conn, platform, record, at)
}

pub(super) fn missing(
    conn: &Connection,
    platform: &PlatformName,
    id: &RemoteId,
    at: Timestamp,
) -> Result<(), StoreError> {
    if let Some((seq, _hash)) = find(conn, platform, id)? {
        let (mut row, _noticed_at) = load(conn, seq, platform, id)?;
        let deleted = record_state_word(RecordState::Deleted);
        if row.state != deleted {
            row.state = deleted;
            replace(conn, seq, platform, row, true, at)?;
        }
        // A look that was begun before this may still show it.
        conn.prepare_cached(SEEN_AGAIN)?
            .execute(params![seq, micros(at)])?;
    }
    readable_again(conn, platform, id)
}

pub(super) fn unreadable(
    conn: &Connection,
    platform: &PlatformName,
    id: Option<&RemoteId>,
    why: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    match id {
        Some(id) => conn.prepare_cached(QUARANTINE)?.execute(params![
            platform.as_str(),
            id.as_str(),
            why,
            micros(at)
        ])?,
        None => conn.prepare_cached(QUARANTINE_NAMELESS)?.execute(params![
            platform.as_str(),
            why,
            micros(at)
        ])?,
    };
    Ok(())
}

pub(super) fn platform_seen(
    conn: &Connection,
    platform: &PlatformName,
    cursor: Option<&str>,
    complete: Option<Window>,
    at: Timestamp,
    time_zone: Option<&str>,
) -> Result<(), StoreError> {
    conn.prepare_cached(PLATFORM_SEEN)?.execute(params![
        platform.as_str(),
        cursor,
        cursor.map(|_| micros(at)),
        complete.map(|window| micros(window.from)),
        complete.map(|window| micros(window.to)),
        complete.map(|_| micros(at)),
        micros(at),
        time_zone
    ])?;
    if complete.is_some() {
        conn.prepare_cached(NAMELESS_GONE)?
            .execute(params![platform.as_str(), micros(at)])?;
    }
    Ok(())
}

pub(super) fn window_shown(
    conn: &Connection,
    platform: &PlatformName,
    window: Window,
    at: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(WINDOW_SHOWN)?.execute(params![
        platform.as_str(),
        micros(window.from),
        micros(window.to),
        micros(at)
    ])?;
    Ok(())
}

pub(super) fn cursor_dropped(conn: &Connection, platform: &PlatformName) -> Result<(), StoreError> {
    conn.prepare_cached(CURSOR_DROPPED)?
        .execute([platform.as_str()])?;
    Ok(())
}

fn find(
    conn: &Connection,
    platform: &PlatformName,
    id: &RemoteId,
) -> Result<Option<(i64, [u8; 32])>, StoreError> {
    let found = conn
        .prepare_cached(FIND)?
        .query_row(params![platform.as_str(), id.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    Ok(found)
}

/// The row as it stands, and since when the record is as it says.
fn load(
    conn: &Connection,
    seq: i64,
    platform: &PlatformName,
    id: &RemoteId,
) -> Result<(RecordRow, i64), StoreError> {
    let (state, starts_at, content, noticed_at): (String, i64, String, i64) =
        conn.prepare_cached(LOAD)?.query_row([seq], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
    let row = RecordRow::from_columns(id.as_str().to_owned(), &state, starts_at, content)
        .map_err(|error| error.at("mirror_record", "state", &format_args!("{platform}/{id}")))?;
    Ok((row, noticed_at))
}

/// Replaces what is stored. Client data that were erased do not come back with a record that is over: a platform shows
/// it for as long as anybody looks that far back. The hash is that of what was shown, so that showing it again is no
/// news.
fn replace(
    conn: &Connection,
    seq: i64,
    platform: &PlatformName,
    row: RecordRow,
    over: bool,
    at: Timestamp,
) -> Result<(), StoreError> {
    let id = RemoteId::new(row.remote_id.clone());
    let (stored, noticed_at) = load(conn, seq, platform, &id)?;
    let hash = row.hash();
    let row = if over && stored.is_erased() {
        row.erased().map_err(|error| {
            error.at("mirror_record", "content", &format_args!("{platform}/{id}"))
        })?
    } else {
        row
    };
    let noticed_at = if stored.says_the_same(&row) {
        noticed_at
    } else {
        micros(at)
    };
    conn.prepare_cached(CHANGE)?.execute(params![
        seq,
        row.state,
        row.starts_at,
        row.content,
        hash,
        noticed_at
    ])?;
    Ok(())
}

fn readable_again(
    conn: &Connection,
    platform: &PlatformName,
    id: &RemoteId,
) -> Result<(), StoreError> {
    conn.prepare_cached(READABLE_AGAIN)?
        .execute(params![platform.as_str(), id.as_str()])?;
    Ok(())
}
