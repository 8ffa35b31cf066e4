//! Runs and the journal.

use jiff::Timestamp;
use rusqlite::{Connection, params};
use slotbridge_core::model::{BridgeName, RemoteId};
use slotbridge_core::plan::Operation;

use crate::change::Outcome;
use crate::encode::{id_bytes, micros, operation_to_json, outcome_word, totals_to_json};
use crate::error::StoreError;
use crate::ids::{OpId, RunId};

#[cfg(test)]
pub(super) const SQL: &[&str] = &[RUN_BEGAN, RUN_ENDED, INTENT, OUTCOME];

const RUN_BEGAN: &str = "INSERT INTO run (id, kind, began_at) VALUES (?1, ?2, ?3)";
const RUN_ENDED: &str =
    "UPDATE run SET ended_at = ?2, exit_code = ?3, totals = ?4 WHERE id = ?1 AND ended_at IS NULL";
const INTENT: &str = "
    INSERT INTO journal (op, run, bridge, booking, platform, action, state, operation, fingerprint, at, remote_id)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'intended', ?7, ?8, ?9, ?10)";
const OUTCOME: &str = "
    UPDATE journal SET state = ?2, outcome_at = ?3, remote_id = coalesce(?4, remote_id), error = ?5
    WHERE op = ?1 AND state IN ('intended', 'unknown')";

/// A refusal that is the last word on its booking and platform is what keeps the operation from being tried again.
pub(super) const PRUNE_JOURNAL: &str = "
    DELETE FROM journal WHERE state NOT IN ('intended', 'unknown') AND outcome_at < ?1
    AND NOT (state = 'refused' AND NOT EXISTS (
        SELECT 1 FROM journal AS later
        WHERE later.bridge = journal.bridge AND later.booking = journal.booking
        AND later.platform = journal.platform AND later.seq > journal.seq))";
pub(super) const PRUNE_RUNS: &str = "
    DELETE FROM run WHERE began_at < ?1 AND NOT EXISTS (SELECT 1 FROM journal WHERE journal.run = run.id)";

pub(super) fn run_began(
    conn: &Connection,
    run: RunId,
    kind: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(RUN_BEGAN)?.execute(params![
        run.as_u128().to_be_bytes(),
        kind,
        micros(at)
    ])?;
    Ok(())
}

pub(super) fn run_ended(
    conn: &Connection,
    run: RunId,
    at: Timestamp,
    exit_code: u8,
    totals: &[(String, u64)],
) -> Result<(), StoreError> {
    let changed = conn.prepare_cached(RUN_ENDED)?.execute(params![
        run.as_u128().to_be_bytes(),
        micros(at),
        exit_code,
        totals_to_json(totals)
    ])?;
    if changed == 0 {
        return Err(StoreError::NoSuch {
            what: "unfinished run",
            key: run.to_string(),
        });
    }
    Ok(())
}

pub(super) fn intent(
    conn: &Connection,
    op: OpId,
    run: RunId,
    bridge: &BridgeName,
    operation: &Operation,
    fingerprint: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    conn.prepare_cached(INTENT)?.execute(params![
        op.as_u128().to_be_bytes(),
        run.as_u128().to_be_bytes(),
        bridge.as_str(),
        id_bytes(operation.booking),
        operation.platform.as_str(),
        operation.action.as_str(),
        operation_to_json(operation),
        fingerprint,
        micros(at),
        operation.action.remote_id().map(RemoteId::as_str)
    ])?;
    Ok(())
}

pub(super) fn outcome(
    conn: &Connection,
    op: OpId,
    outcome: Outcome,
    remote_id: Option<&RemoteId>,
    error: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let changed = conn.prepare_cached(OUTCOME)?.execute(params![
        op.as_u128().to_be_bytes(),
        outcome_word(outcome),
        micros(at),
        remote_id.map(RemoteId::as_str),
        error
    ])?;
    if changed == 0 {
        return Err(StoreError::NoSuch {
            what: "open journal entry",
            key: op.to_string(),
        });
    }
    Ok(())
}
