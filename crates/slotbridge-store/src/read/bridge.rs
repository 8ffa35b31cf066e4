//! Bookings and their links.

use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Params, Row, params};
use slotbridge_core::model::{BookingId, BridgeName, PlatformName, RemoteId, Slot};
use slotbridge_core::record::Window;

use super::{booking_id, json_list, rows};
use crate::encode::{
    Undecodable, instant, is_erased, micros, presence_from_json, shadow_from_json,
};
use crate::error::StoreError;
use crate::rows::{BookingRow, BridgeState, LinkRow, PastLinkRow};

#[cfg(test)]
pub(super) const SQL: &[&str] = &[
    FORGET,
    CHOOSE_SINCE,
    CHOOSE_BY_ID,
    CHOOSE_BY_RECORD,
    CHOOSE_WITHIN,
    CHOOSE_PRESUMED,
    BOOKINGS,
    LINKS,
    PAST,
];

/// What a connection needs for these queries: the bookings that one of them is about. In memory, and empty outside of
/// a query, because the transaction of the query is rolled back.
pub(crate) const CHOSEN: &str = "
    CREATE TEMP TABLE chosen (id BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;";

/// The longest that anybody is booked for.
const BOOKED_MAX: SignedDuration = SignedDuration::from_hours(25);

const FORGET: &str = "DELETE FROM chosen";
/// The bookings that matter from an instant on. The last part is for a record that was moved from long ago to now
/// while its booking still stands long ago: without its link, it would look like a new booking. `platforms` hops from
/// one platform of the bridge to the next.
const CHOOSE_SINCE: &str = "
    WITH RECURSIVE platforms (name) AS (
        SELECT min(platform) FROM link WHERE bridge = ?1 AND remote_id IS NOT NULL
        UNION ALL
        SELECT (SELECT min(platform) FROM link WHERE bridge = ?1 AND platform > name AND remote_id IS NOT NULL)
        FROM platforms WHERE name IS NOT NULL
    )
    INSERT OR IGNORE INTO chosen
    SELECT id FROM booking WHERE bridge = ?1 AND ends_at > ?2
    UNION ALL
    SELECT id FROM booking WHERE bridge = ?1 AND changed_at >= ?2
    UNION ALL
    SELECT booking FROM journal INDEXED BY journal_open WHERE bridge = ?1 AND state IN ('intended', 'unknown')
    UNION ALL
    SELECT l.booking FROM platforms
    CROSS JOIN mirror_record AS m ON m.platform = platforms.name AND m.starts_at >= ?2
    CROSS JOIN link AS l ON l.bridge = ?1 AND l.platform = m.platform AND l.remote_id = m.remote_id";
const CHOOSE_BY_ID: &str = "INSERT OR IGNORE INTO chosen SELECT unhex(value) FROM json_each(?1)";
const CHOOSE_BY_RECORD: &str = "
    INSERT OR IGNORE INTO chosen SELECT booking FROM link
    WHERE bridge = ?1 AND platform = ?2 AND remote_id IN (SELECT value FROM json_each(?3))";
const CHOOSE_PRESUMED: &str = "
    INSERT OR IGNORE INTO chosen SELECT booking FROM link
    WHERE bridge = ?1 AND platform = ?2 AND remote_id IS NULL";

/// Bookings that meet a window. None is looked for that ends more than a day after it: that keeps the search short, and
/// nobody is booked for longer.
const CHOOSE_WITHIN: &str = "
    INSERT OR IGNORE INTO chosen SELECT id FROM booking
    WHERE bridge = ?1 AND ends_at > ?2 AND ends_at < ?4 AND starts_at < ?3";

const BOOKINGS: &str = "
    SELECT b.id, b.content, b.starts_at, b.ends_at, b.created_at, b.changed_at
    FROM chosen CROSS JOIN booking AS b ON b.bridge = ?1 AND b.id = chosen.id ORDER BY chosen.id";
const LINKS: &str = "
    SELECT l.booking, l.platform, l.remote_id, l.shadow, l.at
    FROM chosen CROSS JOIN link AS l ON l.bridge = ?1 AND l.booking = chosen.id ORDER BY chosen.id, l.platform";

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
        bridge,
        CHOOSE_SINCE,
        params![bridge.as_str(), micros(since)],
    )
}

pub(crate) fn bookings_within(
    conn: &Connection,
    bridge: &BridgeName,
    window: Window,
) -> Result<BridgeState, StoreError> {
    let ends_before = window.to.saturating_add(BOOKED_MAX).unwrap_or(window.to);
    state(
        conn,
        bridge,
        CHOOSE_WITHIN,
        params![
            bridge.as_str(),
            micros(window.from),
            micros(window.to),
            micros(ends_before)
        ],
    )
}

pub(crate) fn bookings(
    conn: &Connection,
    bridge: &BridgeName,
    ids: &[BookingId],
) -> Result<BridgeState, StoreError> {
    let wanted = json_list(ids.iter().map(|id| format!("{:032x}", id.as_u128())));
    state(conn, bridge, CHOOSE_BY_ID, [wanted])
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
        bridge,
        CHOOSE_BY_RECORD,
        params![bridge.as_str(), platform.as_str(), wanted],
    )
}

pub(crate) fn presumed(
    conn: &Connection,
    bridge: &BridgeName,
    platform: &PlatformName,
) -> Result<BridgeState, StoreError> {
    let on = params![bridge.as_str(), platform.as_str()];
    state(conn, bridge, CHOOSE_PRESUMED, on)
}

fn state(
    conn: &Connection,
    bridge: &BridgeName,
    choose: &str,
    params: impl Params,
) -> Result<BridgeState, StoreError> {
    conn.prepare_cached(FORGET)?.execute([])?;
    conn.prepare_cached(choose)?.execute(params)?;
    Ok(BridgeState {
        bookings: rows(conn, BOOKINGS, [bridge.as_str()], booking_row)?,
        links: rows(conn, LINKS, [bridge.as_str()], link_row)?,
    })
}

pub(super) fn booking_row(row: &Row<'_>) -> Result<BookingRow, StoreError> {
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
        is_erased: content.is_some_and(is_erased),
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
        is_erased: is_erased(shadow),
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
