//! The mirror, the quarantine, and what is known of platforms.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use slotbridge_core::model::{PlatformName, RemoteId};
use slotbridge_core::record::Window;

use super::{json_list, rows, stored_count};
use crate::encode::{RecordRow, Undecodable, instant, micros, state_from_word};
use crate::error::StoreError;
use crate::rows::{LiveSight, MirrorKey, MirrorRow, PlatformState, RecordHash, UnreadableRow};

#[cfg(test)]
pub(super) const SQL: &[&str] = &[SINCE, WITHIN, LIVE, BY_ID, KEYS, QUARANTINED, PLATFORM];

const SINCE: &str = "
    SELECT m.remote_id, m.state, m.starts_at, m.content, m.first_seen_at, m.noticed_at,
        max(s.at, coalesce((
            SELECT p.shown_at FROM platform AS p
            WHERE p.name = m.platform AND m.state = 'live' AND m.starts_at >= p.shown_from AND m.starts_at < p.shown_to
        ), s.at)),
        q.why
    FROM mirror_record AS m
    JOIN mirror_seen AS s ON s.record = m.seq
    LEFT JOIN quarantine AS q ON q.platform = m.platform AND q.remote_id = m.remote_id
    WHERE m.platform = ?1 AND m.starts_at >= ?2
    ORDER BY m.starts_at, m.remote_id";
const WITHIN: &str = "
    SELECT m.remote_id, m.state, m.starts_at, m.content, m.first_seen_at, m.noticed_at,
        max(s.at, coalesce((
            SELECT p.shown_at FROM platform AS p
            WHERE p.name = m.platform AND m.state = 'live' AND m.starts_at >= p.shown_from AND m.starts_at < p.shown_to
        ), s.at)),
        q.why
    FROM mirror_record AS m
    JOIN mirror_seen AS s ON s.record = m.seq
    LEFT JOIN quarantine AS q ON q.platform = m.platform AND q.remote_id = m.remote_id
    WHERE m.platform = ?1 AND m.starts_at >= ?2 AND m.starts_at < ?3
    ORDER BY m.starts_at, m.remote_id";
const LIVE: &str = "
    SELECT count(*) FROM mirror_record INDEXED BY mirror_record_by_start
    WHERE platform = ?1 AND starts_at >= ?2 AND state = 'live'";
const BY_ID: &str = "
    SELECT m.remote_id, m.state, m.starts_at, m.content, m.first_seen_at, m.noticed_at,
        max(s.at, coalesce((
            SELECT p.shown_at FROM platform AS p
            WHERE p.name = m.platform AND m.state = 'live' AND m.starts_at >= p.shown_from AND m.starts_at < p.shown_to
        ), s.at)),
        q.why
    FROM json_each(?2) AS wanted
    CROSS JOIN mirror_record AS m ON m.platform = ?1 AND m.remote_id = wanted.value
    JOIN mirror_seen AS s ON s.record = m.seq
    LEFT JOIN quarantine AS q ON q.platform = m.platform AND q.remote_id = m.remote_id
    GROUP BY m.seq
    ORDER BY m.starts_at, m.remote_id";
const KEYS: &str = "
    SELECT remote_id, state, starts_at, hash FROM mirror_record
    WHERE platform = ?1 AND (starts_at, remote_id) > (?2, ?3) AND starts_at < ?4
    ORDER BY starts_at, remote_id LIMIT ?5";
const LIVE_SIGHTS: &str = "
    SELECT m.remote_id, m.starts_at, s.at
    FROM mirror_record AS m INDEXED BY mirror_record_by_start
    JOIN mirror_seen AS s ON s.record = m.seq
    WHERE m.platform = ?1 AND m.starts_at >= ?2 AND m.state = 'live'
    ORDER BY m.starts_at, m.remote_id";
const QUARANTINED: &str = "SELECT remote_id, why, first_at, at FROM quarantine WHERE platform = ?1 ORDER BY first_at, seq";
const PLATFORM: &str = "
    SELECT cursor, cursor_at, complete_from, complete_to, complete_at, seen_at, time_zone FROM platform
    WHERE name = ?1";

pub(crate) fn mirror(
    conn: &Connection,
    platform: &PlatformName,
    since: Timestamp,
) -> Result<Vec<MirrorRow>, StoreError> {
    rows(
        conn,
        SINCE,
        params![platform.as_str(), micros(since)],
        |row| mirror_row(platform, row),
    )
}

pub(crate) fn mirror_within(
    conn: &Connection,
    platform: &PlatformName,
    window: Window,
) -> Result<Vec<MirrorRow>, StoreError> {
    let key = params![platform.as_str(), micros(window.from), micros(window.to)];
    rows(conn, WITHIN, key, |row| mirror_row(platform, row))
}

pub(crate) fn live_since(
    conn: &Connection,
    platform: &PlatformName,
    since: Timestamp,
) -> Result<u64, StoreError> {
    let count = conn
        .prepare_cached(LIVE)?
        .query_row(params![platform.as_str(), micros(since)], |row| row.get(0))?;
    stored_count(count).map_err(|error| error.at("mirror_record", "state", &platform))
}

