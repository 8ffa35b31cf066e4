//! Walking over all that a bridge has, a part at a time, in the order in which it is over.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use slotbridge_core::model::{BookingId, BridgeName, PlatformName, RemoteId};
use slotbridge_core::record::Window;

use super::bridge::booking_row;
use super::{booking_id, json_list, rows, stored_count};
use crate::encode::{
    RecordRow, Undecodable, id_bytes, instant, is_erased, is_shadow_of, micros, shadow_from_json,
    state_from_word,
};
use crate::error::StoreError;
use crate::rows::{Base, Bound, BoundLink, Place, Unlinked};

#[cfg(test)]
pub(super) const SQL: &[&str] = &[
    PAGE,
    BY_IDS,
    LINKS,
    OVER_BUT_CHANGED,
    UNLINKED,
    SINCE,
    ELSEWHERE,
    CUT,
];

const PAGE: &str = "
    SELECT id, content, starts_at, ends_at, created_at, changed_at, seq FROM booking
    WHERE bridge = ?1 AND (ends_at, seq) > (?2, ?3) ORDER BY ends_at, seq LIMIT ?4";
const BY_IDS: &str = "
    SELECT b.id, b.content, b.starts_at, b.ends_at, b.created_at, b.changed_at, b.seq
    FROM json_each(?2) AS wanted CROSS JOIN booking AS b ON b.bridge = ?1 AND b.id = unhex(wanted.value)";
const LINKS: &str = "
    SELECT l.platform, l.remote_id, l.shadow, m.state, m.starts_at, m.content
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
    let bound = rows(conn, PAGE, key, |row| {
        last = Some(Place {
            ends_at: row.get(3)?,
            seq: row.get(6)?,
        });
        bound(conn, bridge, row)
    })?;
    let full = u32::try_from(bound.len()).is_ok_and(|found| found == limit);
    Ok((bound, last.filter(|_| full)))
}

/// These bookings, as far as the bridge knows them.
pub(crate) fn bound_by_ids(
    conn: &Connection,
    bridge: &BridgeName,
    ids: &[BookingId],
) -> Result<Vec<Bound>, StoreError> {
    let wanted = json_list(ids.iter().map(|id| format!("{:032x}", id.as_u128())));
    rows(conn, BY_IDS, params![bridge.as_str(), wanted], |row| {
        bound(conn, bridge, row)
    })
}

fn bound(conn: &Connection, bridge: &BridgeName, row: &Row<'_>) -> Result<Bound, StoreError> {
    let booking = booking_row(row)?;
    let content = row
        .get_ref(1)?
        .as_str_or_null()
        .map_err(rusqlite::Error::from)?;
    let key = params![bridge.as_str(), id_bytes(booking.id)];
    let links = rows(conn, LINKS, key, |row| bound_link(row, booking.id, content))?;
    Ok(Bound { booking, links })
}

fn bound_link(
    row: &Row<'_>,
    booking: BookingId,
    content: Option<&str>,
) -> Result<BoundLink, StoreError> {
    let platform = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
    let bad = |column| {
        let key = format!("{booking}/{platform}");
        move |error: Undecodable| error.at("link", column, &key)
    };
    let name = PlatformName::new(platform)
        .map_err(Undecodable::from)
        .map_err(bad("platform"))?;
    let remote_id = row.get::<_, Option<String>>(1)?.map(RemoteId::new);
    let shadow = row.get_ref(2)?.as_str().map_err(rusqlite::Error::from)?;
    let base = if content.is_some_and(|content| is_shadow_of(shadow, content)) {
        Base::Booking
    } else {
        let other = shadow_from_json(shadow).map_err(bad("shadow"))?;
        Base::Other(Box::new(other))
    };
    let mut link = BoundLink {
        platform: name,
        is_erased: is_erased(shadow),
        remote_id,
        base,
        record: None,
    };
    let state = row
        .get_ref(3)?
        .as_str_or_null()
        .map_err(rusqlite::Error::from)?;
    if let (Some(state), Some(id)) = (state, &link.remote_id) {
        let bad = |column| {
            let key = format!("{platform}/{id}");
            move |error: Undecodable| error.at("mirror_record", column, &key)
        };
        let id = id.as_str().to_owned();
        let stored =
            RecordRow::from_columns(id, state, row.get(4)?, row.get(5)?).map_err(bad("state"))?;
        link.is_erased |= stored.is_erased();
        link.record = Some(stored.into_record().map_err(bad("content"))?);
    }
    Ok(link)
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
