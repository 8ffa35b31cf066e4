//! Bookings and their links.

use jiff::Timestamp;
use rusqlite::{Connection, Params, Row, params};
use slotbridge_core::model::{BookingId, BridgeName, PlatformName, RemoteId, Slot};

use super::{booking_id, json_list, rows};
use crate::encode::{Undecodable, instant, micros, presence_from_json, shadow_from_json};
use crate::error::StoreError;
use crate::rows::{BookingRow, BridgeState, LinkRow, PastLinkRow};

#[cfg(test)]
pub(super) const SQL: &[&str] = &[
    BOOKINGS_SINCE,
    LINKS_SINCE,
    BOOKINGS_BY_ID,
    LINKS_BY_ID,
    BOOKINGS_BY_RECORD,
    LINKS_BY_RECORD,
    PAST,
];

/// The bookings that matter from an instant on. The last part is for a record that was moved from long ago to now
/// while its booking still stands long ago: without its link, it would look like a new booking. `platforms` hops from
/// one platform of the bridge to the next.
macro_rules! chosen_since {
    ($select:literal) => {
        concat!(
            "WITH RECURSIVE
            platforms (name) AS (
                SELECT min(platform) FROM link WHERE bridge = ?1 AND remote_id IS NOT NULL
                UNION ALL
                SELECT (SELECT min(platform) FROM link
                        WHERE bridge = ?1 AND platform > name AND remote_id IS NOT NULL)
                FROM platforms WHERE name IS NOT NULL
            ),
            chosen (id) AS (
                SELECT id FROM booking WHERE bridge = ?1 AND ends_at > ?2
                UNION
                SELECT id FROM booking WHERE bridge = ?1 AND changed_at >= ?2
                UNION
                SELECT booking FROM journal WHERE bridge = ?1 AND state IN ('intended', 'unknown')
                UNION
                SELECT l.booking FROM platforms
                CROSS JOIN mirror_record AS m ON m.platform = platforms.name AND m.starts_at >= ?2
                CROSS JOIN link AS l ON l.bridge = ?1 AND l.platform = m.platform AND l.remote_id = m.remote_id
            ) ",
            $select
        )
    };
}

const BOOKINGS_SINCE: &str = chosen_since!(
    "SELECT b.id, b.content, b.starts_at, b.ends_at, b.created_at, b.changed_at
    FROM booking AS b WHERE b.bridge = ?1 AND b.id IN chosen ORDER BY b.id"
);
const LINKS_SINCE: &str = chosen_since!(
    "SELECT l.booking, l.platform, l.remote_id, l.shadow, l.at
    FROM link AS l WHERE l.bridge = ?1 AND l.booking IN chosen ORDER BY l.booking, l.platform"
);

const BOOKINGS_BY_ID: &str = "
    SELECT id, content, starts_at, ends_at, created_at, changed_at FROM booking
    WHERE bridge = ?1 AND id IN (SELECT unhex(value) FROM json_each(?2)) ORDER BY id";
const LINKS_BY_ID: &str = "
    SELECT booking, platform, remote_id, shadow, at FROM link
    WHERE bridge = ?1 AND booking IN (SELECT unhex(value) FROM json_each(?2)) ORDER BY booking, platform";

macro_rules! of_records {
    () => {
        "(SELECT booking FROM link WHERE bridge = ?1 AND platform = ?2
          AND remote_id IN (SELECT value FROM json_each(?3)))"
    };
}

const BOOKINGS_BY_RECORD: &str = concat!(
    "SELECT id, content, starts_at, ends_at, created_at, changed_at FROM booking
    WHERE bridge = ?1 AND id IN ",
    of_records!(),
    " ORDER BY id"
);
const LINKS_BY_RECORD: &str = concat!(
    "SELECT booking, platform, remote_id, shadow, at FROM link
    WHERE bridge = ?1 AND booking IN ",
    of_records!(),
    " ORDER BY booking, platform"
);

const PAST: &str = "
    SELECT booking, platform, remote_id, until FROM past_link
    WHERE bridge = ?1 AND until >= ?2 ORDER BY until, seq";

