//! Walking over all that a bridge has, a part at a time, in the order in which it is over.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use slotbridge_core::model::{BookingId, BridgeName, PlatformName, RemoteId};
use slotbridge_core::record::Window;

use super::bridge::{booking_row, link_row};
use super::{booking_id, json_list, rows, stored_count};
use crate::encode::{RecordRow, Undecodable, id_bytes, instant, micros, state_from_word};
use crate::error::StoreError;
use crate::rows::{Bound, BoundLink, Place, Unlinked};

#[cfg(test)]
pub(super) const SQL: &[&str] = &[
    PAGE,
    BY_IDS,
    LINKS,
    OVER_BUT_CHANGED,
    UNLINKED,
    SINCE,
    ELSEWHERE,
    COUNT,
    CUT,
];

const PAGE: &str = "
    SELECT id, content, starts_at, ends_at, created_at, changed_at, seq FROM booking
    WHERE bridge = ?1 AND (ends_at, seq) > (?2, ?3) ORDER BY ends_at, seq LIMIT ?4";
const BY_IDS: &str = "
    SELECT b.id, b.content, b.starts_at, b.ends_at, b.created_at, b.changed_at, b.seq
    FROM json_each(?2) AS wanted CROSS JOIN booking AS b ON b.bridge = ?1 AND b.id = unhex(wanted.value)";
const LINKS: &str = "
    SELECT l.booking, l.platform, l.remote_id, l.shadow, l.at, m.state, m.starts_at, m.content
    FROM link AS l
    LEFT JOIN mirror_record AS m ON m.platform = l.platform AND m.remote_id = l.remote_id
    WHERE l.bridge = ?1 AND l.booking = ?2 ORDER BY l.platform";
const OVER_BUT_CHANGED: &str = "
    SELECT id FROM booking WHERE bridge = ?1 AND changed_at >= ?2 AND (ends_at IS NULL OR ends_at <= ?2) ORDER BY changed_at, id";
const UNLINKED: &str = "
    SELECT m.remote_id, m.state FROM mirror_record AS m INDEXED BY mirror_record_by_start
    WHERE m.platform = ?2 AND m.starts_at >= ?3 AND NOT EXISTS (
        SELECT 1 FROM link AS l WHERE l.bridge = ?1 AND l.platform = m.platform AND l.remote_id = m.remote_id)";
const SINCE: &str = "
    SELECT count(*) FROM mirror_record INDEXED BY mirror_record_by_start WHERE platform = ?1 AND starts_at >= ?2";
/// Records from now on of bookings that were over long ago.
const ELSEWHERE: &str = "
    SELECT b.id FROM mirror_record AS m INDEXED BY mirror_record_by_start
    CROSS JOIN link AS l ON l.bridge = ?1 AND l.platform = m.platform AND l.remote_id = m.remote_id
    CROSS JOIN booking AS b ON b.bridge = ?1 AND b.id = l.booking
    WHERE m.platform = ?2 AND m.starts_at >= ?3 AND b.changed_at < ?3 AND (b.ends_at IS NULL OR b.ends_at <= ?3)";
const COUNT: &str = "
    SELECT count(*) FROM mirror_record INDEXED BY mirror_record_by_start
    WHERE platform = ?1 AND starts_at >= ?2 AND starts_at < ?3";
const CUT: &str = "
    SELECT starts_at FROM mirror_record INDEXED BY mirror_record_by_start
    WHERE platform = ?1 AND starts_at >= ?2 AND starts_at < ?3 ORDER BY starts_at LIMIT 1 OFFSET ?4";

/// The first bookings that end after the place.
pub(crate) fn walk(
    conn: &Connection,
    bridge: &BridgeName,
    behind: Place,
    limit: u32,
) -> Result<(Vec<Bound>, Option<Place>), StoreError> {
    let key = params![bridge.as_str(), behind.ends_at, behind.seq, limit];
    let mut last = None;
    let bookings = rows(conn, PAGE, key, |row| {
        last = Some(Place {
            ends_at: row.get(3)?,
            seq: row.get(6)?,
        });
        booking_row(row)
    })?;
    let full = u32::try_from(bookings.len()).is_ok_and(|found| found == limit);
    let bound = bookings
        .into_iter()
        .map(|booking| bound(conn, bridge, booking))
        .collect::<Result<_, _>>()?;
    Ok((bound, last.filter(|_| full)))
}