pub(crate) fn mirror_rows(
    conn: &Connection,
    platform: &PlatformName,
    ids: &[RemoteId],
) -> Result<Vec<MirrorRow>, StoreError> {
    let wanted = json_list(ids.iter().map(RemoteId::as_str));
    rows(conn, BY_ID, params![platform.as_str(), wanted], |row| {
        mirror_row(platform, row)
    })
}

/// The keys of mirrored records that start inside the window, in order of start and id, behind the last one of before.
pub(crate) fn mirror_keys(
    conn: &Connection,
    platform: &PlatformName,
    window: Window,
    behind: Option<&MirrorKey>,
    limit: u32,
) -> Result<Vec<MirrorKey>, StoreError> {
    // No id is the empty text, so this is behind nothing.
    let (start, id) = behind.map_or((window.from, ""), |key| (key.start, key.id.as_str()));
    let key = params![
        platform.as_str(),
        micros(start),
        id,
        micros(window.to),
        limit
    ];
    rows(conn, KEYS, key, |row| {
        let id: String = row.get(0)?;
        let bad = |column| {
            let key = format!("{platform}/{id}");
            move |error: Undecodable| error.at("mirror_record", column, &key)
        };
        let state = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        Ok(MirrorKey {
            state: state_from_word(state).map_err(bad("state"))?,
            start: instant(row.get(2)?).map_err(bad("starts_at"))?,
            hash: RecordHash(row.get(3)?),
            id: RemoteId::new(id),
        })
    })
}

/// The live records that start at or after `since`, with when each was last read by its id.
pub(crate) fn live_sights(
    conn: &Connection,
    platform: &PlatformName,
    since: Timestamp,
) -> Result<Vec<LiveSight>, StoreError> {
    let key = params![platform.as_str(), micros(since)];
    rows(conn, LIVE_SIGHTS, key, |row| {
        let id: String = row.get(0)?;
        let bad = |column| {
            let key = format!("{platform}/{id}");
            move |error: Undecodable| error.at("mirror_record", column, &key)
        };
        Ok(LiveSight {
            start: instant(row.get(1)?).map_err(bad("starts_at"))?,
            seen_at: instant(row.get(2)?).map_err(bad("seen_at"))?,
            id: RemoteId::new(id),
        })
    })
}

fn mirror_row(platform: &PlatformName, row: &Row<'_>) -> Result<MirrorRow, StoreError> {
    let id: String = row.get(0)?;
    let bad = |column| {
        let key = format!("{platform}/{id}");
        move |error: Undecodable| error.at("mirror_record", column, &key)
    };
    let (first_seen_at, noticed_at, seen_at) = (
        instant(row.get(4)?).map_err(bad("first_seen_at"))?,
        instant(row.get(5)?).map_err(bad("noticed_at"))?,
        instant(row.get(6)?).map_err(bad("seen_at"))?,
    );
    let state: String = row.get(1)?;
    let stored = RecordRow::from_columns(id.clone(), &state, row.get(2)?, row.get(3)?)
        .map_err(bad("state"))?;
    let is_erased = stored.is_erased();
    let record = stored.into_record().map_err(bad("content"))?;
    Ok(MirrorRow {
        record,
        first_seen_at,
        noticed_at,
        seen_at,
        unreadable: row.get(7)?,
        is_erased,
    })
}

pub(crate) fn unreadable(
    conn: &Connection,
    platform: &PlatformName,
) -> Result<Vec<UnreadableRow>, StoreError> {
    rows(conn, QUARANTINED, [platform.as_str()], |row| {
        let id: Option<String> = row.get(0)?;
        let bad = |column| {
            let key = format!("{platform}/{}", id.as_deref().unwrap_or_default());
            move |error: Undecodable| error.at("quarantine", column, &key)
        };
        let (first_at, at) = (
            instant(row.get(2)?).map_err(bad("first_at"))?,
            instant(row.get(3)?).map_err(bad("at"))?,
        );
        Ok(UnreadableRow {
            id: id.map(RemoteId::new),
            why: row.get(1)?,
            first_at,
            at,
        })
    })
}

pub(crate) fn platform_state(
    conn: &Connection,
    platform: &PlatformName,
) -> Result<PlatformState, StoreError> {
    let mut query = conn.prepare_cached(PLATFORM)?;
    let found = query
        .query_row([platform.as_str()], |row| {
            let instants: [Option<i64>; 5] = [
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
                row.get(5)?,
            ];
            Ok((
                row.get::<_, Option<String>>(0)?,
                instants,
                row.get::<_, Option<String>>(6)?,
            ))
        })
        .optional()?;
    let Some((cursor, instants, time_zone)) = found else {
        return Ok(PlatformState::default());
    };
    let read = |at: Option<i64>| {
        at.map(instant)
            .transpose()
            .map_err(|error| error.at("platform", "an instant", &platform))
    };
    let [cursor_at, from, to, complete_at, seen_at] = instants;
    let complete = match (read(from)?, read(to)?) {
        (Some(from), Some(to)) => Some(Window { from, to }),
        _ => None,
    };
    Ok(PlatformState {
        cursor,
        cursor_at: read(cursor_at)?,
        complete,
        complete_at: read(complete_at)?,
        seen_at: read(seen_at)?,
        time_zone,
    })
}
