//! Conflicts, and what people decided about them.

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use slotbridge_core::merge::Conflict;
use slotbridge_core::model::{BookingId, BridgeName, PlatformName};

use super::{booking_id, rows};
use crate::encode::{
    Undecodable, choice_from_json, claims_from_json, decider_from_word, decision_state_from_word,
    id_bytes, instant, micros, subject_from_word,
};
use crate::error::StoreError;
use crate::rows::{ConflictRow, DecisionRow};

#[cfg(test)]
pub(super) const SQL: &[&str] = &[OPEN, OPEN_IN, DECIDED, BY_ID, OF_BOOKING];

const OPEN: &str = "
    SELECT c.id, bridge, booking, subject, c.claims, decided, decided_by, c.at, changed_at, closed,
        choice, d.claims, d.at, state, state_at
    FROM conflict AS c INDEXED BY conflict_open LEFT JOIN decision AS d ON d.conflict = c.id
    WHERE decided IS NULL AND closed = 0 ORDER BY c.id";
const OPEN_IN: &str = "
    SELECT c.id, bridge, booking, subject, c.claims, decided, decided_by, c.at, changed_at, closed,
        choice, d.claims, d.at, state, state_at
    FROM conflict AS c INDEXED BY conflict_open LEFT JOIN decision AS d ON d.conflict = c.id
    WHERE decided IS NULL AND closed = 0 AND bridge = ?1 ORDER BY c.id";
const DECIDED: &str = "
    SELECT c.id, bridge, booking, subject, c.claims, decided, decided_by, c.at, changed_at, closed,
        choice, d.claims, d.at, state, state_at
    FROM conflict AS c LEFT JOIN decision AS d ON d.conflict = c.id
    WHERE decided IS NOT NULL AND bridge = ?1 AND changed_at >= ?2 ORDER BY changed_at, c.id";
const BY_ID: &str = "
    SELECT c.id, bridge, booking, subject, c.claims, decided, decided_by, c.at, changed_at, closed,
        choice, d.claims, d.at, state, state_at
    FROM conflict AS c LEFT JOIN decision AS d ON d.conflict = c.id WHERE c.id = ?1";
const OF_BOOKING: &str = "
    SELECT c.id, bridge, booking, subject, c.claims, decided, decided_by, c.at, changed_at, closed,
        choice, d.claims, d.at, state, state_at
    FROM conflict AS c LEFT JOIN decision AS d ON d.conflict = c.id
    WHERE bridge = ?1 AND booking = ?2 ORDER BY c.id";

pub(crate) fn conflicts(
    conn: &Connection,
    bridge: Option<&BridgeName>,
) -> Result<Vec<ConflictRow>, StoreError> {
    match bridge {
        None => rows(conn, OPEN, [], conflict_row),
        Some(bridge) => rows(conn, OPEN_IN, [bridge.as_str()], conflict_row),
    }
}

pub(crate) fn conflicts_decided(
    conn: &Connection,
    bridge: &BridgeName,
    since: Timestamp,
) -> Result<Vec<ConflictRow>, StoreError> {
    let key = params![bridge.as_str(), micros(since)];
    rows(conn, DECIDED, key, conflict_row)
}

pub(crate) fn conflict(conn: &Connection, id: i64) -> Result<Option<ConflictRow>, StoreError> {
    Ok(rows(conn, BY_ID, [id], conflict_row)?.into_iter().next())
}

pub(crate) fn conflicts_of(
    conn: &Connection,
    bridge: &BridgeName,
    booking: BookingId,
) -> Result<Vec<ConflictRow>, StoreError> {
    let key = params![bridge.as_str(), id_bytes(booking)];
    rows(conn, OF_BOOKING, key, conflict_row)
}

fn conflict_row(row: &Row<'_>) -> Result<ConflictRow, StoreError> {
    let id: i64 = row.get(0)?;
    let bad = |column| move |error: Undecodable| error.at("conflict", column, &id);
    let name = |text: String| PlatformName::new(text).map_err(Undecodable::from);
    Ok(ConflictRow {
        id,
        bridge: BridgeName::new(row.get::<_, String>(1)?)
            .map_err(Undecodable::from)
            .map_err(bad("bridge"))?,
        booking: booking_id(row.get(2)?),
        conflict: Conflict {
            subject: subject_from_word(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?)
                .map_err(bad("subject"))?,
            claims: claims_from_json(row.get_ref(4)?.as_str().map_err(rusqlite::Error::from)?)
                .map_err(bad("claims"))?,
            decided: row
                .get::<_, Option<String>>(5)?
                // A person took no platform's value.
                .filter(|name| !name.is_empty())
                .map(name)
                .transpose()
                .map_err(bad("decided"))?,
        },
        decided_by: row
            .get::<_, Option<String>>(6)?
            .map(|word| decider_from_word(&word))
            .transpose()
            .map_err(bad("decided_by"))?,
        at: instant(row.get(7)?).map_err(bad("at"))?,
        changed_at: instant(row.get(8)?).map_err(bad("changed_at"))?,
        closed: row.get(9)?,
        decision: decision(id, row)?,
    })
}

fn decision(conflict: i64, row: &Row<'_>) -> Result<Option<DecisionRow>, StoreError> {
    let bad = |column| move |error: Undecodable| error.at("decision", column, &conflict);
    let Some(choice) = row.get::<_, Option<String>>(10)? else {
        return Ok(None);
    };
    let claims: String = row.get(11)?;
    let state: String = row.get(13)?;
    Ok(Some(DecisionRow {
        choice: choice_from_json(&choice).map_err(bad("choice"))?,
        claims: claims_from_json(&claims).map_err(bad("claims"))?,
        at: instant(row.get(12)?).map_err(bad("at"))?,
        state: decision_state_from_word(&state).map_err(bad("state"))?,
        state_at: instant(row.get(14)?).map_err(bad("state_at"))?,
    }))
}