/// These bookings, as far as the bridge knows them.
pub(crate) fn bound_by_ids(
    conn: &Connection,
    bridge: &BridgeName,
    ids: &[BookingId],
) -> Result<Vec<Bound>, StoreError> {
    let wanted = json_list(ids.iter().map(|id| format!("{:032x}", id.as_u128())));
    rows(conn, BY_IDS, params![bridge.as_str(), wanted], booking_row)?
        .into_iter()
        .map(|booking| bound(conn, bridge, booking))
        .collect()
}

fn bound(
    conn: &Connection,
    bridge: &BridgeName,
    booking: crate::rows::BookingRow,
) -> Result<Bound, StoreError> {
    let key = params![bridge.as_str(), id_bytes(booking.id)];
    let links = rows(conn, LINKS, key, bound_link)?;
    Ok(Bound { booking, links })
}

fn bound_link(row: &Row<'_>) -> Result<BoundLink, StoreError> {
    let link = link_row(row)?;
    let state = row
        .get_ref(5)?
        .as_str_or_null()
        .map_err(rusqlite::Error::from)?;
    let (Some(state), Some(id)) = (state, &link.remote_id) else {
        return Ok(BoundLink {
            link,
            record: None,
            is_erased: false,
        });
    };
    let bad = |column| {
        let key = format!("{}/{id}", link.platform);
        move |error: Undecodable| error.at("mirror_record", column, &key)
    };
    let stored = RecordRow::from_columns(id.as_str().to_owned(), state, row.get(6)?, row.get(7)?)
        .map_err(bad("state"))?;
    let is_erased = stored.is_erased();
    let record = stored.into_record().map_err(bad("content"))?;
    Ok(BoundLink {
        record: Some(record),
        is_erased,
        link,
    })
}

/// The bookings that changed at or after an instant although they were over by then.
pub(crate) fn over_but_changed(
    conn: &Connection,
    bridge: &BridgeName,
    since: Timestamp,
) -> Result<Vec<BookingId>, StoreError> {
    let key = params![bridge.as_str(), micros(since)];
    rows(conn, OVER_BUT_CHANGED, key, |row| {
        Ok(booking_id(row.get(0)?))
    })
}

/// The records of a platform from an instant on that belong to no booking of the bridge, and how many belong to one.
pub(crate) fn unlinked(
    conn: &Connection,
    bridge: &BridgeName,
    platform: &PlatformName,
    since: Timestamp,
) -> Result<(Vec<Unlinked>, u64), StoreError> {
    let key = params![bridge.as_str(), platform.as_str(), micros(since)];
    let unlinked = rows(conn, UNLINKED, key, |row| {
        let id: String = row.get(0)?;
        let state = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        let state = state_from_word(state).map_err(|error| {
            error.at("mirror_record", "state", &format_args!("{platform}/{id}"))
        })?;
        Ok(Unlinked {
            id: RemoteId::new(id),
            state,
        })
    })?;
    let all: i64 = conn
        .prepare_cached(SINCE)?
        .query_row(params![platform.as_str(), micros(since)], |row| row.get(0))?;
    let all =
        stored_count(all).map_err(|error| error.at("mirror_record", "starts_at", platform))?;
    let alone = u64::try_from(unlinked.len()).unwrap_or(u64::MAX);
    Ok((unlinked, all.saturating_sub(alone)))
}

/// The bookings that were over and unchanged before an instant, with a record that starts at or after it.
pub(crate) fn elsewhere(
    conn: &Connection,
    bridge: &BridgeName,
    platform: &PlatformName,
    since: Timestamp,
) -> Result<Vec<BookingId>, StoreError> {
    let key = params![bridge.as_str(), platform.as_str(), micros(since)];
    rows(conn, ELSEWHERE, key, |row| Ok(booking_id(row.get(0)?)))
}

/// Where to cut a window so that so many mirrored records start in its first part: the start of the first one behind
/// them. `None` where there are no more than that.
pub(crate) fn cut(
    conn: &Connection,
    platform: &PlatformName,
    window: Window,
    records: u32,
) -> Result<Option<Timestamp>, StoreError> {
    let key = params![platform.as_str(), micros(window.from), micros(window.to)];
    let count: i64 = conn
        .prepare_cached(COUNT)?
        .query_row(key, |row| row.get(0))?;
    if count <= i64::from(records) {
        return Ok(None);
    }
    let key = params![
        platform.as_str(),
        micros(window.from),
        micros(window.to),
        records
    ];
    let found = rows(conn, CUT, key, |row| {
        instant(row.get(0)?).map_err(|error| error.at("mirror_record", "starts_at", platform))
    })?;
    Ok(found.into_iter().next())
}