pub(crate) fn bridge(
    conn: &Connection,
    bridge: &BridgeName,
    since: Timestamp,
) -> Result<BridgeState, StoreError> {
    state(
        conn,
        BOOKINGS_SINCE,
        LINKS_SINCE,
        params![bridge.as_str(), micros(since)],
    )
}

pub(crate) fn bookings(
    conn: &Connection,
    bridge: &BridgeName,
    ids: &[BookingId],
) -> Result<BridgeState, StoreError> {
    let wanted = json_list(ids.iter().map(|id| format!("{:032x}", id.as_u128())));
    state(
        conn,
        BOOKINGS_BY_ID,
        LINKS_BY_ID,
        params![bridge.as_str(), wanted],
    )
}

pub(crate) fn bookings_of(
    conn: &Connection,
    bridge: &BridgeName,
    platform: &PlatformName,
    records: &[RemoteId],
) -> Result<BridgeState, StoreError> {
    let wanted = json_list(records.iter().map(RemoteId::as_str));
    state(
        conn,
        BOOKINGS_BY_RECORD,
        LINKS_BY_RECORD,
        params![bridge.as_str(), platform.as_str(), wanted],
    )
}

fn state(
    conn: &Connection,
    bookings: &str,
    links: &str,
    params: impl Params + Copy,
) -> Result<BridgeState, StoreError> {
    Ok(BridgeState {
        bookings: rows(conn, bookings, params, booking_row)?,
        links: rows(conn, links, params, link_row)?,
    })
}

fn booking_row(row: &Row<'_>) -> Result<BookingRow, StoreError> {
    let id = booking_id(row.get(0)?);
    let bad = |column| move |error: Undecodable| error.at("booking", column, &id);
    let slot =
        |start: i64, end: i64| Ok::<_, Undecodable>(Slot::new(instant(start)?, instant(end)?)?);
    let last_slot = match (row.get(2)?, row.get(3)?) {
        (Some(start), Some(end)) => Some(slot(start, end).map_err(bad("starts_at"))?),
        _ => None,
    };
    let content = row
        .get_ref(1)?
        .as_str_or_null()
        .map_err(rusqlite::Error::from)?;
    Ok(BookingRow {
        id,
        canonical: presence_from_json(content).map_err(bad("content"))?,
        created_at: instant(row.get(4)?).map_err(bad("created_at"))?,
        changed_at: instant(row.get(5)?).map_err(bad("changed_at"))?,
        last_slot,
    })
}

fn link_row(row: &Row<'_>) -> Result<LinkRow, StoreError> {
    let booking = booking_id(row.get(0)?);
    let platform: String = row.get(1)?;
    let bad = |column| {
        let key = format!("{booking}/{platform}");
        move |error: Undecodable| error.at("link", column, &key)
    };
    let name = PlatformName::new(platform.as_str())
        .map_err(Undecodable::from)
        .map_err(bad("platform"))?;
    let shadow = row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?;
    Ok(LinkRow {
        booking,
        platform: name,
        remote_id: row.get::<_, Option<String>>(2)?.map(RemoteId::new),
        shadow: shadow_from_json(shadow).map_err(bad("shadow"))?,
        at: instant(row.get(4)?).map_err(bad("at"))?,
    })
}

pub(crate) fn past_links(
    conn: &Connection,
    bridge: &BridgeName,
    since: Timestamp,
) -> Result<Vec<PastLinkRow>, StoreError> {
    rows(conn, PAST, params![bridge.as_str(), micros(since)], |row| {
        let booking = booking_id(row.get(0)?);
        let bad = |column| move |error: Undecodable| error.at("past_link", column, &booking);
        let platform = PlatformName::new(row.get::<_, String>(1)?)
            .map_err(Undecodable::from)
            .map_err(bad("platform"))?;
        Ok(PastLinkRow {
            booking,
            platform,
            remote_id: row.get::<_, Option<String>>(2)?.map(RemoteId::new),
            until: instant(row.get(3)?).map_err(bad("until"))?,
        })
    })
}
