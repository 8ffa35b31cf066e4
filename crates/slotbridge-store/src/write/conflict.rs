//! Conflicts.
//!
//! A run finds the same conflict again and again until somebody decides or the platforms agree, so storing one first
//! looks for what stands there. An open conflict takes newer claims over; a decided one is kept as it was, because it
//! holds the values that lost.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use slotbridge_core::merge::{Choice, Conflict, Subject};
use slotbridge_core::model::{BookingId, BridgeName, PlatformName};

use crate::encode::{choice_to_json, claim_platforms, claims_to_json, id_bytes, micros};
use crate::error::StoreError;

#[cfg(test)]
pub(super) const SQL: &[&str] = &[
    OPEN, KNOWN, REOPEN, CHANGE, ADD, DECIDE, APPLIED, PERSON, VOID, VOID_GONE, GONE,
];

const OPEN: &str = "
    SELECT id, claims FROM conflict
    WHERE bridge = ?1 AND booking = ?2 AND subject = ?3 AND decided IS NULL AND closed = 0";
/// Whether these claims are decided so already; what a person decided stays decided whatever the policy says.
const KNOWN: &str = "
    SELECT 1 FROM conflict
    WHERE bridge = ?1 AND booking = ?2 AND subject = ?3 AND claims = ?4 AND (decided_by = 'person' OR decided = ?5)";
const REOPEN: &str = "
    UPDATE conflict SET closed = 0, changed_at = ?5 WHERE id = (
        SELECT max(id) FROM conflict
        WHERE bridge = ?1 AND booking = ?2 AND subject = ?3 AND claims = ?4 AND closed = 1)";
const CHANGE: &str =
    "UPDATE conflict SET claims = ?2, decided = ?3, decided_by = ?4, changed_at = ?5 WHERE id = ?1";
const ADD: &str = "
    INSERT INTO conflict (bridge, booking, subject, claims, decided, decided_by, at, changed_at)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)";
const DECIDE: &str = "
    INSERT INTO decision (conflict, choice, claims, at, state, state_at)
    SELECT id, ?2, claims, ?3, 'waiting', ?3 FROM conflict WHERE id = ?1 AND decided IS NULL AND closed = 0
    ON CONFLICT (conflict) DO UPDATE SET
        choice = excluded.choice, claims = excluded.claims, at = excluded.at, state = 'waiting', state_at = excluded.at";
const PERSON: &str = "
    UPDATE conflict SET decided = ?2, decided_by = 'person', changed_at = ?3
    WHERE id = ?1 AND decided IS NULL AND closed = 0";
const APPLIED: &str =
    "UPDATE decision SET choice = ?2, state = 'applied', state_at = ?3 WHERE conflict = ?1";
const VOID: &str =
    "UPDATE decision SET state = 'void', state_at = ?2 WHERE conflict = ?1 AND state = 'waiting'";
const VOID_GONE: &str = "
    UPDATE decision SET state = 'void', state_at = ?4 WHERE state = 'waiting' AND conflict = (
        SELECT id FROM conflict
        WHERE bridge = ?1 AND booking = ?2 AND subject = ?3 AND decided IS NULL AND closed = 0)";
const GONE: &str = "
    UPDATE conflict SET closed = 1
    WHERE bridge = ?1 AND booking = ?2 AND subject = ?3 AND decided IS NULL AND closed = 0";
pub(super) const PRUNE: &str =
    "DELETE FROM conflict WHERE (closed = 1 OR decided IS NOT NULL) AND changed_at < ?1";

pub(super) fn conflict(
    conn: &Connection,
    bridge: &BridgeName,
    booking: BookingId,
    conflict: &Conflict,
    at: Timestamp,
) -> Result<(), StoreError> {
    let id = id_bytes(booking);
    let subject = conflict.subject.as_str();
    let claims = claims_to_json(&conflict.claims);
    let decided = conflict.decided.as_ref().map(PlatformName::as_str);
    let decided_by = decided.map(|_| "policy");
    let known = conn
        .prepare_cached(KNOWN)?
        .query_row(
            params![bridge.as_str(), id, subject, claims, decided],
            |_| Ok(()),
        )
        .optional()?;
    if known.is_some() {
        return Ok(());
    }
    let open: Option<(i64, String)> = conn
        .prepare_cached(OPEN)?
        .query_row(params![bridge.as_str(), id, subject], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .optional()?;
    if let Some((row, stored)) = open
        && concerns(conflict, row, &stored)?
    {
        if stored != claims || decided.is_some() {
            conn.prepare_cached(CHANGE)?.execute(params![
                row,
                claims,
                decided,
                decided_by,
                micros(at)
            ])?;
        }
        return Ok(());
    }
    if decided.is_none() {
        let again = conn.prepare_cached(REOPEN)?.execute(params![
            bridge.as_str(),
            id,
            subject,
            claims,
            micros(at)
        ])?;
        if again > 0 {
            return Ok(());
        }
    }
    conn.prepare_cached(ADD)?.execute(params![
        bridge.as_str(),
        id,
        subject,
        claims,
        decided,
        decided_by,
        micros(at)
    ])?;
    Ok(())
}

/// Whether a conflict is the next word on the open one. An undecided one is: there is one open conflict per subject.
/// A decided one is only if somebody makes a claim in both: an edit on a platform that nobody listens to is decided at
/// once and says nothing of what the others disagree on.
fn concerns(conflict: &Conflict, row: i64, stored: &str) -> Result<bool, StoreError> {
    if conflict.decided.is_none() {
        return Ok(true);
    }
    let claimants =
        claim_platforms(stored).map_err(|error| error.at("conflict", "claims", &row))?;
    Ok(conflict
        .claims
        .iter()
        .any(|claim| claimants.contains(&claim.platform)))
}

pub(super) fn decision(
    conn: &Connection,
    conflict: i64,
    choice: &Choice,
    at: Timestamp,
) -> Result<(), StoreError> {
    let key = params![conflict, choice_to_json(choice), micros(at)];
    if conn.prepare_cached(DECIDE)?.execute(key)? == 0 {
        return Err(StoreError::NoSuch {
            what: "open conflict",
            key: conflict.to_string(),
        });
    }
    Ok(())
}

pub(super) fn decision_applied(
    conn: &Connection,
    conflict: i64,
    choice: &Choice,
    at: Timestamp,
) -> Result<(), StoreError> {
    // Where nobody's value was taken, the column holds a text that is no platform's name.
    let decided = choice.platform().map_or("", PlatformName::as_str);
    conn.prepare_cached(PERSON)?
        .execute(params![conflict, decided, micros(at)])?;
    conn.prepare_cached(APPLIED)?
        .execute(params![conflict, choice_to_json(choice), micros(at)])?;
    Ok(())
}

pub(super) fn decision_void(
    conn: &Connection,
    conflict: i64,
    at: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(VOID)?
        .execute(params![conflict, micros(at)])?;
    Ok(())
}

pub(super) fn gone(
    conn: &Connection,
    bridge: &BridgeName,
    booking: BookingId,
    subject: Subject,
    at: Timestamp,
) -> Result<(), StoreError> {
    let id = id_bytes(booking);
    conn.prepare_cached(VOID_GONE)?.execute(params![
        bridge.as_str(),
        id,
        subject.as_str(),
        micros(at)
    ])?;
    conn.prepare_cached(GONE)?
        .execute(params![bridge.as_str(), id, subject.as_str()])?;
    Ok(())
}
