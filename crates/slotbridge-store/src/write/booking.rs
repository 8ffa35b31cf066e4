//! Bookings and links.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use slotbridge_core::merge::{Presence, Shadow};
use slotbridge_core::model::{BookingId, BridgeName, PlatformName, RemoteId};

use crate::encode::{id_bytes, micros, presence_to_json, shadow_to_json};
use crate::error::StoreError;

#[cfg(test)]
pub(super) const SQL: &[&str] = &[BOOKING, RECORD_OF, LINK, PAST, UNLINK];

/// Gone bookings keep their slot; what is there already is left alone.
const BOOKING: &str = "
    INSERT INTO booking (bridge, id, content, starts_at, ends_at, created_at, changed_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)
    ON CONFLICT (bridge, id) DO UPDATE SET
        content = excluded.content,
        starts_at = coalesce(excluded.starts_at, starts_at),
        ends_at = coalesce(excluded.ends_at, ends_at),
        changed_at = excluded.changed_at
    WHERE content IS NOT excluded.content";
const RECORD_OF: &str =
    "SELECT remote_id FROM link WHERE bridge = ?1 AND booking = ?2 AND platform = ?3";
const LINK: &str = "
    INSERT INTO link (bridge, booking, platform, remote_id, shadow, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (bridge, booking, platform) DO UPDATE SET
        remote_id = excluded.remote_id,
        shadow = excluded.shadow,
        at = excluded.at
    WHERE remote_id IS NOT excluded.remote_id OR shadow <> excluded.shadow";
const PAST: &str = "INSERT INTO past_link (bridge, booking, platform, remote_id, until) VALUES (?1, ?2, ?3, ?4, ?5)";
const UNLINK: &str = "DELETE FROM link WHERE bridge = ?1 AND booking = ?2 AND platform = ?3";

pub(super) fn booking(
    conn: &Connection,
    bridge: &BridgeName,
    id: BookingId,
    canonical: &Presence,
    at: Timestamp,
) -> Result<(), StoreError> {
    let slot = canonical.live().map(|booking| booking.slot);
    conn.prepare_cached(BOOKING)?.execute(params![
        bridge.as_str(),
        id_bytes(id),
        presence_to_json(canonical),
        slot.map(|slot| micros(slot.start())),
        slot.map(|slot| micros(slot.end())),
        micros(at)
    ])?;
    Ok(())
}

pub(super) fn link(
    conn: &Connection,
    bridge: &BridgeName,
    booking: BookingId,
    platform: &PlatformName,
    remote_id: Option<&RemoteId>,
    shadow: &Shadow,
    at: Timestamp,
) -> Result<(), StoreError> {
    if let Some(Linked {
        remote_id: Some(old),
    }) = linked(conn, bridge, booking, platform)?
        && remote_id.map(RemoteId::as_str) != Some(old.as_str())
    {
        past(conn, bridge, booking, platform, Some(&old), at)?;
    }
    conn.prepare_cached(LINK)?.execute(params![
        bridge.as_str(),
        id_bytes(booking),
        platform.as_str(),
        remote_id.map(RemoteId::as_str),
        shadow_to_json(shadow),
        micros(at)
    ])?;
    Ok(())
}

pub(super) fn unlink(
    conn: &Connection,
    bridge: &BridgeName,
    booking: BookingId,
    platform: &PlatformName,
    at: Timestamp,
) -> Result<(), StoreError> {
    if let Some(Linked { remote_id }) = linked(conn, bridge, booking, platform)? {
        past(conn, bridge, booking, platform, remote_id.as_deref(), at)?;
        conn.prepare_cached(UNLINK)?.execute(params![
            bridge.as_str(),
            id_bytes(booking),
            platform.as_str()
        ])?;
    }
    Ok(())
}

/// A link that is there.
struct Linked {
    /// `None` while the record is only presumed.
    remote_id: Option<String>,
}

fn linked(
    conn: &Connection,
    bridge: &BridgeName,
    booking: BookingId,
    platform: &PlatformName,
) -> Result<Option<Linked>, StoreError> {
    let found = conn
        .prepare_cached(RECORD_OF)?
        .query_row(
            params![bridge.as_str(), id_bytes(booking), platform.as_str()],
            |row| {
                Ok(Linked {
                    remote_id: row.get(0)?,
                })
            },
        )
        .optional()?;
    Ok(found)
}

fn past(
    conn: &Connection,
    bridge: &BridgeName,
    booking: BookingId,
    platform: &PlatformName,
    remote_id: Option<&str>,
    until: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(PAST)?.execute(params![
        bridge.as_str(),
        id_bytes(booking),
        platform.as_str(),
        remote_id,
        micros(until)
    ])?;
    Ok(())
}
